"""What residents answer when the hub reminds them or brings a message: what a day holds of it, and how it is played.

They have moods: for some hours they press, put off, open the dispenser, press the wrong button, or mind nothing.
"""

import random
from collections.abc import Iterator

from rules.actions import Say
from rules.events import AnswerHeld, AnswerPressed
from simulators.world.ailments import Ailments
from simulators.world.household import TEXTS
from simulators.world.incident import Incident
from simulators.world.incidents import Stage

MINUTE_MS, HOUR_MS = 60_000, 3_600_000

HOWS = ("press", "press", "press", "hold", "lid", "lid", "cancel", "nothing")
DELAYS_S = (4, 15, 40, 120, 400, 1_000)
"""How long after it was said somebody answers."""

MOODS_A_DAY = 10
LIDS_A_DAY, PRESSES_A_DAY, HOLDS_A_DAY, SAID_A_DAY = 5, 3, 2, 4
LIES = 0.5
"""How often, of all days, the clock is wrong and the kernel vouches for it."""


def answers(seed: int, day: int, start: int) -> Iterator[Incident]:
    """Give a day's: moods, hands that do something unasked, what the family has to say, and a clock that lies."""
    dice = random.Random(f"answers {seed} {day}")

    def sometime() -> int:
        return start + dice.randrange(24 * HOUR_MS)

    for _ in range(MOODS_A_DAY):
        lasts_ms = dice.randrange(HOUR_MS, 5 * HOUR_MS)
        yield Incident(sometime(), "mood", dice.choice(HOWS), ms=lasts_ms, n=dice.choice(DELAYS_S))
    for _ in range(LIDS_A_DAY):
        yield Incident(sometime(), "open", "box-1", ms=dice.choice((4_000, 30_000)))
    for what, number in (("press", PRESSES_A_DAY), ("hold", HOLDS_A_DAY)):
        for _ in range(number):
            yield Incident(sometime(), "answer", what)
    texts = (*sorted(TEXTS), "unknown")
    for _ in range(SAID_A_DAY):
        yield Incident(sometime(), "command", f"say {dice.choice(texts)}", n=dice.choice((1, 3, 8, 24)))
    if dice.random() < LIES:
        yield Incident(sometime(), "clock lies", ms=dice.randrange(MINUTE_MS, 3 * HOUR_MS), n=dice.randrange(1_000))


class Answering(Ailments):
    """Plays these, too."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._moods: list[tuple[int, Incident]] = []
        stage.listens = self._hears

    def do_mood(self, incident: Incident) -> None:
        """For a while the residents answer in this way."""
        self._moods.append((self.stage.now_ms() + incident.ms, incident))

    def _hears(self, say: Say) -> None:
        """Somebody answers what was said, by the newest mood that lasts."""
        if say.prompt in (None, "missed", "no-information"):
            return
        now_ms = self.stage.now_ms()
        self._moods = [each for each in self._moods if each[0] > now_ms]
        if self._moods:
            mood = self._moods[-1][1]
            self.after(1_000 * mood.n, lambda: self.do_answer(mood))

    def do_answer(self, incident: Incident) -> None:
        """Press or hold the button that answers, open the dispenser, or press the button that cancels."""
        match incident.who:
            case "press":
                self._put(AnswerPressed())
            case "hold":
                self._put(AnswerHeld())
            case "lid":
                self.do_open(Incident(0, "open", "box-1", ms=5_000))
            case "cancel":
                self.do_cancel(incident)

    def do_clock_lies(self, incident: Incident) -> None:
        """The wall clock is off by up to 20 hours, and the kernel says that it is right; later it is."""
        clock = self.stage.box.clock
        clock.off_ms = (incident.n - 500) * 20 * HOUR_MS // 500

        def right_again() -> None:
            clock.off_ms, clock.synced = 0, True

        self.after(incident.ms, right_again)
