"""Runs the demonstration's hub: the real agent on watched mock pins, with levers at its clock, its disk, its patience.

`python -m simulators.demo.hub LEVERS ...` (what follows are the arguments of `simulators.pins`). The boot-relative
clock has no lever: nobody can set it on a real machine either.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace as replace_seam
from pathlib import Path

from msgspec.structs import replace

from agent.clock import synced
from agent.plan import reminding
from agent.power import SystemSupplies
from agent.seams import Seams
from rules import plan
from rules.values import Now
from simulators import pins
from simulators.demo.card import RECORD, card
from simulators.demo.levers import ASK_KERNEL, TRUSTED, Levers, TimedClock, levers
from simulators.demo.mains import LOOK_S, SUPPLIES
from simulators.disk import FULL, Disk
from simulators.disk.vfs import WatchedVfs


class LeveredClock(TimedClock):
    """The demonstration's clocks, with a wall clock that jumps when its lever is moved."""

    def __init__(self, lever: Levers) -> None:
        super().__init__(lever, synced=_trust(lever))

    def now(self) -> Now:
        """Give this moment: only what people call the time can be wrong."""
        now = super().now()
        return replace(now, wall_ms=now.wall_ms + self._lever.wall_ms)


def _trust(lever: Levers) -> Callable[[], bool]:
    return lambda: synced() if lever.clock_trust == ASK_KERNEL else lever.clock_trust == TRUSTED


class FillingDisk(Disk):
    """A disk that takes no further byte while its lever says that it is full."""

    def __init__(self, lever: Levers) -> None:
        super().__init__()
        self._lever = lever

    def refused(self, operation: str) -> int:
        """Answer as SQLite's own file system does when the kernel says ENOSPC."""
        return FULL if operation == "write" and self._lever.disk_full else 0


def _put_disk_under(lever: Levers) -> None:
    try:
        WatchedVfs("hearthline-demo", FillingDisk(lever)).register(default=True)
    except OSError as problem:
        print(f"no disk that can be filled: {problem}", file=sys.stderr)
    else:
        lever.disk_there = 1


def main(argv: Sequence[str]) -> int:
    """Put the levers in, and run the hub; give its exit code."""
    lever = levers(Path(argv[0]))
    if lever.siren_ms:
        steps = tuple(replace(step, after_ms=lever.siren_ms) for step in plan.BUILT_IN.steps)
        plan.BUILT_IN = replace(plan.BUILT_IN, steps=steps)
    if lever.minute_ms:
        reminding.MIN = lever.minute_ms  # type: ignore[attr-defined]
    lever.disk_there = 0
    if lever.disk_wanted:
        _put_disk_under(lever)
    seams = Seams(sink=card(Path(argv[0]).with_name(RECORD)))
    if (supplies := Path(argv[0]).with_name(SUPPLIES)).exists():
        seams = replace_seam(seams, supplies=SystemSupplies(supplies, every_s=LOOK_S))
    return pins.main(argv[1:], clock=LeveredClock(lever), seams=seams)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
