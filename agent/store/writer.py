"""The one writer: carries the store to its thread, commits in groups, and never makes an alarm wait for a bad disk."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Collection
from typing import TypeVar

from agent.store.carrier import Carrier
from agent.store.errors import ConflictError, DamagedError, ForeignSchemaError, StoreError, is_corrupt, reason
from agent.store.opening import Opened
from agent.store.pending import Pending, in_offer_order
from agent.store.rows import Batch, Lane, Row
from agent.store.steady import STEADY_S, Steady
from agent.store.store import Ranges, Store
from rules.events import Dropped, StorageChanged

T = TypeVar("T")
_log = logging.getLogger(__name__)

BUDGET_MS = 250
"""How long an action waits for its commit, and no longer (S1)."""

TELEMETRY_MAX = 2_000
"""Rows, and journal entries, of telemetry kept in memory while the disk does not take them."""

_RETRY_S_MIN, _RETRY_S_MAX = 0.5, 10.0
_READS_MAX = 64


class Writer:
    """Makes batches durable in the order submitted, as few transactions as possible, none of them cancellable.

    `tell` is called on the event loop with what the inbox must know: `StorageChanged` once when a commit fails or is
    late and once when everything has been durable in time for `steady_s`, and `Dropped` for telemetry that found no
    room meanwhile.

    `reopen` opens the store again when it was found damaged and put aside, or when there was none to begin with
    (`store` is None because the disk would not open at start); `opened` is then called on the event loop. The house in
    a store opened so late is overwritten by the living one; its waiting rows are still offered.

    Lives on one event loop: make it, `start()` it, use it and `close()` it there.
    """

    def __init__(
        self,
        store: Store | None,
        tell: Callable[[StorageChanged | Dropped], None],
        *,
        reopen: Callable[[], Opened] | None = None,
        budget_ms: int = BUDGET_MS,
        telemetry_max: int = TELEMETRY_MAX,
        steady_s: float = STEADY_S,
        make_carrier: Callable[..., Carrier] = Carrier,
    ) -> None:
        self._store = store
        self._tell = tell
        self._reopen = reopen
        self._budget_s = budget_ms / 1000
        self._pending = Pending(telemetry_max)
        self._futures: list[asyncio.Future[None]] = []
        self._carrier = make_carrier(store.connection if store else None)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pause_s = _RETRY_S_MIN
        self._not_before = 0.0  # on the loop's clock: when the next attempt may begin
        self._reads = 0
        self._closed = False
        self._trouble: asyncio.Future[None]
        self._steady = Steady(steady_s)
        self._telling: asyncio.TimerHandle | None = None
        self._reopened = False
        self.opened: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Start the thread. Nothing may use the store directly from now on."""
        self._trouble = asyncio.get_running_loop().create_future()
        await self._carrier.start()
        if self._store is None:
            self._degrade("the store could not be opened")
            self._wake()

    @property
    def ok(self) -> bool:
        """Whether commits succeed in time, as far as is known this moment. What is told lags behind: see `Steady`."""
        return not self._trouble.done()

    @property
    def store(self) -> Store | None:
        """The store that is open now; None while there is none. For its thread only."""
        return self._store

    # --- writing -------------------------------------------------------------------------------

    def submit(self, batch: Batch) -> asyncio.Future[None]:
        """Queue a batch. The future resolves when it is durable, however long that takes.

        It raises ConflictError when a row's id was taken by another content (all else is durable then). Cancelling
        it changes nothing. Raises StoreError once closed.
        """
        if self._closed:
            raise StoreError("the store is closed")
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        self._pending.add(batch)
        self._wake()
        return future

    async def durable(self, future: asyncio.Future[None]) -> bool:
        """Wait for a submitted batch, at most the budget; False when action must go ahead without it (S1).

        At once False when storage is degraded already: a bad disk must not add its delay to every alarm.
        """
        if not future.done():
            watched = {future, self._trouble}  # the latter is done already while storage is degraded
            done, _ = await asyncio.wait(watched, timeout=self._budget_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._degrade(self._late())
        return future.done() and not future.cancelled() and future.exception() is None

    def _wake(self) -> None:
        """Begin a transaction now, or as soon as a failure's pause is over."""
        if self._task is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._not_before:
            self._begin()
        elif self._timer is None or self._timer.when() > self._not_before:
            self._set_timer(self._not_before)

    def _begin(self) -> None:
        self._set_timer(None)
        if self._task is None and self._unfinished:
            # A task of its own: whoever submitted may be cancelled, the transaction never is. It starts in the loop's
            # next round, so that all that is submitted in this one shares a transaction.
            self._task = asyncio.get_running_loop().create_task(self._commit_all())

    @property
    def _unfinished(self) -> bool:
        return bool(self._pending) or (self._store is None and self._reopen is not None)

    def _set_timer(self, when: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else asyncio.get_running_loop().call_at(when, self._begin)

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._unfinished:
                self._not_before = loop.time() + _RETRY_S_MIN
                if not await self._commit_group():
                    self._set_timer(loop.time() + self._pause_s)
                    self._pause_s = min(self._pause_s * 2, _RETRY_S_MAX)
                    return
                self._pause_s, self._not_before = _RETRY_S_MIN, 0.0
            self._recover()
        finally:
            self._task = None

    async def _commit_group(self) -> bool:
        """Commit everything queued in one transaction; False when it failed and is queued again."""
        futures, self._futures = self._futures, []
        batch = self._pending.take() if self._pending else None
        # S1: the budget runs from here, whatever the thread is still busy with.
        late = asyncio.get_running_loop().call_later(self._budget_s, lambda: self._degrade(self._late()))
        try:
            await self._carrier.call(lambda: self._commit(batch))
        except ConflictError as error:
            # Everything else is durable. Who reused the id is told by an exception, people by a fault.
            _log.critical("%s: kept aside in the store's conflict table", error)
            self._degrade(reason(error))
            _resolve(futures, error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, what was to be kept is kept
            _log.warning("a commit failed, and will be tried again: %s", reason(error))
            self._pending.failed()
            self._futures = futures + self._futures
            self._degrade(reason(error))
            return False
        else:
            _resolve(futures, None)
        finally:
            late.cancel()
            if self._reopened:
                self._reopened = False
                self.opened()
        for dropped in self._pending.done():
            self._say(dropped)
        return True

    # --- on the store's thread -----------------------------------------------------------------

    def _commit(self, batch: Batch | None) -> None:
        """Commit, in a store opened for it if there is none."""
        if self._store is None:
            if self._reopen is None:
                raise StoreError("the store could not be opened")
            self._store, self._reopened = self._reopen().store, True
        if batch is not None:
            self._with_store(lambda store: store.commit(batch))

    def _read(self, function: Callable[[Store], T]) -> T:
        if self._store is None:
            raise StoreError("the store could not be opened")
        return self._with_store(function)

    def _with_store(self, function: Callable[[Store], T]) -> T:
        """Use the store. One that turns out to be damaged is put aside; the next attempt begins a fresh one."""
        store = self._store
        assert store is not None  # noqa: S101 -- both callers have seen to it
        try:
            return function(store)
        except (sqlite3.Error, ForeignSchemaError, DamagedError) as error:
            if is_corrupt(error) and self._reopen is not None:
                _log.critical("the store is damaged, and is put aside: %s", reason(error))
                self._store = None
                with contextlib.suppress(OSError):  # a disk that takes no new name; it is met again, and tried again
                    store.condemn()
            raise

    # --- telling -------------------------------------------------------------------------------

    def _late(self) -> str:
        return f"a commit took longer than {self._budget_s * 1000:.0f} ms"

    def _degrade(self, why: str) -> None:
        if self.ok:
            self._trouble.set_result(None)  # wakes everybody in `durable`
        self._set_telling(None)
        if self._steady.trouble():
            self._say(StorageChanged(ok=False, reason=why))

    def _recover(self) -> None:
        """All is durable: action waits for its commit again (S1), whatever is told and when."""
        if not self.ok:
            self._trouble = asyncio.get_running_loop().create_future()
        self._steady.well(asyncio.get_running_loop().time())
        if self._telling is None:
            self._tell_recovery()

    def _tell_recovery(self) -> None:
        self._set_telling(None)
        if self._steady.over(asyncio.get_running_loop().time()):
            lost, self._pending.entries_dropped = self._pending.entries_dropped, 0
            said = f"{lost} journal entries of telemetry were dropped" if lost else ""
            self._say(StorageChanged(ok=True, reason=said))
        elif self._steady.due is not None:
            self._set_telling(self._steady.due)

    def _set_telling(self, when: float | None) -> None:
        if self._telling is not None:
            self._telling.cancel()
        loop = asyncio.get_running_loop()
        self._telling = None if when is None else loop.call_at(when, self._tell_recovery)

    def _say(self, event: StorageChanged | Dropped) -> None:
        try:
            self._tell(event)
        except Exception:  # noqa: BLE001 -- a listener's defect must not stop the writer
            _log.exception("whoever listens for storage events failed")

    # --- reading -------------------------------------------------------------------------------

    async def read(self, function: Callable[[Store], T]) -> T:
        """Run a read, or a piece of maintenance, on the store's thread between transactions.

        Waits as long as the disk does. Raises what it raises; StoreError when there is no store, when the disk does not
        do its part, or when 64 such calls already wait for a disk that does not answer.
        """
        if self._closed:
            raise StoreError("the store is closed")
        if self._reads >= _READS_MAX:
            raise StoreError(f"{_READS_MAX} reads already wait for the disk")
        self._reads += 1
        call = asyncio.ensure_future(self._carrier.call(lambda: self._read(function)))
        call.add_done_callback(self._read_ended)
        try:
            return await asyncio.shield(call)  # a reader may be cancelled, what it asked maintenance to do may not
        except (sqlite3.Error, ForeignSchemaError, DamagedError) as error:
            raise StoreError(reason(error)) from error

    def _read_ended(self, call: asyncio.Future[T]) -> None:
        self._reads -= 1
        error = None if call.cancelled() else call.exception()  # seen, even if the reader has gone
        if error is not None and is_corrupt(error) and not self._closed:
            self._degrade(reason(error))
            self._wake()  # the fresh store is opened now, not when there is something to commit

    async def waiting(self, limit: int, exclude: Collection[str] = ()) -> list[Row]:
        """Give what `Store.waiting` gives, with the rows not yet durable: delivery does not wait for the disk either.

        When the disk does not answer within the budget, only those in memory are given; StoreError when there are none
        either, as what waits is then not known. Rows that the centre has answered are left out, whether or not the
        store has been able to take note.
        """
        pending, answered = self._pending.rows, self._pending.answered
        unwanted = {*exclude, *answered}
        offered = [row for row in pending if row.id not in unwanted]
        stored: list[Row] | None = None
        if self.ok or not self._reads:  # with a read still hanging, another one would only join it
            known = {*unwanted, *(row.id for row in pending)}
            with contextlib.suppress(TimeoutError, StoreError):
                stored = await asyncio.wait_for(self.read(lambda store: store.waiting(limit, known)), self._budget_s)
        if stored is None and not offered:
            raise StoreError("the disk does not say what waits")  # S3: nothing found is not nothing there
        return in_offer_order(stored or [], offered)[:limit]

    @property
    def unwritten(self) -> list[Row]:
        """The rows that are not yet durable, oldest first."""
        return self._pending.rows

    async def row(self, ref: str) -> Row | None:
        """Give a row by its id, durable or not yet. Raises like `read`."""
        for row in self._pending.rows:
            if row.id == ref:
                return row
        return await self.read(lambda store: store.row(ref))

    async def reoffer(self, epoch: str, lane: Lane, first: int, last: int) -> Ranges:
        """Let rows wait again, like `Store.reoffer`. A row not yet durable is not missing. Raises like `read`."""
        held = [row.seq for row in self._pending.rows if (row.epoch, row.lane) == (epoch, lane)]
        return await self.read(lambda store: store.reoffer(epoch, lane, first, last, held))

    # --- ending --------------------------------------------------------------------------------

    async def close(self, timeout_s: float = 5.0) -> bool:
        """Make durable what can be, close the store, end the thread; False when something had to be left.

        Returns within `timeout_s` seconds, or little more: a thread that hangs is left behind, and does not keep the
        process from ending.
        """
        self._closed = True
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        self._begin()  # a last try, whatever the pause
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout_s)
        self._set_timer(None)
        self._set_telling(None)
        clean = self._task is None and not self._pending
        with contextlib.suppress(TimeoutError, sqlite3.Error):
            await asyncio.wait_for(self._carrier.call(self._close_store), max(0.0, until - loop.time()))
        return await self._carrier.close(max(0.0, until - loop.time())) and clean

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()


def _resolve(futures: list[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():  # cancelled by whoever held it
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
