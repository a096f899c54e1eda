"""Reads the days of a reminder: its dates, its rule (RFC 5545's RRULE) or its week, and whether there are any."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from agent.config.strict import Problem, Reader
from agent.plan.parts import idle, lack
from agent.plan.tables import ReminderTable
from rules import recurrence
from rules.plan import DATES_MAX, Reminder

FIRST, LAST = dt.date(2000, 1, 1), dt.date(2099, 12, 31)
"""S12: no day of a plan lies outside these; a rule that began with the calendar would take the hub a while to count."""

_NUMBERS = r"[+-]?[1-9][0-9]{{0,2}}(,[+-]?[1-9][0-9]{{0,2}}){{0,{more}}}"
_PARTS = {
    "FREQ": r"DAILY|WEEKLY|MONTHLY|YEARLY",
    "INTERVAL": r"[1-9][0-9]{0,2}",
    "COUNT": r"[1-9][0-9]{0,2}",
    "UNTIL": r"20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])",
    "BYDAY": r"([+-]?[1-9][0-9]?)?(MO|TU|WE|TH|FR|SA|SU)(,([+-]?[1-9][0-9]?)?(MO|TU|WE|TH|FR|SA|SU)){0,30}",
    "BYMONTHDAY": _NUMBERS.format(more=61),
    "BYYEARDAY": _NUMBERS.format(more=61),
    "BYWEEKNO": _NUMBERS.format(more=61),
    "BYSETPOS": _NUMBERS.format(more=61),
    "BYMONTH": r"(1[0-2]|[1-9])(,(1[0-2]|[1-9])){0,11}",
    "WKST": r"MO|TU|WE|TH|FR|SA|SU",
}
"""What a rule may be made of. Times of day are the reminder's own, so nothing in it is smaller than a day; and what RFC
5545 leaves to other standards (RSCALE) or dateutil adds to it (BYEASTER) other software would not read."""


def flaw(rule: str) -> str:
    """Say what is wrong with a rule, as what was expected; "" if nothing is."""
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        key, equals, value = part.partition("=")
        if not equals or key not in _PARTS or key in parts:
            return f"parts such as FREQ=WEEKLY;BYDAY=MO, each once, in capitals, of {', '.join(_PARTS)}"
        if re.fullmatch(_PARTS[key], value) is None:
            return _EXPECTED.get(key, f"{key}= and what RFC 5545 has there")
        parts[key] = value
    return _together(parts) or ("" if _is_rule(rule) else "a rule of RFC 5545")


def _together(parts: Mapping[str, str]) -> str:
    if "FREQ" not in parts:
        return _EXPECTED["FREQ"]
    if "COUNT" in parts and "UNTIL" in parts:
        return "COUNT or UNTIL, and not both"
    if re.search("[0-9]", parts.get("BYDAY", "")) and parts["FREQ"] not in ("MONTHLY", "YEARLY"):
        return "BYDAY without numbers, as FREQ is neither MONTHLY nor YEARLY"
    return ""


def _is_rule(rule: str) -> bool:
    try:
        recurrence.check(rule, FIRST.isoformat())
    except ValueError:
        return False
    return True


_EXPECTED = {
    "FREQ": "FREQ=DAILY, WEEKLY, MONTHLY or YEARLY: how often in a day stands in at",
    "INTERVAL": "INTERVAL= and a number from 1 to 999",
    "COUNT": "COUNT= and a number from 1 to 999",
    "UNTIL": "UNTIL= and a date without a time, such as UNTIL=20271231",
}


def days_fit(reader: Reader, at: str, table: ReminderTable) -> bool:
    """Refuse days that are said twice over, or that lie out of all bounds; say whether they can be counted."""
    before = len(reader.problems)
    said = [key for key in ("dates", "rule", "days") if getattr(table, key) is not None]
    for key in said[1:]:
        idle(reader, f"{at}.{key}", f"{said[0]} says the days")
    if table.rule is not None:
        if wrong := flaw(table.rule):
            reader.refuse(f"{at}.rule", table.rule, wrong, "correct it, or write the dates one by one")
        if table.begin is None:
            lack(reader, f"{at}.from", "a date: the day from which the rule counts", "add it")
    _dates_fit(reader, at, {"dates": table.dates or (), "skipped": table.skipped})
    _dates_fit(reader, at, {"from": (table.begin,) * bool(table.begin), "until": (table.until,) * bool(table.until)})
    if table.begin and table.until and table.until < table.begin:
        expected = f"{table.begin.isoformat()} or later, as from has it"
        reader.problems.append(Problem(f"{at}.until", table.until.isoformat(), expected, "correct one of them"))
    return len(reader.problems) == before


def _dates_fit(reader: Reader, at: str, dates: Mapping[str, tuple[dt.date | None, ...]]) -> None:
    for key, those in dates.items():
        for each in those:
            if each is not None and not FIRST <= each <= LAST:
                expected = f"a date from {FIRST:%Y} to {LAST:%Y}"
                reader.problems.append(Problem(f"{at}.{key}", each.isoformat(), expected, "correct it"))
        if len(set(those)) < len(those):
            reader.refuse(f"{at}.{key}", list(those), "each date once", "remove the second")


def occurs(reminder: Reminder) -> bool:
    """Say whether a reminder has any day at all. That a rule's every day may be skipped is left to whoever does it."""
    until = reminder.until or LAST.isoformat()
    if reminder.rule and not reminder.dates:
        first = recurrence.check(reminder.rule, reminder.begin)
        return first is not None and first.isoformat() <= until
    begin = reminder.begin or FIRST.isoformat()
    days = reminder.dates or tuple(_week(reminder, dt.date.fromisoformat(begin)))
    return any(begin <= day <= until and day not in reminder.skipped for day in days)


def _week(reminder: Reminder, begin: dt.date) -> Iterator[str]:
    """Give the first days of a reminder of every week: more of them than can be skipped."""
    days = (begin + dt.timedelta(days=each) for each in range(7 * (DATES_MAX + 1)))
    return (day.isoformat() for day in days if day.weekday() in reminder.days)
