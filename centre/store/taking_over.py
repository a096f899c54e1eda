"""Takes the stop-gap's ledger (`centre.ledger`, version 1) over into a store. The file is read, and left as it was."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from centre.intake import Entry, LedgerDownError
from centre.lanes import Position, Span
from centre.ledger import VERSION
from centre.store.database import Database
from centre.store.ledger import claim, drop, take
from centre.store.schema import HOME, QUARANTINE, STATE

_AT_ONCE = 1_000
_EVENTS = "SELECT hub, id, digest, type, body, at_ms, epoch, lane, seq FROM event ORDER BY number"
_QUARANTINE = "SELECT at_ms, hub, topic, token, reason FROM quarantine ORDER BY number"


def take_over(path: Path, database: Database) -> int:
    """Take over all that a ledger holds; give how many events that were.

    In transactions of a thousand events. Cut off anywhere, it is done again, and changes nothing that it did before.
    What the store knows of a home already is newer, and stays. Raises LedgerDownError.
    """
    with _reading(path) as old:
        events = iter(old.execute(_EVENTS))
        taken = 0
        while page := list(islice(events, _AT_ONCE)):
            with database.writing("events") as connection:
                for row in page:
                    take(database, connection, _entry(*row))
            taken += len(page)
        with database.writing("events") as connection:
            _rest(old, database, connection)
    return taken


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as old:
            old.execute("BEGIN")  # all of one moment
            (version,) = old.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise LedgerDownError(f"{path}: not a ledger of version {VERSION}: name the stop-gap centre's file")
            yield old
    except sqlite3.Error as error:
        raise LedgerDownError(f"{path}: {error}: name the stop-gap centre's file; it was left as it was") from None


def _entry(hub: str, name: str, digest: str, kind: str, body: bytes, at_ms: int, *place: str | int | None) -> Entry:
    match place:
        case str(epoch), str(lane), int(seq):
            return Entry(hub, name, digest, kind, body, at_ms, Position(epoch, lane, seq))
        case _:
            return Entry(hub, name, digest, kind, body, at_ms)


def _rest(old: sqlite3.Connection, database: Database, connection: sa.Connection) -> None:
    for hub, epoch, lane, first, last in old.execute("SELECT hub, epoch, lane, first, last FROM dropped"):
        drop(database, connection, (hub, epoch, lane), Span(first, last))
    for hub, epoch, lane, last in old.execute("SELECT hub, epoch, lane, last FROM claim"):
        claim(database, connection, (hub, epoch, lane), last)
    for table in (HOME, STATE):
        for hub, body in old.execute(f"SELECT hub, body FROM {table.name}"):  # noqa: S608 -- a name of ours
            connection.execute(database.insert(table).values(hub=hub, body=body).on_conflict_do_nothing())
    if connection.scalar(sa.select(sa.func.count()).select_from(QUARANTINE)) == 0:
        for row in old.execute(_QUARANTINE):
            values = dict(zip(("at_ms", "hub", "topic", "token", "reason"), row, strict=True))
            connection.execute(sa.insert(QUARANTINE).values(values))
