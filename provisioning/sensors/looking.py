"""What is plugged in, and what it looks like. By names alone: no port is opened, for the running hub may have it."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import msgspec

from agent.config import Driver

BY_ID = Path("/dev/serial/by-id")
GPIO_CHIP = Path("/dev/gpiochip0")
PINS = "pins"
BROKER = "127.0.0.1:1883"
"""Where a local broker listens, as zigbee2mqtt's documentation sets it up."""

TYPES: Mapping[str, str] = {
    "rfxtrx": "an RFXtrx433 receiver: pendants, remotes, 433 MHz sensors",
    "mr60fda1": "the fall radar Seeed MR60FDA1",
    "c1001": "the fall radar DFRobot C1001",
    "mr60fda2": "the fall radar Seeed MR60FDA2",
    "zigbee2mqtt": "zigbee2mqtt on a local broker: Zigbee sensors",
    "gpio": "wired contacts on the box's pins",
}
SERIAL = ("rfxtrx", "mr60fda1", "c1001", "mr60fda2")

_NAMES: Mapping[str, str] = {"rfxtrx": "radio", "zigbee2mqtt": "zigbee", "gpio": "wires"}
"""What a driver is called; a radar is called `radar`."""

_MODEM = "a modem: it belongs under [modem] in hub.toml, for texts"
_ZIGBEE = "a Zigbee adapter: zigbee2mqtt must have it, and the hub hears it through that"
_LOOKS: tuple[tuple[str, str | None, str], ...] = (
    (r"rfxcom|rfxtrx", "rfxtrx", TYPES["rfxtrx"]),
    (r"simtech|sim7\d{3}|quectel|huawei|sierra|telit|u-blox", None, _MODEM),
    (r"zigbee|conbee|dresden|zbdongle|skyconnect|cc2[56]\d\d|slaesh|zzh|smlight", None, _ZIGBEE),
)
"""What a USB name says, and what that is."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is there.

    `type` is the driver type that hears it, "" when nobody can tell by its name, and None when it is no adapter of
    ours. `used` names the driver that has it.
    """

    device: str
    type: str | None
    looks: str
    used: str = ""


def look_at(device: str) -> Found:
    """Say what a serial device looks like by its name."""
    for pattern, kind, looks in _LOOKS:
        if re.search(pattern, Path(device).name, re.IGNORECASE):
            return Found(device=device, type=kind, looks=looks)
    return Found(device=device, type="", looks="a serial port: its name does not say what hangs on it")


def serial_devices(by_id: Path = BY_ID) -> list[str]:
    """Name the serial devices that are plugged in, by the paths that stay the same."""
    try:
        return sorted(str(each) for each in by_id.iterdir())
    except OSError:
        return []  # none has ever been plugged in


def place_of(driver: Driver) -> str:
    """Give where a configured driver listens: a device's path, a broker's host and port, or the pins."""
    said = msgspec.structs.asdict(driver.options)
    if "host" in said:
        return f"{said['host']}:{said['port']}"
    return str(said.get("device", PINS))


def same_place(one: str, other: str) -> bool:
    """Whether two of these are one, by whatever path."""
    if one.startswith("/") and other.startswith("/"):
        return Path(one).resolve() == Path(other).resolve()
    return one.replace("localhost:", "127.0.0.1:") == other.replace("localhost:", "127.0.0.1:")


def driver_name(kind: str, taken: Collection[str]) -> str:
    """Give the name of a new driver: radio, radio-2."""
    base = _NAMES.get(kind, "radar")
    names = (base, *(f"{base}-{n}" for n in range(2, len(taken) + 2)))
    return next(name for name in names if name not in taken)


def options(found: Found) -> dict[str, str | int]:
    """Give the driver's table."""
    if found.type == "gpio":
        return {"type": "gpio"}
    if found.type == "zigbee2mqtt":
        host, _, port = found.device.partition(":")
        elsewhere: dict[str, str | int] = {} if found.device == BROKER else {"host": host, "port": int(port)}
        return {"type": "zigbee2mqtt", **elsewhere}
    return {"type": str(found.type), "device": found.device}


class AddError(ValueError):
    """An `--add` that names no adapter; the text says what was expected."""


def read_add(text: str) -> Found:
    """Read `rfxtrx=/dev/…`, `zigbee2mqtt`, `zigbee2mqtt=host:port` or `gpio`. Raises AddError."""
    kind, _, device = text.partition("=")
    if kind not in TYPES:
        raise AddError(f"{kind!r} is no type of driver: expected one of {', '.join(TYPES)}")
    if kind in SERIAL and not device.startswith("/"):
        raise AddError(f"{kind} needs the path of its device, such as {kind}=/dev/serial/by-id/…")
    if kind == "zigbee2mqtt" and re.fullmatch(r"([^\s/:]+(:[0-9]{1,5})?)?", device) is None:
        raise AddError(f"zigbee2mqtt's broker is host:port, such as {BROKER}")
    if kind == "gpio" and device:
        raise AddError("gpio has no device: write --add gpio")
    if kind == "zigbee2mqtt" and device and ":" not in device:
        device += ":1883"
    default = {"zigbee2mqtt": BROKER, "gpio": PINS}.get(kind, "")
    return Found(device=device or default, type=kind, looks=TYPES[kind])


def plugged_in(found: Found) -> Found:
    """Give what was named, if it is there: a path that was mistyped would be deaf for good. Raises AddError."""
    if found.type in SERIAL and not Path(found.device).exists():
        raise AddError(f"{found.device}: nothing is plugged in there: look at ls {BY_ID}, or plug it in first")
    return found


def number_of(text: str, choices: Iterable[str]) -> str | None:
    """Read the number of a choice, from 1; None when it is none."""
    listed = list(choices)
    return listed[int(text) - 1] if text.isdecimal() and 0 < int(text) <= len(listed) else None
