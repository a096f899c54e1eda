"""However softly or loudly it was spoken, it is heard equally well."""

import math
from array import array

import pytest

from agent.voice.index import RATE_HZ
from agent.voice.loudness import PEAK_DB, RMS_DB, bytes_of, measure, normalise, samples_of, trim


def tone(amplitude: float, ms: int = 400, hz: float = 200.0) -> bytes:
    count = RATE_HZ * ms // 1_000
    return bytes_of(array("h", [round(amplitude * math.sin(2 * math.pi * hz * at / RATE_HZ)) for at in range(count)]))


def silence(ms: int) -> bytes:
    return bytes(2 * RATE_HZ * ms // 1_000)


@pytest.mark.parametrize("amplitude", [150, 1_000, 20_000, 32_767])
def test_soft_and_loud_become_equally_loud(amplitude: int) -> None:
    found = measure(normalise(silence(300) + tone(amplitude) + silence(500)))
    assert found.rms == pytest.approx(RMS_DB, abs=0.2)
    assert found.peak <= PEAK_DB
    assert found.ms == pytest.approx(400 + 60, abs=5)


def test_a_pause_makes_nothing_softer() -> None:
    spoken, alone = normalise(tone(9_000) + silence(2_000) + tone(9_000)), normalise(tone(9_000))
    assert max(samples_of(spoken)) == pytest.approx(max(samples_of(alone)), rel=0.01)
    assert measure(spoken).rms == pytest.approx(RMS_DB, abs=0.2)


def test_peaks_are_rounded_off_and_never_wrap() -> None:
    """A click far above the rest, both ways: what is louder than the peak allows bends, in order and with its sign."""
    samples = samples_of(tone(2_000))
    samples[3_000], samples[3_001], samples[3_002], samples[3_003] = 32_767, -32_768, 16_000, -16_000
    shaped = samples_of(normalise(bytes_of(samples)))
    top = 32_768 * 10 ** (PEAK_DB / 20)
    at = shaped.index(max(shaped))
    assert top >= shaped[at] > shaped[at + 2] > 8_000
    assert -top <= shaped[at + 1] < shaped[at + 3] < -8_000


def test_what_is_silent_is_nothing() -> None:
    assert normalise(b"") == normalise(b"\x01") == normalise(silence(500)) == normalise(tone(20)) == b""


def test_silence_is_trimmed_but_for_a_breath() -> None:
    kept = trim(samples_of(silence(1_000) + tone(9_000, ms=100) + silence(1_000)))
    assert 100 <= len(kept) * 1_000 / RATE_HZ <= 165
    assert len(trim(samples_of(tone(9_000, ms=100)))) == RATE_HZ // 10


def test_half_a_sample_is_no_sample() -> None:
    assert samples_of(b"\x01\x00\x02") == array("h", [1])
