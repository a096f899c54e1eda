"""The book of care plans: what was sent to each home, sealed, and what its hub said to it."""

import contextlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from agent.clock import Clock
from centre.store.database import Database
from centre.store.schema import PLAN
from centre.store.sealing import Keyring, Sealed
from centre.work.bell import Bell
from rules.values import TEXT_CHARS_MAX, Value

State = Literal["waiting", "applied", "refused", "superseded"]
PAGE = 50


class PlanError(Exception):
    """This cannot be sent as a care plan; the text says why."""


class PlanRow(Value, frozen=True, kw_only=True):
    """A plan that was sent, without its content. `by` is an operator's reference; times are Unix ms.

    `superseded`: a newer one was sent before the hub had answered.
    """

    number: int
    hub: str
    version: int
    by: str
    state: State = "waiting"
    reason: str = ""
    at_ms: int
    changed_ms: int


class PlanBook:
    """The plans of a store: sealed, for they hold numbers and names (S11). LedgerDownError when the store is down.

    `given` is rung when a plan is kept by this process.
    """

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database, self._keyring, self._clock = database, keyring, clock
        self.given = Bell()

    def send(self, hub: str, document: Mapping[str, Any], by: str) -> int:
        """Keep a plan's document, to be sent until the hub has answered; give its number. Raises PlanError.

        An earlier one that the hub has not answered is not sent any more.
        """
        version = document.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise PlanError("a plan has a version: a whole number from 1, higher than the one in force")
        sealed = self._keyring.seal(msgspec.json.encode(document), *_place(hub))
        at_ms = self._clock.now().wall_ms
        c = PLAN.c
        waiting = sa.update(PLAN).where(c.hub == hub, c.state == "waiting")
        values = {
            "hub": hub,
            "version": str(version),
            "by": by,
            "state": "waiting",
            "reason": "",
            "key_id": sealed.key_id,
            "sealed": sealed.content,
            "at_ms": at_ms,
            "changed_ms": at_ms,
        }
        with self._database.writing() as connection:
            connection.execute(waiting.values(state="superseded", changed_ms=at_ms))
            number = connection.execute(sa.insert(PLAN).values(values).returning(c.number)).scalar_one()
        self.given.ring()
        return int(number)

    def told(
        self,
        hub: str,
        version: int,
        applied: bool,  # noqa: FBT001 -- the hub's word
        reason: str,
        at_ms: int,
        *,
        connection: sa.Connection | None = None,
    ) -> PlanRow | None:
        """Take what the hub says of a plan; give the plan that it is about, if one of that version waits for it.

        `version` is 0 when the hub could not read what it got: then it is the one that waits. With `connection` it is
        part of that transaction.
        """
        c = PLAN.c
        mine = [c.hub == hub, c.state == "waiting"]
        if applied or version:
            mine.append(c.version == str(version))
        values = {
            "state": "applied" if applied else "refused",
            "reason": reason[:TEXT_CHARS_MAX],
            "changed_ms": at_ms,
        }
        with self._database.writing() if connection is None else contextlib.nullcontext(connection) as own:
            row = own.execute(sa.update(PLAN).where(*mine).values(values).returning(PLAN)).mappings().first()
        return None if row is None else _row(row)

    # --- for whoever looks ---------------------------------------------------------------------------

    def waiting(self) -> list[PlanRow]:
        """Give the plan of each hub that it has not answered, if there is one."""
        return self._rows(sa.select(PLAN).where(PLAN.c.state == "waiting").order_by(PLAN.c.number))

    def of_home(self, hub: str, limit: int = PAGE) -> list[PlanRow]:
        """Give the plans sent to a home, the newest first."""
        return self._rows(sa.select(PLAN).where(PLAN.c.hub == hub).order_by(PLAN.c.number.desc()).limit(limit))

    def document(self, number: int) -> dict[str, Any]:
        """Give what a plan says, numbers and names in the clear. Raises KeyError, SealError."""
        c = PLAN.c
        with self._database.reading() as connection:
            row = connection.execute(sa.select(c.hub, c.key_id, c.sealed).where(c.number == number)).first()
        if row is None:
            raise KeyError(number)
        opened = self._keyring.open(Sealed(row.key_id, bytes(row.sealed)), *_place(row.hub))
        document: dict[str, Any] = msgspec.json.decode(opened, type=dict[str, Any])
        return document

    def _rows(self, asked: "sa.Select[*tuple[object, ...]]") -> list[PlanRow]:
        with self._database.reading() as connection:
            return [_row(row) for row in connection.execute(asked).mappings()]


def _place(hub: str) -> tuple[str, str]:
    return "plan", hub


def _row(row: sa.RowMapping) -> PlanRow:
    fields = {name: row[name] for name in PlanRow.__struct_fields__}
    return PlanRow(**{**fields, "version": int(row["version"])})
