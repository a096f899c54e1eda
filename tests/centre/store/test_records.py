"""People's data: sealed on the disk, shown by role, no look unrecorded, and there when it is needed."""

import logging
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from centre.intake import LedgerDownError
from centre.store.cases import Cases
from centre.store.database import Database
from centre.store.records import (
    CHANGED,
    FIELDS,
    SHOWN,
    ContactPerson,
    Health,
    NotAllowedError,
    Person,
    Record,
    Records,
    Role,
)
from centre.store.resealing import reseal
from centre.store.schema import HOME_RECORD, LOOK
from centre.store.sealing import Keyring

ADA = Record(
    persons=(Person(ref="p1", name="Ada Lovelace", language="ur"),),
    address="12 St James's Square",
    telephone="+44 20 7946 0018",
    access="side gate",
    key_safe="1815",
    contacts=(ContactPerson(ref="c1", name="Annabella", telephone="+44 20 7946 0019", holds_key=True),),
    hazards="a large dog",
    health=(Health(ref="p1", born="1815-12-10", needs="insulin"),),
    notes="hard of hearing",
)
WORDS = [b"Ada", b"James", b"7946", b"side gate", b"1815", b"Annabella", b"dog", b"insulin", b"hearing"]


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.make(tmp_path / "records.key")


@pytest.fixture
def records(database: Database, keyring: Keyring) -> Records:
    made = Records(database, keyring)
    made.keep("hub-1", ADA, "supervisor", "sue", 1)
    return made


@pytest.mark.parametrize("role", ["operator", "supervisor", "installer"])
def test_s11_a_role_sees_its_fields_and_that_there_are_others(records: Records, role: Role) -> None:
    shown = records.record("hub-1", role, "ann", "case-1", 5)
    seen = {name for name in FIELDS if getattr(shown.record, name)}
    assert seen == SHOWN[role]
    assert set(shown.hidden) == set(FIELDS) - SHOWN[role]
    assert all(getattr(shown.record, name) == getattr(ADA, name) for name in seen)
    assert records.record("hub-2", role, "ann", "case-1", 6).record == Record()


def test_s11_an_installer_sees_no_health_and_no_key_safe() -> None:
    assert not SHOWN["installer"] & {"health", "key_safe", "contacts", "notes"}
    assert not SHOWN["auditor"]
    assert all(CHANGED[role] <= SHOWN[role] for role in SHOWN)


def test_s11_an_auditor_or_a_made_up_role_sees_nothing(records: Records) -> None:
    for role in ("auditor", "root", ""):
        with pytest.raises(NotAllowedError):
            records.record("hub-1", role, "eve", "curious", 5)  # type: ignore[arg-type]
    assert records.looks() == []


@pytest.mark.parametrize(("operator", "why"), [("", "case-1"), ("ann", ""), ("ann", "  "), ("ann", "x" * 201)])
def test_s11_who_does_not_say_why_sees_nothing(records: Records, operator: str, why: str) -> None:
    with pytest.raises(NotAllowedError, match="why"):
        records.record("hub-1", "operator", operator, why, 5)
    assert records.looks() == []


def test_s11_every_look_is_recorded_with_what_there_was_to_see(records: Records) -> None:
    records.record("hub-1", "installer", "ian", "replaces the box", 5)
    records.record("hub-9", "operator", "ann", "case-7", 6)
    (_, first), (number, second) = records.looks()
    assert (first.at_ms, first.hub, first.who, first.role, first.why) == (
        5,
        "hub-1",
        "ian",
        "installer",
        "replaces the box",
    )
    assert set(first.fields.split()) == SHOWN["installer"]
    assert (second.hub, second.fields) == ("hub-9", "")  # nothing is known of this home, and somebody asked
    assert records.looks(hub="hub-1") == [(number - 1, first)]
    assert records.looks(after=number) == []


@pytest.mark.parametrize("attempt", ["UPDATE look SET who = 'x'", "DELETE FROM look"])
def test_s11_a_look_cannot_be_taken_back(database: Database, records: Records, attempt: str) -> None:
    records.record("hub-1", "operator", "ann", "case-1", 5)
    with pytest.raises(LedgerDownError, match="append-only"), database.writing() as connection:
        connection.execute(sa.text(attempt))
    assert len(records.looks()) == 1


def test_s11_nothing_personal_is_readable_in_the_database_or_its_audit(
    database: Database, records: Records, tmp_path: Path
) -> None:
    records.keep("hub-1", replace(ADA, notes="moved the key"), "operator", "ann", 2)
    with database.reading() as connection:
        rows = connection.execute(sa.select(HOME_RECORD.c.sealed)).scalars().all()
    said = [row.body for _, row in Cases(database).audit()]
    files = [path.read_bytes() for path in tmp_path.glob("store.db*")]
    assert [word for word in WORDS for content in (*rows, *said, *files) if word in content and len(word) > 4] == []
    assert msgspec.json.decode(said[1]) == {"fields": ["notes"], "role": "operator"}


