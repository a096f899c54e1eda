"""What somebody at home sees and hears, told from the pins alone: rhythms of lamps, melodies of the sounder. Pure.

The hub is not asked what it shows: a dark lamp is dark here, whatever the hub believes.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from agent.sounds import ALERTS, CHIRPS, LIGHTS, TONES, Pattern
from rules.projection import Alert
from simulators.watched_pins import Change

Rhythm = Literal["off", "lit", "slow", "fast", "on"]
"""`lit`: it has just come on, and may yet turn out to blink."""

LONG_MS = 250
"""Notes shorter than this are short: the hub's are 100 to 150 ms or 375 to 400 ms (`agent.sounds`)."""

JOINED_MS = 250
"""Notes with a longer rest between them are of different melodies: within a chirp the hub rests 100 ms."""

GLITCH_MS = 20
"""A tone so short is the pin changing its pitch on the way to silence."""

STEADY_MS = 1_400
"""A lamp that has not changed for so long does not blink: the slow rhythm changes every 1,000 ms."""

BLINK_MS: dict[Rhythm, int] = {"slow": LIGHTS["slow"][0][1], "fast": LIGHTS["fast"][0][1]}
"""How long one phase of a rhythm lasts, by the hub's own table."""

FAST_MS, SLOW_MS = (120, 320), (700, 1_300)
"""How long a phase of each rhythm may take: 200 and 1,000 ms, on a machine that is busy."""

NEAR_MS = 120
"""How far a flash or a pause may be from what it should be; they differ by 250 ms and more."""

_FLASHES: dict[Alert, tuple[tuple[int, int], ...]] = {
    name: tuple((on, off) for (_, on), (_, off) in zip(pattern[::2], pattern[1::2], strict=False))
    for name, pattern in ALERTS.items()
}
"""Each alert's flashes with the pauses after them, by the hub's own table. The first one tells which it is."""

_LONGEST_MS = 2_000
"""Only one flash is longer."""

_ENDS_TONE = frozenset({"cancelled", "someone-has-it", "resolved"})


class Sign(NamedTuple):
    """What a resident notices (`chirp:heard`, `lamp:call:fast`, `alert:reminder`, `dark`), and since when."""

    key: str
    ms: int


class Lamp:
    """One lamp. Its rhythm is known after one slow phase or two fast ones: a single one may be a lamp that goes out."""

    def __init__(self, *, blinks: bool) -> None:
        self.lit = False
        self.rhythm: Rhythm = "off"
        self.rhythm_ms = 0
        self._since_ms = 0
        self._blinks = blinks
        self._fast_ms: int | None = None

    def feed(self, *, lit: bool, ms: int) -> Iterator[tuple[Rhythm, int]]:
        """See the lamp change; give each new rhythm and since when."""
        if lit == self.lit:
            return
        began_ms, self._since_ms, self.lit = self._since_ms, ms, lit
        if not self._blinks:
            yield from self._is("on" if lit else "off", ms)
        elif self.rhythm == "off":
            yield from self._is("lit", ms)
        else:
            yield from self._phase(ms - began_ms, began_ms)

    def settle(self, now_ms: int) -> Iterator[tuple[Rhythm, int]]:
        """See that it no longer changes. One that blinked has stopped when it does not come on again."""
        if now_ms - self._since_ms >= STEADY_MS:
            missed_ms = BLINK_MS.get(self.rhythm, 0)
            yield from self._is("on" if self.lit else "off", self._since_ms + missed_ms)

    def _phase(self, lasted_ms: int, began_ms: int) -> Iterator[tuple[Rhythm, int]]:
        """A phase that fits no rhythm was cut short by a change of rhythm."""
        before_ms, self._fast_ms = self._fast_ms, None
        if FAST_MS[0] <= lasted_ms <= FAST_MS[1]:
            self._fast_ms = began_ms
            if before_ms is not None:
                yield from self._is("fast", before_ms)
        elif SLOW_MS[0] <= lasted_ms <= SLOW_MS[1]:
            yield from self._is("slow", began_ms)

    def _is(self, rhythm: Rhythm, ms: int) -> Iterator[tuple[Rhythm, int]]:
        if rhythm != self.rhythm:
            self.rhythm, self.rhythm_ms = rhythm, ms
            yield rhythm, ms


