"""What a sensor driver is: something that listens to one adapter and tells an `Ear` what devices said."""

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec

What = Literal["trigger", "active", "clear", "alive", "tamper", "battery-low", "unavailable", "reading"]


class Observation(msgspec.Struct, frozen=True):
    """One thing a device said, not yet tied to a configured sensor.

    `address` is the device's name on its own medium (a radio id, an MQTT friendly name, a pin), optionally
    narrowed by `/part`. `what`:

    - `trigger`: a momentary call for help (a press);
    - `active` / `clear`: a level that stays until cleared (wet, closed);
    - `alive`: nothing but a sign of life (any observation is one too);
    - `tamper`, `battery-low`, `unavailable`: a trouble, `on` or gone;
    - `reading`: `quantity`, `value`, `unit`.

    `detail` is the device's own word, for people to read. `kept` marks what a broker kept from before we listened: a
    level that counts, but no sign of life. `signal` and `battery` are how strongly the device was heard and how full
    its battery is, in percent, where its message tells: shown in the status, and told with any `what`.
    """

    address: str
    what: What
    detail: str = ""
    on: bool = True
    quantity: str = ""
    value: float = 0.0
    unit: str = ""
    kept: bool = False
    signal: int | None = None
    battery: int | None = None


class Ear(Protocol):
    """Where a driver tells what it hears. Every method is called on the event loop's thread and never blocks."""

    def heard(self, observation: Observation) -> None:
        """Tell of one thing a device said."""

    def listening(self) -> None:
        """Tell that the adapter is open and the driver hears (again)."""

    def deaf(self, reason: str) -> None:
        """Tell that the adapter is open but hears nothing for now (its bridge is down). `listening` ends it."""

    def noise(self, count: int = 1) -> None:
        """Count bytes or frames that meant nothing: survived, and shown in the status."""


class SensorDriver(Protocol):
    """Listens until cancelled. Raising means the adapter is lost: the listener reports it and runs the driver again."""

    async def run(self, ear: Ear) -> None:
        """Open the adapter, call `ear.listening()`, then tell the ear everything heard."""


MonotonicMs = Callable[[], int]
"""The injected boot-relative clock, in milliseconds."""
