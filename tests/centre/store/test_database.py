"""The database under the store: durable, brought up to date whole, its failures told without what was stored."""

import sqlite3
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGQUIT
from threading import Event

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from centre.intake import Aside, Entry, LedgerDownError
from centre.lanes import Position
from centre.ledger import SqliteLedger
from centre.store.database import VERSION, Database, upgrade
from centre.store.ledger import StoredLedger, take
from centre.store.schema import EVENT, METADATA
from tests.centre.store.postgres import Postgres
from tests.centre.store.test_ledger_contract import ENTRY, at
from tests.support.house import ROOT


def asked(database: Database, question: str) -> str:
    with database.writing() as connection:
        return str(connection.scalar(sa.text(question)))


def test_s2_a_commit_survives_a_power_cut(database: Database) -> None:
    """WAL with anything less than FULL may lose commits that were answered (DESIGN §6); so may a PostgreSQL told to."""
    if database.is_sqlite:
        assert asked(database, "PRAGMA journal_mode") == "wal"
        assert asked(database, "PRAGMA synchronous") == "2"
    else:
        assert asked(database, "SHOW synchronous_commit") == "on"


def test_s2_a_server_whose_default_is_to_lose_commits_is_overruled(postgres: Postgres) -> None:
    postgres.set("synchronous_commit", "off")
    try:
        database = Database(postgres.store())
        assert asked(database, "SHOW synchronous_commit") == "on"
        database.close()
    finally:
        postgres.set("synchronous_commit", None)


def test_s2_a_server_whose_power_went_is_noticed_in_seconds(postgres: Postgres) -> None:
    database = Database(postgres.store())
    with database.writing() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        settings = driver.info.get_parameters()
    database.close()
    assert {settings[name] for name in ("keepalives", "keepalives_count", "keepalives_idle")} == {"1", "3", "5"}
    assert settings["tcp_user_timeout"] == "10000"


def test_s2_a_server_without_fsync_is_refused(postgres: Postgres) -> None:
    url = postgres.store()
    postgres.set("fsync", "off")
    try:
        with pytest.raises(LedgerDownError, match="fsync off"):
            Database(url)
    finally:
        postgres.set("fsync", "on")
        postgres.set("fsync", None)


def test_the_migrations_make_the_tables_that_the_code_knows(empty: str) -> None:
    database = Database(empty)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


def test_the_version_is_that_of_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(ROOT / "centre" / "store" / "migrations"))
    assert scripts.get_current_head() == VERSION


