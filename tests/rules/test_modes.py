"""Engineer mode marks alarms as tests, ends by itself, and suppresses nothing; away ends with a cry for help."""

import pytest

from rules.events import InstallerAsked, Sensor
from rules.reports import AlarmRaised, CommandRefused
from tests.rules.home import HOUR, MINUTE, ROOMS, SENSORS, Home


def engineer() -> Home:
    home = Home()
    home.set_mode("engineer")
    return home.forget()


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda each: each.id)
def test_engineer_mode_marks_everything_as_test_but_smoke_and_carbon_monoxide(sensor: object) -> None:
    home = engineer()
    home.press(getattr(sensor, "id", ""))
    home.after(30)
    assert home.only(AlarmRaised).test == (getattr(sensor, "kind", "") not in ("smoke", "carbon-monoxide"))


def test_engineer_mode_suppresses_nothing() -> None:
    home = engineer()
    home.press("pendant-1")
    home.after(70)
    assert home.stage == "raised"
    assert home.display().siren


def test_s4_a_second_press_ends_the_window_of_a_real_call_though_engineer_mode_began_meanwhile() -> None:
    home = Home()
    home.press("fall-1")
    home.after(3).set_mode("engineer")
    home.press("fall-1")
    assert (home.alarm.stage, home.alarm.test, home.alarm.triggers) == ("raised", False, 2)


@pytest.mark.parametrize("ended", [True, False])
def test_s4_a_floor_that_got_wet_in_engineer_mode_and_still_is_becomes_a_real_alarm_after_it(ended: bool) -> None:
    home = Home()
    home.set_mode("engineer")
    home.wet("flood-1")
    if ended:
        home.happens(InstallerAsked("end-tests"))
    home.after(59 * MINUTE).wet("flood-1")  # told again: still the same test
    assert all(alarm.test for alarm in home.house.alarms)
    assert len(home.house.alarms) == (not ended)
    home.after(MINUTE).forget().wet("flood-1")
    assert not home.only(AlarmRaised).test
    home.forget().after(MINUTE).wet("flood-1")  # S4: once
    assert not home.sent(AlarmRaised)


def test_s4_a_floor_that_called_before_engineer_mode_is_the_same_stimulus_after_it() -> None:
    home = Home()
    home.wet("flood-1")
    assert not home.only(AlarmRaised).test
    home.command("resolve", alarm=home.house.alarms[0].id)
    home.set_mode("engineer")
    home.forget().after(61 * MINUTE).wet("flood-1")  # engineer mode is over
    assert not home.sent(AlarmRaised)


@pytest.mark.parametrize("wakes", [True, False], ids=["punctual", "late"])
def test_engineer_mode_ends_by_itself_after_60_min(wakes: bool) -> None:
    home = engineer()
    home.after(60 * MINUTE - 0.001)
    assert home.mode == "engineer"
    if wakes:
        home.after(0.001)
    else:
        home.asleep_for(0.001)
    home.press("pendant-1")
    home.after(10)
    assert not home.only(AlarmRaised).test
    assert home.mode != "engineer"


def test_an_alarm_raised_as_a_test_stays_one_when_the_mode_ends() -> None:
    home = engineer()
    home.press("pendant-1")
    home.after(61 * MINUTE)
    assert home.alarm.test


def test_a_press_of_before_the_mode_is_no_test_though_its_window_ends_within() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(5).set_mode("engineer")
    home.after(5)
    assert not home.only(AlarmRaised).test


def test_s6_engineer_mode_survives_a_restart_exactly_and_a_reboot_ends_it() -> None:
    home = engineer()
    home.after(30 * MINUTE)
    home.restart(down=10 * MINUTE)
    home.after(20 * MINUTE - 0.001)
    assert home.mode == "engineer"
    home.after(0.001)
    assert home.mode == "home"
    home.set_mode("engineer")
    home.reboot()
    assert home.mode == "home"
    assert home.house.mode_until_ms is None


def test_away_stays_until_changed_even_over_a_reboot() -> None:
    home = Home()
    home.set_mode("away")
    home.after(48 * 60 * MINUTE)
    home.reboot()
    assert home.mode == "away"


def test_a_mode_that_does_not_exist_is_refused() -> None:
    home = Home()
    home.command("set-mode", mode="party")
    assert home.mode == "home"
    assert home.sent(CommandRefused)


# --- away ---------------------------------------------------------------------------------------------


def away(*sensors: Sensor) -> Home:
    home = Home(*sensors)
    home.set_mode("away")
    return home.forget()


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda each: each.id)
def test_away_everything_still_alarms_and_a_person_who_calls_is_at_home(sensor: Sensor) -> None:
    home = away()
    home.press(sensor.id)
    home.after(30)
    assert home.only(AlarmRaised).sensor == sensor.id
    person = sensor.kind in ("pendant", "pull-cord", "fall", "button")
    assert home.mode == ("home" if person else "away")


def test_away_the_hubs_own_button_alarms_and_returns_to_home() -> None:
    home = away()
    home.call()
    assert home.mode == "home"
    assert home.after(10).stage == "raised"


@pytest.mark.parametrize("sensor", ["hall", "front", "bed-1", "lounge", "carer"])
def test_away_what_is_only_watched_does_not_end_it(sensor: str) -> None:
    """A neighbour waters the flowers."""
    home = away(*ROOMS)
    home.press(sensor)
    home.enters(sensor)
    home.after(HOUR)
    assert home.mode == "away"
    assert home.house.alarms == ()


def test_a_contact_that_is_stuck_closed_calls_once_and_lets_the_home_be_away() -> None:
    home = Home()
    home.enters("pendant-2")
    home.after(MINUTE).set_mode("away")
    home.after(MINUTE).enters("pendant-2")
    assert home.mode == "away"


def test_a_call_in_engineer_mode_does_not_end_it() -> None:
    home = engineer()
    home.press("pendant-1")
    assert home.mode == "engineer"


def test_s6_away_survives_a_restart_and_a_reboot_and_still_ends_with_a_call() -> None:
    home = away()
    home.restart(down=HOUR)
    home.reboot()
    assert home.mode == "away"
    home.press("pendant-1")
    assert home.mode == "home"
