"""When many losses are one: a broker, a provider, a town without power. Pure."""

from collections.abc import Sequence

WINDOW_MS = 120_000
"""Losses within so long of each other may have one cause. One cut shows for 30 s to 75 s, as each line times out."""

FEW = 5
MANY = 25
"""Whatever the size of the service: nobody can answer so many silent homes in two minutes one by one."""


def usual(homes: int) -> int:
    """Give how many homes of so many may be lost in a window without having one cause.

    3 % of them, but at least `FEW` and no more than `MANY`: with 10,000 homes, 250 in one town would else be 250 cases.
    A home loses its line for long about once a week: of 10,000 two in a window. One in a thousand allows for
    services so large that chance alone makes `MANY`.
    """
    return max(FEW, min(homes * 3 // 100, MANY), homes // 1000)


def dense(moments: Sequence[int], most: int) -> list[bool]:
    """Say of each moment (sorted, ms) whether it lies in some window that holds more than `most` of them."""
    marks = [False] * len(moments)
    first = marked = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > WINDOW_MS:
            first += 1
        if last - first + 1 > most:
            for place in range(max(first, marked), last + 1):
                marks[place] = True
            marked = last + 1
    return marks
