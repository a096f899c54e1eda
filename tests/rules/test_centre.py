"""Check-ins: a dead centre behind a live broker is noticed after two (S7)."""

import pytest

from rules.actions import Send, SendCheckIn
from rules.events import ReceiptResult
from rules.reports import AlarmAcknowledged, AlarmRaised, FaultCleared, FaultRaised
from tests.rules.home import MINUTE, Home


def silent_centre() -> Home:
    home = Home()
    home.answers_check_ins = False
    return home


def check_ins(home: Home) -> list[SendCheckIn]:
    return [each for each in home.actions if isinstance(each, SendCheckIn)]


def test_a_new_line_checks_in_at_once_and_then_every_4_min() -> None:
    home = Home(line=False)
    home.link_up()
    assert [each.id for each in check_ins(home)] == ["e1-c-1"]
    home.after(12 * MINUTE)
    assert [each.seq for each in check_ins(home)] == [1, 2, 3, 4]


def test_without_a_line_nobody_checks_in() -> None:
    home = Home(line=False)
    home.after(60 * MINUTE)
    assert check_ins(home) == []
    assert home.faults == {("link", "main")}


def test_s7_two_check_ins_without_a_receipt_are_a_fault_within_10_min() -> None:
    home = silent_centre()
    home.after(4 * MINUTE + 10)
    assert home.faults == set()
    home.after(4 * MINUTE)
    assert home.faults == {("centre", "")}
    assert home.only(FaultRaised).priority == 1
    assert home.only(FaultRaised).clock.monotonic_ms == 20_000 + 490_000
    home.after(60 * MINUTE)
    assert len(home.sent(FaultRaised)) == 1  # once


def test_one_answer_in_between_begins_the_count_anew() -> None:
    home = silent_centre()
    home.after(4 * MINUTE + 10)
    home.receipt("e1-c-2")
    home.after(4 * MINUTE)
    assert home.faults == set()


def test_a_late_answer_still_proves_the_centre() -> None:
    home = silent_centre()
    for number in (2, 3, 4, 5):
        home.after(4 * MINUTE)
        home.after(12)  # the check-in counts as unanswered by now
        home.receipt(f"e1-c-{number}")
        home.after(-12)
    assert home.faults == set()


def test_s7_any_receipt_that_takes_responsibility_ends_the_fault_once() -> None:
    home = silent_centre()
    home.after(20 * MINUTE)
    home.press("smoke-1")
    home.receipt()
    home.receipt()
    assert home.faults == set()
    assert len(home.sent(FaultCleared)) == 1
    assert home.only(FaultCleared).lasted_ms == (20 * 60 - 490) * 1000


@pytest.mark.parametrize("result", ["retry", "rejected"])
def test_s7_a_centre_that_cannot_keep_or_refuses_check_ins_receives_nothing(result: ReceiptResult) -> None:
    home = silent_centre()
    for number in (2, 3):
        home.after(4 * MINUTE)
        home.receipt(f"e1-c-{number}", result=result, retry_after=5)
    home.after(10)
    assert ("centre", "") in home.faults
    assert (("event-rejected", "centre") in home.faults) == (result == "rejected")


def test_a_check_in_that_is_retried_is_not_postponed_in_any_outbox() -> None:
    home = silent_centre()
    home.after(4 * MINUTE)
    home.forget().receipt("e1-c-2", result="retry", retry_after=5)
    assert home.actions == []


def test_a_lost_line_is_the_lines_fault_and_not_the_centres() -> None:
    home = silent_centre()
    home.after(8 * MINUTE)  # two check-ins under way, one unanswered
    home.link_down()
    home.after(60 * MINUTE)
    assert home.faults == {("link", "main")}
    home.link_up()
    home.receipt("e1-c-4")
    assert home.faults == set()


def test_check_in_ids_are_never_used_twice() -> None:
    home = Home(line=False)
    for _ in range(3):
        home.link_up()
        home.after(10 * MINUTE)
        home.restart()
    ids = [each.id for each in check_ins(home)]
    assert len(ids) == len(set(ids)) == 9


def test_a_receipt_of_another_report_does_not_answer_the_check_in() -> None:
    home = silent_centre()
    home.press("smoke-1")
    home.acknowledge()
    home.after(4 * MINUTE)
    home.receipt(home.ref(AlarmAcknowledged))
    assert home.house.centre.waiting == "e1-c-2"


def test_s7_a_centre_that_answers_check_ins_but_no_alarm_is_not_well() -> None:
    home = Home()
    home.press("smoke-1")
    home.press("flood-1")
    raised = [each.id for each in home.actions if isinstance(each, Send) and isinstance(each.report, AlarmRaised)]
    home.after(5 * MINUTE)  # check-ins are answered all the while
    assert ("centre", "") in home.faults
    assert home.sent(FaultCleared) == []
    home.receipt(raised[0])
    assert ("centre", "") in home.faults, "the other alarm is still without one"
    home.receipt(raised[1])
    assert ("centre", "") not in home.faults
