"""What a trial sees: the hub's outputs, each change with its moment, and the reports that its centre was told."""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

from rules.reports import Report
from simulators.pins import PinsClient
from simulators.rig import Rig
from simulators.watched_pins import Change

SOUNDER, SIREN, CALL = 20, 19, 16
OUTPUTS = f'[outputs]\ncall = {CALL}\nsiren = {SIREN}\nsounder = {SOUNDER}\n[pins]\nfactory = "mock"\n'
"""The tables of a hub whose outputs can be watched."""

HEARD_HZ, ARRIVED_HZ = 880, 523
"""The first note of the chirps "heard you" and "it has arrived"."""

R = TypeVar("R", bound=Report)


class Eyes:
    """Watches a hub's outputs while it is entered; `changes` are all so far, in order, `ms` boot-relative."""

    def __init__(self, pins: PinsClient) -> None:
        self.changes: list[Change] = []
        self._pins = pins
        self._seen = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch())
        await self.until(lambda _: True)  # each output is shown at once
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching

    async def _watch(self) -> None:
        async for change in self._pins.watch():
            self.changes.append(change)
            self._seen.set()

    async def until(
        self, wanted: Callable[[Change], bool], *, after: int = 0, from_ms: int = 0, timeout_s: float = 10
    ) -> Change:
        """Wait for a change from place `after` on, and not before `from_ms`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                self._seen.clear()
                for change in self.changes[after:]:
                    if change.ms >= from_ms and wanted(change):
                        return change
                await self._seen.wait()

    async def note(self, hz: int, *, from_ms: int, after: int = 0, timeout_s: float = 10) -> int:
        """Wait until the sounder sounds this note; give the moment. Raises TimeoutError."""
        change = await self.until(
            lambda each: each.pin == SOUNDER and each.hz == hz, after=after, from_ms=from_ms, timeout_s=timeout_s
        )
        return change.ms


class Told(NamedTuple, Generic[R]):
    """A report as the centre holds it, its id, and when it first came (`ms`, boot-relative)."""

    ref: str
    report: R
    ms: int


def told(rig: Rig, kind: type[R]) -> list[Told[R]]:
    """Give every report of a type that the centre holds, in the order they came."""
    came = {entry.ref: entry.ms for entry in rig.centre.timeline.entries() if entry.verdict == "accepted"}
    return [Told(ref, report, came.get(ref, 0)) for ref, report in rig.held(kind)]


async def until_told(rig: Rig, kind: type[R], wanted: Callable[[R], bool], *, timeout_s: float = 15) -> Told[R]:
    """Wait until the centre holds such a report. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            place = len(rig.centre.timeline)
            for each in told(rig, kind):
                if wanted(each.report):
                    return each
            await rig.centre.timeline.wait_for(lambda _: True, after=place, timeout_s=timeout_s)
