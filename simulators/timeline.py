"""What a simulated response centre saw and did, in order, for tests and demonstrations to follow."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import islice
from typing import Literal

import msgspec

KEPT = 10_000
"""Entries kept; the oldest go first (S12)."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that came (`in`), was sent (`out`) or happened to the link (`link`).

    `ms` is on the centre's steady clock, `wall_ms` its Unix time; `time` is what the hub says. `verdict` is the
    intake's, or a receipt's result. `type` is the event's or command's type without its prefix.
    """

    ms: int
    wall_ms: int
    way: Literal["in", "out", "link"]
    hub: str = ""
    channel: str = ""
    type: str = ""
    ref: str = ""
    alarm: str = ""
    verdict: str = ""
    time: str = ""
    reason: str = ""
    test: bool = False

    def line(self) -> str:
        """Write it for people."""
        arrow = {"in": "→", "out": "←", "link": "·"}[self.way]
        words = (self.hub, self.channel, self.type, self.alarm, self.ref, self.verdict, "TEST" * self.test, self.reason)
        return " ".join([f"{self.ms / 1000:.3f}", arrow, *(word for word in words if word)])


class Timeline:
    """Entries in order. Any number of readers may follow it, from its beginning or from now."""

    def __init__(self, on_entry: Callable[[Entry], None] | None = None) -> None:
        self._entries: list[Entry] = []
        self._dropped = 0
        self._grown = asyncio.Event()
        self._on_entry = on_entry

    def __len__(self) -> int:
        """Count all entries there ever were: a place to follow from."""
        return self._dropped + len(self._entries)

    def add(self, entry: Entry) -> None:
        """Append an entry, and wake who follows."""
        self._entries.append(entry)
        if len(self._entries) > KEPT:
            del self._entries[: KEPT // 10]
            self._dropped += KEPT // 10
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
        if self._on_entry is not None:
            self._on_entry(entry)

    def entries(self, after: int = 0) -> list[Entry]:
        """Give the entries from place `after` on, as far as they are still kept."""
        return list(islice(self._entries, max(0, after - self._dropped), None))

    async def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        """Give the entries from place `after` on, and then each new one as it comes."""
        place = after
        while True:
            grown, fresh, place = self._grown, self.entries(place), len(self)
            for entry in fresh:
                yield entry
            await grown.wait()

    async def wait_for(
        self, matches: Callable[[Entry], bool], *, after: int = 0, timeout_s: float = 10, count: int = 1
    ) -> Entry:
        """Wait for the `count`-th entry that matches, from place `after` on. Raises TimeoutError."""
        left = count
        async with asyncio.timeout(timeout_s):
            async for entry in self.follow(after):
                left -= matches(entry)
                if not left:
                    return entry
        raise AssertionError("a time-line has no end")
