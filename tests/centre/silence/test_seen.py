"""What the centre keeps of a home, from real bytes through the real intake."""

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from agent.wire.messages import AlarmNote
from centre.homes import Home
from centre.intake import Entry, Intake, Kept, LedgerDownError
from centre.ledger import SqliteLedger
from centre.silence import Seen, Silence, learn, watch
from centre.silence.seen import DROPS_MAX, FAULTS_MAX, WORD_CHARS_MAX
from rules.reports import AlarmCancelled, AlarmResolved, Clock, FaultCleared, FaultNote, FaultRaised, Report
from rules.values import Now
from tests.support.voice import AT, CHECK_IN, CLOCK, FACTS, RAISED, WALL_MS, Voice


class Ledger(SqliteLedger):
    """One that can be told to be down."""

    down = False

    def take(self, entry: Entry) -> Kept:
        if self.down:
            raise LedgerDownError("told to be")
        return super().take(entry)

    def keep_home(self, home: Home, claims: Mapping[str, int]) -> None:
        if self.down:
            raise LedgerDownError("told to be")
        super().keep_home(home, claims)


class Desk:
    """An intake, and what is seen of its one hub."""

    def __init__(self) -> None:
        self.voice = Voice()
        self.ledger = Ledger(":memory:")
        self.intake = Intake(self.ledger, {"hub-1": [self.voice.public]})
        self.seen = Seen(hub="hub-1", enrolled_ms=WALL_MS)
        self.seq = 0

    def hear(self, channel: str, token: bytes, at_s: float = 0, *, retained: bool = False) -> Seen:
        now = Now(AT.ms, WALL_MS + round(at_s * 1000))
        outcome = self.intake.receive(self.voice.topic(channel), token, now, retained=retained)
        self.seen = learn(self.seen, self.intake.home("hub-1"), outcome, now.wall_ms)
        return self.seen

    def status(self, nonce: str, at_s: float = 0, *, retained: bool = False, **changes: Any) -> Seen:
        return self.hear("status", self.voice.status(nonce, **changes), at_s, retained=retained)

    def state(self, at_s: float = 0, **changes: Any) -> Seen:
        return self.hear("state", self.voice.state(**({"alarms": (), "faults": (), "faults_total": 0} | changes)), at_s)

    def say(self, report: Report, at_s: float = 0) -> Seen:
        self.seq += 1
        return self.hear("event", self.voice.event(report, self.seq), at_s)

    def faults(self) -> list[str]:
        return [each.fault for each in self.seen.faults]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.status("nonce-0001")
    desk.say(CHECK_IN)
    return desk


def clock(ms: int, boot: str = "boot-1") -> Clock:
    return replace(CLOCK, boot=boot, monotonic_ms=ms)


def raised(fault: str, ms: int = 6_000, boot: str = "boot-1", **changes: Any) -> FaultRaised:
    said = FaultRaised(clock=clock(ms, boot), fault=fault, subject="", priority=2, reason="why", again=0)
    return replace(said, **changes)


def cleared(fault: str, ms: int = 7_000, boot: str = "boot-1") -> FaultCleared:
    return FaultCleared(clock=clock(ms, boot), fault=fault, subject="", lasted_ms=None)


# --- lines and check-ins ------------------------------------------------------------------------------------


def test_a_line_begins_ends_and_is_back_with_the_first_check_in(desk: Desk) -> None:
    assert (desk.seen.online, desk.seen.online_ms, desk.seen.checked_in_ms) == (True, WALL_MS, WALL_MS)
    gone = desk.status("nonce-0001", 60, online=False, reason="lost")
    assert (gone.online, gone.gone_ms, gone.planned) == (False, WALL_MS + 60_000, False)
    back = desk.status("nonce-0002", 90)
    assert (back.online, back.gone_ms) == (True, WALL_MS + 60_000)
    assert desk.say(CHECK_IN, 91).gone_ms is None


def test_a_hub_that_says_only_that_it_is_online_is_not_heard_of_anew_each_time() -> None:
    desk = Desk()
    desk.status("nonce-0001")
    assert desk.status("nonce-0001", 200, monotonic_ms=1).last_ms == WALL_MS


