"""The clocks of the simulated world: the true time, and what the box believes about it."""

import asyncio

from rules.values import Now

BEGAN_S = 1_000.0
"""Where the virtual loop begins."""

DAWN_MS = 1_767_225_600_000
"""True Unix time at the world's beginning: 2026-01-01T00:00:00Z."""

NO_CLOCK_MS = 1_700_000_000_000
"""What a box without a clock of its own believes after a boot: the day its image was made."""


def world_ms() -> int:
    """Give the milliseconds since the world began."""
    return int((asyncio.get_running_loop().time() - BEGAN_S) * 1000 + 0.001)


def true_now() -> Now:
    """Give the true time."""
    ms = world_ms()
    return Now(ms, DAWN_MS + ms, synced=True)


class BoxClock:
    """The box's clock: `boot` and `ms` begin anew with every boot, the wall clock is `off_ms` from the truth."""

    def __init__(self, boot: str) -> None:
        self.boot = boot
        self.off_ms = 0
        self.synced = True
        self._booted_ms = world_ms() - 7_000  # a kernel is some seconds old when the hub starts

    def now(self) -> Now:
        """Give this moment as the box knows it."""
        ms = world_ms()
        return Now(ms - self._booted_ms, DAWN_MS + ms + self.off_ms, self.synced)

    def world_ms(self, ms: int) -> int:
        """Give the world's time of a moment on this boot's clock."""
        return ms + self._booted_ms
