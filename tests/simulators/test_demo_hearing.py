"""What the resident understands of what is said: from the loudspeaker's own samples, else from the hub's log."""

import random
import subprocess
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent.voice.index import BYTES_PER_S, INDEX, Clip, Index, header, path_of
from simulators.demo import card as demo_card
from simulators.demo.hearing import Listener
from simulators.sound_card import FRAME_BYTES, card, frames

TEXT = "text.0"


def speech(seed: int, ms: int) -> bytes:
    """Something as irregular as speech, after a silence."""
    rng = random.Random(seed)
    return bytes(2_000) + array("h", [rng.randint(-9_000, 9_000) for _ in range(BYTES_PER_S * ms // 2_000)]).tobytes()


class Home:
    """A voice that was rendered, a loudspeaker's record, a log, and somebody who listens."""

    def __init__(self, folder: Path, *, loud: bool = True) -> None:
        alike = speech(0, 300)
        self.sounds = {
            "call.heard": alike + speech(1, 500),
            "call.waiting": alike + speech(2, 500),
            "reminder.answer": speech(3, 400),
            TEXT: speech(4, 400),
        }
        self.record, self.log = folder / "heard", folder / "hub.log"
        clips = [
            Clip(key=key, language="cy", words="" if key == TEXT else f"Words of {key}.", file=f"{number:064}.wav")
            for number, key in enumerate(self.sounds)
        ]
        voice = folder / "voice"
        for clip in clips if loud else ():
            path = path_of(voice, clip)
            path.parent.mkdir(parents=True, exist_ok=True)
            sound = self.sounds[clip.key]
            path.write_bytes(header(len(sound)) + sound)
        voice.mkdir(exist_ok=True)
        sized = (msgspec.structs.replace(each, size=len(self.sounds[each.key]), ms=800) for each in clips)
        silent = (msgspec.structs.replace(each, file="") for each in clips)
        (voice / INDEX).write_bytes(msgspec.json.encode(Index(clips=tuple(sized if loud else silent))))
        self.texts = {TEXT: "Come at four."}
        self.listener = Listener(self.record, voice, self.log, self.texts)

    def play(self, sound: bytes, at_ns: int) -> None:
        """Write down what the loudspeaker is given, as the simulated card does."""
        with self.record.open("ab") as record:
            for number, at in enumerate(range(0, len(sound), FRAME_BYTES)):
                frame = sound[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
                ns = at_ns + number * 20_000_000
                record.write(ns.to_bytes(8, "little") + len(frame).to_bytes(4, "little") + frame)

    def heard(self) -> list[str]:
        return [each.key for each in self.listener.listen()]


def test_clips_are_known_by_their_samples_and_told_once_each_time(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.heard() == []
    now_ns = time.monotonic_ns()
    home.play(home.sounds["call.waiting"], now_ns)
    (said,) = home.listener.listen()
    assert (said.key, said.language, said.words, said.aloud) == ("call.waiting", "cy", "Words of call.waiting.", True)
    assert said.ms == pytest.approx(time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6, abs=1_000)
    assert home.heard() == []
    home.play(home.sounds["call.heard"] + bytes(13_230) + home.sounds["reminder.answer"], now_ns)
    assert home.heard() == ["call.heard", "reminder.answer"]
    home.play(speech(99, 500), now_ns)
    assert home.heard() == [], "nobody knows it"
    home.play(home.sounds["call.heard"], now_ns)
    assert home.heard() == ["call.heard"]


def test_what_comes_in_pieces_is_known_and_a_text_has_the_words_that_were_sent(tmp_path: Path) -> None:
    home, found = Home(tmp_path), []
    sound = home.sounds[TEXT]
    for at in range(0, len(sound), FRAME_BYTES):
        home.play(sound[at : at + FRAME_BYTES], time.monotonic_ns())
        found += list(home.listener.listen())
    assert [(each.key, each.words) for each in found] == [(TEXT, "Come at four.")]


def test_where_nothing_speaks_the_log_is_read(tmp_path: Path) -> None:
    home = Home(tmp_path, loud=False)
    home.log.write_text("INFO agent.daemon: armed\nINFO agent.sound: say: Words of call.heard. (a text) Words of remin")
    assert home.heard() == [], "the line is not whole yet"
    with home.log.open("a") as log:
        log.write("der.answer.\n")
    said = list(home.listener.listen())
    assert [(each.key, each.words, each.aloud) for each in said] == [
        ("call.heard", "Words of call.heard.", False),
        (TEXT, "Come at four.", False),
        ("reminder.answer", "Words of reminder.answer.", False),
    ]
    assert home.heard() == []


@pytest.fixture
def aplay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Put an `aplay` in the way that keeps what it is given, and ends with a code."""

    def put(code: int) -> Path:
        program, kept = tmp_path / "aplay", tmp_path / "played"
        program.write_text(f"#!/bin/sh\ncat >{kept}\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return kept

    return put


def test_a_sound_card_that_can_be_used_is_found_and_gets_what_is_said(
    tmp_path: Path, aplay: Callable[[int], Path]
) -> None:
    aplay(1)
    assert demo_card.device() == demo_card.SILENT
    kept = aplay(0)
    assert demo_card.device() == "default"
    sound = bytes(range(256)) * 12
    subprocess.run(demo_card.card(tmp_path / "heard")("default"), input=sound, check=True, timeout=20)
    assert kept.read_bytes() == sound == b"".join(frame for _, frame in frames(tmp_path / "heard"))


def test_a_card_that_passes_on_what_it_takes_gives_all_of_it(tmp_path: Path) -> None:
    sound = speech(5, 100)
    sound = sound.ljust(-(-len(sound) // FRAME_BYTES) * FRAME_BYTES, b"\0")
    command = card(tmp_path / "heard", "--pass-on")("none")
    ran = subprocess.run(command, input=sound, capture_output=True, check=True, timeout=20)
    assert ran.stdout == sound == b"".join(frame for _, frame in frames(tmp_path / "heard"))
