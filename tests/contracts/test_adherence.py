"""Adherence is what the events say: whatever their order, however often they come, with or without their prompts."""

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.adherence import ON_TIME_MS, SPAN_DAYS_MAX, Adherence, Due, Reminded, adherence
from rules.reports import (
    Clock,
    MessageHeard,
    ReminderFacts,
    ReminderMissed,
    ReminderPrompted,
    ReminderSnoozed,
    ReminderTaken,
    Report,
)
from rules.values import utc
from tests.support.reminders import MIN, facts, missed, prompted, taken
from tests.support.voice import CLOCK, EVERY_REPORT, RAISED

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 14)
NOW_MS = 1_792_000_000_000  # 2026-10-14T17:46:40Z


def counted(*reports: Report, **more: Any) -> Adherence:
    return adherence(reports, **{"first": FIRST, "last": LAST, "wall_ms": NOW_MS, **more})


def only(*reports: Report, **more: Any) -> Reminded:
    (reminder,) = counted(*reports, **more).reminders
    return reminder


def outcomes(reminder: Reminded) -> list[str]:
    return [each.outcome for day in reminder.days for each in day.occasions]


def test_a_fortnight_is_counted_by_outcome_how_why_and_time() -> None:
    reminder = only(
        prompted(1),
        taken(1, after_ms=2 * MIN),
        prompted(2),
        taken(2, after_ms=-10 * MIN, how="lid"),
        taken(3, after_ms=ON_TIME_MS),
        taken(4, after_ms=ON_TIME_MS + 1),
        missed(5),
        missed(6, why="away"),
        missed(7, why="away"),
        prompted(8),
        prompted(14, "17:30"),
    )
    tally = reminder.tally
    assert (tally.due, tally.taken, tally.on_time, tally.late) == (9, 4, 3, 1)
    assert (tally.by, tally.missed, tally.why) == ({"button": 3, "lid": 1}, 3, {"away": 2, "unanswered": 1})
    assert (tally.open, tally.unknown, tally.disputed) == (1, 1, 0)
    assert tally.percent == 50  # 4 of 8: the one still open counts neither way
    assert tally.median_ms == 16 * MIN  # of -10, 2, 30 and 30 minutes
    assert (reminder.reminder, reminder.kind, reminder.person) == ("morning", "medication", "p1")


def test_s6_what_was_taken_while_nobody_knew_the_time_is_not_known_to_be_on_time_and_moves_no_median() -> None:
    reminder = only(taken(1, after_ms=2 * MIN), taken(2, after_ms=None, how="lid"))
    tally = reminder.tally
    assert (tally.taken, tally.on_time, tally.late, tally.median_ms, tally.percent) == (2, 1, 1, 2 * MIN, 100)
    both = only(taken(1, after_ms=None), taken(1, after_ms=MIN))
    assert (both.tally.taken, both.tally.on_time, both.tally.disputed) == (1, 1, 1)


def test_there_is_a_row_for_every_day_and_its_occasions_in_the_order_they_were_due() -> None:
    reminder = only(taken(2, "20:00"), missed(2, "08:00"), taken(14))
    assert [day.date for day in reminder.days] == [f"2026-10-{day:02d}" for day in range(1, 15)]
    second = reminder.days[1]
    assert [(each.slot, each.outcome) for each in second.occasions] == [("08:00", "missed"), ("20:00", "taken")]
    assert (second.tally.due, second.tally.taken, second.tally.percent) == (2, 1, 50)
    assert reminder.days[0].tally.due == 0
    assert reminder.days[0].tally.percent is None


def test_s4_an_event_that_comes_twice_is_counted_once() -> None:
    events = [prompted(), taken(), prompted(2), missed(2)]
    assert counted(*events, *events) == counted(*events)


def test_an_outcome_counts_without_its_prompt_which_may_never_have_come() -> None:
    assert outcomes(only(taken(1), missed(2))) == ["taken", "missed"]


def test_of_different_outcomes_of_one_occasion_the_later_taken_one_counts_and_it_is_told() -> None:
    reminder = only(taken(after_ms=5 * MIN, how="lid"), missed(), taken(after_ms=90 * MIN))
    (told,) = reminder.days[0].occasions
    assert (told.outcome, told.how, told.after_ms) == ("taken", "button", 90 * MIN)
    assert told.late
    assert told.disputed
    assert (reminder.tally.due, reminder.tally.taken, reminder.tally.missed, reminder.tally.disputed) == (1, 1, 0, 1)
    (twice_missed,) = only(missed(why="away"), missed(why="hub")).days[0].occasions
    assert (twice_missed.outcome, twice_missed.disputed) == ("missed", True)


def test_the_same_outcome_told_at_another_moment_is_no_other_outcome() -> None:
    again = Clock("boot-2", 1, utc(NOW_MS), synced=True)
    reminder = only(missed(), missed(clock=again))
    assert reminder.tally.disputed == 0
    assert outcomes(reminder) == ["missed"]


