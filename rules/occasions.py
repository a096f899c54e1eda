"""When reminders are due: their occasions, as moments on the wall clock. Pure: a plan, and a span of time.

A time that a night in spring skips is due at the next minute that there is; one that comes twice, the first time. A day
that a zone skips as a whole (Samoa had no 30 December 2011) has no occasions.
"""

from collections.abc import Iterator
from datetime import UTC, date, timedelta, tzinfo
from functools import lru_cache

from rules.calendar import date_of, instant, zone_of
from rules.plan import Plan, Reminder
from rules.recurrence import occurs
from rules.values import Value
from rules.watched import Occasion

EVENING = "evening"
"""The slot of an appointment's prompt on the day before. All others are called by the reminder's own time."""

DAY_MS = 24 * 3_600_000
_DAY = timedelta(days=1)


class Due(Value, frozen=True):
    """An occasion, and when it is due (Unix milliseconds)."""

    occasion: Occasion
    due_wall_ms: int


def slot_of(minutes: int) -> str:
    """Name the slot of a time, in minutes after midnight."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def late_ms(reminder: Reminder, slot: str) -> int:
    """How late an occasion may still be prompted: never when the appointment has begun. A minute is not late."""
    by_then = reminder.kind == "appointment" and slot != EVENING
    return max(min(reminder.late_ms, reminder.leave_ms) if by_then else reminder.late_ms, 60_000)


def between(plan: Plan, after_wall_ms: int, until_wall_ms: int) -> list[Due]:
    """Give what is due later than one wall moment and not later than another, in the order of time and of the plan."""
    zone = zone_of(plan.time_zone) or UTC
    begin, end = date_of(zone, after_wall_ms) - _DAY, date_of(zone, until_wall_ms) + _DAY
    found = [due for reminder in plan.reminders for due in _within(reminder, zone, begin, end)]
    found = [each for each in found if after_wall_ms < each.due_wall_ms <= until_wall_ms]
    return sorted(found, key=lambda each: each.due_wall_ms)


def next_due_ms(plan: Plan, after_wall_ms: int, within_ms: int) -> int:
    """Give when the next is due; or the end of the span to look within, if none is."""
    found = between(plan, after_wall_ms, after_wall_ms + within_ms)
    return found[0].due_wall_ms if found else after_wall_ms + within_ms


def on(plan: Plan, reminder: Reminder, day: date) -> tuple[Due, ...]:
    """Give a reminder's occasions of a day; an appointment's are those of the day on which it is."""
    return _on_day(reminder, zone_of(plan.time_zone) or UTC, day)


def _within(reminder: Reminder, zone: tzinfo, begin: date, end: date) -> Iterator[Due]:
    ahead = timedelta(days=2 + reminder.leave_ms // DAY_MS) if reminder.kind == "appointment" else _DAY * 0
    day, last = begin, end + ahead
    while day <= last:
        yield from _on_day(reminder, zone, day)
        day += _DAY


@lru_cache(maxsize=1_024)
def _on_day(reminder: Reminder, zone: tzinfo, day: date) -> tuple[Due, ...]:
    if not _is_day(reminder, day) or not _exists(zone, day):
        return ()
    iso = day.isoformat()
    early_ms = reminder.leave_ms if reminder.kind == "appointment" else 0
    found = [
        Due(
            Occasion(reminder=reminder.name, date=iso, slot=slot_of(each)),
            instant(zone, day, each, last=False) - early_ms,
        )
        for each in dict.fromkeys(reminder.times)
    ]
    if reminder.kind == "appointment" and reminder.evening is not None:
        eve = next(each for each in (day - _DAY, day - 2 * _DAY) if _exists(zone, each))
        evening = Occasion(reminder=reminder.name, date=iso, slot=EVENING)
        found.append(Due(evening, instant(zone, eve, reminder.evening, last=False)))
    return tuple(found)


def _exists(zone: tzinfo, day: date) -> bool:
    return date_of(zone, instant(zone, day, 0, last=False)) == day


def _is_day(reminder: Reminder, day: date) -> bool:
    iso = day.isoformat()
    if (
        iso in reminder.skipped
        or (reminder.begin and iso < reminder.begin)
        or (reminder.until and iso > reminder.until)
    ):
        return False
    if reminder.dates:
        return iso in reminder.dates
    return occurs(reminder.rule, reminder.begin, day) if reminder.rule else day.weekday() in reminder.days
