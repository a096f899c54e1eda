"""The door: a name, a password and a code, all of them right, or one and the same refusal for whatever was wrong.

The refusal takes as long for a name that nobody has, and for an account that is locked: the same is looked up, hashed,
compared and written.
"""

import base64
import secrets
import threading

import sqlalchemy as sa
from msgspec.structs import replace

from agent.clock import Clock
from centre.site.limits import Allowance, FailureLimit
from centre.staff import attempts, codes, sessions
from centre.staff.held import Held, get, keep, note, secret_of
from centre.staff.passwords import Hashing
from centre.staff.values import NAME, Operator, StaffError
from centre.store.database import Database
from centre.store.schema import SESSION
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import Value

EACH = Allowance(burst=20, every_ms=45_000)
"""What unknown browsers may fail from one address: a whole office is behind one, and 80 an hour guess nothing."""

TOGETHER = Allowance(burst=60, every_ms=2_000)
"""From all addresses: so few that whoever comes from a known desk meanwhile need not wait long for their hash."""

DESK_MS = 180 * 86_400_000
"""How long a browser that somebody signed in by is known. Each sign-in begins it anew."""

NAME_CHARS_MAX = 64
_PLACE = ("desk",)
_NOBODY = "nobody"


class RefusedError(StaffError):
    """Not let in; the text is the same whatever the reason."""

    def __init__(self) -> None:
        super().__init__(
            "Not signed in: name, password and code must all be right, and each code is good once. "
            "After five failures nothing is, for fifteen minutes"
        )


class NotYouError(StaffError):
    """Somebody who is signed in did not give their own password."""


class TooManyError(StaffError):
    """Too many failed from this address. `wait_s` until the next is looked at."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"Too many sign-ins failed: try again in {wait_s} seconds")


class Try(Value, frozen=True, kw_only=True):
    """What somebody brings. `desk`: what the browser was given at an earlier sign-in. `before`: its session's token."""

    name: str
    password: str
    code: str
    address: str = ""
    desk: str = ""
    browser: str = ""
    before: str = ""


class Entered(Value, frozen=True):
    """Who was let in, and what their browser is to keep: the session's token, and by what it is known next time."""

    operator: Operator
    token: str
    desk: str


class Door:
    """Where staff come in. LedgerDownError when the store is down: nobody comes in, and who is in stays."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, hashing: Hashing) -> None:
        self._database, self._keyring, self._clock, self._hashing = database, keyring, clock, hashing
        self._limit, self._turn = FailureLimit(EACH, TOGETHER), threading.Lock()

    def sign_in(self, brought: Try) -> Entered:
        """Let somebody in. Raises RefusedError, TooManyError and BusyError."""
        desk = self._desk(brought.desk)
        if desk:
            return self._signed_in(brought, desk)
        self._take(brought.address)
        try:
            entered = self._signed_in(brought, desk)
        except RefusedError:
            raise
        except BaseException:  # a store that is down is no failure of theirs
            self._give_back(brought.address)
            raise
        self._give_back(brought.address)
        return entered

    def _signed_in(self, brought: Try, desk: str) -> Entered:
        name = brought.name.strip().lower()[:NAME_CHARS_MAX]
        found, bucket, is_open, count = self._begin(name, desk)
        known = found or Held(operator=Operator(name=_NOBODY, shown="", role="auditor", active=False))
        right = self._hashing.matches(known.proof.password, brought.password)
        entered = self._decide(known, brought, desk, right=right and is_open, bucket=bucket, count=count)
        if entered is None:
            raise RefusedError
        return entered

    def confirm(self, name: str, password: str) -> Operator:
        """Let somebody who is signed in prove that it is still they. Raises NotYouError and BusyError."""
        found, bucket, is_open, count = self._begin(name, "confirm")
        right = found is not None and self._hashing.matches(found.proof.password, password) and is_open
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            if right:
                attempts.forgive(connection, bucket, at_ms)
            elif count:
                note(connection, at_ms, name, "password-not-confirmed", count=count)
        if found is None or not right:
            raise NotYouError(
                "This is not your password. After five failures none is taken for fifteen minutes: nothing was done"
            )
        return found.operator

    def _begin(self, name: str, desk: str) -> tuple[Held | None, str, bool, int]:
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            found = get(connection, name) if NAME.fullmatch(name) else get(connection, _NOBODY)
            bucket = attempts.bucket(name, there=found is not None, desk=desk)
            is_open, count = attempts.take(connection, self._database, bucket, at_ms)
        return found, bucket, is_open, count

    def _decide(self, before: Held, brought: Try, desk: str, *, right: bool, bucket: str, count: int) -> Entered | None:
        now = self._clock.now()
        secret = secret_of(self._keyring, before)
        step = codes.step_of(secret, brought.code, now.wall_ms)
        name = before.operator.name
        with self._database.writing() as connection:
            # As it is in this commit: a code that was used a moment ago, by whatever process, is good no more.
            known = get(connection, name) or before
            proof, right = known.proof, right and known.proof.password == before.proof.password
            recovery = codes.found(brought.code, proof.recovery)
            # The secret that the code was compared with must be the one there is: it may just have been changed.
            fresh = step is not None and step > proof.step and proof.secret == before.proof.secret
            if not (right and proof.ready and known.operator.active and (fresh or recovery)):
                if count:
                    what = "sign-in-failed" if count < attempts.FAILURES else "sign-in-locked"
                    note(connection, now.wall_ms, name, what, count=count)
                return None
            if fresh and step is not None:
                proof = replace(proof, step=step)
            else:
                proof = replace(proof, recovery=tuple(each for each in proof.recovery if each != recovery))
            keep(connection, self._database, replace(known, proof=proof), now.wall_ms)
            attempts.forgive(connection, bucket, now.wall_ms)
            connection.execute(sa.delete(SESSION).where(SESSION.c.id == sessions.digest(brought.before)))
            token = sessions.begin(connection, name, brought.browser, now.wall_ms)
            note(connection, now.wall_ms, name, "signed-in", by="code" if fresh else "recovery-code")
        return Entered(known.operator, token, self.know(desk))

    # --- browsers that are known, and addresses of those that are not ------------------------------------

    def know(self, desk: str = "") -> str:
        """Give what a browser is known by next time: one of the staff has proved themselves by it."""
        desk = desk or secrets.token_hex(8)
        sealed = self._keyring.seal(f"{desk} {self._clock.now().wall_ms}".encode(), *_PLACE)
        return f"{sealed.key_id}.{base64.urlsafe_b64encode(sealed.content).decode()}"

    def _desk(self, given: str) -> str:
        """Give which browser this is; empty if it is not known."""
        key_id, _, content = given.partition(".")
        try:
            sealed = Sealed(key_id, base64.urlsafe_b64decode(content))
            desk, _, at_ms = self._keyring.open(sealed, *_PLACE).decode().partition(" ")
        except (SealError, ValueError):
            return ""
        return desk if self._clock.now().wall_ms - int(at_ms) < DESK_MS else ""

    def _take(self, address: str) -> None:
        with self._turn:
            wait_ms = self._limit.take(address, self._clock.now().ms)
        if wait_ms:
            raise TooManyError(-(-wait_ms // 1_000))

    def _give_back(self, address: str) -> None:
        with self._turn:
            self._limit.give_back(address)
