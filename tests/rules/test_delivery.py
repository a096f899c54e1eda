"""Delivered means the centre said so: receipts of every result, their deadlines, and lines that come and go."""

import pytest

from rules.actions import Postpone, Reject, Settle
from rules.delivery import resend_after_ms
from rules.reports import AlarmAcknowledged, FaultRaised
from tests.rules.home import MINUTE, Home, chirps, words


def raised(*, line: bool = True) -> Home:
    home = Home(line=line)
    home.press("pendant-1")
    home.after(10)
    return home.forget()


def test_s2_only_the_receipt_makes_an_alarm_delivered() -> None:
    home = raised()
    home.after(5 * MINUTE)
    home.acknowledge()
    assert home.delivery == "waiting"
    assert Settle(home.alarm.raised_ref or "") not in home.actions
    home.receipt()
    assert home.delivery == "received"
    assert Settle(home.alarm.raised_ref or "") in home.actions


def test_s2_delivery_is_no_stage_of_the_alarms_life() -> None:
    home = raised()
    stage = home.stage
    home.receipt()
    assert home.stage == stage


def test_s4_a_receipt_that_comes_twice_changes_nothing() -> None:
    home = raised()
    home.receipt()
    before = home.house
    home.forget().receipt()
    assert home.house == before
    assert chirps(home.actions) == []


def test_s3_without_a_receipt_in_10_s_it_is_late_and_the_centre_is_to_blame() -> None:
    home = raised()
    home.after(9.999)
    assert not home.alarm.late
    home.after(0.001)
    assert home.alarm.late
    assert home.faults == {("centre", "")}
    assert home.delivery == "waiting"  # resending goes on


def test_without_a_line_it_is_late_at_once_and_the_line_is_to_blame() -> None:
    home = raised(line=False)
    assert home.alarm.late
    home.after(10)
    assert home.faults == {("link", "main")}


def test_a_line_lost_while_an_alarm_waits_is_told_at_once() -> None:
    home = raised()
    home.link_down()
    assert home.alarm.late
    assert home.display().tone == "no-line"


def test_one_of_two_lines_lost_is_not_the_loss_of_all() -> None:
    home = Home(uplinks=("main", "backup"))
    home.link_up("backup")
    home.press("smoke-1")
    home.link_down("main")
    assert not home.alarm.late
    home.link_down("backup")
    assert home.alarm.late


def test_a_new_line_gives_a_new_deadline() -> None:
    home = raised(line=False)
    home.after(MINUTE)
    home.forget().link_up()
    home.after(9.999)
    assert not [each for each in home.sent(FaultRaised) if each.fault == "centre"]
    home.after(0.001)
    assert ("centre", "") in home.faults


def test_a_second_line_that_flaps_does_not_put_the_deadline_off() -> None:
    home = Home(uplinks=("main", "backup"))
    home.answers_check_ins = False
    home.press("smoke-1")
    for _ in range(5):
        home.after(2).link_up("backup")
        home.link_down("backup")
    assert home.alarm.late
    assert ("centre", "") in home.faults


def test_the_receipt_ends_late_and_siren_and_the_blame() -> None:
    home = raised()
    home.after(MINUTE)
    assert home.display().siren
    home.receipt()
    assert not home.alarm.late
    assert not home.display().siren
    assert home.faults == set()
    assert chirps(home.actions)[-1] == "arrived"


def test_a_rejected_alarm_is_undelivered_open_and_a_fault_until_resolved() -> None:
    home = raised()
    home.receipt(result="rejected", reason="unknown hub")
    alarm = home.alarm
    assert (alarm.delivery, alarm.late, alarm.stage) == ("rejected", True, "raised")
    assert Reject(alarm.raised_ref or "") in home.actions  # and its lane goes on
    assert home.faults == {("alarm-rejected", alarm.id)}
    assert home.display().tone == "no-line"
    home.after(MINUTE)
    assert home.display().siren  # the next path
    home.receipt(result="rejected")
    home.link_up()
    home.restart()
    home.reboot()
    assert home.delivery == "rejected"
    assert ("alarm-rejected", alarm.id) in home.faults
    home.resolve()
    assert ("alarm-rejected", alarm.id) not in home.faults


def test_an_alarm_rejected_first_and_accepted_later_has_arrived() -> None:
    home = raised()
    home.receipt(result="rejected")
    home.receipt(result="accepted")
    assert home.delivery == "received"
    assert home.faults == set()


def test_s2_what_the_centre_has_taken_it_cannot_give_back() -> None:
    home = raised()
    home.receipt()
    home.receipt(result="rejected")
    assert home.delivery == "received"
    assert home.faults == set()


def test_a_conflict_on_an_alarm_is_delivered_and_an_engineers_fault() -> None:
    home = raised()
    home.receipt(result="conflict")
    assert home.delivery == "received"
    assert words(home.actions)[0] == "Settle"
    assert home.faults == {("conflict", "centre")}
    assert home.display().fault == "off"


def test_s12_a_centre_that_answers_conflict_to_everything_makes_no_storm() -> None:
    home = raised()
    refs = [home.ref(FaultRaised) if home.sent(FaultRaised) else home.alarm.raised_ref]
    for _ in range(100):
        home.receipt(home.ref(FaultRaised) if home.sent(FaultRaised) else refs[0], result="conflict")
    assert len(home.sent(FaultRaised)) == 1
    assert len(home.house.faults) == 1


@pytest.mark.parametrize(("asked_s", "put_off_ms"), [(0, 1_000), (-5, 1_000), (7, 7_000), (86_400, 30_000)])
def test_retry_puts_an_alarm_off_by_30_s_at_most_and_never_by_nothing(asked_s: float, put_off_ms: int) -> None:
    home = raised()
    home.receipt(result="retry", retry_after=asked_s)
    assert home.actions == [Postpone(home.alarm.raised_ref or "", put_off_ms)]
    assert home.delivery == "waiting"
    home.after(10)
    assert home.alarm.late


def test_retry_puts_anything_else_off_by_5_min_at_most() -> None:
    home = raised()
    home.acknowledge()
    ref = home.ref(AlarmAcknowledged)
    home.forget().receipt(ref, result="retry", retry_after=86_400)
    assert home.actions == [Postpone(ref, 300_000)]


def test_retry_does_not_prove_a_living_centre() -> None:
    home = raised()
    home.after(10)
    home.receipt(result="retry", retry_after=5)
    assert home.faults == {("centre", "")}


def test_a_receipt_for_an_alarm_that_was_resolved_only_settles() -> None:
    home = raised()
    home.resolve()
    home.forget().receipt()
    assert words(home.actions) == ["Settle"]
    home.forget().receipt(result="rejected")
    assert home.faults == {("event-rejected", "centre")}
    assert home.display().fault == "off"


def test_an_event_rejected_again_and_again_is_one_fault_and_ends_with_the_days_report() -> None:
    home = raised()
    home.receipt()
    home.acknowledge()
    for _ in range(5):
        home.receipt(home.ref(AlarmAcknowledged), result="rejected", reason="?")
    assert len([each for each in home.sent(FaultRaised) if each.fault == "event-rejected"]) == 1
    home.after(24 * 3600)
    assert ("event-rejected", "centre") not in home.faults


def test_s3_resends_never_end_and_never_wait_longer_than_30_s() -> None:
    assert [resend_after_ms(n) for n in (1, 2, 3, 4, 1_000_000)] == [8_000, 20_000, 30_000, 30_000, 30_000]
