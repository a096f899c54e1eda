"""Doors left open; and somebody with dementia who opens the front door at night."""

from typing import Any

import pytest

from rules.plan import Door
from rules.reports import AlarmJoined, AlarmRaised
from tests.rules.home import HOUR, MINUTE, Home, watched, window

NIGHT = window("22:00", "06:00")
FRONT = Door(sensor="front", open_ms=600_000, leaving=NIGHT)
LEFT_OPEN = Door(sensor="front", open_ms=600_000)
LEAVING = Door(sensor="front", leaving=NIGHT)
THREE = "2026-01-06T03:00+00:00"
NOON = "2026-01-06T12:00+00:00"


def door(rule: Door = LEAVING, *, begins: str = THREE, **more: Any) -> Home:
    return watched(begins, doors=(rule,), **more)


def slips_out(home: Home) -> Home:
    """The hall sees them go; the door closes behind them."""
    home.moves("hall")
    home.after(5).enters("front")
    home.after(4).moves("hall")
    home.after(6).leaves("front")
    return home


# --- leaving ------------------------------------------------------------------------------------------


def test_who_opens_the_door_at_night_and_is_not_seen_inside_again_is_called_for() -> None:
    home = slips_out(door())
    home.after(5 * MINUTE - 10.001)
    assert home.house.alarms == ()
    home.after(0.001)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.priority, raised.location) == ("leaving", 2, "hall")
    assert (raised.plan_rule, raised.detail) == ("door.front", "opened, and nobody has been seen inside since")


def test_the_hall_that_sees_them_go_proves_nobody_inside() -> None:
    home = door()
    home.enters("front")
    for _ in range(5):
        home.after(5).moves("hall")
    home.leaves("front")
    home.after(29.999).moves("hall")
    assert home.after(5 * MINUTE).alarm.kind == "leaving"


INSIDE = {
    "motion": lambda home: home.moves("kitchen"),
    "the bed": lambda home: home.enters("bed-1"),
    "the chair": lambda home: home.enters("chair-1"),
    "the hub's button": lambda home: home.cancel(),
    "a carer's button": lambda home: home.press("carer"),
}


@pytest.mark.parametrize("sign", INSIDE.values(), ids=INSIDE.keys())
def test_who_took_the_milk_in_and_is_seen_inside_again_is_not(sign: Any) -> None:
    home = slips_out(door())
    home.after(30)
    sign(home)
    home.after(6 * HOUR)
    assert home.sent(AlarmRaised) == []


@pytest.mark.parametrize("sign", [lambda home: home.press("pendant-1"), lambda home: home.enters("front")])
def test_what_may_be_told_from_outside_proves_nobody_inside(sign: Any) -> None:
    """A pendant reaches into the garden, and a door has two sides."""
    home = slips_out(door())
    home.after(60)
    sign(home)
    home.after(5 * MINUTE)
    assert "leaving" in {alarm.kind for alarm in home.house.alarms}


def test_a_door_that_bangs_in_the_wind_does_not_put_it_off() -> None:
    home = door()
    for _ in range(30):
        home.enters("front")
        home.after(5).leaves("front")
        home.after(5)
    assert home.alarm.kind == "leaving"
    assert home.alarm.triggered.ms == 20_000 + 300_000


def test_with_no_time_to_come_back_it_is_called_at_once() -> None:
    home = door(Door(sensor="front", leaving=NIGHT, back_ms=0))
    home.enters("front")
    assert home.alarm.kind == "leaving"


@pytest.mark.parametrize("moment", ["2026-01-06T21:59:54.999+00:00", "2026-01-06T06:00+00:00", NOON])
def test_by_day_people_go_out(moment: str) -> None:
    home = slips_out(door(begins=moment))
    home.after(HOUR)
    assert home.sent(AlarmRaised) == []


def test_who_leaves_at_the_end_of_the_night_is_called_for_after_it() -> None:
    home = door(begins="2026-01-06T05:59+00:00")
    home.enters("front")
    assert home.after(5 * MINUTE).alarm.kind == "leaving"


