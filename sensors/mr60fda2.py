"""Decodes the 60 GHz fall radar Seeed MR60FDA2. Sans-I/O.

A frame is `01 id(2) length(2) type(2) headsum data… datasum`, big-endian; each sum is the inverted exclusive-or of
what it covers. A frame without data ends with its header's sum.
"""

from functools import reduce
from operator import xor
from typing import Final, Literal

from sensors.driver import Observation
from sensors.frames import FrameFinder
from sensors.mr60 import ADDRESS

BAUD: Final = 115_200

ASK_PARAMETERS: Final = bytes.fromhex("01 00 00 00 00 0e 06 f6")
"""Asks for the radar's parameters; the answer proves life."""

_START = 0x01
_HEADER = 8
_DATA_BYTES_MAX = 1_024  # our bound, generous: it also sends point clouds, which are stepped over
_FALL, _PARAMETERS, _PRESENCE = 0x0E02, 0x0E06, 0x0F09


class Mr60Fda2Decoder:
    """Turns the radar's bytes into observations: a fall is `active` until it is cleared, all else a sign of life.

    `answers` counts the answers to the driver's poll.
    """

    def __init__(self) -> None:
        self._finder = FrameFinder(_measure, _sums_up)
        self.answers = 0

    @property
    def noise(self) -> int:
        """How many runs of bytes meant nothing."""
        return self._finder.noise

    def feed(self, data: bytes, at_ms: int) -> list[Observation]:
        """Take bytes read at `at_ms`."""
        return self._observe_all(self._finder.feed(data, at_ms))

    def due(self) -> int | None:
        """When to call `settle`, if no more bytes come."""
        return self._finder.due()

    def settle(self, now_ms: int) -> list[Observation]:
        """Give up half a frame after a pause."""
        return self._observe_all(self._finder.settle(now_ms))

    def _observe_all(self, frames: list[bytes]) -> list[Observation]:
        self.answers += sum(map(_is_answer, frames))
        return [seen for frame in frames for seen in _observe(frame)]


def _checksum(data: bytes) -> int:
    return ~reduce(xor, data, 0) & 0xFF


def _measure(data: bytes) -> int | Literal["more", "no"]:
    if data[0] != _START:
        return "no"
    if len(data) < _HEADER:
        return "more"
    length = int.from_bytes(data[3:5])
    if length > _DATA_BYTES_MAX or _checksum(data[:7]) != data[7]:
        return "no"
    return _HEADER + length + 1 if length else _HEADER


def _sums_up(frame: bytes) -> bool:
    return len(frame) == _HEADER or _checksum(frame[_HEADER:-1]) == frame[-1]


def _is_answer(frame: bytes) -> bool:
    return int.from_bytes(frame[5:7]) == _PARAMETERS and len(frame) > _HEADER


def _observe(frame: bytes) -> list[Observation]:
    kind, data = int.from_bytes(frame[5:7]), frame[_HEADER:-1]
    if not data:
        return []  # a question: an echo of ours is no sign of life
    if kind == _FALL and data == b"\x01":
        return [Observation(ADDRESS, "active", "fall")]
    if kind == _FALL and data == b"\x00":
        return [Observation(ADDRESS, "clear", "no fall")]
    detail = ("present" if data == b"\x01" else "absent") if kind == _PRESENCE else ""
    return [Observation(ADDRESS, "alive", detail)]
