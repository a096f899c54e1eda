"""When an alarm comes: hours of the home's clocks at which a plan does different things."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rules.kinds import Kind
from rules.ladder import NIGHTLESS_PRIORITY
from rules.plan import Ladder, Plan, Window

MONDAY = datetime(2026, 1, 5)  # noqa: DTZ001 -- of the home's clocks, whose zone the plan names
"""A week without a change of the clocks."""

DAY_MIN = 24 * 60


def hours(plan: Plan, kind: Kind, ladder: Ladder, *, edges: bool) -> tuple[tuple[int, str], ...]:
    """Give wall times (ms) at which this kind's alarm must be tried, each with its name.

    `edges`: also such that night falls, or day breaks, between two steps.
    """
    zone = ZoneInfo(plan.time_zone)

    def wall_ms(moment: datetime, less_ms: int = 0) -> int:
        return int(moment.replace(tzinfo=zone).timestamp() * 1000) - less_ms

    found = {wall_ms(_day(plan)): ""}
    if plan.night is not None and any(step.only for step in ladder.steps):
        found.setdefault(wall_ms(_within(plan.night)), "at night")
        bounds = ((_edge(plan.night), "as night falls"), (_edge(plan.night, end=True), "as day breaks"))
        for moment, label in bounds if edges else ():
            for after_ms in sorted({step.after_ms for step in ladder.steps}):
                found.setdefault(wall_ms(moment, kind.cancel_ms + after_ms - 1_000), label)
    if plan.quiet is not None and kind.priority > NIGHTLESS_PRIORITY and not kind.silent:
        found.setdefault(wall_ms(_within(plan.quiet)), "in quiet hours")
    return tuple(found.items())


def _length(window: Window) -> int:
    return (window.to - window.begin) % DAY_MIN or DAY_MIN


def _edge(window: Window, *, end: bool = False) -> datetime:
    """Give the moment a window begins on its first day, or ends."""
    begins = MONDAY + timedelta(days=min(window.days, default=0), minutes=window.begin)
    return begins + timedelta(minutes=_length(window)) if end else begins


def _within(window: Window) -> datetime:
    return _edge(window) + timedelta(minutes=_length(window) / 2)


def _day(plan: Plan) -> datetime:
    """Give a moment that is neither night nor quiet, as near to noon as there is one."""
    windows = [window for window in (plan.night, plan.quiet) if window is not None]
    free = (minute for minute in _from_noon() if not any(_covers(window, minute) for window in windows))
    return MONDAY + timedelta(days=1, minutes=next(free, DAY_MIN // 2))


def _covers(window: Window, minute: int) -> bool:
    return (minute - window.begin) % DAY_MIN < _length(window)


def _from_noon() -> Iterator[int]:
    for away in range(DAY_MIN // 2):
        yield DAY_MIN // 2 + away
        yield DAY_MIN // 2 - away