def test_s4_one_opening_is_one_alarm_and_another_one_joins_it() -> None:
    home = slips_out(door())
    home.after(2 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    assert home.sent(AlarmJoined) == []
    slips_out(home).after(2 * HOUR - 1)
    assert len(home.sent(AlarmRaised)) == 1
    assert len(home.sent(AlarmJoined)) == 1


def test_a_carer_who_has_just_checked_out_is_who_goes() -> None:
    home = door()
    home.press("carer")
    home.after(20 * MINUTE).press("carer")
    home.after(2 * MINUTE)
    slips_out(home).after(HOUR)
    assert home.sent(AlarmRaised) == []
    slips_out(home).after(HOUR)
    assert home.only(AlarmRaised).kind == "leaving", "the next is not the carer"


def test_away_nobody_can_leave() -> None:
    home = door()
    home.set_mode("away")
    slips_out(home).after(HOUR)
    home.set_mode("home")
    home.after(HOUR)
    assert home.sent(AlarmRaised) == []


def test_s6_leaving_survives_a_restart_exactly() -> None:
    home = door()
    home.enters("front")
    home.after(2 * MINUTE).restart(down=2 * MINUTE)
    home.enters("front")
    home.after(MINUTE - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).alarm.kind == "leaving"


def test_s6_a_reboot_while_somebody_is_awaited_calls_at_once() -> None:
    home = slips_out(door())
    home.reboot()
    assert home.alarm.kind == "leaving"
    home.after(2 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1


@pytest.mark.parametrize("late", [0.0, 2.0, 600.0])
def test_s6_waking_late_gives_the_same_alarm(late: float) -> None:
    home = door()
    home.enters("front")
    home.asleep_for(300 + late).moves("kitchen")
    assert home.only(AlarmRaised).clock.monotonic_ms == 20_000 + 300_000


def test_s6_leaving_goes_by_the_clock_as_claimed() -> None:
    home = slips_out(door(synced=False))
    assert home.after(5 * MINUTE).alarm.kind == "leaving"


def test_the_missing_hour_is_night_and_so_is_the_doubled_one() -> None:
    for moment in ("2026-03-29T01:00+00:00", "2026-10-25T01:30+01:00", "2026-10-25T01:30+00:00"):
        home = door(Door(sensor="front", leaving=window("01:30", "05:00")), begins=moment)
        assert slips_out(home).after(5 * MINUTE).alarm.kind == "leaving"


# --- left open ----------------------------------------------------------------------------------------


def test_a_door_that_stands_open_too_long_is_told_once_until_it_was_closed() -> None:
    home = door(LEFT_OPEN, begins=NOON)
    home.enters("front")
    for _ in range(9):
        home.after(MINUTE).enters("front")
    home.after(MINUTE - 0.001)
    assert home.house.alarms == ()
    home.after(0.001)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.priority, raised.detail) == ("door-open", 3, "open for 10 min")
    home.after(5 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    home.leaves("front")
    home.after(5).enters("front")
    home.after(600)
    assert home.only(AlarmJoined).triggers == 2


def test_a_door_that_was_closed_in_time_is_not_and_motion_does_not_close_it() -> None:
    home = door(LEFT_OPEN, begins=NOON)
    home.enters("front")
    home.after(599.999).leaves("front")
    home.after(HOUR)
    assert home.house.alarms == ()
    home.enters("front")
    home.after(300).moves("hall")
    assert home.after(300).alarm.kind == "door-open"


def test_at_night_a_door_left_open_is_both() -> None:
    home = door(FRONT)
    home.enters("front")
    home.after(10 * MINUTE)
    assert [alarm.kind for alarm in home.house.alarms] == ["leaving", "door-open"]


def test_s6_open_survives_a_restart_exactly_and_counts_anew_after_a_reboot() -> None:
    home = door(LEFT_OPEN, begins=NOON)
    home.enters("front")
    home.after(300).restart(down=299.999)
    assert home.house.alarms == ()
    assert home.after(0.001).alarm.kind == "door-open"
    home = door(LEFT_OPEN, begins=NOON)
    home.enters("front")
    home.after(599).reboot()
    home.enters("front")
    home.after(599.999)
    assert home.house.alarms == ()
    assert home.after(0.001).alarm.kind == "door-open"


def test_a_door_closed_while_the_hub_was_off_is_closed() -> None:
    home = door(LEFT_OPEN, begins=NOON)
    home.enters("front")
    home.after(300).restart(down=60)
    home.leaves("front")
    home.after(HOUR)
    assert home.house.alarms == ()


def test_away_an_open_door_is_not_told_and_counts_from_the_return() -> None:
    home = door(LEFT_OPEN, begins=NOON)
    home.enters("front")
    home.set_mode("away")
    home.after(HOUR).set_mode("home")
    home.after(599.999)
    assert home.house.alarms == ()
    assert home.after(0.001).alarm.kind == "door-open"


def test_a_plan_finds_a_door_open_from_when_it_begins_to_watch_it() -> None:
    home = watched(NOON)
    home.enters("front")
    home.after(HOUR).watches(doors=(LEFT_OPEN,))
    home.after(599.999)
    assert home.house.alarms == ()
    assert home.after(0.001).alarm.kind == "door-open"
    home.watches(doors=(LEFT_OPEN,))
    home.after(HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    home.watches()
    assert home.house.doors == ()
