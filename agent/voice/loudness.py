"""Makes speech equally loud, whatever was said in whichever language: silence trimmed, level set, peaks rounded off.

Speech as it is synthesised has peaks 18 to 20 dB above its mean, so that it is faint beside a tone. Rounding the peaks
off costs no word: speech is understood even with its peaks clipped away (Licklider, "Effects of amplitude distortion
upon the intelligibility of speech", J. Acoust. Soc. Am. 18, 1946).
"""

import math
import sys
from array import array
from collections.abc import Sequence
from operator import mul
from typing import Final, NamedTuple

from agent.voice.index import RATE_HZ

FULL: Final = 32_768
PEAK_DB: Final = -1.0
"""No sample is louder: small amplifiers clip at full scale."""

RMS_DB: Final = -17.0
"""How loud the spoken parts are."""

_ROUND_DB: Final = -7.0
"""Above this a sample is rounded off."""

_SILENCE_DB: Final = -50.0
_FRAME: Final = RATE_HZ // 50
_EVERY: Final = 5
"""Every fifth sample tells how loud a frame is, to a tenth of a decibel, in a fifth of a small computer's time."""

_GATE: Final = 0.1
"""Frames more than 10 dB below the mean are pauses: ITU-R BS.1770-4's relative gate, without its weighting."""

_BEFORE, _AFTER = RATE_HZ // 100, RATE_HZ // 20


class Loudness(NamedTuple):
    """How long (ms) and how loud (dB of full scale) a sound is."""

    ms: int
    peak: float
    rms: float


def normalise(sound: bytes) -> bytes:
    """Give the sound trimmed and as loud as every other; empty when there is nothing to hear."""
    samples = trim(samples_of(sound))
    if not samples:
        return b""
    return bytes_of(_shaped(samples, _amplitude(RMS_DB) / _spoken(samples)))


def measure(sound: bytes) -> Loudness:
    """Measure a sound that is not empty."""
    samples = samples_of(sound)
    return Loudness(len(samples) * 1_000 // RATE_HZ, _decibels(_peak(samples)), _decibels(_spoken(samples)))


def samples_of(sound: bytes) -> "array[int]":
    """Give the samples of a sound; what follows the last whole one is no sample."""
    samples = array("h", sound[: len(sound) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def bytes_of(samples: "array[int]") -> bytes:
    """Give samples as they are kept."""
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()


def trim(samples: "array[int]") -> "array[int]":
    """Cut what is silent before and after, but for a breath."""
    floor = _amplitude(_SILENCE_DB)
    first = next((at for at, each in enumerate(samples) if abs(each) > floor), None)
    if first is None:
        return array("h")
    last = len(samples) - next(at for at, each in enumerate(reversed(samples)) if abs(each) > floor)
    return samples[max(0, first - _BEFORE) : last + _AFTER]


def _shaped(samples: "array[int]", gain: float) -> "array[int]":
    """Amplify; what would be louder than the peak allows bends towards it, and never reaches it."""
    knee, room = _amplitude(_ROUND_DB), _amplitude(PEAK_DB) - _amplitude(_ROUND_DB)

    loud = [sample * gain for sample in range(_peak(samples) + 1)]
    upper = [round(each if each <= knee else knee + room * math.tanh((each - knee) / room)) for each in loud]
    table = upper + [-each for each in reversed(upper[1:])]  # a negative sample finds itself from the end
    return array("h", map(table.__getitem__, samples))


def _spoken(samples: "array[int]") -> float:
    """Give the RMS of what is spoken: the pauses between words make no speech softer."""
    frames = [samples[at : at + _FRAME : _EVERY] for at in range(0, len(samples), _FRAME)]
    powers = [sum(map(mul, frame, frame)) / len(frame) for frame in frames]
    gate = _GATE * _mean(powers)
    return max(1.0, math.sqrt(_mean([power for power in powers if power >= gate])))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _peak(samples: "array[int]") -> int:
    highest, lowest = max(samples), min(samples)
    return max(highest, -lowest)


def _amplitude(decibels: float) -> float:
    return FULL * 10 ** (decibels / 20)


def _decibels(amplitude: float) -> float:
    return round(20 * math.log10(max(1.0, amplitude) / FULL), 1)
