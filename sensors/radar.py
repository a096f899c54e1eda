"""What the 60 GHz fall radars have in common: one device on a line, framed bytes in, falls and signs of life out."""

from collections.abc import Callable
from typing import Final

from sensors.driver import Observation
from sensors.frames import FrameFinder, Measure

ADDRESS: Final = "radar"
"""A radar driver hears exactly one device; this is its address."""

BAUD: Final = 115_200


class RadarDecoder:
    """Turns a radar's bytes into observations: a fall is `active` until it is cleared, all else a sign of life.

    `answers` counts the answers to the driver's poll.
    """

    def __init__(
        self,
        measure: Measure,
        check: Callable[[bytes], bool],
        is_answer: Callable[[bytes], bool],
        observe: Callable[[bytes], list[Observation]],
    ) -> None:
        self._finder = FrameFinder(measure, check)
        self._is_answer, self._observe = is_answer, observe
        self.answers = 0

    @property
    def noise(self) -> int:
        """How many runs of bytes meant nothing."""
        return self._finder.noise

    def feed(self, data: bytes, at_ms: int) -> list[Observation]:
        """Take bytes read at `at_ms`."""
        return self._observe_all(self._finder.feed(data, at_ms))

    def due(self) -> int | None:
        """When to call `settle`, if no more bytes come."""
        return self._finder.due()

    def settle(self, now_ms: int) -> list[Observation]:
        """Give up half a frame after a pause."""
        return self._observe_all(self._finder.settle(now_ms))

    def _observe_all(self, frames: list[bytes]) -> list[Observation]:
        self.answers += sum(map(self._is_answer, frames))
        return [seen for frame in frames for seen in self._observe(frame)]


def told(active: bool) -> Observation:  # noqa: FBT001 -- the radar's own bit
    """Give what a fall report says."""
    return Observation(ADDRESS, "active", "fall") if active else Observation(ADDRESS, "clear", "no fall")


def life(data: bytes, *, presence: bool) -> Observation:
    """Give what any other report says: the radar lives, and perhaps whether somebody is there."""
    detail = ("present" if data == b"\x01" else "absent") if presence else ""
    return Observation(ADDRESS, "alive", detail)
