"""S7: a dead part is an event; each fault is raised once, and cleared once."""

from math import inf, nan
from typing import Any

import pytest
from msgspec.structs import replace

from rules.events import (
    CertificateChanged,
    ClockChanged,
    DriverFailed,
    DriverRecovered,
    Dropped,
    Measured,
    PartChanged,
    PlanOffered,
    StorageChanged,
    Troubled,
)
from rules.plan import Plan, Silence, Supervision
from rules.reports import AlarmRaised, FaultCleared, FaultRaised, Gap, Reading
from tests.rules.home import HOUR, MINUTE, Home, chirps, words


@pytest.mark.parametrize(
    ("breaks", "mends", "fault"),
    [
        (DriverFailed("rfx", "unplugged"), DriverRecovered("rfx"), ("driver", "rfx")),
        (StorageChanged(ok=False, reason="full"), StorageChanged(ok=True), ("storage", "")),
        (ClockChanged(synced=False), ClockChanged(synced=True), ("clock", "")),
        (PartChanged("button-board", ok=False), PartChanged("button-board", ok=True), ("part", "button-board")),
        (Troubled("co-1", "tamper", True), Troubled("co-1", "tamper", False), ("sensor-tamper", "co-1")),
        (Troubled("co-1", "battery-low", True), Troubled("co-1", "battery-low", False), ("sensor-battery-low", "co-1")),
        (Troubled("co-1", "unavailable", True), Troubled("co-1", "unavailable", False), ("sensor-unavailable", "co-1")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_s7_a_fault_is_raised_once_and_cleared_once(breaks: Any, mends: Any, fault: tuple[str, str]) -> None:
    home = Home()
    home.happens(mends)  # nothing to mend yet
    assert home.actions == []
    for _ in range(3):
        home.happens(breaks)
    assert home.faults == {fault}
    home.after(5)
    for _ in range(3):
        home.happens(mends)
    assert home.faults == set()
    assert words(home.actions) == ["fault.raised", "fault.cleared"]
    assert home.only(FaultCleared).lasted_ms == 5_000


def test_unavailable_is_a_fault_and_never_an_alarm() -> None:
    home = Home()
    home.happens(Troubled("flood-1", "unavailable", True))
    assert home.house.alarms == ()
    assert home.sent(AlarmRaised) == []


def test_s7_a_silent_sensor_is_a_fault_after_its_heartbeat_to_the_millisecond() -> None:
    home = Home()
    home.after(HOUR).heard("smoke-1")
    home.after(12 * HOUR - 0.001)
    assert ("sensor-silent", "smoke-1") not in home.faults
    home.after(0.001)
    assert ("sensor-silent", "smoke-1") in home.faults
    (fault,) = [each for each in home.sent(FaultRaised) if each.fault == "sensor-silent"]
    assert fault.reason == "nothing heard for 720 min"
    home.heard("smoke-1")
    assert ("sensor-silent", "smoke-1") not in home.faults


def test_s7_a_sensor_never_heard_is_noticed_too_and_a_plain_contact_never() -> None:
    home = Home()
    home.after(13 * HOUR)
    assert {each for each in home.faults if each[0] == "sensor-silent"} == {("sensor-silent", "smoke-1")}


def test_any_word_of_a_sensor_is_a_sign_of_life() -> None:
    home = Home()
    home.after(11 * HOUR).happens(Measured("smoke-1", "battery", 80, "%"))
    home.after(11 * HOUR).press("smoke-1")
    home.after(11 * HOUR)
    assert ("sensor-silent", "smoke-1") not in home.faults


def test_s6_silence_survives_a_restart_exactly_and_starts_anew_at_a_reboot() -> None:
    home = Home()
    home.after(11 * HOUR)
    home.restart(down=0.5 * HOUR)
    home.after(0.5 * HOUR - 0.001)
    assert ("sensor-silent", "smoke-1") not in home.faults
    home.after(0.001)
    assert ("sensor-silent", "smoke-1") in home.faults
    home.heard("smoke-1")
    home.after(11 * HOUR)
    home.reboot()
    home.after(11.9 * HOUR)
    assert ("sensor-silent", "smoke-1") not in home.faults
    home.after(0.1 * HOUR)
    assert ("sensor-silent", "smoke-1") in home.faults


def test_s7_a_line_down_for_2_min_is_a_fault_and_its_return_ends_it() -> None:
    home = Home()
    home.link_down(reason="dns")
    home.after(119.999)
    home.link_down(reason="tcp")  # trying again does not begin the time anew
    assert home.faults == set()
    home.after(0.001)
    assert home.faults == {("link", "main")}
    assert home.only(FaultRaised).reason == "tcp"
    home.link_up()
    assert home.faults == set()
    home.link_up()
    assert len(home.sent(FaultCleared)) == 1


def test_a_line_the_configuration_does_not_have_changes_nothing() -> None:
    home = Home(line=False)
    home.link_up("carrier-pigeon")
    assert not home.house.connected


def test_measurements_of_configured_sensors_are_telemetry() -> None:
    home = Home()
    home.happens(Measured("flood-1", "battery", 71.5, "%"))
    reading = home.only(Reading)
    assert (reading.sensor, reading.quantity, reading.value, reading.unit) == ("flood-1", "battery", 71.5, "%")
    assert home.ref(Reading) == "e1-t-1"
    home.forget().happens(Measured("other", "battery", 71.5))
    assert home.actions == []


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_quantity_that_is_no_number_is_a_sign_of_life_and_no_reading(value: float) -> None:
    home = Home()
    home.after(60).happens(Measured("smoke-1", "temperature", value))
    assert home.sent(Reading) == []
    assert home.house.sensor("smoke-1").heard_ms == home.ms


def test_s12_what_is_dropped_is_named() -> None:
    home = Home()
    home.happens(Dropped("e0", "t", 5, 104, 100))
    gap = home.only(Gap)
    assert (gap.epoch, gap.lane, gap.first, gap.last, gap.count) == ("e0", "t", 5, 104, 100)
    assert home.ref(Gap).startswith("e1-a-")


def test_s12_a_reason_is_cut_to_fit_the_wire() -> None:
    home = Home()
    home.happens(DriverFailed("rfx", "x" * 1_000_000))
    assert len(home.only(FaultRaised).reason) == 500
    assert len(home.house.faults[0].reason) == 500


def test_s7_the_lamp_shows_what_nobody_else_would_know_and_not_what_only_staff_can_mend() -> None:
    home = Home()
    home.happens(ClockChanged(synced=False))
    assert home.display().fault == "off"
    home.happens(DriverFailed("rfx", "unplugged"))
    assert home.display().fault == "slow"


def test_a_line_that_flaps_for_an_hour_leaves_one_alarm_and_no_growing_state() -> None:
    home = Home()
    home.press("smoke-1")
    for _ in range(600):
        home.after(3).link_down()
        home.after(3).link_up()
    assert len(home.house.alarms) == 1
    assert len(home.house.links) == 1
    home.after(MINUTE)
    assert home.alarm.late


# --- by the care plan, and away -------------------------------------------------------------------


def plan(version: int = 1, **silences: float) -> PlanOffered:
    """Give a plan with these silences, in hours, by sensor."""
    asked = (
        Silence(sensor=name.replace("_", "-"), after_ms=round(hours * 3_600_000)) for name, hours in silences.items()
    )
    return PlanOffered(Plan(version=version, supervision=Supervision(silences=tuple(asked))))


def test_s7_a_plan_says_how_long_a_sensor_may_be_silent() -> None:
    home = Home()
    home.happens(plan(smoke_1=2, pendant_1=24))
    home.after(2 * HOUR - 0.001)
    assert home.faults == set()
    home.after(0.001)
    assert home.faults == {("sensor-silent", "smoke-1")}
    home.after(22 * HOUR)
    assert home.faults == {("sensor-silent", "smoke-1"), ("sensor-silent", "pendant-1")}


def test_a_plan_can_switch_supervision_off_and_ends_what_it_no_longer_asks() -> None:
    home = Home()
    home.after(13 * HOUR)
    assert home.faults == {("sensor-silent", "smoke-1")}
    home.happens(plan(smoke_1=24))
    assert home.faults == set()
    home.after(11 * HOUR)
    assert home.faults == {("sensor-silent", "smoke-1")}
    home.happens(plan(2, smoke_1=0))
    assert home.faults == set()
    home.after(100 * HOUR)
    assert home.faults == set()
    home.happens(plan(3))
    assert home.faults == {("sensor-silent", "smoke-1")}, "at once: it has been silent long enough"


def test_a_restart_keeps_the_fault_of_a_sensor_that_only_the_plan_supervises() -> None:
    home = Home()
    home.happens(plan(pendant_1=2))
    home.after(3 * HOUR).restart()
    assert ("sensor-silent", "pendant-1") in home.faults


def test_s7_away_no_sensor_is_missed_and_at_home_again_each_has_its_whole_time() -> None:
    home = Home()
    home.after(11 * HOUR).set_mode("away")
    home.after(300 * HOUR)
    assert home.faults == set()
    home.set_mode("home")
    home.after(12 * HOUR - 0.001)
    assert home.faults == set()
    home.after(0.001)
    assert home.faults == {("sensor-silent", "smoke-1")}
    home.set_mode("away")
    assert home.faults == {("sensor-silent", "smoke-1")}, "it is not well because nobody is at home"
    home.heard("smoke-1")
    assert home.faults == set()


# --- told again -----------------------------------------------------------------------------------

DAY = 24 * HOUR
LOW = Troubled("co-1", "battery-low", active=True)


def lows(home: Home) -> list[tuple[int, float]]:
    """How often, and in which day, a low battery was told."""
    told = [each for each in home.sent(FaultRaised) if each.fault == "sensor-battery-low"]
    return [(each.again, (each.clock.monotonic_ms - 20_000) / 86_400_000) for each in told]


def test_s7_a_low_battery_is_told_every_week_until_it_is_changed_and_cleared_once() -> None:
    home = Home()
    home.happens(LOW)
    home.after(21 * DAY)
    assert lows(home) == [(0, 0), (1, 7), (2, 14), (3, 21)]
    home.happens(LOW)
    assert len(lows(home)) == 4
    home.happens(Troubled("co-1", "battery-low", active=False))
    home.after(30 * DAY)
    assert len(lows(home)) == 4
    assert home.only(FaultCleared).lasted_ms == 21 * 86_400_000


def test_s6_the_week_survives_a_restart_exactly_and_a_reboot_but_for_the_time_off() -> None:
    home = Home()
    home.happens(LOW)
    home.after(3 * DAY)
    home.restart(down=DAY)
    home.after(3 * DAY - 0.001)
    assert len(lows(home)) == 1
    home.after(0.001)
    assert len(lows(home)) == 2
    home.link_up()
    home.after(5 * DAY)
    home.forget().reboot()
    home.after(2 * DAY - 0.001)
    assert lows(home) == []
    home.after(4 * MINUTE)  # how long the machine was on is known to the last check-in
    assert [again for again, _ in lows(home)] == [2]


def test_other_faults_are_told_once_however_long_they_stand() -> None:
    home = Home()
    home.happens(Troubled("co-1", "tamper", active=True))
    home.after(30 * DAY)
    assert [each.fault for each in home.sent(FaultRaised)].count("sensor-tamper") == 1


# --- certificates ---------------------------------------------------------------------------------


def test_s7_a_certificate_near_its_end_is_told_and_once_more_as_urgent() -> None:
    home = Home()
    for days in (31, 30, 29, 8, 7, 6, 0, -1, -40):
        home.happens(CertificateChanged("main", days))
    told = [(each.priority, each.again, each.reason) for each in home.sent(FaultRaised)]
    assert told == [(3, 0, "30 days left"), (1, 1, "7 days left")]
    assert home.display().fault == "off", "nothing a resident can do"
    home.happens(CertificateChanged("main", 364))
    assert home.faults == set()
    assert len(home.sent(FaultCleared)) == 1
    home.forget().happens(CertificateChanged("main", -3))
    assert [(each.priority, each.reason) for each in home.sent(FaultRaised)] == [(1, "expired 3 days ago")]


def test_a_certificate_that_is_made_for_weeks_is_no_fault_while_it_is_young() -> None:
    home = Home()
    for days in (28, 20, 8, 7, 3, 2):
        home.happens(CertificateChanged("main", days, valid_days=28))
    told = [(each.priority, each.reason) for each in home.sent(FaultRaised)]
    assert told == [(3, "7 days left"), (1, "2 days left")]


def test_s7_renewing_that_fails_for_a_week_is_told_while_months_are_left() -> None:
    home = Home()
    for failing in range(20):
        home.happens(CertificateChanged("main", 90 - failing, failing, "no way to the service"))
    told = [(each.priority, each.again, each.reason) for each in home.sent(FaultRaised)]
    assert told == [(3, 0, "83 days left, not renewed for 7 days: no way to the service")]
    home.happens(CertificateChanged("main", 7, 83, "the broker refuses"))
    urgent = home.sent(FaultRaised)[-1]
    assert (urgent.priority, urgent.reason) == (1, "7 days left, not renewed for 83 days: the broker refuses")
    home.happens(CertificateChanged("main", 364))
    assert home.faults == set()


def test_the_fault_of_an_uplink_that_is_gone_ends_with_it() -> None:
    home = Home(uplinks=("main", "other"))
    home.happens(CertificateChanged("other", 3))
    home.config = replace(home.config, uplinks=("main",))
    home.restart()
    assert home.faults == set()


# --- interference ---------------------------------------------------------------------------------

JAMMED = PartChanged("reception-street", ok=False, reason="interference")
CALM = PartChanged("reception-street", ok=True)


def test_s7_the_home_is_warned_every_minute_while_a_receiver_is_jammed() -> None:
    home = Home()
    home.happens(JAMMED)
    home.happens(PartChanged("reception-other", ok=False))
    home.after(10 * MINUTE)
    assert chirps(home.actions) == ["attention"] * 11
    home.happens(CALM)
    home.after(MINUTE)
    assert len(chirps(home.actions)) == 12, "the other one still is"
    home.forget().happens(PartChanged("reception-other", ok=True))
    home.after(HOUR)
    assert chirps(home.actions) == []


@pytest.mark.parametrize("rest", ["quiet", "night"])
def test_s7_nobody_is_woken_by_the_warning_nor_is_an_alarm_drowned(rest: str) -> None:
    home = Home()
    home.happens(JAMMED)
    home.house = replace(home.house, **{rest: True})
    home.forget().after(10 * MINUTE)
    assert chirps(home.actions) == []
    home.house = replace(home.house, **{rest: False})
    home.after(MINUTE)
    assert chirps(home.actions) == ["attention"]
    home.press("smoke-1")
    home.forget().after(10 * MINUTE)
    assert "attention" not in chirps(home.actions)


def test_s6_the_warning_ends_with_the_process_whose_fault_it_was() -> None:
    home = Home()
    home.happens(JAMMED)
    home.restart()
    home.forget().after(10 * MINUTE)
    assert "attention" not in chirps(home.actions)


def test_another_part_that_fails_is_no_reason_to_warn() -> None:
    home = Home()
    home.happens(PartChanged("output-siren", ok=False))
    home.after(10 * MINUTE)
    assert chirps(home.actions) == []
