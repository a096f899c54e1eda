"""Subject access: all that is held of a home as one JSON document, for the people it is about.

It is of a home, not of one person. Where several live, or a contact is named, a supervisor looks through it before it
is given away; the document says so.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.records import NotAllowedError, Records, Role
from centre.store.resealing import DRAFT
from centre.store.schema import (
    AUDIT,
    CASE,
    COMMAND,
    CONSENT,
    EVENT,
    HOME,
    HOME_RECORD,
    KEPT,
    LEAVING,
    LOOK,
    PLAN,
    QUARANTINE,
    SEEN,
    STATE,
)
from centre.store.sealing import Keyring, Sealed, SealError
from rules.values import utc

PAGE = 500
NOTICE = (
    "This is of a home. Look through it before you give it to somebody: it may tell of others who live there, "
    "of contacts and of staff."
)
CONTENTS: dict[str, str] = {
    "record": "who lives there, and what helps whoever goes there",
    "damaged": "fields of the record that cannot be opened",
    "left": "when the home left the service",
    "home": "what is known of its box's connections",
    "state": "what its box last said of itself",
    "seen": "what the centre's watch last noticed of it",
    "consent": "what was agreed to, refused or withdrawn: every entry",
    "plans": "every care plan as it was sent, what its box said to it, and who sent it",
    "draft": "the text of its care plan as it was last worked on",
    "commands": "what its box was told; a message to be said aloud is sealed for the box, and nobody can read it here",
    "cases": "what staff did about its alarms",
    "audit": "who did what with it, and when",
    "looks": "who looked at its record, when and why: this export too",
    "quarantine": "messages in its name that were not accepted",
    "events": "everything its box reported",
}
"""What the document has, in words: it stands in the document itself."""

_OF_HOME = (HOME_RECORD, CONSENT, PLAN, COMMAND, CASE, EVENT, HOME, LEAVING, LOOK, QUARANTINE)
_ROWS = (
    ("consent", CONSENT),
    ("commands", COMMAND),
    ("cases", CASE),
    ("audit", AUDIT),
    ("looks", LOOK),
    ("quarantine", QUARANTINE),
    ("events", EVENT),
)


def holds(database: Database, hub: str) -> bool:
    """Tell whether anything is held of a home: a name that was mistyped is not worth a document."""
    with database.reading() as connection:
        return any(
            connection.execute(sa.select(1).select_from(each).where(each.c.hub == hub).limit(1)).first()
            for each in _OF_HOME
        )


def export(
    database: Database,
    keyring: Keyring,
    hub: str,
    role: Role,
    operator: str,
    why: str,
    at_ms: int,
    *,
    out: BinaryIO,
) -> None:
    """Write the document. The look and the export are recorded first. Raises NotAllowedError, LedgerDownError, OSError.

    Page by page: it may be of eight years. `out` is a file and not a line to somebody: the database waits for it, and
    PostgreSQL gives up after ten seconds. A document that was cut off has no last bracket, and reads nowhere.
    """
    if role != "supervisor":
        raise NotAllowedError("a supervisor exports what is held of a home")
    shown = Records(database, keyring).record(hub, role, operator, why, at_ms)
    with database.writing() as connection:  # one that cannot be recorded is not made: no life waits for it
        row = AuditRow(at_ms=at_ms, who=operator, what="exported", hub=hub)
        connection.execute(sa.insert(AUDIT).values(asdict(row)))
    head = {
        "hub": hub,
        "made": utc(at_ms),
        "by": operator,
        "notice": NOTICE,
        "contents": CONTENTS,
        "record": asdict(shown.record),
        "damaged": shown.damaged,
    }
    out.write(msgspec.json.encode(head)[:-1])
    with database.reading() as connection:  # all of one moment
        left = connection.scalar(sa.select(LEAVING.c.at_ms).where(LEAVING.c.hub == hub))
        _one(out, "left", None if left is None else utc(left))
        for table in (HOME, STATE, SEEN):
            body = connection.scalar(sa.select(table.c.body).where(table.c.hub == hub))
            _one(out, table.name, _readable(body))
        _one(out, "draft", _draft(connection, keyring, hub))
        _write(out, "plans", _plans(connection, keyring, hub))
        for name, table in _ROWS:
            _write(out, name, _pages(connection, table, hub))
    out.write(b"}\n")


def _one(out: BinaryIO, name: str, value: object) -> None:
    out.write(b',"%s":%s' % (name.encode(), msgspec.json.encode(value)))


def _plans(connection: sa.Connection, keyring: Keyring, hub: str) -> Iterator[dict[str, Any]]:
    for row in _pages(connection, PLAN, hub):
        sealed = Sealed(row.pop("key_id"), row.pop("sealed"))
        yield {**row, "plan": _opened(keyring, sealed, "plan", hub)}


def _draft(connection: sa.Connection, keyring: Keyring, hub: str) -> object:
    body = connection.scalar(sa.select(KEPT.c.body).where(KEPT.c.name == f"{DRAFT}:{hub}"))
    if body is None:
        return None
    held = msgspec.json.decode(body)
    return _opened(keyring, Sealed(held["key_id"], base64.b64decode(held["sealed"])), DRAFT, hub)


def _opened(keyring: Keyring, sealed: Sealed, *place: str) -> object:
    try:
        return msgspec.json.decode(keyring.open(sealed, *place))
    except SealError:
        return "it is held, and cannot be opened any more"


def _write(out: BinaryIO, name: str, rows: Iterator[dict[str, Any]]) -> None:
    out.write(b',"%s":[' % name.encode())
    out.writelines((b"," if number else b"") + msgspec.json.encode(row) for number, row in enumerate(rows))
    out.write(b"]")


def _pages(connection: sa.Connection, table: sa.Table, hub: str) -> Iterator[dict[str, Any]]:
    (key,) = table.primary_key
    asked = sa.select(table).where(table.c.hub == hub).order_by(key).limit(PAGE)
    last: Any = None
    while rows := connection.execute(asked if last is None else asked.where(key > last)).mappings().all():
        last = rows[-1][key.name]
        for row in rows:
            yield {name: _SHOWN.get(name, _same)(value) for name, value in row.items()}


def _same(value: object) -> object:
    return value


def _readable(body: bytes | None) -> object:
    """Give bytes as the JSON they are, or in base 64 if they are none."""
    if body is None:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body


_SHOWN: dict[str, Callable[[Any], object]] = {
    "body": _readable,
    "data": _readable,
    "at_ms": utc,
    "changed_ms": utc,
    "expires": lambda seconds: utc(seconds * 1_000),
    "open": bool,
}
