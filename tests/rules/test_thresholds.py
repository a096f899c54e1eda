"""Readings beyond a plan's bounds: one alarm a day each way, for a room's spell or a person's reading."""

from math import nan
from typing import Any

import pytest

from rules.events import Measured, Sensor, Tick
from rules.plan import Temperature, Threshold
from rules.reports import AlarmJoined, AlarmRaised
from tests.rules.home import HOUR, MINUTE, ROOMS, Home, watched

ROOM = Temperature(sensor="lounge", low=16.0, high=28.0, hysteresis=1.0)
MORNING = "2026-01-05T09:00+00:00"


def room(rule: Temperature = ROOM, *, begins: str = MORNING, **more: Any) -> Home:
    return watched(begins, temperatures=(rule,), **more)


def closed(home: Home) -> Home:
    """Staff have seen to it."""
    home.acknowledge()
    home.resolve()
    return home.forget()


@pytest.mark.parametrize(("value", "kind", "said"), [(15.9, "cold", "15.9 °C"), (28.1, "heat", "28.1 °C")])
def test_a_room_beyond_its_bound_is_an_alarm(value: float, kind: str, said: str) -> None:
    home = room()
    home.measures(value)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.location, raised.detail) == (kind, "lounge", said)
    assert (raised.plan_rule, raised.priority, raised.rule) == ("temperature.lounge", 2, "immediate")


@pytest.mark.parametrize("value", [16.0, 21.0, 28.0])
def test_a_room_within_its_bounds_is_none(value: float) -> None:
    home = room()
    home.measures(value)
    assert home.house.alarms == ()


@pytest.mark.parametrize("value", [-127.0, -40.0, 80.0, 85.0, nan, 1e300])
def test_a_broken_sensor_is_no_weather(value: float) -> None:
    home = room()
    home.measures(value)
    assert home.house.alarms == ()


def test_other_quantities_and_other_sensors_are_not_the_room() -> None:
    home = room()
    home.happens(Measured("lounge", "battery", 3.0, "%"))
    home.happens(Measured("hall", "temperature", 3.0))
    home.happens(Measured("nobody-knows-it", "temperature", 3.0))
    assert home.house.alarms == ()


def test_a_side_that_the_plan_does_not_name_is_not_watched() -> None:
    home = room(Temperature(sensor="lounge", low=16.0))
    home.measures(45.0)
    assert home.house.alarms == ()
    home.measures(10.0)
    assert home.alarm.kind == "cold"


def test_s4_a_spell_that_wavers_about_its_bound_is_one_alarm() -> None:
    home = room()
    for _ in range(50):
        home.after(10 * MINUTE).measures(15.9)
        home.after(10 * MINUTE).measures(16.9)
    assert len(home.sent(AlarmRaised)) == 1
    assert home.sent(AlarmJoined) == []


def test_s4_a_home_that_stays_cold_for_a_week_is_one_alarm() -> None:
    home = room()
    home.measures(12.0)
    closed(home)
    for _ in range(7 * 24):
        home.after(HOUR).measures(12.0)
    assert home.sent(AlarmRaised) == []


def test_at_most_one_a_day_each_way() -> None:
    home = room()
    home.measures(15.0)
    home.after(HOUR).measures(29.0)
    assert [alarm.kind for alarm in home.house.alarms] == ["cold", "heat"]
    for _ in range(5):
        home.after(HOUR).measures(15.0)
        home.after(HOUR).measures(29.0)
    assert len(home.sent(AlarmRaised)) == 2
    assert home.sent(AlarmJoined) == []


def test_a_second_spell_of_a_day_is_told_at_midnight_if_it_still_lasts() -> None:
    home = room()
    home.measures(15.0)
    home.after(HOUR).measures(20.0)
    closed(home)
    home.after(HOUR).measures(14.0)
    home.until("2026-01-05T23:59:59.999+00:00")
    assert home.sent(AlarmRaised) == []
    home.after(0.001)
    assert home.only(AlarmRaised).detail == "14.0 °C"


