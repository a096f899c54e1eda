"""The measures that every figure is made of: percentiles and shares, exact and never flattered. Pure."""

from array import array
from collections.abc import Iterable, Sequence

from rules.values import Value

MARKS: tuple[tuple[int, int], ...] = ((60_000, 975), (180_000, 990))
"""Within so many ms an alarm is to be answered, in so many of 1,000 cases: 97.5 % within 60 s, 99 % within 180 s.

The field's figures (TEC Quality's standard for monitoring centres).
"""


class Times(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How long something took, of so many `measured`; in ms, None where nothing was.

    Percentiles are by nearest rank: the smallest time measured that so many per cent of all do not exceed. `unknown`
    counts those that cannot be measured; they are in no percentile.
    """

    measured: int
    unknown: int
    p50_ms: int | None
    p90_ms: int | None
    p99_ms: int | None
    longest_ms: int | None


class Share(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How many were answered within a time: `met` of `of`. Those still waiting count once they have waited longer.

    `percent` is rounded down to a tenth, so that 97.5 is never shown for less; `target_percent` is what is aimed at.
    `reached` is judged by the counts; None where there is nothing to judge.
    """

    within_ms: int
    target_percent: float
    met: int
    of: int
    percent: float | None
    reached: bool | None


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """Give a percentile of numbers in order, of which there is one at least."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def times(measured: Iterable[int], unknown: int = 0) -> Times:
    """Make the percentiles of times, in whatever order."""
    ordered = sorted(measured)
    ranks = [nearest_rank(ordered, each) if ordered else None for each in (50, 90, 99, 100)]
    p50_ms, p90_ms, p99_ms, longest_ms = ranks
    return Times(
        measured=len(ordered), unknown=unknown, p50_ms=p50_ms, p90_ms=p90_ms, p99_ms=p99_ms, longest_ms=longest_ms
    )


def percent(part: int, whole: int) -> float | None:
    """Give a share in per cent, rounded down to a tenth; None of nothing."""
    return part * 1_000 // whole / 10 if whole else None


def shares(answered: Sequence[int], waiting: Iterable[int]) -> tuple[Share, ...]:
    """Judge times to an answer, and how long those have waited that have none, against the marks.

    Who has waited for less than a mark counts neither way at that mark.
    """
    still = array("q", waiting)
    found = []
    for within_ms, target in MARKS:
        met = sum(each <= within_ms for each in answered)
        of = len(answered) + sum(each > within_ms for each in still)
        found.append(
            Share(
                within_ms=within_ms,
                target_percent=target / 10,
                met=met,
                of=of,
                percent=percent(met, of),
                reached=met * 1_000 >= target * of if of else None,
            )
        )
    return tuple(found)
