"""The dialogue of a reminder: said, said again, answered, put off, missed; and what comes first."""

import pytest

from rules.actions import Say
from rules.events import AnswerHeld, AnswerPressed, Tick
from rules.plan import Absence
from rules.projection import project
from rules.reports import AlarmCancelled, AlarmRaised, ReminderMissed, ReminderPrompted, ReminderTaken
from tests.rules.home import HOUR, MINUTE, Home, chirps, window, words
from tests.rules.reminded import hold, press, reminded, reminder, said, told, weigh

SEVEN = "2026-01-05T07:00+00:00"
EIGHT = "2026-01-05T08:00+00:00"
PILLS = reminder("08:00", "20:00")


def at_eight(*reminders: object, **rules: object) -> Home:
    """A home in which it has just become eight."""
    return reminded(SEVEN, *(reminders or (PILLS,)), **rules).until(EIGHT)  # type: ignore[arg-type]


def test_a_tablet_that_is_taken() -> None:
    home = at_eight()
    assert words(home.actions)[-3:] == ["reminder.prompted", "chirp reminder", "Say"]
    assert home.actions[-1] == Say("pills", "medication", "p1")
    prompted = home.only(ReminderPrompted)
    assert (prompted.reminder, prompted.kind, prompted.person) == ("pills", "medication", "p1")
    assert (prompted.date, prompted.slot, prompted.due) == ("2026-01-05", "08:00", "2026-01-05T08:00:00.000Z")
    assert prompted.late_ms == 0
    press(home.after(200))
    taken = home.only(ReminderTaken)
    assert (taken.how, taken.prompts, taken.after_ms) == ("button", 2, 200_000)
    assert chirps(home.actions)[-1] == "taken"
    home.forget().after(11 * HOUR)
    assert (told(home), said(home)) == ([], [])
    assert home.house.prompts == ()


def test_it_is_said_every_three_minutes_until_it_is_missed() -> None:
    home = at_eight().forget().after(30 * MINUTE - 0.001)
    assert len(said(home)) == 9
    home.after(0.001)
    assert told(home) == ["08:30:00 missed (unanswered) after 10 08:00"]
    assert said(home)[-1] == "missed"
    assert home.house.alarms == (), "unless the plan says so"
    press(home)
    assert home.sent(ReminderTaken) == [], "it is over"


@pytest.mark.parametrize(("late", "words"), [(0.007, ["missed"]), (HOUR, [])])
def test_a_hub_that_is_a_little_late_says_that_it_was_missed_and_one_that_slept_does_not(
    late: float, words: list[str]
) -> None:
    home = at_eight().after(29 * MINUTE).forget().asleep_for(MINUTE + late)
    home.happens(Tick())
    assert told(home) == ["08:30:00 missed (unanswered) after 10 08:00"]
    assert said(home) == words


def test_at_night_it_is_not_said_that_something_was_missed() -> None:
    home = at_eight(night=window("22:00", "09:00")).after(HOUR)
    assert "missed" not in said(home)
    assert home.only(ReminderMissed).why == "unanswered"


def test_a_missed_tablet_is_an_alarm_if_the_plan_says_so_and_the_home_hears_nothing_of_it() -> None:
    home = at_eight(reminder("08:00", alarm=True)).after(30 * MINUTE)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.person, raised.sensor, raised.location) == ("reminder-missed", "p1", "hub", "")
    assert (raised.plan_rule, raised.detail, raised.silent) == ("reminder.pills", "pills", True)
    display = project(home.house)
    assert (display.call, display.tone) == ("off", "none")
    home = at_eight(reminder("08:00", alarm=True, sensor="lid-1")).after(30 * MINUTE)
    assert home.only(AlarmRaised).sensor == "lid-1"


def test_later_puts_it_off_three_times_and_never_until_it_would_do_harm() -> None:
    home = at_eight().after(MINUTE).forget()
    for _ in range(3):
        hold(home)
        assert chirps(home.actions) == ["later"]
        home.forget().after(10 * MINUTE - 0.001)
        assert said(home) == []
        home.after(0.001)
        assert said(home) == ["medication"]
        home.forget()
    hold(home)
    assert (chirps(home.actions), said(home), told(home)) == (["reminder"], ["medication"], []), "it is said again"
    home.after(29 * MINUTE)
    assert told(home) == ["09:00:00 missed (unanswered) after 14 08:00"], "three times ten minutes later"
    home = at_eight(reminder("08:00", late_ms=15 * 60_000)).after(5 * MINUTE).forget()
    assert told(hold(home)) == ["08:05:00 snoozed 08:00"]
    home.after(10 * MINUTE).forget()
    assert told(hold(home)) == []


