"""Inactivity: nobody stirs, the resident is warned for five minutes, and then help is called."""

from typing import Any

import pytest

from rules.events import ClockChanged, Measured
from rules.plan import Inactivity, Rule
from rules.reports import AlarmCancelled, AlarmJoined, AlarmRaised
from rules.state import House
from tests.rules.home import HOUR, MINUTE, ROOMS, Home, chirps, through_json, wall_ms, watched, window

LIMIT = 2 * HOUR
MORNING = Inactivity(name="morning", limit_ms=7_200_000, window=window("07:00", "11:00"))
DAY = Inactivity(name="day", limit_ms=14_400_000, window=window("11:00", "22:00"))
ALWAYS = Inactivity(name="always", limit_ms=7_200_000)
SEVEN = "2026-01-05T07:00+00:00"


def still(*rules: Inactivity, begins: str = SEVEN, **more: Any) -> Home:
    return watched(begins, inactivity=rules or (ALWAYS,), **more)


# --- what happens -----------------------------------------------------------------------------------


def test_nobody_stirs_and_the_home_is_warned_and_after_five_minutes_help_is_called() -> None:
    home = still(MORNING)
    home.after(600).moves("kitchen")
    home.after(LIMIT - 0.001)
    assert home.house.alarms == ()
    home.after(0.001)
    assert home.stage == "pending"
    assert home.display().tone == "pending"
    home.after(5 * MINUTE - 0.001)
    assert home.sent(AlarmRaised) == []
    home.after(0.001)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.rule, raised.plan_rule, raised.plan_version) == (
        "inactivity", "window-ended", "inactivity.morning", 1
    )  # fmt: skip
    assert (raised.sensor, raised.location, raised.detail) == ("kitchen", "kitchen", "nobody has stirred for 120 min")


@pytest.mark.parametrize("minutes", [15, 99 * 60])
def test_the_shortest_and_the_longest_limit(minutes: int) -> None:
    home = still(Inactivity(name="x", limit_ms=minutes * 60_000))
    home.after(minutes * MINUTE - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


SIGNS = {
    "motion": lambda home: home.moves(),
    "a door opens": lambda home: home.enters("front"),
    "a door closes": lambda home: (home.enters("front"), home.after(300), home.leaves("front")),
    "somebody lies down": lambda home: home.enters("bed-1"),
    "somebody gets up": lambda home: (home.enters("chair-1"), home.after(300), home.leaves("chair-1")),
    "a pendant": lambda home: home.press("pendant-1"),
    "a carer's button": lambda home: home.press("carer"),
    "the call button": lambda home: home.call(),
    "the cancel button": lambda home: home.cancel(),
    "help has arrived": lambda home: home.help_arrives(),
}


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS.keys())
def test_any_activity_begins_the_time_anew(sign: Any) -> None:
    home = still().after(HOUR)
    sign(home)
    home.after(LIMIT - 0.001)
    assert [each for each in home.house.alarms if each.kind == "inactivity"] == []
    home.after(0.001)
    assert [each.stage for each in home.house.alarms if each.kind == "inactivity"] == ["pending"]


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS.keys())
def test_any_activity_ends_the_warning_and_nothing_is_called(sign: Any) -> None:
    home = still().after(LIMIT)
    assert home.stage == "pending"
    home.after(5 * MINUTE - 0.01)
    sign(home)
    home.after(10 * MINUTE)
    assert [each for each in home.sent(AlarmRaised) if each.kind == "inactivity"] == []
    assert home.only(AlarmCancelled).stage == "pending"
    assert "cancelled" in chirps(home.actions)


@pytest.mark.parametrize(
    "noise",
    [
        lambda home: home.happens(Measured("lounge", "temperature", 21.5)),
        lambda home: home.heard("hall"),
        lambda home: home.leaves("hall"),
        lambda home: home.leaves("front"),  # the first word of a door that was closed
        lambda home: home.press("nobody-knows-it"),
        lambda home: home.link_up(),
    ],
)
def test_what_is_no_activity_changes_nothing(noise: Any) -> None:
    home = still().after(HOUR)
    noise(home)
    assert home.after(HOUR).stage == "pending"


