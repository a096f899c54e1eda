"""Links that are good once and for fifteen minutes: by one somebody sets password and second factor, first or anew.

A supervisor makes them, or the server's own shell. Looking at the page uses nothing up: programs that look ahead at
links must not. The supervisor who hands one over never learns what is set by it.
"""

import secrets

import sqlalchemy as sa
from msgspec.structs import replace

from agent.clock import Clock
from centre.staff import attempts, codes, passwords, sessions
from centre.staff.held import Held, Proof, check_by, get, keep, needed, note
from centre.staff.passwords import Hashing
from centre.staff.proving import Offer, proved, with_recovery
from centre.staff.values import SHELL, Operator, StaffError
from centre.store.database import Database
from centre.store.schema import TICKET

LASTS_MS = 15 * 60_000
PATH = "/welcome/"
"""What a link's secret is appended to."""

_SECRET_BYTES = 32
_SET_UP, _SIGN_IN = "set-up", "sign-in"


class GoneError(StaffError):
    """A link that is good no more, or never was."""

    def __init__(self) -> None:
        super().__init__("This link is used up, too old, or not one of ours: ask a supervisor for another")


class Links:
    """The links of a store. LedgerDownError when it is down.

    `demonstration`: also such as sign in at once, for a centre of simulated homes.
    """

    def __init__(self, database: Database, clock: Clock, hashing: Hashing, *, demonstration: bool = False) -> None:
        self._database, self._clock, self._hashing = database, clock, hashing
        self._demonstration = demonstration

    def make(self, by: str, name: str, *, signs_in: bool = False) -> str:
        """Make a link's secret; one made before is void. Raises StaffError."""
        if signs_in and not (self._demonstration and by == SHELL):
            raise StaffError("Links that sign in are for demonstrations alone")
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        what = _SIGN_IN if signs_in else _SET_UP
        at_ms = self._clock.now().wall_ms
        values = {"id": sessions.digest(secret), "operator": name, "what": what, "ends_ms": at_ms + LASTS_MS}
        with self._database.writing() as connection:
            check_by(connection, by)
            if by == name:
                raise StaffError("Change your own password and second factor on the page of your account")
            if not needed(connection, name).operator.active:
                raise StaffError(f"{name} is not active: activate them first")
            connection.execute(sa.delete(TICKET).where((TICKET.c.operator == name) | (TICKET.c.ends_ms <= at_ms)))
            connection.execute(sa.insert(TICKET).values(values))
            note(connection, at_ms, by, "link-made", name=name, kind=what)
        return secret

    def of(self, secret: str) -> tuple[Operator, bool]:
        """Give whose a link is, and whether it signs in. It stays good. Raises GoneError."""
        with self._database.reading() as connection:
            held, signs_in = self._of(connection, secret)
        return held.operator, signs_in

    def set_up(self, secret: str, password: str, offer: Offer, code: str) -> list[str]:
        """Set password and second factor by a link; give the recovery codes, shown once. Raises StaffError.

        All sessions there were end, and failures are forgotten.
        """
        operator, _ = self.of(secret)
        at_ms = self._clock.now().wall_ms
        passwords.check(password, operator.name, operator.shown)
        recovery = codes.new_recovery()
        proof = with_recovery(proved(Proof(), offer, code, at_ms), recovery)
        proof = replace(proof, password=self._hashing.make(password))
        with self._database.writing() as connection:
            held, signs_in = self._of(connection, secret)  # of two at once, one has it
            if signs_in or offer.name != operator.name:
                raise GoneError
            keep(connection, self._database, replace(held, proof=proof), at_ms)
            connection.execute(sa.delete(TICKET).where(TICKET.c.operator == operator.name))
            attempts.forget(connection, operator.name)
            sessions.end_all(connection, operator.name)
            note(connection, at_ms, operator.name, "set-up")
        return recovery

    def enter(self, secret: str, browser: str = "") -> str:
        """Sign in by a demonstration's link; give the session's token. Raises GoneError."""
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            held, signs_in = self._of(connection, secret)
            if not signs_in:
                raise GoneError
            name = held.operator.name
            connection.execute(sa.delete(TICKET).where(TICKET.c.operator == name))
            note(connection, at_ms, name, "signed-in", by="link")
            return sessions.begin(connection, name, browser, at_ms)

    def _of(self, connection: sa.Connection, secret: str) -> tuple[Held, bool]:
        asked = sa.select(TICKET).where(TICKET.c.id == sessions.digest(secret))
        row = connection.execute(asked).mappings().first()
        found = get(connection, row["operator"]) if row is not None else None
        if row is None or found is None or not found.operator.active or row["ends_ms"] <= self._clock.now().wall_ms:
            raise GoneError
        signs_in = row["what"] == _SIGN_IN
        if signs_in and not self._demonstration:
            raise GoneError
        return found, signs_in
