"""Incidents as they happen in one home: its hub, its router, its faults; and what staff see of them."""

from centre.silence import Seen, Silence, watch
from rules.reports import FaultCleared, FaultRaised
from tests.centre.silence.town import START_MS, Town
from tests.support.voice import CLOCK, RAISED

MINUTE = 60


def fault(name: str, subject: str = "", priority: int = 1) -> FaultRaised:
    return FaultRaised(clock=CLOCK, fault=name, subject=subject, priority=priority, reason="said", again=0)


def cleared(name: str, subject: str = "") -> FaultCleared:
    return FaultCleared(clock=CLOCK, fault=name, subject=subject, lasted_ms=None)


# --- one home -----------------------------------------------------------------------------------------------


def test_s7_a_hub_that_is_killed_is_a_case_within_90_s() -> None:
    town = Town(3)
    town.wait(17 * MINUTE + 1.7)
    killed_s = town.seconds
    town.cut("home-1", will_after_s=75)
    town.wait(5 * MINUTE)
    [(at_s, kind, hub)] = town.log
    assert (kind, hub) == ("opened", "home-1")
    assert 75 < at_s - killed_s <= 90
    assert [each.why for each in town.silence.cases()] == ["lost"]


def test_a_router_pulled_for_three_minutes_is_one_case_that_ends_ten_minutes_after_it_is_back() -> None:
    town = Town()
    town.wait(60)
    town.cut("home-0")
    town.later(3 * MINUTE, lambda: town.connect("home-0"))
    town.wait(20 * MINUTE)
    assert town.log == [(145.0, "opened", "home-0"), (240.0, "returned", "home-0"), (840.0, "ended", "home-0")]


def test_a_line_that_is_back_before_it_is_due_was_never_a_case() -> None:
    town = Town()
    town.will("home-0")
    town.later(9, lambda: town.connect("home-0"))
    town.wait(20 * MINUTE)
    assert town.log == []


def test_a_planned_stop_that_never_comes_back_is_a_case_after_ten_minutes() -> None:
    town = Town(2)
    town.will("home-0", "stopped")
    town.will("home-1", "restarting")
    town.later(9.9 * MINUTE, lambda: town.connect("home-1"))
    town.wait(10 * MINUTE - 5)
    assert town.log == []
    town.wait(60)
    assert town.log == [(600.0, "opened", "home-0")]
    assert [each.why for each in town.silence.cases()] == ["not-back"]


def test_s10_a_planned_stop_with_an_alarm_open_waits_for_nobody() -> None:
    town = Town()
    town.tell("home-0", RAISED)
    town.will("home-0", "stopped")
    town.wait(15)
    [case] = town.silence.cases()
    assert (case.priority, case.alarm) == (1, True)


def test_the_standby_that_closes_as_the_last_line_is_no_planned_stop() -> None:
    town = Town()
    town.will("home-0", "closed: it is not wanted")
    town.wait(15)
    assert town.cases() == ["home-0"]


def test_s7_a_dead_check_in_behind_a_live_line_is_as_silent_as_no_line() -> None:
    town = Town()
    town.wait(60)  # it checked in at 0 s
    town.alive.clear()
    town.wait(8 * MINUTE)
    assert town.log == [(480.0, "opened", "home-0")]
    assert [each.why for each in town.silence.cases()] == ["no-check-in"]
    town.check_in("home-0")
    town.wait(5)
    assert town.kinds() == ["opened", "returned"]


def test_s7_a_hub_that_connects_again_and_again_and_says_nothing_is_not_back() -> None:
    town = Town()
    for _ in range(10):
        town.will("home-0")
        town.wait(5)
        town.connect("home-0", check_in=False)
        town.wait(20)
    assert town.kinds() == ["opened"]
    assert town.seen["home-0"].gone_ms == START_MS


def test_s7_a_hub_that_restarts_again_and_again_by_plan_and_says_nothing_is_a_case_too() -> None:
    town = Town()
    for _ in range(30):
        town.will("home-0", "restarting")
        town.wait(25)
        town.connect("home-0", check_in=False)
        town.wait(5)
    assert town.kinds() == ["opened"]


def test_a_home_that_flaps_is_one_case() -> None:
    town = Town()
    for _ in range(12):
        town.will("home-0")
        town.wait(2 * MINUTE)
        town.connect("home-0")
        town.wait(3 * MINUTE)
    assert town.kinds().count("opened") == 1
    assert "ended" not in town.kinds()
    assert town.silence.cases()[0].times == 12
    town.wait(10 * MINUTE)
    assert town.kinds()[-1] == "ended"


def test_another_planned_stop_while_it_settles_is_not_held_against_it() -> None:
    town = Town()
    town.will("home-0")
    town.wait(60)
    town.connect("home-0")
    town.wait(60)
    town.will("home-0", "restarting")
    town.wait(60)
    town.connect("home-0")
    town.wait(10 * MINUTE)
    assert town.kinds() == ["opened", "returned", "ended"]


def test_an_alarm_that_is_learnt_of_meanwhile_makes_a_silent_home_urgent() -> None:
    town = Town()
    town.will("home-0")
    town.wait(60)
    town.tell("home-0", RAISED)  # by the other worker, late
    town.wait(5)
    assert town.kinds() == ["opened", "urgent"]
    assert [each.priority for each in town.silence.cases()] == [1]


def test_a_hub_that_was_never_heard_of_alarms_nobody_and_one_that_is_shut_out_is_nobodys_case() -> None:
    new = Seen(hub="new", enrolled_ms=START_MS)
    silence = watch(Silence(), [new], START_MS)
    assert watch(silence, [new], START_MS + 30_000).troubles == {}
    town = Town(2)
    town.will("home-0")
    town.wait(60)
    del town.seen["home-0"]  # revoked
    town.wait(5)
    assert town.kinds() == ["opened", "ended"]


# --- faults -------------------------------------------------------------------------------------------------


def test_a_fault_that_leaves_a_home_without_help_is_a_case_and_no_other_is() -> None:
    town = Town(6)
    told = [("battery", ""), ("driver", "433"), ("part", "reception-433"), ("storage", ""), ("part", "sound")]
    for hub, (name, subject) in zip(town.names, told, strict=False):
        town.tell(hub, fault(name, subject))
    town.wait(5)
    assert {each.hub: each.what for each in town.silence.cases()} == {
        "home-0": "battery",
        "home-1": "driver",
        "home-2": "reception",
    }
    town.tell("home-1", cleared("driver", "433"))
    town.wait(11 * MINUTE)
    assert (town.kinds().count("ended"), town.cases()) == (1, ["home-0", "home-2"])


def test_two_deaf_drivers_are_one_case_until_both_are_well() -> None:
    town = Town()
    town.tell("home-0", fault("driver", "433"))
    town.wait(60)
    town.tell("home-0", fault("driver", "868"))
    town.tell("home-0", cleared("driver", "433"))
    town.wait(60)
    assert town.kinds() == ["opened"]
    town.tell("home-0", cleared("driver", "868"))
    town.wait(60)
    assert town.kinds() == ["opened", "returned"]


def test_batteries_that_end_all_over_town_are_one_incident() -> None:
    town = Town(100)
    for number, hub in enumerate(town.names[:40]):
        town.later(number * 10, lambda hub=hub: town.tell(hub, fault("battery")))  # type: ignore[misc]
    town.wait(10 * MINUTE)
    [incident] = town.silence.announced()
    assert (incident.what, incident.lost, town.cases()) == ("battery", 40, [])
