"""Runs the hub's agent for the clock's trials: on watched mock pins, and with what no test may do to a machine.

`python -m simulators.trials.clock.hub TRUST BOOT AGO_MS ...` (what follows are the arguments of `simulators.pins`).
libfaketime moves the wall clock; three things it cannot, and they are put in here, where the agent asks for them: the
kernel's verdict on the wall clock (TRUST, a file: the clock is trusted while it is there), which boot of the machine
this is, and how long ago that was.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from agent.clock import SystemClock
from rules.values import Now
from simulators import pins


class BootedClock(SystemClock):
    """The machine's clocks, as if it had booted `ago_ms` before this process started."""

    def __init__(self, trust: Path, boot: str, ago_ms: int) -> None:
        super().__init__(synced=trust.exists, boot=boot)
        self._from_ms = 0
        self._from_ms = self.now().ms - ago_ms

    def now(self) -> Now:
        """Give this moment."""
        now = super().now()
        return replace(now, ms=now.ms - self._from_ms)


def main(argv: Sequence[str]) -> int:
    """Put the clock in, and run the hub; give its exit code."""
    trust, boot, ago_ms, *rest = argv
    return pins.main(rest, clock=BootedClock(Path(trust), boot, int(ago_ms)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
