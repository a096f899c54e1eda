"""The intake against a real ledger: proven, kept, receipted, in that order, and once."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.wire.envelope import DOCUMENT_BYTES_MAX, EVENT_BYTES_MAX
from agent.wire.messages import LaneNote, Receipt, digest
from centre.homes import Home
from centre.intake import RETRY_AFTER_S, Intake, LedgerDownError, Outcome
from centre.lanes import Missing
from centre.ledger import SqliteLedger
from rules.reports import AlarmRaised, Gap
from rules.values import Now
from tests.support.voice import AT, CHECK_IN, CLOCK, EVERY_REPORT, RAISED, READING, WALL_MS, Voice

HUB = Voice("hub-1")
OTHER = Voice("hub-2")
STRANGER = Voice("hub-3")


@pytest.fixture
def memory() -> Iterator[Intake]:
    """An intake whose ledger is in memory, for properties that need thousands of messages."""
    opened = SqliteLedger(":memory:")
    made = make(opened)
    made.receive(HUB.topic("status"), HUB.status(), AT)
    yield made
    opened.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def make(ledger: SqliteLedger) -> Intake:
    return Intake(ledger, {"hub-1": [HUB.public], "hub-2": [OTHER.public]})


@pytest.fixture
def intake(ledger: SqliteLedger) -> Intake:
    """An intake that knows the nonce of hub-1."""
    made = make(ledger)
    assert made.receive(HUB.topic("status"), HUB.status(), AT).verdict == "status"
    return made


def say(intake: Intake, token: bytes, hub: Voice = HUB, channel: str = "event", at: Now = AT) -> Outcome:
    return intake.receive(hub.topic(channel), token, at)


def receipt(outcome: Outcome) -> Receipt:
    assert outcome.receipt is not None
    return outcome.receipt


def fill_disk(ledger: SqliteLedger) -> None:
    """Let the database grow no further: SQLite's own `database or disk is full`."""
    (pages,) = ledger._connection.execute("PRAGMA page_count").fetchone()
    ledger._connection.execute(f"PRAGMA max_page_count = {pages}")


def empty_disk(ledger: SqliteLedger) -> None:
    ledger._connection.execute("PRAGMA max_page_count = 1000000")


def full(intake: Intake, ledger: SqliteLedger) -> bytes:
    """Fill the disk until an event no longer fits; give that event."""
    fill_disk(ledger)
    for seq in range(100, 200):
        token = HUB.event(RAISED, seq)
        if say(intake, token).verdict == "retry":
            return token
    raise AssertionError("the disk never filled")


# --- S2: the receipt ---------------------------------------------------------------------------------


@pytest.mark.parametrize("report", EVERY_REPORT, ids=lambda report: type(report).__name__)
def test_s2_every_kind_of_event_is_kept_and_receipted(intake: Intake, ledger: SqliteLedger, report: Any) -> None:
    payload = HUB.payload(report)
    outcome = say(intake, HUB.seal(payload))
    assert (outcome.verdict, outcome.report) == ("accepted", report)
    ref = outcome.event.id if outcome.event else ""
    assert receipt(outcome) == Receipt(
        aud="hub-1", iat=WALL_MS // 1000, ref=ref, digest=digest(payload), nonce="nonce-0001", result="accepted"
    )
    kept = [entry.body for _, entry, _ in ledger.events()]
    assert kept == ([] if report is CHECK_IN else [payload])


def test_s2_the_event_is_on_the_disk_before_there_is_a_receipt(intake: Intake, tmp_path: Path) -> None:
    """A second connection sees it already when the receipt is handed out: it was committed."""
    outcome = say(intake, HUB.event(RAISED))
    reader = SqliteLedger(tmp_path / "ledger.db")
    assert [entry.id for _, entry, _ in reader.events()] == [receipt(outcome).ref]
    reader.close()


def test_s2_with_a_full_disk_the_answer_is_retry_and_afterwards_it_is_taken(
    intake: Intake, ledger: SqliteLedger
) -> None:
    token = full(intake, ledger)
    outcome = say(intake, token)
    assert outcome.verdict == "retry"
    assert receipt(outcome).result == "retry"
    assert receipt(outcome).retry_after == RETRY_AFTER_S
    assert "full" in receipt(outcome).reason
    empty_disk(ledger)
    assert say(intake, token).verdict == "accepted"
    assert say(intake, token).verdict == "repeated"


