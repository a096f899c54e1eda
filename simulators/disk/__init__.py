"""Disks under SQLite that count, stall, fail, call back, and lose at a power cut what was not synced."""

from simulators.disk.frail import DISK, VFS, Disk, available
from simulators.disk.moment import Keep, Moment
from simulators.disk.recording import RecordingDisk
from simulators.disk.vfs import FULL, IOERR, IOERR_FSYNC, IOERR_READ, IOERR_WRITE

__all__ = (
    "DISK",
    "FULL",
    "IOERR",
    "IOERR_FSYNC",
    "IOERR_READ",
    "IOERR_WRITE",
    "VFS",
    "Disk",
    "Keep",
    "Moment",
    "RecordingDisk",
    "available",
)
