"""When a dose is due, reckoned by nothing of the hub's: every minute of the year, as the zone's clocks show it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

Shown = tuple[int, int]
"""The minute of the day that the clocks show, and the moment (Unix milliseconds)."""


class Calendar:
    """The days of a zone from a moment on, minute by minute."""

    def __init__(self, zone: str, begin_ms: int, days: int) -> None:
        self._days: dict[str, list[Shown]] = defaultdict(list)
        local_zone, first = ZoneInfo(zone), datetime.fromtimestamp(begin_ms // 1000, UTC)
        for minute in range(-2 * 1440, (days + 2) * 1440):
            moment = first + timedelta(minutes=minute)
            local = moment.astimezone(local_zone)
            self._days[local.date().isoformat()].append((local.hour * 60 + local.minute, begin_ms + minute * 60_000))
        for edge in (min(self._days), max(self._days)):
            del self._days[edge]  # not whole

    @property
    def dates(self) -> list[str]:
        """Every day there is, in order."""
        return sorted(self._days)

    def due_ms(self, date: str, minute: int) -> int:
        """The first minute of a day on which the clocks show so much, or more; after midnight if none does."""
        last_ms = self._days[date][-1][1]
        return next((moment for shown, moment in self._days[date] if shown >= minute), last_ms + 60_000)
