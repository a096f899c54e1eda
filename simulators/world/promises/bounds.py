"""S12: everything is bounded: the inbox, the window, what waits for the disk, the house, the store."""

import sqlite3

from agent.hub import Turned
from agent.wire.messages import CloudEvent
from simulators.world.link import WorldLink
from simulators.world.promises.judge import Judge, Scene

INBOX_MAX = 512 + 2_048 + 512
WINDOW_MAX = 16
HELD_MAX = 1_024
TELEMETRY_PENDING_MAX = 2_100
HOUSE_BYTES_MAX = 64 * 1024
STORE_BYTES_MAX = 48 * 1024 * 1024
COMMANDS_MAX = 256
REFUSED_KEPT_MAX = 32
LOOK_EVERY_TURNS = 200


class Bounded(Judge):
    """No queue, window, document or file outgrows its bound."""

    name = "everything is bounded (S12)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.turns = 0

    def turned(self, turned: Turned) -> None:
        """Measure everything."""
        daemon = self.scene.box.daemon
        if daemon is None:
            return
        self._at_most("the inbox", len(daemon.inbox), INBOX_MAX)
        self._at_most("the house", len(turned.batch.house), HOUSE_BYTES_MAX)
        self._at_most("commands remembered", len(daemon.hub.house.commands), COMMANDS_MAX)
        self._at_most("refused messages kept", len(daemon.inward.kept), REFUSED_KEPT_MAX)
        for uplink in daemon.uplinks:
            self._at_most("rows held for a line", len(uplink.window), HELD_MAX)
        self.turns += 1
        if self.turns % LOOK_EVERY_TURNS == 0:
            pending = sum(row.lane == "t" for row in daemon.writer._pending.rows)  # noqa: SLF001 -- nobody else may look
            self._at_most("telemetry waiting for the disk", pending, TELEMETRY_PENDING_MAX)

    def published(self, link: WorldLink, event: CloudEvent) -> None:
        """S5, S12: never more unanswered than the broker's Receive Maximum, nor than our own window."""
        del event
        self._at_most("messages without a PUBACK, of those the broker takes", link.unanswered, link.receive_maximum)

    def touched(self, connection: sqlite3.Connection) -> None:
        """Measure the store, now and then."""
        if self.turns % LOOK_EVERY_TURNS == 0:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            self._at_most("the store's bytes", pages * size, STORE_BYTES_MAX)

    def _at_most(self, what: str, found: int, most: int) -> None:
        if found > most:
            self.broken(f"{what}: {found}, at most {most}")
