"""The days of a recurrence rule (RFC 5545): whole days of the home's own calendar, whatever the zone.

By `dateutil`, loaded only where a plan has such a rule. It looks for a rule's next day until the year 9999, and for a
rule that has none (30 February) that takes it many seconds. So it is asked about the same years of a later cycle: the
calendar repeats itself every 400 years, weekdays and all, and there is not so much left to search.
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dateutil.rrule import rrule

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
PARTS = frozenset(
    {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
    | {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS"}
)
"""What a rule of days may say: times of day are the reminder's own."""

NUMBER_MAX = 1_000
"""S12: of INTERVAL and COUNT; and an INTERVAL of 0 would be searched for ever."""

ANCHOR = date(2001, 1, 1)
"""Where a rule counts from that nobody gave a first day: a Monday."""

_MONTHS_WEEKS, _YEARS_WEEKS = 5, 53
"""How often a weekday may be in a month, and in a year: for a later one `dateutil` looks beyond its own tables, and
fails in some month or other."""

_CYCLE, _LAST_YEAR, _YEARS = 400, 9_998, 200
"""The years of a cycle; the last year there is, but one; of how many years from its first day on a rule is known."""


def check(rule: str, begin: str) -> date | None:
    """Give a rule's first day (None: there is none within 200 years), counting from the day `begin` (ISO 8601).

    Raises ValueError, saying what was expected.
    """
    found, shift = _parsed(rule, begin)
    first = next(iter(found), None)
    return None if first is None else first.date().replace(year=first.year - shift)


def occurs(rule: str, begin: str, on: date) -> bool:
    """Say whether a day is one of the rule's. Raises ValueError for a rule that cannot be read."""
    return on in _of_month(rule, begin, on.year, on.month)


@lru_cache(maxsize=256)
def _of_month(rule: str, begin: str, year: int, month: int) -> frozenset[date]:
    found, shift = _parsed(rule, begin)
    if year + shift > _LAST_YEAR:
        return frozenset()
    first = datetime(year + shift, month, 1)  # noqa: DTZ001 -- a day of the home's, of no zone
    days = found.between(first, first + timedelta(days=31), inc=True)
    return frozenset(date(year, month, each.day) for each in days if each.month == month)


@lru_cache(maxsize=64)
def _parsed(rule: str, begin: str) -> tuple["rrule", int]:
    """Read a rule, some cycles later; give how many years that is."""
    from dateutil.rrule import rrulestr  # noqa: PLC0415 -- most homes have no such rule

    first = date.fromisoformat(begin) if begin else ANCHOR
    shift = (_LAST_YEAR - _YEARS - first.year) // _CYCLE * _CYCLE
    parts = {}
    for part in rule.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.strip().partition("=")
        if name not in PARTS or not value or name in parts:
            raise ValueError(f"{part!r} is not a part of a rule of days, such as FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH")
        parts[name] = value
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"FREQ must be one of {', '.join(FREQUENCIES)}")
    for name in {"INTERVAL", "COUNT"} & parts.keys():
        if not (parts[name].isdecimal() and 1 <= int(parts[name]) <= NUMBER_MAX):
            raise ValueError(f"{name} must be a number from 1 to {NUMBER_MAX}")
    most = _YEARS_WEEKS if parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts else _MONTHS_WEEKS
    if any(int(each) > most for each in re.findall("[0-9]+", parts.get("BYDAY", ""))):
        raise ValueError(f"{parts['BYDAY']!r}: no weekday comes more than {most} times")
    if "UNTIL" in parts:
        until = date.fromisoformat(parts["UNTIL"][:8])  # the day: a rule of days knows no hours
        parts["UNTIL"] = f"{until.year + shift}{until:%m%d}"
        if until.year + shift > _LAST_YEAR:
            del parts["UNTIL"]
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        found = rrulestr(text, dtstart=datetime.combine(first.replace(year=first.year + shift), time()), cache=True)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{rule!r} cannot be read: {error}") from None
    return found, shift  # type: ignore[return-value]  # one rule and nothing else is an `rrule`