@pytest.mark.parametrize("sensor", ["panic-1", "pendant-1"])
def test_s1_a_silent_call_for_help_does_not_end_a_sound(sensor: str) -> None:
    home = still(kinds=(Rule(kind="pendant", silent=True),)).after(LIMIT)
    actions = home.press(sensor)
    assert chirps(actions) == []
    assert home.display().tone != "none"


def test_a_door_that_stands_open_and_is_told_again_is_no_activity() -> None:
    home = still()
    home.enters("front")
    for _ in range(119):
        home.after(MINUTE).enters("front")
    home.after(MINUTE)
    assert home.stage == "pending"


# --- several windows, and sensors of their own --------------------------------------------------------


def test_a_window_counts_from_its_opening_and_not_the_night_before() -> None:
    home = still(MORNING, begins="2026-01-05T21:00+00:00")
    home.moves()
    home.until("2026-01-06T08:59:59.999+00:00")
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


def test_what_is_due_at_the_very_end_of_a_window_is_still_within_it_and_after_it_nothing_is() -> None:
    whole = Inactivity(name="whole", limit_ms=4 * 3_600_000, window=window("07:00", "11:00"))
    assert still(whole).until("2026-01-05T11:00+00:00").stage == "pending"
    home = still(whole)
    home.after(0.002).moves()
    home.until("2026-01-06T06:59+00:00")
    assert home.house.alarms == ()


def test_several_windows_a_day_each_have_their_own_limit() -> None:
    home = still(MORNING, DAY)
    for _ in range(4):
        home.after(59.75 * MINUTE).moves()
    assert home.now.wall_ms == wall_ms("2026-01-05T10:59+00:00")
    home.until("2026-01-05T14:59:59.999+00:00")
    assert home.house.alarms == ()
    assert home.after(0.001).alarm.plan_rule == "inactivity.day", "four hours from the opening at 11:00"


def test_two_rules_of_the_same_hour_are_one_alarm_and_the_second_does_not_cut_the_warning_short() -> None:
    home = still(ALWAYS, Inactivity(name="later", limit_ms=7_200_000 + 60_000))
    home.after(LIMIT + 4 * MINUTE)
    assert home.stage == "pending"
    home.after(MINUTE)
    assert home.only(AlarmRaised).triggers == 2


