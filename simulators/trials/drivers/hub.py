"""Runs the hub's agent for the drivers' trials: on watched mock pins, and with drivers that can be made to break.

`python -m simulators.trials.drivers.hub FOLDER ...` (what follows are the arguments of `simulators.pins`). While the
file `deaf` is in FOLDER, gpiozero's thread is dead: no edge of a pin calls back. While `raising` is, every callback of
a pin raises. A decoder that meets `POISON` in what it is fed raises.
"""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sensors import gpio, local_mqtt, rfxtrx
from sensors.driver import Observation
from sensors.zigbee2mqtt import Zigbee2MqttDecoder
from simulators import pins
from simulators.watched_pins import WatchedPin

POISON: Final = b"a bug of ours"


class PoisonedError(Exception):
    """A defect of our own, as far as the hub knows."""


class FragileRfxtrx(rfxtrx.RfxtrxDecoder):
    """A decoder with a defect."""

    def feed(self, data: bytes, at_ms: int) -> list[Observation]:
        """Take bytes, or break."""
        if POISON in data:
            raise PoisonedError("in a decoder")
        return super().feed(data, at_ms)


class FragileZigbee(Zigbee2MqttDecoder):
    """Likewise."""

    def feed(self, topic: str, payload: bytes, *, kept: bool, at_ms: int) -> list[Observation]:
        """Take a message, or break."""
        if POISON in payload:
            raise PoisonedError("in a callback")
        return super().feed(topic, payload, kept=kept, at_ms=at_ms)


def break_pins(folder: Path) -> None:
    """Have the pins obey the files `deaf` and `raising` in this folder (see above)."""
    deaf, raising = folder / "deaf", folder / "raising"
    call: Any = WatchedPin._call_when_changed  # noqa: SLF001 -- where gpiozero's mock pins call back
    make: Any = gpio.GpioDriver.__init__

    def call_when_changed(pin: Any, *args: Any) -> None:  # noqa: ANN401 -- gpiozero has no types
        del pin.states[:-1]  # the mock keeps every level it ever had, for assertions
        if not deaf.exists():
            call(pin, *args)

    def init(driver: Any, options: Any, addresses: Any, clock: Any, factory: Any) -> None:  # noqa: ANN401 -- as it comes
        def broken_clock() -> int:
            if raising.exists() and threading.current_thread() is not threading.main_thread():
                raise PoisonedError("in a pin's callback")
            return int(clock())

        make(driver, options, addresses, broken_clock, factory)

    WatchedPin._call_when_changed = call_when_changed  # noqa: SLF001 -- likewise
    gpio.GpioDriver.__init__ = init  # type: ignore[assignment, method-assign]


def main(argv: Sequence[str]) -> int:
    """Put the defects in, and run the hub; give its exit code."""
    rfxtrx.RfxtrxDecoder = FragileRfxtrx  # type: ignore[misc]
    local_mqtt.Zigbee2MqttDecoder = FragileZigbee  # type: ignore[attr-defined]
    break_pins(Path(argv[0]))
    return pins.main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