def test_what_was_put_off_is_answered_by_a_press_all_the_same() -> None:
    home = hold(at_eight().after(MINUTE)).after(4 * MINUTE).forget()
    assert told(press(home)) == ["08:05:00 taken by button after 1 08:00"]


def test_s4_a_press_that_began_before_a_reminder_was_heard_ticks_off_nothing() -> None:
    home = at_eight().forget()
    home.after(0.07).happens(AnswerPressed(110))  # down before it was said, let go just after
    home.after(1.5).happens(AnswerPressed(1_400))
    home.after(2).happens(AnswerHeld(3_000))
    assert told(home) == []
    home.after(0.2).happens(AnswerPressed(200))
    assert told(home) == ["08:00:03.770 taken by button after 1 08:00"]


def test_a_press_too_soon_for_a_reminder_is_not_taken_for_something_else() -> None:
    home = reminded(SEVEN, PILLS)
    home.command("say", "c-1", text="dinner", hours=6)
    home.until(EIGHT).forget()
    home.happens(AnswerPressed())
    assert (told(home), said(home)) == ([], [])


def test_s4_a_press_too_many_does_not_tick_off_the_next_one() -> None:
    home = at_eight(PILLS, reminder("08:00", name="drops")).after(3).forget()
    home.happens(AnswerPressed(150))
    home.after(0.4).happens(AnswerPressed(150))
    assert [each.reminder for each in home.sent(ReminderTaken)] == ["pills"]


def test_two_at_once_are_answered_one_by_one_and_nothing_is_ticked_off_unheard() -> None:
    home = at_eight(PILLS, reminder("08:00", name="drops"), reminder("07:59", name="drink", kind="drink")).forget()
    home.after(MINUTE).forget()
    press(home)
    assert [each.reminder for each in home.sent(ReminderTaken)] == ["pills"]
    assert [each.text for each in home.actions if isinstance(each, Say)] == ["pills"]
    drops = next(each for each in home.house.prompts if each.occasion.reminder == "drops")
    assert (drops.said_ms, drops.prompts) == (home.ms, 2), "the next of those is said at once"
    press(home)
    press(home)
    assert [each.reminder for each in home.sent(ReminderTaken)] == ["pills", "drops", "drink"]
    press(home)
    assert len(home.sent(ReminderTaken)) == 3


def test_what_was_put_off_is_not_said_because_something_else_was_answered() -> None:
    home = at_eight(PILLS, reminder("08:02", name="drops"))
    hold(home.after(MINUTE))
    home.after(MINUTE).forget()
    press(home)
    assert [each.reminder for each in home.sent(ReminderTaken)] == ["drops"]
    assert said(home) == []


def test_an_appointment_is_prompted_the_evening_before_and_in_time_to_leave() -> None:
    doctor = reminder("10:30", name="doctor", kind="appointment", dates=("2026-01-06",))
    home = reminded(SEVEN, doctor).until("2026-01-05T19:00+00:00")
    assert said(home) == ["appointment-tomorrow"]
    press(home).forget().until("2026-01-06T09:30+00:00")
    assert said(home) == ["appointment"]
    assert told(home) == ["09:30:00 prompted 10:30"]


# --- the lid, the scales ------------------------------------------------------------------------------


def test_the_dispensers_lid_answers() -> None:
    home = at_eight(reminder("08:00", sensor="lid-1")).after(MINUTE).forget()
    home.enters("lid-1")
    assert told(home) == ["08:01:00 taken by lid after 1 08:00"]
    home.leaves("lid-1")
    home.after(2 * MINUTE).enters("lid-1")
    assert len(told(home)) == 1


