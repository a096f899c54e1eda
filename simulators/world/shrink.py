"""Shrinks a script that breaks a promise to the few incidents that matter: delta debugging over the list."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from simulators.world.script import Script

LEAD_MS = 10 * 60_000
"""How long a shrunk world lives before its first incident: it connects, and comes to rest."""

TRIALS_MAX = 400
SHORT_MS = 1_000

Breaks = Callable[[Script], bool]


class Shrunk(NamedTuple):
    """What is left, and how often the world was played for it."""

    script: Script
    trials: int


def shrink(script: Script, breaks: Breaks, *, trials_max: int = TRIALS_MAX) -> Shrunk:
    """Drop whatever can be dropped while the same promise stays broken. `breaks` plays a script and says so.

    Every incident is complete in itself, so every part of a script is one.
    """
    trials = 0

    def still(candidate: Script) -> bool:
        nonlocal trials
        if trials >= trials_max:
            return False
        trials += 1
        return breaks(candidate)

    parts = 2
    while len(script) > 1:
        size = -(-len(script) // parts)
        for start in range(0, len(script), size):
            rest = script[:start] + script[start + size :]
            if rest and still(rest):
                script, parts = _sooner(rest, still), max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(script), parts * 2)
        if trials >= trials_max:
            break
    return Shrunk(_shorter(script, still), trials)


def _sooner(script: Script, still: Breaks) -> Script:
    """Let it begin sooner: idle days cost time and tell nothing."""
    by_ms = script[0].at_ms - LEAD_MS
    if by_ms < LEAD_MS:
        return script
    moved = tuple(replace(each, at_ms=each.at_ms - by_ms) for each in script)
    return moved if still(moved) else script


def _shorter(script: Script, still: Breaks) -> Script:
    """Let what lasts last no longer than it must, roughly."""
    for index, each in enumerate(script):
        while script[index].ms > SHORT_MS:
            each = replace(script[index], ms=script[index].ms // 4)  # noqa: PLW2901 -- the next to be tried
            candidate = (*script[:index], each, *script[index + 1 :])
            if not still(candidate):
                break
            script = candidate
    return script
