"""The home's clocks: windows over midnight, the nights on which the clocks change, and wall clocks that are set."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules import calendar
from rules.calendar import DAY, at, hours, shut_ms
from rules.events import ClockChanged, PlanOffered, Tick
from rules.plan import Inactivity, Plan, Window
from rules.reports import FaultRaised
from tests.rules.home import HOUR, MINUTE, WALL_MS, Home, wall_ms, watched, window
from tests.support.examples import examples

LONDON = ZoneInfo("Europe/London")
MIDNIGHT = Window(begin=0, to=0)


def is_open(each: Window, moment: str) -> bool:
    return at(each, LONDON, wall_ms(moment)).open


# --- windows ----------------------------------------------------------------------------------------


def test_a_window_is_open_from_its_first_minute_to_before_its_last() -> None:
    morning = window("07:00", "11:00")
    shown = ["06:59:59.999", "07:00", "10:59:59.999", "11:00"]
    assert [is_open(morning, f"2026-01-05T{each}+00:00") for each in shown] == [False, True, True, False]
    assert is_open(morning, "2026-07-06T06:30+00:00"), "by the clock on the wall, which is an hour ahead in summer"


def test_a_window_over_midnight_belongs_to_the_day_that_it_begins_on() -> None:
    friday_night = window("22:00", "06:00", days=[4])
    assert is_open(friday_night, "2026-01-09T23:00+00:00")
    assert is_open(friday_night, "2026-01-10T05:59+00:00")
    assert not is_open(friday_night, "2026-01-10T23:00+00:00")
    assert not is_open(friday_night, "2026-01-09T05:00+00:00")
    assert at(friday_night, LONDON, wall_ms("2026-01-10T03:00+00:00")).date == "2026-01-09"


def test_days_that_touch_are_one_opening() -> None:
    weekend = Window(begin=0, to=0, days=(5, 6))
    found = at(weekend, LONDON, wall_ms("2026-01-11T12:00+00:00"))
    assert (found.since_ms, found.until_ms) == (wall_ms("2026-01-10T00:00+00:00"), wall_ms("2026-01-12T00:00+00:00"))


@pytest.mark.parametrize(
    ("days", "begin", "to", "shut_h"),
    [
        (range(7), "07:00", "11:00", 20),
        (range(7), "22:00", "07:00", 15),
        (range(7), "00:00", "00:00", 0),
        ([0, 1, 2, 3, 4], "08:00", "20:00", 60),
        ([2], "10:00", "11:00", 167),
        ([], "10:00", "11:00", 168),
    ],
)
def test_the_longest_time_that_a_window_is_shut(days: list[int], begin: str, to: str, shut_h: int) -> None:
    assert shut_ms(window(begin, to, days)) == shut_h * 3_600_000


# --- the nights on which the clocks change ------------------------------------------------------------


def test_02_00_that_does_not_exist_is_the_moment_at_which_the_clocks_jump() -> None:
    """Europe/London, 29 March 2026: after 00:59:59 come 02:00:00."""
    night = window("01:30", "05:00")
    assert not is_open(night, "2026-03-29T00:59:59+00:00")
    assert is_open(night, "2026-03-29T01:00:00+00:00")
    assert at(window("22:00", "01:30"), LONDON, wall_ms("2026-03-29T00:30+00:00")).until_ms == wall_ms(
        "2026-03-29T01:00+00:00"
    )


def test_a_window_that_the_missing_hour_swallows_does_not_open_that_night() -> None:
    swallowed = window("01:10", "01:50")
    assert at(swallowed, LONDON, wall_ms("2026-03-28T12:00+00:00")).until_ms == wall_ms("2026-03-30T01:10+01:00")
    weekly = window("01:10", "01:50", days=[6])
    assert at(weekly, LONDON, wall_ms("2026-03-28T12:00+00:00")).until_ms == wall_ms("2026-04-05T01:10+01:00")


def test_a_window_that_ends_where_the_hour_comes_twice_is_shut_all_through_it() -> None:
    evening = window("22:00", "01:00")
    shown = ["24T23:59:59.999", "25T00:00", "25T00:59", "25T01:00", "25T01:59"]
    assert [is_open(evening, f"2026-10-{each}+00:00") for each in shown] == [True, False, False, False, False]


def test_01_30_that_exists_twice_opens_at_the_first_and_closes_at_the_second() -> None:
    """Europe/London, 25 October 2026: after 01:59:59 comes 01:00:00 again."""
    opens = at(window("01:30", "05:00"), LONDON, wall_ms("2026-10-24T12:00+01:00")).until_ms
    assert opens == wall_ms("2026-10-25T01:30+01:00")
    closes = at(window("22:00", "01:30"), LONDON, wall_ms("2026-10-25T00:10+01:00")).until_ms
    assert closes == wall_ms("2026-10-25T01:30+00:00")
    both = window("01:30", "01:45")
    shown = [f"2026-10-25T01:{minute}+0{hour}:00" for hour in (1, 0) for minute in (29, 30, 44, 45)]
    assert [is_open(both, each) for each in shown] == [False, True, True, True, True, True, True, False]


# --- against a clock that is looked at every minute ----------------------------------------------------


def by_the_minute(each: Window, zone: ZoneInfo, moment: datetime) -> bool:
    """From the words alone: opened once the clocks showed its begin, not closed while they will show less than its end.

    The same days of clocks are read minute by minute, with nothing but `astimezone`.
    """
    minutes = [moment + timedelta(minutes=count) for count in range(-2 * 1_440, 2 * 1_440)]
    shown = [(one, one.astimezone(zone).replace(tzinfo=None)) for one in minutes]
    for days in (-2, -1, 0, 1):
        on = moment.astimezone(zone).date() + timedelta(days)
        if on.weekday() not in each.days:
            continue
        midnight = datetime.combine(on, time())
        begin = midnight + timedelta(minutes=each.begin)
        end = midnight + timedelta(minutes=each.to, days=each.to <= each.begin)
        begun = any(one <= moment and local >= begin for one, local in shown)
        goes_on = any(one >= moment and local < end for one, local in shown)
        if begun and goes_on:
            return True
    return False


NIGHTS = [
    ("Europe/London", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 1, 9, 12, tzinfo=UTC)),
    ("America/St_Johns", datetime(2026, 11, 1, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 10, tzinfo=UTC)),  # half an hour
    ("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)),  # a whole day that never was
    ("Asia/Kathmandu", datetime(2026, 5, 1, 0, tzinfo=UTC)),
]

minutes_of_day = st.one_of(st.integers(0, 1_439), st.sampled_from([0, 55, 60, 90, 119, 120, 121, 1_320, 1_439]))
some_windows = st.builds(
    Window, begin=minutes_of_day, to=minutes_of_day, days=st.sets(st.integers(0, 6), min_size=1).map(tuple)
)


@given(some_windows, st.sampled_from(NIGHTS), st.integers(0, 36 * 60))
@example(window("01:30", "01:45"), NIGHTS[1], 12 * 60 + 30)
@example(window("01:10", "01:50"), NIGHTS[0], 13 * 60)
@settings(max_examples=examples(60), deadline=None)
def test_a_window_is_open_when_a_clock_looked_at_every_minute_says_so(
    each: Window, night: tuple[str, datetime], minute: int
) -> None:
    zone, moment = ZoneInfo(night[0]), night[1] + timedelta(minutes=minute)
    found = at(each, zone, round(moment.timestamp() * 1000))
    assert found.open == by_the_minute(each, zone, moment)


@given(some_windows, st.sampled_from(NIGHTS), st.integers(0, 36 * 3_600_000))
@settings(max_examples=examples(60), deadline=None)
def test_nothing_opens_or_closes_before_the_boundary_and_what_is_open_has_been_since(
    each: Window, night: tuple[str, datetime], ms: int
) -> None:
    zone, wall = ZoneInfo(night[0]), round(night[1].timestamp() * 1000) + ms
    found = at(each, zone, wall)
    assert found.until_ms is not None
    assert found.until_ms > wall
    for part in range(1, 8):
        between = wall + (found.until_ms - 1 - wall) * part // 7
        assert at(each, zone, between).open == found.open
        assert at(each, zone, between).until_ms == found.until_ms
    if found.open:
        assert at(each, zone, found.since_ms).open
        assert at(each, zone, (found.since_ms + wall) // 2).open
        assert not at(each, zone, found.since_ms - 1).open or len(each.days) == 7


@pytest.mark.parametrize("wall", [-(10**15), 0, 1, 253_402_300_799_999, 10**18])
def test_a_mad_clock_is_survived(wall: int) -> None:
    found = at(window("22:00", "07:00"), LONDON, wall)
    assert found.until_ms is not None


# --- the house's night and quiet hours ------------------------------------------------------------------

NIGHT: dict[str, Any] = {"night": window("22:00", "07:00"), "quiet": window("21:00", "08:00")}


def shown(home: Home) -> tuple[bool, bool]:
    return home.house.night, home.house.quiet


def test_s6_night_and_quiet_hours_begin_and_end_by_deadlines_to_the_millisecond() -> None:
    home = watched("2026-01-05T20:00+00:00", **NIGHT)
    assert shown(home) == (False, False)
    home.until("2026-01-05T20:59:59.999+00:00")
    assert shown(home) == (False, False)
    home.after(0.001)
    assert shown(home) == (False, True)
    assert shown(home.until("2026-01-05T22:00+00:00")) == (True, True)
    assert shown(home.until("2026-01-06T06:59:59.999+00:00")) == (True, True)
    assert shown(home.until("2026-01-06T07:00+00:00")) == (False, True)
    assert shown(home.until("2026-01-06T08:00+00:00")) == (False, False)


def test_s6_waking_late_is_as_good_as_waking_on_time() -> None:
    home = watched("2026-01-05T20:00+00:00", **NIGHT).asleep_for(3 * HOUR)
    home.happens(Tick())
    assert shown(home) == (True, True)
    home.asleep_for(40 * HOUR)
    home.happens(Tick())
    assert shown(home) == (False, False)


def test_the_night_of_the_missing_hour_is_an_hour_shorter_and_of_the_doubled_one_longer() -> None:
    for began, hours_long in (("2026-03-28T22:00+00:00", 8), ("2026-10-24T22:00+01:00", 10)):
        home = watched(began, **NIGHT)
        assert shown(home)[0]
        home.after(hours_long * HOUR - 0.001)
        assert shown(home)[0]
        assert not shown(home.after(0.001))[0]


def test_s6_a_wall_clock_that_is_set_moves_the_night_with_it() -> None:
    home = watched("2026-01-05T12:00+00:00", **NIGHT)
    home.set_clock("2026-01-05T23:00+00:00").happens(Tick())
    assert shown(home) == (True, True)
    home.set_clock("2026-01-05T12:30+00:00").happens(Tick())
    assert shown(home) == (False, False)
    assert shown(home.until("2026-01-05T22:00+00:00"))[0], "by the clock as it was set"


def test_a_clock_that_is_slewed_by_less_than_a_second_costs_nothing() -> None:
    home = watched("2026-01-05T12:00+00:00", **NIGHT)
    before = home.house.hours
    home.wall_from_boot_ms += 999
    home.happens(Tick())
    assert home.house.hours is before
    home.wall_from_boot_ms += 1
    home.happens(Tick())
    assert home.house.hours != before, "a second in all: set little by little is set"


def test_s6_an_event_that_was_stamped_before_the_last_one_does_not_look_like_a_clock_that_was_set() -> None:
    home = watched("2026-01-05T12:00+00:00", **NIGHT)
    before = home.house.hours
    home.after(100).happens(Tick())
    home.ms -= 30_000
    home.happens(Tick())
    assert home.house.hours is before
    assert home.house.clock_known


def test_a_plan_that_is_applied_or_a_start_reads_the_windows_at_once() -> None:
    home = watched("2026-01-05T23:00+00:00")
    assert shown(home) == (False, False)
    home.watches(**NIGHT)
    assert shown(home) == (True, True)
    home.restart(down=9 * HOUR)
    assert shown(home) == (False, False)
    home.set_clock("2026-01-05T23:00+00:00").wall_from_boot_ms += home.ms
    home.reboot(booted=0)
    assert shown(home) == (True, True)
    home.watches()
    assert shown(home) == (False, False)


def test_s6_night_goes_by_the_clock_as_claimed_when_nobody_vouches_for_it() -> None:
    home = watched("2026-01-05T23:00+00:00", synced=False, **NIGHT)
    assert shown(home) == (True, True)


def test_s6_a_clock_is_known_once_vouched_for_until_it_is_set_or_the_hub_rebooted() -> None:
    home = watched("2026-01-05T12:00+00:00", synced=False, **NIGHT)
    assert not home.house.clock_known
    home.synced = True
    home.happens(ClockChanged(synced=True))
    assert home.house.clock_known
    home.synced = False
    home.happens(ClockChanged(synced=False))
    home.after(20 * HOUR).restart()
    assert home.house.clock_known, "the line is down: the clock runs on, to within seconds"
    home.set_clock("2026-01-06T12:00+00:00", synced=False).happens(Tick())
    assert not home.house.clock_known
    home.happens(ClockChanged(synced=True))
    home.reboot()
    assert not home.house.clock_known


def test_s7_a_time_zone_that_this_machine_does_not_have_is_a_fault_and_utc_until_then() -> None:
    home = watched("2026-07-05T21:30+00:00", night=window("22:00", "07:00"))
    assert home.house.night, "22:30 in London"
    plan = Plan(version=9, time_zone="Atlantis/Poseidonis", night=window("22:00", "07:00"))
    home.happens(PlanOffered(plan))
    assert ("time-zone", "") in home.faults
    assert not home.house.night
    assert "Atlantis" in home.only(FaultRaised).reason
    home.watches()
    assert home.faults == set()


def test_the_day_of_the_home_is_kept_for_whoever_counts_in_days() -> None:
    home = watched("2026-07-05T22:30+00:00")
    assert hours(home.house, DAY).date == "2026-07-05"
    home.after(30 * MINUTE)
    assert hours(home.house, DAY).date == "2026-07-06"


def test_s12_many_rules_of_one_window_keep_it_once() -> None:
    rules = tuple(Inactivity(name=f"rule-{n}", limit_ms=1, window=window("07:00", "11:00")) for n in range(32))
    assert len(calendar.windows(Plan(inactivity=rules))) == 2


def test_a_home_without_a_plan_wakes_for_midnight_only() -> None:
    home = Home()
    assert [each.window for each in home.house.hours] == [MIDNIGHT]
    assert home.house.hours[0].until_ms == (wall_ms("2026-01-02T00:00+00:00") - WALL_MS)
