"""The only place that asks the time: boot-relative for durations, wall time for people, and whether it is trusted."""

import ctypes
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rules.values import Now

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

TIMESYNC = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd touches it at each synchronisation, and takes it away when it ends."""

SYNC_LASTS_S = 32_000
"""The kernel's own verdict: unsynchronised once the error may be 16 s, at 500 ppm (its kernel/time/ntp.c)."""

_ASK_SYNCED_EVERY_MS = 1_000
_STA_UNSYNC = 0x40
_TIME_ERROR = 5


class Clock(Protocol):
    """Tells the time. `boot` names this boot of the machine: what was timed in another boot cannot be compared (S6)."""

    @property
    def boot(self) -> str:
        """Which boot `Now.ms` counts from."""

    def now(self) -> Now:
        """Give this moment."""


class Timex(ctypes.Structure):
    """What is read here of adjtimex(2)'s `struct timex`, as 64-bit Linux lays it out, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


def synced() -> bool:
    """Tell whether something keeps the wall clock right: the kernel knows, or else systemd-timesyncd does.

    As a service the hub may not ask the kernel: adjtimex(2) also sets the clock, and is closed to it.
    """
    kernel = kernel_synced()
    return timesync_synced(time.time_ns() / 1e9) if kernel is None else kernel


def kernel_synced() -> bool | None:
    """Ask the kernel. None where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    asked = Timex(modes=0)  # change nothing
    state: int = adjtimex(ctypes.byref(asked))
    return None if state < 0 else state != _TIME_ERROR and not asked.status & _STA_UNSYNC


def timesync_synced(wall_s: float, path: Path = TIMESYNC) -> bool:
    """Tell whether systemd-timesyncd synchronised not long ago, by the wall clock it set."""
    try:
        age_s = wall_s - path.stat().st_mtime
    except OSError:
        return False
    return -1 < age_s < SYNC_LASTS_S


def boot_id(path: Path = BOOT_ID) -> str:
    """Give 12 hexadecimal digits that are new for every boot and say nothing of the machine or its people.

    Where the kernel does not tell, a random one: a restart then counts as a reboot, which raises what was pending
    rather than forget it (S6).
    """
    try:
        return path.read_text("ascii").replace("-", "").strip()[:12] or secrets.token_hex(6)
    except (OSError, UnicodeError):
        return secrets.token_hex(6)


class SystemClock:
    """The machine's clocks. Cheap enough to ask for every event: the kernel's verdict is asked once a second."""

    def __init__(self, synced: Callable[[], bool] = synced, boot: str | None = None) -> None:
        self.boot = boot or boot_id()
        self._ask = synced
        self._synced = False
        self._asked_ms: int | None = None

    def now(self) -> Now:
        """Give this moment: CLOCK_BOOTTIME runs on through a suspend, and no one can set it."""
        ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        if self._asked_ms is None or ms - self._asked_ms >= _ASK_SYNCED_EVERY_MS:
            self._asked_ms, self._synced = ms, self._ask()
        return Now(ms, time.time_ns() // 1_000_000, self._synced)
