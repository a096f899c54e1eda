"""Keeps every driver listening: each in a task of its own, failures told once and retried, none harms another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

import msgspec

from rules.events import DriverFailed, DriverRecovered, PartChanged
from sensors.driver import Observation, SensorDriver
from sensors.interference import SLOT_S, Interference

_log = logging.getLogger(__name__)

BACKOFF_FIRST_S = 1.0
BACKOFF_MAX_S = 30.0
STEADY_S = 30.0
"""A driver that listened for so long starts its backoff anew; one that fails sooner goes on waiting longer."""

_REASON_CHARS_MAX = 200

MakeDriver = Callable[[], SensorDriver]
Tell = Callable[[DriverFailed | DriverRecovered | PartChanged], None]


class DriverStatus(msgspec.Struct, frozen=True):
    """One driver, for the status: whether it hears, why not, how often it failed, and how much noise it survived."""

    listening: bool
    reason: str
    failures: int
    noise: int


class Listening:
    """Runs drivers until cancelled.

    `hear(driver, observation)` is told all they hear, `tell(event)` that one failed or recovered, or that too much
    reaches it (S7). `sleep` waits between attempts: 1 s, doubling to 30 s.
    """

    def __init__(
        self,
        drivers: Mapping[str, MakeDriver],
        hear: Callable[[str, Observation], None],
        tell: Tell,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._stirred = asyncio.Event()
        self._ears = {name: _Ear(name, hear, tell, self._stirred.set) for name in drivers}
        self._drivers, self._sleep = drivers, sleep

    async def tried(self) -> None:
        """Wait until every driver listens, or has failed once: the hub then hears all that it can hear."""
        for ear in self._ears.values():
            await ear.tried.wait()

    async def run(self) -> None:
        """Listen with every driver until cancelled; returns only when there are none."""
        async with asyncio.TaskGroup() as tasks:
            for name, make in self._drivers.items():
                tasks.create_task(self._keep(make, self._ears[name]), name=f"driver {name}")
            if self._drivers:
                tasks.create_task(self._look(), name="interference")

    @property
    def status(self) -> dict[str, DriverStatus]:
        """How each driver fares."""
        return {
            name: DriverStatus(ear.is_listening, ear.reason, ear.failures, ear.noise_count)
            for name, ear in self._ears.items()
        }

    async def _look(self) -> NoReturn:
        """Look every slot while there is something to see; a quiet home wakes nobody."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await asyncio.sleep(SLOT_S)
            calm = [ear.look() for ear in self._ears.values()]
            if not all(calm):
                self._stirred.set()

    async def _keep(self, make: MakeDriver, ear: "_Ear") -> NoReturn:
        loop, backoff_s = asyncio.get_running_loop(), BACKOFF_FIRST_S
        while True:
            ear.attempt()
            try:
                await make().run(ear)
                reason = "stopped by itself"
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                reason = "cancelled from within"
            except Exception as problem:  # noqa: BLE001 -- S7: whatever it is, it is told, and the driver run again
                reason = str(problem) or type(problem).__name__
            if ear.listened_since is not None and loop.time() - ear.listened_since >= STEADY_S:
                backoff_s = BACKOFF_FIRST_S
            ear.failed(reason)
            await self._sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)


class _Ear:
    """One driver's ear: passes on, counts, and tells each change between hearing and not."""

    def __init__(
        self,
        name: str,
        hear: Callable[[str, Observation], None],
        tell: Tell,
        stirred: Callable[[], None],
    ) -> None:
        self._name, self._hear, self._tell, self._stirred = name, hear, tell, stirred
        self._told_failed = False
        self._untaken = 0
        self._interference = Interference()
        self._heard_count = 0
        self.is_listening = False
        self.listened_since: float | None = None
        self.tried = asyncio.Event()
        self.reason = "not started yet"
        self.failures = 0
        self.noise_count = 0

    def heard(self, observation: Observation) -> None:
        self._heard_count += 1
        self._stirred()
        try:
            self._hear(self._name, observation)
        except Exception as problem:  # noqa: BLE001 -- ours, not the adapter's: reopening it would only lose more
            self._untaken += 1
            if self._untaken & (self._untaken - 1) == 0:  # S12: the 1st, 2nd, 4th, 8th… and S11: no message text
                kind = type(problem).__name__
                _log.error("driver %s: %d observations could not be taken, %s", self._name, self._untaken, kind)

    def listening(self) -> None:
        self.is_listening, self.reason = True, ""
        self.listened_since = asyncio.get_running_loop().time()
        self.tried.set()
        if self._told_failed:
            self._told_failed = False
            self._tell(DriverRecovered(self._name))

    def deaf(self, reason: str) -> None:
        self.is_listening, self.reason = False, reason[:_REASON_CHARS_MAX]
        self.tried.set()
        if not self._told_failed:
            self._told_failed = True
            self._tell(DriverFailed(self._name, self.reason))

    def noise(self, count: int = 1) -> None:
        self.noise_count += count
        self._stirred()

    def look(self) -> bool:
        """S7: tell when interference begins, and when it is over. Give whether it is calm."""
        begun = self._interference.look(self.noise_count, self._heard_count)
        if begun is not None:
            reason = "interference: far too much reaches it, and a call could drown" if begun else ""
            self._tell(PartChanged(f"reception-{self._name}", ok=not begun, reason=reason))
        return self._interference.calm

    def attempt(self) -> None:
        self.listened_since = None

    def failed(self, reason: str) -> None:
        self.failures += 1
        self.deaf(reason)
