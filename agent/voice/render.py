"""`python -m agent.voice.render`: renders what the hub has to say, ahead of time; a `Job` as JSON on standard input.

A process of its own, at the lowest priority, that answers with an `Outcome` on standard output. It says nothing of what
is spoken, and names no file by it (S11). Killed at any moment it leaves whole files, and the next goes on from there.
"""

import fcntl
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from agent.apart import begin
from agent.files import write_whole
from agent.store.files import prepare_folder
from agent.voice.catalogue import Catalogue, catalogue_of
from agent.voice.espeak import FALLBACK, PROGRAM, NoSpeechError, SpeechError, speak, voice_of
from agent.voice.index import INDEX, Clip, Index, Job, Outcome, canonical, header, path_of, read_index, read_sound
from agent.voice.loudness import measure, normalise
from agent.voice.phrases import PHRASES, REVIEWED, text_key

NICE: Final = 10
"""At 19 a machine that is busy with anything else rendered nothing within a minute (seen on two cores)."""

CPU_S_MAX: Final = 300

JOB_BYTES_MAX: Final = 1024 * 1024
LANGUAGES_MAX, TEXTS_MAX = 10, 256
BYTES_MAX: Final = 96 * 1024 * 1024
"""S12: how much sound is kept: every phrase in every language takes 20 MB, a plan's texts rarely 10."""

FREE_BYTES_MIN: Final = 64 * 1024 * 1024
"""Left free, always: the disk is there for alarms first (S1)."""

MADE: Final = "1"
"""Goes up when a sound is made in another way, so that all are made anew."""

Speak = Callable[[str, str, int, str], bytes]


def main() -> int:
    """Render what standard input asks for."""
    begin(nice=NICE, cpu_s_max=CPU_S_MAX)
    try:
        job = msgspec.json.decode(sys.stdin.buffer.read(JOB_BYTES_MAX + 1), type=Job)
    except msgspec.DecodeError:
        outcome = Outcome(ok=False, reason="what is to be said could not be read")
    else:
        outcome = render(job)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
    return 0