def test_a_migration_that_fails_leaves_nothing_half_done(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(connection: sa.Connection) -> None:
        upgrade(connection)
        connection.execute(sa.text("SELECT * FROM nowhere"))

    monkeypatch.setattr("centre.store.database.upgrade", breaks)
    with pytest.raises(LedgerDownError, match="nowhere"):
        Database(empty)
    monkeypatch.undo()
    database = Database(empty)
    assert StoredLedger(database).take(ENTRY) == "new"
    database.close()


def test_two_that_start_at_once_make_it_once(empty: str) -> None:
    with ThreadPoolExecutor(2) as threads:
        for database in threads.map(Database, [empty, empty]):
            assert asked(database, "SELECT version_num FROM alembic_version") == VERSION
            database.close()


def test_a_newer_version_is_left_alone(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0977'"))
    database.close()
    with pytest.raises(LedgerDownError, match="version 0977"):
        Database(url)


def test_somebody_elses_tables_are_left_alone(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            "centre.store.database.upgrade", lambda connection: connection.execute(sa.text("CREATE TABLE a (b INT)"))
        )
        Database(empty).close()
    with pytest.raises(LedgerDownError, match="another database"):
        Database(empty)


def test_a_stop_gap_ledger_is_not_taken_for_a_store(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.db").close()
    before = (tmp_path / "ledger.db").read_bytes()
    with pytest.raises(LedgerDownError, match=r"ledger\.db.*taking_over"):
        Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert (tmp_path / "ledger.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all, just text", bytes(5_000)])
def test_a_file_that_is_no_store_is_named_and_left_as_it_was(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(LedgerDownError, match=r"store\.db.*move it aside"):
        Database(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerDownError, match="writable folder"):
        Database(f"sqlite:///{tmp_path / 'nowhere' / 'store.db'}")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_s2_a_store_in_memory_is_refused(url: str) -> None:
    with pytest.raises(LedgerDownError, match="name a file"):
        Database(url)


@pytest.mark.parametrize("url", ["mysql://root:hunter2@db/x", "hunter2", "sqlite+what:///hunter2", ""])
def test_s11_another_kind_of_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(LedgerDownError, match="postgresql://") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://ann:hunter2@/alarms?host={}", "postgresql:///a?host={}&password=hunter2"]
)
def test_s11_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(LedgerDownError, match=r"postgresql.*see that the server runs") as caught:
        Database(url.format(tmp_path))
    assert "hunter2" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerDownError, match="needs the library psycopg"):
        Database("postgresql://ann@/alarms")


def test_s11_the_file_and_its_log_are_for_their_owner_alone(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    StoredLedger(database).take(ENTRY)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    database.close()
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


@pytest.mark.parametrize("body", [None, b"{}"])
def test_s11_a_failure_does_not_repeat_what_was_being_stored(database: Database, body: bytes | None) -> None:
    """PostgreSQL adds the whole row, or the key that is there already, to what it says."""
    private = {"hub": "Ada", "id": "i", "digest": "d", "type": "Ada Lovelace", "at_ms": 1, "conflict": 0, "body": body}
    with pytest.raises(LedgerDownError) as caught, database.writing() as connection:
        connection.execute(sa.insert(EVENT).values([private, private]))
    assert "Ada" not in f"{caught.value}{caught.value.__cause__}"
    assert caught.value.__suppress_context__


def test_s4_a_failed_transaction_leaves_nothing_half_done(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("DROP TABLE dropped"))
    ledger = StoredLedger(database)
    gap = Entry("hub-1", "e1-a-2", "d2", "hearthline.gap", b"{}", 1, None, (Position("e1", "t", 1), 5))
    with pytest.raises(LedgerDownError, match="dropped"):
        ledger.take(gap)
    assert ledger.events() == []
    assert ledger.take(ENTRY) == "new"


def test_another_writer_makes_it_wait_and_not_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.store.database.BUSY_MS", 100)
    one, two = Database(url), Database(url)
    with one.writing("events"):
        with pytest.raises(LedgerDownError, match="lock"):
            StoredLedger(two).take(ENTRY)
        assert StoredLedger(two).events() == []  # who reads waits for nobody
    assert StoredLedger(two).take(ENTRY) == "new"
    one.close()
    two.close()


def test_a_thread_does_not_wait_for_its_turn_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.store.database.BUSY_MS", 50)
    mine, refused = database.writing("events"), pytest.raises(LedgerDownError, match="another thread")
    with mine, ThreadPoolExecutor(1) as threads, refused:
        threads.submit(StoredLedger(database).take, ENTRY).result()
    assert StoredLedger(database).take(ENTRY) == "new"


def test_s2_whoever_reads_on_from_a_number_misses_nothing_that_was_committed_late(url: str) -> None:
    """A sequence gives numbers before the commit: without one writer at a time, 2 can be there before 1 is."""
    one, two, holds = Database(url), Database(url), Event()
    seen: list[list[str]] = []

    def early() -> None:
        with one.writing("events") as connection:
            take(one, connection, at(1))
            holds.set()
            late.wait(0.3)  # the other writes, if it can

    def later() -> None:
        holds.wait(10)
        StoredLedger(two).take(at(2))
        seen.append([entry.id for _, entry, _ in StoredLedger(two).events()])
        late.set()

    late = Event()
    with ThreadPoolExecutor(2) as threads:
        for each in [threads.submit(early), threads.submit(later)]:
            each.result()
    one.close()
    two.close()
    assert seen == [["e1-a-1", "e1-a-2"]]


def test_what_is_read_together_is_of_one_moment(url: str) -> None:
    one, two = Database(url), Database(url)
    counted = sa.select(sa.func.count()).select_from(EVENT)
    with one.reading() as connection:
        before = connection.scalar(counted)
        StoredLedger(two).take(at(1))
        assert connection.scalar(counted) == before == 0
    with one.reading() as connection:
        assert connection.scalar(counted) == 1
    one.close()
    two.close()


@pytest.fixture
def own(postgres: Postgres) -> Iterator[Postgres]:
    """The server, which runs again afterwards whatever the test did to it."""
    yield postgres
    if not postgres.runs:
        postgres.start()


def test_s2_a_server_that_is_killed_is_a_retry_and_afterwards_all_that_was_answered_is_there(own: Postgres) -> None:
    database = Database(own.store())
    ledger = StoredLedger(database)
    assert ledger.take(at(1)) == "new"
    own.stop(SIGQUIT)
    with pytest.raises(LedgerDownError):
        ledger.take(at(2))
    with pytest.raises(LedgerDownError):
        ledger.put_aside(Aside("hub-1", "t", b"", "r", 1))
    own.start()
    assert [ledger.take(at(1)), ledger.take(at(2))] == ["same", "new"]
    own.stop(SIGQUIT)
    own.start()  # and nobody noticed
    assert ledger.take(at(3)) == "new"
    database.close()


def test_s2_with_a_full_disk_it_says_so_and_afterwards_takes_it(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    ledger = StoredLedger(database)
    with database.writing() as connection:
        connection.execute(sa.text("PRAGMA max_page_count = 1"))  # a full disk, as SQLite sees it
    big = Entry("hub-1", "e1-a-1", "d", "t", bytes(500_000), 1)
    with pytest.raises(LedgerDownError, match="full"):
        ledger.take(big)
    with database.writing() as connection:
        connection.execute(sa.text("PRAGMA max_page_count = 1000000"))
    assert ledger.take(big) == "new"
    database.close()


def test_s4_numbers_are_never_given_twice(tmp_path: Path) -> None:
    """Who reads on from a number would not see an event that has an older one's: AUTOINCREMENT, not the highest + 1."""
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    ledger = StoredLedger(database)
    ledger.take(at(1))
    with database.writing() as connection:
        connection.execute(sa.delete(EVENT))
    ledger.take(at(2))
    assert [number for number, _, _ in ledger.events()] == [2]
    database.close()


def test_the_tables_are_strict(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'store.db'}").close()
    connection = sqlite3.connect(tmp_path / "store.db")
    loose = connection.execute(
        "SELECT name FROM pragma_table_list WHERE strict = 0 AND type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    connection.close()
    assert loose == [("alembic_version",)]
