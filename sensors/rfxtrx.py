"""Decodes what an RFXtrx433 receiver says: security sensors, PT2262 remotes, AC (Chacon, Nexa) buttons. Sans-I/O.

A frame is `length type subtype sequence …`, without sync byte or checksum: only a plausible header and pauses tell
frames from noise, which is why nothing but configured addresses may ever alarm.

Addresses, lower-case hexadecimal: `security1:d3dc54`, `pt2262:123456` (the whole 24-bit code, so two buttons of one
remote are two addresses), `ac:1234567:1` (house code, unit; `homeeasy:`, `anslut:` and `kambrook:` alike).
"""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec.structs import replace
from RFXtrx import lowlevel

from sensors.driver import Observation
from sensors.frames import FrameFinder
from sensors.repeats import Repeats

BAUD: Final = 38_400

RESET: Final = bytes.fromhex("0D 00 00 00 00 00 00 00 00 00 00 00 00 00")
GET_STATUS: Final = bytes.fromhex("0D 00 00 01 02 00 00 00 00 00 00 00 00 00")
START: Final = bytes.fromhex("0D 00 00 03 07 00 00 00 00 00 00 00 00 00")
"""The handshake pyRFXtrx does too: reset, ask for the status, start receiving."""

_ADDRESS = re.compile(r"security1:[0-9a-f]{6}|pt2262:[0-9a-f]{6}|(?:ac|homeeasy|anslut|kambrook):[0-9a-f]{7,8}:\d{1,3}")

_REPEAT_MS = 700  # our choice: well above the gaps within one transmission, below two deliberate presses

_parse: Callable[[bytearray], Any] = lowlevel.parse

_ANSWER, _SECURITY, _PT2262, _AC = 0x01, 0x20, 0x13, 0x11
_AC_NAMES = {0: "ac", 1: "homeeasy", 2: "anslut", 3: "kambrook"}
_AC_PRESSES = {1: "on", 2: "set level", 4: "group on", 5: "set group level"}

# The length byte each packet type may carry: exact for those we act on, the shortest that pyRFXtrx parses and a few
# more (firmware appends) for the thermometers and meters whose frames merely have to be stepped over.
_SLACK = 4
_LENGTHS: dict[int, range] = {
    _SECURITY: range(8, 9),
    _PT2262: range(9, 10),
    _AC: range(11, 12),
    _ANSWER: range(13, 21),
    0x02: range(4, 5),
    0x03: range(4, 37),  # undecoded
} | {
    kind: range(shortest, shortest + _SLACK + 1)
    for kind, shortest in (
        *((0x10, 7), (0x12, 8), (0x14, 10), (0x15, 11), (0x16, 7), (0x19, 9), (0x1A, 7), (0x1E, 7), (0x31, 12)),
        *((0x4E, 10), (0x4F, 10), (0x50, 8), (0x51, 8), (0x52, 10), (0x53, 9), (0x54, 13), (0x55, 11), (0x56, 16)),
        *((0x57, 9), (0x59, 13), (0x5A, 17), (0x5B, 19), (0x5C, 15), (0x60, 7), (0x71, 10)),
    )
}

_LENGTH_MAX = max(lengths[-1] for lengths in _LENGTHS.values())  # asked of every byte of a flood

_SIGNAL_FULL, _BATTERY_FULL = 15, 9

_SMOKE_SUBTYPES = {0x03, 0x09, 0x0A}  # KD101, Alecto SA30, RM174RF
_NORMAL, _ALARM, _PANIC, _BATTERY_LOW = {0x00, 0x01, 0x05}, {0x02, 0x03, 0x04}, 0x06, 0x16
"""Motion (04) and no motion (05) are the alarm and the normal state of an X10 motion detector."""


def check_address(address: str) -> None:
    """Raise ValueError if `address` is not one this decoder could ever tell."""
    if _ADDRESS.fullmatch(address) is None:
        expected = "'security1:d3dc54', 'pt2262:123456' or 'ac:1234567:1' (lower-case hexadecimal)"
        raise ValueError(f"RFXtrx address {address!r}: expected one like {expected}")


