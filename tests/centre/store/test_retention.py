"""What is deleted when, and what is not: open cases, homes on hold, what nobody has read yet, and the proof."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from centre.console.plan_texts import PlanText, PlanTexts
from centre.homes import Home
from centre.intake import Aside, Entry, Intake, LedgerDownError
from centre.lanes import Position, Span
from centre.silence import Seen, Silence
from centre.staff.consent import Consents
from centre.store.cases import AuditRow, CaseRow, Cases, Change, Followed
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.periods import DAY_MS, Deletion, Policy, Progress, counted, plan
from centre.store.records import Person, Record, Records
from centre.store.retention import READING, carry_out, close, merged, progress, step
from centre.store.schema import COMMAND, CONSENT, DROPPED, LEAVING, LOOK
from centre.store.sealing import Keyring
from centre.work.commands import CommandBook
from centre.work.keeping import WatchBook
from centre.work.plans import PlanBook
from centre.work.retaining import retain_once
from tests.support.renewing import HandClock

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
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.make(tmp_path / "records.key")


@pytest.fixture
def records(database: Database, keyring: Keyring) -> Records:
    return Records(database, keyring)


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


# --- what the running centre keeps ------------------------------------------------------------------


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


def of(database: Database, column: "sa.Column[Any]") -> list[Any]:
    with database.reading() as connection:
        return list(connection.scalars(sa.select(column).order_by(column)))


def only(what: str, now_ms: int, policy: Policy | None = None, holds: tuple[str, ...] = ()) -> list[Deletion]:
    return [each for each in plan(policy or Policy(), now_ms, holds) if each.what == what]


def test_s11_plans_and_drafts_of_a_home_that_left_go(database: Database, keyring: Keyring, clock: HandClock) -> None:
    records, plans, texts = Records(database, keyring), PlanBook(database, keyring, clock), PlanTexts(database, keyring)
    watch = WatchBook(database)
    for hub in ("hub-1", "hub-2", "hub-11"):
        plans.send(hub, {"version": 1}, "sue")
        texts.keep(hub, PlanText(text="version = 1", by="sue", at_ms=NOW))
        watch.keep(Silence(at_ms=NOW), [Seen(hub=hub, enrolled_ms=1)])
    for hub in ("hub-1", "hub-2"):
        records.left(hub, "supervisor", "sue", NOW)
    late = NOW + 31 * DAY_MS
    assert carry_out(database, plan(Policy(), late, ["hub-2"]), late) == {"way-in": 1}
    assert [texts.get(hub) is None for hub in ("hub-1", "hub-2", "hub-11")] == [True, False, False]
    assert len(plans.of_home("hub-1")) == 1
    late = NOW + 2_923 * DAY_MS
    assert carry_out(database, only("home", late, holds=("hub-2",)), late) == {"home": 1}
    assert [len(plans.of_home(hub)) for hub in ("hub-1", "hub-2", "hub-11")] == [0, 1, 1]
    assert [each.hub for each in watch.seen()] == ["hub-11", "hub-2"]
    assert watch.silence() == Silence(at_ms=NOW)


def test_a_plan_goes_when_another_has_long_been_in_force_and_the_one_in_force_never(
    database: Database, keyring: Keyring, clock: HandClock
) -> None:
    plans = PlanBook(database, keyring, clock)
    for version in (1, 2, 3, 4):
        clock.later(DAY_MS)
        plans.send("hub-1", {"version": version}, "sue")
        if version != 3:
            plans.told("hub-1", version, applied=version != 4, reason="", at_ms=clock.now().wall_ms)
    policy = Policy(plan_days=10)
    in_force = NOW + 2 * DAY_MS
    assert carry_out(database, only("plan", in_force + 10 * DAY_MS, policy), NOW) == {}
    assert carry_out(database, only("plan", in_force + 10 * DAY_MS + 1, policy, ("hub-1",)), NOW) == {}
    assert carry_out(database, only("plan", in_force + 10 * DAY_MS + 1, policy), NOW) == {"plan": 1}
    assert carry_out(database, only("plan", in_force + 9_000 * DAY_MS, policy), NOW) == {}
    assert [each.version for each in plans.of_home("hub-1")] == [4, 3, 2]


def test_commands_go_with_their_age_and_none_that_is_under_way(database: Database, clock: HandClock) -> None:
    book = CommandBook(database, clock)
    done, waiting = (book.give("hub-1", "report", {}, by="ann") for _ in range(2))
    held = book.give("hub-2", "report", {}, by="ann")
    book.mark([held], "unanswered", NOW)
    book.answered("hub-1", done, "done", "", NOW + DAY_MS)
    late = NOW + 367 * DAY_MS
    assert carry_out(database, only("command", late, holds=("hub-2",)), late) == {}
    assert carry_out(database, only("command", late + 1, holds=("hub-2",)), late) == {"command": 1}
    assert of(database, COMMAND.c.id) == sorted([waiting, held])


def test_what_is_agreed_to_stays_and_what_was_replaced_goes_by_its_own_age(
    database: Database, records: Records, clock: HandClock
) -> None:
    consents = Consents(database, clock)
    consents.give("hub-1", "ada", "listen-in", by="sue", how="by telephone")
    consents.give("hub-2", "ada", "listen-in", by="sue", how="by telephone")
    clock.later(DAY_MS)
    consents.withdraw("hub-1", "ada", "listen-in", by="sue", how="by letter")
    consents.give("hub-1", "ada", "record-kept", by="sue", how="by letter")
    policy = Policy(consent_days=10, home_days=2)
    assert carry_out(database, only("consent", NOW + 11 * DAY_MS, policy), NOW) == {}
    late = NOW + 11 * DAY_MS + 1
    assert carry_out(database, only("consent", late, policy, ("hub-1",)), NOW) == {}
    assert carry_out(database, only("consent", late, policy), NOW) == {"consent": 1}
    assert carry_out(database, only("consent", late + 9_000 * DAY_MS, policy), NOW) == {}
    assert not consents.allows("hub-1", "ada", "listen-in")
    assert consents.allows("hub-1", "ada", "record-kept")
    # The home leaves, and all else of it goes sooner: what was agreed to is still counted from its leaving.
    later = NOW + 9_100 * DAY_MS
    records.left("hub-1", "supervisor", "sue", later)
    gone = carry_out(database, [*only("consent", later + 5 * DAY_MS, policy), *only("home", later, policy)], NOW)
    assert (gone, of(database, LEAVING.c.hub)) == ({}, ["hub-1"])
    end = later + 10 * DAY_MS + 1
    gone = carry_out(database, [*only("consent", end, policy), *only("home", end, policy)], NOW)
    assert gone == {"consent": 2, "home": 1}
    assert (of(database, CONSENT.c.hub), of(database, LEAVING.c.hub)) == (["hub-2"], [])


def test_that_a_home_left_is_known_as_long_as_its_consents(
    database: Database, records: Records, clock: HandClock
) -> None:
    Consents(database, clock).give("hub-1", "ada", "listen-in", by="sue", how="by telephone")
    records.keep("hub-1", Record(address="12 Square"), "supervisor", "sue", NOW)
    records.left("hub-1", "supervisor", "sue", NOW)
    policy = Policy(consent_days=10, home_days=2, way_in_days=1)
    late = NOW + 3 * DAY_MS
    assert carry_out(database, plan(policy, late), late) == {"home": 1}  # and it ends, though the leaving stays
    assert of(database, LEAVING.c.hub) == ["hub-1"]
    late = NOW + 10 * DAY_MS + 1
    assert carry_out(database, plan(policy, late), late) == {"consent": 1, "home": 1}
    assert of(database, LEAVING.c.hub) == []


# --- day by day -------------------------------------------------------------------------------------


def test_what_went_before_a_kill_is_audited_after_it(database: Database) -> None:
    ledger = StoredLedger(database)
    for seq in (1, 2, 3):
        ledger.take(entry(seq, 0, kind=READING if seq < 3 else "x"))
    (reading,) = only("reading", NOW)
    assert [step(database, reading), step(database, reading)] == [2, 0]
    assert Cases(database).audit() == []  # killed here
    assert carry_out(database, only("event", NOW), NOW) == {"reading": 2, "event": 1}
    ((_, noted),) = Cases(database).audit()
    assert msgspec.json.decode(noted.body) == {"reading": 2, "event": 1}
    assert close(database, NOW, NOW) == {}


def test_a_clock_that_went_mad_moves_what_goes_by_two_days() -> None:
    done = Progress(ended_ms=NOW, counted_ms=NOW)
    assert counted(None, NOW) is None
    assert counted(Progress(gone={"reading": 1}), NOW) is None
    assert counted(done, NOW + DAY_MS) == NOW + DAY_MS
    assert counted(done, NOW + 5_000 * DAY_MS) == NOW + 2 * DAY_MS
    assert counted(done, NOW - 5_000 * DAY_MS) == NOW - 5_000 * DAY_MS


async def test_it_is_done_once_a_day_and_the_first_day_deletes_nothing(database: Database, clock: HandClock) -> None:
    ledger = StoredLedger(database)
    for seq, age in ((1, 100), (2, 91), (3, 89)):
        ledger.take(entry(seq, NOW - age * DAY_MS))

    async def day(later_ms: int) -> tuple[bool, list[str]]:
        clock.later(later_ms)
        due = await retain_once(database, clock, Policy())
        return due, [each.id for _, each, _ in ledger.events()]

    everything = ["e1-t-1", "e1-t-2", "e1-t-3"]
    assert await day(0) == (True, everything)
    assert await day(DAY_MS - 1) == (False, everything)
    assert await day(1) == (True, ["e1-t-2", "e1-t-3"])
    clock.wrong_ms = 9_000 * DAY_MS
    assert await day(0) == (True, ["e1-t-3"])  # two days on, and not nine thousand
    clock.wrong_ms = 0
    assert await day(0) == (True, ["e1-t-3"])
    held = progress(database)
    assert held == Progress(ended_ms=NOW + DAY_MS, counted_ms=NOW + DAY_MS)
    assert [row.what for _, row in Cases(database).audit()] == ["deleted", "deleted"]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8))))
def test_merging_keeps_every_number_and_no_other(pairs: list[tuple[int, int]]) -> None:
    spans = [Span(first, first + more) for first, more in pairs]
    found = merged(spans)
    assert {n for span in found for n in range(span.first, span.last + 1)} == {
        n for span in spans for n in range(span.first, span.last + 1)
    }
    assert all(a.last + 1 < b.first for a, b in pairwise(found))
