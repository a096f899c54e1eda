"""Levers that reach into the demonstration's hub: its wall clock, its disk, its siren. A few words of shared memory."""

import ctypes
import mmap
from pathlib import Path

ASK_KERNEL, TRUSTED, DOUBTED = 0, 1, 2
"""Positions of `clock_trust`: what the hub is told when it asks whether something keeps its wall clock right."""


class Levers(ctypes.Structure):
    """Levers, all at rest when new. Whoever holds the same file sees one move at once, and never half-moved."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in ("wall_ms", "clock_trust", "siren_ms", "disk_wanted", "disk_there", "disk_full")
    )

    wall_ms: int
    """How far the hub's wall clock is ahead of the machine's, in ms."""
    clock_trust: int
    siren_ms: int
    """How long after the raise the siren is due, in ms; 0: as the ladder has it."""
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
