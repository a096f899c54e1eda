"""The story of a demonstration: who did what and when, in steps that scenarios wait for and people read."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Literal

import msgspec

Who = Literal["you", "home", "hub", "line", "centre", "staff"]

KEPT = 2_000
"""Steps kept; the oldest go first (S12)."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `ms` is boot-relative, as every clock of the demonstration; `at_ms` since the trigger.

    `key` names what it is to whoever waits for it; a step with no `text` is not shown to people.
    """

    ms: int
    at_ms: int | None
    who: Who
    key: str
    text: str
    alarm: str = ""


class Story:
    """Steps, in the order in which they became known: what is heard as a melody is known only at its end."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._dropped = 0
        self._zero_ms: int | None = None
        self._grown = asyncio.Event()

    def __len__(self) -> int:
        """Count all steps there ever were: a place to wait from."""
        return self._dropped + len(self._steps)

    def begin(self, ms: int) -> None:
        """Count from this moment on: somebody calls for help."""
        self._zero_ms = ms

    def add(self, who: Who, key: str, text: str = "", *, ms: int, alarm: str = "") -> Step:
        """Tell a step, and wake who waits for it."""
        at_ms = None if self._zero_ms is None else ms - self._zero_ms
        step = Step(ms=ms, at_ms=at_ms, who=who, key=key, text=text, alarm=alarm)
        self._steps.append(step)
        if len(self._steps) > KEPT:
            del self._steps[: KEPT // 10]
            self._dropped += KEPT // 10
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        return step

    def steps(self, after: int = 0) -> list[Step]:
        """Give the steps from place `after` on, as far as they are still kept."""
        return list(islice(self._steps, max(0, after - self._dropped), None))

    async def wait_for(self, matches: Callable[[Step], bool], *, after: int = 0, within_s: float) -> Step:
        """Wait for a step that matches, from place `after` on. Raises TimeoutError."""
        place = after
        async with asyncio.timeout(within_s):
            while True:
                grown = self._grown
                fresh, place = self.steps(place), len(self)
                for step in fresh:
                    if matches(step):
                        return step
                await grown.wait()


def told(steps: Iterable[Step]) -> list[Step]:
    """Give what is shown to people, in the order in which it happened."""
    return sorted((step for step in steps if step.text), key=lambda step: step.ms)


def when(step: Step) -> str:
    """Write a step's time since the trigger, in seconds."""
    return "" if step.at_ms is None else f"{step.at_ms / 1000:.3f}"
