"""The queue: who needs somebody first, and how long they have waited already. Pure projections of the cases."""

from collections.abc import Iterable

from centre.cases.case import Case
from rules.values import Value

MARKS_MS = (60_000, 180_000)
"""Within these an alarm is to be answered: 97.5 % within 60 s, 99 % within 180 s (the field's figures)."""


class Waiting(Value, frozen=True, kw_only=True):
    """A line of the queue. `needed`: nobody has it, or its owner must look now. `waited_ms` counts since then, else 0.

    `mark` is how many of MARKS_MS have passed. `asked`: its owner is asked for a word.
    """

    case: Case
    needed: bool
    asked: bool
    waited_ms: int
    mark: int


def queue(cases: Iterable[Case], at_ms: int) -> tuple[Waiting, ...]:
    """Sort the open cases: first those that need somebody; of these the most urgent, and who has waited longest."""
    lines = [_line(case, at_ms) for case in cases if case.open and case.cause != "test"]
    return tuple(sorted(lines, key=_rank))


def tests(cases: Iterable[Case], at_ms: int) -> tuple[Waiting, ...]:
    """Sort the open tests likewise: nobody is in need, but an installer or a resident waits for an answer."""
    return tuple(sorted((_line(case, at_ms) for case in cases if case.open and case.cause == "test"), key=_rank))


def _rank(line: Waiting) -> tuple[bool, int, int, int, str]:
    return not line.needed, line.case.priority, -line.waited_ms, line.case.opened_ms, line.case.id


def _line(case: Case, at_ms: int) -> Waiting:
    asked = case.ask_ms is not None and at_ms >= case.ask_ms
    # An alarm that its owner has not seen, or a case handed over, asks its owner at once (`centre.cases.holding`).
    since_ms = (case.ask_ms if asked else None) if case.held else case.since_ms
    waited_ms = 0 if since_ms is None else max(0, at_ms - since_ms)
    mark = sum(waited_ms >= mark_ms for mark_ms in MARKS_MS)
    return Waiting(case=case, needed=since_ms is not None, asked=asked, waited_ms=waited_ms, mark=mark)
