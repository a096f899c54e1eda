"""Keys are changed under everything that is sealed; none goes while anything it sealed is there."""

import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from centre.attaching.hooks import HookBook
from centre.console.plan_texts import PLACE, PlanText, PlanTexts
from centre.store import resealing
from centre.store.database import Database
from centre.store.records import Person, Record, Records
from centre.store.resealing import DRAFT, SEALED, SETTLED_MS, forget, in_use, reseal
from centre.store.schema import HOME_RECORD, KEPT, METADATA
from centre.store.sealing import Keyring, SealError
from centre.work.plans import PlanBook
from tests.support.renewing import HandClock
from tests.support.staff import Member, make_roster, member

ADA = Record(persons=(Person(ref="p1", name="Ada"),), address="12 Square", notes="x", hazards="y", telephone="1")


class Everything:
    """All that is sealed, by those who seal it."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        clock = HandClock()
        self.clock, self.records = clock, Records(database, keyring)
        self.plans, self.texts = PlanBook(database, keyring, clock), PlanTexts(database, keyring)
        self.hooks = HookBook(database, keyring)
        roster = make_roster(database, keyring, clock)
        self.staff: list[Member] = [member(roster, clock, name) for name in ("asha", "bo")]
        roster.add("shell", "new-one", "New", "operator")  # has no secret yet
        self.records.keep("hub-1", ADA, "supervisor", "sue", 1)
        self.numbers = [self.plans.send(hub, {"version": 1, "of": hub}, "sue") for hub in ("hub-1", "hub-2", "hub-1")]
        for hub in ("hub-1", "hub-2"):
            self.texts.keep(hub, PlanText(text=hub, by="sue", at_ms=1))
        _, self.hook = self.hooks.add("https://example.org/x", "sue", 1)
        self.secret = self.hooks.secret(self.hook.id)

    def check(self) -> None:
        """Open everything."""
        assert self.records.record("hub-1", "operator", "ann", "w", 5).record == ADA
        assert [self.plans.document(each)["of"] for each in self.numbers] == ["hub-1", "hub-2", "hub-1"]
        assert [text.text for hub in ("hub-1", "hub-2") if (text := self.texts.get(hub))] == ["hub-1", "hub-2"]
        assert self.hooks.secret(self.hook.id) == self.secret
        for each in self.staff:
            each.sign_in()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


@pytest.fixture
def keyring(path: Path) -> Keyring:
    return Keyring.make(path)


def settled(database: Database, keyring: Keyring) -> tuple[str, ...]:
    """Forget old keys, a minute after the newest came."""
    return forget(database, keyring, keyring.changed_ms + SETTLED_MS)


def used(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(in_use(connection))


def test_all_that_is_sealed_is_sealed_anew_and_the_old_key_goes(
    database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "AT_ONCE", 2)
    held = Everything(database, keyring)
    with database.writing() as connection:  # others of the kept are left alone
        connection.execute(sa.insert(KEPT).values(name="plan-texts", body=b"not sealed"))
    old = keyring.newest
    keyring.rotate()
    assert used(database) == {old}
    held.check()
    assert reseal(database, keyring).count == 5 + 3 + 2 + 1 + 2
    assert used(database) == {keyring.newest}
    assert settled(database, keyring) == (old,)
    assert reseal(database, keyring) == resealing.Resealed(0)
    assert keyring.ids == {keyring.newest}
    held.check()


def test_no_key_goes_while_anything_that_it_sealed_is_there(database: Database, keyring: Keyring) -> None:
    Everything(database, keyring)
    keyring.rotate()
    for sort in SEALED:
        with pytest.raises(SealError, match="is there still, such as "):
            settled(database, keyring)
        with database.writing() as connection:
            connection.execute(sa.delete(sort.table))
    assert len(settled(database, keyring)) == 1


def test_a_key_goes_a_minute_after_its_successor_came_and_no_sooner(database: Database, keyring: Keyring) -> None:
    keyring.rotate()
    now_ms = keyring.changed_ms
    for early in (now_ms, now_ms + SETTLED_MS - 1, now_ms - 1):
        with pytest.raises(SealError, match="wait"):
            forget(database, keyring, early)
    assert len(keyring.ids) == 2
    assert len(forget(database, keyring, now_ms + SETTLED_MS)) == 1
    assert forget(database, keyring, now_ms) == ()


def test_what_cannot_be_opened_is_named_and_keeps_its_key(database: Database, keyring: Keyring) -> None:
    held = Everything(database, keyring)
    with database.writing() as connection:
        spoilt = sa.update(HOME_RECORD).where(HOME_RECORD.c.field == "notes").values(sealed=b"spoilt")
        connection.execute(spoilt)
    old = keyring.newest
    keyring.rotate()
    done = reseal(database, keyring)
    assert (done.count, done.damaged) == (12, ("home_record hub-1 notes",))
    with pytest.raises(SealError, match=f"{old}.*home_record"):
        settled(database, keyring)
    held.records.keep("hub-1", ADA, "supervisor", "sue", 9)  # written anew, as it says
    assert settled(database, keyring) == (old,)
    held.check()


def test_processes_that_are_at_work_open_and_seal_with_the_new_key_at_once(
    database: Database, keyring: Keyring, path: Path
) -> None:
    held = Everything(database, keyring)
    before, offered = keyring.newest, keyring.seal(b"x", "p")
    other = Keyring.load(path)  # the command's
    new = other.rotate()
    assert keyring.seal(b"x", "p").key_id == new
    reseal(database, other)
    assert settled(database, other) == (before,)
    with pytest.raises(SealError, match="no key"):
        keyring.open(offered, "p")  # what a form still carries is not opened, and so not kept
    held.check()
    assert keyring.ids == {new}


def test_a_key_file_that_cannot_be_read_is_used_as_it_was_and_never_written_over(keyring: Keyring, path: Path) -> None:
    sealed = keyring.seal(b"x", "p")
    whole = path.read_bytes()
    for spoil in (lambda: path.write_bytes(b"{"), path.unlink):
        spoil()
        assert keyring.open(keyring.seal(b"y", "p"), "p") == b"y"
        assert keyring.open(sealed, "p") == b"x"
        with pytest.raises(SealError, match="bring it back"):
            keyring.rotate()
    path.touch(0o600)
    path.write_bytes(whole)
    assert keyring.ids == {sealed.key_id}


def test_whoever_writes_meanwhile_loses_nothing(
    database: Database, keyring: Keyring, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "AT_ONCE", 1)
    records, stop, written = Records(database, keyring), threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            written[0] += 1
            records.keep("hub-1", Record(notes=str(written[0])), "supervisor", "sue", 1)

    Everything(database, keyring)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        other = Keyring.load(path)
        for _ in range(3):
            other.rotate()
            reseal(database, other)
    finally:
        stop.set()
        thread.join()
    reseal(database, other)
    assert len(settled(database, other)) == 3
    assert records.record("hub-1", "operator", "ann", "w", 5).record == Record(notes=str(written[0]))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write what is another's")
def test_what_root_changes_stays_whose_it_was(keyring: Keyring, path: Path) -> None:
    os.chown(path, 12_345, 12_346)
    keyring.rotate()
    assert (path.stat().st_uid, path.stat().st_gid) == (12_345, 12_346)


def test_every_table_that_names_a_key_is_known() -> None:
    named = {name for name, table in METADATA.tables.items() if "key_id" in table.c}
    assert named <= {each.table.name for each in SEALED}
    assert DRAFT == PLACE