@pytest.mark.parametrize(
    ("role", "change"), [("operator", replace(ADA, address="x")), ("installer", replace(ADA, persons=()))]
)
def test_a_role_changes_what_is_its_own(records: Records, role: Role, change: Record) -> None:
    changed = {name for name in FIELDS if getattr(change, name) != getattr(ADA, name)}
    if changed <= CHANGED[role]:
        records.keep("hub-1", change, role, "ann", 6)
        expected = change
    else:
        with pytest.raises(NotAllowedError, match="does not change"):
            records.keep("hub-1", change, role, "ann", 6)
        expected = ADA
    assert records.record("hub-1", "supervisor", "sue", "check", 9).record == expected


@pytest.mark.parametrize("role", ["installer", "auditor"])
def test_what_a_role_cannot_see_it_does_not_wipe(records: Records, role: Role) -> None:
    seen = Record(persons=ADA.persons, address=ADA.address, telephone=ADA.telephone, access="back", hazards=ADA.hazards)
    records.keep("hub-1", seen, role, "ian", 8)
    kept = records.record("hub-1", "supervisor", "sue", "check", 9).record
    assert kept == (replace(ADA, access="back") if role == "installer" else ADA)


def test_s12_a_field_is_bounded(records: Records) -> None:
    with pytest.raises(NotAllowedError, match="notes is longer"):
        records.keep("hub-1", replace(ADA, notes="é" * 8_200), "supervisor", "sue", 2)
    assert records.record("hub-1", "operator", "ann", "w", 3).record == ADA


def test_a_damaged_field_hides_no_other(database: Database, records: Records) -> None:
    with database.writing() as connection:
        moved = sa.select(HOME_RECORD.c.sealed).where(HOME_RECORD.c.field == "address").scalar_subquery()
        connection.execute(sa.update(HOME_RECORD).where(HOME_RECORD.c.field == "notes").values(sealed=moved))
    shown = records.record("hub-1", "operator", "ann", "case-1", 5)
    assert shown.damaged == ("notes",)
    assert shown.record == replace(ADA, notes="")
    records.keep("hub-1", ADA, "operator", "ann", 6)  # told again, it is whole again
    assert records.record("hub-1", "operator", "ann", "case-1", 7).record == ADA


def test_a_store_that_can_only_be_read_shows_it_and_owes_the_look(
    database: Database, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    """S3: somebody may be lying on a floor, and the disk is full."""
    with database.writing() as connection:
        connection.execute(sa.text("ALTER TABLE look RENAME TO away"))
    with caplog.at_level(logging.WARNING):
        assert records.record("hub-1", "operator", "ann", "case-1", 5).record == ADA
    assert "ann" in caplog.text
    assert not any(word.decode() in caplog.text for word in WORDS)
    with database.writing() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO look"))
    records.record("hub-1", "operator", "bob", "case-1", 6)
    records.record("hub-1", "operator", "cat", "case-1", 7)
    assert [(look.who, look.at_ms) for _, look in records.looks()] == [("ann", 5), ("bob", 6), ("cat", 7)]


def test_s11_the_look_is_on_the_disk_before_anything_is_opened(
    database: Database, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(*_: object) -> bytes:
        with database.reading() as connection:
            seen.append(connection.scalar(sa.select(sa.func.count()).select_from(LOOK)))
        return b'""'

    seen: list[int | None] = []
    monkeypatch.setattr(Keyring, "open", opening)
    records.record("hub-1", "operator", "ann", "case-1", 5)
    assert set(seen) == {1}


def test_a_key_is_changed_without_anything_being_lost(
    database: Database, records: Records, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.store.resealing.AT_ONCE", 4)
    old = keyring.newest
    keyring.rotate()
    assert records.record("hub-1", "operator", "ann", "w", 5).record == ADA
    assert [reseal(database, keyring).count for _ in range(2)] == [9, 0]
    keyring.forget(old, ())
    assert records.record("hub-1", "operator", "ann", "w", 6).record == ADA
    with database.reading() as connection:
        assert set(connection.scalars(sa.select(HOME_RECORD.c.key_id))) == {keyring.newest}


def test_only_a_supervisor_says_that_a_home_has_left(database: Database, records: Records) -> None:
    others: list[Role] = ["operator", "installer", "auditor"]
    for role in others:
        with pytest.raises(NotAllowedError):
            records.left("hub-1", role, "ann", 5)
    records.left("hub-1", "supervisor", "sue", 6)
    records.left("hub-1", "supervisor", "sue", 7, gone=False)
    assert [row.what for _, row in Cases(database).audit(hub="hub-1")] == ["record-changed", "left", "returned"]
