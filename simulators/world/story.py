"""Tells what happened in a world, for people: what befell the home, what the hub did, what arrived, and when."""

from collections import deque

from rules.values import utc
from simulators.world.clock import DAWN_MS
from simulators.world.script import Script
from simulators.world.world import Broken, Played, play

LINES_MAX = 400


class Story:
    """Collects the lines of a world; the newest when there are too many."""

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=LINES_MAX)

    def tell(self, ms: int, what: str) -> None:
        """Take a line."""
        self.lines.append(f"{when(ms)}  {what}")


def when(ms: int) -> str:
    """Give the world's time as people read it."""
    text = utc(DAWN_MS + ms)
    return f"day {ms // 86_400_000 + 1} {text[11:23]}"


def story_of(seed: int, script: Script) -> tuple[Played, list[str]]:
    """Play a script and tell it."""
    story = Story()
    played = play(seed, script, story.tell)
    return played, list(story.lines)


def summary(broken: Broken) -> str:
    """Say in a line or two what was broken."""
    return f"BROKEN at {when(broken.at_ms)}: {broken.promise}\n  {broken.what}"
