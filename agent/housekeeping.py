"""What the hub looks after by itself, now and then: whether the wall clock is trusted, and how much the store has."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from agent.clock import Clock
from agent.store.errors import StoreError
from agent.store.retention import Limits
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import ClockChanged, Event

CLOCK_EVERY_S = 30.0
PRUNE_EVERY_S = 300.0


async def watch_clock(clock: Clock, tell: Callable[[Event], None]) -> NoReturn:
    """Tell each change of the kernel's verdict on the wall clock, until cancelled."""
    synced = clock.now().synced
    while True:
        await asyncio.sleep(CLOCK_EVERY_S)
        if clock.now().synced != synced:
            synced = not synced
            tell(ClockChanged(synced))


async def prune(writer: Writer, clock: Clock, tell: Callable[[Event], None]) -> NoReturn:
    """Keep the store within its bounds; what must be dropped to do so becomes an event first (S12)."""
    while True:
        await asyncio.sleep(PRUNE_EVERY_S)
        now = clock.now()
        work = partial(Store.prune, limits=Limits(), wall_ms=now.wall_ms if now.synced else None)
        try:
            for dropped in await writer.read(work):
                tell(dropped)
        except StoreError:  # there is no store: a fault already
            continue
