"""The ladder: it runs on time whatever the line does (S3), pauses while somebody has the alarm, and resumes."""

import pytest
from msgspec.structs import replace

from rules import plan
from rules.plan import SIREN_MS, Ladder, Rule, Step, Window
from rules.reports import AlarmEscalated
from tests.rules.home import HOUR, MINUTE, Home, plan_of, sms


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


# --- ladders of a care plan ----------------------------------------------------------------------------


def at(after: float, means: str, **rest: object) -> Step:
    return Step(after_ms=round(after * 1000), means=means, **rest)  # type: ignore[arg-type]


def taken(home: Home) -> list[tuple[int, str]]:
    return [(each.step, each.means) for each in home.sent(AlarmEscalated)]


def test_steps_come_at_their_times_in_their_order() -> None:
    home = Home()
    home.plan(plan_of(at(30, "light"), sms(60, "daughter"), at(60, "siren", unless="received"), at(120, "centre")))
    home.press("smoke-1")
    home.forget().after(29.999)
    assert taken(home) == []
    home.after(0.001)
    assert taken(home) == [(1, "light")]
    home.after(30)
    assert taken(home) == [(1, "light"), (2, "sms"), (3, "siren")]
    home.after(60)
    assert taken(home)[3:] == [(4, "centre")]


def test_a_late_wake_up_takes_the_same_steps_as_a_punctual_one() -> None:
    punctual, late = Home(), Home()
    for home in (punctual, late):
        home.plan(plan_of(at(10, "light", for_ms=20_000), sms(20, "daughter"), at(40, "siren", unless="received")))
        home.press("smoke-1")
        home.forget()
    punctual.after(100)
    late.asleep_for(100).after(0)
    assert taken(late) == taken(punctual)
    assert late.house.alarms == punctual.house.alarms
    assert late.display().beacon == "off"


def test_a_light_goes_out_after_its_time_and_one_without_a_time_stays_until_the_alarm_is_resolved() -> None:
    home = Home()
    home.plan(plan_of(at(1, "light", for_ms=60_000), at(2, "relay")))
    home.press("smoke-1")
    home.after(3)
    assert (home.display().beacon, home.display().relay) == ("fast", True)
    home.after(MINUTE)
    assert (home.display().beacon, home.display().relay) == ("off", True)
    home.help_arrives()
    assert home.display().relay
    home.resolve()
    assert not home.display().relay


def test_a_step_until_resolved_comes_on_time_though_somebody_has_the_alarm() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), at(90, "relay", unless="resolved")))
    home.press("smoke-1")
    home.after(30).help_arrives()
    home.forget().after(MINUTE)
    assert taken(home) == [(2, "relay")]
    home.after(44 * MINUTE + 0.001)
    assert home.stage == "raised", "the acknowledgement has lapsed"
    home.after(29.998)
    assert taken(home) == [(2, "relay")]
    home.after(1)
    assert taken(home) == [(2, "relay"), (1, "sms")]


def test_s3_a_ladder_that_repeats_begins_anew_until_somebody_has_the_alarm() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), at(90, "relay", unless="resolved", for_ms=5_000), repeat=10 * MINUTE))
    home.press("smoke-1")
    home.forget().after(60 + 10 * MINUTE + 59.999)
    assert taken(home) == [(1, "sms"), (2, "relay")]
    home.after(0.001)
    assert [(each.step, each.round) for each in home.sent(AlarmEscalated)] == [(1, 1), (2, 1), (1, 2)]
    home.forget().after(1).help_arrives()
    home.after(44 * MINUTE)
    assert taken(home) == []


def test_s1_a_silent_alarm_takes_no_step_that_could_be_heard_or_seen() -> None:
    home = Home()
    home.plan(plan_of(at(1, "siren"), at(2, "light"), at(3, "say"), sms(4, "daughter"), kind="door-button"))
    home.press("door-1")
    home.after(10)
    assert taken(home) == [(4, "sms")]
    assert home.sensed() == Home().display()


def test_a_step_for_the_night_is_for_the_night() -> None:
    home = Home()
    home.plan(plan_of(sms(1, "neighbour", only="day"), sms(2, "daughter", only="night")))
    home.press("smoke-1")
    home.after(5)
    assert home.told() == [("neighbour", "alarm")]


