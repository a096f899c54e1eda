"""Deletes what is no longer to be kept, once a day and by itself: the leader's part that nobody need remember."""

import asyncio
import logging
from collections.abc import Collection
from typing import NoReturn

from agent.clock import Clock
from centre.intake import LedgerDownError
from centre.store.database import Database
from centre.store.periods import DAY_MS, Deletion, Policy, counted, plan
from centre.store.retention import close, progress, step

LOOK_EVERY_S = 60.0
PAUSE_S = 0.05
"""Between two short transactions, for whoever waits to write."""

log = logging.getLogger(__name__)


async def retain(database: Database, clock: Clock, policy: Policy, holds: Collection[str] = ()) -> NoReturn:
    """Delete what is over, every day, until cancelled; of the hubs on hold nothing. It outlives a store that is down.

    The first day of a store only says from when on days count.
    """
    while True:
        try:
            await retain_once(database, clock, policy, holds)
        except LedgerDownError as error:
            log.warning("what is no longer to be kept waits for the store: %s", error)
        await asyncio.sleep(LOOK_EVERY_S)


async def retain_once(database: Database, clock: Clock, policy: Policy, holds: Collection[str] = ()) -> bool:
    """Delete what is over if that was not done for a day; tell whether it was due. Raises LedgerDownError."""
    done = await asyncio.to_thread(progress, database)
    now_ms = clock.now().wall_ms
    if done is not None and 0 <= now_ms - done.ended_ms < DAY_MS:
        return False
    moment = counted(done, now_ms)
    if moment is not None:
        for deletion in plan(policy, moment, holds):
            await _all(database, deletion)
    gone = await asyncio.to_thread(close, database, now_ms, now_ms if moment is None else moment)
    if gone:
        told = ", ".join(f"{count} of {what}" for what, count in sorted(gone.items()))
        log.info("no longer kept: %s", told)
    return True


async def _all(database: Database, deletion: Deletion) -> None:
    while True:
        if not await asyncio.to_thread(step, database, deletion):
            return
        await asyncio.sleep(PAUSE_S)
