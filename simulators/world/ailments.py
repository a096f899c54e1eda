"""Sensors that go bad, a battery that dies, and tests that were announced: what a day holds of these, and their play.

A sensor falls silent for ever (until somebody changes its battery), sticks, chatters; and what is no message at all
fills the air.
"""

import random
from collections.abc import Iterator, Sequence

from sensors.driver import Observation
from simulators.world.faults import Faults
from simulators.world.household import RESTLESS
from simulators.world.incident import Incident

MINUTE_MS, HOUR_MS = 60_000, 3_600_000

DYING = ("bed-1", "cord-bath", "smoke-hall", "room-bed", "pendant-2", "motion-hall")
STICKING = ("door-front", "bed-1", "chair-1", "motion-kitchen")
CHATTERING = (RESTLESS.id, RESTLESS.id, "door-front", "motion-hall", "bed-1")
TESTED = ("pendant-1", "pendant", "cord-bath", "hub", "fall-1")
PRESSED = {"pendant-1": "pendant-1", "pendant": "pendant-2", "cord-bath": "cord-bath", "hub": "hub", "fall-1": "fall-1"}

DIES, STICKS, CHATTERS, JAMS, DRAINS, TESTS = 0.6, 0.4, 0.8, 0.5, 0.4, 0.7
"""How often, of all days."""

SAYS_AGAIN_MS = 10 * MINUTE_MS
"""How often a device that is stuck says so again."""

BURSTS_A_SECOND = 14
"""Of what means nothing: no press of a button is heard through that for sure."""

STRANGERS = 40

FULL, CHARGED, EMPTY = 90, 40, 9
"""The battery, in percent."""


def ailments(seed: int, day: int, start: int, calls: Sequence[int]) -> Iterator[Incident]:
    """Give a day's: much of it near a call, where it matters."""
    dice = random.Random(f"ailments {seed} {day}")

    def sometime() -> int:
        return start + dice.randrange(20 * HOUR_MS)

    def near() -> int:
        return max(0, dice.choice(calls) + dice.randrange(-30_000, 5_000))

    if dice.random() < DIES:
        yield Incident(sometime(), "silent", dice.choice(DYING), ms=dice.randrange(2, 22) * HOUR_MS)
    if dice.random() < STICKS:
        yield Incident(sometime(), "stuck", dice.choice(STICKING), ms=dice.randrange(2, 22) * HOUR_MS)
    if dice.random() < CHATTERS:
        who = dice.choice(CHATTERING)
        least_ms, most_ms, gap_ms = (64_000, 84_000, 300) if who == RESTLESS.id else (10_000, 30_000, 150)
        yield Incident(near(), "chatter", who, ms=dice.randrange(least_ms, most_ms), n=gap_ms)
    if dice.random() < JAMS:
        yield Incident(near(), "gibberish", ms=dice.randrange(5_000, 90_000), n=dice.randrange(1_000))
    if dice.random() < DRAINS:
        yield Incident(near(), "battery dies", ms=dice.randrange(10 * MINUTE_MS, 3 * HOUR_MS))
    if dice.random() < TESTS:
        yield from _test(dice, sometime())


def _test(dice: random.Random, at_ms: int) -> Iterator[Incident]:
    """The monthly test: announced, and then pressed, or not, or too late, or something else is."""
    what, minutes = dice.choice(TESTED), dice.choice((5, 15, 30))
    yield Incident(at_ms, "command", f"test {what}", n=minutes)
    draw = dice.random()
    if draw < 0.2:  # noqa: PLR2004 -- a share: forgotten
        return
    who = PRESSED[what] if draw < 0.85 else "cord-bed"  # noqa: PLR2004 -- a share
    after_ms = dice.randrange(20_000, int(1.2 * minutes * MINUTE_MS))
    yield Incident(at_ms + after_ms, "press", who, n=dice.choice((0, 0, 1)))
    if dice.random() < 0.4:  # noqa: PLR2004 -- a share: once more
        yield Incident(at_ms + after_ms + dice.randrange(2_500, 40_000), "press", who)


class Ailments(Faults):
    """Plays these, too."""

    def do_silent(self, incident: Incident) -> None:
        """A device says nothing any more, whatever happens to it, until somebody sees to it."""
        mute, who = self.stage.box.mute, incident.who
        self.lasts(incident, lambda: mute.add(who), lambda: mute.discard(who), kind=f"silent {who}")

    def do_stuck(self, incident: Incident) -> None:
        """A device says the same again and again."""
        self.stage.box.hear(Observation(incident.who, "active"))
        for again_ms in range(SAYS_AGAIN_MS, incident.ms, SAYS_AGAIN_MS):
            self.after(again_ms, lambda: self.stage.box.hear(Observation(incident.who, "active")))
        self.lasts_of(incident.who, incident.ms, lambda: self.stage.box.hear(Observation(incident.who, "clear")))

    def do_chatter(self, incident: Incident) -> None:
        """A contact finds no rest: hundreds of edges a minute."""
        for at_ms in range(0, incident.ms, 2 * incident.n):
            self.after(at_ms, lambda: self._edge(incident.who))
            self.after(at_ms + incident.n, lambda: self.stage.box.hear(Observation(incident.who, "clear")))

    def _edge(self, who: str) -> None:
        active = Observation(who, "active")
        if who == RESTLESS.id:
            self.ask(RESTLESS, lambda: self.stage.box.hear(active), standing=True, restless=True)
        else:
            self.stage.box.hear(active)

    def do_gibberish(self, incident: Incident) -> None:
        """Bytes that mean nothing, and devices that nobody knows."""
        for second in range(max(1, incident.ms // 1_000)):
            self.after(1_000 * second, lambda: self._burst(incident.n))

    def _burst(self, number: int) -> None:
        ear = self.stage.box.ear
        if ear is not None:
            ear.noise(BURSTS_A_SECOND)
            for each in range(3):
                ear.heard(Observation(f"stranger-{(number + each) % STRANGERS}", "trigger"))

    def do_battery_dies(self, incident: Incident) -> None:
        """The mains is off for longer than the battery lasts well."""
        mains = self.stage.box.mains
        self.lasts(incident, lambda: mains.switch(there=False), lambda: mains.switch(there=True), kind="mains cut")
        self.after(incident.ms // 2, lambda: mains.charge(EMPTY))
        self.lasts(incident, lambda: None, lambda: mains.charge(CHARGED))
