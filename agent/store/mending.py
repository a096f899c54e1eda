"""Mends the store while the hub runs: takes over what a damaged one still held, and looks for damage not met yet."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from agent.store.carrier import Carrier
from agent.store.errors import DamagedError, StoreError, is_corrupt, is_unreadable, reason
from agent.store.files import mark_rescued, put_aside_before
from agent.store.opening import inspect
from agent.store.rescue import ALARMS_FIRST, Rescue, Rescued
from agent.store.rows import Batch
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import StoreQuarantined

_log = logging.getLogger(__name__)

INSPECT_AFTER_S = 10.0
"""How long after the store was opened it is read through: arming, and alarms that wait, come first."""

INSPECT_EVERY_S = 86_400.0

_UNREADABLE_MAX = 3  # vain attempts to read it all, before it is rescued from what cannot be read
_ROWS_AT_ONCE = 200
_CLOSE_S = 1.0


class Mending:
    """A part of the hub, kept by `keep`. It reads on a thread of its own: a bad card holds nobody up.

    `house` gives the living house as it is committed; `tell` takes what the inbox must know, and whom to call once that
    is durable, and says whether it will; `refetch` is called when rows wait that did not wait before.
    """

    def __init__(
        self,
        path: Path,
        writer: Writer,
        *,
        house: Callable[[], bytes],
        tell: Callable[[StoreQuarantined, Callable[[], None]], bool],
        refetch: Callable[[], None],
        make_carrier: Callable[..., Carrier] = Carrier,
        inspect_after_s: float = INSPECT_AFTER_S,
    ) -> None:
        self._path = path
        self._writer = writer
        self._house = house
        self._tell = tell
        self._refetch = refetch
        self._make_carrier = make_carrier
        self._inspect_after_s = inspect_after_s
        self._unreadable = 0
        self._opened = asyncio.Event()
        writer.opened = self._opened.set

    async def run(self) -> None:
        """Mend until cancelled: at the start, whenever a store was opened anew, and every day."""
        if self._writer.store is None:
            # S3: what waits in a store that cannot be written can perhaps be read, and need not wait for the disk.
            await self._on_a_thread(self._take_over_alarms)
        pause_s = 0.0
        while True:
            if self._opened.is_set() or not pause_s:
                self._opened.clear()
                await self._on_a_thread(self._take_over_all)
                self._refetch()
                pause_s = self._inspect_after_s
            try:
                async with asyncio.timeout(pause_s):
                    await self._opened.wait()
            except TimeoutError:
                await self._on_a_thread(self._inspect)
                pause_s = self._inspect_after_s if self._unreadable else INSPECT_EVERY_S

    async def _on_a_thread(self, work: Callable[[Carrier], Awaitable[None]]) -> None:
        thread = self._make_carrier(None)
        await thread.start()
        try:
            await work(thread)
        finally:
            await thread.close(_CLOSE_S)

    # --- taking over ---------------------------------------------------------------------------

    async def _take_over_all(self, thread: Carrier) -> None:
        for aside in await thread.call(lambda: list(put_aside_before(self._path))):
            rescue = Rescue(aside)
            taken = await self._take_over(thread, rescue, ALARMS_FIRST)
            _log.warning("%s: %d waiting rows taken over, %d unreadable", aside.name, taken, rescue.unreadable)
            durable = asyncio.Event()
            if self._tell(StoreQuarantined(taken, rescue.unreadable), durable.set):
                await durable.wait()
            try:  # only now: whoever is killed before this does it all again, which changes nothing
                await thread.call(partial(mark_rescued, aside))
            except OSError as error:
                _log.warning("%s cannot be marked as taken over: %s", aside.name, error.strerror)

    async def _take_over_alarms(self, thread: Carrier) -> None:
        await self._take_over(thread, Rescue(self._path), ALARMS_FIRST[:1], wait=False)

    async def _take_over(
        self, thread: Carrier, rescue: Rescue, order: Sequence[Collection[int]], *, wait: bool = True
    ) -> int:
        """Let what can be read wait again, alarms first; give how many rows that was, once all are durable."""
        taken, futures = 0, []
        for ranks in order:
            rows = rescue.rows(ranks)
            while found := await thread.call(lambda rows=rows: list(islice(rows, _ROWS_AT_ONCE))):  # type: ignore[misc]
                taken += len(found)
                futures.append(self._writer.submit(self._batch(found)))
                self._refetch()
                if ranks is order[0]:
                    await self._writer.durable(futures[-1])  # S1: alarms go, whatever the disk does
                else:
                    await asyncio.wait(futures)  # S12: the rest waits for it, and not in memory
        if wait and futures:
            await asyncio.wait(futures)
        for future in futures:
            if future.done() and (error := future.exception()) is not None:
                _log.error("%s", reason(error))
        return taken

    def _batch(self, found: list[Rescued]) -> Batch:
        return Batch(
            entries=(),
            house=self._house(),
            rows=tuple(each.row for each in found),
            rejected=tuple(each.row.id for each in found if each.rejected),
        )

    # --- looking for damage --------------------------------------------------------------------

    async def _inspect(self, thread: Carrier) -> None:
        store = self._writer.store
        if store is None or store.file is None:
            return
        try:
            await thread.call(partial(inspect, store.file))
        except (sqlite3.Error, DamagedError) as error:
            self._unreadable += is_unreadable(error)
            if is_corrupt(error) or self._unreadable >= _UNREADABLE_MAX:
                self._unreadable = 0
                await self._condemn(store, error if is_corrupt(error) else DamagedError("it cannot all be read"))
            else:
                _log.warning("the store could not be read through: %s", reason(error))
        else:
            self._unreadable = 0

    async def _condemn(self, store: Store, why: Exception) -> None:
        """Have the store put aside, if it is still that one: whatever is damage to its reader is damage."""

        def found(held: Store) -> None:
            if held is store:
                raise why

        with contextlib.suppress(StoreError):
            await self._writer.read(found)