def test_s4_a_lid_that_is_opened_before_the_time_is_the_answer_and_nobody_is_told_to_take_it_again() -> None:
    home = reminded(SEVEN, reminder("08:00", "20:00", sensor="lid-1")).until("2026-01-05T07:20+00:00")
    home.enters("lid-1")
    taken = home.only(ReminderTaken)
    assert (taken.how, taken.prompts, taken.after_ms, taken.slot) == ("lid", 0, -40 * 60_000, "08:00")
    home.leaves("lid-1")
    home.forget().after(9 * HOUR).set_clock("2026-01-05T07:30+00:00").until("2026-01-05T19:59+00:00")
    assert (told(home), said(home)) == ([], []), "not even when the clock is put back"
    home.after(MINUTE)
    assert told(home) == ["20:00:00 prompted 20:00"]


def test_a_lid_that_is_opened_long_before_the_time_is_somebody_filling_it() -> None:
    home = reminded(SEVEN, reminder("08:30", sensor="lid-1")).until("2026-01-05T07:29+00:00")
    home.enters("lid-1")
    assert told(home) == []
    home.until("2026-01-05T08:30+00:00")
    assert told(home) == ["08:30:00 prompted 08:30"]


def test_s4_a_hand_at_the_lid_is_one_however_often_its_contact_tells() -> None:
    close = reminder("08:00", "08:30", sensor="lid-1")
    home = at_eight(close).forget()
    for _ in range(5):
        home.after(10).enters("lid-1")
        home.leaves("lid-1")
    assert told(home) == ["08:00:10 taken by lid after 1 08:00"], "and not 08:30 too"


def test_one_lid_for_two_reminders_answers_both_that_wait_and_only_its_own() -> None:
    home = at_eight(
        reminder("08:00", sensor="lid-1"),
        reminder("08:00", name="drops", sensor="lid-1"),
        reminder("08:00", name="tea"),
    )
    home.enters("lid-1")
    assert sorted(each.reminder for each in home.sent(ReminderTaken)) == ["drops", "pills"]


def test_a_reading_answers_and_any_other_does_not() -> None:
    home = at_eight(reminder("08:00", kind="weigh", sensor="scales-1", reading="weight")).after(MINUTE)
    weigh(home, quantity="temperature")
    assert home.sent(ReminderTaken) == []
    weigh(home)
    assert home.only(ReminderTaken).how == "reading"
    home = reminded(SEVEN, reminder("08:00", kind="weigh", reading="weight")).until("2026-01-05T07:40+00:00")
    assert told(weigh(home)) == ["07:40:00 taken by reading after 0 08:00"]


# --- alarms come first --------------------------------------------------------------------------------


def test_s4_an_alarm_comes_first_and_what_it_held_back_is_said_when_it_is_over() -> None:
    home = at_eight().after(MINUTE)
    home.press("pendant-1")
    home.forget().after(HOUR)
    assert (said(home), told(home)) == ([], []), "an hour of an alarm is an hour without a word of tablets"
    home.acknowledge()
    home.after(10 * MINUTE)
    assert said(home) == [], "somebody is on the way, and the hub listens"
    home.resolve()
    assert said(home) == ["medication"]
    home.after(30 * MINUTE)
    assert told(home) == ["09:41:00 missed (unanswered) after 11 08:00"], "its time to be missed began anew"


def test_an_alarm_late_in_a_long_time_to_answer_does_not_end_it() -> None:
    home = at_eight(reminder("08:00", missed_ms=4 * 3_600_000)).until("2026-01-05T10:30+00:00")
    home.press("pendant-1")
    home.forget().after(10 * MINUTE)
    home.resolve()
    assert (said(home), told(home)) == (["medication"], [])


def test_what_falls_due_during_an_alarm_is_prompted_after_it_or_missed_because_of_it() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:59+00:00")
    home.press("pendant-1")
    home.after(90 * MINUTE)
    home.resolve()
    assert told(home) == ["09:29:00 prompted 08:00"]
    assert home.only(ReminderPrompted).late_ms == 89 * 60_000
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:59+00:00")
    home.press("pendant-1")
    home.after(3 * HOUR)
    assert told(home) == ["10:00:00 missed (alarm) after 0 08:00"]
    home.resolve()
    assert said(home) == []


def test_a_press_while_an_alarm_comes_first_ticks_off_nothing() -> None:
    home = at_eight().after(MINUTE)
    home.press("pendant-1")
    press(home)
    hold(home)
    assert home.sent(ReminderTaken) == []
    assert [each.state for each in home.house.prompts] == ["waiting"]