class Flasher:
    """The flashing lamp or vibrating pad on a relay. What it says is known after its first flash and the pause."""

    def __init__(self) -> None:
        self.lit = False
        self.alert: Alert = "none"
        self._since_ms = 0
        self._flash_ms = 0
        self._before = (0, 0)

    def feed(self, *, lit: bool, ms: int) -> Iterator[tuple[Alert, int]]:
        """See it change; give what it says, if that is new, and since when."""
        if lit == self.lit:
            return
        lasted_ms, self._since_ms, self.lit = ms - self._since_ms, ms, lit
        if not lit:
            self._flash_ms = lasted_ms
            if lasted_ms > _LONGEST_MS:
                yield from self._is("someone", ms - _FLASHES["someone"][0][0])  # its pause is not waited for
            return
        flash, before, self._before = (self._flash_ms, lasted_ms), self._before, (self._flash_ms, lasted_ms)
        goes_on = any(_near(before, one) and _near(flash, two) for one, two in pairwise(_FLASHES[self.alert]))
        if not goes_on:
            begun = [name for name, flashes in _FLASHES.items() if flashes and _near(flash, flashes[0])]
            for alert in begun:  # its flash may have gone on from another's: it began this long ago
                yield from self._is(alert, ms - lasted_ms - _FLASHES[alert][0][0])

    def settle(self, now_ms: int) -> Iterator[tuple[Alert, int]]:
        """See that it has stopped."""
        pause_ms = max((pause for _, pause in _FLASHES[self.alert]), default=0)
        if not self.lit and now_ms - self._since_ms > pause_ms + STEADY_MS:
            yield from self._is("none", self._since_ms)

    def _is(self, alert: Alert, ms: int) -> Iterator[tuple[Alert, int]]:
        if alert != self.alert:
            self.alert = alert
            yield alert, ms


def _near(flash: tuple[int, int], wanted: tuple[int, int]) -> bool:
    return all(abs(each - other) <= NEAR_MS for each, other in zip(flash, wanted, strict=True))


class _Note(NamedTuple):
    hz: int
    ms: int
    end_ms: int | None = None

    @property
    def long(self) -> bool | None:
        """None while it sounds."""
        return None if self.end_ms is None else self.end_ms - self.ms >= LONG_MS


Melody = tuple[tuple[int, bool], ...]
"""Pitch in Hz and whether it is long, note by note."""


def _melody(pattern: Pattern) -> Melody:
    return tuple((hz, ms >= LONG_MS) for hz, ms in pattern if hz)


_MELODIES: dict[str, Melody] = dict(
    sorted(
        (
            *((f"chirp:{name}", _melody(pattern)) for name, pattern in CHIRPS.items()),
            *((f"tone:{name}", _melody(pattern)) for name, pattern in TONES.items() if _melody(pattern)),
        ),
        key=lambda each: -len(each[1]),  # the longest first: some end as others do
    )
)
_OWN_PITCH = frozenset(
    name
    for name, melody in _MELODIES.items()
    if len(melody) == 1 and not any(melody[0][0] in dict(other) for key, other in _MELODIES.items() if key != name)
)
"""Single notes known by their pitch the moment they begin."""

_NOTES_MAX = max(map(len, _MELODIES.values()))


