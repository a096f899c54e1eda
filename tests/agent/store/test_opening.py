"""Opening the store: what was corrupt is put aside, what merely cannot be read today is not touched."""

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.store import schema
from agent.store.errors import StoreError
from agent.store.opening import open_store
from simulators.disk import FULL, IOERR_FSYNC, IOERR_READ, VFS, Disk, RecordingDisk, available
from tests.agent.store.making import batch, row


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_store_is_for_the_hubs_user_alone_and_durable(path: Path) -> None:
    store, quarantined = open_store(path)
    store.commit(batch(row(1)))
    assert not quarantined
    assert mode(path.parent) == 0o700
    assert {mode(each) for each in path.parent.iterdir()} == {0o600}
    assert sorted(each.name for each in path.parent.iterdir()) == ["hub.db", "hub.db-shm", "hub.db-wal"]
    pragmas = [store.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "auto_vacuum")]
    assert pragmas == ["wal", 2]
    store.close()


def test_s1_commits_are_synchronous_full_whatever_the_library_defaults_to(path: Path) -> None:
    for _ in range(2):  # the setting is not kept in the file: it must be made at every opening
        store, _ = open_store(path)
        assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
        store.close()


def test_loose_file_modes_are_tightened(path: Path) -> None:
    open_store(path).store.close()
    path.chmod(0o644)
    open_store(path).store.close()
    assert mode(path) == 0o600


def test_what_was_committed_is_there_after_reopening(path: Path) -> None:
    store, _ = open_store(path)
    assert store.load() is None
    store.commit(batch(row(1), house=b"home"))
    store.close()
    store, quarantined = open_store(path)
    assert (store.load(), store.row("e1-a-1"), quarantined) == (b"home", row(1), False)
    store.close()


def filled(path: Path) -> None:
    store, _ = open_store(path)
    for first in range(0, 200, 20):
        store.commit(batch(*(row(seq, body=b"x" * 500) for seq in range(first, first + 20))))
    store.close()


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def a_few_bytes(path: Path) -> None:
    path.write_bytes(b"not a database")


def a_hole(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 4 : 4096 * 12] = bytes(4096 * 8)
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 4096 * 5])


def no_tables(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE outbox")
    connection.close()


def someone_elses(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "house"),
    [(garbage, None), (a_few_bytes, None), (cut_short, b"{}"), (no_tables, b"{}"), (someone_elses, None)],
)
def test_s7_a_corrupt_store_is_put_aside_and_a_fresh_one_begun(
    path: Path, damage: Callable[[Path], None], house: bytes | None
) -> None:
    filled(path)
    damage(path)
    before = path.read_bytes()
    for number in (1, 2):
        store, quarantined = open_store(path)
        assert quarantined
        assert store.load() == house  # taken over, where there is one to be read
        store.commit(batch(row(1)))  # the fresh one works
        store.close()
        assert path.with_name(f"hub.db.quarantine-{number}").read_bytes() == before  # never deleted, never changed
        path.write_bytes(before)
    other = open_store(path.with_name("other.db"))
    assert not other.quarantined
    other.store.close()


def test_s7_the_log_is_put_aside_with_its_store(path: Path) -> None:
    filled(path)
    store, _ = open_store(path)
    store.commit(batch(row(1000)))
    log = path.with_name("hub.db-wal").read_bytes()
    cut = path.parent.with_name("after-the-cut")  # as a power cut leaves it: the log not yet merged, the file damaged
    cut.mkdir()
    data = b"damaged by a cut" * 256 * 40  # every page: those that are in the log alone can be read
    (cut / "hub.db").write_bytes(data)
    (cut / "hub.db-wal").write_bytes(log)
    store.close()
    opened = open_store(cut / "hub.db")
    assert opened.quarantined
    assert (cut / "hub.db.quarantine-1").read_bytes() == data
    assert (cut / "hub.db.quarantine-1-wal").read_bytes() == log
    opened.store.close()


@pytest.mark.parametrize("left", ["nothing", "empty"])
def test_s7_a_log_without_its_store_is_put_aside_not_deleted(path: Path, left: str) -> None:
    path.parent.mkdir()
    path.with_name("hub.db-wal").write_bytes(b"what was not yet merged")
    if left == "empty":
        path.touch()
    opened = open_store(path)
    assert opened.quarantined
    assert path.with_name("hub.db.quarantine-1-wal").read_bytes() == b"what was not yet merged"
    opened.store.close()


