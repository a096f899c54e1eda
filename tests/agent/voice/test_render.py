"""What the hub has to say is on the disk before it is needed: whole, loud enough, and nobody else's business."""

import contextlib
import math
import os
import re
import signal
import subprocess
import sys
import time
import wave
from array import array
from operator import mul
from pathlib import Path

import msgspec
import pytest

from agent.voice import espeak
from agent.voice import render as render_module
from agent.voice import rendering as rendering_module
from agent.voice.espeak import NoSpeechError, SpeechError, clean, speak, voice_of
from agent.voice.index import RATE_HZ, Clip, Index, Job, Outcome, Wanted, path_of, read_index, read_sound
from agent.voice.loudness import FULL, PEAK_DB, RMS_DB
from agent.voice.phrases import LANGUAGES, PHRASES, text_key
from agent.voice.render import render
from tests.agent.voice.home import (
    FEW,
    SAID,
    apart,
    few,
    files_of,
    folder,
    job,
    named,
    outcome,
    program,
    quick,
    sounds,
    wav,
)
from tests.agent.voice.test_loudness import silence, tone
from tests.support.house import ROOT

__all__ = ["few", "folder", "quick"]

SHORTEST_S = 0.3
LONGEST_S = 15.0


def heard(path: Path) -> "array[int]":
    """A file as any player would read it."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return array("h", file.readframes(file.getnframes()))


def decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-9) / FULL**2)


def loudness(samples: "array[int]") -> float:
    """RMS of what is spoken, worked out from every sample."""
    frames = [samples[at : at + 441] for at in range(0, len(samples), 441)]
    powers = [sum(map(mul, frame, frame)) / len(frame) for frame in frames]
    gate = sum(powers) / len(powers) / 10
    loud = [power for power in powers if power >= gate]
    return decibels(sum(loud) / len(loud))


# --- the real thing -----------------------------------------------------------------------------------


def test_every_phrase_of_every_catalogue_is_spoken(folder: Path) -> None:
    """With the real espeak-ng: a real WAV of each, long and loud enough."""
    assert render(job(folder, SAID, languages=LANGUAGES)) == Outcome(ok=True)
    index = read_index(folder)
    tags = {"cy", "en-gb", "pl", "ur"}
    assert {(clip.key, clip.language) for clip in index.clips if clip.words} == {(k, t) for k in PHRASES for t in tags}
    for clip in index.clips:
        samples = heard(path_of(folder, clip))
        assert SHORTEST_S < len(samples) / RATE_HZ < LONGEST_S, clip
        assert clip.ms == len(samples) * 1000 // RATE_HZ
        highest, lowest = max(samples), min(samples)
        peak, rms = decibels(max(highest, -lowest) ** 2), loudness(samples)
        assert PEAK_DB - 4 <= peak <= PEAK_DB, clip
        assert abs(rms - RMS_DB) <= 1.0, clip
        assert abs(peak - clip.peak) < 0.1
        assert abs(rms - clip.rms) < 0.3
        assert max(abs(each) for each in samples[: RATE_HZ // 20]) > 50, "silence before the first word"
    assert len({clip.file for clip in index.clips}) == len(index.clips)
    _kept_to_ourselves(folder)


def _kept_to_ourselves(folder: Path) -> None:
    """S11: no name and no list says what is said; nobody else may look."""
    assert all(re.fullmatch(r"index\.json|[a-z-]+/[0-9a-f]{64}\.wav", name) for name in named(folder))
    assert "Zaphod" not in (folder / "index.json").read_text()
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def phonemes(words: str) -> str:
    command = ["espeak-ng", "-v", "en-gb", "-q", "-x", "-b", "1", "--stdin"]
    return subprocess.run(command, input=words.encode(), capture_output=True, check=True).stdout.decode().strip()


def test_s8_no_text_commands_the_voice() -> None:
    """Phonemes, control characters, markup: a text is read aloud, whatever is in it."""
    assert phonemes("hello [[h@l'oU]]") == phonemes("hello hello"), "espeak-ng understands phonemes: what we guard from"
    assert phonemes(clean("hello [[h@l'oU]]")) == phonemes("hello  h@l'oU")
    assert phonemes(clean("[" * 5 + "h@l'oU" + "]" * 5)) == phonemes("h@l'oU")
    assert clean("a\x01s450 b\x00c\r\nd\u2028e\ue000f\ud800g") == "a s450 b c d e f g"
    assert clean("\u202ehel\u00adlo\ufeff") == "hello"
    assert clean("\u0645\u06cc\u200c\u06a9") == "\u0645\u06cc\u200c\u06a9"
    marked, plain = (speak("espeak-ng", "en-gb", 140, words) for words in ("<speak>hello</speak>", "hello"))
    assert len(marked) > 2 * len(plain), "markup is read aloud: it is nothing to obey"


def test_a_text_that_never_ends_is_not_spoken() -> None:
    with pytest.raises(SpeechError, match="longer than 60 s"):
        speak("espeak-ng", "en-gb", 80, "7 " * 300)


@pytest.mark.parametrize(
    ("language", "voice"), [("en-gb", "en-gb"), ("pl-pl", "pl-pl"), ("ur-zz", "ur"), ("zz", "en-gb"), ("cy", "cy")]
)
def test_a_voice_is_of_the_language_or_else_english(language: str, voice: str) -> None:
    found = voice_of("espeak-ng", language)
    assert found == voice or (found, voice) == (language, "ur")  # newer ones find the language by themselves


def test_a_language_without_a_voice_or_phrases_is_told(folder: Path, few: None) -> None:
    done = render(
        Job(folder=str(folder), languages=("zz", "no such tag"), texts=(Wanted(language="zz", words="One."),))
    )
    assert done.ok
    assert done.notes == (
        "there are no phrases in zz: they are said in English",
        "espeak-ng has no voice for zz: the English one reads it",
    )
    assert {clip.language for clip in read_index(folder).clips if clip.words} == {"en-gb"}
    assert [clip.language for clip in read_index(folder).clips if clip.file and not clip.words] == ["zz"]


# --- what is kept -------------------------------------------------------------------------------------


def test_only_what_is_missing_is_spoken(folder: Path, quick: Path, few: None) -> None:
    assert render(job(folder, "One.")).ok
    before = {path: path.stat().st_mtime_ns for path in sounds(folder)}
    (quick / "called").unlink()
    assert render(job(folder, "One.", "Two.")).ok
    spoken = [line for line in (quick / "called").read_text().splitlines() if "--stdout" in line]
    assert len(spoken) == 1
    assert len(before) == len(FEW) + 1
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_s11_what_nobody_says_any_more_is_deleted(folder: Path, quick: Path, few: None) -> None:
    assert render(job(folder, "One.", SAID, languages=("pl",))).ok
    (folder / "stray").mkdir()
    (folder / "stray" / "deep").mkdir()
    (folder / "stray" / "deep" / "x").touch()
    (folder / "elsewhere").symlink_to(quick)
    gone = {text_key("One."), text_key(SAID)}
    assert gone <= {clip.key for clip in read_index(folder).clips}
    assert render(job(folder)).ok
    assert {clip.key for clip in read_index(folder).clips} == set(FEW)
    assert named(folder) == files_of(read_index(folder)) | {"index.json"}
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["en-gb"]
    assert (quick / "said.wav").exists(), "what only a link leads to is not ours"


def test_another_pace_is_another_sound(folder: Path, quick: Path, few: None) -> None:
    render(job(folder, rate=140))
    before = files_of(read_index(folder))
    render(job(folder, rate=100))
    assert not before & files_of(read_index(folder))
    assert "-s 100" in (quick / "called").read_text()


@pytest.mark.parametrize(("rate", "pace"), [(0, 80), (9_999, 300), (-5, 80)])
def test_a_pace_that_nobody_understands_is_not_used(quick: Path, rate: int, pace: int) -> None:
    speak(str(quick / "espeak-ng"), "en-gb", rate, "One.")
    assert f"-s {pace} " in (quick / "called").read_text()


@pytest.mark.parametrize("damage", [b"", b"RIFF", None])
def test_a_damaged_sound_is_made_anew(folder: Path, quick: Path, few: None, damage: bytes | None) -> None:
    render(job(folder))
    path, whole = next(iter(sounds(folder).items()))
    path.write_bytes(whole[:-100] if damage is None else damage)
    assert render(job(folder)).ok
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "index", ["", "{}", "[]", '{"clips":[{"key":"x","language":"../..","file":"a"}]}', "\udcff", "[" * 99]
)
def test_a_damaged_list_is_made_anew(folder: Path, quick: Path, few: None, index: str) -> None:
    render(job(folder))
    before = read_index(folder)
    (folder / "index.json").write_bytes(index.encode(errors="surrogateescape"))
    assert render(job(folder)) == Outcome(ok=True)
    assert read_index(folder) == before


# --- power cut, disk full, no program -----------------------------------------------------------------


def test_killed_at_any_moment_it_leaves_whole_sounds_and_goes_on(folder: Path, quick: Path) -> None:
    """Killed between its fourth sound and its twelfth, at which it stands still: too late never comes."""
    script = (quick / "espeak-ng").read_text()
    stop = f"[ $(grep -c stdout {quick}/called) -le 12 ] || exec sleep 5\nexec cat"
    (quick / "espeak-ng").write_text(script.replace("exec cat", stop))
    asked = job(folder, "One.")
    child = subprocess.Popen([sys.executable, "-m", "agent.voice.render"], cwd=ROOT, stdin=subprocess.PIPE)
    assert child.stdin
    child.stdin.write(msgspec.json.encode(asked))
    child.stdin.close()
    deadline = time.monotonic() + 30
    while len(list(folder.glob("*/*.wav"))) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    left = {path: path.stat().st_mtime_ns for path in sounds(folder)}
    assert 4 <= len(left) <= 12
    assert all(read_sound(path) for path in left)
    (folder / "new").write_bytes(b"torn")
    (quick / "espeak-ng").write_text(script)
    assert render(asked) == Outcome(ok=True)
    assert {path: path.stat().st_mtime_ns for path in left} == left, "what was there is not made again"
    assert named(folder) == files_of(read_index(folder)) | {"index.json"}


def test_a_full_disk_keeps_what_it_has_and_is_told(folder: Path, quick: Path, few: None) -> None:
    """A real refusal to write: files may not grow beyond what the list needs."""
    assert render(job(folder, "One.")).ok
    before = sounds(folder)
    done = apart(job(folder, "One.", "Two."), file_bytes_max=12_000)
    assert (
        outcome(done).reason
        == f"what is said could not be kept: {os.strerror(27)} ({len(PHRASES) - len(FEW) + 1} times)"
    )
    assert not outcome(done).ok
    assert sounds(folder).items() >= before.items()
    kept = {clip.key: clip for clip in read_index(folder).clips}
    assert all(kept[key].file for key in (*FEW, text_key("One.")))
    assert kept[text_key("Two.")].file == ""


def test_a_disk_too_full_for_even_the_list_leaves_the_old_one(folder: Path, quick: Path, few: None) -> None:
    assert render(job(folder, "One.")).ok
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = apart(job(folder, "Two."), file_bytes_max=100)
    assert (outcome(done).ok, done.returncode) == (False, 0)
    assert {path: path.read_bytes() for path in before} == before


def test_s1_the_disk_is_left_to_alarms(folder: Path, quick: Path, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_module, "FREE_BYTES_MIN", 2**62)
    done = render(job(folder))
    assert (done.ok, "No space left" in done.reason) == (False, True)
    assert sounds(folder) == {}
    assert not (quick / "called").exists() or "--stdout" not in (quick / "called").read_text()


def test_s12_only_so_much_is_kept(folder: Path, quick: Path, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render_module, "BYTES_MAX", 60_000)
    done = render(job(folder, "One.", "Two."))
    assert (done.ok, "more is to be said" in done.reason) == (False, True)
    assert 0 < sum(map(len, sounds(folder).values())) < 61_000


def test_a_folder_that_cannot_be_made_is_told(folder: Path, quick: Path) -> None:
    folder.parent.mkdir()
    folder.touch()
    done = render(job(folder))
    assert (done.ok, done.reason.startswith("what is said could not be kept")) == (False, True)
    assert folder.is_file()


def test_without_espeak_ng_there_are_words_and_no_sounds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = outcome(apart(job(folder, SAID, languages=("ur",))))
    assert (done.ok, done.reason) == (False, "espeak-ng is not installed: install it (apt install espeak-ng)")
    clips = read_index(folder).clips
    assert {clip.key for clip in clips if clip.words} == set(PHRASES)
    assert {clip.language for clip in clips} == {"en-gb", "ur"}
    assert not any(clip.file for clip in clips)
    assert named(folder) == {"index.json"}
    assert "Zaphod" not in (folder / "index.json").read_text()


def test_an_old_voice_is_better_than_none(
    folder: Path, quick: Path, few: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    render(job(folder, "One."))
    before = {clip.key: clip for clip in read_index(folder).clips}
    stale = msgspec.structs.replace(before["power.back"], words="What it said before.")
    index = Index(clips=tuple({**before, "power.back": stale}.values()))
    (folder / "index.json").write_bytes(msgspec.json.encode(index))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not render(job(folder, "One.", "Two.", rate=100)).ok
    after = {clip.key: clip for clip in read_index(folder).clips}
    assert all(after[key] == clip for key, clip in before.items() if key != "power.back")
    assert after["power.back"].file == "", "an old voice, but not with other words"
    assert after[text_key("Two.")] == Clip(key=text_key("Two."), language="en-gb")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 3", "espeak-ng ended with code 3 (5 times)"),
        ("echo nonsense", "espeak-ng ended with code 0 (5 times)"),
        ("exec cat other.wav", "espeak-ng speaks in another form than 16 bits at 22050 Hz (5 times)"),
        ("exec sleep 20", "espeak-ng took longer than 0.1 s"),
    ],
)
def test_a_program_that_does_not_speak_is_told(
    folder: Path, few: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.wav").write_bytes(wav(tone(9_000), rate=16_000))
    program(tmp_path / "bin", f'case "$*" in *-q*) exit 0;; esac; {script}')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(espeak, "SPEAK_S", 0.1 if "sleep" in script else 10.0)
    assert render(job(folder, "One.")) == Outcome(ok=False, reason=reason)
    assert len(read_index(folder).clips) == len(FEW) + 1


def test_a_program_that_cannot_be_started_is_none(tmp_path: Path) -> None:
    with pytest.raises(NoSpeechError, match="could not be started"):
        speak(str(tmp_path / "espeak-ng"), "en-gb", 140, "One.")


def test_what_cannot_be_heard_is_no_fault(folder: Path, quick: Path, few: None) -> None:
    (quick / "said.wav").write_bytes(wav(silence(500)))
    done = render(job(folder, "\u200d"))
    assert done == Outcome(ok=True, notes=("a text has nothing in it that can be spoken",))


def test_two_at_once_do_not_spoil_each_others_work(folder: Path, quick: Path) -> None:
    """A hub that was killed leaves one at work, and starts another."""
    asked = msgspec.json.encode(job(folder))
    command = [sys.executable, "-m", "agent.voice.render"]
    two = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)]
    for child in two:
        assert child.stdin
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(asked)
            child.stdin.close()
    answers = []
    for child in two:
        assert child.stdout
        with child.stdout:
            answers.append(msgspec.json.decode(child.stdout.read(), type=Outcome))
    assert [child.wait() for child in two] == [0, 0]
    assert answers == [Outcome(ok=True)] * 2
    assert all(read_sound(path) for path in sounds(folder))
    assert named(folder) == files_of(read_index(folder)) | {"index.json"}


# --- nobody else's business ---------------------------------------------------------------------------


async def test_s11_no_command_line_and_no_environment_says_what_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a machine's users can read a command line: every process notes its own, its environment, its input."""
    notes = tmp_path / "notes"
    note = f'tr "\\0" " " < /proc/$$/cmdline >> {notes}; env >> {notes}'
    espeak_ng = program(tmp_path / "bin", f"{note}; cat >> {tmp_path}/heard; exit 1")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n{note}\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    monkeypatch.setenv("PATH", f"{espeak_ng.parent}:{os.environ['PATH']}")
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = await rendering_module.render(job(folder, SAID))
    assert not done.ok
    assert SAID in (tmp_path / "heard").read_text()
    assert "agent.voice.render" in notes.read_text()
    assert "--stdout" in notes.read_text()
    for said in (notes.read_text(), repr(done), repr(job(folder, SAID)), (folder / "index.json").read_text()):
        assert "Zaphod" not in said


@pytest.mark.parametrize("asked", [b"", b"{}", b"[1]", b'{"folder": 1}', b"\xff", b"[" * 10_000])
def test_a_job_that_cannot_be_read_is_told(asked: bytes) -> None:
    command = [
        sys.executable,
        "-c",
        "import agent.voice.render as r; import os, sys; os.nice = print; sys.exit(r.main())",
    ]
    done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert msgspec.json.decode(done.stdout.partition(b"\n")[2], type=Outcome).reason
    assert done.stdout.startswith(b"10\n"), "at a low priority"
