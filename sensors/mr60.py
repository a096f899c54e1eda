"""Decodes the 60 GHz fall radars Seeed MR60FDA1 and DFRobot C1001 (SEN0623). Sans-I/O.

A frame is `53 59 control command lengthH lengthL data… sum 54 43`; sum is that of all bytes before it, modulo 256.
Frames are split by their length, never by the end marker alone: data may contain it.
"""

from typing import Final, Literal

from sensors.driver import Observation
from sensors.frames import FrameFinder

ADDRESS: Final = "radar"
"""A radar driver hears exactly one device; this is its address."""

BAUD: Final = 115_200

ASK_FALL: Final = bytes.fromhex("53 59 83 81 00 01 0f c0 54 43")
"""Asks for the fall state; the answer proves life."""

_DATA_BYTES_MAX = 64  # our bound, generous: what we act on carries one byte
_HEADER, _TRAILER = 6, 3
_FALL_REPORT, _FALL_ANSWER, _PRESENCE = (0x83, 0x01), (0x83, 0x81), (0x80, 0x01)
_ASKING = b"\x0f"  # the data of every question: an echo of ours is no sign of life


class Mr60Decoder:
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


def _measure(data: bytes) -> int | Literal["more", "no"]:
    if not b"\x53\x59".startswith(data[:2]):
        return "no"
    if len(data) < _HEADER:
        return "more"
    length = int.from_bytes(data[4:6])
    return _HEADER + length + _TRAILER if length <= _DATA_BYTES_MAX else "no"


def _sums_up(frame: bytes) -> bool:
    return frame[-2:] == b"\x54\x43" and sum(frame[:-3]) % 256 == frame[-3]


def _is_answer(frame: bytes) -> bool:
    return (frame[2], frame[3]) == _FALL_ANSWER and frame[6:-3] != _ASKING


def _observe(frame: bytes) -> list[Observation]:
    kind, data = (frame[2], frame[3]), frame[6:-3]
    if data == _ASKING:
        return []
    if kind in {_FALL_REPORT, _FALL_ANSWER} and data == b"\x01":
        return [Observation(ADDRESS, "active", "fall")]
    if kind in {_FALL_REPORT, _FALL_ANSWER} and data == b"\x00":
        return [Observation(ADDRESS, "clear", "no fall")]
    detail = ("present" if data == b"\x01" else "absent") if kind == _PRESENCE else ""
    return [Observation(ADDRESS, "alive", detail)]
