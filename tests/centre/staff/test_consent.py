"""The consent register, acting against it in an emergency, and what the audit tells of both."""

import msgspec
import pytest
import sqlalchemy as sa

from centre.staff.auditing import AuditBook
from centre.staff.consent import GIVEN, OVERRIDE_MS, WITHDRAWN, Consents
from centre.staff.values import Operator, StaffError
from centre.store.cases import AuditRow, Cases
from centre.store.database import Database
from centre.store.schema import CONSENT
from tests.support.renewing import HandClock

ASHA = Operator(name="asha", shown="Asha", role="operator")


@pytest.fixture
def consents(database: Database, clock: HandClock) -> Consents:
    return Consents(database, clock)


def test_what_stands_is_the_newest_answer_of_each_person_to_each_thing(consents: Consents, clock: HandClock) -> None:
    consents.give("hub-a", "resident", "listen-in", by="ivo", how="in person")
    clock.later(1_000)
    consents.give("hub-a", "partner", "listen-in", by="ivo", how="in person")
    consents.withdraw("hub-a", "resident", "listen-in", by="asha", how="by telephone")
    consents.give("hub-b", "resident", "listen-in", by="ivo", how="in person")
    stands = [(each.person, each.what, each.given, each.who) for each in consents.standing("hub-a")]
    assert stands == [("partner", "listen-in", GIVEN, "ivo"), ("resident", "listen-in", WITHDRAWN, "asha")]
    assert [each.given for each in consents.history("hub-a")] == [WITHDRAWN, GIVEN, GIVEN]
    assert consents.allows("hub-a", "partner", "listen-in")
    assert not consents.allows("hub-a", "resident", "listen-in")
    assert not consents.allows("hub-a", "partner", "share-contacts"), "what nobody was asked is not agreed to"


def test_nothing_in_it_is_changed_or_taken_out(consents: Consents, database: Database) -> None:
    consents.give("hub-a", "resident", "listen-in", by="ivo", how="in person")
    for statement in (sa.update(CONSENT).values(given=WITHDRAWN), sa.delete(CONSENT)):
        with pytest.raises(Exception, match="append-only"), database.writing() as connection:
            connection.execute(statement)
    assert len(consents.history("hub-a")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"hub": "Hub A"},
        {"hub": "../x"},
        {"person": ""},
        {"person": "two words"},
        {"person": "x" * 65},
        {"person": "a\0b"},
        {"what": "anything"},
        {"how": " "},
        {"how": "x" * 201},
        {"given": "perhaps"},
    ],
)
def test_what_cannot_be_entered(consents: Consents, wrong: dict[str, str]) -> None:
    right = {"hub": "hub-a", "person": "resident", "what": "listen-in", "given": GIVEN, "by": "ivo", "how": "in person"}
    with pytest.raises(StaffError):
        consents.enter(**{**right, **wrong})
    assert consents.history("hub-a") == []


def test_an_emergency_is_entered_with_its_reason_and_holds_for_four_hours(
    consents: Consents, clock: HandClock, database: Database
) -> None:
    for why in ("", "urgent", "x" * 200):
        with pytest.raises(StaffError, match="what has happened"):
            consents.override("hub-a", "share-emergency-services", by=ASHA, why=why)
    consents.override("hub-a", "share-emergency-services", by=ASHA, why="unconscious, ambulance asks for medicines")
    assert consents.allows("hub-a", "resident", "share-emergency-services")
    assert not consents.allows("hub-a", "resident", "listen-in"), "for one purpose"
    assert not consents.allows("hub-b", "resident", "share-emergency-services"), "in one home"
    book = AuditBook(database)
    ((_, look),) = book.looks(emergencies=True)
    assert (look.who, look.hub, look.fields) == ("asha", "hub-a", "share-emergency-services")
    assert look.why == "emergency: unconscious, ambulance asks for medicines"
    assert [(each.what, each.hub, each.more) for each in book.done()] == [
        ("emergency-override", "hub-a", (("purpose", "share-emergency-services"),))
    ]
    clock.later(OVERRIDE_MS)
    assert not consents.allows("hub-a", "resident", "share-emergency-services")
    assert len(book.looks(emergencies=True)) == 1, "it is told of for as long as looks are kept"


def test_the_audit_gives_pages_and_parts(database: Database) -> None:
    rows = [AuditRow(at_ms=n, who=f"who-{n % 2}", what="did", hub=f"hub-{n % 3}", case_id=f"c{n}") for n in range(12)]
    Cases(database).keep([], rows)
    book = AuditBook(database)
    assert [each.at_ms for each in book.done(limit=5)] == [11, 10, 9, 8, 7]
    assert [each.at_ms for each in book.done(limit=5, before=book.done(limit=5)[-1].number)] == [6, 5, 4, 3, 2]
    assert [each.at_ms for each in book.done(who="who-1", hub="hub-2")] == [11, 5]
    assert [each.at_ms for each in book.done(case_id="c7")] == [7]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{}", ()),
        (b"not json", ()),
        (b"\xff", ()),
        (b"[1]", ()),
        (b'{"text":"Mrs Kumari, 12 High Street","by":"asha","kind":"x"}', (("kind", "x"),)),
        (b'{"fields":["name","address"]}', (("fields", "name, address"),)),
        (b'{"before":{"address":"12 High Street"},"after":null,"count":2}', (("count", "2"),)),
        (b'{"count":true}', (("count", "yes"),)),
        (msgspec.json.encode({"name": "x" * 1_000}), (("name", "x" * 80),)),
    ],
)
def test_of_an_entry_only_words_are_told_that_are_not_personal(database: Database, body: bytes, told: object) -> None:
    Cases(database).keep([], [AuditRow(at_ms=1, who="asha", what="did", body=body)])
    assert AuditBook(database).done()[0].more == told
