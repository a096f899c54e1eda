"""Levers that reach into the demonstration's hub: its clock, its disk, its patience. A few words of shared memory."""

import ctypes
import mmap
from collections.abc import Callable
from pathlib import Path

from agent.clock import SystemClock, synced
from rules.values import Now

ASK_KERNEL, TRUSTED, DOUBTED = 0, 1, 2
"""Positions of `clock_trust`: what the hub is told when it asks whether something keeps its wall clock right."""


class Levers(ctypes.Structure):
    """Levers, all at rest when new. Whoever holds the same file sees one move at once, and never half-moved."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in (
            *("time_ms", "wall_ms", "clock_trust", "siren_ms", "minute_ms"),
            *("disk_wanted", "disk_there", "disk_full"),
        )
    )

    time_ms: int
    """How far the demonstration's time of day is ahead of the machine's, for the hub and the centre alike, in ms."""
    wall_ms: int
    """How far the hub's wall clock is ahead of everybody else's, in ms."""
    clock_trust: int
    siren_ms: int
    """How long after the raise the siren is due, in ms; 0: as the ladder has it."""
    minute_ms: int
    """How long a minute lasts of those that a care plan's reminders wait, in ms; 0: as long as any. Read when the hub
    starts."""
    disk_wanted: int
    """Whether the hub's store shall be on a disk that can be filled; read when the hub starts."""
    disk_there: int
    """Whether it is: the wrapper says so. Some Pythons' SQLite cannot be interfered with."""
    disk_full: int


def levers(path: Path) -> Levers:
    """Take hold of the levers at `path`, made if need be. Raises OSError."""
    with path.open("ab") as file:
        file.truncate(ctypes.sizeof(Levers))
    with path.open("r+b") as file:
        return Levers.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(Levers)))


class TimedClock(SystemClock):
    """The machine's clocks, at the demonstration's own time of day."""

    def __init__(self, lever: Levers, synced: Callable[[], bool] = synced) -> None:
        self._lever = lever
        super().__init__(synced=synced)

    def now(self) -> Now:
        """Give this moment: durations run as everywhere."""
        now = super().now()
        return Now(now.ms, now.wall_ms + self._lever.time_ms, now.synced)
