"""Carers' visits: who checked in and out, and who did not come."""

from typing import Any

import pytest

from rules.events import ClockChanged, Tick
from rules.plan import Visit
from rules.reports import AlarmJoined, AlarmRaised, VisitBegan, VisitEnded
from tests.rules.home import HOUR, MINUTE, Home, chirps, watched, window

MORNING = Visit(name="morning", sensor="carer", window=window("08:00", "10:00"))
EVENING = Visit(name="evening", sensor="carer", window=window("18:00", "20:00"))
SEVEN = "2026-01-05T07:00+00:00"


def expecting(*visits: Visit, begins: str = SEVEN, **more: Any) -> Home:
    return watched(begins, visits=visits or (MORNING, EVENING), **more)


def missed(home: Home) -> list[str]:
    return [each.plan_rule for each in home.sent(AlarmRaised) if each.kind == "visit-missed"]


def test_a_carer_checks_in_and_out_by_the_button() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    assert chirps(home.press("carer")) == ["heard"]
    began = home.only(VisitBegan)
    assert (began.visit, began.sensor, began.location) == ("morning", "carer", "hall")
    home.after(25 * MINUTE).press("carer")
    ended = home.only(VisitEnded)
    assert (ended.visit, ended.lasted_ms, ended.forgotten) == ("morning", 1_500_000, False)
    home.until("2026-01-05T17:00+00:00")
    assert missed(home) == []
    assert home.house.alarms == ()


def test_a_carer_who_has_not_come_by_the_windows_end_is_missed_once() -> None:
    home = expecting().until("2026-01-05T09:59:59.999+00:00")
    assert home.house.alarms == ()
    home.after(0.001)
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.priority, raised.detail) == ("visit-missed", 3, "morning")
    assert (raised.plan_rule, raised.sensor, raised.location) == ("visit.morning", "carer", "hall")
    home.acknowledge()
    home.resolve()
    home.until("2026-01-05T17:59+00:00")
    assert missed(home) == ["visit.morning"]


def test_every_day_anew_and_every_visit_by_itself() -> None:
    home = expecting()
    for _ in range(3):
        home.after(1.5 * HOUR).press("carer")
        home.after(MINUTE).press("carer")
        home.after(22.5 * HOUR - MINUTE)
        home.acknowledge()
        home.resolve()
    assert missed(home) == ["visit.evening"] * 3


def test_s4_a_carer_who_presses_twice_to_be_sure_has_come_and_not_gone() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    home.press("carer")
    home.after(29).press("carer")
    assert len(home.sent(VisitBegan)) == 1
    assert home.sent(VisitEnded) == []


def test_a_button_that_is_a_contact_is_pressed_when_it_closes() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    for _ in range(3):
        home.enters("carer")
        home.after(60)
    assert len(home.sent(VisitBegan)) == 1
    home.leaves("carer")
    home.enters("carer")
    assert len(home.sent(VisitEnded)) == 1


def test_who_comes_early_and_is_still_there_when_the_window_opens_has_come() -> None:
    home = expecting().until("2026-01-05T07:30+00:00")
    home.press("carer")
    assert home.only(VisitBegan).visit == ""
    home.until("2026-01-05T11:00+00:00")
    assert missed(home) == []


def test_who_came_long_before_the_window_is_not_the_one_expected() -> None:
    home = expecting(begins="2026-01-05T06:00+00:00").until("2026-01-05T06:59:59.999+00:00")
    home.press("carer")
    home.until("2026-01-05T10:00+00:00")
    assert missed(home) == ["visit.morning"]


def test_who_came_and_went_before_the_window_was_not_the_one_expected() -> None:
    home = expecting().until("2026-01-05T07:10+00:00")
    home.press("carer")
    home.after(10 * MINUTE).press("carer")
    home.until("2026-01-05T11:00+00:00")
    assert missed(home) == ["visit.morning"]


def test_who_comes_late_is_named_though_missed() -> None:
    home = expecting().until("2026-01-05T10:20+00:00")
    assert missed(home) == ["visit.morning"]
    home.press("carer")
    assert home.only(VisitBegan).visit == "morning"


def test_who_forgot_to_check_out_in_the_morning_does_not_stand_for_the_evening() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    home.press("carer")
    home.until("2026-01-05T18:10+00:00").press("carer")
    assert [each.visit for each in home.sent(VisitBegan)] == ["morning", "evening"]
    ended = home.only(VisitEnded)
    assert (ended.visit, ended.forgotten) == ("morning", True)
    home.until("2026-01-05T21:00+00:00")
    assert missed(home) == []


def test_who_forgot_and_nobody_comes_in_the_evening_is_missed() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    home.press("carer")
    home.until("2026-01-05T20:00+00:00")
    assert missed(home) == ["visit.evening"]
    home.until("2026-01-05T20:30+00:00")
    assert home.only(VisitEnded).forgotten, "nobody stays for 12 h"


def test_who_stays_into_the_next_window_and_leaves_is_not_the_next_carer() -> None:
    lunch = Visit(name="lunch", sensor="carer", window=window("10:30", "12:00"))
    home = expecting(MORNING, lunch).until("2026-01-05T09:50+00:00")
    home.press("carer")
    home.until("2026-01-05T10:40+00:00").press("carer")
    assert home.only(VisitEnded).visit == "morning"
    home.until("2026-01-05T12:00+00:00")
    assert missed(home) == ["visit.lunch"]


def test_two_visits_at_once_are_met_in_the_order_in_which_they_end() -> None:
    nurse = Visit(name="nurse", sensor="carer", window=window("08:00", "09:00"))
    home = expecting(MORNING, nurse).until("2026-01-05T08:10+00:00")
    home.press("carer")
    assert home.only(VisitBegan).visit == "nurse"


