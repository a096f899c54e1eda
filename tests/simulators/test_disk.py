"""The disks that trials are made on: held against what a file system promises, for a trial proves no more than they."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.disk import FULL, IOERR_FSYNC, Moment, RecordingDisk, available
from simulators.disk.moment import Change, File

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _wrapped() -> None:
    if not available():
        pytest.skip("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[RecordingDisk]:
    folder = tmp_path / "live"
    folder.mkdir()
    disk = RecordingDisk(folder)
    yield disk
    disk.close()


def connect(disk: RecordingDisk, level: str = "FULL", name: str = "a.db") -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{disk.folder / name}?vfs={disk.name}", uri=True, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {level}")
    connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
    return connection


def numbers(folder: Path, name: str = "a.db") -> list[int]:
    if not (folder / name).exists():
        return []
    connection = sqlite3.connect(folder / name)
    try:
        return [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]
    except sqlite3.OperationalError:  # not even the table
        return []
    finally:
        connection.close()


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


# --- what a cut leaves --------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "left"), [("FULL", [1, 2, 3]), ("NORMAL", []), ("OFF", [])])
def test_a_cut_leaves_what_was_synced(disk: RecordingDisk, tmp_path: Path, level: str, left: list[int]) -> None:
    connection = connect(disk, level)
    sync_folder(disk.folder)
    for x in (1, 2, 3):
        connection.execute("INSERT INTO t VALUES (?)", (x,))
    disk.cut(tmp_path / "none", "none")
    disk.cut(tmp_path / "all", "all")
    assert numbers(tmp_path / "none") == left
    assert numbers(tmp_path / "all") == [1, 2, 3]
    assert disk.moment().certain is (level == "FULL")
    connection.close()


def test_with_everything_kept_the_image_is_the_disk(disk: RecordingDisk, tmp_path: Path) -> None:
    connection = connect(disk, "NORMAL")
    dice = random.Random(1)
    for x in range(300):
        connection.execute("INSERT INTO t VALUES (?)", (dice.randbytes(dice.randrange(9_000)),))
        if x % 50 == 49:
            connection.execute("DELETE FROM t WHERE rowid % 3 = 0")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk.cut(tmp_path / "image", "all")
    for name in ("a.db", "a.db-wal"):
        assert (tmp_path / "image" / name).read_bytes() == (disk.folder / name).read_bytes()
    connection.close()
    disk.cut(tmp_path / "closed", "all")
    assert [path.name for path in (tmp_path / "closed").iterdir()] == ["a.db"]
    assert (tmp_path / "closed" / "a.db").read_bytes() == (disk.folder / "a.db").read_bytes()


def test_a_name_is_durable_once_its_folder_was_synced(disk: RecordingDisk, tmp_path: Path) -> None:
    made = disk.folder / "deep" / "a.db"
    made.parent.mkdir()
    made.touch()
    connection = connect(disk, name="deep/a.db")  # whose journal's first sync is one of `deep`, as SQLite has it
    connection.execute("INSERT INTO t VALUES (1)")
    disk.cut(tmp_path / "unsynced", "none")
    assert not list((tmp_path / "unsynced").iterdir())
    sync_folder(disk.folder)
    disk.cut(tmp_path / "synced", "none")
    assert numbers(tmp_path / "synced", "deep/a.db") == [1]
    connection.close()


def test_renaming_is_durable_once_the_folder_was_synced(disk: RecordingDisk, tmp_path: Path) -> None:
    connect(disk).close()
    sync_folder(disk.folder)
    (disk.folder / "a.db").rename(disk.folder / "b.db")
    disk.cut(tmp_path / "none", "none")
    disk.cut(tmp_path / "all", "all")
    sync_folder(disk.folder)
    disk.cut(tmp_path / "synced", "none")
    left = [[path.name for path in (tmp_path / name).iterdir()] for name in ("none", "all", "synced")]
    assert left == [["a.db"], ["b.db"], ["b.db"]]


def test_a_log_deleted_at_closing_may_be_there_again(disk: RecordingDisk, tmp_path: Path) -> None:
    connection = connect(disk)
    sync_folder(disk.folder)
    connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    disk.cut(tmp_path / "none", "none")
    assert (tmp_path / "none" / "a.db-wal").exists()  # SQLite does not sync the folder then
    assert numbers(tmp_path / "none") == [1]


def test_a_deletion_and_what_took_the_name_are_told_apart() -> None:
    old, new = File(b"old"), File(b"new")
    names: dict[str, File | None] = {"log": old}
    Change(None, "log", new).apply(names)  # the deletion of the old one did not reach the disk
    Change("log", None, old).apply(names)
    assert names == {"log": new}


def test_dice_keep_any_subset_torn_at_sectors_and_always_the_same(tmp_path: Path) -> None:
    file = File(b"a" * 2_048, [(0, b"b" * 1_024), (1_500, b"c" * 1_000), (2_500, None), (512, b"d" * 512)])
    moment = Moment({"x": file}, (Change(None, "y", File(b"y")),))
    images: list[bytes] = []
    for seed in (*range(400), *range(400)):
        moment.cut(tmp_path / str(len(images)), random.Random(seed))
        folder = tmp_path / str(len(images))
        images.append((folder / "x").read_bytes() + (b"y" if (folder / "y").exists() else b""))
    assert images[:400] == images[400:]
    assert len(set(images)) > 40
    firsts = {image[:1_024:512] for image in images}
    assert firsts >= {b"aa", b"bb", b"ab", b"ba", b"ad", b"bd"}  # each sector by itself
    assert {image[1_499:1_501] for image in images} >= {b"aa", b"ac"}  # and never a byte that was not written
    assert all(set(image[:512]) in ({ord("a")}, {ord("b")}) for image in images)
    assert {len(image) - image.endswith(b"y") for image in images} >= {2_048, 2_500}


def test_a_moment_stays_as_it_was(disk: RecordingDisk, tmp_path: Path) -> None:
    connection = connect(disk, "NORMAL")
    connection.execute("INSERT INTO t VALUES (1)")
    moment = disk.moment()
    connection.execute("INSERT INTO t VALUES (2)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    moment.cut(tmp_path / "then", "all")
    assert numbers(tmp_path / "then") == [1]
    connection.close()


# --- one disk among others ----------------------------------------------------------------------------


def test_several_disks_know_nothing_of_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = disks = [RecordingDisk(folder) for folder in folders]
    connections = [connect(disk, "NORMAL") for disk in disks]
    syncs = two.syncs
    connections[0].execute("INSERT INTO t VALUES (1)")
    assert (one.moment().certain, two.moment().certain, two.syncs) == (False, False, syncs)
    one.fail["write"] = FULL
    connections[1].execute("INSERT INTO t VALUES (2)")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        connections[0].execute("INSERT INTO t VALUES (3)")
    one.heal()
    for disk, connection, left in zip(disks, connections, ([1], [2]), strict=True):
        disk.cut(tmp_path / disk.name, "all")
        assert numbers(tmp_path / disk.name) == left
        connection.close()
        disk.close()


def test_a_disk_taken_up_after_a_cut_goes_on(disk: RecordingDisk, tmp_path: Path) -> None:
    connection = connect(disk)
    sync_folder(disk.folder)
    connection.execute("INSERT INTO t VALUES (1)")
    disk.cut(tmp_path / "next", "none")
    connection.close()
    other = RecordingDisk(tmp_path / "next")
    connection = connect(other)
    connection.execute("INSERT INTO t VALUES (2)")
    other.cut(tmp_path / "last", "none")
    assert numbers(tmp_path / "last") == [1, 2]
    connection.close()
    other.close()


def test_what_is_held_in_memory_is_bounded_by_the_files(disk: RecordingDisk) -> None:
    connection = connect(disk)
    for _ in range(20):
        for _ in range(50):
            connection.execute("INSERT INTO t VALUES (zeroblob(500))")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    moment = disk.moment()
    assert not any(file.pending for file in moment.names.values() if file)
    held = sum(len(file.synced) for file in moment.names.values() if file)
    there = sum(path.stat().st_size for path in disk.folder.iterdir() if not path.name.endswith("-shm"))
    assert held == there
    connection.close()


def test_a_file_of_another_disk_is_refused(disk: RecordingDisk, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        sqlite3.connect(f"file:{tmp_path}/elsewhere.db?vfs={disk.name}", uri=True)
    assert isinstance(disk.error, ValueError)
    with pytest.raises(ValueError, match="whose disk this is"):
        disk.moment()


def test_once_closed_everything_is_as_it_was(tmp_path: Path) -> None:
    before = [os.open, os.mkdir, os.rename, os.replace, os.unlink, os.remove, os.fsync]
    disk = RecordingDisk(tmp_path)
    connection = connect(disk)
    disk.close()
    connection.execute("INSERT INTO t VALUES (1)")  # what is open goes on
    connection.close()
    assert [os.open, os.mkdir, os.rename, os.replace, os.unlink, os.remove, os.fsync] == before
    with pytest.raises(sqlite3.OperationalError, match="no such vfs"):
        connect(disk)


# --- syncs told, failed, counted ----------------------------------------------------------------------


def test_each_sync_is_told_before_and_after_with_its_number(disk: RecordingDisk, tmp_path: Path) -> None:
    connection = connect(disk)
    told: list[tuple[str, int, bool]] = []
    first = disk.syncs + 1
    disk.before_sync = lambda number: told.append(("before", number, disk.moment().certain))
    disk.after_sync = lambda number: told.append(("after", number, disk.moment().certain))
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("INSERT INTO t VALUES (2)")
    assert told == [
        ("before", first, False),
        ("after", first, True),
        ("before", first + 1, False),
        ("after", first + 1, True),
    ]
    connection.close()


def test_a_sync_that_fails_makes_nothing_durable(disk: RecordingDisk, tmp_path: Path) -> None:
    connection = connect(disk)
    sync_folder(disk.folder)
    disk.fail["sync"] = IOERR_FSYNC
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(OSError, match="input/output"):
        sync_folder(disk.folder)
    disk.cut(tmp_path / "none", "none")
    assert numbers(tmp_path / "none") == []
    disk.heal()
    connection.close()


def test_a_defect_in_a_hook_is_an_io_error_and_is_kept(disk: RecordingDisk) -> None:
    connection = connect(disk)

    def broken(_number: int) -> None:
        raise LookupError("a defect of the trial")

    disk.before_sync = broken
    with pytest.raises(sqlite3.OperationalError, match="I/O"):
        connection.execute("INSERT INTO t VALUES (1)")
    disk.before_sync = None
    with pytest.raises(LookupError):
        disk.moment()
    connection.close()


KILLED = """
import os, signal, sqlite3, sys
from simulators.disk import DISK, available
assert available(default=True)
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for pragma in ("journal_mode = WAL", "synchronous = FULL"):
    connection.execute("PRAGMA " + pragma)
connection.execute("CREATE TABLE t (x)")
first = DISK.syncs
hook = lambda number: number == first + 3 and os.kill(os.getpid(), signal.SIGKILL)
setattr(DISK, sys.argv[2], hook)
for x in range(1, 10):
    connection.execute("INSERT INTO t VALUES (?)", (x,))
    print(x, flush=True)
"""


@pytest.mark.parametrize("moment", ["before_sync", "after_sync"])
def test_a_process_can_have_it_as_its_only_disk_and_end_at_a_sync(tmp_path: Path, moment: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "a.db"), moment],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (-9, "1\n2\n")
    assert numbers(tmp_path)[:2] == [1, 2]
