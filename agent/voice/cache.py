"""What can be played now, with no network and no delay: phrases and texts that were rendered ahead of time."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.voice.index import Clip, canonical, path_of, read_index, read_sound
from agent.voice.phrases import EMERGENCY, REVIEWED, primary

HELD_BYTES_MAX = 8 * 1024 * 1024
"""S12: how much is held in memory of what a call says."""

_ENGLISH = canonical(REVIEWED)


class Cache:
    """What `folder` holds. Empty until it was loaded; whatever is missing or damaged there is not played.

    What a call says is held in memory: a disk that hangs or is gone takes no word of it (S1).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._clips: Mapping[tuple[str, str], Clip] = {}
        self._held: Mapping[str, bytes] = {}

    def load(self) -> None:
        """Take up what was rendered. It reads the disk: call it on a thread; others may look things up meanwhile."""
        clips = {(clip.key, clip.language): clip for clip in read_index(self._folder).clips}
        held: dict[str, bytes] = {}
        left = HELD_BYTES_MAX
        for clip in clips.values():
            if clip.key in EMERGENCY and clip.file and clip.size <= left:
                held[clip.file] = self._read(clip)
                left -= clip.size
        self._clips, self._held = clips, {file: sound for file, sound in held.items() if sound}

    def sequence(self, key: str, language: str) -> tuple[Clip, ...]:
        """Give what is played for a phrase or a text (`agent.voice.phrases.text_key`), in this order; () when nothing.

        What an emergency says in a language that no speaker has reviewed comes after the English, never alone. A phrase
        that is not to be had in the language is said in English.
        """
        return self._order(key, language, lambda clip: clip.file)

    def words(self, key: str, language: str) -> str:
        """Give a phrase as it is said, for who can read but not hear it; "" when it is not known, and for a text."""
        return " ".join(clip.words for clip in self._order(key, language, lambda clip: clip.words))

    def read(self, clip: Clip) -> bytes:
        """Give a clip's sound (`agent.voice.index.RATE_HZ`); empty when its file is gone or torn.

        It may read the disk: call it on a thread, except for what a call says.
        """
        held = self._held.get(clip.file)
        return self._read(clip) if held is None else held

    def _order(self, key: str, language: str, usable: Callable[[Clip], str]) -> tuple[Clip, ...]:
        found = (self._clips.get((key, _ENGLISH)), self._find(key, language))
        english, own = (clip if clip is not None and usable(clip) else None for clip in found)
        if own is None or own is english:
            return (english,) if english is not None else ()
        if english is not None and key in EMERGENCY and not own.reviewed:
            return (english, own)
        return (own,)

    def _find(self, key: str, language: str) -> Clip | None:
        for tag in (canonical(language), canonical(primary(language))):
            if (key, tag) in self._clips:
                return self._clips[key, tag]
        if key.startswith("text."):  # its words are in one language, whoever it is said to
            return next((clip for clip in self._clips.values() if clip.key == key), None)
        return None

    def _read(self, clip: Clip) -> bytes:
        with contextlib.suppress(OSError):
            sound = read_sound(path_of(self._folder, clip))
            return sound if len(sound) == clip.size else b""
        return b""
