"""Debounce and long-press: pure, with time as an argument, in the manner of a state machine with one timer.

Both work alike: `feed` what was seen and when, ask `due()` when to come back, then `settle(now)`. A late wake-up gives
the same result as a punctual one: `feed` first tells what had come due before it.
"""

from typing import Literal

Press = Literal["short", "held"]

HOLD_MS = 3_000
"""How long a button is held to count as held (DESIGN §4, defaults pinned)."""


class Debounce:
    """A level counts once it has stood for `window_ms` milliseconds. Before the first has, `level` is None."""

    def __init__(self, window_ms: int, level: bool | None = None) -> None:  # noqa: FBT001 -- the level is what this is about
        if window_ms < 0:
            raise ValueError(f"a debounce window of {window_ms} ms is negative")
        self.level = level
        self._window_ms = window_ms
        self._raw = level
        self._since_ms: int | None = None

    def feed(self, level: bool, at_ms: int) -> bool | None:  # noqa: FBT001 -- likewise
        """See the raw `level` at `at_ms`; give the level that had settled before, or None if none had."""
        settled = self.settle(at_ms)
        if level != self._raw:
            self._raw = level
            self._since_ms = None if level == self.level else at_ms
        return settled

    def due(self) -> int | None:
        """When to call `settle`, if nothing else is seen; None: not at all."""
        return None if self._since_ms is None else self._since_ms + self._window_ms

    def settle(self, now_ms: int) -> bool | None:
        """Give the level that has just settled, or None if nothing changed."""
        due_ms = self.due()
        if due_ms is None or now_ms < due_ms:
            return None
        self._since_ms = None
        self.level = self._raw
        return self.level


class LongPress:
    """Tells a short press (when the button is let go) from a held one (as soon as it has been held enough)."""

    def __init__(self, hold_ms: int = HOLD_MS) -> None:
        if hold_ms <= 0:
            raise ValueError(f"a hold of {hold_ms} ms is not positive")
        self._hold_ms = hold_ms
        self._down = False
        self._since_ms: int | None = None

    def feed(self, pressed: bool, at_ms: int) -> Press | None:  # noqa: FBT001 -- a level, as above
        """See the debounced button at `at_ms`; give the press that this, or the time until it, completed."""
        held = self.settle(at_ms)
        if pressed == self._down:
            return held
        self._down = pressed
        if pressed:
            self._since_ms = at_ms
            return held
        short = self._since_ms is not None
        self._since_ms = None
        return "short" if short else held

    def due(self) -> int | None:
        """When to call `settle`, if the button stays as it is; None: not at all."""
        return None if self._since_ms is None else self._since_ms + self._hold_ms

    def settle(self, now_ms: int) -> Literal["held"] | None:
        """Give "held" once, when the button has been down for the hold time."""
        due_ms = self.due()
        if due_ms is None or now_ms < due_ms:
            return None
        self._since_ms = None
        return "held"