def test_s6_what_another_clock_makes_due_is_due_now_and_not_since_the_hub_last_looked() -> None:
    home = room()
    home.measures(15.0)
    closed(home).measures(20.0)
    home.measures(15.0)
    asleep_ms = home.ms
    home.ms += 3 * 60_000
    home.set_clock("2026-01-06T09:03+00:00").happens(Tick())
    raised = home.only(AlarmRaised)
    assert raised.clock.monotonic_ms == home.ms == asleep_ms + 3 * 60_000
    assert home.house.alarms[0].ladder_from_ms == home.ms, "its ladder begins now: nothing of it is late"


def test_a_second_spell_of_a_day_that_is_over_by_midnight_is_not() -> None:
    home = room()
    home.measures(15.0)
    home.after(HOUR).measures(20.0)
    closed(home)
    home.after(HOUR).measures(14.0)
    home.after(HOUR).measures(17.0)
    home.after(30 * HOUR)
    assert home.sent(AlarmRaised) == []
    home.measures(15.0)
    assert home.only(AlarmRaised).kind == "cold"


def test_the_day_is_the_homes_own() -> None:
    home = room(begins="2026-07-05T22:00+00:00")
    home.measures(29.0)
    home.measures(20.0)
    closed(home)
    home.until("2026-07-05T22:59+00:00").measures(29.0)
    assert home.sent(AlarmRaised) == []
    home.until("2026-07-05T23:00+00:00")
    assert home.only(AlarmRaised).kind == "heat", "midnight in London, in summer"


def test_two_sensors_are_each_their_own() -> None:
    rules = (ROOM, Temperature(sensor="kitchen", low=16.0))
    home = watched(MORNING, *ROOMS, temperatures=rules)
    home.measures(15.0)
    home.measures(15.0, "kitchen")
    assert [alarm.location for alarm in home.house.alarms] == ["lounge", "kitchen"]


def test_s6_with_a_clock_nobody_vouches_for_a_day_is_24_hours() -> None:
    home = room(synced=False)
    home.measures(15.0)
    home.after(HOUR).measures(20.0)
    closed(home)
    home.measures(15.0)
    home.after(23 * HOUR - 0.001)
    assert home.sent(AlarmRaised) == []
    home.after(0.001)
    assert home.only(AlarmRaised).kind == "cold"


@pytest.mark.parametrize("again", [lambda home: home.restart(), lambda home: home.reboot()], ids=["restart", "reboot"])
def test_s6_neither_a_restart_nor_a_reboot_tells_a_spell_twice(again: Any) -> None:
    home = room()
    home.measures(15.0)
    home.forget()
    again(home)
    for _ in range(10):
        home.after(10 * MINUTE).measures(15.0)
    assert [each for each in home.sent(AlarmRaised) if each.kind == "cold"] == []


def test_s6_waking_late_at_midnight_gives_the_same_alarm() -> None:
    home = room()
    home.measures(15.0)
    home.measures(20.0)
    closed(home)
    home.measures(14.0)
    home.asleep_for(20 * HOUR).happens(Tick())
    assert home.only(AlarmRaised).clock.wall == "2026-01-06T00:00:00.000Z"


def test_away_a_home_still_freezes() -> None:
    home = room()
    home.set_mode("away")
    home.measures(3.0)
    assert home.alarm.kind == "cold"
    assert home.mode == "away"


def test_a_plan_that_no_longer_asks_forgets_and_one_that_still_does_remembers() -> None:
    home = room()
    home.measures(15.0)
    home.watches(temperatures=(ROOM,))
    home.measures(14.0)
    assert len(home.sent(AlarmRaised)) == 1
    home.watches()
    assert home.house.spells == ()


# --- what somebody measures -------------------------------------------------------------------------

SCALE = Sensor("scale", "reading", "bathroom", "p1")
CUFF = Sensor("cuff", "reading", "bedroom", "p1")
WEIGHT = Threshold(name="weight", sensor="scale", quantity="weight", low=50.0, high=70.0)


