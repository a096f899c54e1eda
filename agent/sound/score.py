"""What is heard when: chirps, tones and words, from what the hub shows, chirps and says. Pure: time is an argument.

Everything comes from the display and its chirps, and a silent alarm is in neither: nothing is spoken of it (S1).
Of a turn, its chirps come first, then its display, then what it says. Moments are in ms on the boot-relative clock.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from agent.voice.phrases import PROMPTS, Phrase
from rules.actions import ChirpName, Say
from rules.projection import Display, Tone

Stage = Literal["none", "pending", "calling", "no-line", "waiting", "someone", "silenced"]

NO_LINE_EVERY_MS: Final = 30_000
WAITING_EVERY_MS: Final = 60_000
FAULT_EVERY_MS: Final = 12 * 3_600_000
"""What comes and goes is spoken of once in so long; the lamp shows it all the time."""

CALLS: Final[frozenset[ChirpName]] = frozenset(
    {"heard", "cancelled", "nothing-to-cancel", "arrived", "someone-has-it", "resolved", "lapsed", "locate"}
)
"""Chirps that cut whatever sounds. The others wait until it is over."""

ANSWERS: Final[Mapping[ChirpName, Phrase]] = {"taken": "reminder.taken", "later": "reminder.later"}
"""Chirps that are said as well, and that end the speech that was answered."""

OWN_CHIRP: Final = frozenset(PROMPTS) - {"missed", "no-information"}
"""These have a chirp of their own before them; anything else has `attention` where there is no voice."""

_PHRASES: Final[Mapping[Stage, Phrase]] = {
    "pending": "call.pending",
    "calling": "call.calling",
    "no-line": "call.no-line",
    "waiting": "call.waiting",
    "someone": "call.someone",
}
_REPEATED: Final[Mapping[Stage, int]] = {"no-line": NO_LINE_EVERY_MS, "waiting": WAITING_EVERY_MS}
_ENDS: Final[Mapping[ChirpName, Phrase]] = {"cancelled": "call.cancelled", "resolved": "call.resolved"}

TEXT: Final = ""
"""Among the phrases of a `Speak`: the text that its `say` names."""


class Cue(msgspec.Struct, frozen=True):
    """Something to do with the loudspeaker, now."""


class Cut(Cue, frozen=True):
    """Stop everything that ends; `pips`: even "heard you", which is short and is worth hearing to its end."""

    pips: bool = False


class Hush(Cue, frozen=True):
    """Stop all speech that is not a call's."""


class Sustain(Cue, frozen=True):
    """Sound this whenever nothing else does."""

    tone: Tone


class Ring(Cue, frozen=True):
    """A chirp, after what sounds already."""

    name: ChirpName
    call: bool = False


class Speak(Cue, frozen=True):
    """Say these, after what sounds already. `chirp` sounds in their place where there is no voice."""

    phrases: tuple[str, ...]
    call: bool = False
    say: Say | None = None
    chirp: ChirpName | None = None


def stage(display: Display) -> Stage:
    """Give how far the call is, as the home hears it."""
    if display.someone == "on":
        return "someone"
    if display.tone != "none":
        return display.tone
    return "none" if display.call == "off" else "silenced"