def test_a_stop_says_whether_it_was_planned(desk: Desk) -> None:
    assert desk.status("nonce-0001", 60, online=False, reason="restarting").planned


def test_an_old_connections_will_and_an_old_check_in_tell_nothing(desk: Desk) -> None:
    desk.status("nonce-0002", 30)
    before = desk.seen
    assert desk.status("nonce-0001", 60, online=False, reason="lost") == before
    old = desk.voice.event(CHECK_IN, desk.seq)
    assert desk.hear("event", old, 500) == before


def test_with_two_lines_the_home_is_gone_with_the_last(desk: Desk) -> None:
    desk.status("nonce-0002", 1, also=("nonce-0001",), monotonic_ms=1)
    assert desk.status("nonce-0001", 60, online=False, reason="lost").gone_ms is None
    assert desk.status("nonce-0002", 70, online=False, reason="lost").gone_ms == WALL_MS + 70_000


def test_a_check_in_that_crosses_its_will_or_its_status_is_taken_for_what_it_is(desk: Desk) -> None:
    desk.status("nonce-0001", 60, online=False, reason="lost")
    late = desk.say(CHECK_IN, 60.5)  # said before the line broke; a worker was slow
    assert late.gone_ms == WALL_MS + 60_000
    assert desk.status("nonce-0002", 80).gone_ms == WALL_MS + 60_000
    desk.status("nonce-0002", 100, online=False, reason="lost")
    desk.say(CHECK_IN, 160)
    assert desk.status("nonce-0003", 161).gone_ms is None  # its status came by another queue


def test_a_ledger_that_is_down_makes_nobody_silent(desk: Desk) -> None:
    desk.ledger.down = True
    assert desk.say(CHECK_IN, 240).checked_in_ms == WALL_MS + 240_000
    desk.say(RAISED, 241)
    assert desk.seen.alarms == ("alarm-1",)
    assert desk.status("nonce-0001", 300, online=False, reason="lost").gone_ms == WALL_MS + 300_000


def test_a_centre_that_begins_with_a_retained_will_knows_a_home_to_be_gone() -> None:
    desk = Desk()
    gone = desk.status("nonce-0001", online=False, reason="lost", retained=True)
    assert (gone.known, gone.gone_ms) == (True, WALL_MS)
    silence = watch(Silence(), [gone], WALL_MS)
    for tick in range(1, 16):
        silence = watch(silence, [gone], WALL_MS + tick * 5_000)
        assert bool(silence.cases()) == (tick == 15), tick  # it may be about to come back


def test_a_message_that_cannot_be_proven_tells_nothing(desk: Desk) -> None:
    before = desk.seen
    other = Voice()
    assert desk.hear("status", other.status("nonce-0009", online=False), 5) == before
    assert desk.hear("event", other.event(RAISED, 99), 5) == before
    assert desk.hear("event", desk.voice.altered(RAISED, 98, type="hearthline.unheard-of"), 5) == before


def test_s12_drops_are_bounded_and_a_planned_stop_is_none(desk: Desk) -> None:
    for number in range(2, 20):
        desk.status(f"nonce-{number - 1:04}", number * 10, online=False, reason="lost")
        desk.status(f"nonce-{number:04}", number * 10 + 1)
        desk.say(CHECK_IN, number * 10 + 2)
    assert len(desk.seen.drops) == DROPS_MAX
    before = desk.seen.drops
    assert desk.status("nonce-0019", 500, online=False, reason="stopped").drops == before


# --- alarms and faults --------------------------------------------------------------------------------------


def test_alarms_are_open_until_they_are_resolved_and_tests_are_none(desk: Desk) -> None:
    assert desk.say(replace(RAISED, test=True, alarm="alarm-0")).alarms == ()
    desk.say(RAISED)
    desk.say(AlarmCancelled(**FACTS, stage="raised"))
    assert desk.seen.alarms == ("alarm-1",)
    assert desk.say(AlarmResolved(**FACTS, by="centre", outcome="helped")).alarms == ()


