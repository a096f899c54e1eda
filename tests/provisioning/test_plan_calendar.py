"""`hearthline plan import-calendar`: what a calendar says is what the plan then says, and the rest is told."""

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.plan.reading import read_plan
from provisioning.plan.calendar import BYTES_MAX, CalendarError, Imported, read_calendar
from provisioning.plan.command import plan
from rules import occasions
from rules.plan import REMINDERS_MAX, Plan, Reminder
from tests.support.examples import examples

LONDON = ZoneInfo("Europe/London")
TODAY = dt.date(2026, 11, 22)


def ics(*events: str) -> bytes:
    inner = "".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT\n" for event in events)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n{inner}END:VCALENDAR\n".replace("\n", "\r\n").encode()


def taken(*events: str) -> Imported:
    return read_calendar(ics(*events), LONDON, TODAY)


def only(*events: str) -> dict[str, Any]:
    found = taken(*events)
    (table,) = found.reminders
    return table


def why(*events: str) -> str:
    found = taken(*events)
    assert found.reminders == ()
    (skipped,) = found.skipped
    return skipped.why


CLINIC = "UID:1\nSUMMARY:Clinic\nDTSTART:20261201T103000"


def test_an_event_is_an_appointment_on_its_day() -> None:
    found = taken(CLINIC)
    assert found.reminders == (
        {
            "name": "appointment-1",
            "kind": "appointment",
            "at": ["10:30"],
            "dates": [dt.date(2026, 12, 1)],
            "text": "appointment-1",
        },
    )
    assert found.texts == {"appointment-1": "Clinic"}
    assert found.skipped == ()


@pytest.mark.parametrize(
    ("start", "at", "day"),
    [
        ("DTSTART:20260701T093000Z", "10:30", "2026-07-01"),
        ("DTSTART:20261201T233000Z", "23:30", "2026-12-01"),
        ("DTSTART:20260701T233000Z", "00:30", "2026-07-02"),
        ("DTSTART;TZID=America/New_York:20261201T103000", "15:30", "2026-12-01"),
        ("DTSTART;TZID=GMT Standard Time:20261201T103000", "10:30", "2026-12-01"),
    ],
)
def test_other_clocks_are_read_by_the_homes(start: str, at: str, day: str) -> None:
    (table,) = read_calendar(ics(f"SUMMARY:x\n{start}"), LONDON, dt.date(2026, 1, 1)).reminders
    assert (table["at"], [each.isoformat() for each in table["dates"]]) == ([at], [day])


def test_an_event_that_recurs_keeps_its_rule_without_its_hours_and_skips_its_exceptions() -> None:
    table = only(
        "UID:1\nSUMMARY:Day centre\nDTSTART;TZID=Europe/London:20200107T103000\n"
        "RRULE:FREQ=WEEKLY;UNTIL=20271231T103000Z;BYDAY=TU,TH;BYHOUR=10;BYMINUTE=30\n"
        "EXDATE;TZID=Europe/London:20261224T103000,20261231T103000"
    )
    assert table["rule"] == "FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20271231"
    assert table["from"] == dt.date(2020, 1, 7)
    assert table["skipped"] == [dt.date(2026, 12, 24), dt.date(2026, 12, 31)]
    assert "dates" not in table


def test_one_that_was_moved_is_on_its_new_day_and_not_on_its_old_one() -> None:
    weekly, moved = taken(
        CLINIC + "\nRRULE:FREQ=WEEKLY",
        "UID:1\nSUMMARY:Clinic\nRECURRENCE-ID:20261208T103000\nDTSTART:20261209T110000",
    ).reminders
    assert weekly["skipped"] == [dt.date(2026, 12, 8)]
    assert (moved["dates"], moved["at"]) == ([dt.date(2026, 12, 9)], ["11:00"])


def test_one_that_was_cancelled_is_not_on_its_day() -> None:
    found = taken(CLINIC + "\nRRULE:FREQ=WEEKLY", CLINIC + "\nRECURRENCE-ID:20261201T103000\nSTATUS:CANCELLED")
    assert [each["skipped"] for each in found.reminders] == [[dt.date(2026, 12, 1)]]
    assert [each.why for each in found.skipped] == ["it is cancelled"]


def test_a_day_without_a_time_is_at_nine_and_told() -> None:
    found = taken("SUMMARY:Bank holiday\nDTSTART;VALUE=DATE:20261228")
    assert found.reminders[0]["at"] == ["09:00"]
    assert "taken to be at 09:00" in found.skipped[0].why


