"""A bell: rung from any thread of this process when something was kept, it wakes whoever waits on an event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class Ear:
    """Hears bells on one loop. A ring between two waits is not lost."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.rung = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        """Return when the bell is rung, or was since the last wait, or after `timeout_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.rung.wait()
        self.rung.clear()


class Bell:
    """Rings at once for everybody who listens in this process. Other processes look every so often."""

    def __init__(self) -> None:
        self._ears: set[Ear] = set()
        self._turn = threading.Lock()

    def ring(self) -> None:
        """Wake everybody. From any thread; never blocks for long, never raises."""
        with self._turn:
            ears = tuple(self._ears)
        for ear in ears:
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody is left to wake
                ear.loop.call_soon_threadsafe(ear.rung.set)

    def add(self, ear: Ear) -> None:
        """Let somebody listen."""
        with self._turn:
            self._ears.add(ear)

    def remove(self, ear: Ear) -> None:
        """Let somebody listen no more."""
        with self._turn:
            self._ears.discard(ear)


@contextlib.contextmanager
def listening(*bells: Bell) -> Iterator[Ear]:
    """Listen to all of these for as long as this lasts."""
    ear = Ear(asyncio.get_running_loop())
    for bell in bells:
        bell.add(ear)
    try:
        yield ear
    finally:
        for bell in bells:
            bell.remove(ear)
