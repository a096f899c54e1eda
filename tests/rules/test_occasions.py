"""When reminders are due, against what `zoneinfo` and people's calendars say; and the days of recurrence rules."""

import random
from calendar import isleap, monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr

from rules import recurrence
from rules.occasions import DAY_MS, Due, between, late_ms, next_due_ms
from rules.plan import Plan, Reminder
from tests.rules.home import wall_ms

LONDON, NEW_YORK, KOLKATA, APIA = "Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Apia"


def reminder(*times: str, **rest: Any) -> Reminder:
    minutes = tuple(int(each[:2]) * 60 + int(each[3:]) for each in times)
    return Reminder(**({"name": "pills", "times": minutes} | rest))


def due(zone: str, begins: str, days: float, *reminders: Reminder) -> list[str]:
    """What is due in some days from a moment: the key, and the moment in UTC."""
    plan, begin = Plan(time_zone=zone, reminders=reminders), wall_ms(begins)
    return [said(each) for each in between(plan, begin, begin + round(days * DAY_MS))]


def said(found: Due) -> str:
    moment = datetime.fromtimestamp(found.due_wall_ms / 1000, UTC)
    return f"{found.occasion.date} {found.occasion.slot} {moment:%dT%H:%MZ}"


@pytest.mark.parametrize(
    ("zone", "day", "times", "wanted"),
    [
        (LONDON, "2026-03-28", ("01:30",), ["2026-03-28 01:30 28T01:30Z", "2026-03-29 01:30 29T01:00Z"]),
        (LONDON, "2026-10-24", ("01:30",), ["2026-10-24 01:30 24T00:30Z", "2026-10-25 01:30 25T00:30Z"]),
        (NEW_YORK, "2026-03-07", ("02:30",), ["2026-03-07 02:30 07T07:30Z", "2026-03-08 02:30 08T07:00Z"]),
        (NEW_YORK, "2026-10-31", ("01:30",), ["2026-10-31 01:30 31T05:30Z", "2026-11-01 01:30 01T05:30Z"]),
        (KOLKATA, "2026-03-28", ("01:30",), ["2026-03-28 01:30 27T20:00Z", "2026-03-29 01:30 28T20:00Z"]),
    ],
)
def test_s6_a_time_that_a_night_skips_is_due_at_the_next_minute_and_one_that_comes_twice_the_first_time(
    zone: str, day: str, times: tuple[str, ...], wanted: list[str]
) -> None:
    every = due(zone, f"{date.fromisoformat(day) - timedelta(2)}T00:00+00:00", 6, reminder(*times))
    assert [each for each in every if each[:10] in (wanted[0][:10], wanted[1][:10])] == wanted


def test_s6_a_day_that_samoa_never_had_has_no_occasions() -> None:
    found = due(APIA, "2011-12-28T23:45-10:00", 2.5, reminder("00:00", "08:00", "23:30"))
    assert found == [
        "2011-12-29 00:00 29T10:00Z",
        "2011-12-29 08:00 29T18:00Z",
        "2011-12-29 23:30 30T09:30Z",
        "2011-12-31 00:00 30T10:00Z",
        "2011-12-31 08:00 30T18:00Z",
        "2011-12-31 23:30 31T09:30Z",
        "2012-01-01 00:00 31T10:00Z",
        "2012-01-01 08:00 31T18:00Z",
    ]


def test_a_time_that_a_night_skips_over_midnight_is_due_on_the_next_day() -> None:
    """In Pyongyang 23:29 of 4 May 2018 was followed by 00:00."""
    found = due("Asia/Pyongyang", "2018-05-04T20:00+08:30", 0.5, reminder("23:45"))
    assert found == ["2018-05-04 23:45 04T15:00Z"]


