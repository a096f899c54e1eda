"""Runs the hub's agent for the trial of supervision: its time can be put forward, and its power supplies are a folder.

`python -m simulators.trials.supervision.hub FOLDER HURRY ...` (what follows are the arguments of `simulators.pins`).
FOLDER holds `ahead` (how many ms its clocks are ahead of ours, as if the machine had slept), `trust` (the wall clock is
trusted while it is there), `power` (the supplies), and `deaf` (the pins' thread is dead while it is there). With HURRY
1 what is looked at every few seconds is looked at more often, so that a round is short; bounds hold all the same.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from agent import housekeeping
from agent.clock import SystemClock
from agent.power import LOOK_EVERY_S, SystemSupplies
from agent.pump import BEAT_S
from agent.seams import Seams
from agent.store.writer import Writer
from rules.values import Now
from sensors import listening
from simulators import pins
from simulators.trials.drivers.hub import break_pins


class AheadClock(SystemClock):
    """The machine's clocks, ahead by what a file says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(synced=(folder / "trust").exists)
        self._ahead = folder / "ahead"

    def now(self) -> Now:
        """Give this moment."""
        now, ahead_ms = super().now(), int(self._ahead.read_text())
        return replace(now, ms=now.ms + ahead_ms, wall_ms=now.wall_ms + ahead_ms)


def main(argv: Sequence[str]) -> int:
    """Put it all in, and run the hub; give its exit code."""
    folder, hurry, rest = Path(argv[0]), argv[1] == "1", argv[2:]
    if hurry:
        housekeeping.CLOCK_EVERY_S = 0.5
        setattr(listening, "SLOT_S", 0.2)  # noqa: B010 -- where it is used, and it is another module's
        getattr(Writer.__init__, "__kwdefaults__")["steady_s"] = 1.0  # noqa: B009 -- functions have it, `object` does not
    break_pins(folder)
    supplies = SystemSupplies(folder / "power", every_s=0.2 if hurry else LOOK_EVERY_S)
    return pins.main(rest, clock=AheadClock(folder), seams=Seams(supplies=supplies, beat_s=0.05 if hurry else BEAT_S))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