class RfxtrxDecoder:
    """Turns the receiver's bytes into observations. `answers` counts what the receiver said of itself."""

    def __init__(self) -> None:
        self._finder = FrameFinder(_measure, lambda _frame: True)
        self._repeats = Repeats(_REPEAT_MS)
        self._unreadable = 0
        self.answers = 0

    @property
    def noise(self) -> int:
        """How many runs of bytes, or frames that pyRFXtrx could not read, meant nothing."""
        return self._finder.noise + self._unreadable

    def feed(self, data: bytes, at_ms: int) -> list[Observation]:
        """Take bytes read at `at_ms`."""
        return self._observe_all(self._finder.feed(data, at_ms), at_ms)

    def due(self) -> int | None:
        """When to call `settle`, if no more bytes come."""
        return self._finder.due()

    def settle(self, now_ms: int) -> list[Observation]:
        """Resynchronise after a pause."""
        return self._observe_all(self._finder.settle(now_ms), now_ms)

    def _observe_all(self, frames: list[bytes], at_ms: int) -> list[Observation]:
        return [seen for frame in frames for seen in self._observe(frame, at_ms)]

    def _observe(self, frame: bytes, at_ms: int) -> list[Observation]:
        self.answers += frame[1] == _ANSWER
        observe = {_SECURITY: _security, _PT2262: _pt2262, _AC: _ac}.get(frame[1])
        if observe is None:
            return []  # a thermometer's, a meter's, or the receiver's own answer
        try:
            return [self._once(seen, at_ms) for seen in observe(_parse(bytearray(frame)))]
        except Exception:  # noqa: BLE001 -- AttributeError, TypeError, KeyError, IndexError: whatever junk makes of it
            self._unreadable += 1
            return []

    def _once(self, seen: Observation, at_ms: int) -> Observation:
        """S4: a transmitter repeats a press for as long as it is held; only the first of a run triggers."""
        if seen.what == "trigger" and self._repeats.repeats(seen.address, at_ms):
            return replace(seen, what="alive")
        return seen


def _measure(data: bytes) -> int | Literal["more", "no"]:
    if not 0 < data[0] <= _LENGTH_MAX:
        return "no"
    if len(data) < 2:  # noqa: PLR2004 -- the length byte alone
        return "more"
    return data[0] + 1 if data[0] in _LENGTHS.get(data[1], ()) else "no"


def _security(packet: Any) -> list[Observation]:  # noqa: ANN401 -- pyRFXtrx has no types
    address = f"security1:{packet.id_combined:06x}"
    smoke, status = packet.subtype in _SMOKE_SUBTYPES, packet.security1_status
    word = packet.security1_status_string.lower()
    if smoke:
        # Panic is a remote's cry for help and a KD101's smoke: decide by subtype and status (DESIGN §6). Its all-clear
        # is not to be relied on, so smoke is a trigger: a level that nobody ends would deafen the hub to the next fire.
        help_wanted = status == _PANIC or status in _ALARM
        seen = [Observation(address, "trigger", "smoke") if help_wanted else Observation(address, "alive", word)]
    elif status == _PANIC:
        seen = [Observation(address, "trigger", word)]
    elif status in _ALARM:
        seen = [Observation(address, "active", word)]
    elif status in _NORMAL:
        seen = [Observation(address, "clear", word)]
    else:
        seen = [Observation(address, "alive", word)]
    seen.append(Observation(address, "tamper", on=packet.tamper))
    low = status == _BATTERY_LOW or packet.battery == 0  # smoke detectors have no battery nibble: None
    seen.append(Observation(address, "battery-low", on=low))
    return [*seen, _signal(address, packet, battery=packet.battery)]


def _pt2262(packet: Any) -> list[Observation]:  # noqa: ANN401 -- likewise
    address = f"pt2262:{packet.cmd:06x}"
    return [Observation(address, "trigger", "press"), _signal(address, packet)]


def _ac(packet: Any) -> list[Observation]:  # noqa: ANN401 -- likewise
    address = f"{_AC_NAMES[packet.subtype]}:{packet.id_combined:07x}:{packet.unitcode}"
    word = _AC_PRESSES.get(packet.cmnd)
    what = Observation(address, "trigger", word) if word else Observation(address, "alive", "off")
    return [what, _signal(address, packet)]


def _signal(address: str, packet: Any, battery: int | None = None) -> Observation:  # noqa: ANN401 -- likewise
    """Tell the signal strength, 0 to 15; the roster thins it.

    In percent it is a share of that scale, no share of power: the receiver's own steps are 8 dB, from -120 dBm up (as
    Home Assistant's `rfxtrx` integration shows them). The battery's level is 0 to 9 for 10 to 100 percent (likewise).
    """
    rssi = int(packet.rssi)
    percent = None if battery is None or not 0 <= battery <= _BATTERY_FULL else (battery + 1) * 10
    return Observation(
        address,
        "reading",
        quantity="signal",
        value=float(rssi),
        unit="/15",
        signal=round(rssi * 100 / _SIGNAL_FULL),
        battery=percent,
    )
