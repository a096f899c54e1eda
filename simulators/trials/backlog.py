"""A week's backlog: the line comes back, the hub is killed as it drains, and somebody presses a pendant."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from agent.clock import SystemClock
from agent.config import load, rules_config
from agent.hub import Hub
from agent.inbox import Arrival
from agent.store.opening import open_store
from rules.events import Event, Measured, Started, Triggered, Troubled
from rules.values import Now
from sensors.registry import driver_type
from simulators.proxy import Proxy
from simulators.rig import NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials import accounts
from simulators.trials.trial import Figures, Round, Trial, Violation

EVENTS = 20_000
"""A week of a home of many sensors: 120 events an hour."""

WEEK_MS = 7 * 86_400_000
ARMED_TIMES, ARMED_MORE_S = 1.5, 0.3
"""How much longer a hub with a backlog may take to be armed than one without."""

RECEIPT_MS = 2_000
"""How long a press during the drain may take to the centre's ledger."""

OUTAGE_S, OUTAGE_EVENTS = 60.0, 1_000

_SENSORS, _ALARMS = 120, 12
_LIVE = range(_SENSORS - 3, _SENSORS)
"""Pendants that nobody presses before the drain."""

_STARTS = 3
_BATCH = 64
_LOW, _FINE = 0x16, 0x00


# --- a week, in a moment --------------------------------------------------------------------------------