def scale(*rules: Threshold, begins: str = MORNING, **more: Any) -> Home:
    return watched(begins, *ROOMS, SCALE, CUFF, thresholds=rules or (WEIGHT,), **more)


def weighs(home: Home, value: float) -> None:
    home.happens(Measured("scale", "weight", value, "kg"))


@pytest.mark.parametrize("value", [49.9, 70.1])
def test_a_reading_beyond_its_threshold_is_an_alarm_that_does_not_tell_the_value(value: float) -> None:
    home = scale()
    weighs(home, value)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.location, raised.person, raised.detail) == ("reading", "bathroom", "p1", "weight")
    assert (raised.plan_rule, raised.priority, raised.silent) == ("threshold.weight", 3, True)


@pytest.mark.parametrize("value", [50.0, 60.0, 70.0, nan])
def test_a_reading_within_its_threshold_is_none(value: float) -> None:
    home = scale()
    weighs(home, value)
    assert home.house.alarms == ()


def test_another_quantity_and_another_sensor_are_not_it() -> None:
    home = scale()
    home.happens(Measured("scale", "battery", 3.0, "%"))
    home.happens(Measured("cuff", "weight", 3.0, "kg"))
    assert home.house.alarms == ()


def test_a_side_without_a_bound_is_not_judged() -> None:
    home = scale(Threshold(name="weight", sensor="scale", quantity="weight", high=70.0))
    weighs(home, 3.0)
    assert home.house.alarms == ()


def test_one_a_day_each_way_and_todays_reading_is_not_told_tomorrow() -> None:
    home = scale()
    weighs(home, 71.0)
    weighs(home, 49.0)
    assert [each.detail for each in home.sent(AlarmRaised)] == ["weight"]
    assert len(home.sent(AlarmJoined)) == 1, "the other way, in the same place: it joins"
    closed(home)
    weighs(home, 71.0)
    weighs(home, 48.0)
    home.after(30 * HOUR)
    assert home.sent(AlarmRaised) == [], "nobody has stepped on it since"
    weighs(home, 71.0)
    assert home.only(AlarmRaised).plan_rule == "threshold.weight", "a day later it is told anew, though it never ended"


def test_a_second_reading_within_its_bounds_takes_nothing_back() -> None:
    home = scale()
    weighs(home, 71.0)
    weighs(home, 60.0)
    assert home.stage == "raised"


def test_thresholds_of_one_sensor_are_each_their_own() -> None:
    rules = (
        Threshold(name="upper", sensor="cuff", quantity="systolic", high=180.0),
        Threshold(name="lower", sensor="cuff", quantity="diastolic", high=110.0),
    )
    home = scale(*rules)
    home.happens(Measured("cuff", "systolic", 190.0, "mmHg"))
    home.happens(Measured("cuff", "diastolic", 90.0, "mmHg"))
    assert home.only(AlarmRaised).plan_rule == "threshold.upper"
    closed(home)
    home.happens(Measured("cuff", "diastolic", 111.0, "mmHg"))
    assert home.only(AlarmRaised).plan_rule == "threshold.lower"


@pytest.mark.parametrize("again", [lambda home: home.restart(), lambda home: home.reboot()], ids=["restart", "reboot"])
def test_s4_neither_a_restart_nor_a_reboot_tells_a_reading_twice(again: Any) -> None:
    home = scale()
    weighs(home, 71.0)
    closed(home)
    again(home)
    weighs(home, 71.0)
    assert home.sent(AlarmRaised) == []


def test_s6_with_a_clock_nobody_vouches_for_readings_are_told_a_day_apart() -> None:
    home = scale(synced=False)
    weighs(home, 71.0)
    closed(home)
    home.after(23 * HOUR)
    weighs(home, 71.0)
    assert home.sent(AlarmRaised) == []
    home.after(HOUR)
    weighs(home, 71.0)
    assert len(home.sent(AlarmRaised)) == 1


def test_a_plan_without_the_threshold_forgets_it() -> None:
    home = scale()
    weighs(home, 71.0)
    home.watches()
    assert home.house.spells == ()
