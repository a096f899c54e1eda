"""Reads an iCalendar file (RFC 5545) as a plan's appointments: what it cannot say as one is told, with its reason.

A file is from outside, and may be anything: its size, its events and its time zones are bounded (S12).
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.config.strict import Reader
from agent.plan.parts import minutes
from agent.plan.private import TEXT_CHARS_MAX
from agent.plan.reminding import read_reminders
from rules.plan import REMINDERS_MAX
from rules.values import Value

if TYPE_CHECKING:
    from icalendar import Event

BYTES_MAX = 1024 * 1024
EVENTS_MAX = 5_000
ALL_DAY = "09:00"
"""When what has no time of day is taken to begin."""

_SPOILS = frozenset({"DTSTART", "RRULE", "EXDATE", "RECURRENCE-ID"})
"""What must be readable: an appointment without it would be prompted on a day on which it is not."""

_TOLD_CHARS_MAX = 40


class CalendarError(Exception):
    """The file is no calendar; the text says what to do."""


class Skipped(Value, frozen=True):
    """Something that was left out, or is not quite as it was: which event it is about, and why."""

    event: str
    why: str


class Imported(Value, frozen=True):
    """What a calendar came to: reminders as a plan's document has them, their texts, and what was left out."""

    reminders: tuple[dict[str, Any], ...]
    texts: dict[str, str]
    skipped: tuple[Skipped, ...]


class _Unfit(Exception):  # noqa: N818 -- not an error: an event that is no reminder
    """Why an event is none."""


def read_calendar(content: bytes, zone: dt.tzinfo, today: dt.date, person: str = "") -> Imported:
    """Give the appointments of a calendar from a day on, by the clocks of a zone. Raises CalendarError."""
    if len(content) > BYTES_MAX:
        raise CalendarError(f"larger than {BYTES_MAX // 1024} KiB: export less of the calendar")
    events = _events(content)
    skipped: list[Skipped] = []
    found: list[tuple[str, dict[str, Any], str]] = []
    moved = _moved(events, zone)
    for event in events[:EVENTS_MAX]:
        name = _told(event)
        try:
            table = _table(event, zone, today, moved.get(str(_get(event, "UID")), set()))
            _check(table)
        except _Unfit as reason:
            skipped.append(Skipped(name, str(reason)))
            continue
        skipped += (Skipped(name, each) for each in _changed(event))
        found.append((name, table, _text(event)))
    if len(events) > EVENTS_MAX:
        skipped.append(Skipped("", f"{len(events) - EVENTS_MAX} events after the first {EVENTS_MAX}: export less"))
    found.sort(key=lambda each: (_first(each[1]), each[1]["at"]))
    skipped += (Skipped(name, f"a plan has room for {REMINDERS_MAX} reminders") for name, _, _ in found[REMINDERS_MAX:])
    reminders, texts = [], {}
    for number, (_, table, text) in enumerate(found[:REMINDERS_MAX], start=1):
        reference = f"appointment-{number}"  # S11: of no words of theirs
        whose = {"person": person} if person else {}
        reminders.append({"name": reference, "kind": "appointment", **whose, **table, "text": reference})
        texts[reference] = text
    return Imported(tuple(reminders), texts, tuple(skipped))


def _events(content: bytes) -> list["Event"]:
    from icalendar import Calendar, Event  # noqa: PLC0415 -- of all commands, this one alone needs it

    try:
        calendars = Calendar.from_ical(_without_zones(content), multiple=True)
    except Exception:  # noqa: BLE001 -- another's parser, on whatever somebody was sent
        remedy = "export the calendar anew, as iCalendar (.ics)"
        raise CalendarError(f"this is no calendar that can be read: {remedy}") from None
    events = [each for calendar in calendars for each in calendar.subcomponents if isinstance(each, Event)]
    if not events:
        raise CalendarError("there is no event in it: is this the right file?")
    return events


