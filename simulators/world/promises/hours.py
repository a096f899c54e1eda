"""The windows of a plan, reckoned by the judges: plainly, from the dates, for weeks in which no clock is changed."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.plan import Window

MINUTE_MS = 60_000
_DAY_MIN = 24 * 60
_BACK, _AHEAD = 2, 3

Span = tuple[int, int]


def open_spans(window: Window, zone: str, wall_ms: int) -> list[Span]:
    """Give when a window is open in the days about a wall moment: Unix ms, those that touch as one."""
    today = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(zone)).date()
    return _spans(window, zone, today)


def date_at(zone: str, wall_ms: int) -> str:
    """Give the calendar date that the home's clocks show."""
    return datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(zone)).date().isoformat()


def midnight_after(zone: str, wall_ms: int) -> int:
    """Give when the next calendar day begins."""
    today = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(zone)).date()
    return _unix_ms(zone, today + timedelta(1), 0)


@lru_cache(maxsize=64)
def shut_longest_ms(window: Window) -> int:
    """Give the longest time of a week for which a window is shut: looked up minute by minute."""
    week = [False] * (7 * _DAY_MIN)
    length = (window.to - window.begin) % _DAY_MIN or _DAY_MIN
    for day in window.days:
        for minute in range(length):
            week[(day * _DAY_MIN + window.begin + minute) % len(week)] = True
    longest = run = 0
    for is_open in (*week, *week):
        run = 0 if is_open else run + 1
        longest = max(longest, run)
    return min(longest, len(week)) * MINUTE_MS


@lru_cache(maxsize=512)
def _spans(window: Window, zone: str, today: date) -> list[Span]:
    spans: list[Span] = []
    for begin_ms, end_ms in _daily(window, zone, today):
        if spans and spans[-1][1] >= begin_ms:
            spans[-1] = spans[-1][0], end_ms
        else:
            spans.append((begin_ms, end_ms))
    return spans


def _daily(window: Window, zone: str, today: date) -> Iterator[Span]:
    for days in range(-_BACK, _AHEAD):
        on = today + timedelta(days)
        if on.weekday() in window.days:
            ends_on = on if window.to > window.begin else on + timedelta(1)
            yield _unix_ms(zone, on, window.begin), _unix_ms(zone, ends_on, window.to)


def _unix_ms(zone: str, on: date, minutes: int) -> int:
    midnight = datetime.combine(on, time(), ZoneInfo(zone))
    return round((midnight + timedelta(minutes=minutes)).timestamp() * 1000)
