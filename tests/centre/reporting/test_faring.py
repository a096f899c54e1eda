"""How homes fared: reminders as the hub counts them, silence to the millisecond, faults by what they are."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.adherence import Adherence, adherence
from centre.reporting.faring import AlarmCount, Counted, FaultCount, OurHome, faring
from centre.reporting.presence import Presence, Turn
from centre.reporting.reminded import DAY_MS, SETTLED_DAYS, Counts, Kept, Reminded
from rules.reports import (
    Clock,
    FaultCleared,
    FaultRaised,
    ReminderFacts,
    ReminderMissed,
    ReminderPrompted,
    ReminderTaken,
)
from rules.values import utc

CLOCK = Clock("boot", 1, "2026-11-22T08:00:00.000Z", True)
FIRST = date(2026, 11, 1)
START = int((FIRST - date(1970, 1, 1)).days) * DAY_MS
NOW = START + 60 * DAY_MS
SPAN = (START, START + 28 * DAY_MS)


def facts(day: int = 0, slot: str = "08:00", reminder: str = "tablets") -> dict[str, Any]:
    when = FIRST + timedelta(day)
    due = utc(START + day * DAY_MS + (18 if slot == "evening" else int(slot[:2])) * 3_600_000)
    which = {"reminder": reminder, "kind": "medicine", "person": "p", "date": str(when), "slot": slot, "due": due}
    return {"clock": CLOCK, **which}


def taken(after_ms: int | None = 0, **which: Any) -> ReminderTaken:
    return ReminderTaken(how="lid", prompts=1, after_ms=after_ms, **facts(**which))


def missed(**which: Any) -> ReminderMissed:
    return ReminderMissed(why="unanswered", prompts=3, **facts(**which))


def prompted(**which: Any) -> ReminderPrompted:
    return ReminderPrompted(late_ms=0, **facts(**which))


def kept(*words: ReminderFacts, days: int = 28, now_ms: int = NOW) -> Kept:
    reminded = Reminded(FIRST, FIRST + timedelta(days - 1), now_ms)
    for number, word in enumerate(words):
        reminded.take("hub-1", word, START + number)
    return reminded.homes().get("hub-1", Counts()).figures()


def test_reminders_by_hand() -> None:
    """Five occasions: on time, late, taken nobody knows when, missed, and prompted with no outcome: 3 of 5."""
    found = kept(
        taken(day=1), taken(1_800_001, day=2), taken(None, day=3), missed(day=4), prompted(day=5), prompted(day=1)
    )
    assert found == Kept(due=5, on_time=1, late=2, missed=1, unknown=1, open=0, percent=60.0)


def test_one_that_may_yet_be_answered_counts_neither_way() -> None:
    found = kept(taken(day=1), prompted(day=2), now_ms=START + 2 * DAY_MS + 9 * 3_600_000)
    assert found == Kept(due=2, on_time=1, open=1, percent=100.0)


WORDS = st.lists(
    st.builds(
        lambda make, day, slot, reminder: make(day=day, slot=slot, reminder=reminder),
        st.sampled_from((taken, missed, prompted, lambda **w: taken(2_000_000, **w), lambda **w: taken(-5, **w))),
        st.integers(-2, 12),
        st.sampled_from(("08:00", "20:00", "evening")),
        st.sampled_from(("tablets", "water")),
    ),
    max_size=60,
)


@given(WORDS, st.integers(3, 14))
def test_it_counts_as_the_hub_does(words: list[ReminderFacts], today: int) -> None:
    now_ms = START + today * DAY_MS
    hubs: Adherence = adherence(words, first=FIRST, last=FIRST + timedelta(9), wall_ms=now_ms)
    ours = kept(*words, days=10, now_ms=now_ms)
    tallies = [each.tally for each in hubs.reminders]
    for name in ("due", "on_time", "late", "missed", "unknown", "open"):
        assert getattr(ours, name) == sum(getattr(each, name) for each in tallies), name


def test_s12_days_are_counted_for_good_after_35_and_what_comes_later_is_said() -> None:
    reminded = Reminded(FIRST, FIRST + timedelta(27), NOW)
    reminded.take("hub-1", prompted(day=0), START)
    reminded.take("hub-1", taken(day=1), START + (SETTLED_DAYS + 1) * DAY_MS)
    reminded.take("hub-1", taken(day=0), START + (SETTLED_DAYS + 1) * DAY_MS)
    figures = reminded.homes()["hub-1"].figures()
    assert (figures.unknown, figures.late + figures.on_time) == (1, 0)
    assert reminded.told_late == 2


def test_a_date_that_is_none_is_counted_and_left_out() -> None:
    reminded = Reminded(FIRST, FIRST, NOW)
    reminded.take("hub-1", ReminderMissed(why="away", prompts=1, **{**facts(), "date": "yesterday"}), START)
    assert (reminded.unreadable, reminded.homes()) == (1, {})


# --- presence ----------------------------------------------------------------------------------------


def presence(*turns: Turn, silent_now: tuple[str, ...] = (), now_ms: int = NOW) -> Presence:
    found = Presence(*SPAN, now_ms, silent_now)
    for turn in turns:
        found.turn(turn)
    return found


DAYS = 28 * DAY_MS


@pytest.mark.parametrize(
    ("turns", "silent_now", "silent_ms", "silences"),
    [
        ((), (), 0, 0),
        (((1, True), (3, False)), (), 2 * DAY_MS, 1),
        (((1, True), (2, False), (4, True), (4, False)), (), DAY_MS, 2),
        (((1, True), (2, True), (3, False)), (), 2 * DAY_MS, 1),  # said twice
        (((2, False),), (), 2 * DAY_MS, 1),  # it was silent when the span began
        (((26, True),), ("hub-1",), 2 * DAY_MS, 1),  # and still is
        (((26, True), (30, False)), (), 2 * DAY_MS, 1),
        (((29, True), (30, False)), (), 0, 0),  # after the span
        (((30, False),), (), DAYS, 1),  # silent all the time
        ((), ("hub-1",), DAYS, 1),
    ],
)
def test_silence_by_hand(
    turns: tuple[tuple[int, bool], ...], silent_now: tuple[str, ...], silent_ms: int, silences: int
) -> None:
    told = [Turn("hub-1", START + day * DAY_MS, silent) for day, silent in turns]
    found = presence(*told, silent_now=silent_now).of("hub-1", 0)
    assert (found.silent_ms, found.silences, found.known_ms) == (silent_ms, silences, DAYS)
    assert found.percent == (DAYS - silent_ms) * 10_000 // DAYS / 100


def test_what_is_before_it_was_enrolled_and_after_now_counts_neither_way() -> None:
    found = presence(now_ms=START + 10 * DAY_MS).of("hub-1", START + 4 * DAY_MS)
    assert (found.known_ms, found.percent) == (6 * DAY_MS, 100.0)
    assert presence().of("hub-1", NOW).percent is None


@given(st.lists(st.tuples(st.integers(0, 59), st.booleans()), max_size=12), st.booleans(), st.integers(0, 60))
def test_uptime_is_between_nothing_and_all(told: list[tuple[int, bool]], now: bool, enrolled: int) -> None:
    turns = [Turn("hub-1", START + day * DAY_MS, silent) for day, silent in sorted(told)]
    found = presence(*turns, silent_now=("hub-1",) if now else ()).of("hub-1", START + enrolled * DAY_MS)
    assert 0 <= found.silent_ms <= found.known_ms <= DAYS
    assert found.percent is None or 0 <= found.percent <= 100


# --- together ----------------------------------------------------------------------------------------


def test_faults_are_counted_by_what_they_are_and_how_old() -> None:
    faults = FaultCount()
    raised = {"clock": CLOCK, "fault": "battery", "subject": "s", "priority": 3, "reason": ""}
    faults.word(FaultRaised(again=0, **raised))  # type: ignore[arg-type]
    faults.word(FaultRaised(again=1, **raised))  # type: ignore[arg-type]
    for lasted_ms in (1_000, 9_000, None):
        faults.word(FaultCleared(clock=CLOCK, fault="battery", subject="s", lasted_ms=lasted_ms))
    ours = [
        OurHome(hub="hub-1", since_ms=0, faults=(("battery", NOW - 5_000), ("clock", NOW - 1))),
        OurHome(hub="hub-2", since_ms=0, faults=(("battery", NOW + 9),)),
    ]
    counted = Counted(AlarmCount(*SPAN), Reminded(FIRST, FIRST, NOW), presence(), faults)
    report = faring(SPAN, NOW, ours, counted)
    battery = report.faults[0]
    assert (battery.fault, battery.standing, battery.oldest_ms, battery.median_age_ms) == ("battery", 2, 5_000, 0)
    assert (battery.raised, battery.cleared.measured, battery.cleared.unknown) == (1, 2, 1)
    assert battery.cleared.p90_ms == 9_000
    assert [(each.hub, each.faults, each.oldest_fault_ms) for each in report.homes] == [
        ("hub-1", 2, 5_000),
        ("hub-2", 1, 0),
    ]
    assert report.uptime.percent == 100.0
