"""What the tests of the writer share: who listens, a store whose commits fail as told, and patience with an end."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from agent.store.rows import Batch
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import Dropped, StorageChanged
from simulators.disk import Disk

SOON_S = 10.0  # how long a test waits for what must come


class Told:
    """What the writer told, in order; `until` waits for something in particular."""

    def __init__(self) -> None:
        self.events: list[StorageChanged | Dropped] = []
        self._more = asyncio.Event()

    def __call__(self, event: StorageChanged | Dropped) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, wanted: Callable[[StorageChanged | Dropped], bool]) -> StorageChanged | Dropped:
        async with asyncio.timeout(SOON_S):
            while True:
                self._more.clear()
                for event in self.events:
                    if wanted(event):
                        return event
                await self._more.wait()

    async def recovered(self) -> None:
        await self.until(lambda event: isinstance(event, StorageChanged) and event.ok)

    @property
    def oks(self) -> list[bool]:
        return [event.ok for event in self.events if isinstance(event, StorageChanged)]


@contextlib.asynccontextmanager
async def writing(store: Store | None, told: Told, **options: Any) -> AsyncIterator[Writer]:
    writer = Writer(store, told, **{"steady_s": 0.0, **options})
    await writer.start()
    try:
        yield writer
    finally:
        assert await writer.close(SOON_S)


async def soon(awaitable: Any) -> Any:
    async with asyncio.timeout(SOON_S):
        return await awaitable


async def stalled(disk: Disk) -> None:
    """Wait until somebody hangs in a sync."""
    assert await asyncio.to_thread(disk.stalled.wait, SOON_S)


def committed(path: Path) -> list[str]:
    """Read with eyes of its own what is in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT epoch || '-' || lane || '-' || seq FROM outbox ORDER BY number").fetchall()
    return [each for (each,) in found]


class Counting(Store):
    """Counts attempts, and fails as long as it is told to."""

    failing = True
    attempts = 0

    def commit(self, batch: Batch) -> None:
        self.attempts += 1
        if self.failing:
            raise sqlite3.OperationalError("a full disk, with SECRET in its words")
        super().commit(batch)
