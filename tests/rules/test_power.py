"""S7: what the hub runs on. A mains failure is told after a time of each home's own, a dying battery at once."""

import pytest

from rules.events import Config, PlanOffered, PowerChanged
from rules.plan import Plan, PowerCut, Supervision
from rules.reports import FaultCleared, FaultRaised, TestReport
from tests.rules.home import HOUR, Home

ON = PowerChanged(mains=True, battery=100)
OFF = PowerChanged(mains=False, battery=80, hours_left=6.52)


def told_after(home: Home) -> float:
    """Cut the mains, and give the seconds until it is a fault."""
    began = home.ms
    home.happens(OFF)
    while ("mains", "") not in home.faults:
        home.after(0.5)
        assert home.ms - began < 600_000
    return (home.only(FaultRaised).clock.monotonic_ms - began) / 1000


def test_s7_a_mains_failure_is_told_within_60_to_170_s_with_the_hours_left_and_its_end_with_how_long() -> None:
    home = Home()
    home.happens(ON)
    began = home.ms
    assert 60 <= told_after(home) <= 170
    (fault,) = home.sent(FaultRaised)
    assert (fault.fault, fault.priority, fault.reason) == ("mains", 2, "on battery, 80 %, 6.5 h left")
    home.after(HOUR).happens(ON)
    assert home.faults == set()
    assert home.only(FaultCleared).lasted_ms == home.ms - began, "from the failure, not from its report"


def test_s7_a_town_wide_cut_does_not_have_every_hub_call_at_once() -> None:
    times = set()
    for number in range(40):
        home = Home()
        home.config = Config(hub=f"hub-{number}")
        home.restart()
        home.link_up()
        times.add(round(told_after(home.forget())))
    assert all(60 <= each <= 170 for each in times)
    assert len(times) > 25
    assert max(times) - min(times) > 60


@pytest.mark.parametrize("seconds", [60, 120, 170, 999])
def test_a_care_plan_sets_the_earliest_moment_and_never_lifts_the_bound(seconds: int) -> None:
    home = Home()
    home.happens(PlanOffered(Plan(version=1, supervision=Supervision(mains_ms=seconds * 1000))))
    assert min(seconds, 170) <= told_after(home.forget()) <= 170


def test_s4_a_flicker_is_no_fault() -> None:
    home = Home()
    for _ in range(50):
        home.happens(OFF)
        home.after(59).happens(ON)
        home.after(1)
    assert home.sent(FaultRaised) == []


def test_s7_whoever_answers_an_alarm_knows_at_once_that_the_mains_is_off() -> None:
    home = Home()
    home.press("smoke-1")
    home.happens(OFF)
    assert ("mains", "") in home.faults
    other = Home()
    other.happens(OFF)
    other.after(5).press("smoke-1")
    assert ("mains", "") in other.faults


def test_s1_a_silent_alarm_lights_no_lamp_by_a_mains_failure() -> None:
    home = Home()
    home.press("door-1")
    home.happens(OFF)
    assert home.faults == set()


def test_s6_the_wait_survives_a_restart_exactly_and_a_reboot_asks_anew() -> None:
    home = Home()
    straight = told_after(Home())
    began = home.ms
    home.happens(OFF)
    home.restart(down=20)
    home.happens(OFF)  # a new process tells what it sees
    home.after(straight - 20 - 0.001)
    assert ("mains", "") not in home.faults
    home.after(0.001)
    assert ("mains", "") in home.faults
    assert home.ms - began == round(straight * 1000)
    home.forget().reboot()
    assert ("mains", "") in home.faults, "nobody has seen it return"
    home.happens(OFF)
    home.after(200)
    assert home.sent(FaultRaised) == []
    home.happens(ON)
    assert home.only(FaultCleared).lasted_ms is None


def test_s7_a_dying_battery_is_told_at_once_for_life_and_once_however_it_wavers() -> None:
    home = Home()
    home.happens(PowerChanged(mains=False, battery=16, hours_left=1.1))
    assert home.faults == set()
    for percent in (15, 17, 15, 24, 15):
        home.happens(PowerChanged(mains=False, battery=percent))
    (fault,) = [each for each in home.sent(FaultRaised) if each.fault == "battery"]
    assert (fault.priority, fault.reason) == (1, "on battery, 15 %, about 1.2 h left")
    home.happens(PowerChanged(mains=True, battery=20))
    assert ("battery", "") in home.faults, "it would not last through the next cut"
    home.happens(PowerChanged(mains=True, battery=25))
    assert home.faults == set()


@pytest.mark.parametrize(
    "event", [PowerChanged(mains=False, hours_left=1.0), PowerChanged(mains=None, battery=90, critical=True)], ids=repr
)
def test_a_battery_is_critical_by_its_hours_or_by_its_own_word(event: PowerChanged) -> None:
    home = Home()
    home.happens(event)
    assert ("battery", "") in home.faults


def test_a_box_that_cannot_tell_has_no_fault_and_one_that_lost_its_supplies_has_none_left() -> None:
    home = Home()
    home.happens(PowerChanged())
    home.after(HOUR)
    assert home.faults == set()
    home.happens(OFF)
    home.after(200)
    home.restart()
    home.happens(PowerChanged())  # the board was taken out
    assert home.faults == set()


def test_s7_the_self_test_says_what_the_hub_runs_on() -> None:
    home = Home()
    home.happens(PlanOffered(Plan(version=1, power_cut=PowerCut(hub_ms=8 * 3_600_000))))
    said = []
    for event in (None, ON, OFF, PowerChanged(mains=False, battery=50), PowerChanged(mains=False)):
        if event is not None:
            home.happens(event)
        home.forget().command("test")
        report = home.only(TestReport)
        said.append((report.power, report.battery, report.hours_left))
    assert said == [
        ("unknown", None, None),
        ("mains", 100, None),
        ("battery", 80, 6.5),
        ("battery", 50, 4.0),
        ("battery", None, 8.0),
    ]
    home.after(HOUR).forget().command("test")
    assert home.only(TestReport).hours_left == 7.0
