"""How reminders were kept at each home, over a long time and many homes, in bounded memory. Pure.

It counts as `agent.wire.adherence` does, of which the hub makes its own figures: each occasion (reminder, date, time)
once; taken later than half an hour after it was due, or at a time nobody knows, is late; prompted, and a day later
without an outcome, is unknown, and counts as not taken; open ones count neither way. The day is the home's.
"""

from datetime import date, timedelta
from functools import lru_cache

from agent.wire.adherence import EVENING, ON_TIME_MS, SILENT_MS
from centre.reporting.measures import percent
from rules.reports import ReminderFacts, ReminderMissed, ReminderTaken
from rules.values import Value, utc

SETTLED_DAYS = 35
"""So long after its day an occasion is counted for good: a hub without a line for longer tells it too late."""


class Kept(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Occasions, counted. `percent`: taken, of all but those still open; rounded down to a tenth; None of nothing."""

    due: int = 0
    on_time: int = 0
    late: int = 0
    missed: int = 0
    unknown: int = 0
    open: int = 0
    percent: float | None = None


class _Told(Value, frozen=True, order=True):
    """What was told of an occasion that ended. Of several, the greatest holds: the last in which it was taken."""

    taken: bool
    after_ms: int = 0
    late: bool = False


_Key = tuple[str, str, str]
DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)


class Counts:
    """What became of some occasions."""

    __slots__ = ("late", "missed", "on_time", "open", "unknown")

    def __init__(self) -> None:
        self.on_time = self.late = self.missed = self.unknown = self.open = 0

    def add(self, told: _Told | str, silent: str) -> None:
        """Count one: what was told, or when it was due if nothing was."""
        if isinstance(told, str):
            if told < silent:
                self.unknown += 1
            else:
                self.open += 1
        elif not told.taken:
            self.missed += 1
        elif told.late:
            self.late += 1
        else:
            self.on_time += 1

    def plus(self, other: "Counts") -> None:
        """Add another's."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> Kept:
        """Give the figures."""
        decided = self.on_time + self.late + self.missed + self.unknown
        return Kept(
            due=decided + self.open,
            on_time=self.on_time,
            late=self.late,
            missed=self.missed,
            unknown=self.unknown,
            open=self.open,
            percent=percent(self.on_time + self.late, decided),
        )


class Reminded:
    """Takes reminders' words in the order they came, and counts by home. `first` and `last`: days, both counted.

    `told_late` counts words of days that were counted for good already, `unreadable` those whose date is none.
    """

    def __init__(self, first: date, last: date, now_ms: int) -> None:
        self._first, self._last = first, last
        self._silent = utc(now_ms - SILENT_MS)
        self._days: dict[date, dict[_Key, _Told | str]] = {}
        self._settled, self._came = date.min, 0
        self._homes: dict[str, Counts] = {}
        self.told_late = self.unreadable = 0

    def take(self, hub: str, report: ReminderFacts, at_ms: int) -> None:
        """Take a word, and when it came (the centre's Unix ms)."""
        self._settle(at_ms // DAY_MS)
        day = _day(report.date, evening=report.slot == EVENING)
        if day is None:
            self.unreadable += 1
            return
        if not self._first <= day <= self._last:
            return
        if day <= self._settled:
            self.told_late += 1
            return
        told = self._days.setdefault(day, {})
        key = (hub, report.reminder, report.slot)
        known, new = told.get(key), _told(report)
        if known is None or (isinstance(known, str) and (not isinstance(new, str) or new > known)):
            told[key] = new
        elif not isinstance(known, str) and not isinstance(new, str):
            told[key] = max(known, new)

    def _settle(self, came: int) -> None:
        if came > self._came:
            self._came = came
            self._settled = _EPOCH + timedelta(came - SETTLED_DAYS)
            for day in [each for each in self._days if each <= self._settled]:
                self._count(day)

    def _count(self, day: date) -> None:
        for (hub, _, _), told in self._days.pop(day).items():
            self._homes.setdefault(hub, Counts()).add(told, self._silent)

    def homes(self) -> dict[str, Counts]:
        """Give what became of each home's occasions. Nothing is taken after that."""
        for day in list(self._days):
            self._count(day)
        return self._homes


@lru_cache(maxsize=1_024)  # a year of words has few different days
def _day(written: str, *, evening: bool) -> date | None:
    """Give the day on which an occasion was due; None when its date is none."""
    try:
        return date.fromisoformat(written) - timedelta(evening)
    except (ValueError, OverflowError):
        return None


def _told(report: ReminderFacts) -> _Told | str:
    match report:
        case ReminderTaken(after_ms=after_ms):
            return _Told(True, after_ms or 0, after_ms is None or after_ms > ON_TIME_MS)  # noqa: FBT003 -- a fact
        case ReminderMissed():
            return _Told(taken=False)
        case _:
            return report.due
