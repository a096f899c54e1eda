"""The resident may take an alarm back, for so long; what came in time counts, however late the hub woke."""

import pytest

from rules.reports import AlarmCancelled, AlarmRaised
from tests.rules.home import Home, chirps


@pytest.mark.parametrize(
    ("sensor", "window_s"), [("pendant-1", 10.0), ("cord-1", 10.0), ("fall-1", 30.0)], ids=["pendant", "cord", "fall"]
)
def test_the_window_ends_on_the_millisecond(sensor: str, window_s: float) -> None:
    home = Home()
    home.press(sensor)
    home.after(window_s - 0.001)
    assert home.stage == "pending"
    assert home.sent(AlarmRaised) == []
    home.after(0.001)
    assert home.stage == "raised"
    assert home.only(AlarmRaised).rule == "window-ended"


@pytest.mark.parametrize("wakes", [True, False], ids=["punctual", "late"])
def test_s6_cancel_at_9_99_s_of_10_counts(wakes: bool) -> None:
    home = Home()
    home.press("pendant-1")
    if wakes:
        home.after(9.99)
    else:
        home.asleep_for(9.99)
    home.cancel()
    assert home.house.alarms == ()
    assert home.only(AlarmCancelled).stage == "pending"
    home.after(60)
    assert home.sent(AlarmRaised) == []


@pytest.mark.parametrize("wakes", [True, False], ids=["punctual", "late"])
@pytest.mark.parametrize("at_s", [10.0, 10.001])
def test_s6_cancel_at_10_s_comes_after_the_raise(wakes: bool, at_s: float) -> None:
    home = Home()
    home.press("pendant-1")
    pressed_ms = home.ms
    if wakes:
        home.after(at_s)
    else:
        home.asleep_for(at_s)
    home.cancel()
    assert home.stage == "raised"
    assert home.only(AlarmRaised).clock.monotonic_ms == pressed_ms + 10_000  # its own due time, not the waking
    assert home.only(AlarmCancelled).stage == "raised"


def test_s4_second_press_ends_the_cancel_window() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(3).press("pendant-1")
    raised = home.only(AlarmRaised)
    assert (raised.rule, raised.triggers) == ("second-press", 2)
    assert home.stage == "raised"


def test_s4_second_press_on_another_sensor_of_the_same_person_and_place_ends_it_too() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(3).press("pendant-2")
    assert home.only(AlarmRaised).rule == "second-press"


def test_another_persons_press_does_not_end_it() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(3).press("pendant-3")
    assert [alarm.stage for alarm in home.house.alarms] == ["pending", "pending"]


def test_a_pending_alarm_is_not_sent_and_its_cancel_is_told() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(5)
    assert not [each for each in home.actions if hasattr(each, "report") and hasattr(each.report, "alarm")]
    home.cancel()
    assert home.only(AlarmCancelled).alarm
    assert chirps(home.actions) == ["heard", "cancelled"]


def test_cancel_with_nothing_to_cancel_says_so() -> None:
    home = Home()
    home.cancel()
    assert chirps(home.actions) == ["nothing-to-cancel"]


def test_cancel_after_the_raise_is_an_event_and_never_a_deletion() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(12).cancel()
    assert home.stage == "raised"
    assert chirps(home.actions) == ["heard", "heard"]
    home.acknowledge()
    home.after(61).cancel()
    assert [each.stage for each in home.sent(AlarmCancelled)] == ["raised", "acknowledged"]


def test_one_press_of_cancel_takes_back_what_is_pending_and_leaves_what_was_raised() -> None:
    home = Home()
    home.press("smoke-1")
    home.press("pendant-1")
    home.after(5).cancel()
    assert home.alarm.kind == "smoke"
    assert [each.kind for each in home.sent(AlarmCancelled)] == ["pendant"]
