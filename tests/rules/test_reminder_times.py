"""Reminders and time: restarts, reboots, clocks that are set, zones, plans that change. Each occasion once (S4, S6)."""

import pytest

from rules.events import ClockChanged, PlanOffered, Tick
from rules.plan import Plan, Reminder
from rules.reports import AlarmRaised, ReminderMissed, ReminderPrompted, ReminderTaken
from tests.rules.home import HOUR, MINUTE, Home, through_json, watched
from tests.rules.reminded import SENSORS, clock_known, off, press, reminded, reminder, said, told

SEVEN = "2026-01-05T07:00+00:00"
PILLS = reminder("08:00", "20:00")


# --- nights on which the clocks change --------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "time", "wanted"),
    [
        ("2026-03-28T20:00+00:00", "01:30", ["01:00:00 prompted 01:30"]),
        ("2026-10-24T20:00+01:00", "01:30", ["00:30:00 prompted 01:30"]),
    ],
)
def test_s6_in_the_night_that_the_clocks_change_it_is_prompted_once(begins: str, time: str, wanted: list[str]) -> None:
    home = reminded(begins, reminder(time)).after(14 * HOUR)
    assert [each for each in told(home) if "prompted" in each] == wanted


def test_s6_samoa_had_no_30_december_2011() -> None:
    home = watched("2011-12-29T07:00-10:00", *SENSORS)
    home.plan(Plan(version=9, time_zone="Pacific/Apia", reminders=(reminder("08:00"),)))
    home.forget().after(49 * HOUR)
    assert [(each.date, each.due) for each in home.sent(ReminderPrompted)] == [
        ("2011-12-29", "2011-12-29T18:00:00.000Z"),
        ("2011-12-31", "2011-12-30T18:00:00.000Z"),
        ("2012-01-01", "2011-12-31T18:00:00.000Z"),
    ]


# --- restarts and reboots -----------------------------------------------------------------------------


def test_s4_a_restart_in_the_middle_keeps_every_moment() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T08:04+00:00")
    home.restart(down=30)
    home.forget().until("2026-01-05T08:05:59.999+00:00")
    assert said(home) == []
    home.after(0.001)
    assert said(home) == ["medication"]
    home.until("2026-01-05T08:30+00:00")
    assert told(home) == ["08:30:00 missed (unanswered) after 10 08:00"]


def test_s6_what_fell_due_while_no_process_ran_is_said_when_one_does_and_not_as_often_as_it_might_have_been() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:59+00:00")
    home.restart(down=25 * 60)
    assert told(home) == ["08:24:00 prompted 08:00"]
    assert home.only(ReminderPrompted).late_ms == 24 * 60_000
    assert said(home) == ["medication"]
    home.forget().restart(down=10 * 60)
    assert said(home) == ["medication"], "once, and not three times at once"
    home.forget().restart(down=HOUR)
    assert told(home) == ["08:54:00 missed (unanswered) after 2 08:00"]
    assert said(home) == [], "nobody says an hour later what was missed"


def test_s6_a_hub_that_was_off_too_long_tells_it_as_missed_and_says_nothing() -> None:
    home = reminded(SEVEN, reminder("08:00", "20:00", alarm=True)).until("2026-01-05T07:59+00:00")
    off(home, "2026-01-05T10:00:01+00:00")
    assert (told(home), said(home)) == ([], []), "a clock may lie: it is told a little later"
    home.after(30 * MINUTE)
    assert told(home) == ["10:30:01 missed (hub) after 0 08:00"]
    assert home.only(AlarmRaised).kind == "reminder-missed"
    assert said(home) == []


def test_s6_a_week_off_is_told_whole_and_more_is_not() -> None:
    home = reminded(SEVEN, PILLS)
    off(home, "2026-02-01T07:00+00:00").after(HOUR)
    missed = [(each.date, each.slot) for each in home.sent(ReminderMissed)]
    assert len(missed) == len(set(missed)) == 14
    assert min(missed) == ("2026-01-25", "08:00")


