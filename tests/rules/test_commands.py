"""The centre's commands: each carried out once, or refused with a reason; nothing in them can hurt."""

import msgspec
import pytest

from rules.actions import Chirp, PublishState, Resend
from rules.events import Commanded
from rules.reports import CommandDone, CommandRefused, TestReport
from tests.rules.home import Home, words


def raised() -> Home:
    home = Home()
    home.press("smoke-1")
    return home.forget()


def test_a_command_is_done_and_said_to_be_done() -> None:
    home = raised()
    home.command("acknowledge", "c-1", alarm=home.alarm.id)
    done = home.only(CommandDone)
    assert (done.command, done.type) == ("c-1", "acknowledge")
    assert home.stage == "acknowledged"


def test_s4_s8_a_command_received_twice_is_carried_out_once() -> None:
    home = raised()
    home.command("test", "c-1")
    before = home.house
    assert home.command("test", "c-1") == []
    assert home.house == before
    home.restart()
    assert home.command("test", "c-1") == []
    home.reboot()
    assert home.command("test", "c-1") == []
    assert len([each for each in home.sent(TestReport) if each.why == "command"]) == 1


@pytest.mark.parametrize("kind", ["acknowledge", "resolve"])
def test_a_pending_alarm_can_be_neither_acknowledged_nor_resolved(kind: str) -> None:
    home = Home()
    home.press("pendant-1")
    home.command(kind, alarm=home.alarm.id)
    assert home.only(CommandRefused).reason == f"an alarm that is pending cannot {kind}"
    assert home.stage == "pending"
    home.after(10)
    assert home.stage == "raised"


def test_an_alarm_that_is_not_open_is_refused_by_name() -> None:
    home = raised()
    home.command("resolve", alarm="e0-alarm-9")
    assert home.only(CommandRefused).reason == "no open alarm e0-alarm-9"


@pytest.mark.parametrize("kind", ["sing", "call", "format-disk", ""])
def test_a_command_this_hub_does_not_know_is_refused(kind: str) -> None:
    home = raised()
    home.command(kind)
    assert "does not know" in home.only(CommandRefused).reason


def test_s12_a_refusal_fits_the_wire() -> None:
    home = raised()
    home.command("x" * 10_000)
    assert len(home.only(CommandRefused).reason) == 500


HOSTILE = {
    "empty": "",
    "no json": "{",
    "trailing": "{} {}",
    "null": "null",
    "a list": "[]",
    "a number": "17",
    "a number as an alarm": '{"alarm": 17}',
    "an object as an alarm": '{"alarm": {"alarm": {}}}',
    "nothing": "{}",
    "deep": '{"alarm": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "deep and unknown": '{"zzz": ' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}",
    "deep and open": "[" * 60_000,
    "64 KiB": '{"alarm": "' + "x" * 65_536 + '"}',
    "half a character": '{"alarm": "\ud800"}',
    "an escaped half": '{"alarm": "\\ud800"}',
    "a huge number": '{"alarm": ' + "9" * 60_000 + "}",
    "infinity": '{"alarm": Infinity}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "set-mode", "resend"])
def test_a_hostile_body_is_refused_with_a_short_reason_and_hurts_nothing(kind: str, body: str) -> None:
    home = raised()
    alarm = home.alarm
    home.happens(Commanded("c-1", kind, body))
    assert words(home.actions) == ["command.refused"]
    assert 0 < len(home.only(CommandRefused).reason) <= 500
    assert msgspec.json.encode(home.only(CommandRefused))
    assert home.alarm == alarm
    assert home.faults == set()


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_command_without_data_survives_any(body: str) -> None:
    home = raised()
    home.happens(Commanded("c-1", "locate", body))
    assert words(home.actions)[-1] in ("command.done", "command.refused")
    assert home.faults == set()


def test_an_outcome_longer_than_the_wire_can_carry_is_refused() -> None:
    home = raised()
    home.command("resolve", alarm=home.alarm.id, outcome="x" * 501)
    assert "$.outcome" in home.only(CommandRefused).reason
    home.command("resolve", alarm=home.alarm.id, outcome="x" * 500)
    assert home.house.alarms == ()


def test_unknown_fields_are_ignored() -> None:
    home = raised()
    home.command("acknowledge", alarm=home.alarm.id, operator="o-7")
    assert home.stage == "acknowledged"


def test_resend_names_rows() -> None:
    home = Home()
    home.happens(Commanded("c-1", "resend", '{"epoch": "e0", "lane": "a", "from": 3, "to": 9}'))
    assert home.actions[0] == Resend("e0", "a", 3, 9)


@pytest.mark.parametrize(
    ("first", "last"), [(0, 5), (-1, 5), (6, 5), (1, 10_001), (1, 10**30), (10**30, 10**30), (2**63, 2**63)]
)
def test_s12_resend_is_bounded(first: int, last: int) -> None:
    home = Home()
    home.happens(Commanded("c-1", "resend", f'{{"epoch": "e0", "lane": "a", "from": {first}, "to": {last}}}'))
    assert words(home.actions) == ["command.refused"]


def test_locate_report_and_test() -> None:
    home = Home()
    home.command("locate")
    home.command("report")
    home.command("test")
    assert Chirp("locate") in home.actions
    assert PublishState() in home.actions
    assert home.only(TestReport).why == "command"


def test_silence_leaves_a_pending_alarm_saying_that_it_may_be_cancelled() -> None:
    home = Home()
    home.press("pendant-1")
    home.command("silence")
    assert home.display().tone == "pending"


def test_silence_ends_with_a_lapse() -> None:
    home = raised()
    home.receipt()
    home.command("silence")
    assert home.display().tone == "none"
    home.acknowledge()
    home.after(30 * 60)
    assert home.display().tone == "waiting"


def test_s12_a_bounded_number_of_commands_is_remembered() -> None:
    home = Home()
    for number in range(1000):
        home.command("report", f"c-{number}")
    assert len(home.house.commands) == 256
    assert home.command("report", "c-999") == []
