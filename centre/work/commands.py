"""The book of commands: what hubs are to be told, kept until each was answered or its time was over."""

import contextlib
import secrets
from collections.abc import Collection, Iterable
from typing import Literal

import msgspec
import sqlalchemy as sa

from agent.clock import Clock
from centre.issue import LIFETIME_S, PENDING_PER_HUB_MAX, TooManyCommandsError
from centre.store.database import Database
from centre.store.schema import COMMAND
from centre.work.bell import Bell
from rules.values import TEXT_CHARS_MAX, Value

__all__ = ["CommandBook", "CommandRow", "TooManyCommandsError"]

State = Literal["waiting", "sent", "done", "refused", "unanswered", "superseded"]
UNDER_WAY: frozenset[State] = frozenset({"waiting", "sent"})

PAGE = 100
DATA_BYTES_MAX = 10_000
"""What a command holds must fit the wire's 16 KiB, signed and written in base 64."""

SAID_AGAIN = "said again"
"""Why a command was left: a later one says the same, so that a hub that comes back hears it once."""

WAITING_MAX = 5_000
"""How many are looked at in one go when they are sent: the oldest first."""


class CommandRow(Value, frozen=True, kw_only=True):
    """A command. `by` is an operator's reference, or `centre`. `at_ms` (given) and `changed_ms` are Unix ms.

    `expires` is Unix seconds. `unanswered`: its time was over before the hub said anything; `superseded`: what it says
    is so no longer, or was said again. If the hub answers later, that is kept.
    """

    id: str
    hub: str
    type: str
    data: bytes
    by: str
    case_id: str = ""
    state: State = "waiting"
    reason: str = ""
    at_ms: int
    expires: int
    changed_ms: int

    @property
    def under_way(self) -> bool:
        """Whether an answer is still expected."""
        return self.state in UNDER_WAY