def test_what_has_no_outcome_is_open_for_a_day_and_then_unknown_unless_it_is_known_to_be_open() -> None:
    snoozed = ReminderSnoozed(**facts(14, "09:00"), again_in_ms=1)
    assert outcomes(only(prompted(13, "17:46"), prompted(13, "17:47"), snoozed)) == ["unknown", "open", "open"]
    known = [Due(reminder="morning", kind="medication", person="p1", date="2026-10-01", slot="08:00", due=utc(0))]
    assert outcomes(only(prompted(1), open_now=known)) == ["open"]
    assert outcomes(only(open_now=known)) == ["open"]  # it waits, and no event has told of it yet
    assert outcomes(only(missed(1), open_now=known)) == ["missed"]


def test_only_the_days_asked_for_are_counted_and_an_evening_before_belongs_to_its_own_day() -> None:
    found = counted(missed(1, date="2026-09-30"), missed(1, date="2026-10-15"), taken(14))
    assert outcomes(found.reminders[0]) == ["taken"]
    assert counted(missed(1, date="2026-09-30")).reminders == ()
    reminder = only(taken(15, "evening", due="2026-10-14T18:00:00.000Z"), taken(1, "evening"), missed(14, "leave"))
    assert [day.tally.due for day in reminder.days] == [0] * 13 + [2]


def test_reminders_are_told_apart_and_in_order_and_other_reports_are_passed_over() -> None:
    found = counted(
        RAISED, taken(1, reminder="weigh"), taken(1, reminder="drink"), MessageHeard(clock=CLOCK, message="m", times=1)
    )
    assert [each.reminder for each in found.reminders] == ["drink", "weigh"]
    assert {each.tally.due for each in found.reminders} == {1}
    every = {type(each) for each in EVERY_REPORT if isinstance(each, ReminderFacts)}
    assert every == {ReminderPrompted, ReminderTaken, ReminderSnoozed, ReminderMissed}  # a new one is thought of here


def test_a_reminder_is_whose_and_what_it_was_last() -> None:
    reminder = only(taken(1, person="p1"), taken(9, person="p2", kind="drink"), taken(5, person="p3"))
    assert (reminder.person, reminder.kind) == ("p2", "drink")
    assert only(*(taken(1, person=f"p{number}") for number in range(9))).person == "p8"  # the same for hub and centre


@pytest.mark.parametrize("when", ["", "yesterday", "2026-13-01", "0001-01-01", "\uff12026-10-01"])
def test_an_event_of_no_day_is_left_out_and_counted(when: str) -> None:
    found = counted(taken(1, date=when, slot="evening"), taken(2))
    assert found.unreadable == 1
    assert outcomes(found.reminders[0]) == ["taken"]


def test_all_taken_is_a_hundred_percent_and_nothing_less_is() -> None:
    days = [taken(day % 14 + 1, f"{day // 14:02d}:00") for day in range(300)]
    assert only(*days).tally.percent == 100
    assert only(*days, missed(1, "23:00")).tally.percent == 99
    assert only(prompted(14, "17:30")).tally.percent is None


@pytest.mark.parametrize(
    ("first", "last"), [(LAST, FIRST), (date(2020, 1, 1), LAST), (date(2025, 9, 8), date(2026, 10, 13))]
)
def test_s12_a_span_without_sense_is_refused(first: date, last: date) -> None:
    with pytest.raises(ValueError, match="expected 1 to 400 days"):
        counted(taken(), first=first, last=last)


def test_s12_the_longest_span_has_a_row_for_each_of_its_days() -> None:
    reminder = only(taken(), first=date(2025, 9, 10), last=date(2026, 10, 14))
    assert len(reminder.days) == SPAN_DAYS_MAX


SLOTS = st.sampled_from(["08:00", "20:00", "evening"])
DAYS = st.integers(1, 15)
AFTER = st.integers(-60, 200).map(lambda minutes: minutes * MIN)
SOME = st.one_of(
    st.builds(prompted, DAYS, SLOTS),
    st.builds(taken, DAYS, SLOTS, AFTER, st.sampled_from(["button", "lid", "reading"])),
    st.builds(missed, DAYS, SLOTS, st.sampled_from(["unanswered", "away", "alarm", "hub"])),
    st.builds(lambda day, slot: ReminderSnoozed(**facts(day, slot), again_in_ms=600_000), DAYS, SLOTS),
    st.builds(lambda day, person: taken(day, person=person), DAYS, st.sampled_from(["p1", "p2"])),
)


@given(events=st.lists(SOME, max_size=40), dice=st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_the_count_and_it_adds_up(
    events: list[Report], dice: random.Random
) -> None:
    found = counted(*events)
    shuffled = [*events, *dice.choices(events, k=len(events) // 2)] if events else []
    dice.shuffle(shuffled)
    assert counted(*shuffled) == found
    for reminder in found.reminders:
        for tally in (reminder.tally, *(day.tally for day in reminder.days)):
            assert tally.due == tally.taken + tally.missed + tally.open + tally.unknown
            assert tally.taken == tally.on_time + tally.late == sum(tally.by.values())
            assert tally.missed == sum(tally.why.values())
        assert reminder.tally.due == sum(day.tally.due for day in reminder.days)
    answered = {(each.date, each.slot) for each in events if isinstance(each, ReminderTaken)}
    within = [day for day, slot in answered if 1 <= int(day[-2:]) - (slot == "evening") <= 14]
    assert sum(each.tally.taken for each in found.reminders) == len(within)  # S4: taken once is taken, and once only
