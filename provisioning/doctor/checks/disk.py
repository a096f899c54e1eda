"""Has the disk room, can the hub write to it, is it well, and can the store be read? Writes nothing."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from provisioning.doctor.finding import Check, Finding, skipped, warning, well, wrong
from provisioning.doctor.scene import Scene

STORE = "hub.db"
_HEADER = b"SQLite format 3\0"
_PIECE = 1 << 20
STORE_BYTES_READ_MAX = 64 << 20
"""S12: so much of the store is read through; it is smaller in any home."""

FREE_WRONG, FREE_WARNING = 64 << 20, 512 << 20
"""Bytes: the store's bounds and its log fit into the first, a voice's phrases and the logs of weeks into the second."""

INODES_WARNING = 1_000
_WORN = 0x0B
_NEARLY_WORN = 0x09
_NOW_LOW, _WAS_LOW = 0x1, 0x10000


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The disk under the hub's state. What is None could not be told.

    `life`: an eMMC's own estimate of how worn it is, 1 (new) to 11 (worn out). `errors`: what the kernel counted on
    the file system. `throttled`: the Pi's own word on its supply.
    """

    folder: str
    user: str
    trouble: str = ""
    writable: bool = True
    read_only: bool = False
    free: int = FREE_WARNING
    inodes: int | None = None
    life: int | None = None
    errors: int | None = None
    store: str = "well"
    aside: tuple[str, ...] = ()
    throttled: int | None = None


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether what the hub must remember will be remembered."""
    if facts.trouble:
        remedy = "start the hub: it makes its folder itself; if it cannot, its log says why"
        yield wrong(facts.folder, facts.trouble, remedy)
        return
    if facts.read_only:
        yield wrong(
            facts.folder, "the disk is mounted read-only", "see dmesg: a card that fails is often made so; replace it"
        )
    elif not facts.writable:
        remedy = f"sudo chown -R hearthline: {facts.folder}"
        yield wrong(facts.folder, f"the hub's user {facts.user} may not write here", remedy)
    else:
        yield well(facts.folder, f"the hub's user {facts.user} may write here")
    yield _room(facts)
    if facts.errors:
        yield wrong("disk", f"the kernel counted {facts.errors} errors on it", "replace the card or disk, and restore")
    if facts.life is not None and facts.life >= _NEARLY_WORN:
        make = wrong if facts.life >= _WORN else warning
        yield make("disk", f"worn: step {facts.life} of 11 by its own account", "replace it")
    yield _store(facts)
    if facts.aside:
        found = f"an unreadable store was put aside: {', '.join(facts.aside)}"
        yield warning("store", found, "keep it, tell the site, and watch this card: it lost data once")
    if facts.throttled is not None:
        yield from _supply(facts.throttled)


def _room(facts: Facts) -> Finding:
    free = f"{facts.free >> 20} MiB free"
    if facts.free < FREE_WRONG:
        return wrong("disk", f"full: {free}", "make room: sudo journalctl --vacuum-size=50M; df -h shows where it went")
    if facts.inodes is not None and facts.inodes < INODES_WARNING:
        return warning("disk", f"room for {facts.inodes} more files only", "remove what fills it with small files")
    if facts.free < FREE_WARNING:
        return warning("disk", free, "make room: sudo journalctl --vacuum-size=50M; df -h shows where it went")
    return well("disk", free)


def _store(facts: Facts) -> Finding:
    if facts.store == "well":
        return well("store", "there, and can be read")
    if facts.store == "none":
        return skipped("store", "none yet: the hub makes it when it first starts")
    if facts.store == "not allowed":
        return skipped("store", "not looked at: run the doctor with sudo")
    remedy = "restart the hub: it puts aside what it cannot read, and keeps it; then watch this card"
    return wrong("store", facts.store, remedy)


def _supply(throttled: int) -> Iterator[Finding]:
    remedy = "use the Pi's own power supply and a short cable"
    if throttled & _NOW_LOW:
        yield wrong("power supply", "its voltage is too low now", remedy)
    elif throttled & _WAS_LOW:
        yield warning("power supply", "its voltage was too low since the start", remedy)
    else:
        yield well("power supply", "its voltage was never too low since the start")


# --- probing ------------------------------------------------------------------------------------------


def probe(scene: Scene) -> Facts:
    """Look at the file system of the hub's state directory, and at its store."""
    folder = scene.config.state_dir if scene.config else Path()
    try:
        status, room = folder.stat(), os.statvfs(folder)
    except OSError as error:
        return Facts(folder=str(folder), user=scene.user.name, trouble=f"{error.strerror}")
    if not stat.S_ISDIR(status.st_mode):
        return Facts(folder=str(folder), user=scene.user.name, trouble="not a directory")
    disk = scene.root / f"sys/dev/block/{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    return Facts(
        folder=str(folder),
        user=scene.user.name,
        writable=scene.user.may(status, stat.S_IWOTH | stat.S_IXOTH),
        read_only=bool(room.f_flag & os.ST_RDONLY),
        free=room.f_bavail * room.f_frsize,
        inodes=room.f_favail if room.f_files else None,
        life=_life(disk),
        errors=_number(scene.root / "sys/fs/ext4" / disk.resolve().name / "errors_count"),
        store=_look_at_store(folder / STORE),
        aside=_aside(folder),
        throttled=_number(scene.root / "sys/devices/platform/soc/soc:firmware/get_throttled", 16),
    )


def _life(disk: Path) -> int | None:
    """Read an eMMC's wear (JEDEC JESD84-B51, DEVICE_LIFE_TIME_EST): the worse of its two kinds of cell."""
    for folder in (disk, disk.resolve().parent):
        with contextlib.suppress(OSError, ValueError):
            return max(int(each, 16) for each in (folder / "device/life_time").read_text().split())
    return None


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(path.read_text().strip(), base)
    except (OSError, ValueError):
        return None


def _aside(folder: Path) -> tuple[str, ...]:
    with contextlib.suppress(OSError):
        return tuple(
            sorted(each.name for each in folder.iterdir() if ".quarantine-" in each.name and each.suffix != "-wal")
        )
    return ()


def _look_at_store(path: Path) -> str:
    """Read the store's file through, as far as it is sane; give "well", "none", "not allowed" or what is wrong."""
    try:
        with path.open("rb") as file:
            first = file.read(len(_HEADER))
            if first not in (b"", _HEADER):
                return f"{path.name} is no store"
            for _ in range(STORE_BYTES_READ_MAX // _PIECE):
                if not file.read(_PIECE):
                    break
    except FileNotFoundError:
        return "none"
    except PermissionError:
        return "not allowed"
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    return "well"


def _look(scene: Scene) -> Iterable[Finding]:
    return judge(probe(scene))


CHECK = Check("disk", "Disk and power", _look)