class CommandBook:
    """The commands of a store. Each call is one transaction; LedgerDownError when the store is.

    `given` is rung when a command is kept by this process.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self.given = Bell()

    def give(
        self,
        hub: str,
        kind: str,
        data: object,
        *,
        by: str,
        case_id: str = "",
        lifetime_s: int = LIFETIME_S,
        connection: sa.Connection | None = None,
    ) -> str:
        """Keep a command to be sent; give its id. Raises TooManyCommandsError, and ValueError for one too long.

        With `connection` it is part of that transaction, which is a case's: then the limit does not hold, for nobody
        may be kept from taking a case; such commands are as many as there are alarms that somebody has in hand.
        """
        if connection is None:
            with self._database.writing() as own:
                self._check_room(own, hub)
                given = self._give(own, hub, kind, data, by=by, case_id=case_id, lifetime_s=lifetime_s)
            self.given.ring()
            return given
        return self._give(connection, hub, kind, data, by=by, case_id=case_id, lifetime_s=lifetime_s)

    def void(
        self, connection: sa.Connection, case_id: str, kinds: Collection[str], why: str, data: bytes | None = None
    ) -> None:
        """Send these commands of a case no more: what they say is so no longer. `data`: only those that say this.

        One that has arrived all the same may still be answered.
        """
        c = COMMAND.c
        mine = [c.case_id == case_id, c.type.in_(kinds), c.state.in_(UNDER_WAY)]
        if data is not None:
            mine.append(c.data == data)
        values = {"state": "superseded", "reason": why, "changed_ms": self._clock.now().wall_ms}
        connection.execute(sa.update(COMMAND).where(*mine).values(values))

    def _check_room(self, connection: sa.Connection, hub: str) -> None:
        c = COMMAND.c
        count = sa.select(sa.func.count()).where(c.hub == hub, c.state.in_(UNDER_WAY), c.case_id == "")
        if (connection.scalar(count) or 0) >= PENDING_PER_HUB_MAX:
            raise TooManyCommandsError(f"{hub} has not answered {PENDING_PER_HUB_MAX} commands: is it there?")

    def _give(
        self, connection: sa.Connection, hub: str, kind: str, data: object, *, by: str, case_id: str, lifetime_s: int
    ) -> str:
        wall_ms = self._clock.now().wall_ms
        content = msgspec.json.encode(data)
        if len(content) > DATA_BYTES_MAX:
            raise ValueError(f"a command holds {DATA_BYTES_MAX} bytes at most, this one {len(content)}")
        if case_id:
            self.void(connection, case_id, (kind,), SAID_AGAIN, content)
        row = CommandRow(
            id=secrets.token_hex(8),
            hub=hub,
            type=kind,
            data=content,
            by=by,
            case_id=case_id,
            at_ms=wall_ms,
            expires=wall_ms // 1000 + lifetime_s,
            changed_ms=wall_ms,
        )
        connection.execute(sa.insert(COMMAND).values(msgspec.structs.asdict(row)))
        return row.id

    def answered(
        self,
        hub: str,
        command: str,
        state: Literal["done", "refused"],
        reason: str,
        at_ms: int,
        *,
        connection: sa.Connection | None = None,
    ) -> CommandRow | None:
        """Take what the hub says became of a command; give it as it is then. None for one that it was not given.

        The first answer stands (S4). With `connection` it is part of that transaction. Raises LedgerDownError.
        """
        c = COMMAND.c
        open_ones = (c.id == command, c.hub == hub, c.state.not_in(("done", "refused")))
        values = {"state": state, "reason": reason[:TEXT_CHARS_MAX], "changed_ms": at_ms}
        with self._database.writing() if connection is None else contextlib.nullcontext(connection) as own:
            change = sa.update(COMMAND).where(*open_ones).values(values).returning(COMMAND)
            row = own.execute(change).mappings().first()
        return None if row is None else CommandRow(**row)

    def mark(self, commands: Iterable[str], state: Literal["sent", "unanswered"], at_ms: int) -> None:
        """Note that commands were sent, or that their time was over. What has an answer stays as it is."""
        ids = tuple(commands)
        if not ids:
            return
        c = COMMAND.c
        was: tuple[State, ...] = ("waiting",) if state == "sent" else ("waiting", "sent")
        change = sa.update(COMMAND).where(c.id.in_(ids), c.state.in_(was)).values(state=state, changed_ms=at_ms)
        with self._database.writing() as connection:
            connection.execute(change)

    # --- for whoever looks ---------------------------------------------------------------------------

    def waiting(self, *, limit: int = WAITING_MAX) -> list[CommandRow]:
        """Give the commands without an answer whose time may not be over, the oldest first."""
        c = COMMAND.c
        return self._rows(sa.select(COMMAND).where(c.state.in_(UNDER_WAY)).order_by(c.at_ms, c.id).limit(limit))

    def get(self, command: str) -> CommandRow | None:
        """Give one command."""
        return next(iter(self._rows(sa.select(COMMAND).where(COMMAND.c.id == command))), None)

    def of_home(self, hub: str, limit: int = PAGE) -> list[CommandRow]:
        """Give a home's commands, the newest first."""
        c = COMMAND.c
        return self._rows(sa.select(COMMAND).where(c.hub == hub).order_by(c.at_ms.desc(), c.id).limit(limit))

    def of_case(self, case_id: str, hub: str, limit: int = PAGE) -> list[CommandRow]:
        """Give a case's commands, the newest first."""
        c = COMMAND.c
        mine = (c.hub == hub, c.case_id == case_id)
        return self._rows(sa.select(COMMAND).where(*mine).order_by(c.at_ms.desc(), c.id).limit(limit))

    def _rows(self, asked: "sa.Select[*tuple[object, ...]]") -> list[CommandRow]:
        with self._database.reading() as connection:
            return [CommandRow(**row) for row in connection.execute(asked).mappings()]
