"""Somebody has it: for so long, unless renewed (S3)."""

import pytest

from rules.reports import AlarmAcknowledged, AlarmLapsed, AlarmResolved
from tests.rules.home import MINUTE, Home, chirps


def raised(sensor: str = "pendant-1") -> Home:
    home = Home()
    home.press(sensor)
    home.after(10)
    home.receipt()
    return home.forget()


def test_the_centre_takes_an_alarm() -> None:
    home = raised()
    home.acknowledge()
    acknowledged = home.only(AlarmAcknowledged)
    assert (acknowledged.by, acknowledged.renewed, acknowledged.lapses_in_ms) == ("centre", False, 30 * 60_000)
    assert (home.stage, home.alarm.holder) == ("acknowledged", "centre")
    assert chirps(home.actions) == ["someone-has-it"]
    assert home.display().someone == "on"


@pytest.mark.parametrize("wakes", [True, False], ids=["punctual", "late"])
def test_s3_the_centres_acknowledgement_lapses_after_30_min_to_the_millisecond(wakes: bool) -> None:
    home = raised()
    home.acknowledge()
    taken_ms = home.ms
    home.after(30 * MINUTE - 0.001)
    assert home.stage == "acknowledged"
    if wakes:
        home.after(0.001)
    else:
        home.asleep_for(5 * MINUTE)
        home.heard("pendant-1")
    assert home.stage == "raised"
    lapsed = home.only(AlarmLapsed)
    assert (lapsed.by, lapsed.why, lapsed.clock.monotonic_ms) == ("centre", "time", taken_ms + 30 * 60_000)
    assert chirps(home.actions)[-1] == "lapsed"
    assert home.display().tone == "waiting"


def test_s3_a_helpers_acknowledgement_lapses_after_45_min() -> None:
    home = raised()
    home.help_arrives()
    home.after(45 * MINUTE - 0.001)
    assert (home.stage, home.alarm.holder) == ("acknowledged", "home")
    home.after(0.001)
    assert home.only(AlarmLapsed).by == "home"


def test_s3_renewing_puts_the_lapse_off() -> None:
    home = raised()
    home.acknowledge()
    home.after(29 * MINUTE)
    home.acknowledge()
    assert home.sent(AlarmAcknowledged)[-1].renewed
    home.after(29 * MINUTE)
    assert home.stage == "acknowledged"
    home.after(MINUTE)
    assert home.stage == "raised"


def test_renewing_never_shortens_what_was_promised() -> None:
    home = raised()
    home.help_arrives()
    home.acknowledge()  # 30 min from now would be less than the helper's 45
    assert home.sent(AlarmAcknowledged)[-1].lapses_in_ms == 45 * 60_000


def test_the_first_to_acknowledge_owns_it_and_the_others_are_told() -> None:
    home = raised()
    home.acknowledge()
    home.help_arrives()
    assert home.alarm.holder == "centre"
    assert [(each.by, each.renewed) for each in home.sent(AlarmAcknowledged)] == [("centre", False), ("home", True)]
    assert chirps(home.actions) == ["someone-has-it", "someone-has-it"]  # who holds the button hears that it took


def test_help_takes_every_audible_alarm_that_was_raised_and_no_other() -> None:
    home = raised("smoke-1")
    home.press("door-1")
    home.press("pendant-1")
    home.help_arrives()
    assert {alarm.kind: alarm.stage for alarm in home.house.alarms} == {
        "smoke": "acknowledged",
        "door-button": "raised",
        "pendant": "pending",
    }


def test_help_at_home_does_not_stop_delivery() -> None:
    home = Home(line=False)
    home.press("smoke-1")
    home.help_arrives()
    assert home.delivery == "waiting"
    home.link_up()
    assert home.alarm.receipt_due_ms == home.ms + 10_000


def test_help_with_nothing_open_changes_nothing() -> None:
    home = Home()
    assert home.help_arrives() == []


def test_only_the_centre_resolves() -> None:
    home = raised()
    home.resolve()
    resolved = home.only(AlarmResolved)
    assert (resolved.by, resolved.outcome) == ("centre", "fine")
    assert home.house.alarms == ()
    assert chirps(home.actions) == ["resolved"]


def test_an_alarm_nobody_resolves_stays_for_weeks() -> None:
    home = raised()
    home.after(14 * 24 * 60 * MINUTE)
    assert home.stage == "raised"
    home.resolve()
    assert home.house.alarms == ()
