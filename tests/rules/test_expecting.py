"""A resident's monthly test, announced by the centre: recognised, delivered, and never a reason to leave anybody."""

from typing import Any, get_args

import pytest

from rules.events import CallPressed, PlanOffered
from rules.plan import Ladder, Means, Plan, Rule, Step
from rules.reports import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmEscalated,
    AlarmRaised,
    CommandDone,
    CommandRefused,
    FaultCleared,
)
from tests.rules.home import MINUTE, Home


def announced(expect: str = "pendant-1", **data: Any) -> Home:
    home = Home()
    home.command("test", expect=expect, **data)
    assert home.sent(CommandDone)
    return home.forget()


def raised(home: Home) -> list[tuple[bool, str]]:
    return [(each.test, each.rule) for each in home.sent(AlarmRaised)]


@pytest.mark.parametrize("expect", ["pendant-1", "pendant"])
def test_an_announced_press_is_a_test_once_and_the_next_is_real(expect: str) -> None:
    home = announced(expect)
    home.press("pendant-1")
    home.after(10)
    assert raised(home) == [(True, "announced-test")]
    home.receipt()
    assert home.alarm.delivery == "received"
    home.acknowledge()
    home.resolve()
    home.forget().press("pendant-1")
    home.after(10)
    assert raised(home) == [(False, "window-ended")]


def test_what_was_not_announced_is_real() -> None:
    home = announced("pendant-1")
    home.press("pendant-2")
    home.after(10)
    assert raised(home) == [(False, "window-ended")]
    assert home.house.expecting is not None


def test_a_second_press_belongs_to_a_test_that_may_still_be_cancelled_and_is_real_after() -> None:
    home = announced()
    home.press("pendant-1")
    home.after(4).press("pendant-1")
    assert raised(home) == [(True, "announced-test")]
    home.after(4).press("pendant-1")
    home.after(10)
    assert raised(home)[1:] == [(False, "window-ended")]


def test_s3_a_test_that_nobody_acknowledges_is_followed_by_a_real_alarm_after_5_min_with_the_whole_ladder() -> None:
    home = announced()
    home.press("pendant-1")
    home.after(10)
    test = home.alarm
    home.receipt()
    home.after(5 * MINUTE - 0.001)
    assert raised(home) == [(True, "announced-test")]
    assert not home.display().siren
    home.after(0.001)
    assert raised(home) == [(True, "announced-test"), (False, "test-unanswered")]
    real = home.house.alarms[1]
    assert (real.linked, real.kind, real.person, real.test) == (test.id, test.kind, test.person, False)
    home.after(MINUTE)
    assert home.display().siren, "nobody has told us that this one arrived"
    home.after(60 * MINUTE)
    assert len(home.sent(AlarmRaised)) == 2, "once"


def test_s3_it_becomes_real_without_a_line_too_and_after_a_reboot_at_the_latest() -> None:
    home = announced()
    home.link_down()
    home.press("pendant-1")
    home.after(10 + 5 * MINUTE)
    assert raised(home)[1:] == [(False, "test-unanswered")]
    other = announced()
    other.press("pendant-1")
    other.after(60)
    other.forget().reboot()
    assert raised(other) == [(False, "test-unanswered")]


@pytest.mark.parametrize("how", ["acknowledge", "resolve", "help_arrives", "cancel"])
def test_one_that_somebody_saw_stays_a_test(how: str) -> None:
    home = announced()
    home.press("pendant-1")
    home.after(0 if how == "cancel" else 20)
    getattr(home, how)()
    home.after(2 * 60 * MINUTE)
    assert [test for test, _ in raised(home)] == [] if how == "cancel" else [True]
    assert how != "cancel" or home.only(AlarmCancelled).test


def test_a_test_takes_no_step_but_those_that_reach_the_centre() -> None:
    every = [Step(after_ms=1000, means=means, for_ms=9) for means in get_args(Means)]
    ladder = Ladder(name="all", steps=tuple(every), repeat_ms=1000)
    home = Home()
    home.happens(PlanOffered(Plan(version=1, ladders=(ladder,), kinds=(Rule(kind="pendant", ladder="all"),))))
    home.command("test", expect="pendant")
    home.press("pendant-1")
    home.after(10 + 4 * MINUTE)
    assert [each.means for each in home.sent(AlarmEscalated)] == ["centre"]
    home.after(2 * MINUTE)
    assert {each.means for each in home.sent(AlarmEscalated)} == {each.means for each in every}, "the real one does"


@pytest.mark.parametrize("expect", ["smoke-1", "smoke", "co-1", "carbon-monoxide"])
def test_s3_smoke_and_carbon_monoxide_are_never_a_test(expect: str) -> None:
    home = Home()
    home.command("test", expect=expect)
    assert "never a test" in home.only(CommandRefused).reason
    home.press("smoke-1")
    home.press("co-1")
    assert [test for test, _ in raised(home)] == [False, False]


@pytest.mark.parametrize(
    "data", [{"expect": "pendnat"}, {"expect": "hub", "minutes": 121}, {"expect": "hub", "minutes": 0}]
)
def test_what_cannot_be_expected_is_refused_with_the_reason(data: dict[str, Any]) -> None:
    home = Home()
    home.command("test", **data)
    assert home.only(CommandRefused).reason
    assert home.house.expecting is None


def test_the_hubs_own_button_can_be_tested() -> None:
    home = announced("hub")
    home.happens(CallPressed())
    home.after(10)
    assert raised(home) == [(True, "announced-test")]


def test_s7_a_test_that_does_not_come_is_a_fault_until_the_device_is_pressed() -> None:
    home = announced(minutes=60)
    home.after(60 * MINUTE - 0.001)
    assert home.faults == set()
    home.after(0.001)
    assert home.faults == {("test-missing", "pendant-1")}
    assert home.display().fault == "off", "the centre's to see to"
    home.press("pendant-1")
    home.after(10)
    assert raised(home) == [(False, "window-ended")]
    assert home.faults == set()
    assert home.only(FaultCleared).fault == "test-missing"


def test_s6_an_announcement_survives_a_restart_exactly_and_ends_with_a_reboot() -> None:
    home = announced(minutes=10)
    home.restart(down=5 * MINUTE)
    home.after(5 * MINUTE - 0.001).press("pendant-1")
    home.after(10)
    assert raised(home) == [(True, "announced-test")]
    other = announced()
    other.reboot()
    other.press("pendant-1")
    other.after(10)
    assert raised(other) == [(False, "window-ended")]


def test_s3_an_acknowledged_test_that_lapses_is_told_again_and_stays_a_test() -> None:
    home = announced()
    home.press("pendant-1")
    home.after(10)
    home.acknowledge()
    assert home.only(AlarmAcknowledged).test
    home.after(40 * MINUTE)
    assert home.stage == "raised"
    assert raised(home) == [(True, "announced-test")]
