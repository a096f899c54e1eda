"""The database under the store: opened by its URL, brought up to date, and durable when a transaction returns."""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from centre.intake import LedgerDownError

VERSION = "0002"
"""The newest of `migrations/versions`."""

BUSY_MS = 2_000
"""How long a transaction waits for another's: a hub is told `retry`, rather than kept waiting."""

STATEMENT_MS = 10_000
CONNECT_S = 5
_POSTGRESQL = {
    "connect_timeout": CONNECT_S,
    # A server whose power went says nothing at all: it is noticed in seconds, and not after the kernel's two hours.
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": STATEMENT_MS,
}

_BEGIN = "hearthline_begin"
_LOCKS: dict[str, int] = {"all": 0x6865617274, "events": 0x6865617275}  # "heart", and one more: PostgreSQL's names
_MIGRATIONS = Path(__file__).parent / "migrations"
_FILE_MODE = 0o600


Writes = Literal["all", "events"]
"""What a transaction writes: what the intake keeps, or anything else."""


class _Turns:
    """A lock that is given in the order it was asked for. Of Python's own, whoever gives it back takes it again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    def acquire(self, timeout_s: float) -> bool:
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout_s):
            return True
        with self._lock:
            if mine not in self._waiting:
                return True  # it was handed to us in this very moment
            self._waiting.remove(mine)
            return False

    def release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()  # handed over: it was never free
            else:
                self._taken = False


class Database:
    """A database of ours, to be used from any thread. Every failure of it is a LedgerDownError, which says why.

    An error's text never repeats what was being stored: it may be personal (S11).
    """

    def __init__(self, url: str) -> None:
        """Open `sqlite:///FILE`, made if need be, or `postgresql://…`, and run the migrations it lacks."""
        self._url = _url(url)
        # S11: as an error names it, without what may be a password.
        self.name = self._url.database if self.is_sqlite else self._url.set(query={}).render_as_string()
        self._writers = {"all": _Turns(), "events": _Turns()}
        self._create_file()
        try:
            # Writers are few, for they take turns: none waits with its turn until a reader has gone.
            self._engine = self._opened(pool_size=len(self._writers), max_overflow=0)
            self._for_reading = self._opened()
        except ImportError as error:
            raise LedgerDownError(f"{self.name}: {error}: PostgreSQL needs the library psycopg: install it") from None
        # What fails while a connection is made comes as the driver's own error.
        self._errors = (sa.exc.SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error)
        try:
            self._migrate()
        except self._errors as error:
            self.close()
            raise LedgerDownError(f"{self.name}: {_reason(error)}: {self._remedy()}") from None
        except BaseException:
            self.close()
            raise

    def _opened(self, **pool: int) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            hide_parameters=True,
            pool_pre_ping=not self.is_sqlite,  # a server may have been restarted since
            connect_args={} if self.is_sqlite else _POSTGRESQL,
            **pool,
        )
        sa.event.listen(engine, "connect", _on_sqlite if self.is_sqlite else _on_postgresql)
        if self.is_sqlite:
            sa.event.listen(engine, "begin", _begin)
        return engine

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite's."""
        return self._url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._for_reading.dispose()

    @contextmanager
    def writing(self, of: Writes = "all") -> Iterator[sa.Connection]:
        """Give a connection within a transaction that is on the disk when this ends, or was never there.

        One writer at a time, on PostgreSQL too: so rows are numbered in the order of their commits, and whoever reads
        on from a number misses none that was committed late. What hubs say is kept beside all else ("events"): a
        receipt waits for no case.
        """
        with self._told(), self._writing(of) as connection:
            yield connection

    @contextmanager
    def _writing(self, of: Writes = "all") -> Iterator[sa.Connection]:
        with (
            self._turn(of),
            self._engine.connect() as connection,
            connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin(),
        ):
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCKS[of])))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection to read by: all that is read within is of one moment. It waits for no writer."""
        options = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._told(), self._for_reading.connect().execution_options(**options) as connection:
            yield connection

    def upsert(self, table: sa.Table, values: dict[str, Any], **change: sa.ColumnElement[Any]) -> sa.Insert:
        """Insert a row, or change the one there is: the columns of `change`, or else all that are no key."""
        insert = self.insert(table).values(values)
        keys = [column.name for column in table.primary_key]
        changes = change or {name: insert.excluded[name] for name in values if name not in keys}
        return insert.on_conflict_do_update(index_elements=keys, set_=changes)

    def putting(self, table: sa.Table) -> sa.Insert:
        """Give the insertion of a row, or its change, whose values are given when it is executed; of one or several."""
        insert = self.insert(table)
        keys = [column.name for column in table.primary_key]
        changes = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
        return insert.on_conflict_do_update(index_elements=keys, set_=changes)

    def insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        """Give an insertion that can say what happens if the row is there: both databases do, each in its own way."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    @contextmanager
    def _turn(self, of: Writes) -> Iterator[None]:
        """Let this process's threads write in turn. SQLite lets them look again and again, and one of eight starved."""
        writer = self._writers["all" if self.is_sqlite else of]  # SQLite has one for everything
        if not writer.acquire(BUSY_MS / 1000):
            raise LedgerDownError(f"the centre's store: locked by another thread for {BUSY_MS} ms")
        try:
            yield
        finally:
            writer.release()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise LedgerDownError(f"the centre's store: {_reason(error)}") from None

    # --- opening -----------------------------------------------------------------------------------

    def _create_file(self) -> None:
        """Make the file its owner's alone before SQLite writes to it; its log takes its mode from it (S11)."""
        if not self.is_sqlite:
            return
        if not self._url.database or self._url.database.startswith((":", "file:")):
            raise LedgerDownError("a store in memory would be gone with the process: name a file, sqlite:///FILE")
        try:
            os.close(os.open(self._url.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))
        except FileExistsError:
            return
        except OSError as error:
            raise LedgerDownError(f"{self.name}: {error.strerror}: name a file in a writable folder") from None

    def _migrate(self) -> None:
        with self._engine.connect() as connection:
            if self._version(connection) == VERSION:
                self._check_durable(connection)
                return
        with self._writing() as connection:  # two that start at once come here one after the other
            version = self._version(connection)
            if version is not None and version > VERSION:
                raise LedgerDownError(
                    f"{self.name}: written by version {version} of the store, this is {VERSION}: use the newer program"
                )
            self._check_durable(connection)
            upgrade(connection)

    def _version(self, connection: sa.Connection) -> str | None:
        """Give the store's version; None for one that is empty."""
        tables = sa.inspect(connection).get_table_names()
        if "alembic_version" in tables:
            return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")))
        if tables:
            raise LedgerDownError(
                f"{self.name}: has tables that are not the store's: name another database, "
                "and take an older ledger over with centre.store.taking_over"
            )
        return None

    def _check_durable(self, connection: sa.Connection) -> None:
        """S2: a receipt says that it is on the disk, so the server must not be one that only says so."""
        if not self.is_sqlite and connection.scalar(sa.text("SHOW fsync")) != "on":
            raise LedgerDownError(f"{self.name}: the server has fsync off, and would lose alarms: set it on")

    def _remedy(self) -> str:
        if self.is_sqlite:
            return "not a store, or damaged: move it aside, do not delete it"
        return "see that the server runs, and that the URL's user may make tables in this database"


