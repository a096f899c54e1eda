"""The day team's worklist: what stands, by fault, the most urgent first."""

from centre.silence import Seen, Standing, Work, worklist
from centre.silence.judging import NOW, judge
from centre.silence.seen import DROPS_MAX
from tests.centre.silence.town import START_MS

HOUR = 3_600_000


def home(hub: str, *faults: Standing) -> Seen:
    return Seen(hub=hub, enrolled_ms=0, online=True, online_ms=START_MS, checked_in_ms=START_MS, faults=faults)


def standing(fault: str, priority: int, age_h: int = 0, subject: str = "", reason: str = "") -> Standing:
    known_ms = START_MS - age_h * HOUR
    return Standing(fault=fault, subject=subject, priority=priority, known_ms=known_ms, reason=reason)


def test_faults_are_grouped_the_most_urgent_first_and_then_the_oldest() -> None:
    homes = [
        home("a", standing("clock", 4, 2), standing("sensor-battery-low", 4, 500, "pendant-1")),
        home("b", standing("clock", 4, 30), standing("certificate", 3, 1)),
        home("c", standing("certificate", 1, 0, reason="3 days left"), standing("storage", 1, 5, reason="full")),
    ]
    found = worklist(homes, START_MS)
    assert [(group.fault, group.group, [work.hub for work in group.work]) for group in found] == [
        ("storage", "storage", ["c"]),
        ("certificate", "certificate", ["c", "b"]),
        ("sensor-battery-low", "sensors", ["a"]),
        ("clock", "clock", ["b", "a"]),
    ]
    assert found[0].work == (
        Work(hub="c", fault="storage", subject="", priority=1, age_ms=5 * HOUR, reason="full", now=False),
    )


def test_what_is_an_operators_at_once_says_so_there_too() -> None:
    faults = [standing(fault, 1) for fault in NOW]
    faults += [standing("part", 2, subject="reception-433"), standing("part", 2, subject="sound"), standing("link", 2)]
    for each in faults:
        seen = home("a", each)
        [group] = worklist([seen], START_MS)
        assert group.work[0].now == bool(judge(seen, START_MS, 0)), each


def test_a_hub_never_heard_of_is_there_and_a_home_long_silent() -> None:
    homes = [
        Seen(hub="new", enrolled_ms=START_MS - HOUR),
        home("well"),
        Seen(hub="gone", enrolled_ms=0, online_ms=1, checked_in_ms=1, gone_ms=START_MS - HOUR),
        Seen(hub="mute", enrolled_ms=0, online=True, online_ms=1, checked_in_ms=START_MS - 2 * HOUR),
        Seen(hub="away", enrolled_ms=0, online_ms=1, checked_in_ms=START_MS - 1, gone_ms=START_MS - HOUR + 1),
    ]
    found = {group.fault: [(work.hub, work.age_ms) for work in group.work] for group in worklist(homes, START_MS)}
    assert found == {"never-heard": [("new", HOUR)], "silent": [("mute", 2 * HOUR), ("gone", HOUR)]}


def test_a_line_that_keeps_dropping_is_seen_to_for_a_day() -> None:
    drops = tuple(START_MS + number * HOUR for number in range(DROPS_MAX))
    seen = Seen(hub="a", enrolled_ms=0, online=True, checked_in_ms=START_MS + 24 * HOUR, drops=drops)
    [group] = worklist([seen], START_MS + 24 * HOUR)
    assert (group.fault, group.group, group.priority) == ("unsteady-line", "line", 3)
    assert worklist([seen], START_MS + 24 * HOUR + 1) == ()


def test_a_clock_that_was_set_back_makes_no_age_negative() -> None:
    [group] = worklist([home("a", standing("clock", 4, -1))], START_MS)
    assert group.work[0].age_ms == 0
