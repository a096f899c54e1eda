"""From a trigger to an alarm: what counts as one stimulus, and what is never lost."""

import pytest

from rules.events import Sensor, Triggered
from rules.kinds import KINDS
from rules.reports import AlarmCancelled, AlarmJoined, AlarmRaised
from rules.triggers import HUB_BUTTON
from tests.rules.home import HOUR, MINUTE, SENSORS, Home, chirps, words


def test_a_press_is_heard_at_once_and_may_be_cancelled() -> None:
    home = Home()
    assert words(home.press("pendant-1")) == ["chirp heard"]
    assert home.stage == "pending"
    assert home.delivery == "unsent"


def test_s1_only_the_heard_chirp_may_come_before_the_commit() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(10)
    home.receipt()
    home.acknowledge()
    home.resolve()
    early = [each for each in home.actions if getattr(each, "early", False)]
    assert chirps(early) == ["heard"]
    assert chirps(home.actions) == ["heard", "arrived", "someone-has-it", "resolved"]


def test_s1_a_silent_kind_makes_no_sound_and_no_light() -> None:
    home = Home(line=False)
    dark = home.display()
    home.press("door-1")
    home.link_up()
    home.after(5)
    home.link_down()
    home.after(90)  # past the ladder, without a receipt
    assert home.sensed() == dark
    home.link_up()
    home.receipt(result="rejected", reason="no")
    assert home.sensed() == dark
    home.acknowledge()
    home.after(31 * MINUTE)
    home.cancel()
    home.help_arrives()
    home.restart()
    home.reboot()
    home.resolve()
    assert chirps(home.actions) == ["nothing-to-cancel"]  # as if there were nothing
    assert home.sensed() == dark


def test_s1_a_silent_alarm_that_arrives_or_is_resolved_makes_no_sound() -> None:
    home = Home()
    home.press("door-1")
    home.receipt()
    assert home.delivery == "received"
    home.resolve()
    assert chirps(home.actions) == []


def test_s1_a_silent_alarm_adds_no_tone_to_one_that_sounds() -> None:
    home = Home()
    home.press("smoke-1")
    home.receipt()
    home.acknowledge()
    before = home.display()
    home.press("door-1")
    home.after(10)
    assert home.sensed() == before


def test_s1_a_silent_alarm_does_not_light_the_fault_lamp_by_waiting() -> None:
    home = Home()
    home.answers_check_ins = False
    home.press("door-1")
    home.after(30)
    assert home.alarm.late
    assert home.display().fault == "off"


def test_s1_a_silent_kind_stays_silent_when_the_configuration_lost_its_rule() -> None:
    home = Home(Sensor("door-1", "door-button", "hall"))
    home.config = type(home.config)(hub="hub-1", sensors=home.config.sensors, kinds=())
    home.restart()
    home.forget().press("door-1")
    assert home.only(AlarmRaised).silent
    assert chirps(home.actions) == []


def test_a_kind_nobody_described_is_an_alarm_for_life_at_once() -> None:
    home = Home(Sensor("mat-1", "bed-mat", "bedroom"))
    home.press("mat-1")
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.priority, raised.rule) == ("bed-mat", 1, "immediate")
    assert home.faults == set()


def test_an_unconfigured_sensor_changes_nothing() -> None:
    home = Home()
    before = home.house
    assert home.press("neighbours-pendant") == []
    assert home.dry("neighbours-pendant") == []
    assert home.heard("neighbours-pendant") == []
    assert home.house == before


@pytest.mark.parametrize("sensor", [each for each in SENSORS if each.kind in ("smoke", "carbon-monoxide", "flood")])
def test_fire_gas_and_water_are_raised_at_once(sensor: Sensor) -> None:
    home = Home()
    home.press(sensor.id)
    assert home.only(AlarmRaised).rule == "immediate"


def test_an_alarm_says_everything_needed_to_open_a_case() -> None:
    home = Home()
    home.press("pendant-1", "emergency")
    pressed = home.now
    home.after(10)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.priority, raised.sensor) == ("pendant", 1, "pendant-1")
    assert (raised.location, raised.person, raised.detail) == ("worn", "p1", "emergency")
    assert (raised.test, raised.silent, raised.linked) == (False, False, None)
    assert (raised.rule, raised.triggers, raised.plan_version) == ("window-ended", 1, 0)
    assert (raised.triggered.monotonic_ms, raised.triggered.boot) == (pressed.ms, "boot-1")
    assert (raised.clock.monotonic_ms, raised.clock.synced) == (pressed.ms + 10_000, True)
    assert raised.triggered.wall.startswith("2026-01-01T00:00:2")


