"""What is deleted when, and what is not: open cases, homes on hold, what nobody has read yet, and the proof."""

from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from centre.homes import Home
from centre.intake import Aside, Entry, Intake, LedgerDownError
from centre.lanes import Position, Span
from centre.store.cases import AuditRow, CaseRow, Cases, Change, Followed
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.records import Person, Record, Records
from centre.store.retention import DAY_MS, READING, Deletion, Policy, carry_out, merged, plan
from centre.store.schema import DROPPED, LOOK
from centre.store.sealing import Keyring

NOW = 20_000 * DAY_MS


def entry(seq: int, at_ms: int, *, hub: str = "hub-1", kind: str = READING) -> Entry:
    return Entry(hub, f"e1-t-{seq}", "d", kind, b"{}", at_ms, Position("e1", "t", seq))


def case(number: int, changed_ms: int, *, opened: bool = False, hub: str = "hub-1") -> Change:
    row = CaseRow(
        id=f"case-{number}",
        hub=hub,
        state="new" if opened else "resolved",
        priority=1,
        open=opened,
        version=1,
        changed_ms=changed_ms,
        body=b"{}",
        alarms=(f"a-{number}",),
    )
    return Change(row, 0)


def test_the_plan_counts_back_from_now_and_names_who_is_on_hold() -> None:
    planned = {each.what: each for each in plan(Policy(reading_days=3, way_in_days=1), NOW, ["hub-7"])}
    assert planned["reading"] == Deletion("reading", NOW - 3 * DAY_MS, frozenset({"hub-7"}))
    assert planned["way-in"].before_ms == NOW - DAY_MS
    assert planned["case"].before_ms == NOW - 2_922 * DAY_MS
    assert len(planned) == len(Policy.__struct_fields__)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Policy(reading_days=0), "reading: keep it for a day"),
        (Policy(way_in_days=-1), "way-in"),
        (Policy(audit_days=100), "its proof"),
        (Policy(event_days=100), "its proof"),
    ],
)
def test_a_policy_that_destroys_the_proof_is_refused(policy: Policy, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plan(policy, NOW)


def test_old_readings_go_and_the_hub_is_not_asked_for_them_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.store.retention.AT_ONCE", 3)
    ledger = StoredLedger(database)
    for seq in range(1, 11):
        ledger.take(
            entry(seq, NOW - (200 - 20 * seq) * DAY_MS, kind="hearthline.fault.raised" if seq == 4 else READING)
        )
    ledger.take(entry(12, NOW))
    assert carry_out(database, plan(Policy(), NOW), NOW) == {"reading": 4}
    assert [each.id for _, each, _ in ledger.events()] == [f"e1-t-{seq}" for seq in (4, 6, 7, 8, 9, 10, 12)]
    assert [(each.first, each.last) for each in Intake(ledger, {}).missing("hub-1")] == [(11, 11)]
    with database.reading() as connection:
        spans = connection.execute(sa.select(DROPPED.c.first, DROPPED.c.last).order_by(DROPPED.c.first)).all()
    assert [tuple(each) for each in spans] == [(1, 3), (5, 5)]
    assert carry_out(database, plan(Policy(), NOW), NOW) == {}
    ((_, noted),) = Cases(database).audit()
    assert (noted.who, noted.body) == ("retention", b'{"reading":4}')


def test_s2_what_nobody_has_read_yet_stays(database: Database) -> None:
    ledger = StoredLedger(database)
    for seq in (1, 2, 3):
        ledger.take(entry(seq, 0))
    Cases(database).keep([], followed=Followed("cases", 0, 2))
    Cases(database).keep([], followed=Followed("reports", 0, 3))
    assert carry_out(database, plan(Policy(), NOW), NOW) == {"reading": 2}
    assert [each.id for _, each, _ in ledger.events()] == ["e1-t-3"]


def test_an_open_case_stays_however_old(database: Database) -> None:
    cases = Cases(database)
    cases.keep([case(1, 0), case(2, 0, opened=True), case(3, NOW)])
    assert carry_out(database, plan(Policy(), NOW), NOW) == {"case": 1}
    assert [each.id for each in cases.of_home("hub-1")] == ["case-3", "case-2"]
    assert cases.of_alarm("hub-1", "a-1") == []


def test_of_a_home_on_hold_nothing_goes(database: Database) -> None:
    ledger, cases = StoredLedger(database), Cases(database)
    for hub in ("hub-1", "hub-2"):
        ledger.take(entry(1, 0, hub=hub))
        ledger.put_aside(Aside(hub, "t", b"", "r", 0))
    cases.keep(
        [case(1, 0), case(2, 0, hub="hub-2")],
        [AuditRow(at_ms=0, who="ann", what="x", hub=hub) for hub in ("hub-1", "hub-2")],
    )
    gone = carry_out(database, plan(Policy(), NOW, ["hub-2"]), NOW)
    assert gone == {"reading": 1, "case": 1, "audit": 1, "quarantine": 1}
    assert [each.hub for _, each, _ in ledger.events()] == ["hub-2"]
    assert [row.hub for _, row in cases.audit()] == ["hub-2", ""]
    assert [each.hub for each in ledger.quarantine()] == ["hub-2"]


def test_the_audit_goes_with_its_age_and_its_floor_never_sinks(database: Database) -> None:
    cases = Cases(database)
    cases.keep([], [AuditRow(at_ms=at, who="ann", what="x") for at in (0, 5 * DAY_MS, NOW)])
    policy = Policy(audit_days=19_999, case_days=1, event_days=1)
    assert carry_out(database, plan(policy, NOW), NOW) == {"audit": 1}
    longer = replace(policy, audit_days=19_999 + 1)
    assert carry_out(database, plan(longer, NOW), NOW) == {}  # a policy made longer raises nothing from the dead
    with pytest.raises(LedgerDownError, match="append-only"), database.writing() as connection:
        connection.execute(sa.text("DELETE FROM audit WHERE at_ms > 0"))
    assert len(cases.audit()) == 3  # and that something was deleted


@pytest.fixture
def records(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Records:
    return Records(database, Keyring.make(tmp_path_factory.mktemp("keys") / "records.key"))


def test_of_a_home_that_left_the_way_in_goes_first_and_all_else_later(database: Database, records: Records) -> None:
    ada = Record(persons=(Person(ref="p1", name="Ada"),), address="12 Square", key_safe="1815", access="gate")
    ledger = StoredLedger(database)
    for hub in ("hub-1", "hub-2"):
        records.keep(hub, ada, "supervisor", "sue", NOW)
        ledger.keep_state(Home(hub=hub, epoch="e1"), b"{}", {"a": 1})
    records.left("hub-1", "supervisor", "sue", NOW)
    assert carry_out(database, plan(Policy(), NOW + 29 * DAY_MS), NOW) == {}
    assert carry_out(database, plan(Policy(), NOW + 31 * DAY_MS), NOW) == {"way-in": 2}
    left = records.record("hub-1", "supervisor", "sue", "a question", NOW).record
    assert left == replace(ada, key_safe="", access="")
    late = NOW + 2_923 * DAY_MS
    gone = carry_out(database, [each for each in plan(Policy(), late) if each.what == "home"], late)
    assert gone == {"home": 1}
    assert records.record("hub-1", "supervisor", "sue", "a question", NOW).record == Record()
    assert records.record("hub-2", "supervisor", "sue", "a question", NOW).record == ada
    assert [home.hub for home in ledger.homes()] == ["hub-2"]
    assert (ledger.state("hub-1"), ledger.lanes("hub-1")) == (None, [])


def test_looks_go_with_their_age(database: Database, records: Records) -> None:
    records.record("hub-1", "operator", "ann", "case-1", 5)
    records.record("hub-1", "operator", "ann", "case-2", NOW)
    assert carry_out(database, plan(Policy(), NOW), NOW) == {"look": 1}
    with database.reading() as connection:
        assert connection.scalars(sa.select(LOOK.c.why)).all() == ["case-2"]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8))))
def test_merging_keeps_every_number_and_no_other(pairs: list[tuple[int, int]]) -> None:
    spans = [Span(first, first + more) for first, more in pairs]
    found = merged(spans)
    assert {n for span in found for n in range(span.first, span.last + 1)} == {
        n for span in spans for n in range(span.first, span.last + 1)
    }
    assert all(a.last + 1 < b.first for a, b in pairwise(found))
