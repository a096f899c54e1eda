"""The engine alone: a household's year stepped through the rules, with no hub around them, to see how fast they are."""

import random
import time
from collections.abc import Iterator

import msgspec

from rules.actions import Action, Send, SendCheckIn
from rules.engine import next_deadline, step
from rules.events import (
    CancelPressed,
    Cleared,
    Commanded,
    Config,
    Event,
    Heard,
    LinkDown,
    LinkUp,
    Measured,
    Receipted,
    Sensor,
    Started,
    Tick,
    Triggered,
)
from rules.state import House
from rules.values import Now
from simulators.world.clock import DAWN_MS
from simulators.world.household import DEVICES, HUB, SENSES
from simulators.world.script import DAY_MS, generate

DAYS = 365
ANSWER_MS = 80
"""How long the centre takes."""


class Year(msgspec.Struct, frozen=True):
    """How a year went: events of the household, steps in all, alarms, and the seconds it took."""

    days: int
    events: int
    steps: int
    alarms: int
    seconds: float

    @property
    def years_a_minute(self) -> float:
        """How many such years the engine does in a minute."""
        return 60 / self.seconds * self.days / DAYS

    def __str__(self) -> str:
        """Say it for people."""
        return (
            f"{self.days} days, {self.events / self.days:.0f} events a day, {self.steps:,} steps, "
            f"{self.alarms:,} alarms: {self.seconds:.1f} s, {self.years_a_minute:.2f} household-years a minute"
        )


def year(seed: int, days: int = DAYS) -> Year:
    """Step a household's year through the rules: its events, every deadline, a centre that receipts and resolves."""
    home = _Home()
    spent = 0.0
    for day in range(days):
        made = _events(seed * DAYS + day, day * DAY_MS)
        events = sorted(made, key=lambda each: each[0])  # making them is not the engine's work
        began = time.perf_counter()
        for at_ms, event in events:
            home.until(at_ms)
            home.happens(at_ms, event)
        spent += time.perf_counter() - began
        home.events += len(events)
    return Year(days, home.events, home.steps, home.alarms, round(spent, 3))


def _events(seed: int, start_ms: int) -> Iterator[tuple[int, Event]]:
    """Give a day's events of the household, as sensors and lines would put them."""
    dice = random.Random(seed)
    for each in generate(seed, 1):
        at_ms = start_ms + each.at_ms
        match each.what:
            case "press" if each.who != "hub":
                yield at_ms, Triggered(each.who)
            case "wet":
                yield at_ms, Triggered(each.who, sustained=True)
                yield at_ms + 1, Cleared(each.who)
            case "cancel":
                yield at_ms, CancelPressed()
            case "alive":
                yield at_ms, Heard(each.who)
            case "reading" | "degrees":
                yield at_ms, Measured(each.who, "temperature", dice.random())
                yield at_ms, Heard(each.who)
            case "stir":
                yield at_ms, Triggered(each.who)
            case "use" | "open":
                yield at_ms, Triggered(each.who, sustained=True)
                yield at_ms + each.ms, Cleared(each.who)
            case "line cut":
                yield at_ms, LinkDown("main", "cut")
                yield at_ms + 2, LinkUp("main")


class _Home:
    """A house between its steps, and a centre that answers everything."""

    def __init__(self) -> None:
        sensors = tuple(
            Sensor(each.id, each.kind, each.location, each.person, 43_200_000) for each in (*DEVICES, *SENSES)
        )
        self.house = House()
        self.events = self.steps = self.alarms = 0
        self._answers: list[tuple[int, Event]] = []
        self.happens(0, Started("boot00000001", "e1", Config(hub=HUB, sensors=sensors)))
        self.happens(1, LinkUp("main"))

    def until(self, ms: int) -> None:
        """Let every deadline and every answer of the centre come, up to a moment."""
        while True:
            due_ms = next_deadline(self.house)
            answer_ms = self._answers[0][0] if self._answers else None
            first = min((each for each in (due_ms, answer_ms) if each is not None), default=None)
            if first is None or first > ms:
                return
            self.happens(first, self._answers.pop(0)[1] if first == answer_ms else Tick())

    def happens(self, ms: int, event: Event) -> None:
        """Step once."""
        ms = max(ms, self.house.now_ms)
        self.house, actions = step(self.house, Now(ms, DAWN_MS + ms, synced=True), event)
        self.steps += 1
        for action in actions:
            self._answer(ms, action)

    def _answer(self, ms: int, action: Action) -> None:
        """The centre receipts at once, and resolves an alarm in a quarter of an hour."""
        if isinstance(action, Send | SendCheckIn):
            self._later(ms + ANSWER_MS, Receipted(action.id, "accepted"))
        if isinstance(action, Send) and type(action.report).__name__ == "AlarmRaised":
            self.alarms += 1
            alarm = action.report.alarm  # type: ignore[attr-defined]
            body = msgspec.json.encode({"alarm": alarm}).decode()
            self._later(ms + 900_000, Commanded(f"resolve-{alarm}", "resolve", body))

    def _later(self, ms: int, event: Event) -> None:
        self._answers.append((ms, event))
        self._answers.sort(key=lambda each: each[0])