class Score:
    """Remembers what the home was told last."""

    def __init__(self) -> None:
        self._display: Display | None = None
        self._chirped: set[ChirpName] = set()
        self._again_ms: int | None = None
        self._fault_ms: int | None = None
        self._fault_told = False

    @property
    def calling(self) -> bool:
        """Whether an alarm that may be heard is open."""
        return self._display is not None and self._display.call != "off"

    @property
    def quiet(self) -> bool:
        """Whether people rest."""
        return self._display is not None and self._display.quiet

    def chirp(self, name: ChirpName) -> list[Cue]:
        """Take a chirp of this turn."""
        repeated = name in self._chirped
        self._chirped.add(name)
        if name in CALLS:
            return [Cut(pips=name == "heard"), Ring(name, call=True)]
        if name in ANSWERS:
            return [Hush(), Ring(name), *self._unless_calling(Speak((ANSWERS[name],)))]
        return [] if repeated else [Ring(name)]

    def show(self, display: Display, now_ms: int) -> list[Cue]:
        """Take what is shown from this turn on."""
        before, self._display = self._display, display
        chirped, self._chirped = self._chirped, set()
        cues: list[Cue] = []
        if before is None or before.tone != display.tone:
            cues.append(Sustain(display.tone))
        was, now = "none" if before is None else stage(before), stage(display)
        if now != was:
            cues.append(Hush())  # an alarm cuts speech and messages at once
            if not chirped & CALLS:
                cues.append(Cut())  # and what was said of the last stage is no longer so
        if now != was or (now != "none" and chirped & CALLS - {"locate"}):
            phrases = self._told(before, display, chirped)
            cues += [Speak(phrases, call=True)] if phrases else []
            every_ms = _REPEATED.get(now)
            self._again_ms = None if every_ms is None else now_ms + every_ms
        elif "nothing-to-cancel" in chirped:
            cues.append(Speak(("nothing-to-cancel",), call=True))
        return cues + self._fault(before, display, now_ms)

    def say(self, say: Say) -> list[Cue]:
        """Take what this turn says."""
        if self.calling:  # the rules hold reminders and messages back: what comes now is a step of the ladder
            alarm = say.prompt is None and not say.message
            return [Speak((TEXT,), call=True, say=say, chirp="attention")] if alarm else []
        phrases: tuple[str, ...] = (TEXT,) if say.text or say.message else ()
        if say.prompt == "message":
            phrases = (PROMPTS["message"], *phrases, "message.answer")
        elif say.prompt is not None:
            phrases = phrases or (PROMPTS[say.prompt],)
            phrases += ("reminder.answer",) if say.prompt in OWN_CHIRP else ()
        return [Speak(phrases, say=say, chirp=None if say.prompt in OWN_CHIRP else "attention")]

    def due(self) -> int | None:
        """When to call `settle`; None: not at all."""
        return self._again_ms

    def settle(self, now_ms: int) -> list[Cue]:
        """Say again what goes on."""
        if self._display is None or self._again_ms is None or now_ms < self._again_ms:
            return []
        now = stage(self._display)
        self._again_ms = now_ms + _REPEATED[now]
        return [Speak((_PHRASES[now],), call=True)]

    def _told(self, before: Display | None, display: Display, chirped: set[ChirpName]) -> tuple[Phrase, ...]:
        """Give what is said of a stage that has come, or that somebody asks about by pressing again."""
        was, now = "none" if before is None else stage(before), stage(display)
        if now == "none":
            return tuple(_ENDS[name] for name in _ENDS if name in chirped)[:1]
        phrases: tuple[Phrase, ...] = ("call.lapsed",) if "lapsed" in chirped else ()
        if was == "none" and "heard" in chirped:  # not where nobody asked: nobody stirred, or the hub started
            phrases += ("call.heard",)
        if now == "waiting" and before is not None and before.arrived != "on":
            return (*phrases, "call.arrived")
        return (*phrases, _PHRASES[now]) if now in _PHRASES else phrases

    def _fault(self, before: Display | None, display: Display, now_ms: int) -> list[Cue]:
        """By day, and what is urgent at once: the display shows nothing else at night."""
        if before is None or before.fault == display.fault or display.discreet:  # S1
            return []
        if display.fault == "off":
            told, self._fault_told = self._fault_told, False
            over = told and not display.quiet
            return self._unless_calling(Speak(("fault.over",))) if over else []
        if self.calling or (self._fault_ms is not None and now_ms - self._fault_ms < FAULT_EVERY_MS):
            return []
        self._fault_ms, self._fault_told = now_ms, True
        return [Speak(("fault.noticed",))]

    def _unless_calling(self, cue: Speak) -> list[Cue]:
        return [] if self.calling else [cue]