def render(job: Job) -> Outcome:
    """Have everything ready that a job asks for, and nothing else. Never raises."""
    folder = Path(job.folder)
    try:
        prepare_folder(folder)
        with _alone(folder):
            return Rendering(job, folder).run()
    except OSError as error:
        return Outcome(ok=False, reason=f"what is said could not be kept: {error.strerror}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process renders here: a hub that was killed may have left one."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Rendering:
    """One job. `speak` is what speaks."""

    def __init__(self, job: Job, folder: Path, *, speak: Speak = speak) -> None:
        self._folder = folder
        self._rate = job.rate
        self._texts = job.texts[:TEXTS_MAX]
        english = canonical(REVIEWED)
        tags = (canonical(tag) for tag in job.languages)
        self._languages = tuple(dict.fromkeys((english, *(tag for tag in tags if tag))))[:LANGUAGES_MAX]
        self._speak = speak
        self._program = shutil.which(PROGRAM)
        self._voice = cache(self._find_voice)
        self._before = {(clip.key, clip.language): clip for clip in read_index(folder).clips}
        self._left = BYTES_MAX
        self._failed: Counter[str] = Counter()
        if self._program is None:
            self._failed[f"{PROGRAM} is not installed: install it (apt install {PROGRAM})"] += 1
        self._notes: dict[str, None] = {}

    def run(self) -> Outcome:
        """Render; whatever cannot be is told, and the rest is there. Raises OSError when the list cannot be written."""
        clips = tuple(self._made(clip, words) for clip, words in self._wanted())
        index = msgspec.json.encode(Index(clips=clips))
        write_whole(self._folder / INDEX, index, new=self._folder / "new")
        self._sweep({path_of(self._folder, clip) for clip in clips if clip.file})
        reasons = [f"{reason} ({count} times)" if count > 1 else reason for reason, count in self._failed.items()]
        return Outcome(ok=not reasons, reason="; ".join(reasons), notes=tuple(self._notes))

    def _wanted(self) -> Iterator[tuple[Clip, str]]:
        """Give what is to be there, with its words: what a call says first, in each language; the texts last."""
        found = {language: self._catalogue(language) for language in self._languages}
        catalogues = {language: each for language, each in found.items() if each is not None}
        for key in PHRASES:
            for language, catalogue in catalogues.items():
                if words := catalogue.words.get(key):
                    yield Clip(key=key, language=language, words=words, reviewed=catalogue.reviewed), words
        for language, words in dict.fromkeys((canonical(each.language), each.words) for each in self._texts):
            yield Clip(key=text_key(words), language=language or canonical(REVIEWED)), words

    def _catalogue(self, language: str) -> Catalogue | None:
        found = catalogue_of(language)
        if found is None:
            self._notes[f"there are no phrases in {language}: they are said in English"] = None
        return found

    def _find_voice(self, language: str) -> str:
        voice = voice_of(self._program or PROGRAM, language)
        if voice == FALLBACK and language != FALLBACK:
            self._notes[f"{PROGRAM} has no voice for {language}: the English one reads it"] = None
        return voice

    # --- one clip ------------------------------------------------------------------------------------

    def _made(self, clip: Clip, words: str) -> Clip:
        """Give the clip with its sound, or without when that cannot be had."""
        if self._program is None:
            return self._kept(clip) or clip
        try:
            return self._with(clip, self._file(clip.language, words), words)
        except NoSpeechError as error:
            self._failed[str(error)] += 1
            self._program = None
        except SpeechError as error:
            self._failed[str(error)] += 1
        except OSError as error:
            self._failed[f"what is said could not be kept: {error.strerror}"] += 1
        return self._kept(clip) or clip

    def _file(self, language: str, words: str) -> str:
        """Name a sound by what it is made of, so that it is made once."""
        made = "\0".join((MADE, self._voice(language), str(self._rate), words))
        return f"{sha256(made.encode()).hexdigest()}.wav"

    def _kept(self, clip: Clip) -> Clip | None:
        """Give what was there before, if it says the same: an old voice is better than none."""
        before = self._before.get((clip.key, clip.language))
        if before is None or not before.file or before.words != clip.words or not self._whole(before):
            return None
        return msgspec.structs.replace(before, reviewed=clip.reviewed)

    def _whole(self, clip: Clip) -> bool:
        try:
            return path_of(self._folder, clip).stat().st_size == len(header(clip.size)) + clip.size
        except OSError:
            return False

    def _with(self, clip: Clip, file: str, words: str) -> Clip:
        kept = self._kept(clip)
        if kept is not None and kept.file == file:
            self._left -= kept.size
            return kept
        path = path_of(self._folder, msgspec.structs.replace(clip, file=file))
        sound = _sound(path) or self._new(path, clip.language, words)
        if not sound:
            self._notes["a text has nothing in it that can be spoken"] = None
            return clip
        self._left -= len(sound)
        length = measure(sound)
        return msgspec.structs.replace(clip, file=file, size=len(sound), ms=length.ms, peak=length.peak, rms=length.rms)

    def _new(self, path: Path, language: str, words: str) -> bytes:
        """Give the sound, kept; empty when there is nothing to hear. Raises SpeechError, OSError."""
        if shutil.disk_usage(self._folder).free < FREE_BYTES_MIN:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        sound = normalise(self._speak(self._program or PROGRAM, self._voice(language), self._rate, words))
        if len(sound) > self._left:
            raise SpeechError(f"more is to be said than {BYTES_MAX // 2**20} MiB")
        if sound:
            prepare_folder(path.parent)
            write_whole(path, header(len(sound)) + sound, new=self._folder / "new")
        return sound

    def _sweep(self, keep: set[Path]) -> None:
        """Delete what nobody says any more (S11), and what does not belong here."""
        for each in list(self._folder.iterdir()):
            if each.name == INDEX:
                continue
            if each.is_dir() and not each.is_symlink():
                for file in list(each.iterdir()):
                    if file not in keep:
                        _delete(file)
                if not any(each.iterdir()):
                    each.rmdir()
            else:
                each.unlink()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sound(path: Path) -> bytes:
    try:
        return read_sound(path)
    except OSError:
        return b""


if __name__ == "__main__":
    sys.exit(main())