def prefill(config: Path, events: int, seed: int) -> int:
    """Let a hub's own rules and store live through a week without a line; give how many rows then wait.

    A tenth of it in each of ten processes; readings mostly, faults that come and go, a few alarms. The machine is
    another boot then: what follows counts as the return of the power. Raises StoreError, ConfigError.
    """
    read = load(config)
    dice = random.Random(seed)
    started = rules_config(read, lambda name: driver_type(name).heartbeat_ms, "1")
    wall_ms = SystemClock().now().wall_ms - WEEK_MS
    store = open_store(read.state_dir / "hub.db").store
    try:
        hub = Hub.restore(store.load())
        for number, batch in enumerate(_batches(_week(events, dice))):
            new_process = number % (events // _BATCH // 10 + 1) == 0
            first: list[Event] = [Started("a-week-ago", dice.randbytes(5).hex(), started)] if new_process else []
            ms = number * _BATCH * (WEEK_MS // events)
            now = Now(ms, wall_ms + ms, synced=True)
            store.commit(hub.turn([Arrival(now, event) for event in (*first, *batch)]).batch)
        return sum(store.waiting_count().values())
    finally:
        store.close()


def _week(events: int, dice: random.Random) -> Iterator[Event]:
    low = dict.fromkeys(range(_SENSORS), False)
    alarms = dict(zip(sorted(dice.sample(range(events), _ALARMS)), range(_ALARMS), strict=True))
    for number in range(events):
        if number in alarms:
            yield Triggered(f"pendant-{alarms[number]}", "panic")
        elif dice.random() < 2 / 3:
            who = f"pendant-{dice.randrange(_SENSORS)}"
            yield Measured(who, "temperature", round(dice.uniform(15, 25), 1), "C")
        else:
            who_low = dice.randrange(_SENSORS)
            low[who_low] = not low[who_low]
            yield Troubled(f"pendant-{who_low}", "battery-low", active=low[who_low])


def _batches(events: Iterator[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


# --- the trials -----------------------------------------------------------------------------------------


async def play_week(this: Round) -> Figures:
    """Play a week of 20,000 events."""
    return await play(this, EVENTS)


async def play(this: Round, events: int) -> Figures:
    """Drain a week of so many events over a line that comes back, with a kill and a press in the middle."""
    figures, dice = Figures(), random.Random(this.seed)
    with SerialAdapter(this.folder / "radio") as adapter:
        rig = Rig(this.folder, radio(adapter.path) + pendants(range(_SENSORS)) + NO_WINDOW)
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
            rig.port = line.port
            async with rig:
                line.refuse()
                queued = await asyncio.to_thread(prefill, rig.config, events, this.seed)
                await _armed(rig, figures)
                await rig.hub.start()
                await rig.listening()
                await _drain(rig, line, adapter, figures, dice, accounts.waiting(rig))
                await accounts.settle(rig, figures, timeout_s=180)
                figures.count("backlog events", queued)
    return figures


async def _armed(rig: Rig, figures: Figures) -> None:
    """Start a hub with the backlog and one with an empty store by turns, and compare."""
    full, empty = rig.state_dir, rig.folder / "empty"
    took: dict[Path, list[float]] = {full: [], empty: []}
    for _ in range(_STARTS):
        for state_dir in (empty, full):
            rig.state_dir = state_dir
            rig.write_config()
            took[state_dir].append(await rig.hub.start())
            await rig.hub.kill()
    with_backlog, without = median(took[full]), median(took[empty])
    figures.measure("armed with the backlog, s", with_backlog)
    figures.measure("armed with an empty store, s", without)
    figures.measure("armed with the backlog, times as long", with_backlog / without)
    if with_backlog > ARMED_TIMES * without + ARMED_MORE_S:
        raise Violation(f"S3: armed after {with_backlog:.2f} s with a backlog, {without:.2f} s without")


async def _drain(
    rig: Rig, line: Proxy, adapter: SerialAdapter, figures: Figures, dice: random.Random, queued: int
) -> None:
    """Let the line come back, press, kill the hub, start it again, press again: each at a moment of the dice's."""
    moments = sorted(dice.uniform(0.05, 0.8) for _ in range(3))
    began = asyncio.get_running_loop().time()
    line.forward()
    await _gone(rig, queued, moments[0])
    await _press(rig, adapter, _LIVE[0], queued, figures)
    await _gone(rig, queued, moments[1])
    await rig.hub.kill()
    figures.count("kills in the middle of a drain")
    figures.measure("drained when killed, %", 100 * (1 - accounts.waiting(rig) / queued))
    await rig.hub.start()
    await rig.listening()
    await _gone(rig, queued, moments[2])
    await _press(rig, adapter, _LIVE[1], queued, figures)
    await _gone(rig, queued, 1.0)
    took_s = asyncio.get_running_loop().time() - began
    figures.measure("drained, events a second, kill and all", queued / took_s)


async def _press(rig: Rig, adapter: SerialAdapter, number: int, queued: int, figures: Figures) -> None:
    """Press a pendant: its alarm overtakes what is left of the backlog (S5)."""
    clock = asyncio.get_running_loop().time
    place, pressed_at = len(rig.centre.timeline), clock()
    adapter.say(x10(number))
    await rig.event("alarm.raised", after=place, timeout_s=30)
    took_ms = (clock() - pressed_at) * 1_000
    overtook = accounts.waiting(rig) / queued
    figures.measure("from a press during the drain to the ledger, ms", took_ms, at_most=RECEIPT_MS, rule="S5")
    figures.measure("of the backlog overtaken by it, %", 100 * overtook)
    if not overtook:
        raise RuntimeError("the backlog had drained before the press: this round says nothing")


async def _gone(rig: Rig, queued: int, share: float, timeout_s: float = 300) -> None:
    """Wait until so much of the backlog has its receipts. Raises Violation."""
    await _until(
        rig, lambda: accounts.waiting(rig) <= queued * (1 - share), f"{share:.0%} of the backlog gone", timeout_s
    )


async def _until(rig: Rig, so: Callable[[], bool], what: str, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not so():
                await accounts.lives(rig)
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Violation(f"S3: not within {timeout_s:g} s: {what}") from None


async def play_outage(this: Round) -> Figures:
    """Play a minute without the broker: a thousand events by radio, the line's return, and a press."""
    figures = Figures()
    with SerialAdapter(this.folder / "radio") as adapter:
        rig = Rig(this.folder, radio(adapter.path) + pendants(range(_SENSORS)) + NO_WINDOW)
        async with rig:
            await rig.hub.start()
            await rig.online()
            await rig.listening()
            loop = asyncio.get_running_loop()
            down_since = loop.time()
            await asyncio.to_thread(rig.broker.stop)
            for number in range(OUTAGE_EVENTS + _SENSORS):  # each a fault raised or cleared: lane a, nobody's alarm
                adapter.say(x10(number % _SENSORS, _LOW if number // _SENSORS % 2 == 0 else _FINE))
                await asyncio.sleep(0.004)
            await _until(rig, lambda: accounts.waiting(rig) >= OUTAGE_EVENTS, f"{OUTAGE_EVENTS} rows committed", 30)
            queued = accounts.waiting(rig)
            await asyncio.sleep(max(0.0, OUTAGE_S - (loop.time() - down_since)))
            place = len(rig.centre.timeline)
            await asyncio.to_thread(rig.broker.start)
            await rig.event("fault.cleared", after=place, timeout_s=45)  # the drain has begun
            await _press(rig, adapter, _LIVE[0], queued, figures)
            await accounts.settle(rig, figures)
            figures.count("events of the outage", queued)
    return figures


TRIALS = (
    Trial(
        "backlog-week",
        "S1 S2 S3 S4 S5",
        "A week's backlog arrives once and whole though the hub is killed, and holds up neither start nor alarm",
        6,
        play_week,
    ),
    Trial(
        "backlog-outage",
        "S3 S5",
        "After a minute without the broker a thousand events arrive, and a live alarm does not wait for them",
        3,
        play_outage,
    ),
)