@pytest.mark.parametrize(("gap_ms", "counts"), [(0, 1), (1, 1), (1_999, 1), (2_000, 2), (2_001, 2)])
def test_s4_one_sensors_repeats_within_2_s_are_one_press(gap_ms: int, counts: int) -> None:
    home = Home()
    home.press("pendant-1")
    home.after(gap_ms / 1000)
    home.press("pendant-1")
    assert home.alarm.triggers == counts


def test_s4_a_radio_that_repeats_itself_thirty_times_gives_one_alarm_and_one_chirp() -> None:
    home = Home()
    for _ in range(30):
        home.press("pendant-1")
        home.after(0.06)
    assert home.alarm.triggers == 1
    assert home.stage == "pending"
    assert chirps(home.actions) == ["heard"]


def test_s4_a_repeat_that_limps_in_after_the_cancel_raises_nothing() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(1).cancel()
    home.after(0.5).press("pendant-1")
    assert home.house.alarms == ()


def test_two_sensors_within_2_s_are_two_presses() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(0.5).press("pendant-2")
    assert home.alarm.triggers == 2
    assert home.only(AlarmRaised).rule == "second-press"


def test_s4_a_floor_that_stays_wet_is_one_stimulus() -> None:
    home = Home()
    home.wet()
    for _ in range(48):
        home.after(30 * MINUTE).wet()
    assert len(home.sent(AlarmRaised)) == 1
    assert home.sent(AlarmJoined) == []


def test_a_floor_that_dries_and_is_wet_again_is_a_new_stimulus() -> None:
    home = Home()
    home.wet()
    home.after(10).dry()
    assert home.stage == "raised"  # people resolve it, not the floor
    home.after(10).wet()
    assert home.only(AlarmJoined).triggers == 2


def test_s4_a_floor_still_wet_after_a_restart_is_the_same_stimulus() -> None:
    home = Home()
    home.wet()
    home.acknowledge()
    home.restart()
    home.wet()
    assert home.alarm.triggers == 1
    home.resolve()
    home.after(60).wet()  # staff closed it, and the hub knows that it never dried
    assert home.house.alarms == ()


def test_water_that_came_back_while_the_hub_was_down_is_not_taken_for_the_old() -> None:
    home = Home()
    home.wet()
    home.resolve()
    home.restart(down=HOUR)  # it dried, and nobody was there to hear it
    home.wet()
    assert home.alarm.kind == "flood"
    home.after(60).wet()
    assert home.alarm.triggers == 1


def test_a_level_swallowed_as_a_repeat_is_heard_when_it_is_still_there_later() -> None:
    home = Home(Sensor("contact-1", "pendant", "worn"))
    home.happens(Triggered("contact-1", sustained=True))
    home.after(0.2).dry("contact-1")
    home.cancel()
    home.after(1).happens(Triggered("contact-1", sustained=True))
    assert home.house.alarms == ()
    home.after(60).happens(Triggered("contact-1", sustained=True))
    assert home.alarm.triggers == 1


def test_s12_a_sensor_that_flaps_all_day_is_one_alarm_and_a_bounded_report() -> None:
    home = Home()
    for _ in range(24 * 1200 // 2):
        home.wet()
        home.after(3).dry()
        home.after(3)
    assert len(home.sent(AlarmRaised)) == 1
    assert home.alarm.triggers == 14_400
    joins = home.sent(AlarmJoined)
    assert 1_400 <= len(joins) <= 1_460
    assert [each.triggers for each in joins[:9]] == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert joins[-1].triggers > 14_380  # and the count is told


def test_s12_alarms_of_one_place_cannot_pile_up_for_ever_and_none_goes_unsaid() -> None:
    home = Home()
    for _ in range(70):
        home.press("pendant-1")
        home.after(10)
        home.command("acknowledge", alarm=home.house.alarms[-1].id)
    assert len(home.house.alarms) == 50
    assert len(home.sent(AlarmRaised)) == 50
    assert home.house.alarms[-1].triggers == 21
    assert len(home.sent(AlarmJoined)) >= 10
    home.press("smoke-1")  # another place is never refused
    assert home.house.alarms[-1].kind == "smoke"


def test_s12_a_devices_own_word_is_cut_to_fit_the_wire() -> None:
    home = Home()
    home.press("smoke-1", "x" * 100_000)
    assert len(home.only(AlarmRaised).detail) == 500


def test_the_hubs_own_button_calls() -> None:
    home = Home()
    home.call()
    home.after(10)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.sensor, raised.location, raised.detail) == ("button", "hub", "hub", "call")
    assert HUB_BUTTON.kind in {kind.name for kind in KINDS}


def test_s12_a_stuck_cancel_button_is_reported_once_a_minute() -> None:
    home = Home()
    home.press("smoke-1")
    for _ in range(600):
        home.after(0.5).cancel()
    assert 5 <= len(home.sent(AlarmCancelled)) <= 6
    assert home.stage == "raised"
