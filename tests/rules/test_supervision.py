"""S7: a dead part is an event; each fault is raised once, and cleared once."""

from math import inf, nan
from typing import Any

import pytest

from rules.events import (
    ClockChanged,
    DriverFailed,
    DriverRecovered,
    Dropped,
    Measured,
    PartChanged,
    StorageChanged,
    Troubled,
)
from rules.reports import AlarmRaised, FaultCleared, FaultRaised, Gap, Reading
from tests.rules.home import HOUR, MINUTE, Home, words


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
