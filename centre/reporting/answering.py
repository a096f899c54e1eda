"""How soon alarms were answered, and what they turned out to be: figures of a span, from cases and hubs' words. Pure.

What is counted is an alarm, as its hub names it; not a press, and not a case, which may have several. An alarm belongs
to the span in which the centre first had it.

- **Receipt** runs from when the hub raised the alarm (the window to take it back is over) until the centre had it on
  its disk. It is measured only where the hub vouches for its clock, and the time can be true (`CLOCK_APART_MS`).
- **Taken** runs from then until an operator first had the case, with this alarm on the screen. A further press of an
  alarm that somebody has already is not measured again.
- **Resolved** runs from when the centre had the alarm until its case was closed, for the last time if it was reopened.
- **Within 60 s and 180 s** is of the time to taken. What nobody has taken counts as missed as soon as it has waited
  longer, so that leaving an alarm lying improves no figure.

Left out, and counted apart: tests; what the centre found by itself (silent homes, messages that cannot be read), which
has the same figures in a table of its own; and presses that were taken back before they were sent, which never called
anybody. An alarm cancelled after it was sent is counted like any other: staff had to answer it.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

from centre.cases.case import Case, CaseAlarm
from centre.cases.outcomes import FALSE_ALARMS
from centre.reporting.measures import Share, Times, percent, shares, times
from rules.values import Value

CLOCK_APART_MS = 5_000
"""A hub's clock may be ahead of ours by so much; then it took no time. Further ahead, the time is not known."""

OLD_MS_MAX = 30 * 24 * 3_600_000
"""A hub that says it called longer ago is not believed, as in `centre.cases.words`."""

NAMES_MAX = 60
"""S12: a hostile hub may invent kinds; beyond so many they are counted together."""

OTHERS = "(others)"


