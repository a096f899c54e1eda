"""Decodes the 60 GHz fall radar Seeed MR60FDA2. Sans-I/O.

A frame is `01 id(2) length(2) type(2) headsum data… datasum`, big-endian; each sum is the inverted exclusive-or of
what it covers. A frame without data ends with its header's sum.
"""

from functools import reduce
from operator import xor
from typing import Final, Literal

from sensors.driver import Observation
from sensors.radar import RadarDecoder, life, told

ASK_PARAMETERS: Final = bytes.fromhex("01 00 00 00 00 0e 06 f6")
"""Asks for the radar's parameters; the answer proves life."""

_START = 0x01
_HEADER = 8
_DATA_BYTES_MAX = 1_024  # our bound, generous: it also sends point clouds, which are stepped over
_FALL, _PARAMETERS, _PRESENCE = 0x0E02, 0x0E06, 0x0F09


class Mr60Fda2Decoder(RadarDecoder):
    """One of these radars."""

    def __init__(self) -> None:
        super().__init__(_measure, _sums_up, _is_answer, _observe)


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
    if kind == _FALL and data in {b"\x00", b"\x01"}:
        return [told(data == b"\x01")]
    return [life(data, presence=kind == _PRESENCE)]
