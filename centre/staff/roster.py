"""The staff: who there is, and in which role. How they come in is beside it: `door`, `links`, `sessions`, `account`.

A supervisor or the server's own shell says who is staff. What changes somebody's rights ends their sessions in the same
commit. Nobody is ever deleted, and no name given twice: the audit means them by it.
"""

from typing import get_args

import sqlalchemy as sa
from msgspec.structs import replace

from agent.clock import Clock
from centre.staff import sessions
from centre.staff.account import Account
from centre.staff.door import Door
from centre.staff.held import Held, Proof, check_by, get, held, keep, needed, note
from centre.staff.links import Links
from centre.staff.passwords import Hashing
from centre.staff.proving import Offer, offer, offered
from centre.staff.sessions import Sessions
from centre.staff.values import NAME, NAME_HELP, RESERVED, SHOWN_CHARS_MAX, Operator, StaffError
from centre.store.database import Database
from centre.store.records import Role
from centre.store.schema import OPERATOR, TICKET
from centre.store.sealing import Keyring

STAFF_MAX = 1_000


class Roster:
    """The staff of a store. LedgerDownError when it is down, StaffError for what cannot be.

    `demonstration`: links can sign in at once, for a centre of simulated homes.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        *,
        hashing: Hashing | None = None,
        demonstration: bool = False,
    ) -> None:
        self._database, self._keyring, self._clock = database, keyring, clock
        hashing = hashing or Hashing()
        self.sessions = Sessions(database, clock)
        self.door = Door(database, keyring, clock, hashing)
        self.links = Links(database, clock, hashing, demonstration=demonstration)
        self.account = Account(database, clock, hashing, self.door)

    def everybody(self) -> list[Operator]:
        """Give all there are and were, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(OPERATOR).order_by(OPERATOR.c.name)).mappings().all()
        return [held(row).operator for row in rows]

    def get(self, name: str) -> Operator | None:
        """Give one of them."""
        with self._database.reading() as connection:
            found = get(connection, name)
        return found.operator if found else None

    def knows(self, name: str) -> bool:
        """Say whether there is somebody of this name who answers alarms now: whom cases can be handed to."""
        found = self.get(name)
        return found is not None and found.active and found.role in ("operator", "supervisor")

    def offer(self, name: str) -> Offer:
        """Draw a secret for somebody's app; nothing is kept of it yet."""
        return offer(self._keyring, name)

    def offered(self, name: str, carried: str) -> Offer:
        """Open what a form carried of an offer. Raises StaffError."""
        return offered(self._keyring, name, carried)

    def add(self, by: str, name: str, shown: str, role: Role, *, language: str = "en") -> None:
        """Add somebody; they come in by a link first. Raises StaffError."""
        if not NAME.fullmatch(name) or name in RESERVED:
            raise StaffError(f"{name[:40]!r} cannot be a name here: {NAME_HELP}")
        operator = Operator(name=name, shown=_shown(shown), role=_role(role), language=language)
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            check_by(connection, by)
            if get(connection, name) is not None:
                raise StaffError(f"There is, or was, a {name} already: names are not given twice")
            if (connection.scalar(sa.select(sa.func.count()).select_from(OPERATOR)) or 0) >= STAFF_MAX:
                raise StaffError(f"There are {STAFF_MAX} staff already, which is as many as can be")
            keep(connection, self._database, Held(operator=operator), at_ms)
            note(connection, at_ms, by, "staff-added", name=name, role=role)

    def change(
        self, by: str, name: str, *, shown: str | None = None, role: Role | None = None, active: bool | None = None
    ) -> None:
        """Change what somebody is. What changes their rights ends their sessions. Raises StaffError.

        Who is made inactive loses password and second factor: should they come back, they come by a link.
        """
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            check_by(connection, by)
            before = needed(connection, name)
            was = before.operator
            now = replace(
                was,
                shown=was.shown if shown is None else _shown(shown),
                role=was.role if role is None else _role(role),
                active=was.active if active is None else active,
            )
            proof = before.proof if now.active else Proof()
            keep(connection, self._database, Held(operator=now, proof=proof), at_ms)
            _check_supervised(connection, was)
            if (now.role, now.active) != (was.role, was.active):
                sessions.end_all(connection, name)
                connection.execute(sa.delete(TICKET).where(TICKET.c.operator == name))
            if now.shown != was.shown:
                note(connection, at_ms, by, "name-changed", name=name)
            if now.role != was.role:
                note(connection, at_ms, by, "role-changed", name=name, before=was.role, after=now.role)
            if now.active != was.active:
                note(connection, at_ms, by, "activated" if now.active else "deactivated", name=name)

    def prefer(self, name: str, *, keys: bool, sounds: bool) -> None:
        """Keep how somebody likes the console to be."""
        with self._database.writing() as connection:
            found = needed(connection, name)
            operator = replace(found.operator, keys=keys, sounds=sounds)
            keep(connection, self._database, replace(found, operator=operator), self._clock.now().wall_ms)


def _shown(text: str) -> str:
    text = " ".join(text.split())
    if not 0 < len(text) <= SHOWN_CHARS_MAX or not text.isprintable():
        raise StaffError(
            f"What colleagues call them has 1 to {SHOWN_CHARS_MAX} characters, and none that cannot be seen"
        )
    return text


def _role(role: Role) -> Role:
    if role not in get_args(Role):  # it comes from a form, whatever its type says
        raise StaffError(f"A role is one of: {', '.join(get_args(Role))}")
    return role


def _check_supervised(connection: sa.Connection, was: Operator) -> None:
    """Raise StaffError if nobody is left who could let anybody in, now that somebody was changed."""
    if not (was.role == "supervisor" and was.active and was.ready):
        return
    rows = connection.execute(sa.select(OPERATOR).where(OPERATOR.c.role == "supervisor", OPERATOR.c.active == 1))
    if not any(held(row).operator.ready for row in rows.mappings()):
        raise StaffError(f"{was.name} is the last supervisor who can sign in: make another first")
