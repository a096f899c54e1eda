"""The loudspeaker, an output of the hub: score, mixer and player joined, as loud as the home wants, in its language."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from agent.config import Sound as SoundConfig
from agent.plan.spoken import language_of
from agent.sound.mixing import Mixer, Sound
from agent.sound.pcm import once, spoken
from agent.sound.player import Player, Tell
from agent.sound.score import TEXT, Cue, Cut, Hush, Ring, Score, Speak, Sustain
from agent.sound.sink import aplay
from agent.sounds import CHIRPS, TONES
from agent.voice.index import Clip, Wanted
from agent.voice.phrases import EMERGENCY, PROMPTS, text_key
from rules.actions import ChirpName, Say
from rules.plan import Plan
from rules.projection import Display

log = logging.getLogger(__name__)

READ_S = 5.0
"""How long the disk has to give what is said; then the tone pattern must do."""


class Speech(Protocol):
    """What was rendered ahead of time: see `agent.voice.cache.Cache`."""

    def sequence(self, key: str, language: str) -> tuple[Clip, ...]:
        """Give what is played for a phrase or a text, in this order; () when there is nothing."""

    async def ready(self, key: str, language: str) -> tuple[Clip, ...]:
        """Give the same, after waiting a little for what is only now being rendered."""

    def words(self, key: str, language: str) -> str:
        """Give a phrase's words; "" when they are not known, and for a text."""

    def read(self, clip: Clip) -> bytes:
        """Give a clip's sound; empty when it is gone. Reads the disk, but for what a call says."""


class Loudspeaker:
    """Sounds and says on a sound card.

    `plan` gives the care plan in force, `text` the words of a plan's or a message's text (None: gone). `spoke` is told
    when speech begins and ends. `command` plays on a device; `carry` runs what reads the disk on a thread.
    """

    def __init__(
        self,
        config: SoundConfig,
        speech: Speech,
        plan: Callable[[], Plan],
        text: Callable[[Say], Wanted | None],
        tell: Tell,
        *,
        spoke: Callable[[bool], None] = lambda _: None,
        command: Callable[[str], Sequence[str]] = aplay,
        carry: Callable[..., Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self._config = config
        self.speech = speech
        self._plan = plan
        self._text = text
        self._carry = carry
        self._score = Score()
        self.mixer = Mixer()
        self.mixer.percent = config.volume_max
        self.player = Player(self.mixer, command(config.device), tell, spoke)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reading: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Play until cancelled."""
        await self.player.run()

    # --- what the hub wants ------------------------------------------------------------------------

    def show(self, display: Display) -> None:
        """Sound and say what this means, if it is new."""
        self._do(self._score.show(display, self._now_ms()))

    def chirp(self, name: ChirpName) -> None:
        """Sound this once; what is about a call begins now."""
        self._do(self._score.chirp(name))

    def say(self, say: Say) -> None:
        """Say this once, unless a call has the home's ear."""
        self._do(self._score.say(say))

    async def close(self) -> None:
        """Be silent. The process ends with `run`."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._reading:
            task.cancel()

    # --- carrying it out ---------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(self._loop.time() * 1_000)

    def _settle(self) -> None:
        self._timer = None
        self._do(self._score.settle(self._now_ms()))

    def _do(self, cues: Sequence[Cue]) -> None:
        for cue in cues:
            match cue:
                case Cut(pips=pips):
                    self.mixer.cut(pips=pips)
                case Hush():
                    self.mixer.hush()
                case Sustain(tone=tone):
                    self.mixer.sustain(TONES[tone])
                case Ring(name=name, call=call):
                    chirp, percent = once(CHIRPS[name]), self._percent(call=call)
                    self.mixer.play(Sound(chirp, percent=percent, call=call, pip=name == "heard"))
                case Speak():
                    self._speak(cue)
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self._score.due()
        wait_s = 0.0 if due_ms is None else max(0, due_ms - self._now_ms()) / 1_000
        self._timer = None if due_ms is None else self._loop.call_later(wait_s, self._settle)
        self.player.wake()

    def _speak(self, cue: Speak) -> None:
        language = language_of(self._plan(), cue.say.person if cue.say is not None else "")
        sound = Sound(None, percent=self._percent(call=cue.call), call=cue.call, speech=True)
        if not self.mixer.play(sound):
            return
        if EMERGENCY.issuperset(cue.phrases):  # S1: held in memory, and said whatever the disk does
            clips = [clip for phrase in cue.phrases for clip in self.speech.sequence(phrase, language)]
            self._give(sound, cue, language, [self.speech.read(clip) for clip in clips])
            return
        task = self._loop.create_task(self._read(sound, cue, language))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, sound: Sound, cue: Speak, language: str) -> None:
        """Read what is said while its chirp sounds. A disk that hangs holds up nothing but this."""
        clips: list[Clip] = []
        for phrase in cue.phrases:
            clips += await self._clips(phrase, cue, language)
        pieces: list[bytes] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READ_S):
                pieces = await self._carry(lambda: [self.speech.read(clip) for clip in clips])
        self._give(sound, cue, language, pieces)
        self.player.wake()

    def _give(self, sound: Sound, cue: Speak, language: str, pieces: Sequence[bytes]) -> None:
        pieces = [piece for piece in pieces if piece]
        if pieces:
            sound.samples = spoken(pieces)
        else:
            sound.speech = False
            sound.samples = once(CHIRPS[cue.chirp] if cue.chirp is not None else ())
        if not pieces or not self.player.well:
            log.info("say: %s", " ".join(self._told(phrase, language) for phrase in cue.phrases))

    async def _clips(self, phrase: str, cue: Speak, language: str) -> tuple[Clip, ...]:
        if phrase != TEXT:
            return self.speech.sequence(phrase, language)
        if cue.say is None or (text := self._text(cue.say)) is None:
            clips: tuple[Clip, ...] = ()
        elif cue.call:
            clips = self.speech.sequence(text_key(text.words), text.language)
        else:
            clips = await self.speech.ready(text_key(text.words), text.language)  # it may have come just now
        if not clips and cue.say is not None and cue.say.prompt not in (None, "message"):
            return self.speech.sequence(PROMPTS[cue.say.prompt], language)  # the kind's own phrase says enough
        return clips

    def _told(self, phrase: str, language: str) -> str:
        if phrase == TEXT:
            return "(a text)"  # S11
        return self.speech.words(phrase, language) or phrase

    def _percent(self, *, call: bool) -> int:
        voice = self._plan().voice
        if call:
            return self._config.volume_max
        wanted = voice.quiet_volume if self._score.quiet else voice.volume
        return max(self._config.volume_min, min(wanted, self._config.volume_max))
