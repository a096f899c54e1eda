"""What the rendering process is asked and answers, and the list it leaves of what can be played."""

import re
import struct
from pathlib import Path
from typing import Final

import msgspec

INDEX: Final = "index.json"
INDEX_BYTES_MAX: Final = 512 * 1024

RATE_HZ: Final = 22_050
"""Samples a second, mono, 16 bits, little-endian: what espeak-ng speaks, and everything here is played in."""

BYTES_PER_S: Final = 2 * RATE_HZ
CLIP_S_MAX: Final = 60
"""S12: longer is no phrase, and no text that a plan may have."""

HEADER_BYTES: Final = 44
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,4}")
_FILE = re.compile(r"[0-9a-f]{64}\.wav")
_REGIONS = {"en": "en-gb"}
"""Where a language is spoken when nobody says: the home's phrases were written in British English."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A text that is to be spoken, and the language it is written in. It does not show itself by accident (S11)."""

    language: str
    words: str

    def __repr__(self) -> str:
        return f"Wanted({self.language}, {len(self.words)} characters)"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be ready to play: every phrase in `languages` (and in English), `texts`, `rate` words a minute."""

    folder: str
    languages: tuple[str, ...] = ()
    texts: tuple[Wanted, ...] = ()
    rate: int = 140


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it. `reason` is why not all can be played, `notes` what is not as wished; no words."""

    ok: bool
    reason: str = ""
    notes: tuple[str, ...] = ()


class Clip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One phrase or text in one language. `file` is "" when it could not be spoken.

    `words` are a phrase's, never a text's (S11). `size` is in bytes of sound, `peak` and `rms` in dB of full scale;
    `rms` is of the spoken parts (`agent.voice.loudness`).
    """

    key: str
    language: str
    words: str = ""
    reviewed: bool = False
    file: str = ""
    size: int = 0
    ms: int = 0
    peak: float = 0.0
    rms: float = 0.0


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be played."""

    clips: tuple[Clip, ...] = ()


def canonical(tag: str) -> str:
    """Give a BCP 47 tag as it is used here: lower case, `en-gb` for `en`; "" for what is no tag."""
    low = tag.replace("_", "-").lower()
    return _REGIONS.get(low, low) if _TAG.fullmatch(low) else ""


def read_index(folder: Path) -> Index:
    """Read the list; a missing, torn or hostile one is as an empty one: tones go on."""
    try:
        with (folder / INDEX).open("rb") as file:
            content = file.read(INDEX_BYTES_MAX + 1)
        index = msgspec.json.decode(content[:INDEX_BYTES_MAX], type=Index)
    except (OSError, msgspec.DecodeError):
        return Index()
    return Index(clips=tuple(clip for clip in index.clips if _sound(clip)))


def _sound(clip: Clip) -> bool:
    """Whether it names no file but one of ours, of a size that can be read at once."""
    named = not clip.file or (_FILE.fullmatch(clip.file) is not None and 0 < clip.size <= CLIP_S_MAX * BYTES_PER_S)
    return named and canonical(clip.language) == clip.language != ""


def path_of(folder: Path, clip: Clip) -> Path:
    """Give where a clip's sound is."""
    return folder / clip.language / clip.file


def header(size: int) -> bytes:
    """Give what a WAV file of `size` bytes of sound begins with."""
    riff = struct.pack("<4sI4s", b"RIFF", size + HEADER_BYTES - 8, b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, BYTES_PER_S, 2, 16)
    return riff + form + struct.pack("<4sI", b"data", size)


def read_sound(path: Path) -> bytes:
    """Read the sound of a whole file of ours, without its header; empty for any other. Raises OSError."""
    most = HEADER_BYTES + CLIP_S_MAX * BYTES_PER_S
    with path.open("rb") as file:
        content = file.read(most + 1)
    sound = content[HEADER_BYTES:]
    return sound if content[:HEADER_BYTES] == header(len(sound)) and len(content) <= most else b""