@pytest.mark.parametrize("zone", [LONDON, NEW_YORK, KOLKATA, "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_a_year_has_each_slot_once_in_order_and_at_the_time_on_the_wall_wherever_there_is_one(zone: str) -> None:
    plan = Plan(time_zone=zone, reminders=(reminder("00:10", "01:30", "02:20", "14:00"),))
    begin, end = wall_ms("2017-01-02T12:00+00:00"), wall_ms("2018-01-02T12:00+00:00")
    found = between(plan, begin, end)
    assert len({each.occasion for each in found}) == len(found) == 365 * 4
    assert found == sorted(found, key=lambda each: each.due_wall_ms)
    odd = 0
    for each in found:
        local = datetime.fromtimestamp(each.due_wall_ms / 1000, ZoneInfo(zone))
        assert local.fold == 0
        odd += f"{local:%Y-%m-%d %H:%M}" != f"{each.occasion.date} {each.occasion.slot}"
    assert odd <= 1, "but in one night of spring"
    halves = [*between(plan, begin, found[700].due_wall_ms), *between(plan, found[700].due_wall_ms, end)]
    assert halves == found, "a span is open at its begin, and closed at its end"


def test_the_days_that_a_reminder_is_for() -> None:
    week = "2026-01-04T12:00+00:00", 7.0  # a Sunday noon
    assert [each[:10] for each in due(LONDON, *week, reminder("08:00", days=(0, 4)))] == ["2026-01-05", "2026-01-09"]
    some = reminder("08:00", begin="2026-01-06", until="2026-01-09", skipped=("2026-01-07",))
    assert [each[:10] for each in due(LONDON, *week, some)] == ["2026-01-06", "2026-01-08", "2026-01-09"]
    dated = reminder("08:00", dates=("2026-01-08", "2026-01-05", "2027-01-05"), days=(), skipped=("2026-01-08",))
    assert [each[:10] for each in due(LONDON, *week, dated)] == ["2026-01-05"]
    other = reminder("08:00", rule="FREQ=DAILY;INTERVAL=3", begin="2026-01-02", until="2026-01-09", days=())
    assert [each[:10] for each in due(LONDON, *week, other)] == ["2026-01-05", "2026-01-08"]


def test_an_appointment_is_prompted_the_evening_before_and_in_time_to_leave() -> None:
    doctor = reminder("10:30", "15:00", kind="appointment", dates=("2026-03-29",), leave_ms=90 * 60_000)
    assert due(LONDON, "2026-03-20T12:00+00:00", 20, doctor) == [
        "2026-03-29 evening 28T19:00Z",
        "2026-03-29 10:30 29T08:00Z",
        "2026-03-29 15:00 29T12:30Z",
    ]
    far = reminder("10:00", kind="appointment", dates=("2026-03-29",), evening=None, leave_ms=3 * DAY_MS)
    assert due(LONDON, "2026-03-20T12:00+00:00", 20, far) == ["2026-03-29 10:00 26T09:00Z"]
    after = reminder("09:00", kind="appointment", dates=("2011-12-30", "2011-12-31"))
    assert due(APIA, "2011-12-20T12:00+00:00", 20, after) == [
        "2011-12-31 evening 30T05:00Z",
        "2011-12-31 09:00 30T18:00Z",
    ]


def test_how_late_a_prompt_may_come() -> None:
    assert late_ms(reminder("08:00", late_ms=7_200_000), "08:00") == 7_200_000
    assert late_ms(reminder("08:00", late_ms=0), "08:00") == 60_000
    doctor = reminder("10:30", kind="appointment", leave_ms=1_800_000)
    assert (late_ms(doctor, "10:30"), late_ms(doctor, "evening")) == (1_800_000, 7_200_000)


def test_the_next_look_is_at_the_next_occasion_or_at_the_end_of_the_span() -> None:
    noon = wall_ms("2026-01-04T12:00+00:00")
    assert next_due_ms(Plan(reminders=(reminder("11:00", "18:00"),)), noon, DAY_MS) == wall_ms("2026-01-04T18:00+00:00")
    assert next_due_ms(Plan(reminders=(reminder("11:00", "18:00"),)), noon, 5_000) == noon + 5_000
    assert next_due_ms(Plan(reminders=(reminder("11:00", days=(3,)),)), noon, DAY_MS) == noon + DAY_MS


def test_a_mad_clock_and_a_zone_that_nobody_knows_are_survived() -> None:
    plan = Plan(time_zone="Mars/Olympus", reminders=(reminder("08:00", rule="FREQ=DAILY"),))
    for wall in (-(10**18), 0, 10**18):
        assert between(plan, wall, wall + DAY_MS) == []
    assert [
        said(each) for each in between(plan, wall_ms("2026-01-01T00:00+00:00"), wall_ms("2026-01-02T00:00+00:00"))
    ] == ["2026-01-01 08:00 01T08:00Z"]


# --- recurrence rules ----------------------------------------------------------------------------------


def test_the_days_of_any_rule_are_those_that_its_library_gives_in_its_own_years() -> None:
    dice, found = random.Random(7), 0
    for _ in range(60):
        parts = [f"FREQ={dice.choice(recurrence.FREQUENCIES)}", f"INTERVAL={dice.randint(1, 4)}"]
        if dice.random() < 0.5:
            parts.append("BYDAY=" + ",".join(dice.sample(["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 2)))
        if dice.random() < 0.4:
            parts.append(f"BYMONTHDAY={dice.choice([1, 15, 29, 31, -1])}")
        parts += dice.choice([[], [f"COUNT={dice.randint(1, 40)}"], [f"UNTIL=20{dice.randint(25, 28)}1130"]])
        rule, begin = ";".join(parts), date(2023, 12, 1) + timedelta(dice.randint(0, 500))
        days = [date(2024, 1, 1) + timedelta(each) for each in range(2 * 366)]
        first = datetime(begin.year, begin.month, begin.day)  # noqa: DTZ001 -- a day of no zone
        theirs = {each.date() for each in rrulestr(rule, dtstart=first).between(first, datetime(2026, 2, 1), inc=True)}  # noqa: DTZ001
        ours = {each for each in days if recurrence.occurs(rule, begin.isoformat(), each)}
        assert ours == theirs & set(days), rule
        found += len(ours)
    assert found > 1_000


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("FREQ=HOURLY", "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("every day", "'EVERY DAY' is not a part of a rule of days"),
        ("FREQ=DAILY;BYHOUR=8", "'BYHOUR=8' is not a part"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be a number from 1 to 1000"),
        ("FREQ=DAILY;COUNT=-1", "COUNT must be a number from 1 to 1000"),
        ("FREQ=DAILY;FREQ=WEEKLY", "'FREQ=WEEKLY' is not a part"),
        ("FREQ=DAILY\nDTSTART:20260101", "FREQ must be one of"),
        ("FREQ=WEEKLY;BYDAY=XX", "cannot be read: invalid 'BYDAY'"),
        ("FREQ=DAILY;UNTIL=soon", "SOON"),
        ("FREQ=MONTHLY;BYDAY=1MO,21TU", "'1MO,21TU': no weekday comes more than 5 times"),
        ("FREQ=MONTHLY;INTERVAL=12;BYDAY=1MO,-6TU", "more than 5 times"),
        ("FREQ=YEARLY;BYMONTH=1,12;BYDAY=1MO,10MO", "more than 5 times"),
        ("FREQ=YEARLY;BYDAY=54MO", "more than 53 times"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_its_reason(rule: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        recurrence.check(rule, "2026-01-01")


def test_a_weekday_is_counted_to_the_last_of_a_month_and_of_a_year() -> None:
    for day in (date(2026, 1, 1) + timedelta(each) for each in range(28 * 366)):
        _, month_days = monthrange(day.year, day.month)
        of_year, year_days = day.timetuple().tm_yday, 365 + isleap(day.year)
        for rule, first, last in (
            ("FREQ=MONTHLY;BYDAY=5MO,-5TU", day.day > 28, day.day <= month_days - 28),
            ("FREQ=YEARLY;BYDAY=53MO,-53TU", of_year > 364, of_year <= year_days - 364),
        ):
            wanted = (first and day.weekday() == 0) or (last and day.weekday() == 1)
            assert recurrence.occurs(rule, "2026-01-01", day) is wanted, (rule, day)


def test_s12_a_rule_that_never_occurs_is_told_so_without_a_search_to_the_end_of_time() -> None:
    for rule in (
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;UNTIL=20250101",
    ):
        assert recurrence.check(rule, "2026-01-01") is None
        assert not recurrence.occurs(rule, "2026-01-01", date(2026, 2, 28))
    assert recurrence.check("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-01-01") == date(2028, 2, 29)
    assert recurrence.check("FREQ=WEEKLY;BYDAY=MO", "") == date(2001, 1, 1)
    assert not recurrence.occurs("FREQ=DAILY", "2026-01-01", date(2900, 1, 1)), "known for 200 years"
    assert recurrence.occurs("FREQ=DAILY;UNTIL=99991231", "2026-01-01", date(2026, 2, 28))
