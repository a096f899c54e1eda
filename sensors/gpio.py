"""Listens to plain contacts on the hub's own pins, over gpiozero.

gpiozero calls back on a thread of its own, where an exception would silence the pin: nothing happens there but noting
the edge and waking the event loop. Debouncing is ours (`sensors.contact`); gpiozero's own is not used.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from gpiozero.input_devices import DigitalInputDevice

from sensors.contact import Contact, parse_contact
from sensors.driver import Ear, MonotonicMs, Observation
from sensors.options import GpioOptions

_open_input: Callable[..., Any] = DigitalInputDevice

_MISSED_MAX = 2
"""So many readings in a row found a change that was never told, and whatever calls back is dead; one may be late."""

_EDGES_MAX = 1_024  # a chattering pin; what is dropped, the next reading of the levels puts right


class PinsLostError(Exception):
    """Not one of the configured pins can be read. The message names the first one's reason."""


class GpioDriver:
    """A sensor driver for contacts. Addresses: see `sensors.contact.parse_contact`.

    A pin that cannot be set up or read is told as `unavailable` and tried again at every reading; the others go on.
    S7: when contacts change and no edge is told, the driver is deaf, and still hears what it reads.
    """

    def __init__(
        self,
        options: GpioOptions,
        addresses: Sequence[str],
        clock: MonotonicMs,
        pin_factory: Any,  # noqa: ANN401 -- gpiozero.pins.Factory, which has no types
    ) -> None:
        self._options, self._clock, self._pin_factory = options, clock, pin_factory
        self._pins = [_Pin(address, options.debounce_ms) for address in addresses]
        self._edges: deque[tuple[_Pin, bool, int]] = deque(maxlen=_EDGES_MAX)
        self._edges_dropped = self._noise = self._missed = 0
        self._woken = False

    async def run(self, ear: Ear) -> None:
        """Listen until cancelled.

        Raises:
            PinsLostError: there are pins, and not one of them can be read.

        """
        loop = asyncio.get_running_loop()
        wake, timer = asyncio.Event(), _Timer(loop)

        def noted(pin: "_Pin", closed: bool) -> None:  # noqa: FBT001 -- a level
            # On gpiozero's thread. S7: an exception here would silence the pin for good.
            with contextlib.suppress(Exception):
                self._edges_dropped += len(self._edges) == _EDGES_MAX
                self._edges.append((pin, closed, self._clock()))
                if not self._woken:
                    self._woken = True
                    loop.call_soon_threadsafe(wake.set)  # raises once the loop is closed

        try:
            self._woken = False
            self._read_levels(ear, noted)
            ear.listening()
            next_reading_ms = self._clock() + self._reread_ms
            while True:
                timer.at(self._next_ms(next_reading_ms) - self._clock(), wake)
                await wake.wait()
                wake.clear()
                self._woken = False  # before the edges are taken, so that none is left behind unnoticed
                self._take_edges(ear)
                now_ms = self._clock()
                if now_ms >= next_reading_ms:
                    next_reading_ms = now_ms + self._reread_ms
                    self._read_levels(ear, noted)
                self._tell(ear, [seen for pin in self._pins for seen in pin.contact.settle(now_ms)])
                self._count(ear)
        finally:
            timer.stop()
            for pin in self._pins:
                pin.close()

    @property
    def _reread_ms(self) -> int:
        return int(self._options.reread_s * 1000)

    def _next_ms(self, reading_ms: int) -> int:
        dues = (pin.contact.due() for pin in self._pins)
        return min([reading_ms, *(due for due in dues if due is not None)])

    def _take_edges(self, ear: Ear) -> None:
        for _ in range(len(self._edges)):
            pin, closed, at_ms = self._edges.popleft()
            pin.level = closed
            if self._missed >= _MISSED_MAX:
                ear.listening()
            self._missed = 0
            self._tell(ear, pin.contact.feed(closed, at_ms))

    def _count(self, ear: Ear) -> None:
        """S12: edges that meant nothing, or found no place."""
        noise = self._edges_dropped + sum(pin.contact.spikes for pin in self._pins)
        if noise > self._noise:
            ear.noise(noise - self._noise)
            self._noise = noise

    def _read_levels(self, ear: Ear, noted: "_Noted") -> None:
        """Read every pin: a contact closed already at the start gives no edge, and an edge can be missed."""
        untold = False
        for pin in self._pins:
            try:
                closed = pin.read(self._options.pull, self._pin_factory, noted)
            except Exception as problem:  # noqa: BLE001 -- gpiozero and lgpio raise many kinds; the other pins go on
                pin.fail(problem)
                self._tell(ear, [Observation(pin.contact.address, "unavailable", str(problem))])
            else:
                untold |= pin.changed_untold(closed)
                if pin.recovered() and not pin.contact.chatters:
                    self._tell(ear, [Observation(pin.contact.address, "unavailable", on=False)])
                self._tell(ear, pin.contact.feed(closed, self._clock()))
        self._missed += untold
        if self._missed >= _MISSED_MAX:
            ear.deaf(f"contacts change and nobody calls: they are only read, every {self._options.reread_s:g} s")
        problems = [pin.problem for pin in self._pins if pin.problem is not None]
        if problems and len(problems) == len(self._pins):
            raise PinsLostError(f"no pin can be read: {problems[0]}")

    @staticmethod
    def _tell(ear: Ear, observations: list[Observation]) -> None:
        for observation in observations:
            ear.heard(observation)


class _Pin:
    """One contact and the gpiozero device it is read by, opened when first read and again after it failed."""

    def __init__(self, address: str, debounce_ms: int) -> None:
        where = parse_contact(address)
        self._number = where.pin
        self.contact = Contact(address, where.rest, debounce_ms)
        self.problem: str | None = None
        self.level: bool | None = None
        self._failed = True  # as far as anybody knows: a fault may stand from before
        self._device: Any = None

    def read(self, pull: str, pin_factory: Any, noted: "_Noted") -> bool:  # noqa: ANN401 -- as above
        """Say whether the contact is closed."""
        if self._device is None:
            # With the pull on one side, a contact that closes takes the pin to the other: value 1 either way.
            device = _open_input(self._number, pull_up=pull == "up", pin_factory=pin_factory)
            self._device = device
            device.when_activated = lambda: noted(self, True)  # noqa: FBT003 -- a level
            device.when_deactivated = lambda: noted(self, False)  # noqa: FBT003 -- likewise
        return bool(self._device.value)

    def changed_untold(self, closed: bool) -> bool:  # noqa: FBT001 -- a level
        """Say whether what is read now differs from what was told or read last."""
        before, self.level = self.level, closed
        return before is not None and before is not closed

    def fail(self, problem: Exception) -> None:
        self.level = None
        self.problem, self._failed = str(problem) or type(problem).__name__, True
        self.close()

    def recovered(self) -> bool:
        """Say, once, that the pin can be read after it could not."""
        was, self._failed, self.problem = self._failed, False, None
        return was

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            with contextlib.suppress(Exception):
                device.close()


_Noted = Callable[[_Pin, bool], None]


class _Timer:
    """One timer that wakes an event."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def at(self, wait_ms: int, wake: asyncio.Event) -> None:
        self.stop()
        self._handle = self._loop.call_later(max(wait_ms, 0) / 1000, wake.set)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