def test_away_nobody_is_expected() -> None:
    home = expecting()
    home.set_mode("away")
    home.after(48 * HOUR)
    assert missed(home) == []
    home.set_mode("home")
    home.after(24 * HOUR)
    assert missed(home) == ["visit.morning"]
    assert home.only(AlarmJoined).detail == "evening", "nobody has acknowledged the first yet"


def test_the_days_of_the_week_are_kept() -> None:
    weekdays = Visit(name="morning", sensor="carer", window=window("08:00", "10:00", days=range(5)))
    home = expecting(weekdays, begins="2026-01-09T12:00+00:00").until("2026-01-12T09:00+00:00")
    assert missed(home) == []
    home.until("2026-01-12T10:00+00:00")
    assert missed(home) == ["visit.morning"]


@pytest.mark.parametrize(
    ("begins", "day_after"),
    [("2026-03-28T20:00+00:00", "2026-03-29T12:00+01:00"), ("2026-10-24T20:00+01:00", "2026-10-25T12:00+00:00")],
)
def test_a_visit_in_the_hour_that_comes_twice_is_missed_once_and_in_the_missing_one_not_at_all(
    begins: str, day_after: str
) -> None:
    night = Visit(name="night", sensor="carer", window=window("01:10", "01:40"))
    home = expecting(night, begins=begins).until(day_after)
    assert missed(home) == (["visit.night"] if "-10-" in begins else [])


# --- restarts, reboots, clocks, plans -----------------------------------------------------------------


def test_s6_a_visit_under_way_survives_a_restart_exactly_and_a_reboot_makes_its_length_unknown() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    home.press("carer")
    home.after(10 * MINUTE).restart(down=60)
    home.after(9 * MINUTE).press("carer")
    assert home.only(VisitEnded).lasted_ms == 20 * 60_000
    home.after(HOUR).press("carer")
    wall = home.now.wall_ms
    home.reboot()
    home.wall_from_boot_ms = wall - home.ms
    home.after(10 * MINUTE).press("carer")
    assert home.sent(VisitEnded)[-1].lasted_ms is None


def test_s6_a_window_that_ended_while_the_hub_was_off_was_missed() -> None:
    home = expecting().until("2026-01-05T09:30+00:00")
    home.restart(down=HOUR)
    assert missed(home) == ["visit.morning"]
    home = expecting().until("2026-01-05T09:30+00:00")
    home.set_clock("2026-01-05T10:30+00:00").wall_from_boot_ms += home.ms - 15_000
    home.reboot(booted=15)
    assert missed(home) == ["visit.morning"]


def test_s6_a_hub_that_wakes_without_a_clock_does_not_call_the_carer_late() -> None:
    home = expecting().until("2026-01-05T09:00+00:00")
    home.set_clock("1970-01-01T00:00:15+00:00", synced=False).wall_from_boot_ms += home.ms - 15_000
    home.reboot(booted=15)
    assert missed(home) == []
    home.after(30).set_clock("2026-01-05T09:10+00:00").happens(ClockChanged(synced=True))
    home.until("2026-01-05T09:59:59.999+00:00")
    assert missed(home) == []
    home.after(0.001)
    assert missed(home) == ["visit.morning"]


def test_s4_a_clock_that_is_put_back_does_not_miss_a_visit_twice() -> None:
    home = expecting().until("2026-01-05T10:05+00:00")
    home.set_clock("2026-01-05T09:50+00:00").happens(Tick())
    home.until("2026-01-05T11:00+00:00")
    assert missed(home) == ["visit.morning"]


def test_s6_waking_late_misses_the_visit_at_its_own_time() -> None:
    home = expecting().asleep_for(6 * HOUR)
    home.happens(Tick())
    assert home.only(AlarmRaised).clock.wall == "2026-01-05T10:00:00.000Z"


def test_s6_a_check_in_that_the_hub_took_up_late_but_came_in_time_counts() -> None:
    home = expecting().asleep_for(3 * HOUR - 0.001)
    home.press("carer")
    home.after(HOUR)
    assert missed(home) == []


def test_a_visit_that_another_plan_puts_off_is_not_missed() -> None:
    home = expecting().until("2026-01-05T09:00+00:00")
    home.watches(visits=(Visit(name="morning", sensor="carer", window=window("11:00", "12:00")), EVENING))
    home.until("2026-01-05T11:59+00:00")
    assert missed(home) == []
    home.after(MINUTE)
    assert missed(home) == ["visit.morning"]


def test_a_visit_that_another_plan_keeps_goes_on() -> None:
    home = expecting().until("2026-01-05T08:30+00:00")
    home.press("carer")
    home.watches(visits=(MORNING,))
    home.after(20 * MINUTE).press("carer")
    assert home.only(VisitEnded).visit == "morning"
    home.until("2026-01-05T12:00+00:00")
    assert missed(home) == []


def test_a_press_without_any_plan_is_told_all_the_same() -> None:
    home = watched(SEVEN)
    home.press("carer")
    assert home.only(VisitBegan).visit == ""
    assert home.house.alarms == ()


def test_s12_nothing_piles_up_in_ten_days_of_visits() -> None:
    home = expecting()
    for _ in range(30):
        home.after(8 * HOUR).press("carer")
        if home.house.alarms:
            home.acknowledge()
            home.resolve()
    assert (len(home.house.visits), len(home.house.visitors), len(home.house.alarms)) <= (2, 1, 2)