def test_a_store_newer_than_the_code_is_refused_and_left_alone(path: Path) -> None:
    filled(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {len(schema.scripts()) + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"hub\.db: the store has schema 2, .* knows 1: install the newer version"):
        open_store(path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["hub.db"]


def test_schema_steps_are_applied_once_each_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    steps = [*schema.scripts(), "CREATE TABLE later (x);", "ALTER TABLE later ADD COLUMN y;"]
    monkeypatch.setattr(schema, "scripts", lambda: steps)
    for _ in range(2):
        store, quarantined = open_store(path)
        assert not quarantined
        assert store.connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert store.row("e1-a-7") is not None
        store.close()


def test_a_schema_step_that_fails_leaves_the_version_before_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path)
    steps = [*schema.scripts(), "CREATE TABLE later (x); INSERT INTO later VALUES (1, 2);"]
    monkeypatch.setattr(schema, "scripts", lambda: steps)
    with pytest.raises(StoreError, match=r"hub\.db"):
        open_store(path)
    monkeypatch.undo()
    store, quarantined = open_store(path)
    assert not quarantined
    assert store.connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").fetchone() == (0,)
    assert store.row("e1-a-7") is not None
    store.close()


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [("read", IOERR_READ, "input/output error.*check the disk"), ("write", FULL, "full.*free some space")],
)
def test_a_failing_disk_is_not_a_corrupt_store(path: Path, disk: Disk, trouble: str, code: int, words: str) -> None:
    if trouble == "read":
        filled(path)
    disk.fail[trouble] = code
    with pytest.raises(StoreError, match=rf"hub\.db: .*{words}"):
        open_store(path, vfs=VFS)
    disk.heal()
    assert not list(path.parent.glob("*quarantine*"))
    opened = open_store(path, vfs=VFS)
    assert not opened.quarantined
    assert (opened.store.row("e1-a-7") is not None) is (trouble == "read")
    opened.store.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"file.*: .*: give the hub's user"):
        open_store(tmp_path / "file" / "hub.db")


def test_a_store_held_by_another_process_is_refused_not_put_aside(path: Path) -> None:
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="another process holds the store"):
        open_store(path)
    other.close()
    assert not list(path.parent.glob("*quarantine*"))


def crashed(folder: Path, transactions: int) -> bytes:
    """Make a folder with a store as a kill leaves it, all of it in the log; give the log."""
    store, _ = open_store(folder.with_name("living") / "hub.db")
    for seq in range(transactions):
        store.commit(batch(row(seq, body=b"<%d>" % seq * 200), house=b'{"seq":%d}' % seq))
    shutil.copytree(folder.with_name("living"), folder)
    store.close()
    return (folder / "hub.db-wal").read_bytes()


def reopened(folder: Path, log: bytes) -> tuple[bool, bytes | None]:
    """Open a copy with another log; say whether it was put aside, and give the house."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    (copy / "hub.db-wal").write_bytes(log)
    opened = open_store(copy / "hub.db")
    house = opened.store.load()
    opened.store.close()
    shutil.rmtree(copy)
    return opened.quarantined, house


def frames(log: bytes) -> list[tuple[int, bool]]:
    """Give where each frame of a log begins, and whether it ends a transaction."""
    return [(at, any(log[at + 4 : at + 8])) for at in range(32, len(log), 24 + 4096)]


def test_s1_a_log_that_lost_a_promised_commit_is_damage_though_sqlite_says_nothing(tmp_path: Path) -> None:
    log = crashed(tmp_path / "cut", 30)
    ends = [at for at, end in frames(log) if end]
    promised = [at for at, _ in frames(log) if at <= ends[-3]]  # the last ones are as a power cut may tear them
    assert len(promised) > 30
    for at in promised:
        damaged = log[: at + 40] + b"?" * 8 + log[at + 48 :]
        assert reopened(tmp_path / "cut", damaged) == (True, b'{"seq":29}')
    assert reopened(tmp_path / "cut", log[:20] + b"????" + log[24:]) == (True, b'{"seq":29}')
    assert reopened(tmp_path / "cut", log) == (False, b'{"seq":29}')


def test_a_last_transaction_torn_by_a_power_cut_is_no_damage(tmp_path: Path) -> None:
    log = crashed(tmp_path / "cut", 8)
    ends = [at for at, end in frames(log) if end]
    last = [at for at, _ in frames(log) if at > ends[-2]]
    assert len(last) > 2
    for at in last:
        torn = log[: at + 512] + bytes(24 + 4096 - 512) + log[at + 24 + 4096 :]
        assert reopened(tmp_path / "cut", torn) == (False, b'{"seq":6}')
        assert reopened(tmp_path / "cut", log[:at]) == (False, b'{"seq":6}')


def test_s7_opening_leaves_sqlites_locks_where_they_are(path: Path) -> None:
    """Whoever opens the index beside SQLite and closes it drops SQLite's locks on it, as POSIX has it.

    The next process to look would make the index anew under the living hub: SIGBUS, seen in a drain of 20,000.
    """
    for turn in (1, 2):  # a new store, and one that has a log
        opened = open_store(path)
        opened.store.commit(batch(row(turn)))
        inode = path.with_name(path.name + "-shm").stat().st_ino
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        ours = [each for each in locks if each[4] == str(os.getpid()) and each[5].endswith(f":{inode}")]
        assert [each[-2:] for each in ours] == [["128", "128"]]
        log = path.with_name(path.name + "-wal").read_bytes()
        opened.store.close()
        path.with_name(path.name + "-wal").write_bytes(log)  # as a killed process leaves it


def test_s1_what_a_killed_process_left_unsynced_is_made_durable_before_it_is_acted_on(tmp_path: Path) -> None:
    if not available():
        pytest.skip("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = RecordingDisk(folder)
    try:
        first = open_store(folder / "hub.db", vfs=disk.name).store
        first.commit(batch(row(1)))
        disk.fail["sync"] = IOERR_FSYNC  # written, and killed before it was synced
        with pytest.raises(sqlite3.OperationalError):
            first.commit(batch(row(2)))
        disk.heal()
        log = (folder / "hub.db-wal").read_bytes()
        assert not disk.moment().certain
        second = open_store(folder / "hub.db", vfs=disk.name).store
        assert (folder / "hub.db-wal").read_bytes() == log
        assert disk.moment().certain
        second.close()
        first.close()
    finally:
        disk.close()
