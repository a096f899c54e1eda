"""The hub's own buttons: call and cancel count when pressed, "help has arrived" when held; a dead one is a fault.

Cancel answers as well: let go shortly, or held. Whether a press of cancel was about a call is for the rules to know.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from agent.config import ButtonName
from rules.events import (
    AnswerHeld,
    AnswerPressed,
    CallPressed,
    CancelPressed,
    DriverFailed,
    DriverRecovered,
    Event,
    HelpArrived,
    PartChanged,
)
from sensors.debounce import LongPress, Press
from sensors.driver import MonotonicMs, Observation, SensorDriver
from sensors.listening import Listening
from sensors.options import GpioOptions

STUCK_MS = 60_000
"""A button down for so long is stuck: it cannot call for help any more, and somebody must know (S7)."""

Tell = Callable[[Event], object]


class Button:
    """One button, without I/O: `feed` what was seen, ask `due` when to come back, then `settle`.

    A call button that is down already when the hub starts calls, once: somebody may be lying on it. The others must
    have been seen up first, so that a stuck one can neither take an alarm back, nor take it over, nor answer.
    """

    def __init__(self, name: ButtonName) -> None:
        self._name: ButtonName = name
        self._hold = LongPress()
        self._down: bool | None = None
        self._down_ms = 0
        self._stuck_at_ms: int | None = None
        self._trouble = ""

    def feed(self, observation: Observation, at_ms: int) -> list[Event]:
        """Take what the pin told."""
        match observation.what:
            case "active" | "clear":
                return self._level(observation.what == "active", at_ms)
            case "unavailable" if observation.on:
                return self._unseen(observation.detail)
            case "unavailable":
                return self._troubled("")  # a level that changed meanwhile is told next
            case _:
                return []

    def lost(self, reason: str) -> list[Event]:
        """The whole board cannot be seen: its first level afterwards is as at the start."""
        self._down = None
        return self._unseen(reason)

    def _unseen(self, reason: str) -> list[Event]:
        self._stuck_at_ms = None
        self._hold = LongPress()
        return self._troubled(reason or "it cannot be read")

    def due(self) -> int | None:
        """When to call `settle`; None: not at all."""
        return min((due for due in (self._hold.due(), self._stuck_at_ms) if due is not None), default=None)

    def settle(self, now_ms: int) -> list[Event]:
        """Tell what time alone has made true by `now_ms`."""
        events = self._pressed(self._hold.settle(now_ms), now_ms)
        if self._stuck_at_ms is not None and now_ms >= self._stuck_at_ms:
            self._stuck_at_ms = None
            events += self._troubled(f"down for {STUCK_MS // 1_000} s: it is stuck")
        return events

    def _level(self, down: bool, at_ms: int) -> list[Event]:  # noqa: FBT001 -- a level
        before, self._down = self._down, down
        if before is down:
            return []
        self._stuck_at_ms = at_ms + STUCK_MS if down else None
        self._down_ms = at_ms if down else self._down_ms
        events = self._troubled("")
        if self._name == "call":
            return [*events, CallPressed()] if down else events
        if before is None:
            return events
        if self._name == "cancel" and down:
            events.append(CancelPressed())
        return events + self._pressed(self._hold.feed(down, at_ms), at_ms)

    def _pressed(self, press: Press | None, at_ms: int) -> list[Event]:
        match self._name, press:
            case "arrived", "held":
                return [HelpArrived()]
            case "cancel" | "answer", "held":
                return [AnswerHeld(at_ms - self._down_ms)]
            case "cancel" | "answer", "short":
                return [AnswerPressed(at_ms - self._down_ms)]
            case _:
                return []

    def _troubled(self, reason: str) -> list[Event]:
        changed = bool(reason) != bool(self._trouble)
        self._trouble = reason
        return [PartChanged(f"button-{self._name}", not reason, reason[:200])] if changed else []


class ButtonBoard:
    """The buttons on their pins: `pins` gives each one's Broadcom number. They close to ground.

    `factory` gives the pin factory (`agent.pins.Board.factory`); while it raises, every button is a fault and it is
    tried again.
    """

    def __init__(
        self, pins: Mapping[ButtonName, int], factory: Callable[[], Any], clock: MonotonicMs, tell: Tell
    ) -> None:
        self._addresses = {f"GPIO{pin}": name for name, pin in pins.items()}
        self._buttons = {name: Button(name) for name in pins}
        self._factory = factory
        self._clock = clock
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Listen until cancelled; returns at once when there are no buttons."""
        if not self._buttons:
            return
        try:
            await Listening({"buttons": self._open}, self._heard, self._failed).run()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _open(self) -> SensorDriver:
        from sensors.gpio import GpioDriver  # noqa: PLC0415 -- it imports gpiozero

        return GpioDriver(GpioOptions(), tuple(self._addresses), self._clock, self._factory())

    def _heard(self, _driver: str, observation: Observation) -> None:
        button = self._buttons[self._addresses[observation.address]]
        self._tell_all(button.feed(observation, self._clock()))

    def _failed(self, event: DriverFailed | DriverRecovered | PartChanged) -> None:
        """Every button is lost with the board; each is well again when it is seen again."""
        if isinstance(event, PartChanged):
            self._tell(event)
        elif isinstance(event, DriverFailed):
            for button in self._buttons.values():
                self._tell_all(button.lost(event.reason))

    def _settle(self) -> None:
        self._timer = None
        for button in self._buttons.values():
            self._tell_all(button.settle(self._clock()))

    def _tell_all(self, events: list[Event]) -> None:
        for event in events:
            self._tell(event)
        dues = [due for button in self._buttons.values() if (due := button.due()) is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if dues:
            wait_s = max(0, min(dues) - self._clock()) / 1_000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._settle)
