"""Has espeak-ng speak: a process for each text, which gets it on its standard input and nowhere else.

Not on its command line, which everybody on a machine can read (S11).
"""

import subprocess
import unicodedata
from typing import Final

from agent.voice.index import BYTES_PER_S, CLIP_S_MAX, HEADER_BYTES, RATE_HZ
from agent.voice.phrases import primary

PROGRAM: Final = "espeak-ng"
SPEAK_S: Final = 10.0
"""S12: how long it may take over one text; it takes a fiftieth of a second here."""

WORDS_A_MINUTE: Final = (80, 300)
FALLBACK: Final = "en-gb"

_JOINERS = "\u200c\u200d"
"""Invisible, and part of how Urdu is spelled."""


class SpeechError(Exception):
    """A text could not be spoken. Says nothing of it."""


class NoSpeechError(SpeechError):
    """Nothing can be spoken: trying with the next text is no use."""


def clean(words: str) -> str:
    """Give words as they are spoken: nothing in them may command espeak-ng.

    It takes `[[...]]` for phonemes, and control characters for commands. Markup is not asked for, and so is only read
    aloud.
    """
    spoken = "".join(map(_spoken, unicodedata.normalize("NFC", words)))
    return " ".join(spoken.split())


def _spoken(letter: str) -> str:
    if letter in _JOINERS:
        return letter
    category = unicodedata.category(letter)
    if category == "Cf":
        return ""  # invisible: where to break a line, which way it runs
    return " " if category[0] == "C" or letter in "[]" else letter


def voice_of(program: str, language: str) -> str:
    """Give the voice of a language: its own, else that of its language anywhere, else the English one."""
    for voice in (language, primary(language)):
        if _run(program, ["-q", "-v", voice, "--stdin"], b"").returncode == 0:
            return voice
    return FALLBACK


def speak(program: str, voice: str, rate: int, words: str) -> bytes:
    """Speak; give the sound as samples. Raises SpeechError."""
    slowest, fastest = WORDS_A_MINUTE
    pace = min(max(rate, slowest), fastest)
    options = ["-v", voice, "-s", str(pace), "-b", "1", "-z", "--stdin", "--stdout"]
    done = _run(program, options, f"{clean(words)}\n".encode())
    head, mark, rest = done.stdout.partition(b"data")
    if done.returncode != 0 or not mark:
        raise SpeechError(f"{PROGRAM} ended with code {done.returncode}")
    if len(head) != HEADER_BYTES - 8 or int.from_bytes(head[24:28], "little") != RATE_HZ:
        raise SpeechError(f"{PROGRAM} speaks in another form than 16 bits at {RATE_HZ} Hz")
    sound = rest[4:]
    if len(sound) > CLIP_S_MAX * BYTES_PER_S:
        raise SpeechError(f"longer than {CLIP_S_MAX} s")
    return sound


def _run(program: str, options: list[str], text: bytes) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(  # noqa: S603 -- nothing of the text is among the options
            [program, *options],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SPEAK_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoSpeechError(f"{PROGRAM} took longer than {SPEAK_S:g} s") from None
    except OSError as error:
        raise NoSpeechError(f"{PROGRAM} could not be started: {error.strerror}") from None
