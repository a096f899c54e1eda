"""The numbered schema files and what applies them. A file once released never changes: add the next."""

import importlib.resources
import sqlite3

from agent.store.errors import ForeignSchemaError, StoreError

_PROBES = (
    "SELECT one, body FROM house LIMIT 0",
    "SELECT number, ms, wall_ms, synced, event FROM journal LIMIT 0",
    "SELECT number, epoch, lane, seq, rank, state, digest, body FROM outbox LIMIT 0",
    "SELECT number, id, digest, body FROM conflict LIMIT 0",
)
"""What the newest schema must answer to."""


def scripts() -> list[str]:
    """Give the schema files' SQL in order: the file numbered n brings a store from version n-1 to n."""
    files = sorted(
        (each for each in importlib.resources.files(__name__).iterdir() if each.name.endswith(".sql")),
        key=lambda each: each.name,
    )
    numbers = [int(each.name.split("_", 1)[0]) for each in files]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise StoreError(f"schema files are numbered {numbers}, expected 1, 2, 3, ...: install the hub again")
    return [each.read_text(encoding="utf-8") for each in files]


def check(connection: sqlite3.Connection) -> None:
    """See that the file is ours to write, without writing.

    Raises StoreError for a store newer than this code, ForeignSchemaError for tables that are not a hub's.
    """
    version, known = _version(connection), len(scripts())
    if version > known:
        raise StoreError(
            f"the store has schema {version}, this version of the hub knows {known}: "
            "install the newer version again; the store was left as it is"
        )
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version < 0 or (version == 0 and tables):
        raise ForeignSchemaError("the file is a database, but not a hub's store")


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring a store to the newest schema, one transaction for each step, so that a cut between steps is harmless.

    Raises ForeignSchemaError when it then lacks what it should have.
    """
    steps, version = scripts(), _version(connection)
    for number, sql in enumerate(steps[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    _probe(connection)


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _probe(connection: sqlite3.Connection) -> None:
    for statement in _PROBES:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            raise ForeignSchemaError(f"the store lacks what its schema version promises ({error})") from None
