"""What somebody at home understands of what the hub says: told from the very samples that its loudspeaker was given.

A clip is known by the first samples of it that no other clip has. Where nothing can speak, the hub writes into its log
what it would say, and that is told instead.
"""

import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from agent.voice.index import BYTES_PER_S, INDEX, Clip, path_of, read_index, read_sound
from simulators.sound_card import HEAD_BYTES, Heard, frames

_FIRST_BYTES = BYTES_PER_S // 10
"""As much as is listened to, if it is enough to tell a clip from every other."""

_LOUD = 500
"""Samples below this are the silence before a word."""

_KEPT_BYTES = 4 * BYTES_PER_S
_TEXT = "(a text)"
_LOGGED = "say: "


class Said(NamedTuple):
    """Something that was said: its key (`agent.voice.phrases`), its language, its words, and since when, in boot ms.

    `lasts_ms` is how long it takes to say; `aloud` is False for what was only written down.
    """

    key: str
    language: str
    words: str
    ms: int
    lasts_ms: int
    aloud: bool = True


class Listener:
    """Listens to the loudspeaker's record. `texts` has the words of texts that are no phrases, by their key."""

    def __init__(self, record: Path, voice: Path, log: Path, texts: dict[str, str]) -> None:
        self._voice = voice
        self._record, self._read = record, 0
        self._log, self._logged = log, 0
        self._texts = texts
        self._clips: dict[bytes, Clip] = {}
        self._index = (0, 0)
        self._heard = bytearray()
        self._times: list[tuple[int, int]] = []  # where a frame begins in `_heard`, and when it was taken

    def listen(self) -> Iterator[Said]:
        """Give what began to be said since."""
        self._learn()
        if fresh := list(frames(self._record, self._read)):
            self._read += sum(HEAD_BYTES + len(frame) for _, frame in fresh)
            yield from self._recognised(fresh)
        yield from self._written()

    # --- aloud -------------------------------------------------------------------------------------

    def _learn(self) -> None:
        """Take up what has been rendered, whenever that changes."""
        try:
            stat = (self._voice / INDEX).stat()
        except OSError:
            return
        if (stat.st_mtime_ns, stat.st_ino) != self._index:
            self._index = stat.st_mtime_ns, stat.st_ino
            self._clips = _firsts({clip: _sound(self._voice, clip) for clip in read_index(self._voice).clips})

    def _recognised(self, fresh: Iterable[Heard]) -> Iterator[Said]:
        for ns, frame in fresh:
            self._times.append((len(self._heard), ns))
            self._heard += frame
        found = {at: clip for first, clip in self._clips.items() if (at := self._heard.find(first)) >= 0}
        for at, clip in sorted(found.items()):
            ns = next(ns for begin, ns in reversed(self._times) if begin <= at)
            yield Said(clip.key, clip.language, clip.words or self._texts.get(clip.key, ""), _boot_ms(ns), clip.ms)
        self._forget(max(found, default=-2) + 2)

    def _forget(self, known: int) -> None:
        """Forget what has been understood, and what lies far back."""
        cut = max(known, len(self._heard) - _KEPT_BYTES, 0)
        del self._heard[:cut]
        self._times = [(max(0, begin - cut), ns) for begin, ns in self._times]
        while len(self._times) > 1 and self._times[1][0] == 0:
            del self._times[0]

    # --- in writing --------------------------------------------------------------------------------

    def _written(self) -> Iterator[Said]:
        """Give what the hub has written into its log because nobody could hear it."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._logged)
                lines = log.read().splitlines(keepends=True)
        except OSError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._logged += len(line)
            if said := line.decode(errors="replace").partition(_LOGGED)[2].strip():
                yield from self._phrases(said)

    def _phrases(self, said: str) -> Iterator[Said]:
        """Tell the phrases of a line apart. Which text it was, nobody writes into a log (S11): the last that came."""
        ms = _boot_ms(time.monotonic_ns())
        clips = {clip.words: clip for clip in read_index(self._voice).clips if clip.words}
        while said:
            words = next((each for each in sorted(clips, key=len, reverse=True) if said.startswith(each)), "")
            if words:
                clip = clips[words]
                yield Said(clip.key, clip.language, words, ms, 0, aloud=False)
            elif said.startswith(_TEXT):
                words = _TEXT
                key, text = next(reversed(self._texts.items()), (_TEXT, _TEXT))
                yield Said(key, "", text, ms, 0, aloud=False)
            else:
                return
            said = said[len(words) :].strip()


def _sound(voice: Path, clip: Clip) -> bytes:
    try:
        return read_sound(path_of(voice, clip)) if clip.file else b""
    except OSError:
        return b""


def _firsts(sounds: Mapping[Clip, bytes]) -> dict[bytes, Clip]:
    """Give the first samples of each clip that can be heard, as many as tell it from all others."""
    firsts: dict[bytes, Clip] = {}
    for clip, sound in sounds.items():
        begin = next((2 * at for at, sample in enumerate(array("h", sound)) if abs(sample) > _LOUD), len(sound))
        count = _FIRST_BYTES
        others = [other for each, other in sounds.items() if each != clip]
        while begin + count < len(sound) and any(sound[begin : begin + count] in other for other in others):
            count *= 2
        if begin < len(sound):
            firsts[sound[begin : begin + count]] = clip
    return firsts


def _boot_ms(monotonic_ns: int) -> int:
    """Give a moment on the demonstration's clock, which does not stop while the machine sleeps."""
    slept_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return (monotonic_ns + slept_ns) // 1_000_000
