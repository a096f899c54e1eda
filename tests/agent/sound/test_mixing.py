"""What comes out next: one thing at a time, and a cut with the very next frame."""

import itertools

from agent.sound.mixing import WAITING_MAX, Mixer, Sound
from agent.sound.pcm import FRAME_BYTES, Samples, forever, once
from agent.sounds import CHIRPS, STILL, TONES


def words(frames: int, letter: bytes = b"w") -> Samples:
    return Samples([letter * (FRAME_BYTES * frames)])


def speech(frames: int = 100, letter: bytes = b"w", *, call: bool = False) -> Sound:
    return Sound(words(frames, letter), percent=100, call=call, speech=True)


def chirp(name: str = "heard") -> Sound:
    return Sound(once(CHIRPS[name]), percent=100, call=True)  # type: ignore[index]  # a chirp's name


FIRST_OF_HEARD = once(CHIRPS["heard"]).take(FRAME_BYTES)
FIRST_OF_CALLING = forever(TONES["calling"]).take(FRAME_BYTES)


def letters(mixer: Mixer, frames: int) -> bytes:
    """The first byte of each of the next frames; "-" for none."""
    return b"".join((mixer.frame() or b"-")[:1] for _ in range(frames))


def test_nothing_to_hear_is_nothing() -> None:
    mixer = Mixer()
    assert mixer.frame() is None
    mixer.sustain(STILL)
    assert mixer.frame() is None


def test_a_cut_takes_effect_with_the_very_next_frame() -> None:
    mixer = Mixer()
    mixer.play(speech())
    mixer.play(speech(letter=b"x"))
    assert letters(mixer, 7) == b"w" * 7
    assert mixer.speaking
    mixer.cut()
    mixer.play(chirp())
    assert mixer.frame() == FIRST_OF_HEARD
    assert not mixer.speaking
    heard = list(itertools.takewhile(bool, iter(mixer.frame, None)))
    assert len(heard) == 220 // 20 - 1, "and nothing of what was cut comes back"


def test_news_within_milliseconds_takes_heard_you_not_away_and_a_new_press_does() -> None:
    mixer = Mixer()
    mixer.play(speech())
    mixer.play(Sound(once(CHIRPS["heard"]), percent=100, call=True, pip=True))
    mixer.cut(pips=False)
    mixer.play(chirp("arrived"))
    assert mixer.frame() == FIRST_OF_HEARD
    mixer.cut(pips=False)
    mixer.play(chirp("someone-has-it"))
    first = once(CHIRPS["someone-has-it"]).take(FRAME_BYTES)
    assert [mixer.frame() for _ in range(11)].index(first) == 10, "and what was cut beside it is gone"
    mixer.play(Sound(once(CHIRPS["heard"]), percent=100, call=True, pip=True))
    mixer.cut()
    assert mixer.frame() is None


def test_sounds_follow_one_another_and_the_tone_begins_anew_after_them() -> None:
    mixer = Mixer()
    mixer.sustain(TONES["calling"])
    assert mixer.frame() == FIRST_OF_CALLING
    mixer.frame()
    mixer.play(speech(3))
    mixer.play(speech(2, b"x"))
    assert letters(mixer, 5) == b"wwwxx"
    assert mixer.frame() == FIRST_OF_CALLING
    mixer.sustain(TONES["calling"])
    assert mixer.frame() != FIRST_OF_CALLING, "the same tone again goes on"
    mixer.sustain(STILL)
    assert mixer.frame() is None


def test_hushing_leaves_a_calls_words_and_all_chirps() -> None:
    mixer = Mixer()
    for sound in (speech(), chirp(), speech(3, b"c", call=True), speech(3, b"x")):
        mixer.play(sound)
    mixer.frame()
    mixer.hush()
    assert mixer.frame() == FIRST_OF_HEARD
    assert letters(mixer, 20)[10:].startswith(b"ccc-")
    mixer.play(speech(5, b"c", call=True))
    assert letters(mixer, 2) == b"cc"
    mixer.hush()
    assert letters(mixer, 4) == b"ccc-"


def test_what_is_still_being_read_holds_nothing_up_and_comes_when_it_is_there() -> None:
    mixer = Mixer()
    mixer.sustain(TONES["calling"])
    late = Sound(None, percent=100, speech=True)
    mixer.play(late)
    assert mixer.frame() == FIRST_OF_CALLING
    mixer.play(speech(2, b"x"))
    assert letters(mixer, 2) == b"xx"
    late.samples = words(2)
    assert letters(mixer, 2) == b"ww"
    mixer.play(late := Sound(None, percent=100, speech=True))
    mixer.cut()
    late.samples = words(2)
    assert mixer.frame() == FIRST_OF_CALLING, "what was cut while it was read is never said"


def test_the_last_frame_is_filled_with_silence() -> None:
    mixer = Mixer()
    mixer.play(Sound(Samples([b"w" * 10]), percent=100))
    assert mixer.frame() == b"w" * 10 + bytes(FRAME_BYTES - 10)
    assert mixer.frame() is None


def test_a_volume_is_a_sounds_own_and_the_tones_its_own() -> None:
    mixer = Mixer()
    mixer.percent = 50
    mixer.sustain(TONES["calling"])
    mixer.play(Sound(words(1, b"\x10\x00"), percent=25))
    mixer.play(Sound(Samples([b"\x10\x00" * (FRAME_BYTES // 2)]), percent=25))
    mixer.frame()
    mixer.frame()
    assert mixer.frame() == b"\x04\x00" * (FRAME_BYTES // 2)
    loud = max(memoryview(FIRST_OF_CALLING).cast("h"))
    quiet = mixer.frame()
    assert quiet is not None
    assert max(memoryview(quiet).cast("h")) == loud // 2


def test_s12_no_more_waits_than_may_ever_be_said() -> None:
    mixer = Mixer()
    assert all(mixer.play(speech(1)) for _ in range(WAITING_MAX))
    assert not mixer.play(speech(1, b"x"))
    mixer.cut()
    assert mixer.play(chirp()), "what cuts always finds a place"
