"""Who is signed in, by which browser, until when.

A session ends after thirteen hours: a shift of twelve and its hand-over. Who answers alarms is not signed out by a
quiet night before that, for a console that has signed itself out rings for nobody; installers and auditors, on whom no
alarm waits, are after half an hour without a click. What pages fetch by themselves is no click.
"""

import contextlib
import hashlib
import secrets

import msgspec
import sqlalchemy as sa

from agent.clock import Clock
from centre.intake import LedgerDownError
from centre.staff.held import held, note
from centre.staff.values import Session
from centre.store.database import Database
from centre.store.records import Role
from centre.store.schema import OPERATOR, SESSION
from rules.values import Value

LASTS_MS = 13 * 3_600_000
IDLE_MS: dict[Role, int] = {
    "operator": LASTS_MS,
    "supervisor": LASTS_MS,
    "installer": 30 * 60_000,
    "auditor": 30 * 60_000,
}
EACH_MAX = 5
"""Sessions of one operator at once; a further one ends the oldest."""

BROWSER_CHARS_MAX = 120
_NOTED_EVERY_MS = 60_000
_TOKEN_BYTES = 32


class _Body(Value, frozen=True):
    browser: str = ""


class Sessions:
    """The sessions of a store. LedgerDownError when it is down."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def of(self, token: str, *, by_hand: bool = True) -> Session | None:
        """Give whose a browser's token is. `by_hand`: somebody did something, and is there."""
        session = self.get(digest(token))
        if session is None or not by_hand:
            return session
        at_ms = self._clock.now().wall_ms
        if at_ms - session.seen_ms >= _NOTED_EVERY_MS:
            self._seen(session.id, at_ms)
        return session

    def get(self, session_id: str) -> Session | None:
        """Give a session that still holds."""
        at_ms = self._clock.now().wall_ms
        with self._database.reading() as connection:
            found = _rows(connection, SESSION.c.id == session_id)
        return next((each for each in found if _holds(each, at_ms)), None)

    def of_operator(self, name: str) -> list[Session]:
        """Give all sessions of one of the staff that still hold, the newest first."""
        at_ms = self._clock.now().wall_ms
        with self._database.reading() as connection:
            found = _rows(connection, SESSION.c.operator == name)
        return [each for each in found if _holds(each, at_ms)]

    def end(self, name: str, session_id: str) -> None:
        """End a session of one of the staff; of nobody else's."""
        at_ms = self._clock.now().wall_ms
        mine = (SESSION.c.id == session_id, SESSION.c.operator == name)
        with self._database.writing() as connection:
            if connection.execute(sa.delete(SESSION).where(*mine).returning(SESSION.c.id)).first() is not None:
                note(connection, at_ms, name, "signed-out")

    def end_all(self, name: str, *, but: str = "", by: str = "") -> None:
        """End all sessions of one of the staff, or all but one. `by`: a supervisor who does it."""
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            if count := end_all(connection, name, but=but):
                note(connection, at_ms, by or name, "signed-out", name=name, sessions=count)

    def _seen(self, session_id: str, at_ms: int) -> None:
        # A disk that is full must sign nobody out.
        with contextlib.suppress(LedgerDownError), self._database.writing() as connection:
            connection.execute(sa.update(SESSION).where(SESSION.c.id == session_id).values(seen_ms=at_ms))


def digest(token: str) -> str:
    """Give what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def begin(connection: sa.Connection, name: str, browser: str, at_ms: int) -> str:
    """Begin a session, and give the token that its browser keeps: always a new one (session fixation)."""
    connection.execute(sa.delete(SESSION).where(SESSION.c.ends_ms <= at_ms))
    oldest = _rows(connection, SESSION.c.operator == name)[EACH_MAX - 1 :]
    connection.execute(sa.delete(SESSION).where(SESSION.c.id.in_([each.id for each in oldest])))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    values = {
        "id": digest(token),
        "operator": name,
        "begun_ms": at_ms,
        "seen_ms": at_ms,
        "ends_ms": at_ms + LASTS_MS,
        "body": msgspec.json.encode(_Body(browser[:BROWSER_CHARS_MAX])),
    }
    connection.execute(sa.insert(SESSION).values(values))
    return token


def end_all(connection: sa.Connection, name: str, *, but: str = "") -> int:
    """End sessions within a transaction; give how many."""
    mine = (SESSION.c.operator == name, SESSION.c.id != but)
    return len(connection.execute(sa.delete(SESSION).where(*mine).returning(SESSION.c.id)).all())


def _holds(session: Session, at_ms: int) -> bool:
    idle_ms = IDLE_MS[session.operator.role]
    return session.operator.active and at_ms < min(session.ends_ms, session.seen_ms + idle_ms)


def _rows(connection: sa.Connection, which: "sa.ColumnElement[bool]") -> list[Session]:
    """Read sessions and whose they are as one, the newest first: who was changed a moment ago is as they are now."""
    mine = (SESSION.c.id, SESSION.c.begun_ms, SESSION.c.seen_ms, SESSION.c.ends_ms, SESSION.c.body.label("session"))
    asked = sa.select(OPERATOR, *mine).join(OPERATOR, OPERATOR.c.name == SESSION.c.operator).where(which)
    rows = connection.execute(asked.order_by(SESSION.c.begun_ms.desc(), SESSION.c.id)).mappings().all()
    return [
        Session(
            id=row["id"],
            operator=held(row).operator,
            begun_ms=row["begun_ms"],
            seen_ms=row["seen_ms"],
            ends_ms=row["ends_ms"],
            browser=msgspec.json.decode(row["session"], type=_Body).browser,
        )
        for row in rows
    ]
