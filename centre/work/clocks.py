"""Whether the centre's clock can be right: what it and the hubs' network time say of one moment. Pure.

A clock that is off by more than a command's life would have every hub refuse every command as expired, and say nothing.
"""

from collections import OrderedDict
from datetime import datetime
from statistics import median

from centre.intake import Outcome
from rules.reports import CheckIn
from rules.values import Now

OFF_MS = 60_000
"""More than any line delays, and a tenth of what a command is good for."""

LATELY_MS = 600_000
"""Two check-ins of every hub that is there."""

HUBS_MAX = 10_000


class Clocks:
    """Compares. Check-ins alone count: they are said when they are sent, and not kept for later."""

    def __init__(self) -> None:
        self._ahead: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def heard(self, outcome: Outcome, at: Now) -> None:
        """Take a message that came `at` this moment of ours."""
        report = outcome.report
        if not isinstance(report, CheckIn) or outcome.verdict != "accepted" or not report.clock.synced:
            return
        try:
            said_ms = int(datetime.fromisoformat(report.clock.wall).timestamp() * 1000)
        except (ValueError, OverflowError):
            return
        self._ahead[outcome.hub] = (at.ms, said_ms - at.wall_ms)
        self._ahead.move_to_end(outcome.hub)
        if len(self._ahead) > HUBS_MAX:
            self._ahead.popitem(last=False)

    def ahead_ms(self, ms: int) -> int | None:
        """Say how far most hubs' clocks are ahead of ours, at `ms` of the steady clock; None if none told lately."""
        while self._ahead and ms - next(iter(self._ahead.values()))[0] > LATELY_MS:
            self._ahead.popitem(last=False)
        return round(median(ahead for _, ahead in self._ahead.values())) if self._ahead else None
