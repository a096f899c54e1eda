"""Mock pins that can be watched: gpiozero's, in the process of the agent that uses them, held and seen from outside."""

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from gpiozero.pins.mock import MockFactory, MockPWMPin

Level = Literal["low", "high", "free"]

_MockPin: Any = MockPWMPin
_MockFactory: Any = MockFactory  # gpiozero has no types


class PinBusyError(Exception):
    """The pin is an output: nobody can drive it from outside."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """An output pin changed: its `value` (0 to 1), when (`ms`, boot-relative), and its pitch if it makes a tone."""

    pin: int
    value: float
    ms: int
    hz: float | None = None


def boot_ms() -> int:
    """Tell the boot-relative clock, in milliseconds: the one the agent's durations run on."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class WatchedPin(_MockPin):  # type: ignore[misc]
    """A mock pin that tells its factory of every change as an output, and that remembers who holds it from outside."""

    def __init__(self, factory: "WatchedFactory", info: Any) -> None:  # noqa: ANN401 -- gpiozero's
        self._held: bool | None = None
        super().__init__(factory, info)

    def hold(self, level: Level) -> None:
        """Drive the pin from outside, or let the pull have it. Its callbacks run here and now, in this thread.

        Raises:
            PinBusyError: it is an output.

        """
        if self.function != "input":
            raise PinBusyError(f"pin {self.number} is an output")
        self._held = None if level == "free" else level == "high"
        self._settle()

    @property
    def closed_level(self) -> Level:
        """The level that a contact wired to this pin takes it to: away from its pull (to ground, if it floats)."""
        return "high" if self.pull == "down" else "low"

    def _settle(self) -> None:
        high = self._held if self._held is not None else self.pull != "down"
        if high:
            self.drive_high()
        else:
            self.drive_low()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self._held is not None:
            self._settle()

    def _set_function(self, value: str) -> None:
        was = self._function
        super()._set_function(value)
        if "output" in {was, value} and was != value:
            self._tell()

    def _change_state(self, value: float) -> bool:
        changed: bool = super()._change_state(value)
        if changed and self._function == "output":
            self._tell()
        return changed

    def _set_frequency(self, value: float | None) -> None:
        was = self._frequency
        super()._set_frequency(value)
        if self._state and value != was:
            self._tell()

    def now(self, ms: int) -> Change:
        """Give what this pin puts out. One that is no output any more puts out nothing."""
        value = self._state if self._function == "output" else 0
        return Change(self.number, float(value), ms, self._frequency if value else None)

    @property
    def number(self) -> int:
        """The Broadcom number."""
        return int(self.info.name.removeprefix("GPIO"))

    def _tell(self) -> None:
        self.factory.tell(self)


class WatchedFactory(_MockFactory):  # type: ignore[misc]
    """gpiozero's mock pin factory, with pins that can be watched."""

    def __init__(self, clock: Callable[[], int] = boot_ms) -> None:
        self._clock = clock
        self._watchers: list[Callable[[Change], None]] = []
        self._shown: dict[int, tuple[float, float | None]] = {}
        self._lock = threading.Lock()
        super().__init__(pin_class=WatchedPin)

    def tell(self, pin: WatchedPin) -> None:
        """Tell every watcher of this pin, in the thread that changed it."""
        with self._lock:  # also around looking: or two threads could tell the older value last
            change = pin.now(self._clock())
            shown = (change.value, change.hz)
            if shown == self._shown.get(change.pin):
                return  # closing a device darkens its pin more than once
            self._shown[change.pin] = shown
            for watcher in self._watchers:
                watcher(change)

    def watch(self, watcher: Callable[[Change], None]) -> None:
        """Tell `watcher` all outputs now, then each change. It is called on other threads, and must never block."""
        with self._lock:
            self._watchers.append(watcher)
            for pin in list(self.pins.values()):
                if pin.function == "output":
                    watcher(pin.now(self._clock()))

    def unwatch(self, watcher: Callable[[Change], None]) -> None:
        """Tell it no more."""
        with self._lock:
            self._watchers.remove(watcher)