def _without_zones(content: bytes) -> bytes:
    """Leave out the time zones that a file brings along: their rules may go on for ever. Zones are known by name."""
    unfolded = re.sub(rb"\r?\n[ \t]", b"", content)
    kept, within = [], False
    for line in unfolded.splitlines():
        word = line.strip().upper()
        within = within or word == b"BEGIN:VTIMEZONE"
        if not within:
            kept.append(line)
        within = within and word != b"END:VTIMEZONE"
    return b"\r\n".join(kept) + b"\r\n"


# --- one event ----------------------------------------------------------------------------------------


def _table(event: "Event", zone: dt.tzinfo, today: dt.date, moved: Iterable[dt.date]) -> dict[str, Any]:
    """Give an event as a reminder's table. Raises _Unfit."""
    spoilt = [key for key, _ in event.errors if key in _SPOILS]
    if spoilt:
        raise _Unfit(f"its {spoilt[0]} cannot be read")
    if not _text(event):
        raise _Unfit("it has no title to say")
    if str(_get(event, "STATUS")).upper() == "CANCELLED":
        raise _Unfit("it is cancelled")
    begins = _single(event, "DTSTART")
    if begins is None:
        raise _Unfit("it has no day")
    start = _here(begins, zone)
    table: dict[str, Any] = {"at": [f"{start:%H:%M}"]}
    if _single(event, "RRULE") is None:
        if start.date() < today:
            raise _Unfit("it is over")
        return {**table, "dates": [start.date()]}
    rule = _rule(event, begins, start, zone)
    until = re.search("UNTIL=([0-9]+)", rule)
    if until is not None and until[1] < f"{today:%Y%m%d}":
        raise _Unfit("it is over")
    table |= {"from": start.date(), "rule": rule}
    skipped = sorted({*_excluded(event, zone), *moved})
    return {**table, "skipped": skipped} if skipped else table


def _get(event: "Event", key: str) -> Any:  # noqa: ANN401 -- whatever the property is
    """Give a property, several as a list; None where there is none that can be read."""
    return None if any(name == key for name, _ in event.errors) else event.get(key)


def _single(event: "Event", key: str) -> Any:  # noqa: ANN401 -- as above
    """Give a property that must not stand twice. Raises _Unfit."""
    found = _get(event, key)
    if isinstance(found, list):
        raise _Unfit(f"it has {key} more than once")
    return found


def _here(found: Any, zone: dt.tzinfo) -> dt.datetime:  # noqa: ANN401 -- a date or a time, however it is written
    """Give a moment by the home's clocks, without its zone. Raises _Unfit."""
    moment = getattr(found, "dt", found)
    if isinstance(moment, dt.datetime):
        if moment.tzinfo is not None:
            try:
                return moment.astimezone(zone).replace(tzinfo=None)
            except (OverflowError, ValueError):
                raise _Unfit("its day is out of all bounds") from None
        if getattr(found, "params", {}).get("TZID"):
            raise _Unfit("its time zone is not known here")
        return moment
    if isinstance(moment, dt.date):
        return dt.datetime.combine(moment, dt.time(*divmod(minutes(ALL_DAY), 60)))
    raise _Unfit("it has no day that can be read")


def _rule(event: "Event", begins: Any, start: dt.datetime, zone: dt.tzinfo) -> str:  # noqa: ANN401 -- as above
    """Give the rule of an event that recurs, without times of day. Raises _Unfit."""
    moment = begins.dt
    if isinstance(moment, dt.datetime) and moment.tzinfo is not None and not _agree(moment, zone):
        raise _Unfit("it recurs by the clocks of another time zone")
    rule = dict(_single(event, "RRULE"))
    for key, own in (("BYHOUR", "hour"), ("BYMINUTE", "minute"), ("BYSECOND", "second")):
        if rule.pop(key, [getattr(moment, own, 0)]) != [getattr(moment, own, 0)]:
            raise _Unfit("it recurs more than once a day")
    until = rule.pop("UNTIL", [])
    parts = [f"{key}={','.join(map(str, rule[key]))}" for key in sorted(rule, key=lambda key: (key != "FREQ", key))]
    parts += [f"UNTIL={_last_day(each, start, zone):%Y%m%d}" for each in until]
    return ";".join(parts)


