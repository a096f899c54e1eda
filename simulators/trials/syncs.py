"""Counts what the hub asks of its card: the syncs from a press to the centre's receipt, and those of a quiet hour."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from agent.hub import Hub, Turned
from agent.inbox import Inbox
from agent.pump import Pump
from agent.store.opening import open_store
from agent.store.writer import Writer
from rules.actions import Send, SendCheckIn
from rules.events import Config, Event, LinkUp, Receipted, Sensor, Started, Triggered
from rules.reports import AlarmRaised
from rules.values import Now
from simulators.disk import RecordingDisk

_HOUR_MS = 3_600_000
_CLOSE_S = 10.0


class Syncs(NamedTuple):
    """Syncs that each step of an alarm costs, and a quiet hour.

    `pressed` is the commit before the hub may say that it has heard (S1), or before it calls, where nothing can be
    cancelled; `raised`, that before it calls when the cancel window ends (S1); `receipted`, that which keeps what has
    arrived from being sent again after a restart (S2).
    """

    pressed: int
    raised: int
    receipted: int
    quiet_hour: int

    @property
    def alarm(self) -> int:
        """All that one alarm costs."""
        return self.pressed + self.raised + self.receipted


async def count_syncs(folder: Path, kind: str) -> Syncs:
    """Let an hour pass with its check-ins answered, then a sensor of a kind raise one alarm, and have it receipted.

    By pump, hub, writer and store as they are; only the clock is set, and the disk counts. Raises OSError where
    sqlite3 cannot be wrapped.
    """
    async with _counting(folder, kind) as hub:
        await hub.wakes()  # the self-test that follows a start
        await hub.receipts()
        quiet_hour, raised = 0, 0
        until_ms = hub.clock.ms + _HOUR_MS
        while hub.due_ms <= until_ms:
            quiet_hour += await hub.wakes() + await hub.receipts()
        pressed = await hub.happens(Triggered("sensor", "press"))
        while not hub.raised:
            raised += await hub.wakes()
        receipted = await hub.receipts()
    return Syncs(pressed, raised, receipted, quiet_hour)


class _Clock:
    """A clock that is set."""

    boot = "boot"

    def __init__(self) -> None:
        self.ms = 20_000

    def now(self) -> Now:
        return Now(self.ms, self.ms, synced=True)


class _Counted:
    """A hub without line or pins, on a disk that counts."""

    def __init__(self, disk: RecordingDisk) -> None:
        self.clock = _Clock()
        self.raised: list[str] = []
        self._disk = disk
        self._sent: list[str] = []
        self._hub = Hub.restore(None)
        self._inbox = Inbox(self.clock)
        store = open_store(disk.folder / "hub.db", vfs=disk.name).store
        self.writer = Writer(store, self._inbox.tell)
        self._pump = Pump(
            self._hub,
            self._inbox,
            self.writer,
            self.clock,
            chirp=lambda _: None,
            act=self._act,
            beat=lambda: None,
        )

    def _act(self, turned: Turned) -> None:
        self._sent += [action.id for action in turned.actions if isinstance(action, Send | SendCheckIn)]
        sent = [action.report for action in turned.actions if isinstance(action, Send)]
        self.raised += [report.alarm for report in sent if isinstance(report, AlarmRaised)]

    async def happens(self, *events: Event) -> int:
        """Put events and turn; give the syncs that it took."""
        before = self._disk.syncs
        for event in events:
            self._inbox.put(event)
        while len(self._inbox):
            await self._pump.turn()
        return self._disk.syncs - before

    async def receipts(self) -> int:
        """Let the centre receipt all that was sent."""
        refs, self._sent = self._sent, []
        return await self.happens(*(Receipted(ref, "accepted") for ref in refs)) if refs else 0

    @property
    def due_ms(self) -> int:
        """When the hub wants to be woken next; in a second, when it does not say."""
        due_ms = self._hub.next_deadline()
        return self.clock.ms + 1_000 if due_ms is None else due_ms

    async def wakes(self) -> int:
        """Go on to the next deadline, and turn; give the syncs that it took."""
        before = self._disk.syncs
        self.clock.ms = self.due_ms
        await self._pump.turn()
        return self._disk.syncs - before


@contextlib.asynccontextmanager
async def _counting(folder: Path, kind: str) -> AsyncIterator[_Counted]:
    disk = RecordingDisk(folder)
    hub = _Counted(disk)
    await hub.writer.start()
    try:
        config = Config(hub="hub-1", sensors=(Sensor("sensor", kind, "hall"),))
        await hub.happens(Started("boot", "epoch", config))
        await hub.happens(LinkUp("main"))
        await hub.receipts()
        yield hub
    finally:
        await hub.writer.close(_CLOSE_S)
        disk.close()
