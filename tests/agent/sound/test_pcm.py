import itertools
import math
import sys
from array import array

import pytest

from agent.sound.pcm import FRAME_BYTES, FRAME_MS, PAUSE_MS, Samples, forever, note, once, quieter, spoken
from agent.sounds import CHIRPS, HZ_MAX, STILL, TONES, Pattern
from agent.voice.index import RATE_HZ

RAMP_MS = 4


def samples(data: bytes) -> list[int]:
    return array("h", data).tolist()


def everything(stream: Samples) -> bytes:
    return b"".join(iter(lambda: stream.take(FRAME_BYTES), b""))


def rms(values: list[int]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


def test_the_samples_are_what_the_card_is_told_they_are() -> None:
    assert sys.byteorder == "little"
    assert array("h").itemsize == 2
    assert FRAME_BYTES * 1_000 == 2 * RATE_HZ * FRAME_MS


@pytest.mark.parametrize("hz", [440, 520, 880, 1_047, HZ_MAX])
def test_a_note_has_its_pitch_its_length_and_one_height(hz: int) -> None:
    found = samples(note(hz, 400))
    assert len(found) == RATE_HZ * 400 // 1_000
    rising = sum(1 for before, after in itertools.pairwise(found) if before < 0 <= after)
    assert abs(rising - hz * 0.4) <= 1
    assert 0.45 * 32_767 <= max(found) <= 0.55 * 32_767, "loud, and never beyond what a card takes"
    assert rms(found) > 0.8 * max(found) * 0.9, "nearly square: what a pin gives, and what wakes people"


def test_a_note_begins_and_ends_without_a_click() -> None:
    found = samples(note(880, 120))
    assert (found[0], found[-1]) == (0, 0)
    assert max(abs(value) for value in found[: RATE_HZ * RAMP_MS // 4_000]) < 0.3 * max(found)


def rhythm(stream: bytes, pattern: Pattern) -> list[bool]:
    """Whether each step of a pattern sounds, in its middle."""
    heard, at_ms = [], 0
    for _, ms in pattern:
        middle = 2 * (RATE_HZ * (at_ms + ms // 2) // 1_000)
        heard.append(max(map(abs, samples(stream[middle : middle + FRAME_BYTES // 4]))) > 1_000)
        at_ms += ms
    return heard


@pytest.mark.parametrize("name", CHIRPS)
def test_a_chirp_has_the_rhythm_of_its_pattern_and_ends(name: str) -> None:
    pattern: Pattern = CHIRPS[name]  # type: ignore[index]  # a chirp's name
    stream = everything(once(pattern))
    assert rhythm(stream, pattern) == [hz > 0 for hz, _ in pattern]
    lasts_ms = len(stream) / 2 / RATE_HZ * 1_000
    assert abs(lasts_ms - sum(ms for _, ms in pattern)) < 1


@pytest.mark.parametrize("name", [name for name in TONES if name != "none"])
def test_a_tone_goes_on_in_its_rhythm(name: str) -> None:
    pattern: Pattern = TONES[name]  # type: ignore[index]  # a tone's name
    stream = forever(pattern)
    whole_ms = sum(ms for _, ms in pattern)
    heard = b"".join(stream.take(FRAME_BYTES) for _ in range(3 * whole_ms // FRAME_MS + 1))
    assert rhythm(heard, pattern * 3) == [hz > 0 for hz, _ in pattern] * 3


def test_what_stays_as_it_is_has_no_end_and_no_sound() -> None:
    stream = forever(STILL)
    assert not any(any(stream.take(FRAME_BYTES)) for _ in range(200))


def test_spoken_pieces_have_a_breath_between() -> None:
    stream = everything(spoken([b"\1\1" * 100, b"\2\2" * 100]))
    assert stream == b"\1\1" * 100 + bytes(2 * (RATE_HZ * PAUSE_MS // 1_000)) + b"\2\2" * 100


def test_samples_are_taken_whole_whatever_the_pieces() -> None:
    stream = Samples([b"ab", b"", b"cdefg", b"h"])
    assert [stream.take(3) for _ in range(4)] == [b"abc", b"def", b"gh", b""]


def test_quieter_is_in_proportion() -> None:
    frame = array("h", [32_767, -32_768, 100, 0]).tobytes()
    assert samples(quieter(frame, 100)) == [32_767, -32_768, 100, 0]
    assert samples(quieter(frame, 40)) == [13_106, -13_108, 40, 0]
