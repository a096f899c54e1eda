"""S6: a process restart keeps every duration exactly; a reboot makes time lost unknown. S1: a new epoch each time."""

import pytest

from rules.actions import Send
from rules.events import DriverFailed, PartChanged, StorageChanged, StoreQuarantined, Troubled
from rules.reports import AlarmCancelled, AlarmEscalated, AlarmLapsed, AlarmRaised, FaultCleared, FaultRaised
from tests.rules.home import HOUR, MINUTE, Home, config, words


def test_s1_every_start_opens_a_new_epoch_and_counts_from_1() -> None:
    home = Home()
    home.press("smoke-1")
    assert home.ref(AlarmRaised) == "e1-a-1"
    home.restart()
    home.press("flood-1")
    assert home.ref(AlarmRaised) == "e2-a-1"
    home.reboot()
    home.press("co-1")
    assert home.ref(AlarmRaised).startswith("e3-a-")
    assert len({alarm.id for alarm in home.house.alarms}) == 3


def test_s1_what_fell_due_while_the_process_was_down_is_sent_under_the_new_epoch() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(5).restart(down=60)
    sends = [each for each in home.actions if isinstance(each, Send)]
    assert "alarm.raised" in words(sends)
    assert {each.epoch for each in sends} == {"e2"}
    assert [each.seq for each in sends if each.lane == "a"] == list(range(1, len(sends) + 1))


def test_s6_a_cancel_window_survives_a_restart_exactly() -> None:
    home = Home()
    home.press("pendant-1")
    pressed_ms = home.ms
    home.after(4).restart(down=3)
    assert home.stage == "pending"
    home.after(2.999)
    assert home.stage == "pending"
    home.after(0.001)
    assert home.only(AlarmRaised).clock.monotonic_ms == pressed_ms + 10_000


def test_s6_a_window_that_ended_while_the_process_was_down_ended_then() -> None:
    home = Home()
    home.press("pendant-1")
    pressed_ms = home.ms
    home.after(4).restart(down=16)
    home.cancel()  # too late
    assert home.stage == "raised"
    assert home.only(AlarmRaised).clock.monotonic_ms == pressed_ms + 10_000
    assert home.only(AlarmRaised).triggered.monotonic_ms == pressed_ms


def test_s6_an_acknowledgement_survives_a_restart_exactly() -> None:
    home = Home()
    home.press("smoke-1")
    home.acknowledge()
    home.after(20 * MINUTE).restart(down=5 * MINUTE)
    home.after(5 * MINUTE - 0.001)
    assert home.stage == "acknowledged"
    home.after(0.001)
    assert home.only(AlarmLapsed).why == "time"


def test_s6_the_ladder_and_the_siren_survive_a_restart_exactly() -> None:
    home = Home(line=False)
    home.press("smoke-1")
    home.after(50).restart(down=5)
    home.after(4.999)
    assert not home.display().siren
    home.after(0.001)
    assert home.display().siren
    home.after(4 * MINUTE).restart(down=30)
    assert home.display().siren
    home.after(29.999)
    assert home.display().siren
    home.after(0.001)
    assert not home.display().siren


def test_s6_late_and_its_blame_come_on_time_though_the_process_crashes_every_4_s() -> None:
    home = Home()
    home.press("smoke-1")
    for _ in range(3):
        home.after(3).restart(down=1)
    assert ("link", "main") in home.faults
    assert home.alarm.late


def test_after_a_restart_there_is_no_line_until_there_is_one() -> None:
    home = Home()
    home.press("smoke-1")
    home.after(1).restart()
    assert not home.house.connected
    assert home.display().tone == "no-line"
    home.link_up()
    home.receipt("e1-a-1")  # the id it was sent under
    assert home.delivery == "received"
    assert home.faults == set()


def test_a_restart_of_a_healthy_hub_raises_no_fault_and_no_sound() -> None:
    home = Home()
    home.after(HOUR).forget()
    assert home.restart(down=20) == []
    home.link_up()
    home.after(4 * MINUTE)
    assert home.faults == set()
    assert home.sent(FaultRaised) == []


def test_s7_a_line_that_is_down_is_reported_on_time_though_the_process_crashes_every_minute() -> None:
    home = Home()
    home.link_down()
    for _ in range(3):
        home.after(50).restart(down=10)
    assert home.faults == {("link", "main")}


def test_a_reboot_raises_what_was_pending() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(1).reboot()
    raised = home.only(AlarmRaised)
    assert (raised.rule, raised.clock.boot, raised.triggered.boot) == ("reboot", "boot-2", "boot-1")
    home.cancel()
    assert home.stage == "raised"


def test_s6_after_a_reboot_pending_is_raised_acknowledged_lapses_and_ladders_go_on_at_once() -> None:
    home = Home(line=False)
    home.press("smoke-1")  # raised, its siren due in 20 s
    home.after(40)
    home.press("co-1")
    home.command("acknowledge", alarm=home.house.alarms[1].id)
    home.press("pendant-1")
    home.forget().reboot()
    stages = {alarm.kind: alarm.stage for alarm in home.house.alarms}
    assert stages == {"smoke": "raised", "carbon-monoxide": "raised", "pendant": "raised"}
    assert home.only(AlarmLapsed).why == "reboot"
    assert {each.kind for each in home.sent(AlarmEscalated)} == {"smoke", "carbon-monoxide"}
    assert [each.kind for each in home.sent(AlarmRaised)] == ["pendant"]
    home.after(60)  # the ladder of the one just raised begins with its raise
    assert {each.kind for each in home.sent(AlarmEscalated)} == {"smoke", "carbon-monoxide", "pendant"}


