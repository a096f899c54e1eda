"""The ladder: it runs on time whatever the line does (S3), pauses while somebody has the alarm, and resumes."""

import pytest

from rules import plan
from rules.plan import Ladder, Step
from rules.reports import AlarmEscalated
from tests.rules.home import MINUTE, Home


@pytest.mark.parametrize("line", ["up", "down", "lost at once", "lying"])
def test_s3_the_siren_sounds_60_s_after_the_raise_whatever_the_line_does(line: str) -> None:
    home = Home(line=line != "down")
    home.answers_check_ins = line != "lying"
    home.press("smoke-1")
    if line == "lost at once":
        home.link_down()
    home.after(59.999)
    assert not home.display().siren
    home.after(0.001)
    assert home.display().siren
    escalated = home.only(AlarmEscalated)
    assert (escalated.step, escalated.means) == (1, "siren")


def test_s3_a_line_that_flaps_all_the_time_does_not_put_the_ladder_off() -> None:
    home = Home()
    home.press("smoke-1")
    for _ in range(20):
        home.after(1.5).link_down()
        home.after(1.5).link_up()
    assert home.display().siren


def test_a_received_alarm_needs_no_siren() -> None:
    home = Home()
    home.press("smoke-1")
    home.after(59)
    home.receipt()
    home.after(10 * MINUTE)
    assert home.sent(AlarmEscalated) == []
    assert not home.display().siren


def test_the_siren_sounds_for_5_min_and_the_alarm_goes_on() -> None:
    home = Home()
    home.press("smoke-1")
    home.after(60 + 5 * MINUTE - 0.001)
    assert home.display().siren
    home.after(0.001)
    assert not home.display().siren
    assert home.stage == "raised"
    assert home.display().tone == "no-line"


def test_an_acknowledgement_stops_the_siren() -> None:
    home = Home()
    home.press("smoke-1")
    home.after(70)
    home.help_arrives()
    assert not home.display().siren


def test_s3_the_ladder_pauses_while_somebody_has_it_and_resumes_where_it_was() -> None:
    home = Home(line=False)
    home.press("smoke-1")
    home.after(20).help_arrives()
    home.after(45 * MINUTE)
    assert home.stage == "raised"
    home.after(39.999)
    assert home.sent(AlarmEscalated) == []
    home.after(0.001)
    assert home.display().siren


def test_s1_a_silent_alarm_reports_no_siren_that_never_sounded() -> None:
    home = Home(line=False)
    home.press("door-1")
    home.after(10 * MINUTE)
    assert home.sent(AlarmEscalated) == []


def test_silence_stops_sound_and_never_escalation() -> None:
    home = Home(line=False)
    home.press("smoke-1")
    home.after(10)
    home.command("silence")
    assert home.display().tone == "none"
    home.after(50)
    assert home.display().siren  # a step taken after it sounds
    home.command("silence")
    assert not home.display().siren
    assert home.stage == "raised"


def test_s6_after_a_reboot_the_next_step_fires_at_once_and_later_ones_keep_their_spacing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = tuple(Step(after_ms=after * 60_000, means="siren", unless="received") for after in (1, 3, 10))
    monkeypatch.setattr(plan, "BUILT_IN", Ladder(name="three", steps=steps))
    home = Home(line=False)
    home.press("smoke-1")
    home.after(65)
    home.forget().reboot()
    assert [each.step for each in home.sent(AlarmEscalated)] == [2]
    home.after(7 * MINUTE - 0.001)
    assert [each.step for each in home.sent(AlarmEscalated)] == [2]
    home.after(0.001)
    assert [each.step for each in home.sent(AlarmEscalated)] == [2, 3]
