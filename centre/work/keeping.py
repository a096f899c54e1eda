"""What the watch and the centre's own health leave in the store, for the next leader and for whoever looks."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec
import sqlalchemy as sa

from centre.silence import Seen, Silence
from centre.store.database import Database
from centre.store.schema import KEPT, SEEN
from rules.values import Value

SILENCE = "silence"
HEALTH = "health:"
"""Before a worker's name: each process says how it is."""

HEALTH_MS = 24 * 3_600_000
"""How long what a process said last is kept when it is gone."""

_T = TypeVar("_T")


class PartHealth(Value, frozen=True, kw_only=True):
    """A part of a process: how often it died of a bug and was started again, and of what it did last."""

    restarts: int = 0
    why: str = ""
    at_ms: int = 0


class Health(Value, frozen=True, kw_only=True):
    """How one process of the centre's is. `at_ms` is when it last said so (Unix ms): every 5 s while it lives.

    `line` is empty while its line to the broker is up, else why it is not. `counters` are verdicts of its intake.
    """

    worker: str
    at_ms: int
    leading: bool = False
    line: str = ""
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    parts: dict[str, PartHealth] = msgspec.field(default_factory=dict)


class WatchBook:
    """Keeps what the watch knows. LedgerDownError when the store is down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, silence: Silence, seen: Iterable[Seen]) -> None:
        """Keep the watch's silence, whole, and what was seen of some homes, in one commit."""
        rows = [{"hub": each.hub, "body": msgspec.json.encode(each)} for each in seen]
        kept = {"name": SILENCE, "body": msgspec.json.encode(silence)}
        insert = self._database.insert(SEEN)
        change = insert.on_conflict_do_update(index_elements=["hub"], set_={"body": insert.excluded.body})
        with self._database.writing() as connection:
            connection.execute(self._database.upsert(KEPT, kept))
            if rows:
                connection.execute(change, rows)

    def silence(self) -> Silence | None:
        """Give what the watch last knew; its `at_ms` is the watch's heartbeat. None before its first tick."""
        return self._kept(SILENCE, Silence)

    def seen(self, hub: str | None = None) -> list[Seen]:
        """Give what was seen of every home, or of one."""
        asked = sa.select(SEEN.c.body).order_by(SEEN.c.hub)
        if hub is not None:
            asked = asked.where(SEEN.c.hub == hub)
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Seen) for body in connection.scalars(asked)]

    def say(self, health: Health) -> None:
        """Keep how a process is; forget those that have said nothing for a day."""
        row = {"name": HEALTH + health.worker, "body": msgspec.json.encode(health)}
        gone = [each.worker for each in self.health() if health.at_ms - each.at_ms > HEALTH_MS]
        with self._database.writing() as connection:
            connection.execute(self._database.upsert(KEPT, row))
            if gone:
                connection.execute(sa.delete(KEPT).where(KEPT.c.name.in_([HEALTH + each for each in gone])))

    def health(self) -> list[Health]:
        """Give how each process said that it is."""
        asked = sa.select(KEPT.c.body).where(KEPT.c.name.startswith(HEALTH)).order_by(KEPT.c.name)
        with self._database.reading() as connection:
            return [msgspec.json.decode(body, type=Health) for body in connection.scalars(asked)]

    def _kept(self, name: str, kind: type[_T]) -> _T | None:
        with self._database.reading() as connection:
            body = connection.scalar(sa.select(KEPT.c.body).where(KEPT.c.name == name))
        return None if body is None else msgspec.json.decode(body, type=kind)
