"""A backlog is drained: thousands of events wait in the store, the line comes up, the same centre receipts them all.

The floor does for it what any honest program must: rows from SQLite, each signed when it is sent, QoS 1, no more
unanswered than the broker takes; the centre's receipts verified, and settled durably, a group at a time.
"""

import asyncio
import secrets
import sqlite3
from collections import deque
from pathlib import Path

import aiosqlite
from msgspec.structs import replace
from paho.mqtt.client import MQTTMessage

from agent.clock import SystemClock
from agent.config import HubConfig, load, rules_config
from agent.daemon import Daemon
from agent.hub import Hub, Turned
from agent.inbox import Arrival
from agent.seams import Seams
from agent.store.opening import open_store
from agent.store.rows import Row
from agent.wire.messages import Receipt, read
from rules.events import Event, Measured, Started
from rules.state import House
from sensors.registry import driver_type
from simulators.bench.floor import Speaker
from simulators.bench.stage import FLOOR, HUB, PENDANTS, Stage
from simulators.watched_pins import WatchedFactory

BATCH = 500
FETCH = 1_000
UNRECEIPTED = 64
"""The floor's rows without a receipt. Without a limit the broker would drop some (Mosquitto keeps 1,000 a client)."""

STALLED_S = 30.0


class Tally:
    """Counts what has been settled durably, and when."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._first: tuple[float, int] | None = None
        self._settled = 0
        self._moved = asyncio.Event()
        self.per_second = 0.0

    def settled(self, count: int) -> None:
        """Note so many more."""
        if not count:
            return
        now = asyncio.get_running_loop().time()
        self._settled += count
        self._moved.set()
        if self._first is None:
            self._first = now, self._settled
        elif now > self._first[0]:
            self.per_second = (self._settled - self._first[1]) / (now - self._first[0])

    async def complete(self) -> float:
        """Wait until all are; give how many a second, between the first time and the last."""
        while self._settled < self._rows:
            async with asyncio.timeout(STALLED_S):
                self._moved.clear()
                await self._moved.wait()
        return self.per_second


def fill(path: Path, hub: str, config: HubConfig, rows: int) -> list[Row]:
    """Fill a store with what the real engine makes of so many readings; give the rows that now wait in it."""
    clock = SystemClock()
    home = Hub(House())
    rules = replace(rules_config(config, lambda name: driver_type(name).heartbeat_ms, "bench"), hub=hub)
    epoch = secrets.token_hex(5)
    store = open_store(path).store
    store.connection.execute("PRAGMA synchronous = OFF")  # it is not the filling that is measured
    made: list[Row] = []
    events: list[Event] = [Started(clock.boot, epoch, rules)]
    measured = [Measured(f"p{n % PENDANTS}", "signal", float(n % 16), "/15") for n in range(rows)]
    for first in range(0, rows, BATCH):
        turned = home.turn([Arrival(clock.now(), each) for each in (*events, *measured[first : first + BATCH])])
        events = []
        store.commit(turned.batch)
        made += turned.rows
    store.connection.execute("PRAGMA synchronous = FULL")
    store.close()
    return made


async def drain_hub(path: Path, rows: int) -> float:
    """Let a hub drain a backlog; give how many events a second are receipted, and durably so."""
    config = load(path)
    waiting = len(fill(config.state_dir / "hub.db", HUB, config, rows))
    tally = Tally(waiting)

    def turned(turned: Turned) -> None:
        tally.settled(len(turned.batch.settled))

    daemon = Daemon(config, SystemClock(), Seams(pin_factory=WatchedFactory(), turned=turned))
    stop = asyncio.Event()
    running = asyncio.create_task(daemon.run(stop))
    try:
        return await tally.complete()
    finally:
        stop.set()
        await running


class FloorDrain:
    """The barest program that drains a backlog."""

    def __init__(self, stage: Stage, database: Path, rows: list[Row]) -> None:
        self._speaker = Speaker(stage, self._heard)
        self._database = database
        self._tally = Tally(len(rows))
        self._rows = rows
        self._fetched: deque[tuple[int, str, bytes, str]] = deque()
        self._unreceipted: dict[str, tuple[int, str]] = {}
        self._answered: list[int] = []
        self._moved = asyncio.Event()
        self._ripe = asyncio.Event()

    def _fill(self) -> None:
        with sqlite3.connect(self._database) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(
                "CREATE TABLE outbox (number INTEGER PRIMARY KEY, id TEXT, body BLOB, digest TEXT, state INTEGER)"
            )
            connection.executemany(
                "INSERT INTO outbox (id, body, digest, state) VALUES (?, ?, ?, 0)",
                [(row.id, row.body, row.digest) for row in self._rows],
            )
        connection.close()

    async def run(self) -> float:
        """Drain it all; give how many events a second are receipted, and durably so."""
        self._fill()
        async with aiosqlite.connect(self._database, isolation_level=None) as self._db:
            await self._db.execute("PRAGMA synchronous = FULL")
            await self._speaker.connect()
            tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._settle())]
            try:
                return await self._tally.complete()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._speaker.close()

    async def _send(self) -> None:
        """Send, with two windows: what the broker takes at once, and what the centre has not receipted."""
        last = 0
        while True:
            if not self._fetched:
                select = "SELECT number, id, body, digest FROM outbox WHERE state = 0 AND number > ? LIMIT ?"
                self._fetched.extend(await self._db.execute_fetchall(select, (last, FETCH)))  # type: ignore[arg-type]
                if not self._fetched:
                    return
            link = self._speaker.link
            while self._fetched and link.unanswered < link.receive_maximum and len(self._unreceipted) < UNRECEIPTED:
                last, ref, body, digest = self._fetched.popleft()
                self._unreceipted[ref] = last, digest
                self._speaker.say("event", body).add_done_callback(lambda _: self._moved.set())
            if self._fetched:
                self._moved.clear()
                await self._moved.wait()

    def _heard(self, message: MQTTMessage) -> None:
        receipt = read(self._speaker.verifier.open(bytes(message.payload)), Receipt)
        number, digest = self._unreceipted.pop(receipt.ref)
        if digest == receipt.digest:
            self._answered.append(number)
            self._ripe.set()
            self._moved.set()

    async def _settle(self) -> None:
        """Commit what was receipted, all that has come meanwhile in one transaction."""
        while True:
            await self._ripe.wait()
            self._ripe.clear()
            numbers, self._answered = self._answered, []

            def commit(numbers: list[int] = numbers) -> None:
                connection = self._db._conn  # noqa: SLF001 -- one hop, as the hub does
                connection.execute("BEGIN")
                connection.executemany("UPDATE outbox SET state = 1 WHERE number = ?", [(each,) for each in numbers])
                connection.execute("COMMIT")

            await self._db._execute(commit)  # type: ignore[no-untyped-call]  # noqa: SLF001 -- likewise
            self._tally.settled(len(numbers))


async def drain_floor(stage: Stage, config: Path, rows: int) -> float:
    """Let the floor drain the same events; give how many a second."""
    folder = stage.folder / f"drain-{secrets.token_hex(4)}"
    made = fill(folder / "made.db", FLOOR, load(config), rows)
    return await FloorDrain(stage, folder / "floor.db", made).run()