def test_a_rule_about_some_sensors_does_not_count_the_others_but_a_press_at_the_hub() -> None:
    home = still(Inactivity(name="kitchen", limit_ms=7_200_000, sensors=("kitchen",)))
    home.after(HOUR).moves("hall")
    assert home.after(HOUR).stage == "pending"
    home.moves("hall")
    assert home.house.alarms == (), "any activity ends a warning"
    home.after(HOUR).cancel()
    home.after(2 * HOUR - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


def test_a_clock_change_in_the_window_does_not_change_how_long_two_hours_are() -> None:
    home = still(Inactivity(name="n", limit_ms=7_200_000, window=window("00:00", "06:00")), begins="2026-03-28T23:00Z")
    home.until("2026-03-29T00:30+00:00").moves()
    home.after(LIMIT - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


# --- once ---------------------------------------------------------------------------------------------


def test_s4_nobody_stirs_for_a_week_and_it_is_one_alarm() -> None:
    home = still(MORNING, DAY)
    home.after(7 * 24 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    assert len(home.sent(AlarmJoined)) <= 1, "the other rule finds the same, once"


def test_s4_after_somebody_stirred_it_may_be_called_again() -> None:
    home = still().after(LIMIT + 5 * MINUTE)
    home.receipt()
    home.acknowledge()
    home.resolve()
    home.after(30 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    home.moves()
    home.after(LIMIT + 5 * MINUTE)
    assert len(home.sent(AlarmRaised)) == 2


def test_activity_after_the_raise_leaves_the_alarm_to_people() -> None:
    home = still().after(LIMIT + 5 * MINUTE)
    home.moves()
    assert home.stage == "raised"


def test_a_plan_may_make_the_warning_longer_or_take_it_away() -> None:
    home = still(kinds=(Rule(kind="inactivity", cancel_ms=600_000),)).after(LIMIT + 10 * MINUTE - 0.001)
    assert home.stage == "pending"
    assert still(kinds=(Rule(kind="inactivity", cancel_ms=0),)).after(LIMIT).stage == "raised"


# --- modes --------------------------------------------------------------------------------------------


def test_away_nobody_is_missed_and_at_home_again_the_time_begins_anew() -> None:
    home = still().after(HOUR)
    home.set_mode("away")
    home.after(50 * HOUR)
    assert home.house.alarms == ()
    home.set_mode("home")
    home.after(LIMIT - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


def test_in_engineer_mode_it_is_a_test() -> None:
    home = still(Inactivity(name="quarter", limit_ms=15 * 60_000))
    home.set_mode("engineer")
    assert home.after(16 * MINUTE).alarm.test


# --- restarts, reboots, late wake-ups, clocks ---------------------------------------------------------


def test_s6_the_time_survives_a_restart_exactly() -> None:
    home = still().after(HOUR)
    home.restart(down=0.5 * HOUR)
    home.after(0.5 * HOUR - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


def test_s6_what_fell_due_while_no_process_ran_is_called_at_the_start() -> None:
    home = still().after(HOUR)
    home.restart(down=HOUR + 5 * MINUTE)
    assert home.stage == "raised"


def test_s6_after_a_reboot_the_time_begins_anew_and_a_warning_under_way_is_called() -> None:
    home = still().after(1.9 * HOUR)
    home.reboot()
    home.after(LIMIT - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"
    home.reboot()
    assert home.stage == "raised"
    home.after(50 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1, "nobody has stirred since: it is the same stimulus"


@pytest.mark.parametrize("late", [0.0, 1.0, 299.9, 3_000.0])
def test_s6_waking_late_gives_the_same_alarm_with_the_same_times(late: float) -> None:
    home = still().asleep_for(LIMIT + late)
    home.after(0)
    home.after(max(0.0, 300 - late))
    raised = home.only(AlarmRaised)
    assert raised.triggered.monotonic_ms == 20_000 + 7_200_000
    assert raised.clock.monotonic_ms == 20_000 + 7_200_000 + 300_000


def test_s6_activity_at_the_last_moment_counts_though_the_hub_woke_late() -> None:
    home = still().asleep_for(LIMIT + 299.99)
    home.moves()
    home.after(HOUR)
    assert home.sent(AlarmRaised) == []


def test_s6_with_a_clock_nobody_vouches_for_it_is_noticed_late_rather_than_never_and_never_in_the_night() -> None:
    """Awake from 7 to 22 with never two hours' rest, asleep from 22 to 7; and the clock may say anything."""
    home = still(MORNING, begins="2026-01-05T03:33+00:00", synced=False)
    for _ in range(3):
        for _ in range(10):
            home.after(1.5 * HOUR).moves()
        home.after(9 * HOUR)
        assert home.house.alarms == ()
        home.moves()
    home.after(22 * HOUR - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending", "the 2 h of the rule, and the 20 h that its window is shut"


def test_s6_once_the_clock_is_vouched_for_the_windows_count_again() -> None:
    home = still(MORNING, synced=False)
    home.after(3 * HOUR)
    assert home.house.alarms == ()
    home.synced = True
    home.happens(ClockChanged(synced=True))
    assert home.stage == "pending"


def test_s6_a_rule_of_all_hours_needs_no_clock() -> None:
    assert still(synced=False).after(LIMIT).stage == "pending"


def test_s6_a_clock_that_is_put_right_does_not_shorten_or_lengthen_a_time_of_all_hours() -> None:
    home = still().after(HOUR)
    home.set_clock("2031-05-05T05:05+00:00").after(HOUR - 0.001)
    home.moves("nobody-knows-it")
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "pending"


# --- plans --------------------------------------------------------------------------------------------


def test_s9_another_plan_takes_up_the_time_of_a_rule_that_it_keeps() -> None:
    home = still().after(HOUR)
    home.watches(inactivity=(ALWAYS, Inactivity(name="new", limit_ms=5_400_000)))
    home.after(HOUR)
    assert home.alarm.plan_rule == "inactivity.always"
    assert home.alarm.plan_version == 2


def test_a_plan_without_the_rule_watches_nobody() -> None:
    home = still().after(HOUR)
    home.watches()
    home.after(100 * HOUR)
    assert home.house.alarms == ()
    assert home.house.still == ()


def test_s12_the_state_of_it_is_one_small_value_for_each_rule() -> None:
    home = still(MORNING, DAY, ALWAYS)
    for _ in range(50):
        for sensor in ROOMS:
            home.after(10).press(sensor.id)
    assert len(home.house.still) == 3
    house: House = through_json(home.house)
    assert house == home.house