def test_s2_a_closed_ledger_is_a_retry_too_and_a_new_nonce_is_still_learnt(
    intake: Intake, ledger: SqliteLedger
) -> None:
    ledger.close()
    assert say(intake, HUB.status("nonce-0002"), channel="status").verdict == "status"
    answer = receipt(say(intake, HUB.event(RAISED)))
    assert (answer.result, answer.nonce) == ("retry", "nonce-0002")
    assert receipt(say(intake, HUB.event(CHECK_IN))).result == "retry"


def test_what_a_hub_said_is_written_once_however_often_the_broker_says_it_again_but_surely_once(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    down = True

    def write(self: SqliteLedger, home: Home, *_: object) -> None:
        if down:
            raise LedgerDownError("down")
        written.append(home.nonce)

    monkeypatch.setattr(SqliteLedger, "keep_home", write)
    monkeypatch.setattr(SqliteLedger, "keep_state", write)
    intake = make(ledger)
    said = ((HUB.status(), "status"), (HUB.state(), "state"))
    for token, channel in said:
        say(intake, token, channel=channel)
    down = False
    for _ in range(3):
        for token, channel in said:
            assert intake.receive(HUB.topic(channel), token, AT, retained=True).verdict == channel
    assert written == ["nonce-0001", "nonce-0001"]


def test_s8_a_hub_that_is_forgotten_says_no_more(intake: Intake, ledger: SqliteLedger) -> None:
    intake.forget("hub-1")
    assert say(intake, HUB.event(RAISED)).verdict == "quarantined"
    assert len(ledger.quarantine()) == 1
    intake.register("hub-1", [HUB.public])
    assert say(intake, HUB.event(RAISED)).verdict == "accepted"


def test_s2_before_the_first_status_an_event_is_kept_without_a_receipt_nobody_would_believe(
    ledger: SqliteLedger,
) -> None:
    intake = make(ledger)
    token = HUB.event(RAISED)
    outcome = say(intake, token)
    assert (outcome.verdict, outcome.receipt) == ("accepted", None)
    say(intake, HUB.status(), channel="status")
    assert receipt(say(intake, token)).result == "accepted"


def test_s2_what_never_fits_is_rejected_with_a_reason_and_kept_visibly(intake: Intake, ledger: SqliteLedger) -> None:
    data = msgspec.to_builtins(RAISED) | {"priority": "high"}
    for token, reason in [
        (HUB.altered(data=data), "priority"),
        (HUB.altered(aud="hub-1"), "addressed"),
        (HUB.altered(source="/hearthline/v1/hub-2/e1/a"), "another hub"),
        (HUB.altered(sequence="one"), "sequence"),
        (HUB.altered(source=None), "source"),
    ]:
        outcome = say(intake, token)
        assert outcome.verdict == "rejected"
        assert receipt(outcome).result == "rejected"
        assert receipt(outcome).ref == "e1-a-1"
        assert reason in receipt(outcome).reason
        assert ledger.quarantine()[-1].token == token
        assert reason in ledger.quarantine()[-1].reason
    assert ledger.events() == []


def test_s2_what_cannot_be_kept_visibly_is_not_rejected_either(intake: Intake, ledger: SqliteLedger) -> None:
    ledger.close()
    outcome = say(intake, HUB.altered(aud="hub-1"))
    assert (outcome.verdict, receipt(outcome).result) == ("retry", "retry")


def test_an_event_without_an_id_gets_no_receipt_but_is_seen(intake: Intake, ledger: SqliteLedger) -> None:
    for token in (HUB.altered(id=None), HUB.altered(id="x" * 129), HUB.seal(b"{"), HUB.seal(b"\xff"), HUB.seal(b"[]")):
        outcome = say(intake, token)
        assert (outcome.verdict, outcome.receipt) == ("quarantined", None)
        assert ledger.quarantine()[-1].token == token


def test_an_unknown_type_is_accepted_and_kept_raw(intake: Intake, ledger: SqliteLedger) -> None:
    outcome = say(intake, HUB.altered(type="hearthline.kettle.boiled", data={"cups": 2}))
    assert (outcome.verdict, outcome.report, receipt(outcome).result) == ("accepted", None, "accepted")
    ((_, entry, _),) = ledger.events()
    assert entry.type == "hearthline.kettle.boiled"
    assert b'"data":{"cups":2}' in entry.body


# --- S4: once ----------------------------------------------------------------------------------------


def test_s4_the_same_event_again_is_receipted_again_and_nothing_else(intake: Intake, ledger: SqliteLedger) -> None:
    first = say(intake, HUB.event(RAISED))
    heard = intake.home("hub-1").heard_ms
    again = say(intake, HUB.event(RAISED), at=Now(9_000, WALL_MS + 4_000))  # signed anew: another token, same bytes
    assert (first.verdict, again.verdict) == ("accepted", "repeated")
    assert receipt(again).result == "accepted"
    assert (receipt(again).ref, receipt(again).digest) == (receipt(first).ref, receipt(first).digest)
    assert len(ledger.events()) == 1
    assert intake.home("hub-1").heard_ms == heard  # an event played again is no sign of life


def test_s4_other_content_under_one_id_is_a_conflict_and_both_are_kept(intake: Intake, ledger: SqliteLedger) -> None:
    first = HUB.event(RAISED)
    second = HUB.event(msgspec.structs.replace(RAISED, alarm="alarm-2"))
    assert [receipt(say(intake, token)).result for token in (first, second)] == ["accepted", "conflict"]
    assert [receipt(say(intake, token)).result for token in (first, second, first)] == [
        "accepted",
        "conflict",
        "accepted",
    ]
    assert [conflict for _, _, conflict in ledger.events()] == [False, True]
    outcome = say(intake, HUB.event(msgspec.structs.replace(RAISED, alarm="alarm-3")))
    assert isinstance(outcome.report, AlarmRaised)  # staff must still see what it says
    assert outcome.verdict == "conflict"


def test_s4_two_hubs_may_use_one_id(intake: Intake, ledger: SqliteLedger) -> None:
    say(intake, OTHER.status(), OTHER, "status")
    assert say(intake, HUB.event(RAISED)).verdict == "accepted"
    assert say(intake, OTHER.event(RAISED), OTHER).verdict == "accepted"
    assert [entry.hub for _, entry, _ in ledger.events()] == ["hub-1", "hub-2"]


def test_s4_a_restarted_intake_still_knows_what_it_has(intake: Intake, ledger: SqliteLedger) -> None:
    say(intake, HUB.event(RAISED))
    again = say(make(ledger), HUB.event(RAISED))
    assert again.verdict == "repeated"
    assert receipt(again).nonce == "nonce-0001"


# --- S8: proven --------------------------------------------------------------------------------------


def test_s8_a_hub_can_only_speak_as_itself(intake: Intake, ledger: SqliteLedger) -> None:
    for channel, token in [
        ("event", OTHER.event(RAISED)),
        ("status", OTHER.status("nonce-evil")),
        ("state", OTHER.state()),
    ]:
        outcome = say(intake, token, channel=channel)
        assert (outcome.verdict, outcome.receipt) == ("quarantined", None)
    assert len(ledger.quarantine()) == 3
    assert intake.home("hub-1").nonce == "nonce-0001"
    assert ledger.events() == []


def test_s8_an_unknown_hub_or_topic_is_seen_and_gets_no_answer(intake: Intake, ledger: SqliteLedger) -> None:
    outcomes = [
        intake.receive(topic, STRANGER.event(RAISED), AT)
        for topic in (STRANGER.topic("event"), "weather/today", HUB.topic("receipt"), HUB.topic("event") + "/x")
    ]
    assert {(outcome.verdict, outcome.receipt) for outcome in outcomes} == {("quarantined", None)}
    assert {aside.hub for aside in ledger.quarantine()} == {"hub-3", "", "hub-1"}


def test_s8_two_keys_of_a_hub_are_valid_until_the_old_one_is_withdrawn(intake: Intake) -> None:
    new = Voice("hub-1")
    assert say(intake, new.event(RAISED, 1)).verdict == "quarantined"
    intake.register("hub-1", [HUB.public, new.public])
    assert say(intake, HUB.event(RAISED, 1)).verdict == "accepted"
    assert say(intake, new.event(RAISED, 2)).verdict == "accepted"
    assert say(intake, new.event(RAISED, 1)).verdict == "repeated"  # the bytes are the same, whoever signs them
    intake.register("hub-1", [new.public])
    assert say(intake, HUB.event(RAISED, 3)).verdict == "quarantined"
    assert receipt(say(intake, new.event(RAISED, 3))).nonce == "nonce-0001"


def test_s8_receipts_carry_the_nonce_of_the_newest_connection(intake: Intake) -> None:
    assert receipt(say(intake, HUB.event(READING, 1))).nonce == "nonce-0001"
    say(intake, HUB.status("nonce-0002"), channel="status")
    assert receipt(say(intake, HUB.event(READING, 2))).nonce == "nonce-0002"
    assert say(intake, HUB.status("nonce-0001"), channel="status").verdict == "stale"
    assert receipt(say(intake, HUB.event(READING, 3))).nonce == "nonce-0002"


def test_s8_status_and_state_for_somebody_else_change_nothing(intake: Intake) -> None:
    assert say(intake, HUB.status("nonce-0002", aud="hub-9"), channel="status").verdict == "quarantined"
    assert say(intake, HUB.state(aud="hub-9"), channel="state").verdict == "quarantined"
    assert intake.home("hub-1").nonce == "nonce-0001"


def test_s12_sizes_are_those_of_the_channel(intake: Intake) -> None:
    counters = {f"{'counter':x>60}-{number}": number for number in range(300)}
    large = HUB.state(counters=counters)
    assert EVENT_BYTES_MAX < len(large) < DOCUMENT_BYTES_MAX
    assert say(intake, large, channel="state").verdict == "state"
    assert say(intake, HUB.altered(padding="x" * 1_000)).verdict == "accepted"
    assert say(intake, HUB.altered(padding="x" * EVENT_BYTES_MAX)).verdict == "quarantined"


def test_s12_the_quarantine_is_bounded_and_one_hub_cannot_push_anothers_out(
    intake: Intake, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.ledger.QUARANTINE_PER_HUB_MAX", 5)
    monkeypatch.setattr("centre.ledger.QUARANTINE_MAX", 8)
    say(intake, b"first of hub-2", OTHER)
    for number in range(20):
        say(intake, b"rubbish %d" % number)
    tokens = [aside.token for aside in ledger.quarantine()]
    assert tokens == [b"first of hub-2", *(b"rubbish %d" % number for number in range(15, 20))]
    for number in range(20):
        intake.receive(f"nobody/{number}", b"x" * (DOCUMENT_BYTES_MAX + 10), AT)
    kept = ledger.quarantine()
    assert len(kept) == 8
    assert max(len(aside.token) for aside in kept) == DOCUMENT_BYTES_MAX
    assert intake.counters["quarantined"] == 41


# --- lanes and check-ins -----------------------------------------------------------------------------


def test_s2_what_is_missing_is_named(intake: Intake) -> None:
    for seq in (2, 3, 6):
        say(intake, HUB.event(RAISED, seq))
    assert intake.missing("hub-1") == [Missing("e1", "a", 1, 1), Missing("e1", "a", 4, 5)]
    say(intake, HUB.event(msgspec.structs.replace(CHECK_IN, last={"a": 8, "t": 2})))
    assert intake.missing("hub-1") == [
        Missing("e1", "a", 1, 1),
        Missing("e1", "a", 4, 5),
        Missing("e1", "a", 7, 8),
        Missing("e1", "t", 1, 2),
    ]
    for seq in (1, 4, 5, 7, 8):
        say(intake, HUB.event(RAISED, seq))
    gap = Gap(clock=CLOCK, epoch="e1", lane="t", first=1, last=2, count=2)
    say(intake, HUB.event(gap, 9))
    assert intake.missing("hub-1") == []
    assert intake.missing("hub-2") == []


def test_epochs_are_counted_apart(intake: Intake) -> None:
    later = Voice("hub-1", "e2", HUB.key)
    say(intake, HUB.event(RAISED, 2))
    say(intake, later.event(RAISED, 1))
    assert intake.missing("hub-1") == [Missing("e1", "a", 1, 1)]


def test_a_state_claims_lane_heads_of_its_own_epoch_only(intake: Intake) -> None:
    say(intake, HUB.state(), channel="state")
    assert intake.missing("hub-1") == [Missing("e1", "a", 1, 4)]
    newer = msgspec.structs.replace(CLOCK, monotonic_ms=6_000)
    lanes = {"a": LaneNote(last=50, waiting=0, oldest=None)}
    say(intake, Voice("hub-1", "e9", HUB.key).state(clock=newer, lanes=lanes), channel="state")
    assert intake.missing("hub-1") == [Missing("e1", "a", 1, 4)]


def test_s2_a_conflict_hides_no_gap(intake: Intake) -> None:
    other = msgspec.structs.replace(RAISED, alarm="alarm-2")
    verdicts = [
        say(intake, token).verdict for token in (HUB.event(RAISED, 1), HUB.event(RAISED, 2), HUB.event(other, 2))
    ]
    assert verdicts == ["accepted", "accepted", "conflict"]
    say(intake, HUB.event(RAISED, 4))
    assert intake.missing("hub-1") == [Missing("e1", "a", 3, 3)]


@pytest.mark.parametrize("number", [2**63, 10**18, 0, -1, -(2**63)])
def test_s12_a_number_no_lane_can_reach_is_passed_over(intake: Intake, number: int) -> None:
    claim = msgspec.structs.replace(CHECK_IN, last={"a": number, "x": 5})
    assert say(intake, HUB.event(claim)).verdict == "accepted"
    assert say(intake, HUB.event(msgspec.structs.replace(CHECK_IN, last={"a": 1}), 2)).verdict == "accepted"
    for seq, first, last in ((2, number, 5), (3, 1, number)):
        gap = Gap(clock=CLOCK, epoch="e1", lane="a", first=first, last=last, count=1)
        assert say(intake, HUB.event(gap, seq)).verdict == "accepted"
    assert intake.missing("hub-1") == [Missing("e1", "a", 1, 1)]


def test_an_event_whose_numbers_disagree_is_taken_but_fills_no_gap(intake: Intake) -> None:
    disagreeing: tuple[dict[str, Any], ...] = (
        {"id": "e1-a-7"},
        {"sequence": f"{7:020d}"},
        {"source": "/hearthline/v1/hub-1/e2/a"},
    )
    for changes in disagreeing:
        assert say(intake, HUB.altered(seq=1, **changes)).verdict in ("accepted", "conflict")
    assert say(intake, HUB.altered(id="free-form", sequence="9" * 20)).verdict == "accepted"
    assert intake.missing("hub-1") == []
    say(intake, HUB.event(RAISED, 2))
    assert intake.missing("hub-1") == [Missing("e1", "a", 1, 1)]


def test_s7_a_check_in_is_a_sign_of_life_once(intake: Intake) -> None:
    later = Now(65_000, WALL_MS + 60_000)
    assert say(intake, HUB.event(CHECK_IN, 2), at=later).verdict == "accepted"
    home = intake.home("hub-1")
    assert (home.heard_ms, home.check_in, home.oldest) == (WALL_MS + 60_000, 2, {"a": "e1-a-2", "t": None})
    much_later = Now(999_000, WALL_MS + 994_000)
    for old in (HUB.event(CHECK_IN, 2), HUB.event(CHECK_IN, 1), Voice("hub-1", "e0", HUB.key).event(CHECK_IN, 9)):
        outcome = say(intake, old, at=much_later)
        assert (outcome.verdict, receipt(outcome).result) == ("repeated", "accepted")
    assert intake.home("hub-1").heard_ms == WALL_MS + 60_000


def test_s7_check_ins_begin_anew_with_the_epoch(intake: Intake) -> None:
    say(intake, HUB.event(CHECK_IN, 40))
    restarted = Voice("hub-1", "e2", HUB.key)
    say(intake, restarted.status("nonce-0002"), channel="status")
    assert say(intake, restarted.event(CHECK_IN, 1)).verdict == "accepted"
    assert intake.home("hub-1").check_in == 1


# --- nothing gets through it -------------------------------------------------------------------------

texts = st.text(max_size=8) | st.just("\ud800") | st.just("e1-a-99999999999999999999") | st.just("\x00")
values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
fields = st.sampled_from(
    ["aud", "iat", "id", "source", "type", "time", "sequence", "data", "nonce", "online", "lanes", "epoch", "clock"]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(fields, values | st.dictionaries(fields, values, max_size=2), max_size=4), st.integers(0, 14))
def test_s12_whatever_a_hub_signs_the_intake_survives(memory: Intake, changes: dict[str, Any], which: int) -> None:
    messages = [
        ("event", HUB.payload(EVERY_REPORT[which])),
        ("status", msgspec.json.encode(HUB.status_of())),
        ("state", msgspec.json.encode(HUB.state_of())),
    ]
    for channel, payload in messages:
        altered = json.dumps(json.loads(payload) | changes).encode()
        assert say(memory, HUB.seal(altered), channel=channel).verdict != "lost"
    for nested in changes.values():
        event = json.loads(HUB.payload(EVERY_REPORT[which]))
        if isinstance(nested, dict):
            event["data"] |= {"last": nested, "from": next(iter(nested.values()), 1), **nested}
            say(memory, HUB.seal(json.dumps(event).encode()))
    memory.missing("hub-1")


@given(
    st.text(max_size=30) | st.from_regex(re.compile(r"hearthline/v1/hub-1/[a-z+#]{1,8}"), fullmatch=True), st.binary()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_s12_whatever_anybody_publishes_the_intake_survives(memory: Intake, topic: str, token: bytes) -> None:
    outcome = memory.receive(topic, token, AT)
    assert (outcome.verdict, outcome.receipt) == ("quarantined", None)
