"""Looks at what the box runs on: the kernel's power supplies, as a UPS board or a laptop's battery shows them.

The files are those of the kernel's `Documentation/ABI/testing/sysfs-class-power`. A box without any cannot tell, which
is no fault; one that could tell and cannot any more is (S7).
"""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec

from rules.events import PartChanged, PowerChanged

POWER_SUPPLIES = Path("/sys/class/power_supply")

LOOK_EVERY_S = 5.0
LOOK_S_MAX = 4.0
"""A board on a bus that hangs must not hold up the hub: a look that takes longer is a fault."""

TELL_PERCENT = 2
"""A charge is told when it has moved so far: each telling is a commit, and cards wear out (S12)."""

TELL_HOURS = 0.5

SUPPLIES_MAX = 16
_FILE_BYTES_MAX = 64
_HOUR_S = 3_600


class Supply(msgspec.Struct, frozen=True):
    """One power supply. `online`, `percent` and `hours` are None where it does not say; `bad` counts unusable files."""

    battery: bool
    online: bool | None = None
    draining: bool | None = None
    percent: int | None = None
    hours: float | None = None
    critical: bool = False
    bad: int = 0


def read_supplies(folder: Path) -> list[Supply]:
    """Read every supply there is that could run the box; batteries of mice and the like are left out.

    Raises OSError when the folder is there and cannot be read.
    """
    if not folder.is_dir():
        return []
    found = (_read(each) for each in sorted(folder.iterdir())[:SUPPLIES_MAX])
    return [each for each in found if each is not None]


def _read(folder: Path) -> Supply | None:
    files = _Files(folder)
    kind = files.text("type")
    if not kind or files.text("scope") == "Device" or files.text("present") == "0":
        return None
    if kind != "Battery":
        online = files.number("online", 0, 2)  # 2: a programmable one
        return Supply(battery=False, online=None if online is None else online > 0, bad=files.bad)
    status = files.text("status")
    draining = {"Discharging": True, "Charging": False, "Full": False, "Not charging": False}.get(status or "")
    percent = files.number("capacity", 0, 100)
    return Supply(
        battery=True,
        draining=draining,
        percent=percent,
        hours=_hours(files) if draining else None,
        critical=files.text("capacity_level") == "Critical",
        bad=files.bad,
    )


def _hours(files: "_Files") -> float | None:
    """How long the battery lasts: by its own estimate, else from what is left and what is drawn."""
    for name in ("time_to_empty_now", "time_to_empty_avg"):
        seconds = files.number(name, 1, 10**7)
        if seconds is not None:
            return seconds / _HOUR_S
    for left, drawn in (("energy_now", "power_now"), ("charge_now", "current_now")):
        have, use = files.number(left, 0, 10**12), files.number(drawn, -(10**12), 10**12)
        if have is not None and use:
            return min(have / abs(use), 10**4)
    return None


