"""The disk of the simulated box: the real store on real files, carried without a thread, as slow and ill as told."""

import asyncio
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from agent.store.carrier import Carrier
from simulators.disk import RecordingDisk

T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]

USUAL_S = (0.001, 0.02)
"""From a desktop's disk to a decent card (DESIGN §5)."""


class Disk:
    """How the disk fares. One box's, whichever process uses it; a power cut puts another `files` in place."""

    def __init__(self, dice: random.Random, files: RecordingDisk) -> None:
        self.dice = dice
        self.files = files
        self.latency_s = USUAL_S
        self.stalled = False
        self.before: Callable[[], None] = lambda: None
        """Called before anything is done on the disk, and `after` once it is done: a world may end a process there."""
        self.after: Callable[[], None] = lambda: None
        self._waiting: list[Callable[[], None]] = []

    @property
    def well(self) -> bool:
        """Whether it does what it is told, in good time."""
        return not (self.stalled or self.files.fail) and self.latency_s == USUAL_S

    def later(self, work: Callable[[], None]) -> None:
        """Do something when the disk has got to it."""
        asyncio.get_running_loop().call_later(self.dice.uniform(*self.latency_s) / 2, self._due, work)

    def _due(self, work: Callable[[], None]) -> None:
        if self.stalled:
            self._waiting.append(work)
        else:
            work()

    def flow(self) -> None:
        """End a stall."""
        self.stalled = False
        waiting, self._waiting = self._waiting, []
        for work in waiting:
            self.later(work)


class InlineCarrier(Carrier):
    """Carries the store's work on the event loop, one piece after the other, each with its virtual time.

    `alive` tells whether the process still is: what a dead one had queued is never done.
    """

    def __init__(self, disk: Disk, alive: Callable[[], bool], connection: sqlite3.Connection | None) -> None:
        del connection
        self._disk, self._alive = disk, alive
        self._jobs: deque[Job] = deque()
        self._busy = False

    async def start(self) -> None:
        """Nothing to start."""

    async def call(self, function: Callable[[], T]) -> T:
        """Run `function` after what is queued already. Raises what it raises."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        self._jobs.append((function, future))
        if not self._busy:
            self._busy = True
            self._disk.later(self._run)
        return await future

    def _run(self) -> None:
        if not self._alive():
            return
        self._disk.before()
        if not self._alive():
            return
        function, _ = self._jobs[0]
        result: Any = None
        error: Exception | None = None
        try:
            result = function()
        except Exception as problem:  # noqa: BLE001 -- whoever asked must hear of it, whatever it is
            error = problem
        self._disk.after()
        if self._alive():
            self._disk.later(lambda: self._answer(result, error))

    def _answer(self, result: object, error: Exception | None) -> None:
        if not self._alive():
            return
        _, future = self._jobs.popleft()
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        self._busy = bool(self._jobs)
        if self._busy:
            self._disk.later(self._run)

    async def close(self, timeout_s: float) -> bool:
        """Nothing to end."""
        del timeout_s
        return True


def _seen(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