def test_s12_a_full_plan_and_a_week_off_pile_nothing_up_and_lose_nothing() -> None:
    every = [reminder(*(f"{hour:02}:00" for hour in range(0, 24, 2)), name=f"r{number}") for number in range(8)]
    home = reminded(SEVEN, *every)
    off(home, "2026-01-08T07:00+00:00")
    assert len(home.house.prompts) <= 64
    assert len(home.house.spent) <= 128
    home.after(HOUR - MINUTE)
    told_of = [each.occasion for each in home.house.prompts]
    assert told_of == []
    missed = {(each.reminder, each.date, each.slot) for each in home.sent(ReminderMissed)}
    prompted = {(each.reminder, each.date, each.slot) for each in home.sent(ReminderPrompted)}
    assert (len(missed), len(missed | prompted)) == (8 * 36, 8 * 36)
    home.after(48 * HOUR)
    assert len(home.house.spent) == 128


def test_s6_a_reboot_in_the_middle_says_it_again_at_once_if_the_clock_is_known_and_it_does_no_harm() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00")
    off(home.forget(), "2026-01-05T09:00+00:00")
    assert (said(home), told(home)) == (["medication"], [])
    home.after(30 * MINUTE)
    assert told(home) == ["09:30:00 missed (unanswered) after 11 08:00"]
    home = reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00")
    off(home.forget(), "2026-01-05T13:00+00:00").after(HOUR)
    assert (said(home), told(home)) == ([], ["13:30:00 missed (hub) after 1 08:00"])


def test_s6_without_a_known_clock_nothing_begins_and_all_is_taken_up_when_it_is_known() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T07:59+00:00")
    off(home, "1970-01-01T00:00:15+00:00", synced=False).after(HOUR)
    assert (told(home), said(home)) == ([], [])
    clock_known(home, "2026-01-05T09:10+00:00")
    assert told(home) == ["09:10:00 prompted 08:00"]


def test_s6_without_a_known_clock_what_was_said_before_the_power_cut_waits_for_one_and_is_told_at_last() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00").forget()
    off(home, "1970-01-01T00:00:15+00:00", synced=False).after(10 * MINUTE)
    assert said(home) == []
    clock_known(home, "2026-01-05T08:20+00:00")
    assert said(home) == ["medication"]
    home = reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00").forget()
    off(home, "1970-01-01T00:00:15+00:00", synced=False).after(30 * MINUTE)
    assert [each.why for each in home.sent(ReminderMissed)] == ["hub"]


def test_s6_without_a_known_clock_a_lid_answers_and_nobody_says_how_late() -> None:
    home = reminded(SEVEN, reminder("08:00", sensor="lid-1")).until("2026-01-05T08:01+00:00").forget()
    off(home, "1970-01-01T00:00:15+00:00", synced=False).enters("lid-1")
    taken = home.only(ReminderTaken)
    assert (taken.how, taken.prompts, taken.after_ms) == ("lid", 1, None)


def test_nothing_before_the_first_plan_or_the_first_clock_is_due() -> None:
    home = reminded("2026-01-05T08:00:01+00:00", PILLS).after(HOUR)
    assert told(home) == []
    home = watched(SEVEN, *SENSORS, synced=False, reminders=(PILLS,)).until("2026-01-05T08:20+00:00")
    clock_known(home, "2026-01-05T08:20+00:00")
    home.after(MINUTE)
    assert told(home) == []
    home.until("2026-01-05T20:00+00:00")
    assert told(home) == ["20:00:00 prompted 20:00"]


# --- clocks that are set -----------------------------------------------------------------------------