def test_a_siren_cut_short_by_a_reboot_begins_anew() -> None:
    home = Home(line=False)
    home.press("smoke-1")
    home.after(2 * MINUTE)
    assert home.display().siren
    home.reboot()
    assert home.display().siren
    home.after(5 * MINUTE)
    assert not home.display().siren


def test_a_received_alarm_is_received_over_restart_and_reboot() -> None:
    home = Home()
    home.press("smoke-1")
    home.receipt()
    home.restart()
    home.reboot()
    assert home.delivery == "received"
    assert home.sent(AlarmEscalated) == []


def test_a_reboot_gives_waiting_alarms_a_new_receipt_deadline() -> None:
    home = Home()
    home.press("smoke-1")
    home.reboot()
    assert home.alarm.receipt_due_ms == home.ms + 10_000


def test_time_of_another_boot_means_nothing() -> None:
    home = Home()
    home.after(1000 * HOUR)
    home.press("pendant-1")
    home.reboot(booted=2)
    home.after(1).press("pendant-1")  # its last press was at some larger number of the old boot
    assert home.alarm.triggers == 2


def test_a_cancel_reported_before_a_reboot_does_not_hide_one_after_it() -> None:
    home = Home()
    home.press("smoke-1")
    home.after(HOUR).cancel()
    home.forget().reboot()
    home.cancel()
    assert home.sent(AlarmCancelled)


def test_faults_of_the_old_process_end_with_it_and_those_of_the_home_stay() -> None:
    home = Home()
    home.happens(DriverFailed("rfx", "unplugged"))
    home.happens(PartChanged("buttons", ok=False))
    home.happens(StorageChanged(ok=False))
    home.happens(Troubled("flood-1", "battery-low", True))
    home.forget().restart()
    assert home.faults == {("sensor-battery-low", "flood-1")}
    assert {each.fault for each in home.sent(FaultCleared)} == {"driver", "part", "storage"}


def test_s6_a_fault_of_another_boot_lasted_nobody_knows_how_long() -> None:
    home = Home()
    home.happens(Troubled("flood-1", "battery-low", True))
    home.reboot()
    home.happens(Troubled("flood-1", "battery-low", False))
    assert home.only(FaultCleared).lasted_ms is None


def test_faults_of_what_the_configuration_no_longer_has_end() -> None:
    home = Home(uplinks=("main", "backup"))
    home.after(121)
    home.happens(Troubled("flood-1", "tamper", True))
    home.happens(Troubled("co-1", "tamper", True))
    home.after(13 * HOUR)
    before = {("link", "backup"), ("sensor-tamper", "flood-1"), ("sensor-tamper", "co-1"), ("sensor-silent", "smoke-1")}
    assert home.faults == before
    keep = [type(each)(each.id, each.kind, each.location) for each in home.config.sensors if each.id != "flood-1"]
    home.config = config(*keep)  # one uplink, no flood-1, smoke-1 without a heartbeat
    home.restart()
    assert home.faults == {("sensor-tamper", "co-1")}
    assert not [life for life in home.house.sensors if life.sensor == "flood-1"]


def test_an_alarm_outlives_its_sensor_in_the_configuration() -> None:
    home = Home()
    home.wet()
    home.config = config(*[each for each in home.config.sensors if each.id != "flood-1"])
    home.restart()
    assert home.alarm.sensor == "flood-1"
    home.resolve()
    assert home.house.alarms == ()


@pytest.mark.parametrize("outputs", [True, False])
def test_a_hub_without_lights_has_a_standing_fault(outputs: bool) -> None:
    home = Home()
    home.config = config(outputs=outputs)
    home.restart()
    assert (("no-outputs", "") in home.faults) is not outputs


def test_a_store_that_was_quarantined_is_a_fault_for_life() -> None:
    home = Home()
    home.forget().start(store_quarantined=True)
    assert home.only(FaultRaised).priority == 1


def test_s7_what_was_saved_of_an_unreadable_store_is_told_each_time_and_stands_until_the_next_start() -> None:
    home = Home()
    home.happens(StoreQuarantined(rescued=12))
    home.happens(StoreQuarantined(rescued=3, unreadable=1))
    assert [fault.reason for fault in home.sent(FaultRaised) if fault.fault == "store-quarantined"] == [
        "the old store was unreadable: 12 messages that still waited in it were saved",
        "the old store was unreadable: 3 messages that still waited in it were saved, 1 were not",
    ]
    assert ("store-quarantined", "") in home.faults
    home.restart()
    assert ("store-quarantined", "") not in home.faults


def test_s6_a_clock_that_is_not_trusted_is_said_to_be_so() -> None:
    home = Home()
    home.synced = False
    home.reboot()
    home.press("smoke-1")
    assert home.sent(AlarmRaised)[-1].clock.synced is False
    assert ("clock", "") in home.faults