REFUSED = {
    "over": ("SUMMARY:x\nDTSTART:20261121T103000", "it is over"),
    "over after many times": (
        "SUMMARY:x\nDTSTART:20200101T103000\nRRULE:FREQ=DAILY;UNTIL=20261122T000000",
        "it is over",
    ),
    "cancelled": (CLINIC + "\nSTATUS:CANCELLED", "it is cancelled"),
    "no day": ("SUMMARY:x", "it has no day"),
    "two days": (CLINIC + "\nDTSTART:20261202T103000", "DTSTART more than once"),
    "no such day": ("SUMMARY:x\nDTSTART:20261301T103000", "DTSTART cannot be read"),
    "no title": ("DTSTART:20261201T103000", "no title"),
    "a title of control characters": ("SUMMARY:\x07\x1b\nDTSTART:20261201T103000", "no title"),
    "a broken rule": (CLINIC + "\nRRULE:FREQ=BANANA", "RRULE cannot be read"),
    "two rules": (CLINIC + "\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "RRULE more than once"),
    "by the hour": (CLINIC + "\nRRULE:FREQ=HOURLY", "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"),
    "twice a day": (CLINIC + "\nRRULE:FREQ=DAILY;BYHOUR=10,16", "more than once a day"),
    "every other century": (CLINIC + "\nRRULE:FREQ=YEARLY;INTERVAL=5000", "INTERVAL= and a number"),
    "30 February": (CLINIC + "\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "at least one day"),
    "an unknown zone": ("SUMMARY:x\nDTSTART;TZID=Home:20261201T103000", "its time zone is not known"),
    "another zone's clocks": (
        "SUMMARY:x\nDTSTART;TZID=America/New_York:20261201T103000\nRRULE:FREQ=WEEKLY",
        "the clocks of another time zone",
    ),
    "the world's clock": ("SUMMARY:x\nDTSTART:20261201T103000Z\nRRULE:FREQ=WEEKLY", "the clocks of another time zone"),
    "long ago": ("SUMMARY:x\nDTSTART:19000101T103000\nRRULE:FREQ=DAILY", "a date from 2000 to 2099"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_appointment_is_told_with_its_reason(name: str) -> None:
    event, reason = REFUSED[name]
    assert reason in why(event)


def test_what_is_left_out_of_one_that_is_taken_is_told() -> None:
    found = taken(CLINIC + "\nRRULE:FREQ=WEEKLY\nRDATE:20261203T103000")
    assert len(found.reminders) == 1
    assert "RDATE" in found.skipped[0].why


def test_a_time_zone_of_its_own_that_never_ends_is_left_out_before_it_is_read() -> None:
    """However its lines are folded: its rule would be counted second by second."""
    zone = (
        "BEGIN:VTIME\r\n ZONE\r\nTZID:Evil\r\nBEGIN:STANDARD\r\nDTSTART:19000101T000000\r\nTZOFFSETFROM:+0100\r\n"
        "TZOFFSETTO:+0000\r\nRRULE:FREQ=SECONDLY\r\nEND:STANDARD\r\nend:vtimezone\r\n"
    )
    content = ics(CLINIC, "SUMMARY:x\nDTSTART;TZID=Evil:20261201T103000")
    content = content.replace(b"BEGIN:VEVENT", zone.encode() + b"BEGIN:VEVENT", 1)
    found = read_calendar(content, LONDON, TODAY)
    assert len(found.reminders) == 1
    assert [each.why for each in found.skipped] == ["its time zone is not known here"]


def test_s12_no_more_than_a_plan_has_room_for_and_the_nearest_first() -> None:
    days = range(1, REMINDERS_MAX + 4)
    events = [f"SUMMARY:no {day}\nDTSTART:2027{day // 28 + 1:02}{day % 28 + 1:02}T100000" for day in days]
    found = taken(*reversed(events))
    assert len(found.reminders) == len(found.texts) == REMINDERS_MAX
    assert found.texts["appointment-1"] == "no 1"
    assert len(found.skipped) == 3
    assert {each.why for each in found.skipped} == {f"a plan has room for {REMINDERS_MAX} reminders"}


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"\xff\xfe" * 9, b"A" * (BYTES_MAX + 1)]
)
def test_a_file_that_is_no_calendar_says_so(content: bytes) -> None:
    with pytest.raises(CalendarError):
        read_calendar(content, LONDON, TODAY)


# --- what is printed is a plan, and says the same ------------------------------------------------------


def run(tmp_path: Path, content: bytes, *more: str) -> Result:
    file = tmp_path / "calendar.ics"
    file.write_bytes(content)
    arguments = ["import-calendar", str(file), "--zone", "Europe/London", "--today", TODAY.isoformat(), *more]
    return CliRunner().invoke(plan, arguments, catch_exceptions=False)


def test_what_is_printed_is_a_plans_own_tables(tmp_path: Path) -> None:
    title = 'Dr "Who" \\\\ the clinic, ward 9 Łódź 😀'
    ran = run(
        tmp_path, ics(CLINIC.replace("Clinic", title), "SUMMARY:old\nDTSTART:20200101T100000"), "--person", "mrs-a"
    )
    assert ran.exit_code == 0
    assert "old (2020-01-01): it is over" in ran.stderr
    document = read_plan({**tomllib.loads(ran.stdout), "person": {"mrs-a": {}}})
    assert document.plan.reminders == (
        Reminder(
            name="appointment-1",
            kind="appointment",
            person="mrs-a",
            times=(630,),
            dates=("2026-12-01",),
            text="appointment-1",
        ),
    )
    assert document.private.texts == {"appointment-1": title.replace("\\\\", "\\")}


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    assert run(tmp_path, b"hello").exit_code == 2
    gone = CliRunner().invoke(plan, ["import-calendar", str(tmp_path / "no.ics"), "--zone", "UTC"])
    assert (gone.exit_code, "No such file" in gone.stderr) == (2, True)
    for more, told in (
        (["--zone", "Lodnon"], "Europe/London"),
        (["--zone", "UTC", "--person", "Mrs A"], "never a name"),
    ):
        wrong = CliRunner().invoke(plan, ["import-calendar", str(tmp_path / "calendar.ics"), *more])
        assert (wrong.exit_code, told in wrong.stderr) == (2, True)


rules = st.builds(
    ";".join,
    st.tuples(
        st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=HOURLY"]),
        st.sampled_from(["INTERVAL=3", "COUNT=5", "UNTIL=20270301T000000", "UNTIL=20261230"]),
        st.sampled_from(["BYDAY=MO,FR", "BYDAY=2TU", "BYMONTHDAY=-1", "BYMONTH=12,1", "BYHOUR=9", "WKST=SU"]),
    ),
)
FIRST, LAST = dt.datetime(2026, 10, 1), dt.datetime(2027, 6, 1)  # noqa: DTZ001 -- of the home's clocks
starts = st.datetimes(FIRST, LAST - dt.timedelta(days=120)).map(lambda each: f"{each:%Y%m%dT%H%M00}")


@settings(max_examples=examples(60), deadline=None)
@given(starts, st.none() | rules, st.lists(starts, max_size=2))
def test_any_event_is_prompted_on_the_days_that_the_calendar_has(
    start: str, rule: str | None, exceptions: list[str]
) -> None:
    """Told by the calendar library's own way of counting days, on a home's clocks."""
    event = f"SUMMARY:x\nDTSTART:{start}" + (f"\nRRULE:{rule}" if rule else "")
    event += "".join(f"\nEXDATE:{each}" for each in exceptions)
    found = taken(event)
    if not found.reminders:
        assert found.skipped
        return
    table = found.reminders[0]
    reminder = read_plan({"reminder": [table], "private": {"texts": found.texts}}).plan.reminders[0]
    home = Plan(time_zone="Europe/London", reminders=(reminder,))
    begin = dt.datetime.strptime(start, "%Y%m%dT%H%M%S")  # noqa: DTZ007 -- of the home's clocks
    days = {begin.date()} if rule is None else _counted(rule, begin)
    days -= {dt.datetime.strptime(each, "%Y%m%dT%H%M%S").date() for each in exceptions if rule}  # noqa: DTZ007
    prompted = {
        day
        for day in (begin.date() + dt.timedelta(days=number) for number in range((LAST.date() - begin.date()).days))
        if occasions.on(home, reminder, day)
    }
    assert prompted == {day for day in days if day < LAST.date()}


def _counted(rule: str, begin: dt.datetime) -> set[dt.date]:
    parts = [part for part in rule.split(";") if not part.startswith("BYHOUR")]
    parts = [part + "T235959" if part == "UNTIL=20261230" else part for part in parts]
    counted = rrulestr(";".join(parts), dtstart=begin)
    return {each.date() for each in counted.between(begin, LAST, inc=True)}