class Ear:
    """Hears the sounder. A melody is known at its last note's beginning, or once silence shows that it was the last."""

    def __init__(self) -> None:
        self.tone = "none"
        self.chirp: Sign | None = None
        self._notes: list[_Note] = []
        self._tone_ms = 0

    def feed(self, hz: int, ms: int) -> Iterator[Sign]:
        """Hear a pitch begin, or silence (0)."""
        self._end(ms)
        if not hz:
            return
        yield from self._rested(ms)
        self._notes = [*self._notes, _Note(hz, ms)][-_NOTES_MAX:]
        if not self._may_go_on():
            yield from self._known(lambda name: len(_MELODIES[name]) > 1 or name in _OWN_PITCH)

    def settle(self, now_ms: int) -> Iterator[Sign]:
        """Hear that nothing more comes."""
        yield from self._rested(now_ms)
        cycle_ms = sum(ms for _, ms in TONES[self.tone]) if self.tone != "none" else 0  # type: ignore[index, misc]
        if self.tone != "none" and now_ms - self._tone_ms > cycle_ms + 2 * JOINED_MS and not self._notes:
            self.tone = "none"

    def _end(self, ms: int) -> None:
        if self._notes and self._notes[-1].end_ms is None:
            last = self._notes.pop()
            if ms - last.ms >= GLITCH_MS:
                self._notes.append(last._replace(end_ms=ms))

    def _rested(self, now_ms: int) -> Iterator[Sign]:
        if self._notes and (end_ms := self._notes[-1].end_ms) is not None and now_ms - end_ms >= JOINED_MS:
            yield from self._known(lambda _: True)
            self._notes = []

    def _may_go_on(self) -> bool:
        """Whether what was heard so far may be the beginning of a longer melody, which has a shorter one in it."""
        count = len(self._notes)
        longer = (melody for melody in _MELODIES.values() if count > 1 and len(melody) > count)
        return any(all(map(_fits, self._notes, melody)) for melody in longer)

    def _known(self, eligible: Callable[[str], bool]) -> Iterator[Sign]:
        for name, melody in _MELODIES.items():
            notes = self._notes[-len(melody) :]
            if eligible(name) and len(notes) == len(melody) and all(map(_fits, notes, melody)):
                self._notes = []
                yield from self._told(name, notes[0].ms)
                return

    def _told(self, name: str, ms: int) -> Iterator[Sign]:
        kind, _, what = name.partition(":")
        if kind == "chirp":
            self.chirp = Sign(what, ms)
            self.tone = "none" if what in _ENDS_TONE else self.tone
            yield Sign(name, ms)
            return
        self._tone_ms = ms
        if what != self.tone:
            self.tone = what
            yield Sign(name, ms)


def _fits(note: _Note, wanted: tuple[int, bool]) -> bool:
    return note.hz == wanted[0] and note.long in (None, wanted[1])


class Senses:
    """Everything a resident can notice of the hub: feed it what the pins do, and the time when nothing happens."""

    def __init__(self) -> None:
        self.lamps = {
            "call": Lamp(blinks=True),
            "arrived": Lamp(blinks=False),
            "someone": Lamp(blinks=False),
            "fault": Lamp(blinks=True),
            "prompt": Lamp(blinks=True),
        }
        self.alert = Flasher()
        self.siren = Lamp(blinks=False)
        self.ear = Ear()
        self._dark = True

    def feed(self, part: str, change: Change) -> list[Sign]:
        """Notice a change of one of the flat's outputs."""
        if part == "sounder":
            return list(self.ear.feed(round(change.hz or 0) if change.value else 0, change.ms))
        if part == "alert":
            return [Sign(f"alert:{alert}", ms) for alert, ms in self.alert.feed(lit=bool(change.value), ms=change.ms)]
        lamp = self.siren if part == "siren" else self.lamps[part]
        rhythms = lamp.feed(lit=bool(change.value), ms=change.ms)
        signs = [Sign("siren:" + rhythm if part == "siren" else f"lamp:{part}:{rhythm}", ms) for rhythm, ms in rhythms]
        return signs + self._darkened()

    def settle(self, now_ms: int) -> list[Sign]:
        """Notice what did not change."""
        signs = list(self.ear.settle(now_ms))
        signs += [Sign(f"alert:{alert}", ms) for alert, ms in self.alert.settle(now_ms)]
        for part, lamp in self.lamps.items():
            signs += [Sign(f"lamp:{part}:{rhythm}", ms) for rhythm, ms in lamp.settle(now_ms)]
        return signs + self._darkened()

    @property
    def quiet(self) -> bool:
        """Whether no alarm shows."""
        return self._dark

    def _darkened(self) -> list[Sign]:
        """Tell when the last lamp of an alarm has gone out; a fault's lamp may shine on."""
        alarm = [self.lamps[part] for part in ("call", "arrived", "someone")]
        was_dark, self._dark = self._dark, all(lamp.rhythm == "off" for lamp in alarm)
        return [Sign("dark", max(lamp.rhythm_ms for lamp in alarm))] if self._dark and not was_dark else []
