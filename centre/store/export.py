"""Subject access: all that is held of a home as one JSON document, for the people it is about.

It is of a home, not of one person. Where several live, or a contact is named, a supervisor looks through it before it
is given away; the document says so.
"""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.store.database import Database
from centre.store.records import NotAllowedError, Records, Role
from centre.store.schema import AUDIT, CASE, EVENT, HOME, LOOK, QUARANTINE, STATE
from rules.values import utc

PAGE = 500
NOTICE = (
    "This is of a home. Look through it before you give it to somebody: it may tell of others who live there, "
    "of contacts and of staff."
)


def export(
    database: Database, records: Records, hub: str, role: Role, operator: str, why: str, at_ms: int, *, out: BinaryIO
) -> None:
    """Write the document. The look is recorded first. Raises NotAllowedError, LedgerDownError and OSError.

    Page by page: it may be of eight years. `out` is a file and not a line to somebody: the database waits for it, and
    PostgreSQL gives up after ten seconds. A document that was cut off has no last bracket, and reads nowhere.
    """
    if role != "supervisor":
        raise NotAllowedError("a supervisor exports what is held of a home")
    shown = records.record(hub, role, operator, why, at_ms)
    head = {
        "hub": hub,
        "made": utc(at_ms),
        "by": operator,
        "notice": NOTICE,
        "record": asdict(shown.record),
        "damaged": shown.damaged,
    }
    out.write(msgspec.json.encode(head)[:-1])
    with database.reading() as connection:  # all of one moment
        for table in (HOME, STATE):
            body = connection.scalar(sa.select(table.c.body).where(table.c.hub == hub))
            out.write(b',"%s":%s' % (table.name.encode(), msgspec.json.encode(_readable(body))))
        for name, table in (("cases", CASE), ("audit", AUDIT), ("looks", LOOK), ("quarantine", QUARANTINE)):
            _write(out, name, _pages(connection, table, hub))
        _write(out, "events", _pages(connection, EVENT, hub))
    out.write(b"}\n")


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


_SHOWN: dict[str, Callable[[Any], object]] = {"body": _readable, "at_ms": utc, "changed_ms": utc, "open": bool}
