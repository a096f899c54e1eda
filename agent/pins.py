"""The board's pins, over gpiozero, which is imported when a pin is used: 11 MB that other hubs do without."""

import importlib
import os
from pathlib import Path
from typing import Any, Literal

FactoryName = Literal["lgpio", "mock"]


class PinsError(Exception):
    """The pins cannot be used; the text says why and what to do."""


def pin_factory(name: FactoryName, scratch: Path) -> Any:  # noqa: ANN401 -- gpiozero has no types
    """Open a pin factory. lgpio writes a file into `scratch` when it is imported. Raises PinsError.

    gpiozero never falls back to mock pins by itself, and neither do we: a hub that only pretends to have a siren
    must have been told so.
    """
    return _mock() if name == "mock" else _lgpio(scratch)


def _mock() -> Any:  # noqa: ANN401 -- likewise
    mock = importlib.import_module("gpiozero.pins.mock")
    return mock.MockFactory(pin_class=mock.MockPWMPin)


def _lgpio(scratch: Path) -> Any:  # noqa: ANN401 -- likewise
    if not os.access(scratch, os.W_OK | os.X_OK):
        raise PinsError(f"{scratch}: lgpio must write a file here: make this directory writable for the hub")
    os.environ["LG_WD"] = str(scratch)  # read once, when lgpio is imported
    try:
        factory = importlib.import_module("gpiozero.pins.lgpio").LGPIOFactory
    except Exception as error:  # its import opens files, and raises errors of its own
        remedy = "install lgpio, or adafruit-lgpio from Python 3.13 on"
        raise PinsError(f"lgpio cannot be loaded: {error}: {remedy}") from error
    try:
        return factory()
    except Exception as error:
        remedy = (
            "is this a Raspberry Pi, and is the hub's user in group gpio? Without pins, set"
            ' outputs = "log" and remove [buttons]; to pretend, set [pins] factory = "mock"'
        )
        raise PinsError(f"the pins cannot be opened: {error}: {remedy}") from error


def open_output(pin: int, factory: Any) -> Any:  # noqa: ANN401 -- likewise
    """Open an output that is off, on a Broadcom pin number. Raises whatever gpiozero raises."""
    return importlib.import_module("gpiozero").DigitalOutputDevice(pin, pin_factory=factory)


def close_output(device: Any) -> None:  # noqa: ANN401 -- likewise
    """Let go of an output, whatever its pin does."""
    try:
        device.close()
    except Exception:  # noqa: BLE001 -- gpiozero's, lgpio's and the kernel's errors have no common base
        device._pin = None  # noqa: SLF001 -- the pin is released by now; else `__del__` closes, and raises, once more


class Board:
    """The one pin factory of the process, opened when it is first needed and tried again while it fails."""

    def __init__(self, name: FactoryName, scratch: Path) -> None:
        self._name: FactoryName = name
        self._scratch = scratch
        self._factory: Any = None

    def factory(self) -> Any:  # noqa: ANN401 -- likewise
        """Give the factory. Raises PinsError."""
        if self._factory is None:
            self._factory = pin_factory(self._name, self._scratch)
        return self._factory

    def close(self) -> None:
        """Let go of every pin."""
        if self._factory is not None:
            self._factory.close()
            self._factory = None
