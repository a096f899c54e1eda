"""The driver types there are, by name: their options, how to make one, and whether silence of their sensors is a fault.

A driver's libraries are imported when one is made: a hub loads only what it uses (DESIGN §7).
"""

# ruff: noqa: PLC0415 -- see above

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from sensors.contact import parse_contact
from sensors.driver import MonotonicMs, SensorDriver
from sensors.options import GpioOptions, Options, SerialOptions, Zigbee2MqttOptions

HEARTBEAT_MS: Final = 43_200_000
"""12 h: how long a sensor of a driver with a heartbeat may be silent, unless it is configured otherwise (DESIGN §4)."""

Make = Callable[[Any, Sequence[str], MonotonicMs, Any], SensorDriver]


class DriverType(msgspec.Struct, frozen=True):
    """One type of driver.

    `make(options, addresses, clock, pin_factory)`: `addresses` are those of the sensors configured for it,
    `pin_factory` is gpiozero's and None where there are no pins. `check_address` raises ValueError for an address the
    type could never tell. `heartbeat_ms` is None where a healthy sensor may be silent for ever.
    """

    name: str
    options: type[Options]
    make: Make
    check_address: Callable[[str], object]
    heartbeat_ms: int | None = None


def driver_type(name: str) -> DriverType:
    """Give the driver type called `name`.

    Raises:
        ValueError: there is none; the message lists those there are.

    """
    try:
        return DRIVER_TYPES[name]
    except KeyError:
        known = ", ".join(sorted(DRIVER_TYPES))
        raise ValueError(f"driver type {name!r} is unknown: expected one of {known}") from None


def _check_radar(address: str) -> None:
    if address != "radar":
        raise ValueError(f"address {address!r}: a radar driver hears one device, whose address is 'radar'")


def _check_rfxtrx(address: str) -> None:
    from sensors.rfxtrx import check_address

    check_address(address)


def _check_friendly_name(address: str) -> None:
    if not address or any(sign in address for sign in "+#\0") or address.startswith(("/", "bridge/")):
        raise ValueError(f"zigbee2mqtt address {address!r}: expected the device's friendly name, without '+' or '#'")


def _make_gpio(options: GpioOptions, addresses: Sequence[str], clock: MonotonicMs, pin_factory: object) -> SensorDriver:
    from sensors.gpio import GpioDriver

    return GpioDriver(options, addresses, clock, pin_factory)


def _make_zigbee2mqtt(
    options: Zigbee2MqttOptions, addresses: Sequence[str], clock: MonotonicMs, _pin_factory: object
) -> SensorDriver:
    from sensors.local_mqtt import Zigbee2MqttDriver

    return Zigbee2MqttDriver(options, addresses, clock)


def _make_rfxtrx(
    options: SerialOptions, _addresses: Sequence[str], clock: MonotonicMs, _pin_factory: object
) -> SensorDriver:
    from sensors import rfxtrx
    from sensors.serial_link import SerialDriver, SerialPort

    # The receiver is deaf for a moment after its reset; pyRFXtrx waits as long.
    hello = ((0.0, rfxtrx.RESET), (0.3, rfxtrx.GET_STATUS), (0.1, rfxtrx.START))
    port = SerialPort(options.device, rfxtrx.BAUD, rfxtrx.GET_STATUS, options.poll_s, hello)
    return SerialDriver(port, rfxtrx.RfxtrxDecoder, clock)


def _make_mr60fda1(
    options: SerialOptions, _addresses: Sequence[str], clock: MonotonicMs, _pin_factory: object
) -> SensorDriver:
    from sensors import mr60, radar
    from sensors.serial_link import SerialDriver, SerialPort

    port = SerialPort(options.device, radar.BAUD, mr60.ASK_FALL, options.poll_s)
    return SerialDriver(port, mr60.Mr60Decoder, clock)


def _make_mr60fda2(
    options: SerialOptions, _addresses: Sequence[str], clock: MonotonicMs, _pin_factory: object
) -> SensorDriver:
    from sensors import mr60fda2, radar
    from sensors.serial_link import SerialDriver, SerialPort

    port = SerialPort(options.device, radar.BAUD, mr60fda2.ASK_PARAMETERS, options.poll_s)
    return SerialDriver(port, mr60fda2.Mr60Fda2Decoder, clock)


DRIVER_TYPES: Mapping[str, DriverType] = {
    each.name: each
    for each in (
        DriverType("gpio", GpioOptions, _make_gpio, parse_contact),
        DriverType("rfxtrx", SerialOptions, _make_rfxtrx, _check_rfxtrx),
        DriverType("mr60fda1", SerialOptions, _make_mr60fda1, _check_radar, HEARTBEAT_MS),
        DriverType("c1001", SerialOptions, _make_mr60fda1, _check_radar, HEARTBEAT_MS),
        DriverType("mr60fda2", SerialOptions, _make_mr60fda2, _check_radar, HEARTBEAT_MS),
        DriverType("zigbee2mqtt", Zigbee2MqttOptions, _make_zigbee2mqtt, _check_friendly_name, HEARTBEAT_MS),
    )
}
"""Every driver type this version has."""
