"""What a trial is: rounds made wholly from their seeds, figures that add up, and the violation that ends it."""

import zlib
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Violation(Exception):  # noqa: N818 -- the field's word, and the issue's
    """A promise was broken. The text begins with its rule (S1 to S12) and says what was expected and what was seen."""


class NotHereError(Exception):
    """This machine cannot make the trial (no mount, no libfaketime); the text says what it lacks. Not a pass."""


@dataclass
class Figures:
    """What a round counted (numbers that add) and measured (samples, in the unit that the name ends with: `, ms`)."""

    counted: Counter[str] = field(default_factory=Counter)
    measured: dict[str, list[float]] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Count something, in words that read after a number: `kills`, `alarms whose call had begun`."""
        self.counted[name] += by

    def measure(self, name: str, value: float, *, at_most: float | None = None, rule: str = "") -> None:
        """Keep a sample. Raises Violation when it is more than the promise allows."""
        self.measured.setdefault(name, []).append(round(value, 3))
        if at_most is not None and value > at_most:
            raise Violation(f"{rule}: {name} was {value:.3f}, promised at most {at_most:g}".removeprefix(": "))

    def add(self, other: "Figures") -> None:
        """Take in another round's figures."""
        self.counted.update(other.counted)
        for name, samples in other.measured.items():
            self.measured.setdefault(name, []).extend(samples)


class Round(NamedTuple):
    """One round: its number, the seed that everything in it is made of, and an empty folder of its own."""

    number: int
    seed: int
    folder: Path


@dataclass(frozen=True)
class Trial:
    """A named sequence of independent rounds.

    `rules` are those it tries ("S1 S4"), `promise` says in a sentence what must hold, `rounds` is how many the soak
    makes. `play` plays one round; it raises Violation when the promise is broken, and NotHereError when this machine
    cannot make it.
    """

    name: str
    rules: str
    promise: str
    rounds: int
    play: Callable[[Round], Coroutine[Any, Any, Figures]]


def seed_of(trial: Trial, number: int) -> int:
    """Give a round's seed: the same on every machine, and another for each trial."""
    return zlib.crc32(trial.name.encode()) * 10_000 + number


async def play_rounds(trial: Trial, numbers: Iterable[int], folder: Path) -> Figures:
    """Play some rounds and give their figures together. Raises Violation, naming the round, and NotHereError."""
    together = Figures()
    for number in numbers:
        own = folder / f"{trial.name}-{number}"
        own.mkdir(parents=True)
        try:
            together.add(await trial.play(Round(number, seed_of(trial, number), own)))
        except Violation as violation:
            raise Violation(f"{violation} [{trial.name}, round {number}: {own}]") from violation
    return together


def percentile(samples: Iterable[float], share: float) -> float:
    """Give the sample that `share` (0 to 1) of all do not exceed. Raises ValueError when there is none."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
