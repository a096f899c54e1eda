"""The home's clocks: which windows of the plan are open, and when that changes, whatever the wall clock does.

Local time is the plan's zone's. A window opens when the clocks first show its begin or later, and closes when they last
show less than its end: an hour that comes twice is within it twice over, without a break, and one that is missing makes
it shorter. Everything is kept as moments on the boot-relative clock, and reckoned anew when the wall clock is set (S6).
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from rules.faults import set_fault
from rules.plan import Plan, Window
from rules.state import House
from rules.turn import Turn
from rules.values import Now, Value
from rules.watched import Hours

STEP_MS = 1_000
"""A wall clock that is this far from where it should be was set, by somebody or something."""

DAY = Window(begin=0, to=0)
"""The calendar day."""

_DAY_MIN, _WEEK_DAYS = 24 * 60, 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_WALL_MS_MIN, _WALL_MS_MAX = 366 * 86_400_000, 250_000_000_000_000
"""A clock that claims a year before 1971 or after 9890 is read as that: dates end somewhere."""

_BACK_DAYS, _AHEAD_DAYS = 8, 16
"""Days that may touch what is open now (limits are 99 h at most); and in which a weekly window's next day lies, though
the night that the clocks change swallow one."""


class Moment(Value, frozen=True):
    """A window at a wall moment: `until_ms` is its next boundary, None if there is none. Unix milliseconds."""

    open: bool
    date: str
    since_ms: int
    until_ms: int | None


def at(window: Window, zone: tzinfo, wall_ms: int) -> Moment:
    """Say whether a window is open at a wall moment, since when, and when to look again."""
    wall_ms = min(max(wall_ms, _WALL_MS_MIN), _WALL_MS_MAX)
    today = date_of(zone, wall_ms)
    begun, since_ms, span_ms, day = False, wall_ms, (wall_ms + 1, wall_ms + 1), ""
    edges: list[int] = []
    for days in range(-_BACK_DAYS, _AHEAD_DAYS):
        on = today + timedelta(days)
        if on.weekday() not in window.days:
            continue
        begin_ms, end_ms = _bounds(window, zone, on)
        if end_ms <= begin_ms:
            continue
        edges += begin_ms, end_ms
        if begin_ms > wall_ms:
            break
        span_ms = span_ms if span_ms[0] <= begin_ms <= span_ms[1] else (begin_ms, end_ms)
        if wall_ms < end_ms:
            begun, since_ms, day = True, span_ms[0], on.isoformat()
        span_ms = span_ms[0], max(span_ms[1], end_ms)
    return Moment(begun, day, since_ms, min((edge for edge in edges if edge > wall_ms), default=None))


@lru_cache(maxsize=256)
def shut_ms(window: Window) -> int:
    """Give the longest time that a window is shut, in a week without a change of the clocks."""
    length = (window.to - window.begin) % _DAY_MIN or _DAY_MIN
    begins = sorted({day % _WEEK_DAYS * _DAY_MIN + window.begin for day in window.days})
    week = _WEEK_DAYS * _DAY_MIN
    nexts = [*begins[1:], *(each + week for each in begins[:1])]
    gaps = (later - begin - length for begin, later in zip(begins, nexts, strict=True))
    return max([0, *gaps] if begins else [week]) * 60_000


def _bounds(window: Window, zone: tzinfo, on: date) -> tuple[int, int]:
    ends_on = on if window.to > window.begin else on + timedelta(1)
    return instant(zone, on, window.begin, last=False), instant(zone, ends_on, window.to, last=True)


def date_of(zone: tzinfo, wall_ms: int) -> date:
    """Give the day that it is at a wall moment."""
    return _local(zone, min(max(wall_ms, _WALL_MS_MIN), _WALL_MS_MAX)).date()


def _local(zone: tzinfo, wall_ms: int) -> datetime:
    return (_EPOCH + wall_ms * _MS).astimezone(zone)


@lru_cache(maxsize=1_024)
def instant(zone: tzinfo, on: date, minutes: int, *, last: bool) -> int:
    """Give when the clocks show that many minutes after midnight, or more: for the first time, or for good."""
    naive = datetime.combine(on, time()) + timedelta(minutes=minutes)
    wall_ms = (naive.replace(tzinfo=zone, fold=int(last)) - _EPOCH) // _MS
    if _local(zone, wall_ms).replace(tzinfo=None) == naive:
        # Where the hour that comes twice begins at just this time, they never show less again after the first.
        again = last and _local(zone, wall_ms - 1).replace(tzinfo=None) >= naive
        return instant(zone, on, minutes, last=False) if again else wall_ms
    # The clocks never show it: they jump over it at the moment between the two readings of it.
    readings = [(naive.replace(tzinfo=zone, fold=fold) - _EPOCH) // _MS for fold in (0, 1)]
    before_ms, after_ms = min(readings), max(readings)
    while after_ms - before_ms > 1:
        middle_ms = (before_ms + after_ms) // 2
        if _local(zone, middle_ms).replace(tzinfo=None) < naive:
            before_ms = middle_ms
        else:
            after_ms = middle_ms
    return after_ms


@lru_cache(maxsize=8)
def zone_of(name: str) -> tzinfo | None:
    """Give a time zone by its IANA name; None when this machine does not have it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