def test_s9_an_open_alarm_finishes_by_the_ladder_it_began() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter")))
    home.press("smoke-1")
    home.plan(plan_of(at(10, "siren"), version=2))
    home.after(59.999)
    assert not home.display().siren
    home.after(0.001)
    assert [(text.contact, text.plan_version) for text in home.texts()] == [("daughter", 1)]
    home.command("resolve", alarm=home.alarm.id)
    home.press("smoke-1")
    home.after(10)
    assert home.display().siren


def test_s6_a_process_restart_keeps_a_ladder_to_the_millisecond() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), sms(120, "neighbour")))
    home.press("smoke-1")
    home.after(30)
    home.restart(down=10)
    home.link_up()
    home.after(19.999)
    assert home.told() == []
    home.after(0.001)
    assert home.told() == [("daughter", "alarm")]
    home.text_sent()
    home.restart(down=80)
    assert home.told() == [("daughter", "alarm"), ("neighbour", "alarm")]


def test_s6_after_a_reboot_an_acknowledged_alarms_next_step_is_due_at_once() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), sms(180, "neighbour"), at(600, "relay", unless="resolved")))
    home.press("smoke-1")
    home.after(20).help_arrives()
    home.after(5 * MINUTE).heard("smoke-1")  # the last moment that the hub knows of
    home.forget().reboot()
    assert home.told() == [("daughter", "alarm")]
    home.text_sent()
    home.after(119.999)
    assert home.told() == [("daughter", "alarm")]
    home.after(0.001)
    assert home.told()[1:] == [("neighbour", "alarm")]
    home.after(239.999 - 120)
    assert not home.display().relay, "40 s were left of the one, 280 s of the other"
    home.after(0.001)
    assert home.display().relay


def test_simultaneous_alarms_each_run_their_own_ladder() -> None:
    home = Home()
    home.plan(plan_of(sms(60, "daughter"), kind="smoke"))
    home.press("smoke-1")
    home.after(30)
    home.wet()
    home.after(30)
    assert home.told() == [("daughter", "alarm")]
    home.after(30)
    assert home.display().siren, "the flood has the built-in ladder"
    assert [alarm.kind for alarm in home.house.alarms] == ["smoke", "flood"]


def test_a_long_night_does_not_wear_a_ladder_out() -> None:
    home = Home(line=False)
    home.plan(plan_of(sms(60, "daughter"), repeat=30 * MINUTE))
    home.press("smoke-1")
    for _ in range(24):
        home.after(HOUR / 2)
        for text in home.house.texts:
            if text.state == "waiting":
                home.text_sent(next(each for each in home.texts() if each.text == text.id))
    assert home.alarm.round == 24
    assert len(home.house.texts) <= 3


def test_in_quiet_hours_what_can_wait_makes_no_noise_and_what_cannot_does() -> None:
    plan = plan_of(at(1, "siren"), at(2, "light"), quiet=Window(begin=0, to=0))
    urgent, idle = Home(), Home()
    urgent.plan(plan)
    idle.plan(replace(plan, kinds=(Rule(kind="smoke", ladder="help", priority=3),)))
    for home in (urgent, idle):
        home.press("smoke-1")
        home.after(5)
    assert (urgent.display().siren, urgent.display().beacon) == (True, "fast")
    assert (idle.display().siren, idle.display().beacon) == (False, "fast")


def test_s6_after_a_reboot_lights_go_on_and_a_relay_that_was_only_pulsed_stays_off() -> None:
    home = Home()
    home.plan(plan_of(at(1, "light", for_ms=60_000), at(1, "relay", for_ms=60_000)))
    home.press("smoke-1")
    home.after(2)
    home.reboot()
    assert (home.display().beacon, home.display().relay) == ("fast", False)
    home.after(SIREN_MS / 1000)
    assert home.display().beacon == "off"


def test_s6_after_a_reboot_what_is_on_until_the_alarm_is_resolved_goes_on() -> None:
    home = Home()
    home.plan(plan_of(at(1, "light"), at(1, "relay")))
    home.press("smoke-1")
    home.after(2)
    home.reboot()
    home.after(HOUR)
    assert (home.display().beacon, home.display().relay) == ("fast", True)


def test_s1_the_plans_default_ladder_is_not_for_a_silent_kind() -> None:
    home = Home()
    default = Ladder(name="default", steps=(at(1, "siren"), sms(2, "daughter")))
    home.plan(plan_of(sms(60, "daughter"), ladders=(default,), kinds=()))
    home.press("door-1")
    home.press("smoke-1")
    home.after(10)
    assert [(each.kind, each.means) for each in home.sent(AlarmEscalated)] == [("smoke", "siren"), ("smoke", "sms")]
