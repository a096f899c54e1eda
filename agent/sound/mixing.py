"""What comes out of the loudspeaker next, without I/O: one thing at a time, a frame at a time.

Nothing is ever laid over anything else: a sound that ends interrupts the sustained tone, which begins anew after it,
and a cut takes effect with the very next frame.
"""

from agent.sound.pcm import FRAME_BYTES, Samples, forever, quieter
from agent.sounds import STILL, Pattern

WAITING_MAX = 32
"""S12: more than may ever be said in a row."""


class Sound:
    """A sound that ends: a chirp, or speech. `samples` is None while it is still being read from the disk.

    `call` and `speech` say what it is, for what may cut it, and `pip` that it is too short to be worth cutting: news
    that comes within milliseconds must not take "heard you" away. `percent` is its volume.
    """

    def __init__(
        self, samples: Samples | None, *, percent: int, call: bool = False, speech: bool = False, pip: bool = False
    ) -> None:
        self.samples = samples
        self.percent = percent
        self.call = call
        self.speech = speech
        self.pip = pip


class Mixer:
    """Takes what is to be heard, and gives it frame by frame."""

    def __init__(self) -> None:
        self._now: Sound | None = None
        self._waiting: list[Sound] = []
        self._pattern: Pattern = STILL
        self._tone: Samples | None = None
        self.percent = 100
        """The volume of the sustained tone."""

    @property
    def speaking(self) -> bool:
        """Whether the last frame was of speech."""
        return self._now is not None and self._now.speech

    @property
    def busy(self) -> bool:
        """Whether anything that ends sounds, or waits to."""
        return self._now is not None or bool(self._waiting)

    def sustain(self, pattern: Pattern) -> None:
        """Play this whenever nothing else is; nothing happens if it is played already."""
        if pattern != self._pattern:
            self._pattern, self._tone = pattern, None

    def play(self, sound: Sound) -> bool:
        """Play this after what waits already; False when too much does, and it never will be."""
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append(sound)
        return True

    def cut(self, *, pips: bool = True) -> None:
        """Stop everything that ends, pips too or all the rest."""
        self._waiting = [each for each in self._waiting if each.pip and not pips]
        if self._now is not None and (pips or not self._now.pip):
            self._now = None

    def hush(self) -> None:
        """Stop all speech that is not a call's."""
        self._waiting = [each for each in self._waiting if each.call or not each.speech]
        if self._now is not None and self._now.speech and not self._now.call:
            self._now = None

    def frame(self) -> bytes | None:
        """Give the next `FRAME_BYTES`; None while there is nothing to hear."""
        while (sound := self._now or self._next()) is not None:
            taken = b"" if sound.samples is None else sound.samples.take(FRAME_BYTES)
            self._now = sound if taken else None
            if taken:
                self._tone = None  # begins anew afterwards
                return quieter(taken.ljust(FRAME_BYTES, b"\0"), sound.percent)
        if self._pattern == STILL:
            return None
        self._tone = self._tone or forever(self._pattern)
        return quieter(self._tone.take(FRAME_BYTES), self.percent)

    def _next(self) -> Sound | None:
        """Take the first sound that can be played: one that is still being read holds nothing up."""
        for at, sound in enumerate(self._waiting):
            if sound.samples is not None:
                return self._waiting.pop(at)
        return None
