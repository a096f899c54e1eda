"""A bed or a chair that is left and not returned to."""

from typing import Any

import pytest

from rules.events import ClockChanged, Tick
from rules.plan import Absence, Rule
from rules.reports import AlarmJoined, AlarmRaised
from tests.rules.home import HOUR, MINUTE, Home, watched, window

NIGHT = Absence(sensor="bed-1", limit_ms=1_800_000, window=window("22:00", "07:00"))
CHAIR = Absence(sensor="chair-1", limit_ms=4 * 3_600_000)
ELEVEN = "2026-01-05T23:00+00:00"


def in_bed(*rules: Absence, begins: str = ELEVEN, **more: Any) -> Home:
    home = watched(begins, absences=rules or (NIGHT,), **more)
    home.enters("bed-1")
    return home.forget()


def test_who_leaves_the_bed_at_night_and_does_not_come_back_is_called_for() -> None:
    home = in_bed().after(3 * HOUR)
    home.leaves("bed-1")
    home.after(30 * MINUTE - 0.001)
    assert home.house.alarms == ()
    home.after(0.001)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.sensor, raised.location, raised.person) == ("bed", "bed-1", "bedroom", "p1")
    assert (raised.plan_rule, raised.detail, raised.rule) == ("absence.bed-1", "left 30 min ago", "immediate")


def test_who_comes_back_in_time_is_not() -> None:
    home = in_bed()
    for _ in range(5):
        home.after(HOUR).leaves("bed-1")
        home.after(30 * MINUTE - 0.001).enters("bed-1")
    home.after(HOUR)
    assert home.sent(AlarmRaised) == []


def test_a_chair_is_watched_as_its_own_kind_and_at_all_hours_without_a_window() -> None:
    home = watched("2026-01-05T12:00+00:00", absences=(CHAIR,))
    home.enters("chair-1")
    home.after(HOUR).leaves("chair-1")
    home.after(4 * HOUR)
    assert (home.alarm.kind, home.alarm.priority) == ("chair", 3)


def test_who_has_not_gone_to_bed_yet_has_not_left_it() -> None:
    """Up since the morning, and still up when the window opens: this rule is about who got up at night."""
    home = in_bed(begins="2026-01-05T06:00+00:00").after(2 * HOUR)
    home.leaves("bed-1")
    home.until("2026-01-06T01:00+00:00")
    assert home.sent(AlarmRaised) == []
    home.enters("bed-1")
    home.after(HOUR).leaves("bed-1")
    assert home.after(30 * MINUTE).stage == "raised"


def test_who_gets_up_in_the_morning_is_not_missed_after_the_window() -> None:
    home = in_bed().until("2026-01-06T06:30:00.001+00:00")
    home.leaves("bed-1")
    home.after(12 * HOUR)
    assert home.sent(AlarmRaised) == []


def test_what_is_due_at_the_windows_end_is_called() -> None:
    home = in_bed().until("2026-01-06T06:30+00:00")
    home.leaves("bed-1")
    home.until("2026-01-06T07:00+00:00")
    assert home.stage == "raised"


def test_the_first_word_of_a_bed_that_was_empty_is_nobody_getting_up() -> None:
    home = watched(ELEVEN, absences=(NIGHT,))
    home.leaves("bed-1")
    home.after(HOUR)
    assert home.house.alarms == ()