def test_s4_a_clock_that_is_put_back_prompts_nothing_twice() -> None:
    home = press(reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00")).forget()
    for moment in ("2026-01-05T07:59+00:00", "2026-01-05T07:59:58+00:00", "2026-01-05T06:30+00:00"):
        home.set_clock(moment).until("2026-01-05T08:02+00:00")
    assert (told(home), said(home)) == ([], [])


def test_s4_a_wrong_week_does_not_make_today_forgotten() -> None:
    home = press(reminded(SEVEN, reminder("08:00", "08:20")).until("2026-01-05T08:01+00:00"))
    home.set_clock("2026-01-12T08:02+00:00").happens(Tick())
    home.set_clock("2026-01-05T07:55+00:00").forget().after(15 * MINUTE)
    assert [each for each in told(home) if "prompted" in each] == []
    home.after(15 * MINUTE)
    assert [each for each in told(home) if "prompted" in each] == ["08:20:00 prompted 08:20"]


def test_s6_what_a_clock_jumps_over_is_said_late_or_told_and_comes_at_its_time_if_the_clock_was_wrong() -> None:
    home = reminded(SEVEN, PILLS).set_clock("2026-01-05T09:00+00:00")
    home.happens(Tick())
    assert told(home) == ["09:00:00 prompted 08:00"]
    home = reminded(SEVEN, PILLS).set_clock("2026-01-05T14:00+00:00")
    home.after(10 * MINUTE).set_clock("2026-01-05T07:10+00:00")
    home.until("2026-01-05T08:00+00:00")
    assert told(home) == ["08:00:00 prompted 08:00"], "it was not told as missed yet"
    home = reminded(SEVEN, PILLS).set_clock("2026-01-05T14:00+00:00")
    home.happens(Tick())
    home.after(31 * MINUTE)
    assert told(home) == ["14:30:00 missed (hub) after 0 08:00"]
    home.forget().set_clock("2026-01-05T08:31+00:00").happens(Tick())
    assert told(home) == ["08:31:00 prompted 08:00"], "told wrongly as missed: nobody was reminded, and it is in time"


def test_s6_a_clock_that_nobody_vouches_for_prompts_nothing() -> None:
    home = reminded(SEVEN, PILLS).set_clock("2026-01-05T08:30+00:00", synced=False)
    home.after(HOUR)
    assert told(home) == []
    clock_known(home, "2026-01-05T08:00+00:00")
    assert told(home) == ["08:00:00 prompted 08:00"]


def test_what_is_held_back_and_not_due_by_a_better_clock_comes_at_its_time() -> None:
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    home.until("2026-01-05T08:10+00:00").set_clock("2026-01-05T07:30+00:00")
    home.happens(Tick())
    assert home.house.prompts == ()
    home.set_mode("home")
    home.until("2026-01-05T08:00+00:00")
    assert told(home) == ["08:00:00 prompted 08:00"]


def test_a_seconds_correction_while_it_is_held_back_neither_ends_nor_doubles_it() -> None:
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    home.until("2026-01-05T10:00:01+00:00")
    assert told(home) == ["10:00:00 missed (away) after 0 08:00"]
    home.set_clock("2026-01-05T09:59:50+00:00").after(HOUR)
    assert len(told(home)) == 1


def test_a_correction_while_it_is_held_back_moves_the_end_of_its_time() -> None:
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    home.until("2026-01-05T09:00+00:00").set_clock("2026-01-05T08:30+00:00").happens(Tick())
    home.until("2026-01-05T09:50+00:00")
    home.set_mode("home")
    assert told(home) == ["09:50:00 prompted 08:00"]


def test_s6_what_was_held_back_waits_for_a_clock_that_is_known() -> None:
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    home.until("2026-01-05T08:10+00:00").set_clock("2026-01-05T05:00+00:00", synced=False).happens(Tick())
    home.set_mode("home")
    assert (told(home), said(home)) == ([], [])
    clock_known(home, "2026-01-05T08:20+00:00")
    assert told(home) == ["08:20:00 prompted 08:00"]


# --- plans that change -------------------------------------------------------------------------------


def replan(home: Home, *reminders: object, **rules: object) -> Home:
    home.watches(reminders=reminders, **rules)
    return home


def test_s4_a_time_that_was_moved_is_the_same_dose() -> None:
    home = press(reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00")).forget()
    replan(home, reminder("20:00", "09:30")).until("2026-01-05T19:59+00:00")
    assert told(home) == []
    home.after(MINUTE)
    assert told(home) == ["20:00:00 prompted 20:00"]
    press(home).forget().until("2026-01-06T09:30+00:00")
    assert told(home) == ["09:30:00 prompted 09:30"]


def test_s4_a_time_that_was_moved_while_it_is_said_has_its_outcome_and_no_other() -> None:
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T08:10+00:00"), reminder("08:20", "20:00"))
    press(home.forget().after(15 * MINUTE)).after(HOUR)
    assert told(home) == ["08:25:00 taken by button after 9 08:00"]


def test_a_time_that_is_put_off_before_it_came_comes_at_its_new_time() -> None:
    home = replan(reminded(SEVEN, PILLS), reminder("09:00", "20:00")).until("2026-01-05T09:00+00:00")
    assert told(home) == ["09:00:00 prompted 09:00"]
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    replan(home.until("2026-01-05T08:10+00:00"), reminder("09:00", "20:00"))
    home.set_mode("home")
    assert told(home) == [], "nobody has heard of it yet"
    home.until("2026-01-05T09:00+00:00")
    assert told(home) == ["09:00:00 prompted 09:00"]


def test_a_time_that_was_moved_into_the_past_before_it_came_does_not_vanish() -> None:
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T07:50+00:00"), reminder("07:30", "20:00"))
    assert told(home) == ["07:50:00 prompted 07:30"]
    soon = reminder("07:30", "20:00", missed_ms=int(10 * MINUTE * 1_000), late_ms=20 * 60_000)
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T07:50+00:00"), soon).after(10 * MINUTE)
    assert told(home)[1:] == ["08:00:00 missed (unanswered) after 4 07:30"], "as the newer plan has it"
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T07:51+00:00"), soon).after(10 * MINUTE)
    assert told(home) == ["08:01:00 missed (hub) after 0 07:30"], "too late, by the newer plan"


def test_the_nearest_is_the_one_that_was_moved() -> None:
    home = press(reminded(SEVEN, reminder("08:00", "12:00")).until("2026-01-05T08:01+00:00")).forget()
    replan(home, reminder("11:00")).until("2026-01-05T11:00+00:00")
    assert told(home) == ["11:00:00 prompted 11:00"]


def test_s4_a_time_that_was_moved_over_midnight_is_the_same_dose() -> None:
    home = press(reminded(SEVEN, reminder("23:30")).until("2026-01-05T23:31+00:00")).forget()
    replan(home, reminder("00:30")).until("2026-01-06T23:00+00:00")
    assert told(home) == []
    home.until("2026-01-07T00:30+00:00")
    assert told(home) == ["00:30:00 prompted 00:30"]


def test_a_new_reminder_is_not_due_for_what_lies_before_it_and_a_known_one_goes_on() -> None:
    home = press(reminded(SEVEN, PILLS).until("2026-01-05T08:20+00:00")).forget()
    replan(home, reminder("20:00", "08:00"), reminder("08:10", name="new")).after(HOUR)
    assert told(home) == []
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T08:10+00:00"), PILLS, reminder("08:05", name="new"))
    assert told(press(home.forget())) == ["08:10:00 taken by button after 4 08:00"]
    home = reminded(SEVEN).until("2026-01-05T08:20+00:00")
    replan(home, PILLS).after(HOUR)
    assert told(home) == []


def test_what_is_open_of_a_reminder_that_is_gone_is_told_as_missed() -> None:
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T08:10+00:00").forget(), reminder("09:00", name="other"))
    missed = home.only(ReminderMissed)
    assert (missed.why, missed.prompts, missed.kind, missed.person) == ("unanswered", 4, "medication", "p1")
    assert home.house.prompts == ()


@pytest.mark.parametrize(
    ("newer", "rest"),
    [
        (reminder("12:00", "20:00"), ["12:00:00 prompted 12:00"]),  # more than three hours later: another dose
        (reminder("20:00"), []),
        (reminder("08:00", "20:00", days=(1, 2)), []),  # 5 January 2026 is a Monday
        (reminder("08:00", "20:00", skipped=("2026-01-05",)), []),
        (reminder("09:00", days=(1,)), []),
        (reminder("09:00", kind="drink"), ["09:00:00 prompted 09:00"]),
    ],
)
def test_s4_what_a_newer_plan_has_struck_out_is_not_said_any_more_and_told_as_missed(
    newer: Reminder, rest: list[str]
) -> None:
    home = reminded(SEVEN, PILLS)
    home.set_mode("away")
    replan(home.until("2026-01-05T08:10+00:00"), newer).set_mode("home")
    home.until("2026-01-05T12:00+00:00")
    assert [told(home)[0], *told(home)[1:2]] == ["08:10:00 missed (away) after 0 08:00", *rest], (
        "held back, and unheard"
    )
    home = replan(reminded(SEVEN, PILLS).until("2026-01-05T08:10+00:00").forget(), newer)
    assert (told(home), home.house.prompts) == (["08:10:00 missed (unanswered) after 4 08:00"], ())


def test_an_appointment_that_is_called_off_is_not_said_any_more() -> None:
    doctor = reminder("10:00", name="doctor", kind="appointment", dates=("2026-01-05",))
    later = reminder("10:00", name="doctor", kind="appointment", dates=("2026-01-06",))
    home = reminded("2026-01-05T08:00+00:00", doctor).until("2026-01-05T09:05+00:00").forget()
    assert told(replan(home, later)) == ["09:05:00 missed (unanswered) after 2 10:00"]
    home = reminded("2026-01-05T08:00+00:00", doctor).until("2026-01-05T09:05+00:00").forget()
    put_off = reminder("11:30", name="doctor", kind="appointment", dates=("2026-01-05",))
    replan(home, put_off).until("2026-01-05T10:30+00:00")
    assert told(home) == ["09:05:00 missed (unanswered) after 2 10:00", "10:30:00 prompted 11:30"]


def test_s6_what_a_first_plan_brings_without_a_clock_is_not_due_for_the_days_before() -> None:
    home = replan(reminded(SEVEN, PILLS))
    off(home, "1970-01-01T00:00:15+00:00", synced=False)
    replan(home, PILLS)
    clock_known(home, "2026-01-08T08:20+00:00")
    assert told(home.after(HOUR)) == []


def test_an_appointment_that_is_put_off_deserves_another_word() -> None:
    doctor = reminder("10:00", name="doctor", kind="appointment", dates=("2026-01-05",))
    later = reminder("11:30", name="doctor", kind="appointment", dates=("2026-01-05",))
    home = press(reminded("2026-01-05T08:00+00:00", doctor).until("2026-01-05T09:01+00:00")).forget()
    replan(home, later).until("2026-01-05T10:30+00:00")
    assert told(home) == ["10:30:00 prompted 11:30"]


def test_a_plan_that_is_refused_or_comes_again_changes_nothing() -> None:
    home = reminded(SEVEN, PILLS).until("2026-01-05T08:10+00:00").forget()
    before = home.house.prompts
    home.happens(PlanOffered(home.house.plan))
    home.happens(PlanOffered(Plan(version=home.house.plan.version)))
    assert home.house.prompts == before
    assert told(home) == []


def test_a_plan_with_another_zone_neither_doubles_nor_loses_a_slot() -> None:
    home = press(reminded(SEVEN, PILLS).until("2026-01-05T08:01+00:00")).forget()
    for zone in ("America/New_York", "Europe/London"):
        home.plan(Plan(version=home.house.plan.version + 1, time_zone=zone, reminders=(PILLS,)))
    home.until("2026-01-05T20:00+00:00")
    assert told(home) == ["20:00:00 prompted 20:00"]


# --- small and cheap ----------------------------------------------------------------------------------


def test_s12_the_house_stays_small_and_wakes_no_more_than_it_must() -> None:
    home = reminded(SEVEN, reminder("08:00", "12:00", "18:00", "22:00"))
    for _ in range(80):
        press(home.after(6 * HOUR))
    assert len(home.house.spent) <= 12
    assert through_json(home.house) == home.house
    home = reminded(SEVEN)
    assert home.house.remind_at_ms is None, "no reminders, no deadline"


def test_s7_a_clock_beyond_all_dates_is_survived() -> None:
    home = reminded(SEVEN, PILLS, reminder("08:00", name="r", rule="FREQ=DAILY;INTERVAL=2", begin="2026-01-01"))
    for wall in (10**17, -(10**17), 0, 253_402_300_799_999):
        home.wall_from_boot_ms = wall
        home.happens(ClockChanged(synced=True))
        home.after(HOUR)
    assert not [each for each in home.house.faults if each.fault == "engine"]


def test_s6_a_clock_that_is_set_on_a_hub_without_a_line_is_noticed_within_half_an_hour() -> None:
    home = reminded(SEVEN, reminder("10:00"))
    home.link_down()
    home.after(90 * MINUTE)  # of faults that are told
    home.set_clock("2026-01-05T11:00+00:00").after(30 * MINUTE)
    assert [each for each in told(home) if "prompted" in each] != []
