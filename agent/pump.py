"""The pump: takes what arrived, turns the hub, commits, then acts. Nothing else drives the hub."""

import asyncio
from collections.abc import Callable

from agent.clock import Clock
from agent.hub import Hub, Turned
from agent.inbox import Arrival, Inbox
from agent.store.writer import Writer
from rules.actions import Chirp
from rules.events import Tick

BATCH_MAX = 64
"""How many arrivals are committed together: enough for a backlog of receipts, few enough for a short transaction."""

BEAT_S = 2.0
"""The pump turns at least this often, so that the watchdog is fed only by a pump that still can."""


class Pump:
    """Drives a hub. `act` carries out what a turn asked for; `beat` is called at every turn."""

    def __init__(
        self,
        hub: Hub,
        inbox: Inbox,
        writer: Writer,
        clock: Clock,
        *,
        chirp: Callable[[Chirp], None],
        act: Callable[[Turned], None],
        beat: Callable[[], None],
        beat_s: float = BEAT_S,
    ) -> None:
        self._hub = hub
        self._inbox = inbox
        self._writer = writer
        self._clock = clock
        self._chirp = chirp
        self._act = act
        self._beat = beat
        self._beat_s = beat_s
        self.turns = 0

    async def run(self) -> None:
        """Turn until cancelled."""
        while True:
            await self._inbox.wait(self._until_deadline_s())
            await self.turn()

    def _until_deadline_s(self) -> float:
        due_ms = self._hub.next_deadline()
        if due_ms is None:
            return self._beat_s
        return min(self._beat_s, max(0.0, (due_ms - self._clock.now().ms) / 1000))

    async def turn(self) -> None:
        """Turn once: what has arrived, or the deadline that is due."""
        self._beat()
        self.turns += 1
        arrivals = self._inbox.take(BATCH_MAX)
        if not arrivals:
            now = self._clock.now()
            due_ms = self._hub.next_deadline()
            if due_ms is None or due_ms > now.ms:
                return
            arrivals = [Arrival(now, Tick())]
        turned = self._hub.turn(arrivals)
        for chirp in turned.early:
            self._chirp(chirp)  # S1: "heard you" may come before the commit
        commit = self._writer.submit(turned.batch)
        for arrival in arrivals:
            if arrival.durable is not None:
                _tell_when_durable(commit, arrival.durable)
        await self._writer.durable(commit)  # S1: commit before act, but never wait for a bad disk
        self._act(turned)


def _tell_when_durable(commit: "asyncio.Future[None]", durable: Callable[[], None]) -> None:
    def done(future: "asyncio.Future[None]") -> None:
        if not future.cancelled() and future.exception() is None:
            durable()

    commit.add_done_callback(done)