class Answered(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Figures of some alarms. `waiting`: nobody has taken them yet. `open`: their case is not resolved.

    `false_alarms` are those whose case ended as `accidental` or `sensor-false`, of those that are resolved
    (`false_percent`).
    """

    name: str
    alarms: int
    receipt: Times
    taken: Times
    resolved: Times
    within: tuple[Share, ...]
    waiting: int
    open: int
    false_alarms: int
    false_percent: float | None


class Bin(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One stretch of the span (a day, or a week) from `from_ms` on: its alarms, and how many were answered in time."""

    from_ms: int
    alarms: int
    within: tuple[Share, ...]


class LeftOut(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What is not among the alarms: tests; and presses taken back before they were sent."""

    tests: int
    taken_back: int


class Answering(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The report. `cancelled`: alarms (counted) that the resident took back after they were sent.

    `outcomes`: how alarms' cases ended. `reopened`: cases with such alarms that were opened again. `lapses`: how often
    an acknowledgement ran out at a hub, by whose it was and why (`centre time`, `contact reboot`). `missing` says in
    words what these figures lack.
    """

    from_ms: int
    until_ms: int
    made_ms: int
    total: Answered
    priorities: tuple[Answered, ...]
    kinds: tuple[Answered, ...]
    found: tuple[Answered, ...]
    bins: tuple[Bin, ...]
    left_out: LeftOut
    cancelled: int
    reopened: int
    outcomes: dict[str, int]
    lapses: dict[str, int]
    missing: tuple[str, ...] = ()


class _Sum:
    """What is needed of some alarms: 8 bytes for each time."""

    def __init__(self) -> None:
        self.alarms = self.open = self.false = self.receipts_unknown = 0
        self.receipt, self.taken, self.resolved, self.waited = (array("q") for _ in range(4))

    def add(self, case: Case, alarm: CaseAlarm, now_ms: int) -> None:
        self.alarms += 1
        if alarm.answered_ms is None:
            self.waited.append(max(0, now_ms - alarm.arrived_ms))
        else:
            self.taken.append(max(0, alarm.answered_ms - alarm.arrived_ms))
        if case.open or case.resolved_ms is None:
            self.open += 1
        else:
            self.resolved.append(max(0, case.resolved_ms - alarm.arrived_ms))
            self.false += (alarm.outcome or case.outcome) in FALSE_ALARMS

    def figures(self, name: str) -> Answered:
        return Answered(
            name=name,
            alarms=self.alarms,
            receipt=times(self.receipt, self.receipts_unknown),
            taken=times(self.taken),
            resolved=times(self.resolved),
            within=shares(self.taken, self.waited),
            waiting=len(self.waited),
            open=self.open,
            false_alarms=self.false,
            false_percent=percent(self.false, len(self.resolved)),
        )


class Named:
    """Sums by name, of which there are so many at most."""

    def __init__(self) -> None:
        self.sums: dict[str, _Sum] = {}

    def of(self, name: str) -> _Sum:
        """Give the sum of this name; beyond NAMES_MAX, the one of all others."""
        if name not in self.sums and len(self.sums) >= NAMES_MAX:
            name = OTHERS
        return self.sums.setdefault(name, _Sum())

    def figures(self) -> tuple[Answered, ...]:
        """Give them, the most frequent first."""
        ordered = sorted(self.sums.items(), key=lambda each: (-each[1].alarms, each[0]))
        return tuple(each.figures(name) for name, each in ordered)


class Reckoning:
    """Takes the cases and hubs' words of a span, each once and in any order, and gives the figures."""

    def __init__(self, edges: Sequence[int], now_ms: int) -> None:
        """Take where the stretches of the span begin, and where the last ends (Unix ms, rising, two at least)."""
        self._edges, self._now_ms = edges, now_ms
        self._total, self._kinds, self._found = _Sum(), Named(), Named()
        self._priorities = {number: _Sum() for number in (1, 2, 3, 4)}
        self._bins = [_Sum() for _ in edges[1:]]
        self._tests = self._taken_back = self._cancelled = self._reopened = 0
        self._outcomes: Counter[str] = Counter()
        self._lapses: Counter[str] = Counter()

    def case(self, case: Case) -> None:
        """Take a case, whenever it was opened: only its alarms of the span count."""
        counted = False
        for alarm in case.alarms:
            if self._within(alarm.arrived_ms):
                counted = self._alarm(case, alarm) or counted
        self._reopened += counted and case.reopened > 0

    def _within(self, at_ms: int) -> bool:
        return self._edges[0] <= at_ms < self._edges[-1]

    def _alarm(self, case: Case, alarm: CaseAlarm) -> bool:
        if alarm.test:
            self._tests += 1
            return False
        if alarm.found:
            self._found.of(alarm.kind).add(case, alarm, self._now_ms)
            return False
        place = self._bins[bisect_right(self._edges, alarm.arrived_ms) - 1]
        for each in (self._total, self._kinds.of(alarm.kind), self._priorities[_priority(alarm.priority)], place):
            each.add(case, alarm, self._now_ms)
        self._cancelled += alarm.cancelled
        if not case.open:
            self._outcomes[alarm.outcome or case.outcome] += 1
        return True

    def received(self, kind: str, priority: int, raised_ms: int | None, arrived_ms: int) -> None:
        """Take that a real alarm came; `raised_ms` is None where the hub does not vouch for its clock."""
        for each in (self._total, self._kinds.of(kind), self._priorities[_priority(priority)]):
            if raised_ms is None or not -CLOCK_APART_MS <= arrived_ms - raised_ms <= OLD_MS_MAX:
                each.receipts_unknown += 1
            else:
                each.receipt.append(max(0, arrived_ms - raised_ms))

    def taken_back(self) -> None:
        """Take that a press was taken back before it was sent."""
        self._taken_back += 1

    def lapsed(self, by: str, why: str) -> None:
        """Take that an acknowledgement ran out at a hub."""
        name = f"{by} {why}"
        self._lapses[name if name in self._lapses or len(self._lapses) < NAMES_MAX else OTHERS] += 1

    def figures(self, missing: Iterable[str] = ()) -> Answering:
        """Give the report. `missing` is said in it."""
        return Answering(
            from_ms=self._edges[0],
            until_ms=self._edges[-1],
            made_ms=self._now_ms,
            total=self._total.figures("all"),
            priorities=tuple(each.figures(str(number)) for number, each in self._priorities.items()),
            kinds=self._kinds.figures(),
            found=self._found.figures(),
            bins=tuple(
                Bin(from_ms=from_ms, alarms=each.alarms, within=shares(each.taken, each.waited))
                for from_ms, each in zip(self._edges, self._bins, strict=False)
            ),
            left_out=LeftOut(tests=self._tests, taken_back=self._taken_back),
            cancelled=self._cancelled,
            reopened=self._reopened,
            outcomes=dict(sorted(self._outcomes.items(), key=lambda each: (-each[1], each[0]))),
            lapses=dict(sorted(self._lapses.items())),
            missing=tuple(missing),
        )


def _priority(claimed: int) -> int:
    return min(max(claimed, 1), 4)
