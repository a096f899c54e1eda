"""Messages are said at a civil hour until they are heard, and information when it is asked for; alarms come first."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.actions import Action, Chirp, Say
from rules.events import AnswerHeld, AnswerPressed, CancelPressed, ClockChanged, Commanded
from rules.messages import GAP_MS, REPEAT_MS, WAITING_MAX
from rules.plan import Information, Reminder
from rules.preempting import preempted
from rules.reports import (
    CommandDone,
    CommandRefused,
    MessageExpired,
    MessageHeard,
    ReminderPrompted,
    ReminderSnoozed,
    ReminderTaken,
)
from tests.rules.home import HOUR, MINUTE, Home, chirps, watched, window
from tests.support.examples import examples

NOON = "2026-01-05T12:00+00:00"
LATE = "2026-01-05T22:30+00:00"
REPEAT_S, GAP_S = REPEAT_MS / 1000, GAP_MS / 1000
INFORMATION = (Information(name="bins", text="bins"), Information(name="bus", text="bus"))


def home_at(begins: str = NOON, **plan: Any) -> Home:
    return watched(begins, **plan)


def said(home: Home) -> list[str]:
    """What was said of messages since the last `forget`: the id, or the reference."""
    return [each.message or each.text for each in home.actions if isinstance(each, Say) and each.prompt == "message"]


def press(home: Home) -> list[Action]:
    """A press of the answer button, once what is said has been heard."""
    home.after(5)
    return home.happens(AnswerPressed())


def hold(home: Home) -> list[Action]:
    home.after(5)
    return home.happens(AnswerHeld())


# --- the command ------------------------------------------------------------------------------------


def test_a_text_of_the_plan_is_said_at_once_by_day() -> None:
    home = home_at()
    home.command("say", "c-1", text="dinner", person="p1")
    assert home.only(CommandDone).type == "say"
    assert Say("dinner", "message", "p1") in home.actions
    assert Chirp("message") in home.actions


def test_a_sealed_one_is_named_by_its_command() -> None:
    home = home_at()
    home.command("say", "c-1", sealed="kept")
    assert Say("", "message", "", "c-1") in home.actions


def test_s4_twice_is_once() -> None:
    home = home_at()
    home.command("say", "c-1", text="dinner")
    assert home.command("say", "c-1", text="dinner") == []
    assert len(home.house.messages) == 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "dinner", "sealed": "kept"},
        {"text": "Dinner is ready"},
        {"text": "x" * 41},
        {"sealed": "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyJ9.a.b.c.d"},
        {"sealed": "kept", "person": "Mrs A"},
        {"sealed": "kept", "hours": 0},
        {"sealed": "kept", "hours": 169},
        {"sealed": "kept", "hours": "24"},
    ],
)
def test_s11_what_is_not_of_the_contract_is_refused_without_repeating_it(data: dict[str, Any]) -> None:
    home = home_at()
    home.command("say", "c-1", **data)
    reason = home.only(CommandRefused).reason
    assert home.house.messages == ()
    assert not any(isinstance(value, str) and len(value) > 4 and value in reason for value in data.values())


def test_what_the_agent_could_not_open_is_refused_with_its_reason() -> None:
    home = home_at()
    home.happens(Commanded("c-1", "say", "{}", "the text is too long"))
    assert home.only(CommandRefused).reason == "the text is too long"
    assert home.house.messages == ()


def test_s12_the_seventeenth_is_refused() -> None:
    home = home_at(LATE)
    for number in range(WAITING_MAX):
        home.command("say", text=f"text-{number}")
    assert len(home.sent(CommandDone)) == 16
    home.command("say", text="one-more")
    assert home.only(CommandRefused).reason == "16 messages wait to be heard already"
    assert len(home.house.messages) == 16


# --- when it is said --------------------------------------------------------------------------------


def test_it_is_said_every_quarter_of_an_hour_until_it_is_heard() -> None:
    home = home_at()
    home.command("say", "c-1", sealed="kept")
    home.after(REPEAT_S - 1)
    assert said(home) == ["c-1"]
    home.after(1)
    assert said(home) == ["c-1"] * 2
    home.after(REPEAT_S)
    press(home)
    heard = home.only(MessageHeard)
    assert (heard.message, heard.times) == ("c-1", 3)
    assert "taken" in chirps(home.actions)
    home.forget().after(48 * HOUR)
    assert (said(home), home.sent(MessageExpired)) == ([], [])


def test_without_quiet_hours_in_the_plan_it_waits_for_eight_oclock_on_the_homes_clocks() -> None:
    home = home_at("2026-07-05T21:30+01:00")
    home.command("say", text="dinner")
    home.until("2026-07-06T07:59:59.999+01:00")
    assert said(home) == []
    home.until("2026-07-06T08:00+01:00")
    assert said(home) == ["dinner"]


def test_the_last_minute_before_nine_is_civil_and_nine_is_not() -> None:
    home = home_at("2026-07-05T20:50+01:00")
    home.command("say", text="dinner")
    home.until("2026-07-05T23:00+01:00")
    assert said(home) == ["dinner"]


@pytest.mark.parametrize("part", ["quiet", "night"])
def test_the_plans_own_night_and_quiet_hours_go_before_that(part: str) -> None:
    home = home_at(LATE, **{part: window("23:00", "10:00")})
    home.command("say", text="dinner")
    assert said(home) == ["dinner"], "not quiet yet"
    home.until("2026-01-05T23:01+00:00").forget()
    home.until("2026-01-06T09:59:59+00:00")
    assert said(home) == []
    home.until("2026-01-06T10:00+00:00")
    assert said(home) == ["dinner"]


def test_a_clock_that_is_set_is_followed_at_once() -> None:
    home = home_at(LATE)
    home.command("say", text="dinner")
    home.set_clock(NOON).happens(ClockChanged(synced=True))
    assert said(home) == ["dinner"]


def test_a_new_plan_with_other_hours_is_followed_at_once() -> None:
    home = home_at(LATE)
    home.command("say", text="dinner")
    assert said(home) == []
    home.watches(night=window("23:00", "07:00"))
    assert said(home) == ["dinner"]


def test_several_are_said_a_minute_apart_and_a_press_means_the_last_said() -> None:
    home = home_at(LATE)
    for name in ("one", "two", "three"):
        home.command("say", text=name)
    home.until("2026-01-06T08:00+00:00")
    assert said(home) == ["one"]
    home.after(GAP_S)
    assert said(home) == ["one", "two"]
    press(home)
    assert [each.text for each in home.house.messages] == ["one", "three"]
    assert said(home) == ["one", "two", "three"], "whoever heard one is there for the next"
    press(home)
    press(home)
    assert home.house.messages == ()
    assert said(home) == ["one", "two", "three", "one"], "the last that was said is no more in the ear than the next"
    assert len(home.sent(MessageHeard)) == 3


def test_a_hand_that_presses_twice_confirms_only_what_it_heard() -> None:
    home = home_at(LATE)
    home.command("say", text="one")
    home.command("say", text="two")
    home.until("2026-01-06T08:00+00:00")
    press(home)
    home.after(0.3).happens(AnswerPressed())
    home.after(0.3).happens(AnswerPressed())
    assert len(home.sent(MessageHeard)) == 1
    assert said(home) == ["one", "two"]


def test_a_press_at_night_says_what_waits_and_another_confirms_it() -> None:
    home = home_at(LATE)
    home.command("say", text="dinner")
    press(home)
    assert said(home) == ["dinner"]
    assert home.sent(MessageHeard) == [], "nobody had heard it"
    home.after(HOUR)
    assert said(home) == ["dinner"], "it is still night"
    press(home)
    assert said(home) == ["dinner"] * 2, "an hour later it is no more in anybody's ear"
    press(home)
    assert home.only(MessageHeard).times == 2


def test_held_it_is_put_off_for_a_quarter_of_an_hour() -> None:
    home = home_at()
    home.command("say", text="dinner")
    home.after(10 * MINUTE)
    hold(home)
    assert "later" in chirps(home.actions)
    home.after(REPEAT_S - 1)
    assert said(home) == ["dinner"]
    home.after(1)
    assert said(home) == ["dinner"] * 2


# --- what holds it ----------------------------------------------------------------------------------


def test_s1_an_alarm_comes_first_and_what_it_broke_into_is_said_again_after_it() -> None:
    home = home_at()
    home.command("say", text="dinner")
    home.after(MINUTE).press("pendant-1")
    home.forget()
    press(home)
    hold(home)
    home.after(3 * HOUR)
    assert (said(home), home.sent(MessageHeard)) == ([], [])
    home.acknowledge()
    home.after(HOUR)
    assert said(home) == [], "help is on its way"
    home.resolve()
    assert said(home) == ["dinner"]


def test_what_an_alarm_broke_into_does_not_wait_for_its_quarter_of_an_hour() -> None:
    home = home_at()
    home.command("say", text="dinner")
    home.after(MINUTE).press("pendant-1")
    home.forget().after(5)
    assert said(home) == []
    home.cancel()
    assert said(home) == ["dinner"]


def test_a_cancel_confirms_no_message() -> None:
    home = home_at()
    home.command("say", text="dinner")
    home.after(MINUTE).press("pendant-1")
    home.after(5).happens(CancelPressed())
    home.happens(AnswerPressed())  # the same hand lets go
    assert home.house.alarms == ()
    assert home.sent(MessageHeard) == []


def test_s1_a_silent_alarm_holds_nothing() -> None:
    home = home_at()
    home.press("panic-1")
    home.command("say", text="dinner")
    assert said(home) == ["dinner"]


def test_while_away_it_waits() -> None:
    home = home_at()
    home.set_mode("away")
    home.command("say", text="dinner", hours=48)
    home.after(3 * HOUR)
    assert said(home) == []
    home.set_mode("home")
    assert said(home) == ["dinner"]


def test_a_reminder_comes_first_and_a_hand_that_presses_twice_answers_only_that() -> None:
    home = home_at(reminders=(Reminder(name="tablets", times=(12 * 60 + 5,)),))
    home.command("say", text="dinner")
    home.after(5 * MINUTE)
    home.only(ReminderPrompted)
    home.forget().after(20 * MINUTE)
    assert said(home) == [], "it would be taken for what the press is about"
    press(home)
    home.after(0.3).happens(AnswerPressed())
    home.only(ReminderTaken)
    assert (said(home), home.sent(MessageHeard)) == (["dinner"], []), "said again, now that the reminder is over"
    press(home)
    assert home.only(MessageHeard).times == 2


def test_later_said_to_a_reminder_puts_no_message_off_and_tells_nothing() -> None:
    home = home_at(information=INFORMATION, reminders=(Reminder(name="tablets", times=(12 * 60 + 5,)),))
    home.command("say", text="dinner")
    home.after(5 * MINUTE).forget()
    hold(home)
    home.only(ReminderSnoozed)
    assert (informed(home), said(home)) == ([], [])


# --- until when -------------------------------------------------------------------------------------


def test_one_that_nobody_hears_expires_once() -> None:
    home = home_at()
    home.command("say", "c-1", sealed="kept", hours=2)
    home.after(2 * HOUR - 0.001)
    assert home.sent(MessageExpired) == []
    home.after(0.001)
    expired = home.only(MessageExpired)
    assert (expired.message, expired.times) == ("c-1", 8)
    home.after(48 * HOUR)
    home.restart()
    assert len(home.sent(MessageExpired)) == 1
    assert home.house.messages == ()


@pytest.mark.parametrize("hold_it", [lambda home: home.set_mode("away"), lambda home: home.press("smoke-1")])
def test_one_that_could_not_be_said_expires_all_the_same(hold_it: Any) -> None:
    home = watched(NOON, *Home().config.sensors)
    hold_it(home)
    home.command("say", text="dinner")
    home.after(24 * HOUR)
    assert home.only(MessageExpired).times == 0


def test_a_whole_day_of_quiet_hours_never_says_it_and_tells_so() -> None:
    home = home_at(quiet=window("00:00", "00:00"))
    home.command("say", text="dinner")
    home.after(24 * HOUR)
    assert (said(home), home.only(MessageExpired).times) == ([], 0)


def test_s6_a_restart_changes_nothing() -> None:
    home = home_at()
    home.command("say", "c-1", sealed="kept", hours=1)
    home.after(5 * MINUTE).restart(down=60)
    assert said(home) == ["c-1"]
    home.after(9 * MINUTE)
    assert said(home) == ["c-1"] * 2
    home.after(45 * MINUTE)
    assert home.only(MessageExpired).times == 4


def test_s6_after_a_reboot_it_is_said_again_and_is_good_for_its_whole_time() -> None:
    home = home_at()
    home.command("say", "c-1", sealed="kept", hours=1)
    home.after(50 * MINUTE).forget()
    home.reboot()
    assert said(home) == ["c-1"]
    home.after(HOUR - 1)
    assert home.sent(MessageExpired) == []
    home.after(1)
    assert home.only(MessageExpired).message == "c-1"


def test_s6_waking_late_says_it_once() -> None:
    home = home_at()
    home.command("say", text="dinner")
    home.forget().asleep_for(40 * MINUTE)
    home.happens(AnswerPressed())
    assert said(home) == ["dinner"]
    assert home.sent(MessageHeard) == [], "it has only just begun"
    press(home)
    assert home.only(MessageHeard).times == 2


def test_s6_waking_after_its_time_does_not_say_it() -> None:
    home = home_at()
    home.command("say", text="dinner", hours=1)
    home.forget().asleep_for(2 * HOUR).happens(AnswerPressed())
    assert (said(home), home.only(MessageExpired).times) == ([], 1)


EVENTS = st.sampled_from(
    ["say", "sealed", "press", "hold", "call", "cancel", "acknowledge", "resolve", "away", "home", "restart", "reboot"]
)
PAUSES = st.sampled_from([0.0, 0.5, 5.0, 59.0, 200.0, 899.0, 901.0, 3_000.0, 9_000.0])


def _happens(home: Home, what: str) -> None:
    match what:
        case "say" | "sealed":
            home.command("say", **{"text": "dinner"} if what == "say" else {"sealed": "kept"}, hours=6)
        case "press":
            home.happens(AnswerPressed())
        case "hold":
            home.happens(AnswerHeld())
        case "call":
            home.call()
        case "cancel":
            home.cancel()
        case "acknowledge" | "resolve":
            if home.house.alarms:
                home.command(what, alarm=home.house.alarms[-1].id)
        case "away" | "home":
            home.set_mode(what)
        case "restart" | "reboot":
            getattr(home, what)()


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(st.tuples(EVENTS, PAUSES, st.booleans()), max_size=15), st.booleans())
def test_every_message_ends_once_and_none_is_said_when_it_must_not_be(
    days: list[tuple[str, float, bool]], quiet: bool
) -> None:
    home = home_at(information=INFORMATION, quiet=window("20:00", "09:00") if quiet else None)
    for what, pause, asleep in days:
        count, before, was_away = len(home.actions), preempted(home.house), home.mode == "away"
        _happens(home, what)
        asked = what == "press"
        for action in home.actions[count:]:
            if isinstance(action, Say):
                assert not (before and preempted(home.house)), "S1"
                # What fell due while the hub slept, at home, goes before the word that all are away.
                assert asked or action.prompt != "message" or not (was_away and home.mode == "away")
                assert asked or action.prompt != "message" or not home.house.quiet
        if asleep:
            home.asleep_for(pause)
        else:
            home.after(pause)
    taken = [each.command for each in home.sent(CommandDone) if each.type == "say"]
    home.after(7 * HOUR)
    assert home.house.messages == ()
    heard, expired = home.sent(MessageHeard), home.sent(MessageExpired)
    assert sorted([*(each.message for each in heard), *(each.message for each in expired)]) == sorted(taken)
    assert "engine" not in {fault for fault, _ in home.faults}


def test_a_press_that_began_before_a_message_was_heard_confirms_nothing() -> None:
    home = home_at()
    home.command("say", "c-1", text="dinner")
    home.after(6).happens(AnswerPressed(2_000))
    assert home.sent(MessageHeard) == []
    home.after(1).happens(AnswerPressed(100))
    assert home.only(MessageHeard).message == "c-1"


# --- information ------------------------------------------------------------------------------------


def informed(home: Home) -> list[str]:
    return [each.text for each in home.actions if isinstance(each, Say) and each.prompt is None]


def test_held_the_button_tells_one_thing_after_the_other() -> None:
    home = home_at(information=INFORMATION)
    for _ in range(3):
        hold(home)
    assert informed(home) == ["bins", "bus", "bins"]
    home.restart()
    hold(home)
    assert informed(home)[-1] == "bus"


def test_it_is_told_at_any_hour_and_while_a_message_waits_for_the_morning() -> None:
    home = home_at(LATE, information=INFORMATION)
    home.command("say", text="dinner")
    hold(home)
    assert informed(home) == ["bins"]


def test_a_plan_without_any_says_so() -> None:
    home = home_at()
    assert hold(home) == [Say(prompt="no-information")]


def test_a_shorter_plan_begins_somewhere_in_it() -> None:
    home = home_at(information=INFORMATION)
    hold(home)
    home.watches(information=INFORMATION[:1])
    hold(home)
    assert informed(home) == ["bins", "bins"]


def test_a_press_with_nothing_waiting_does_nothing() -> None:
    home = home_at(information=INFORMATION)
    assert press(home) == []


def test_s1_nothing_is_told_while_an_alarm_is_open() -> None:
    home = home_at(information=INFORMATION)
    home.press("pendant-1")
    assert hold(home) == []