def test_a_lesser_alarm_that_somebody_has_and_forgot_does_not_silence_the_tablets() -> None:
    home = reminded(SEVEN, PILLS, absences=(Absence(sensor="chair-1", limit_ms=60_000),))
    home.until("2026-01-05T07:57+00:00").enters("chair-1")
    home.leaves("chair-1")
    home.after(2 * MINUTE)
    assert (home.alarm.kind, home.alarm.priority, home.alarm.silent) == ("chair", 3, False)
    home.acknowledge()
    home.after(MINUTE)
    assert said(home) == ["medication"]
    home.cancel()
    press(home)
    assert home.only(ReminderTaken).slot == "08:00"
    assert home.sent(AlarmCancelled) == [], "the press was meant for the tablet"
    home.cancel()
    assert home.only(AlarmCancelled).stage == "acknowledged"


def test_s1_a_silent_alarm_changes_nothing_that_could_be_noticed() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:59+00:00")
    home.press("panic-1")
    home.after(MINUTE)
    assert said(home) == ["medication"]
    press(home.after(MINUTE))
    assert home.only(ReminderTaken).how == "button"


# --- the cancel button is the one that answers ------------------------------------------------------


def test_s4_a_press_that_took_back_an_alarm_ticks_off_nothing() -> None:
    home = at_eight().after(MINUTE)
    home.press("pendant-1")
    home.after(5).cancel()
    assert home.house.alarms == ()
    assert [each.state for each in home.house.prompts] == ["prompting"], "it is said again while the button is down"
    press(home)
    assert home.sent(ReminderTaken) == []
    home.cancel()
    press(home)
    assert home.only(ReminderTaken).how == "button", "the next press answers"


def test_s4_a_press_that_told_staff_of_a_cancel_ticks_off_nothing() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:59+00:00")
    home.press("pendant-1")
    home.after(30).cancel()
    assert home.only(AlarmCancelled).stage == "raised"
    home.after(20)
    home.resolve()
    home.after(20)
    press(home)
    assert home.sent(ReminderTaken) == []
    press(home)
    assert home.only(ReminderTaken).slot == "08:00"


def test_a_press_that_is_meant_for_a_tablet_says_heard_and_cancels_nothing() -> None:
    home = at_eight().after(MINUTE).forget()
    home.cancel()
    assert chirps(home.actions) == ["heard"]
    press(home)
    assert chirps(home.actions) == ["heard", "taken"]
    home.forget().cancel()
    assert chirps(home.actions) == ["nothing-to-cancel"]


def test_a_hub_that_was_killed_with_the_button_down_takes_the_next_press() -> None:
    home = at_eight().after(MINUTE)
    home.press("pendant-1")
    home.after(5).cancel()
    home.restart()
    press(home)
    assert home.only(ReminderTaken).how == "button"


# --- away ---------------------------------------------------------------------------------------------


def test_away_it_is_held_and_said_when_somebody_is_home_in_time() -> None:
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    home.forget().until("2026-01-05T09:50+00:00")
    assert (told(home), said(home)) == ([], [])
    home.set_mode("home")
    assert told(home) == ["09:50:00 prompted 08:00"]


def test_away_too_long_it_is_reported_and_nobody_is_called() -> None:
    home = reminded(SEVEN, reminder("08:00", alarm=True))
    home.set_mode("away")
    home.forget().until("2026-01-05T12:00+00:00")
    assert told(home) == ["10:00:00 missed (away) after 0 08:00"]
    assert home.house.alarms == ()
    home.set_mode("home")
    home.after(HOUR)
    assert said(home) == []


def test_who_leaves_without_an_answer_is_reminded_at_home_again() -> None:
    home = at_eight().after(4 * MINUTE)
    home.set_mode("away")
    home.forget().after(HOUR)
    assert said(home) == []
    home.set_mode("home")
    assert said(home) == ["medication"]
    assert told(home) == [], "it was told already that it is prompted"


def test_engineer_mode_is_as_home() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:50+00:00")
    home.set_mode("engineer")
    home.until(EIGHT)
    assert said(home) == ["medication"]
