"""Finding frames in a stream of bytes that may begin anywhere, lie about their length, or stop half-way. Pure."""

from collections.abc import Callable
from typing import Final, Literal

PAUSE_MS: Final = 100
"""A device writes a frame in one go: bytes that wait this long for their rest never get it (DESIGN §6)."""

Measure = Callable[[bytes], int | Literal["more", "no"]]
"""Looks at bytes where a frame may begin: its whole length, or "more" bytes are needed to tell, or "no"."""


class FrameFinder:
    """Cuts a stream into whole frames; each run of bytes that belong to none is counted in `noise`.

    What waits for its rest is bounded by the longest frame `measure` admits, and given up after a pause: a noisy
    header must not swallow the frame behind it, so what follows the header is looked at again.
    """

    def __init__(self, measure: Measure, check: Callable[[bytes], bool]) -> None:
        self.noise = 0
        self._measure, self._check = measure, check
        self._buffer = bytearray()
        self._last_ms = 0
        self._in_noise = False

    def feed(self, data: bytes, at_ms: int) -> list[bytes]:
        """Take bytes read at `at_ms`; give the frames they complete."""
        frames = self.settle(at_ms)
        self._buffer += data
        self._last_ms = at_ms
        self._in_noise = False
        return frames + self._cut(at_pause=False)

    def due(self) -> int | None:
        """When to call `settle`, if no more bytes come; None: nothing waits."""
        return self._last_ms + PAUSE_MS if self._buffer else None

    def settle(self, now_ms: int) -> list[bytes]:
        """Give up what has waited for its rest since a pause; give the frames found behind its false header."""
        due_ms = self.due()
        if due_ms is None or now_ms < due_ms:
            return []
        self._in_noise = False
        return self._cut(at_pause=True)

    def _cut(self, *, at_pause: bool) -> list[bytes]:
        frames: list[bytes] = []
        start, view = 0, bytes(self._buffer)
        while start < len(view):
            rest = view[start:]
            length = self._measure(rest)
            if not at_pause and (length == "more" or (isinstance(length, int) and length > len(rest))):
                break
            if isinstance(length, int) and length <= len(rest) and self._check(rest[:length]):
                frames.append(rest[:length])
                start += length
                self._in_noise = False
            else:
                start += 1
                self._skip()
        del self._buffer[:start]
        return frames

    def _skip(self) -> None:
        """Count a run of noise once for each reading, however long: the count says how often, not how much."""
        if not self._in_noise:
            self.noise += 1
            self._in_noise = True