# --- the house's ------------------------------------------------------------------------------------


def windows(plan: Plan) -> tuple[Window, ...]:
    """Give every window that the plan has watched, each once."""
    found = [plan.night, plan.quiet, *(rule.leaving for rule in plan.doors), *(rule.window for rule in plan.visits)]
    found += [*(rule.window for rule in plan.inactivity), *(rule.window for rule in plan.absences)]
    return tuple(dict.fromkeys([*(each for each in found if each is not None), DAY]))


def hours(house: House, window: Window) -> Hours:
    """Give a window of the plan as it is now."""
    return next((each for each in house.hours if each.window == window), Hours(window=window))


def is_open(house: House, window: Window | None) -> bool:
    """Say whether a window of the plan is open; one that is not there never is."""
    return window is not None and hours(house, window).open


def reckon(turn: Turn) -> None:
    """Read every window anew: the plan, the wall clock or the boot is another."""
    turn.update(hours=tuple(Hours(window=each, until_ms=turn.now.ms) for each in windows(turn.house.plan)))
    zone = turn.house.plan.time_zone
    reason = f"this hub does not know {zone}: it goes by UTC"
    set_fault(turn, "time-zone", "", 3, active=zone_of(zone) is None, reason=reason)
    on_boundary_due(turn)


def was_set(house: House, now: Now) -> bool:
    """Say whether somebody or something set the wall clock since the last step."""
    return abs(now.wall_ms - now.ms - house.wall_offset_ms) >= STEP_MS


def limit_due_ms(
    house: House, window: Window | None, since_ms: int, limit_ms: int, *, from_opening: bool
) -> int | None:
    """Give when a time within a window is up that runs `since_ms`; None while it does not run.

    What began before the window opened counts `from_opening` on, or not at all. With a wall clock that nobody vouches
    for it runs at all hours, longer by all the time that the window may be shut: it ends later than it would, rather
    than never, and no sooner at any hour.
    """
    if window is None:
        return since_ms + limit_ms
    if not house.clock_known:
        return since_ms + limit_ms + shut_ms(window)
    now = hours(house, window)
    if not now.open or (since_ms < now.since_ms and not from_opening):
        return None
    return max(since_ms, now.since_ms) + limit_ms


def boundary_due_ms(house: House) -> int | None:
    """When the next window opens or closes."""
    return min((each.until_ms for each in house.hours if each.until_ms is not None), default=None)


def on_boundary_due(turn: Turn) -> None:
    """Read the windows that open or close, and tell the home whether it is night, and whether it is to be quiet."""
    zone = zone_of(turn.house.plan.time_zone) or UTC
    offset_ms = turn.house.wall_offset_ms
    turn.update(hours=tuple(_read(each, zone, turn.now.ms, offset_ms) for each in turn.house.hours))
    plan = turn.house.plan
    turn.update(night=is_open(turn.house, plan.night), quiet=is_open(turn.house, plan.quiet))


def _read(known: Hours, zone: tzinfo, now_ms: int, offset_ms: int) -> Hours:
    if known.until_ms is None or known.until_ms > now_ms:
        return known
    wall_ms = now_ms + offset_ms
    found = at(known.window, zone, wall_ms)
    # Counted from now: a wall clock beyond all dates is read as their end, and must still run on.
    clamped_ms = min(max(wall_ms, _WALL_MS_MIN), _WALL_MS_MAX)
    until_ms = None if found.until_ms is None else now_ms + found.until_ms - clamped_ms
    return replace(
        known, open=found.open, date=found.date, since_ms=now_ms + found.since_ms - clamped_ms, until_ms=until_ms
    )