class _Files:
    """The files of one supply. One that is missing says nothing; one that says nonsense is counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.bad = 0

    def text(self, name: str) -> str | None:
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(_FILE_BYTES_MAX).decode("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):  # ENODEV and EIO from a board that is gone or asleep
            self.bad += 1
            return None

    def number(self, name: str, least: int, most: int) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        digits = text.removeprefix("-")
        if digits.isdecimal() and least <= int(text) <= most:
            return int(text)
        self.bad += 1
        return None


def summed_up(supplies: Iterable[Supply]) -> PowerChanged:
    """Say what all supplies mean together: the mains is there when any brings it; the fullest battery counts."""
    supplies = list(supplies)
    batteries = [each for each in supplies if each.battery]
    online = [each.online for each in supplies if not each.battery and each.online is not None]
    # Without an adapter that says how it is, a battery's word is all there is: it drains, or it does not.
    drained = [each.draining for each in batteries if each.draining is not None]
    mains = any(online) if online else not any(drained) if drained else None
    hours = [each.hours for each in batteries if each.hours is not None]
    return PowerChanged(
        mains=mains,
        battery=max((each.percent for each in batteries if each.percent is not None), default=None),
        hours_left=round(sum(hours), 2) if hours and mains is False else None,
        critical=bool(batteries) and all(each.critical for each in batteries),
    )


def worth_telling(told: PowerChanged | None, now: PowerChanged) -> bool:
    """Whether what is seen differs enough from what was told last."""
    if told is None or (told.mains, told.critical) != (now.mains, now.critical):
        return True
    return _moved(told.battery, now.battery, TELL_PERCENT) or _moved(told.hours_left, now.hours_left, TELL_HOURS)


def _moved(told: float | None, now: float | None, by: float) -> bool:
    if told is None or now is None:
        return told is not now
    return abs(told - now) >= by


class SystemSupplies:
    """Reads the machine's supplies, each time in a thread of its own: a bus that hangs never hangs the hub."""

    def __init__(self, folder: Path = POWER_SUPPLIES, *, every_s: float = LOOK_EVERY_S) -> None:
        self._folder = folder
        self._every_s = every_s
        self._pause_s = 0.0
        self._look: asyncio.Future[list[Supply]] | None = None

    async def __call__(self) -> list[Supply]:
        """Give them as they are at the next look; the first is at once.

        Raises OSError, and TimeoutError when they have not answered in time; then the next call waits on: there is one
        thread at a time, which never delays the hub's exit.
        """
        await asyncio.sleep(self._pause_s)
        self._pause_s = self._every_s
        if self._look is None:
            loop = asyncio.get_running_loop()
            self._look = look = loop.create_future()
            threading.Thread(target=_looked, args=(self._folder, loop, look), name="power", daemon=True).start()
        done, _ = await asyncio.wait([self._look], timeout=LOOK_S_MAX)
        if not done:
            raise TimeoutError(f"a power supply has not answered for {LOOK_S_MAX:g} s")
        look, self._look = self._look, None
        return look.result()


def _looked(folder: Path, loop: asyncio.AbstractEventLoop, look: "asyncio.Future[list[Supply]]") -> None:
    def done(supplies: list[Supply], problem: OSError | None) -> None:
        if look.done():
            return
        if problem is not None:
            look.set_exception(problem)
        else:
            look.set_result(supplies)

    supplies: list[Supply] = []
    problem: OSError | None = None
    try:
        supplies = read_supplies(folder)
    except OSError as error:
        problem = error
    with contextlib.suppress(RuntimeError):  # the hub has ended meanwhile
        loop.call_soon_threadsafe(done, supplies, problem)


class PowerWatch:
    """Tells what the hub runs on whenever that changes. `bad` counts files that could not be used.

    `supplies` gives them whenever it is time to look. `tell` gives False when there was no place for an event: it is
    then told at the next look.
    """

    def __init__(
        self,
        supplies: Callable[[], Awaitable[list[Supply]]],
        tell: Callable[[PowerChanged | PartChanged], bool],
    ) -> None:
        self._supplies = supplies
        self._tell = tell
        self._told: PowerChanged | None = None
        self._trouble = ""
        self.bad = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self._seen(await self._supplies())
            except OSError as error:  # TimeoutError is one
                self._troubled(str(error) or type(error).__name__)

    def _seen(self, supplies: list[Supply]) -> None:
        self.bad += sum(each.bad for each in supplies)
        now = summed_up(supplies)
        if now == PowerChanged() and self._told not in (None, now):
            # What was known is not taken back: nobody has seen the mains return.
            self._troubled("the power supplies do not say any more how they are")
            return
        self._troubled("")
        if worth_telling(self._told, now) and self._tell(now):
            self._told = now

    def _troubled(self, reason: str) -> None:
        if bool(reason) == bool(self._trouble) or self._tell(PartChanged("power", not reason, reason)):
            self._trouble = reason
