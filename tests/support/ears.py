"""An ear for tests: keeps what a driver told, and lets a test wait for it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from sensors.driver import Observation, SensorDriver


def clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class ListeningEar:
    """Implements `sensors.driver.Ear`."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self.listenings = 0
        self.deaf_reasons: list[str] = []
        self.noises = 0
        self._changed = asyncio.Event()

    def heard(self, observation: Observation) -> None:
        self.observations.append(observation)
        self._changed.set()

    def listening(self) -> None:
        self.listenings += 1
        self._changed.set()

    def deaf(self, reason: str) -> None:
        self.deaf_reasons.append(reason)
        self._changed.set()

    def noise(self, count: int = 1) -> None:
        self.noises += count
        self._changed.set()

    @property
    def levels(self) -> list[Observation]:
        """What was heard, but for the news that a device can (or cannot) be read."""
        return [each for each in self.observations if each.what != "unavailable"]

    def calls(self, what: tuple[str, ...] = ("trigger", "active")) -> list[tuple[str, str]]:
        """The calls for help heard so far: address and detail."""
        return [(each.address, each.detail) for each in self.observations if each.what in what]

    async def until(self, condition: Callable[["ListeningEar"], object], timeout_s: float = 5) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()


@contextlib.asynccontextmanager
async def listening(driver: SensorDriver) -> AsyncIterator[ListeningEar]:
    """Run a driver until the block ends; it listens already when the block begins."""
    ear = ListeningEar()
    task = asyncio.create_task(driver.run(ear))
    waiting = asyncio.create_task(ear.until(lambda each: each.listenings))
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        await waiting
        yield ear
    finally:
        waiting.cancel()
        task.cancel()
        await asyncio.wait([task, waiting])
        if not task.cancelled() and (problem := task.exception()) is not None:
            raise problem
