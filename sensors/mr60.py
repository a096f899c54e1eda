"""Decodes the 60 GHz fall radars Seeed MR60FDA1 and DFRobot C1001 (SEN0623). Sans-I/O.

A frame is `53 59 control command lengthH lengthL data… sum 54 43`; sum is that of all bytes before it, modulo 256.
Frames are split by their length, never by the end marker alone: data may contain it.
"""

from typing import Final, Literal

from sensors.driver import Observation
from sensors.radar import RadarDecoder, life, told

ASK_FALL: Final = bytes.fromhex("53 59 83 81 00 01 0f c0 54 43")
"""Asks for the fall state; the answer proves life."""

_DATA_BYTES_MAX = 64  # our bound, generous: what we act on carries one byte
_HEADER, _TRAILER = 6, 3
_FALL_REPORT, _FALL_ANSWER, _PRESENCE = (0x83, 0x01), (0x83, 0x81), (0x80, 0x01)
_ASKING = b"\x0f"  # the data of every question: an echo of ours is no sign of life


class Mr60Decoder(RadarDecoder):
    """One of these radars."""

    def __init__(self) -> None:
        super().__init__(_measure, _sums_up, _is_answer, _observe)


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
    if kind in {_FALL_REPORT, _FALL_ANSWER} and data in {b"\x00", b"\x01"}:
        return [told(data == b"\x01")]
    return [life(data, presence=kind == _PRESENCE)]
