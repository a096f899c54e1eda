"""Sound as samples: the patterns of `agent.sounds`, and speech, as 16-bit mono; taken a frame at a time."""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import cycle
from typing import Final

from agent.sounds import Pattern
from agent.voice.index import RATE_HZ

FRAME_MS: Final = 20
FRAME_BYTES: Final = 2 * RATE_HZ * FRAME_MS // 1_000
SILENCE: Final = bytes(FRAME_BYTES)

PAUSE_MS: Final = 300
"""Between two phrases: a breath."""

_PEAK = 0.5
"""Of full scale. Nearly square, a tone is by far louder than speech of the same peak."""

_POINTS = 1_024
_HARMONICS = (1, 3, 5, 7)
"""The seventh of the highest note (`agent.sounds.HZ_MAX`) is still below half the rate."""

_RAMP = RATE_HZ * 4 // 1_000
"""4 ms: a note that begins or ends within a sample clicks."""


@cache
def _turn() -> "array[int]":  # at run time array has no parameters before Python 3.12
    """Give one turn of the wave: square, as a pin's is, without what is too high for the rate."""
    shape = [
        sum(math.sin(2 * math.pi * each * at / _POINTS) / each for each in _HARMONICS) / (math.pi / 4)
        for at in range(_POINTS)
    ]
    peak = max(shape)
    return array("h", [round(_PEAK * 32_767 * value / peak) for value in shape])


def note(hz: int, ms: int) -> bytes:
    """Give a note's samples; 0 Hz is a rest."""
    return _note(hz, ms) if hz else bytes(2 * (RATE_HZ * ms // 1_000))


@lru_cache(maxsize=24)
def _note(hz: int, ms: int) -> bytes:
    count = RATE_HZ * ms // 1_000
    turn, step = _turn(), hz * _POINTS / RATE_HZ
    samples = [turn[int(at * step) % _POINTS] for at in range(count)]
    for at in range(min(_RAMP, count // 2)):
        samples[at] = samples[at] * at // _RAMP
        samples[-1 - at] = samples[-1 - at] * at // _RAMP
    return array("h", samples).tobytes()


class Samples:
    """Samples to come, taken piece by piece."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def take(self, count: int) -> bytes:
        """Take the next `count` bytes; fewer at the end."""
        taken = bytearray()
        while len(taken) < count:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._rest = memoryview(piece)
            part = self._rest[: count - len(taken)]
            taken += part
            self._rest = self._rest[len(part) :]
        return bytes(taken)


def once(pattern: Pattern) -> Samples:
    """Give a pattern that ends."""
    return Samples(note(hz, ms) for hz, ms in pattern)


def forever(pattern: Pattern) -> Samples:
    """Give a pattern that is repeated. One that stays as it is has no end either, and no sound."""
    return Samples(note(hz, ms or FRAME_MS) for hz, ms in cycle(pattern))


def spoken(pieces: Sequence[bytes]) -> Samples:
    """Give what was spoken, with a breath between."""
    return Samples(_breathing(pieces))


def _breathing(pieces: Sequence[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number:
            yield note(0, PAUSE_MS)
        yield piece


def quieter(frame: bytes, percent: int) -> bytes:
    """Give the samples at this share of their height."""
    if percent >= 100:  # noqa: PLR2004 -- percent
        return frame
    return array("h", [sample * percent // 100 for sample in array("h", frame)]).tobytes()