def _last_day(until: Any, start: dt.datetime, zone: dt.tzinfo) -> dt.date:  # noqa: ANN401 -- as above
    """Give the last day on which an event may begin that begins at that time of day until a moment, or on a day."""
    if not isinstance(until, dt.datetime):
        return _here(until, zone).date()
    last = _here(until, zone)
    return last.date() - dt.timedelta(days=last.time() < start.time())


def _agree(moment: dt.datetime, zone: dt.tzinfo) -> bool:
    """Say whether the clocks of an event's zone show the same as the home's, in its year and in the next."""
    try:
        days = [moment.replace(tzinfo=None) + dt.timedelta(days=each) for each in range(0, 732, 3)]
    except OverflowError:
        return False
    theirs = moment.tzinfo
    return all(day.replace(tzinfo=theirs).utcoffset() == day.replace(tzinfo=zone).utcoffset() for day in days)


def _excluded(event: "Event", zone: dt.tzinfo) -> Iterator[dt.date]:
    found = _get(event, "EXDATE") or []
    for each in found if isinstance(found, list) else [found]:
        for one in each.dts:
            yield _here(one, zone).date()


def _moved(events: list["Event"], zone: dt.tzinfo) -> dict[str, set[dt.date]]:
    """Give the days of recurring events, by their UID, that an event of its own takes the place of."""
    found: dict[str, set[dt.date]] = {}
    for event in events:
        instead_of = _get(event, "RECURRENCE-ID")
        if instead_of is not None:
            try:
                found.setdefault(str(_get(event, "UID")), set()).add(_here(instead_of, zone).date())
            except _Unfit:
                continue
    return found


def _changed(event: "Event") -> Iterator[str]:
    """Say what is not as it was in an event that is taken."""
    if not isinstance(_get(event, "DTSTART").dt, dt.datetime):
        yield f"it has no time of day, and is taken to be at {ALL_DAY}: correct that"
    if "RDATE" in event:
        yield "its extra days (RDATE) are left out: write them as a reminder with dates"
    if "RANGE" in getattr(_get(event, "RECURRENCE-ID"), "params", {}):
        yield "it changes all later ones as well (RANGE), of which this is only the first"


def _check(table: dict[str, Any]) -> None:
    """Refuse what a plan would not take, for the plan's own reason."""
    reader = Reader(Path())
    read_reminders(reader, [{"name": "it", "kind": "appointment", **table}])
    for problem in reader.problems:
        key = problem.key.partition(".")[2]
        raise _Unfit(f"{key} is {problem.found}, and a plan has {problem.expected}")


def _first(table: dict[str, Any]) -> dt.date:
    first: dt.date = table["from"] if "from" in table else table["dates"][0]
    return first


def _text(event: "Event") -> str:
    """Give what is said: the title, as a plan takes a text."""
    found = _get(event, "SUMMARY") or ""
    words = " ".join(str(found[0] if isinstance(found, list) else found).split())
    said = "".join(each for each in words if unicodedata.category(each)[0] != "C").strip()
    return said if len(said) <= TEXT_CHARS_MAX else said[: TEXT_CHARS_MAX - 1] + "…"


def _told(event: "Event") -> str:
    """Name an event on the terminal of whoever has the file."""
    day = getattr(_get(event, "DTSTART"), "dt", None)
    title = _text(event)[:_TOLD_CHARS_MAX] or "an event without a title"
    return f"{title} ({day:%Y-%m-%d})" if isinstance(day, dt.date) else title
