"""Cases and their audit in the store: whole, beside the columns that queue and lock them. Nothing here decides.

A case is kept as the bytes its owner gives. Whoever changes one says which version it was changed from: of two that
change the same version, one is told that the other was first, and what the case is now.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict

from centre.store.database import Database
from centre.store.schema import AUDIT, CASE, CASE_ALARM, COUNTER, FOLLOWER
from rules.values import Value

PAGE = 1_000


class CaseRow(Value, frozen=True, kw_only=True):
    """A case as it is kept. `open` says whether it still needs anybody; `alarms` are ids of its hub's.

    `changed_ms` is the centre's Unix time in milliseconds.
    """

    id: str
    hub: str
    state: str
    priority: int
    open: bool
    version: int
    changed_ms: int
    body: bytes
    alarms: tuple[str, ...] = ()


class Change(Value, frozen=True):
    """What a case is now, and which version it was before; 0 for one that is new."""

    row: CaseRow
    was: int


class AuditRow(Value, frozen=True, kw_only=True):
    """Who did what, and when (the centre's Unix ms). `body` holds the rest: before, after, why."""

    at_ms: int
    who: str
    what: str
    case_id: str = ""
    hub: str = ""
    body: bytes = b"{}"


class Followed(Value, frozen=True):
    """How far somebody has read in the events: from `was` on to `now`."""

    name: str
    was: int
    now: int


class ClashError(Exception):
    """Somebody else was first, and nothing of this was kept. `held` is the case as it is now, if there is one."""

    def __init__(self, text: str, held: CaseRow | None = None) -> None:
        super().__init__(text)
        self.held = held


class Cases:
    """The cases of a store. Each call is one transaction; LedgerDownError when the store is."""

    def __init__(self, database: Database, within: sa.Connection | None = None) -> None:
        """Take the database; `within` is a transaction of `database.writing()` that all calls are then part of."""
        self._database, self._within = database, within

    @contextmanager
    def alone(self) -> Iterator["Cases"]:
        """Give the cases while nobody else can change one: all that is done with them within is one transaction."""
        with self._database.writing() as connection:
            yield Cases(self._database, connection)

    def _writing(self) -> AbstractContextManager[sa.Connection]:
        return self._database.writing() if self._within is None else nullcontext(self._within)

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        return self._database.reading() if self._within is None else nullcontext(self._within)

    def keep(
        self,
        changes: Iterable[Change],
        audit: Iterable[AuditRow] = (),
        *,
        followed: Followed | None = None,
        also: Callable[[sa.Connection], object] | None = None,
    ) -> None:
        """Keep all of it or nothing. Raises ClashError.

        With `followed`, what was made of some events is kept together with having read them: a worker that is killed
        in between makes it again, and two workers at once make it once. `also` is done in the same transaction.
        """
        with self._writing() as connection:
            if followed is not None:
                self._follow(connection, followed)
            changes = tuple(changes)
            # Those that close first: an alarm may leave a case for another in one go.
            for change in sorted(changes, key=lambda each: each.row.open):
                self._change(connection, change)
            if entries := [asdict(row) for row in audit]:
                connection.execute(sa.insert(AUDIT), entries)
            if also is not None:
                also(connection)

    def new_number(self, many: int = 1) -> int:
        """Give a number that was never given before, for a new case's id; of several, the first."""
        more = self._database.upsert(COUNTER, {"name": "case", "value": many}, value=COUNTER.c.value + many)
        with self._writing() as connection:
            return int(connection.execute(more.returning(COUNTER.c.value)).scalar_one()) - many + 1

    # --- for whoever looks ---------------------------------------------------------------------------

    def get(self, case_id: str) -> CaseRow | None:
        """Give a case as it is now."""
        with self._reading() as connection:
            return _one(connection, case_id)

    def standing(self) -> list[CaseRow]:
        """Give every open case, the most urgent first."""
        return self._rows(sa.select(CASE).where(CASE.c.open == 1).order_by(CASE.c.priority, CASE.c.changed_ms))

    def of_home(self, hub: str, *, limit: int = PAGE) -> list[CaseRow]:
        """Give a home's cases, the one changed last first."""
        return self._rows(sa.select(CASE).where(CASE.c.hub == hub).order_by(CASE.c.changed_ms.desc()).limit(limit))

    def of_alarm(self, hub: str, alarm: str) -> list[CaseRow]:
        """Give the cases in which an alarm is or was: the open one, if there is one, first."""
        held = sa.select(CASE_ALARM.c.case_id).where(CASE_ALARM.c.hub == hub, CASE_ALARM.c.alarm == alarm)
        asked = sa.select(CASE).where(CASE.c.id.in_(held))
        return self._rows(asked.order_by(CASE.c.open.desc(), CASE.c.changed_ms.desc()))

    def open_bodies(self, *, states: Collection[str] = ()) -> list[bytes]:
        """Give what every open case is, or those in some of the states: the most urgent first."""
        asked = sa.select(CASE.c.body).where(CASE.c.open == 1).order_by(CASE.c.priority, CASE.c.changed_ms)
        return self._bodies(asked.where(CASE.c.state.in_(states)) if states else asked)

    def bodies_about(self, hubs: Collection[str], alarms: Collection[str]) -> list[bytes]:
        """Give what the open cases of these hubs are, and those of theirs in which one of these alarms is or was."""
        theirs = (CASE_ALARM.c.case_id == CASE.c.id, CASE_ALARM.c.alarm.in_(alarms))
        wanted = (CASE.c.hub.in_(hubs), sa.or_(CASE.c.open == 1, sa.exists().where(*theirs)))
        return self._bodies(sa.select(CASE.c.body).where(*wanted))

    def body(self, case_id: str) -> bytes | None:
        """Give what a case is now."""
        return next(iter(self._bodies(sa.select(CASE.c.body).where(CASE.c.id == case_id))), None)

    def changed(self, from_ms: int, until_ms: int, *, limit: int = PAGE) -> list[CaseRow]:
        """Give the cases last changed in a span of time, oldest first: for reports."""
        span = (CASE.c.changed_ms >= from_ms, CASE.c.changed_ms < until_ms)
        return self._rows(sa.select(CASE).where(*span).order_by(CASE.c.changed_ms, CASE.c.id).limit(limit))

    def audit(
        self, *, case_id: str = "", hub: str = "", after: int = 0, limit: int = PAGE
    ) -> list[tuple[int, AuditRow]]:
        """Give audit entries in the order they were made, of a case or of a home or of all, and their numbers."""
        asked = sa.select(AUDIT).where(AUDIT.c.number > after).order_by(AUDIT.c.number).limit(limit)
        if case_id:
            asked = asked.where(AUDIT.c.case_id == case_id)
        if hub:
            asked = asked.where(AUDIT.c.hub == hub)
        return self._audit(asked)

    def latest_audit(self, case_id: str, whats: Iterable[str], limit: int) -> list[tuple[int, AuditRow]]:
        """Give the latest audit entries of a case, of some kinds, in the order they were made, and their numbers."""
        asked = sa.select(AUDIT).where(AUDIT.c.case_id == case_id, AUDIT.c.what.in_(tuple(whats)))
        return self._audit(asked.order_by(AUDIT.c.number.desc()).limit(limit))[::-1]

    def _audit(self, asked: "sa.Select[Any]") -> list[tuple[int, AuditRow]]:
        with self._reading() as connection:
            rows = connection.execute(asked).mappings().all()
        return [(row["number"], AuditRow(**{name: row[name] for name in AuditRow.__struct_fields__})) for row in rows]

    def followed(self, name: str) -> int:
        """Say how far somebody has read in the events; 0 before the first."""
        with self._reading() as connection:
            return connection.scalar(sa.select(FOLLOWER.c.number).where(FOLLOWER.c.name == name)) or 0

    # --- within a transaction ------------------------------------------------------------------------

    def _bodies(self, asked: "sa.Select[tuple[bytes]]") -> list[bytes]:
        with self._reading() as connection:
            return list(connection.scalars(asked))

    def _rows(self, asked: "sa.Select[*tuple[object, ...]]") -> list[CaseRow]:
        with self._reading() as connection:
            return _rows(connection, asked)

    def _follow(self, connection: sa.Connection, followed: Followed) -> None:
        new = self._database.insert(FOLLOWER).values(name=followed.name, number=0)
        connection.execute(new.on_conflict_do_nothing())
        mine = (FOLLOWER.c.name == followed.name, FOLLOWER.c.number == followed.was)
        moved = sa.update(FOLLOWER).where(*mine).values(number=followed.now).returning(FOLLOWER.c.name)
        if connection.execute(moved).first() is None:
            raise ClashError(f"{followed.name} has read on from event {followed.was} already")

    def _change(self, connection: sa.Connection, change: Change) -> None:
        row, was = change.row, change.was
        values = asdict(row)
        del values["alarms"]
        values["open"] = int(row.open)
        try:
            held = (CASE.c.id == row.id, CASE.c.version == was)
            changing = sa.update(CASE).where(*held) if was else self._database.insert(CASE).on_conflict_do_nothing()
            # Asked for what was kept: psycopg does not count the rows of an INSERT.
            if connection.execute(changing.values(values).returning(CASE.c.id)).first() is None:
                raise ClashError(f"{row.id} is no longer as it was in version {was}", _one(connection, row.id))
            self._keep_alarms(connection, row, new=not was)
        except sa.exc.IntegrityError:
            raise ClashError(f"an alarm of {row.id} is in another open case") from None

    def _keep_alarms(self, connection: sa.Connection, row: CaseRow, *, new: bool) -> None:
        """S4: no alarm is in two open cases; the database says no to the second."""
        c = CASE_ALARM.c
        if not new:
            connection.execute(sa.delete(CASE_ALARM).where(c.case_id == row.id, c.alarm.not_in(row.alarms)))
        if row.alarms:
            entries = [
                {"case_id": row.id, "alarm": each, "hub": row.hub, "open": int(row.open)}
                for each in dict.fromkeys(row.alarms)
            ]
            insert = self._database.insert(CASE_ALARM)
            again = insert.on_conflict_do_update(
                index_elements=["case_id", "alarm"], set_={"open": insert.excluded.open}
            )
            connection.execute(again, entries)


def _one(connection: sa.Connection, case_id: str) -> CaseRow | None:
    return next(iter(_rows(connection, sa.select(CASE).where(CASE.c.id == case_id))), None)


def _rows(connection: sa.Connection, asked: "sa.Select[*tuple[object, ...]]") -> list[CaseRow]:
    rows = connection.execute(asked).mappings().all()
    theirs = sa.select(asked.subquery().c.id)
    found = sa.select(CASE_ALARM.c.case_id, CASE_ALARM.c.alarm).where(CASE_ALARM.c.case_id.in_(theirs))
    alarms: dict[str, list[str]] = {row["id"]: [] for row in rows}
    for case_id, alarm in connection.execute(found.order_by(CASE_ALARM.c.alarm)):
        alarms[case_id].append(alarm)
    return [CaseRow(**{**row, "open": bool(row["open"]), "alarms": tuple(alarms[row["id"]])}) for row in rows]