def test_s4_one_leaving_is_one_alarm_and_the_next_joins_or_follows_it() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.after(30 * MINUTE)
    for _ in range(3):
        home.after(MINUTE).leaves("bed-1")  # told again, and still the same
    home.after(4 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    assert home.sent(AlarmJoined) == []
    home.enters("bed-1")
    home.after(60).leaves("bed-1")
    home.after(30 * MINUTE)
    assert len(home.sent(AlarmRaised)) == 1
    assert home.only(AlarmJoined).triggers == 2


def test_s4_two_rules_of_one_bed_find_one_leaving_once() -> None:
    home = in_bed(NIGHT, Absence(sensor="bed-1", limit_ms=3_600_000))
    home.leaves("bed-1")
    home.after(5 * HOUR)
    assert len(home.sent(AlarmRaised)) == 1
    assert home.sent(AlarmJoined) == []


def test_away_nobody_is_missed_and_whoever_comes_home_has_to_lie_down_first() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.set_mode("away")
    home.after(50 * HOUR)
    home.set_mode("home")
    home.after(5 * HOUR)
    assert home.sent(AlarmRaised) == []
    home.enters("bed-1")
    home.until("2026-01-09T01:00+00:00").leaves("bed-1")
    assert home.after(30 * MINUTE).stage == "raised"


def test_s6_the_time_survives_a_restart_exactly() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.after(10 * MINUTE).restart(down=15 * MINUTE)
    home.leaves("bed-1")  # a new process tells each level once
    home.after(5 * MINUTE - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "raised"


def test_s6_what_fell_due_while_no_process_ran_is_called_at_the_start() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.restart(down=45 * MINUTE)
    assert home.stage == "raised"


def test_who_got_up_while_no_process_ran_left_when_the_new_one_hears_of_it() -> None:
    home = in_bed()
    home.restart(down=10 * MINUTE)
    home.leaves("bed-1")
    home.after(30 * MINUTE - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "raised"


def test_s6_after_a_reboot_the_time_begins_anew_if_the_bed_is_still_empty() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.after(20 * MINUTE)
    home.set_clock("2026-01-06T00:30+00:00").wall_from_boot_ms += home.ms - 15_000
    home.reboot(booted=15)
    home.leaves("bed-1")
    home.after(30 * MINUTE - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "raised"


def test_s6_after_a_reboot_who_has_come_back_is_not_missed() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.after(20 * MINUTE)
    home.reboot(booted=15)
    home.after(60).enters("bed-1")
    home.after(10 * HOUR)
    assert home.sent(AlarmRaised) == []


def test_s6_after_a_reboot_who_was_up_all_day_has_still_not_left_the_bed() -> None:
    home = in_bed(begins="2026-01-05T06:00+00:00").after(2 * HOUR)
    home.leaves("bed-1")
    home.set_clock("2026-01-05T22:30+00:00").wall_from_boot_ms += home.ms - 15_000
    home.reboot(booted=15)
    home.after(5 * HOUR)
    assert home.sent(AlarmRaised) == []


@pytest.mark.parametrize("late", [0.0, 1.0, 3_600.0])
def test_s6_waking_late_gives_the_same_alarm(late: float) -> None:
    home = in_bed()
    home.leaves("bed-1")
    left_ms = home.ms
    home.asleep_for(30 * MINUTE + late).happens(Tick())
    assert home.only(AlarmRaised).clock.monotonic_ms == left_ms + 1_800_000


def test_s6_with_a_clock_nobody_vouches_for_it_is_noticed_late_and_not_by_day() -> None:
    home = in_bed(synced=False)
    home.leaves("bed-1")
    home.after(15.5 * HOUR - 0.001)
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "raised", "30 min, and the 15 h that the window is shut"


def test_s6_a_clock_that_turns_out_to_show_day_calls_nobody() -> None:
    home = in_bed(synced=False)
    home.leaves("bed-1")
    home.set_clock("2026-01-05T09:00+00:00").happens(Tick())
    home.happens(ClockChanged(synced=True))
    home.until("2026-01-05T21:00+00:00")
    assert home.sent(AlarmRaised) == []


def test_the_night_of_the_doubled_hour_is_one_night() -> None:
    home = in_bed(begins="2026-10-25T01:40+01:00")
    home.leaves("bed-1")
    home.until("2026-10-25T01:09:59.999+00:00")
    assert home.house.alarms == ()
    assert home.after(0.001).stage == "raised"


def test_a_silent_kind_of_absence_stays_silent() -> None:
    home = in_bed(kinds=(Rule(kind="bed", silent=True),))
    home.leaves("bed-1")
    home.after(HOUR)
    assert home.alarm.silent
    assert home.display().tone == "none"


def test_another_plan_takes_up_the_time_and_one_without_the_rule_forgets_it() -> None:
    home = in_bed()
    home.leaves("bed-1")
    home.after(20 * MINUTE).watches(absences=(NIGHT,))
    home.after(10 * MINUTE)
    assert home.alarm.plan_version == 2
    home = in_bed()
    home.leaves("bed-1")
    home.watches()
    assert home.house.left == ()
