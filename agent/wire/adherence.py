"""How reminders were answered, reckoned from their events alone: the hub and the response centre count alike. Pure.

An event that comes twice, or in whatever order, changes nothing. Whether somebody swallowed the tablet, no event knows.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import date, timedelta
from statistics import median
from typing import Literal, NamedTuple

import msgspec

from rules.reports import ReminderFacts, ReminderMissed, ReminderTaken, Report
from rules.values import Value, utc

ON_TIME_MS = 30 * 60_000
"""Answered later than this after it was due is late: the half hour that ISMP allows time-critical medicines (2011)."""

SILENT_MS = 24 * 3_600_000
"""With no outcome so long after it was due, none will come: no plan lets a prompt stay open for a day."""

SPAN_DAYS_MAX = 400
"""S12: a year and a month, day by day."""

EVENING = "evening"
"""The slot of an appointment's prompt on the day before."""

Outcome = Literal["taken", "missed", "open", "unknown"]
"""`unknown`: prompted more than a day ago, and no event says what came of it."""


class Due(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One occasion of a reminder, as in `rules.reports.ReminderFacts`."""

    reminder: str
    kind: str
    person: str
    date: str
    slot: str
    due: str


class Told(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What became of one occasion. `how` it was taken, `after_ms` it was due; or `why` it was missed.

    Taken at a time that nobody knows (`after_ms` is None) is `late`: it is not known to have been on time.
    `disputed`: different outcomes were told. The one that is given is then the last of those in which it was taken.
    """

    slot: str
    due: str
    outcome: Outcome
    how: str = ""
    why: str = ""
    after_ms: int | None = None
    late: bool = False
    disputed: bool = False


class Tally(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Occasions, counted. `taken` is `on_time` and `late`; `by` says how, `why` says why the others were missed.

    `percent` is taken of all but those still open, rounded down: 100 is every one; None when all are. `median_ms` is
    the median time from due to answer, None when nothing was taken.
    """

    due: int
    taken: int
    on_time: int
    late: int
    by: dict[str, int]
    missed: int
    why: dict[str, int]
    open: int
    unknown: int
    disputed: int
    percent: int | None
    median_ms: int | None


class Day(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A reminder's day, on the home's clocks: each occasion, by slot, in the order they were due."""

    date: str
    tally: Tally
    occasions: tuple[Told, ...]


class Reminded(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One reminder over the span, and its every day. `kind` and `person` as they were last."""

    reminder: str
    kind: str
    person: str
    tally: Tally
    days: tuple[Day, ...]


class Adherence(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Every reminder that was due from the day `first` to the day `last`, by name.

    `unreadable` counts the events left out because their date is none.
    """

    first: str
    last: str
    reminders: tuple[Reminded, ...]
    unreadable: int = 0


class _Key(NamedTuple):
    reminder: str
    date: str
    slot: str


def adherence(
    reports: Iterable[Report], *, first: date, last: date, wall_ms: int, open_now: Collection[Due] = ()
) -> Adherence:
    """Count what became of each occasion, from a hub's events. Those that are not about reminders are passed over.

    The days are the home's: an occasion belongs to its `date`, an appointment's evening prompt to the day before.
    `wall_ms` is the time now. `open_now` are occasions known to be open by other means: a hub knows of some that wait,
    and are not told yet. Raises ValueError for a span that ends before it begins or is longer than `SPAN_DAYS_MAX`.
    """
    days = [first + timedelta(each) for each in range((last - first).days + 1)]
    if not 0 < len(days) <= SPAN_DAYS_MAX:
        raise ValueError(f"from {first} to {last}: expected 1 to {SPAN_DAYS_MAX} days")
    told: defaultdict[_Key, set[ReminderFacts]] = defaultdict(set)
    for report in reports:
        if isinstance(report, ReminderFacts):
            told[_key(report)].add(report)  # S4: the same event twice is one
    waiting = {_key(each): each for each in open_now}
    silent = utc(wall_ms - SILENT_MS)
    unreadable = 0
    found: defaultdict[str, defaultdict[date, list[tuple[Due, Told]]]] = defaultdict(lambda: defaultdict(list))
    for key in {**told, **waiting}:
        day = _day(key)
        if day is None:
            unreadable += len(told[key])
        elif first <= day <= last:
            due = waiting[key] if key in waiting else _due(told[key])
            found[key.reminder][day].append((due, _became(due, told[key], key in waiting, silent)))
    reminders = tuple(_reminded(name, found[name], days) for name in sorted(found))
    return Adherence(first=str(first), last=str(last), reminders=reminders, unreadable=unreadable)


def _key(about: ReminderFacts | Due) -> _Key:
    return _Key(about.reminder, about.date, about.slot)


def _day(key: _Key) -> date | None:
    """Give the day on which an occasion was due; None when its date is none."""
    try:
        return date.fromisoformat(key.date) - timedelta(key.slot == EVENING)
    except (ValueError, OverflowError):
        return None


def _due(reports: Collection[ReminderFacts]) -> Due:
    """Say which occasion it is. Should its events differ in that, the same one speaks for all, whatever their order."""
    one = max(reports, key=msgspec.json.encode)
    return Due(**{name: getattr(one, name) for name in Due.__struct_fields__})


def _became(due: Due, reports: Collection[ReminderFacts], is_open: bool, silent: str) -> Told:  # noqa: FBT001 -- private
    outcomes = [each for each in reports if isinstance(each, ReminderTaken | ReminderMissed)]
    disputed = len({_said(each) for each in outcomes}) > 1
    match max(outcomes, key=_weight, default=None):
        case ReminderTaken(how=how, after_ms=after_ms):
            late = after_ms is None or after_ms > ON_TIME_MS
            return Told(
                slot=due.slot, due=due.due, outcome="taken", how=how, after_ms=after_ms, late=late, disputed=disputed
            )
        case ReminderMissed(why=why):
            return Told(slot=due.slot, due=due.due, outcome="missed", why=why, disputed=disputed)
        case _:
            ended = not is_open and due.due < silent  # both are written alike, so that they sort as they follow
            return Told(slot=due.slot, due=due.due, outcome="unknown" if ended else "open")


def _said(report: ReminderTaken | ReminderMissed) -> tuple[object, ...]:
    return (report.how, report.after_ms) if isinstance(report, ReminderTaken) else (report.why,)


def _weight(report: ReminderTaken | ReminderMissed) -> tuple[bool, int, bytes]:
    """Order outcomes of one occasion: taken beats missed, and later taken beats earlier; never a tie."""
    after_ms = report.after_ms if isinstance(report, ReminderTaken) else None
    return isinstance(report, ReminderTaken), after_ms or 0, msgspec.json.encode(report)


def _reminded(name: str, found: dict[date, list[tuple[Due, Told]]], days: list[date]) -> Reminded:
    rows: list[Day] = []
    for day in days:
        told = tuple(sorted((each for _, each in found.get(day, ())), key=lambda each: (each.due, each.slot)))
        rows.append(Day(date=str(day), tally=_tally(told), occasions=told))
    every = [due for dues in found.values() for due, _ in dues]
    newest = max(every, key=lambda each: (each.due, each.slot))
    tally = _tally([each for row in rows for each in row.occasions])
    return Reminded(reminder=name, kind=newest.kind, person=newest.person, tally=tally, days=tuple(rows))


def _tally(occasions: Collection[Told]) -> Tally:
    outcomes = Counter(each.outcome for each in occasions)
    taken = outcomes["taken"]
    late = sum(each.late for each in occasions)
    decided = len(occasions) - outcomes["open"]
    times = [each.after_ms for each in occasions if each.after_ms is not None]
    return Tally(
        due=len(occasions),
        taken=taken,
        on_time=taken - late,
        late=late,
        by=dict(sorted(Counter(each.how for each in occasions if each.how).items())),
        missed=outcomes["missed"],
        why=dict(sorted(Counter(each.why for each in occasions if each.why).items())),
        open=outcomes["open"],
        unknown=outcomes["unknown"],
        disputed=sum(each.disputed for each in occasions),
        percent=taken * 100 // decided if decided else None,
        median_ms=round(median(times)) if times else None,
    )
