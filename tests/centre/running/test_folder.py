"""The centre's folder: made once, opened again as it is, copied whole; what is lost is not made anew."""

import contextlib
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from agent.clock import SystemClock
from agent.wire.enrolment import WayIn
from centre.running import copying
from centre.running.copying import copy_folder
from centre.running.folder import BROKER, KEYRING, SITE, STORE, DataFolder
from centre.running.settings import FILE, SetUpError
from centre.site.site import Site, SiteSettings
from centre.store import database
from centre.store.schema import HOME_RECORD
from centre.store.sealing import Keyring

CLOCK = SystemClock()


def made(path: Path) -> DataFolder:
    """Make all there is, and close it."""
    folder = DataFolder(path)
    choices = folder.choices()
    folder.site(CLOCK).close()
    with contextlib.closing(folder.database(choices)) as store:
        folder.keyring(store)
    return folder


def seal_something(folder: DataFolder) -> None:
    row = {"hub": "hub-1", "field": "address", "key_id": "k", "sealed": b"s", "changed_ms": 1}
    with contextlib.closing(folder.database(folder.choices())) as store, store.writing() as connection:
        connection.execute(sa.insert(HOME_RECORD).values(row))


def test_what_is_missing_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "centre"
    folder = made(path)
    assert folder.made == [FILE, SITE, KEYRING]
    before = {each: each.read_bytes() for each in path.rglob("*") if each.is_file()}
    assert made(path).made == []
    assert {each: each.read_bytes() for each in before if "store" not in each.name} == {
        each: content for each, content in before.items() if "store" not in each.name
    }
    for each in (path, *path.rglob("*")):
        assert not stat.S_IMODE(each.stat().st_mode) & 0o077, each


def test_a_site_that_was_made_before_is_taken_as_it_is(tmp_path: Path) -> None:
    way = WayIn(host="mqtt.example.org", port=1)
    settings = SiteSettings(name="Ours", enrolment="enrol.example.org:2", way=(way,))
    Site.create(tmp_path / SITE, settings, CLOCK.now().wall_ms).close()
    with contextlib.closing(DataFolder(tmp_path).site(CLOCK)) as site:
        assert site.settings == settings


def test_processes_that_start_at_once_find_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making the tables may last longer than a transaction waits for another's."""
    monkeypatch.setattr("centre.store.database.BUSY_MS", 50)
    upgraded = database.upgrade

    def slowly(connection: sa.Connection) -> None:
        upgraded(connection)
        time.sleep(0.3)

    monkeypatch.setattr(database, "upgrade", slowly)

    def opened(_: int) -> None:
        folder = DataFolder(tmp_path)
        folder.database(folder.choices()).close()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(opened, range(3)))


def test_a_lost_sealing_key_is_not_made_anew(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (tmp_path / KEYRING).unlink()
    with contextlib.closing(folder.database(folder.choices())) as store:
        folder.keyring(store)  # nothing was sealed: another is as good
        (tmp_path / KEYRING).unlink()
        seal_something(folder)
        with pytest.raises(SetUpError, match="bring it back"):
            folder.keyring(store)
    assert not (tmp_path / KEYRING).exists()


def test_the_older_of_two_keys_signs(tmp_path: Path) -> None:
    folder = made(tmp_path)
    first = folder.signing_key().thumbprint()
    with contextlib.closing(folder.site(CLOCK)) as site:
        site.rotate_centre_key("add", CLOCK.now().wall_ms)
        assert folder.signing_key().thumbprint() == first
        site.rotate_centre_key("finish", CLOCK.now().wall_ms, now=True)
    assert folder.signing_key().thumbprint() != first


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetUpError, match="file"):
        DataFolder(tmp_path / "file" / "centre").choices()


# --- the copy -------------------------------------------------------------------------------------------


def test_a_copy_of_a_centre_at_work_is_a_centre(tmp_path: Path) -> None:
    path, to = tmp_path / "centre", tmp_path / "copies" / "today"
    folder = made(path)
    seal_something(folder)
    (path / BROKER).mkdir()
    (path / BROKER / "broker.key").write_text("laid anew")
    with contextlib.closing(folder.database(folder.choices())) as held, held.writing() as connection:
        connection.execute(sa.update(HOME_RECORD).values(field="half-written"))
        told = copy_folder(path, to)
    assert KEYRING in " ".join(told)
    copied = {str(each.relative_to(to)) for each in to.rglob("*") if each.is_file()}
    assert {FILE, STORE, KEYRING, f"{SITE}/registry.db", f"{SITE}/site.toml", f"{SITE}/centre/centre-1.key"} <= copied
    assert not [each for each in copied if each.startswith(BROKER) or each.endswith(("-wal", "-shm", ".lock"))]
    assert made(to).made == []
    with contextlib.closing(sqlite3.connect(to / STORE)) as copied_store:
        assert copied_store.execute("SELECT field FROM home_record").fetchall() == [("address",)]
    for each in (to, *to.rglob("*")):
        assert not stat.S_IMODE(each.stat().st_mode) & 0o077, each


def test_a_copy_without_a_key_that_its_store_may_need_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, to = tmp_path / "centre", tmp_path / "copy"
    made(path)
    copied = copying._copy_database

    def while_the_key_is_changed(source: Path, target: Path) -> None:
        copied(source, target)
        keyring = Keyring.load(path / KEYRING)
        old = keyring.newest
        keyring.rotate()
        keyring.forget(old, ())

    with monkeypatch.context() as changed:
        changed.setattr(copying, "_copy_database", while_the_key_is_changed)
        with pytest.raises(SetUpError, match="run it again"):
            copy_folder(path, to)
    assert not to.exists()
    copy_folder(path, to)


def test_a_copy_is_never_laid_over_another_nor_into_itself(tmp_path: Path) -> None:
    path = tmp_path / "centre"
    made(path)
    for to, told in ((tmp_path, "already"), (path / "copy", "elsewhere")):
        with pytest.raises(SetUpError, match=told):
            copy_folder(path, to)
    with pytest.raises(SetUpError, match="no centre"):
        copy_folder(tmp_path / "nowhere", tmp_path / "copy")


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path, to = tmp_path / "centre", tmp_path / "copy"
    made(path)
    (path / STORE).write_bytes(b"no database of anybody's" * 100)
    with pytest.raises(SetUpError, match="not copied"):
        copy_folder(path, to)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["centre"]