def test_s8_an_alarm_that_is_played_again_opens_nothing(desk: Desk) -> None:
    desk.say(RAISED)
    old = desk.voice.event(RAISED, desk.seq)
    desk.say(AlarmResolved(**FACTS, by="centre", outcome="helped"))
    assert desk.hear("event", old).alarms == ()


def test_the_state_is_true_now_and_a_backlog_after_it_is_history(desk: Desk) -> None:
    desk.state(10, clock=clock(50_000), faults=(FaultNote("mains", "", 2),), faults_total=1)
    desk.say(raised("battery", 6_000), 11)
    desk.say(RAISED, 12)  # and over by now
    assert (desk.faults(), desk.seen.alarms) == (["mains"], ())
    desk.say(raised("battery", 60_000), 13)
    assert desk.faults() == ["mains", "battery"]
    desk.say(raised("link", 1_000, "boot-0"), 14)  # before the machine was off
    assert desk.faults() == ["mains", "battery"]


def test_the_state_names_the_alarms_that_are_open_but_for_tests(desk: Desk) -> None:
    note = AlarmNote(alarm="real", kind="fall", priority=1, stage="raised", delivery="received", test=False)
    desk.say(RAISED)
    alarms = (note, replace(note, alarm="pretended", test=True))
    assert desk.state(10, clock=clock(8_000), alarms=alarms).alarms == ("real",)


def test_the_backlog_tells_why_of_what_still_stands(desk: Desk) -> None:
    desk.state(10, clock=clock(50_000), faults=(FaultNote("mains", "", 2),), faults_total=1)
    desk.say(raised("mains", 6_000, reason="on battery, 80 %"), 11)
    [fault] = desk.seen.faults
    assert (fault.reason, fault.known_ms) == ("on battery, 80 %", WALL_MS + 10_000)


def test_a_fault_that_is_told_again_is_the_same_one_more_urgent(desk: Desk) -> None:
    desk.say(raised("certificate", priority=3), 1)
    desk.say(raised("certificate", 9_000, priority=1, again=1), 2)
    [fault] = desk.seen.faults
    assert (fault.priority, fault.known_ms) == (1, WALL_MS + 1_000)
    desk.say(cleared("certificate", 10_000))
    assert desk.faults() == []


def test_a_list_of_faults_that_was_cut_short_ends_none(desk: Desk) -> None:
    desk.say(raised("clock"))
    desk.state(10, clock=clock(8_000), faults=(FaultNote("mains", "", 2),), faults_total=2)
    assert desk.faults() == ["mains", "clock"]
    desk.say(cleared("clock"), 11)  # 1 s before the list; which does not say
    assert desk.faults() == ["mains"]


def test_s12_a_hub_cannot_have_faults_without_end(desk: Desk) -> None:
    desk.seen = replace(desk.seen, faults=())
    home = desk.intake.home("hub-1")
    outcome = desk.intake.receive(desk.voice.topic("event"), desk.voice.event(raised("x"), 900), AT)
    for number in range(FAULTS_MAX + 50):
        desk.seen = learn(desk.seen, home, replace(outcome, report=raised("x", subject=str(number))), WALL_MS)
    assert len(desk.seen.faults) == FAULTS_MAX


def test_s12_a_fault_cannot_have_words_without_end_and_is_cleared_all_the_same(desk: Desk) -> None:
    """Lists of all homes show them: one home's kilobytes would be everybody's megabytes."""
    long = "x" * 3_000
    desk.say(raised(long, subject=long, reason=long))
    [fault] = desk.seen.faults
    assert (len(fault.fault), len(fault.subject), len(fault.reason)) == (WORD_CHARS_MAX, WORD_CHARS_MAX, 500)
    desk.say(raised(long, subject=long, priority=1))
    assert [each.priority for each in desk.seen.faults] == [1]
    desk.state(10, clock=clock(8_000), faults=(FaultNote(long, long, 2),), faults_total=1)
    assert [each.known_ms for each in desk.seen.faults] == [fault.known_ms]
    desk.say(replace(cleared(long, 9_000), subject=long), 11)
    assert desk.seen.faults == ()
