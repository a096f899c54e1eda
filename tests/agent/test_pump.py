"""S1: commit before act, but never wait for a bad disk; and what was journalled replays to what was decided."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.clock import SystemClock
from agent.hub import Hub, Turned
from agent.inbox import Inbox
from agent.pump import Pump
from agent.store.opening import open_store
from agent.store.rows import Batch
from agent.store.store import Store
from agent.store.writer import BUDGET_MS, Writer
from rules.actions import Chirp, Send
from rules.engine import step
from rules.events import AnyEvent, Config, Heard, LinkUp, Sensor, Started, Tick, Triggered
from rules.kinds import KINDS, Kind
from rules.state import House
from rules.values import Now

SENSORS = (Sensor("pendant", "pendant", "worn"), Sensor("door", "door-button", "hall"))
NO_WINDOW = tuple(msgspec.structs.replace(kind, cancel_ms=0) for kind in KINDS)


class Home:
    """A pump with a real store on a real disk, which can be made to stall."""

    def __init__(self, store: Store, kinds: tuple[Kind, ...]) -> None:
        self.store, self.kinds = store, kinds
        self.clock = SystemClock(boot="boot")
        self.inbox = Inbox(self.clock)
        self.hub = Hub(House())
        self.story: list[str] = []
        self.acted = asyncio.Event()
        self.stalled = threading.Event()
        self.stalled.set()
        commit = store.commit

        def slow(batch: Batch) -> None:
            assert self.stalled.wait(10)
            commit(batch)
            self.story.append("committed")

        store.commit = slow  # type: ignore[method-assign]
        self.writer = Writer(store, self.inbox.tell, steady_s=0)
        self.pump = Pump(
            self.hub, self.inbox, self.writer, self.clock, chirp=self._chirp, act=self._act, beat=lambda: None
        )

    def _chirp(self, chirp: Chirp) -> None:
        self.story.append(f"chirp {chirp.name}")

    def _act(self, turned: Turned) -> None:
        self.story.append("acted")
        self.acted.set()

    async def do(self, event: Any, durable: Any = None) -> float:
        """Put an event and turn once; give the seconds until the hub acted."""
        loop = asyncio.get_running_loop()
        self.story.clear()
        began = loop.time()
        self.inbox.put(event, durable)
        await self.pump.turn()
        return loop.time() - began


@contextlib.asynccontextmanager
async def running(path: Path, kinds: tuple[Kind, ...]) -> AsyncIterator[Home]:
    home = Home(open_store(path / "hub.db").store, kinds)
    await home.writer.start()
    await home.do(Started("boot", "epoch", Config(hub="hub-1", sensors=SENSORS, kinds=kinds)))
    try:
        yield home
    finally:
        home.stalled.set()
        await home.writer.close(10)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with running(tmp_path, NO_WINDOW) as home:
        yield home


async def test_s1_the_hub_acts_after_the_commit_and_only_heard_you_comes_before(home: Home) -> None:
    await home.do(Triggered("pendant"))
    assert home.story == ["chirp heard", "committed", "acted"]


async def test_s1_a_silent_kind_makes_no_sound_even_when_the_disk_fails(home: Home) -> None:
    home.stalled.clear()
    await home.do(Triggered("door"))
    assert home.story == ["acted"]


async def test_s1_a_stalled_disk_holds_action_back_for_a_quarter_second_once_and_then_not_at_all(home: Home) -> None:
    home.stalled.clear()
    assert await home.do(Triggered("pendant")) < BUDGET_MS / 1000 + 0.2
    assert home.story == ["chirp heard", "acted"]
    reported = {fault.fault for fault in home.hub.house.faults}
    assert "storage" not in reported  # it is in the inbox now: the next turn reports it
    assert await home.do(Heard("pendant")) < 0.1
    assert "storage" in {fault.fault for fault in home.hub.house.faults}
    home.stalled.set()
    async with asyncio.timeout(10):
        while "storage" in {fault.fault for fault in home.hub.house.faults}:  # S7: and it says so when it recovers
            await home.inbox.wait(1)
            await home.pump.turn()


async def test_s8_a_command_is_told_durable_only_when_it_is(home: Home) -> None:
    told = asyncio.Event()
    home.stalled.clear()
    await home.do(Heard("pendant"), told.set)
    assert not told.is_set()
    home.stalled.set()
    async with asyncio.timeout(10):
        await told.wait()


async def test_s6_what_was_journalled_replays_to_the_house_and_the_rows_that_were_committed(tmp_path: Path) -> None:
    async with running(tmp_path, KINDS) as home:
        for event in (Triggered("pendant"), Heard("pendant"), Triggered("door"), LinkUp("main"), Tick()):
            await home.do(event)
        # The check-in fell due on the old epoch; a new process starts on another one.
        await home.do(Started("boot", "later", Config(hub="hub-1", sensors=SENSORS, kinds=KINDS)))
        await home.do(Triggered("pendant"))
    store = open_store(tmp_path / "hub.db").store
    journal = store.connection.execute("SELECT ms, wall_ms, synced, event FROM journal ORDER BY number").fetchall()
    rows = {row.id: row.body for row in store.waiting(1_000)}
    replayed, sent = House(), set[str]()
    for ms, wall_ms, synced, body in journal:
        event = msgspec.json.decode(body, type=AnyEvent)
        replayed, actions = step(replayed, Now(ms, wall_ms, bool(synced)), event)
        sent |= {action.id for action in actions if isinstance(action, Send)}
    saved = store.load()
    assert saved == msgspec.json.encode(replayed)
    assert sent == set(rows)
    store.close()
