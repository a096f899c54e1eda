"""How soon alarms were answered: by hand, and for whatever alarms there are."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centre.cases.case import Case, CaseAlarm, State
from centre.reporting.answering import NAMES_MAX, OTHERS, Answered, Reckoning
from centre.reporting.measures import MARKS, nearest_rank, percent, shares, times

DAY = 86_400_000
START = 20_000 * DAY
NOW = START + 2 * DAY
EDGES = (START, START + DAY, START + 2 * DAY)


def alarm(at_ms: int = START, answered_s: float | None = None, **more: Any) -> CaseAlarm:
    facts = {"alarm": f"a-{at_ms}", "kind": "pendant", "priority": 1, "raised_ms": at_ms, "version": 1, **more}
    answered_ms = None if answered_s is None else at_ms + int(answered_s * 1000)
    return CaseAlarm(**{"arrived_ms": at_ms, "answered_ms": answered_ms, **facts})


def case(*alarms: CaseAlarm, resolved_ms: int | None = None, outcome: str = "", **more: Any) -> Case:
    first_ms = min(each.arrived_ms for each in alarms)
    state: State = "new" if resolved_ms is None else "resolved"
    facts = {"id": f"case-{first_ms}", "hub": "hub-1", "opened_ms": first_ms, "since_ms": first_ms, **more}
    return Case(state=state, alarms=alarms, resolved_ms=resolved_ms, outcome=outcome, **facts)


def reckon(*cases: Case, now_ms: int = NOW) -> Reckoning:
    reckoning = Reckoning(EDGES, now_ms)
    for each in cases:
        reckoning.case(each)
    return reckoning


def test_four_alarms_by_hand() -> None:
    """Answered after 10, 60, 61 and 200 s: 2 of 4 within 60 s, 3 of 4 within 180 s."""
    cases = [case(alarm(START + number, seconds)) for number, seconds in enumerate((10, 60, 61, 200))]
    total = reckon(*cases).figures().total
    assert (total.alarms, total.waiting, total.open) == (4, 0, 4)
    assert (total.taken.p50_ms, total.taken.p90_ms, total.taken.longest_ms) == (60_000, 200_000, 200_000)
    within_60, within_180 = total.within
    assert (within_60.met, within_60.of, within_60.percent, within_60.reached) == (2, 4, 50.0, False)
    assert (within_180.met, within_180.of, within_180.percent, within_180.reached) == (3, 4, 75.0, False)


def test_leaving_an_alarm_lying_improves_no_figure() -> None:
    """One answered in 10 s; one waits since 59 s, one since 61 s, one since an hour."""
    waiting = [alarm(NOW - seconds * 1000) for seconds in (59, 61, 3_600)]
    total = reckon(case(alarm(START, 10)), *(case(each) for each in waiting)).figures().total
    assert total.waiting == 3
    assert [(each.met, each.of) for each in total.within] == [(1, 3), (1, 2)]


@pytest.mark.parametrize(("met", "of", "shown", "reached"), [(975, 1000, 97.5, True), (974, 1000, 97.4, False)])
def test_the_aim_is_judged_exactly(met: int, of: int, shown: float, reached: bool) -> None:
    share = shares([1_000] * met + [99_000] * (of - met), ())[0]
    assert (share.percent, share.reached) == (shown, reached)


def test_what_nearly_reaches_the_aim_is_not_shown_as_if_it_did() -> None:
    share = shares([1_000] * 97_499 + [99_000] * 2_501, ())[0]
    assert (share.percent, share.reached) == (97.4, False)


def test_resolved_runs_from_the_alarm_to_the_last_closing_and_false_alarms_are_of_those() -> None:
    figures = reckon(
        case(alarm(START, 5, outcome="accidental"), resolved_ms=START + 300_000, outcome="accidental"),
        case(alarm(START + 1, 5), resolved_ms=START + 100_001, outcome="sensor-false", reopened=1),
        case(alarm(START + 2, 5), resolved_ms=START + 50_002, outcome="hospital"),
        case(alarm(START + 3, 5)),
    ).figures()
    total = figures.total
    assert (total.resolved.measured, total.resolved.p50_ms, total.resolved.longest_ms) == (3, 100_000, 300_000)
    assert (total.false_alarms, total.false_percent, total.open) == (2, 66.6, 1)
    assert figures.outcomes == {"accidental": 1, "hospital": 1, "sensor-false": 1}
    assert figures.reopened == 1


def test_an_alarm_that_joined_a_case_later_is_measured_from_its_own_arrival() -> None:
    joined = case(alarm(START, 5), alarm(START + 60_000, 7), resolved_ms=START + 100_000, outcome="hospital")
    total = reckon(joined).figures().total
    assert (total.resolved.p50_ms, total.resolved.longest_ms) == (40_000, 100_000)
    assert (total.taken.p50_ms, total.taken.longest_ms) == (5_000, 7_000)


def test_tests_and_what_the_centre_found_are_left_out_and_counted_apart() -> None:
    figures = reckon(
        case(alarm(START, 5)),
        case(alarm(START + 1, 500, test=True)),
        case(alarm(START + 2, 70, found=True, kind="silence", alarm="silence:")),
    ).figures()
    assert (figures.total.alarms, figures.left_out.tests) == (1, 1)
    assert [(each.name, each.alarms, each.within[0].met) for each in figures.found] == [("silence", 1, 0)]


def test_a_press_taken_back_before_it_was_sent_is_counted_apart_and_one_taken_back_later_is_an_alarm() -> None:
    reckoning = reckon(case(alarm(START, 5, cancelled=True)))
    reckoning.taken_back()
    figures = reckoning.figures()
    assert (figures.total.alarms, figures.cancelled, figures.left_out.taken_back) == (1, 1, 1)


def test_only_alarms_of_the_span_count_whatever_their_case() -> None:
    long = case(alarm(START - 1, 5), alarm(START, 5), alarm(START + DAY, 100), alarm(EDGES[-1], 5), alarm(NOW - 1, 5))
    figures = reckon(long).figures()
    assert figures.total.alarms == 3
    assert [(each.alarms, each.within[0].met) for each in figures.bins] == [(1, 1), (2, 1)]


def test_receipt_is_measured_only_where_the_hubs_clock_can_be_relied_on() -> None:
    """0.5 s and 2 s; 3 s ahead is no time; 6 s ahead, 31 days ago and a clock nobody vouches for are not known."""
    reckoning = reckon()
    for raised_ms in (START - 500, START - 2_000, START + 3_000, START + 6_000, START - 31 * DAY, None):
        reckoning.received("pendant", 1, raised_ms, START)
    receipt = reckoning.figures().total.receipt
    assert (receipt.measured, receipt.unknown) == (3, 3)
    assert (receipt.p50_ms, receipt.longest_ms) == (500, 2_000)


def test_lapses_are_told_by_whose_they_were_and_why() -> None:
    reckoning = reckon()
    for by, why in (("centre", "time"), ("centre", "time"), ("contact", "reboot")):
        reckoning.lapsed(by, why)
    assert reckoning.figures().lapses == {"centre time": 2, "contact reboot": 1}


def test_s12_a_hub_that_invents_kinds_fills_nothing() -> None:
    figures = reckon(*(case(alarm(START + n, 1, kind=f"kind-{n}")) for n in range(500))).figures()
    assert len(figures.kinds) == NAMES_MAX + 1
    assert (figures.kinds[0].name, figures.kinds[0].alarms) == (OTHERS, 500 - NAMES_MAX)
    assert sum(each.alarms for each in figures.kinds) == figures.total.alarms == 500


def test_nothing_is_none_and_not_a_hundred_per_cent() -> None:
    total = reckon().figures().total
    assert [each.percent for each in total.within] == [None, None]
    assert [each.reached for each in total.within] == [None, None]
    assert (total.taken.p50_ms, total.false_percent) == (None, None)


# --- whatever there is -------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(0, 10**7), max_size=60)
ALARMS = st.lists(
    st.builds(
        alarm,
        st.integers(START - DAY, EDGES[-1] + DAY),
        st.none() | st.integers(0, 400).map(float),
        priority=st.integers(1, 4),
        kind=st.sampled_from(("pendant", "fall", "flood")),
        test=st.booleans(),
        found=st.booleans(),
        cancelled=st.booleans(),
        outcome=st.sampled_from(("", "accidental", "hospital")),
    ),
    min_size=1,
    max_size=8,
)
CASES = st.lists(ALARMS.map(lambda several: case(*several)))


@given(NUMBERS.filter(bool), st.integers(1, 100))
def test_a_percentile_is_a_time_that_was_measured_and_so_many_are_no_longer(numbers: list[int], share: int) -> None:
    ordered = sorted(numbers)
    found = nearest_rank(ordered, share)
    assert found in numbers
    assert sum(each <= found for each in numbers) * 100 >= share * len(numbers)
    assert sum(each < found for each in numbers) * 100 < share * len(numbers)


@given(NUMBERS)
def test_percentiles_rise(numbers: list[int]) -> None:
    took = times(numbers)
    ranks = [took.p50_ms, took.p90_ms, took.p99_ms, took.longest_ms]
    assert ranks == sorted(ranks, key=lambda each: each or 0)
    assert took.longest_ms == max(numbers, default=None)


@given(NUMBERS, NUMBERS)
def test_shares_are_between_none_and_all_and_rise_with_the_mark(answered: list[int], waiting: list[int]) -> None:
    first, second = shares(answered, waiting)
    for share in (first, second):
        assert 0 <= share.met <= share.of <= len(answered) + len(waiting)
        assert share.percent is None or 0 <= share.percent <= 100
        assert (share.percent is None) == (share.of == 0)
    assert first.met <= second.met
    if first.percent is not None and second.percent is not None:
        assert first.percent <= second.percent
    assert [first.within_ms, second.within_ms] == [mark for mark, _ in MARKS]


@given(NUMBERS, st.integers(0, 10**7))
def test_one_more_that_waits_never_helps(answered: list[int], waited: int) -> None:
    for before, after in zip(shares(answered, ()), shares(answered, (waited,)), strict=True):
        assert (after.percent or 0) <= (before.percent if before.percent is not None else 100)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_percentage_is_rounded_down(part: int, whole: int) -> None:
    part = min(part, whole)
    shown = percent(part, whole)
    assert shown is not None
    assert round(shown * 10) * whole <= part * 1_000 < (round(shown * 10) + 1) * whole


@settings(max_examples=40)
@given(CASES)
def test_every_alarm_is_counted_once(cases: list[Case]) -> None:
    figures = reckon(*cases).figures()
    of_span = [each for one in cases for each in one.alarms if EDGES[0] <= each.arrived_ms < EDGES[-1]]
    found = sum(each.alarms for each in figures.found)
    assert figures.total.alarms + figures.left_out.tests + found == len(of_span)
    for parts in (figures.priorities, figures.kinds, figures.bins):
        assert sum(each.alarms for each in parts) == figures.total.alarms
    for each in (figures.total, *figures.kinds):
        _sound(each)


def _sound(each: Answered) -> None:
    assert each.taken.measured + each.waiting == each.alarms == each.resolved.measured + each.open
    assert 0 <= each.false_alarms <= each.resolved.measured