def upgrade(connection: sa.Connection, to: str = VERSION) -> None:
    """Run the migrations up to a version, within the connection's transaction."""
    # Not at the top: an up-to-date store opens without Alembic, which takes longer to load than the store to open.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _url(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
        backend = url.drivername
    except sa.exc.ArgumentError:
        backend = ""
    match backend:
        case "sqlite" | "sqlite+pysqlite":
            return url.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgresql+psycopg":
            return url.set(drivername="postgresql+psycopg")
        case _:  # never the text itself: it may hold a password (S11)
            raise LedgerDownError("the store's URL is sqlite:///FILE or postgresql://USER@HOST/DATABASE, not this one")


def _on_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by us: Python's module would begin them late
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    # S2: WAL alone can lose the last commits at a power cut, and a receipt has been given for them: FULL.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what retention deletes is gone from the file too (S11)


def _on_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401 -- psycopg's, as SQLAlchemy wraps it
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")  # S2: whatever the server's default is
        cursor.execute(f"SET lock_timeout = {BUSY_MS}")
        cursor.execute(f"SET statement_timeout = {STATEMENT_MS}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {STATEMENT_MS}")
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _reason(error: Exception) -> str:
    """Say what the database said, without the statement, its values, or the detail that repeats a row (S11)."""
    said = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    primary = getattr(getattr(said, "diag", None), "message_primary", None)
    return str(primary or str(said).partition("\n")[0])
