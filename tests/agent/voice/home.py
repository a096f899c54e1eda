"""A folder for what is said, and programs that pretend to speak. For the tests of the voice."""

import os
import resource
import subprocess
import sys
import wave
from io import BytesIO
from pathlib import Path

import msgspec
import pytest

from agent.voice import render as render_module
from agent.voice.index import RATE_HZ, Index, Job, Outcome, Wanted
from agent.voice.phrases import Phrase
from tests.agent.voice.test_loudness import tone
from tests.support.house import ROOT

FEW: tuple[Phrase, ...] = ("call.heard", "call.no-line", "reminder.answer", "power.back")
"""Phrases enough to see what becomes of them."""

SAID = "Zaphod takes two of the blue ones at the Milliways."


def wav(sound: bytes, rate: int = RATE_HZ) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(sound)
    return file.getvalue()


def program(folder: Path, script: str) -> Path:
    """Put an `espeak-ng` of our own into a folder, alone."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "espeak-ng"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An espeak-ng that says the same short thing of everything, and notes how it was called."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "said.wav").write_bytes(wav(tone(9_000, ms=350)))
    program(bin_folder, f'echo "$*" >> {bin_folder}/called\ncat > /dev/null\nexec cat {bin_folder}/said.wav')
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    return bin_folder


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say only a few phrases."""
    monkeypatch.setattr(render_module, "PHRASES", FEW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "voice"


def job(folder: Path, *texts: str, languages: tuple[str, ...] = (), rate: int = 140) -> Job:
    return Job(
        folder=str(folder),
        languages=languages,
        texts=tuple(Wanted(language="en", words=each) for each in texts),
        rate=rate,
    )


def sounds(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.glob("*/*.wav"))}


def files_of(index: Index) -> set[str]:
    return {f"{clip.language}/{clip.file}" for clip in index.clips if clip.file}


def named(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def apart(job: Job, *, file_bytes_max: int = -1) -> "subprocess.CompletedProcess[bytes]":
    """Render as the hub has it done: in a process of its own, on a disk that takes no longer file than this."""
    limit = (file_bytes_max, file_bytes_max)  # -1: no limit
    return subprocess.run(
        [sys.executable, "-m", "agent.voice.render"],
        input=msgspec.json.encode(job),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )


def outcome(done: "subprocess.CompletedProcess[bytes]") -> Outcome:
    return msgspec.json.decode(done.stdout, type=Outcome)
