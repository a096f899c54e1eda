"""What the home hears and sees, as data: rhythms and pitches of every sound, and the rhythms of lights.

Rhythm alone tells every sound apart, for those who hear pitch badly; pitch only helps. All fundamentals lie between
400 and 1,100 Hz: age takes the high ones first, and a 520 Hz square wave, which is what a pin gives, woke hard of
hearing sleepers far better than the usual 3,100 Hz (Bruck, Thomas & Kritikos, Victoria University for the Fire
Protection Research Foundation, 2006; since then NFPA 72 demands 520 Hz in bedrooms). The sustained tones borrow the
telephone's cadences, which every resident has known for a lifetime.
"""

from typing import Final, get_args

from rules.actions import ChirpName
from rules.projection import Alert, Light, Tone

Step = tuple[int, int]
"""(pitch in Hz, or 1 for a light that is on, 0 for rest; milliseconds). 0 ms: it stays so."""

Pattern = tuple[Step, ...]

STILL: Final[Pattern] = ((0, 0),)
"""Nothing, until further notice."""

HZ_MAX = 1_500
"""No sound is higher (see above)."""

LIGHTS: Final[dict[Light, Pattern]] = {
    "off": STILL,
    "on": ((1, 0),),
    "slow": ((1, 1_000), (0, 1_000)),  # 0.5 Hz
    "fast": ((1, 200), (0, 200)),  # 2.5 Hz: five times slow, and under the 3 Hz above which flashing can harm
}
"""Told apart by rhythm, not by colour. WCAG 2.3.1 sets the three flashes a second."""

ALERTS: Final[dict[Alert, Pattern]] = {
    "none": STILL,
    "pending": ((1, 250), (0, 1_750)),  # the clock's tick
    "calling": ((1, 500), (0, 500)),
    "no-line": ((1, 250), (0, 250)),  # twice as fast: trying another way
    "arrived": ((1, 750), (0, 500), (1, 750), (0, 6_000)),  # two, and a pause
    "someone": ((1, 3_000), (0, 27_000)),  # one long, now and then: it lasts for as long as somebody is on the way
    "reminder": ((1, 1_500), (0, 500), (1, 500), (0, 500), (1, 1_500), (0, 25_500)),  # long, short, long, now and then
}
"""For a lamp or a pad on a relay: no switch is shorter than 250 ms, none goes faster than 2 Hz, and what may last for
half an hour switches seldom."""

TONES: Final[dict[Tone, Pattern]] = {
    "none": STILL,
    "pending": ((660, 150), (0, 850)),  # a clock's tick: there is still time to cancel
    "calling": ((520, 400), (0, 200), (520, 400), (0, 2_000)),  # the telephone rings at the other end
    "no-line": ((440, 375), (0, 375)),  # the busy tone: trying again
    "waiting": ((520, 100), (0, 100), (520, 100), (0, 4_700)),  # a calm double pip: it has arrived
}
"""Sustained: repeated until it is no longer so."""

_SHORT, _LONG, _GAP = 120, 400, 100


def _notes(*notes: Step) -> Pattern:
    return tuple(step for note in notes for step in (note, (0, _GAP)))


CHIRPS: Final[dict[ChirpName, Pattern]] = {
    "heard": _notes((880, _SHORT)),
    "cancelled": _notes((784, _LONG), (523, _SHORT)),
    "nothing-to-cancel": _notes((440, _SHORT), (440, _SHORT)),
    "arrived": _notes((523, _SHORT), (659, _SHORT), (784, _LONG)),
    "someone-has-it": _notes((523, _LONG), (784, _LONG)),
    "resolved": _notes((784, _LONG), (659, _LONG), (523, _LONG)),
    "lapsed": _notes((440, _LONG), (440, _SHORT), (440, _SHORT)),
    "locate": _notes(*(((1_047, _SHORT),) * 10)),
    "attention": _notes((659, _SHORT), (784, _SHORT), (659, _SHORT), (784, _LONG)),
    "reminder": _notes((659, _LONG), (523, _SHORT), (659, _LONG)),
    "message": _notes((523, _SHORT), (784, _LONG), (523, _SHORT), (784, _LONG)),
    "taken": _notes((784, _SHORT), (1_047, _LONG)),
    "later": _notes((659, _LONG), (523, _SHORT), (440, _SHORT), (440, _LONG)),
}
"""Once, whatever sustained tone there is; that goes on afterwards."""

assert set(LIGHTS) == set(get_args(Light)), "every light has a rhythm"  # noqa: S101 -- a contract of this very module
assert set(ALERTS) == set(get_args(Alert)), "every alert has a rhythm"  # noqa: S101 -- likewise
assert set(TONES) == set(get_args(Tone)), "every tone has a sound"  # noqa: S101 -- likewise
assert set(CHIRPS) == set(get_args(ChirpName)), "every chirp has a sound"  # noqa: S101 -- likewise
