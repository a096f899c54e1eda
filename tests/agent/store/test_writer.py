"""The writer with real SQLite: commits in groups, gives up waiting but never a row, and says when the disk is bad."""

import asyncio
import contextlib
import functools
import inspect
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from agent.store.carrier import Carrier
from agent.store.errors import ConflictError, StoreError
from agent.store.opening import Opened, open_store
from agent.store.rows import IMPORTANT, TELEMETRY, Batch, Row
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import Dropped, StorageChanged
from tests.agent.store.disk import IOERR_FSYNC, VFS, Disk
from tests.agent.store.making import batch, row

SOON_S = 10.0  # how long a test waits for what must come


class Told:
    """What the writer told, in order; `until` waits for something in particular."""

    def __init__(self) -> None:
        self.events: list[StorageChanged | Dropped] = []
        self._more = asyncio.Event()

    def __call__(self, event: StorageChanged | Dropped) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, wanted: Callable[[StorageChanged | Dropped], bool]) -> StorageChanged | Dropped:
        async with asyncio.timeout(SOON_S):
            while True:
                self._more.clear()
                for event in self.events:
                    if wanted(event):
                        return event
                await self._more.wait()

    async def recovered(self) -> None:
        await self.until(lambda event: isinstance(event, StorageChanged) and event.ok)

    @property
    def oks(self) -> list[bool]:
        return [event.ok for event in self.events if isinstance(event, StorageChanged)]


@pytest.fixture
def told() -> Told:
    return Told()


@contextlib.asynccontextmanager
async def writing(store: Store | None, told: Told, **options: Any) -> AsyncIterator[Writer]:
    writer = Writer(store, told, **options)
    await writer.start()
    try:
        yield writer
    finally:
        assert await writer.close(SOON_S)


@pytest.fixture
async def writer(store: Store, told: Told) -> AsyncIterator[Writer]:
    async with writing(store, told) as writer:
        yield writer


async def soon(awaitable: Any) -> Any:
    async with asyncio.timeout(SOON_S):
        return await awaitable


async def stalled(disk: Disk) -> None:
    """Wait until somebody hangs in a sync."""
    assert await asyncio.to_thread(disk.stalled.wait, SOON_S)


def committed(path: Path) -> list[str]:
    """Read with eyes of its own what is in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT epoch || '-' || lane || '-' || seq FROM outbox ORDER BY number").fetchall()
    return [each for (each,) in found]


# --- aiosqlite, whose inside the carrier relies on ------------------------------------------------


async def test_aiosqlite_is_still_what_the_carrier_relies_on(tmp_path: Path) -> None:
    connection = aiosqlite.connect(tmp_path / "x.db")
    assert inspect.iscoroutinefunction(connection._execute)
    assert isinstance(connection._thread, threading.Thread)
    assert not connection._thread.is_alive()
    assert connection._connection is None
    async with connection:
        assert isinstance(connection._connection, sqlite3.Connection)
        here: Coroutine[Any, Any, int] = connection._execute(threading.get_ident)
        assert await here == connection._thread.ident


async def test_a_call_is_one_hop_to_one_daemon_thread_and_tells_no_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    carrier = Carrier(store.connection)
    await carrier.start()
    threads = [await carrier.call(threading.current_thread) for _ in range(3)]
    assert set(threads) == {threads[0]} != {threading.current_thread()}
    assert threads[0].daemon
    with pytest.raises(ZeroDivisionError):
        await carrier.call(lambda: 1 // 0)
    caplog.set_level(logging.DEBUG)
    await carrier.call(functools.partial(len, b"SECRET"))
    assert "executing" in caplog.text
    assert "SECRET" not in caplog.text
    assert await carrier.close(SOON_S)
    threads[0].join(SOON_S)
    assert not threads[0].is_alive()


async def test_s11_nothing_stored_is_logged(writer: Writer, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await soon(writer.submit(batch(row(1, body=b"SECRET"), house=b"SECRET")))
    store.connection.execute("PRAGMA query_only = 1")
    future = writer.submit(batch(row(2, body=b"SECRET"), house=b"SECRET"))
    assert not await writer.durable(future)
    store.connection.execute("PRAGMA query_only = 0")
    await soon(future)
    assert "executing" in caplog.text  # aiosqlite does say what it runs
    assert "SECRET" not in caplog.text


# --- committing -------------------------------------------------------------------------------------


async def test_what_resolved_is_in_the_file(writer: Writer, path: Path, told: Told) -> None:
    future = writer.submit(batch(row(1)))
    assert await writer.durable(future)
    assert committed(path) == ["e1-a-1"]
    assert await writer.durable(future)  # asked again
    assert told.events == []


async def test_batches_share_transactions_in_order(frail: Store, disk: Disk, told: Told, path: Path) -> None:
    async with writing(frail, told, budget_ms=60_000) as writer:
        await soon(writer.submit(batch(row(0))))
        disk.stall()
        first = writer.submit(batch(row(1), house=b"1"))
        await stalled(disk)
        before = disk.syncs  # of the first, already counted
        others = [writer.submit(batch(row(seq), house=b"%d" % seq)) for seq in range(2, 100)]
        disk.heal()
        await soon(asyncio.gather(first, *others))
        assert disk.syncs - before == 1  # one for the 98 that waited
        assert await writer.read(lambda store: store.load()) == b"99"
    assert committed(path) == [f"e1-a-{seq}" for seq in range(100)]
    assert told.events == []


async def test_s1_a_cancelled_submitter_cancels_nothing(frail: Store, disk: Disk, told: Told, path: Path) -> None:
    async with writing(frail, told, budget_ms=60_000) as writer:
        disk.stall()

        async def submitter(seq: int) -> None:
            await writer.submit(batch(row(seq)))

        running = asyncio.create_task(submitter(1))
        await stalled(disk)
        queued = asyncio.create_task(submitter(2))
        waits = asyncio.create_task(writer.durable(writer.submit(batch(row(3)))))
        await asyncio.sleep(0)
        for task in (running, queued, waits):
            task.cancel()
        await asyncio.gather(running, queued, waits, return_exceptions=True)
        disk.heal()
        await soon(writer.submit(batch(row(4))))
        assert not frail.connection.in_transaction
    assert sorted(committed(path)) == ["e1-a-1", "e1-a-2", "e1-a-3", "e1-a-4"]


async def test_s1_two_contents_under_one_id_are_loud_and_lose_nothing(writer: Writer, told: Told, path: Path) -> None:
    await soon(writer.submit(batch(row(1, body=b"first"))))
    good, bad = writer.submit(batch(row(2))), writer.submit(batch(row(1, body=b"second"), row(3)))
    assert not await writer.durable(bad)
    with pytest.raises(ConflictError, match="e1-a-1"):
        await soon(bad)
    with pytest.raises(ConflictError):
        await soon(good)  # shared the transaction: durable, and told as loudly
    assert committed(path) == ["e1-a-1", "e1-a-2", "e1-a-3"]
    await told.recovered()
    assert told.events == [
        StorageChanged(ok=False, reason="another content already has the id of e1-a-1"),
        StorageChanged(ok=True),
    ]


# --- a bad disk ----------------------------------------------------------------------------------


async def test_s1_a_stalled_disk_holds_action_back_for_the_budget_and_no_longer(
    frail: Store, disk: Disk, told: Told, path: Path
) -> None:
    loop = asyncio.get_running_loop()
    async with writing(frail, told) as writer:
        disk.stall()
        began = loop.time()
        assert not await writer.durable(writer.submit(batch(row(1))))
        assert 0.2 < loop.time() - began < 1.0  # 250 ms, on a machine that may be busy
        assert told.events == [StorageChanged(ok=False, reason="a commit took longer than 250 ms")]
        assert not writer.ok
        began = loop.time()
        futures = [writer.submit(batch(row(seq))) for seq in range(2, 50)]
        assert not any([await writer.durable(future) for future in futures])
        assert loop.time() - began < 0.2  # a disk known to be bad adds nothing
        disk.heal()
        await soon(asyncio.gather(*futures))
        await told.recovered()
        assert told.oks == [False, True]  # each once
        assert writer.ok
        assert await writer.durable(writer.submit(batch(row(50))))
    assert committed(path) == [f"e1-a-{seq}" for seq in range(1, 51)]


async def test_s7_a_late_commit_is_told_though_nobody_waits_for_it(frail: Store, disk: Disk, told: Told) -> None:
    async with writing(frail, told) as writer:
        disk.stall()
        future = writer.submit(batch(row(1)))
        event = await told.until(lambda _: True)
        assert event == StorageChanged(ok=False, reason="a commit took longer than 250 ms")
        disk.heal()
        await soon(future)


async def test_s1_all_who_wait_go_ahead_when_the_disk_is_found_bad(frail: Store, disk: Disk, told: Told) -> None:
    async with writing(frail, told, budget_ms=500) as writer:
        disk.stall()
        first = asyncio.create_task(writer.durable(writer.submit(batch(row(1)))))
        await stalled(disk)
        await asyncio.sleep(0.3)
        began = asyncio.get_running_loop().time()
        assert not await writer.durable(writer.submit(batch(row(2))))
        assert asyncio.get_running_loop().time() - began < 0.45  # did not begin a budget of its own
        assert not await first
        disk.heal()


async def test_s1_a_thread_busy_with_something_else_counts_as_late_too(store: Store, told: Told) -> None:
    release = threading.Event()
    async with writing(store, told) as writer:
        busy = asyncio.create_task(writer.read(lambda _store: release.wait(SOON_S)))
        await asyncio.sleep(0)
        assert not await writer.durable(writer.submit(batch(row(1))))
        assert told.oks == [False]
        release.set()
        await soon(busy)
        await told.recovered()


@pytest.mark.parametrize("trouble", ["full", "read-only"])
async def test_s1_a_failed_commit_is_kept_and_tried_again(
    writer: Writer, store: Store, told: Told, path: Path, trouble: str
) -> None:
    bad, good = {"full": ("max_page_count = 1", "max_page_count = 1000000")}.get(
        trouble, ("query_only = 1", "query_only = 0")
    )
    await soon(writer.submit(batch(row(0))))
    await writer.read(lambda store: store.connection.execute(f"PRAGMA {bad}").fetchall())
    futures = [writer.submit(batch(row(seq, body=bytes(9000)))) for seq in range(1, 30)]
    assert not await writer.durable(futures[0])
    (event,) = told.events
    assert isinstance(event, StorageChanged)
    assert trouble in event.reason
    await writer.read(lambda store: store.connection.execute(f"PRAGMA {good}").fetchall())
    await soon(asyncio.gather(*futures))  # by itself, nothing else submitted
    await told.recovered()
    assert told.oks == [False, True]
    assert committed(path) == [f"e1-a-{seq}" for seq in range(30)]
    assert store.load() == b"{}"


class Counting(Store):
    """Counts attempts, and fails as long as it is told to."""

    failing = True
    attempts = 0

    def commit(self, batch: Batch) -> None:
        self.attempts += 1
        if self.failing:
            raise sqlite3.OperationalError("a full disk, with SECRET in its words")
        super().commit(batch)


async def test_a_new_batch_hurries_a_retry_but_not_beyond_twice_a_second(
    store: Store, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    counting = Counting(store.connection)
    loop = asyncio.get_running_loop()
    async with writing(counting, told) as writer:
        began = loop.time()
        futures: list[asyncio.Future[None]] = []
        while loop.time() - began < 1.2:
            futures.append(writer.submit(batch(row(len(futures)))))
            await asyncio.sleep(0.01)
        assert 2 <= counting.attempts <= 3  # at 0, 0.5 and 1.0 s, though a hundred batches came
        counting.failing = False
        began = loop.time()
        await soon(futures[-1])
        assert loop.time() - began < 3  # the pause had grown to 2 s at most
    assert "SECRET" not in caplog.text + repr(told.events)


async def test_retries_pause_longer_and_longer_up_to_ten_seconds(store: Store, told: Told) -> None:
    counting = Counting(store.connection)
    async with writing(counting, told) as writer:
        future = writer.submit(batch(row(1)))
        pauses = []
        for _ in range(7):  # let each attempt fail, then bring the next one forward
            assert writer._task is not None
            await soon(asyncio.shield(writer._task))
            assert writer._timer is not None
            pauses.append(round(writer._timer.when() - asyncio.get_running_loop().time(), 1))
            writer._begin()
        assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
        assert writer._task is not None
        await soon(asyncio.shield(writer._task))
        counting.failing = False
        writer._begin()
        await soon(future)
    assert told.oks == [False, True]


async def test_s12_telemetry_beyond_the_bound_is_dropped_and_told_when_the_disk_recovers(
    store: Store, told: Told, path: Path
) -> None:
    counting = Counting(store.connection)
    async with writing(counting, told, telemetry_max=10) as writer:
        futures = [writer.submit(batch(row(seq, TELEMETRY), row(seq), event="measured")) for seq in range(25)]
        assert not await writer.durable(futures[0])
        assert told.oks == [False]
        counting.failing = False
        await soon(asyncio.gather(*futures))
        await told.recovered()
    assert told.events[1:] == [
        Dropped("e1", "t", 0, 14, 15),
        StorageChanged(ok=True, reason="15 journal entries of telemetry were dropped"),
    ]
    there = committed(path)
    assert [each for each in there if "-t-" in each] == [f"e1-t-{seq}" for seq in range(15, 25)]
    assert sorted(each for each in there if "-a-" in each) == sorted(f"e1-a-{seq}" for seq in range(25))


async def test_s3_alarms_are_offered_while_the_disk_hangs(frail: Store, disk: Disk, told: Told) -> None:
    async with writing(frail, told) as writer:
        await soon(writer.submit(batch(row(1), row(2, IMPORTANT), row(3))))
        assert [each.id for each in await writer.waiting(10)] == ["e1-a-3", "e1-a-1", "e1-a-2"]
        disk.stall()
        assert not await writer.durable(writer.submit(batch(row(4), row(5, IMPORTANT), settled=("e1-a-3",))))
        began = asyncio.get_running_loop().time()
        assert [each.id for each in await writer.waiting(10)] == ["e1-a-4", "e1-a-5"]  # what memory has, in time
        assert [each.id for each in await writer.waiting(10, {"e1-a-4"})] == ["e1-a-5"]  # and it does not pile up reads
        assert asyncio.get_running_loop().time() - began < 1
        assert await writer.row("e1-a-4") == row(4)
        writer.submit(batch(settled=("e1-a-4",)))  # the centre's receipt comes while the disk still hangs
        assert [each.id for each in await writer.waiting(10)] == ["e1-a-5"]
        disk.heal()
        await told.recovered()
        assert [each.id for each in await writer.waiting(10)] == ["e1-a-1", "e1-a-2", "e1-a-5"]
        assert await writer.row("e1-a-4") == row(4)


async def test_s3_alarms_are_offered_while_the_disk_is_full(store: Store, told: Told) -> None:
    counting = Counting(store.connection)
    Store.commit(counting, batch(row(1), row(2)))
    async with writing(counting, told) as writer:
        writer.submit(batch(row(3), settled=("e1-a-1",)))
        await told.until(lambda _: True)
        assert [each.id for each in await writer.waiting(10)] == ["e1-a-3", "e1-a-2"]
        assert await writer.reoffer("e1", "a", 2, 4) == [(4, 4)]  # 3 is in memory: not missing
        counting.failing = False


async def test_s7_a_store_corrupted_under_way_is_put_aside_and_a_fresh_one_takes_over(path: Path, told: Told) -> None:
    store, _ = open_store(path)
    store.commit(batch(*(row(seq, body=bytes(2000)) for seq in range(500))))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.connection.execute("PRAGMA shrink_memory").fetchall()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 60)
    async with writing(store, told, reopen=lambda: open_store(path)) as writer:
        future = writer.submit(batch(row(1000), house=b"alive"))
        await soon(future)
        await told.recovered()
        assert await writer.read(lambda fresh: (fresh.load(), fresh.row("e1-a-1"))) == (b"alive", None)
    assert told.oks == [False, True]
    assert "corrupt" in repr(told.events[0])
    assert path.with_name("hub.db.quarantine-1").stat().st_size > 500 * 2000


async def test_s7_a_store_that_cannot_be_opened_at_start_is_opened_when_it_can(path: Path, told: Told) -> None:
    path.parent.write_text("in the way of the folder")
    with pytest.raises(StoreError):
        open_store(path)

    def reopen() -> Opened:
        return open_store(path)

    async with writing(None, told, reopen=reopen) as writer:
        assert told.events == [StorageChanged(ok=False, reason="the store could not be opened")]
        future = writer.submit(batch(row(1)))
        assert not await writer.durable(future)
        assert await writer.waiting(10) == [row(1)]
        path.parent.unlink()
        await soon(future)
        await told.recovered()
    assert committed(path) == ["e1-a-1"]


async def test_an_io_error_of_the_disk_is_named_in_plain_words(frail: Store, disk: Disk, told: Told) -> None:
    async with writing(frail, told) as writer:
        await soon(writer.submit(batch(row(0))))
        disk.fail["sync"] = IOERR_FSYNC
        writer.submit(batch(row(1)))
        event = await told.until(lambda _: True)
        assert event == StorageChanged(ok=False, reason="the disk reports an input/output error (SQLITE_IOERR_FSYNC)")
        disk.heal()
        await told.recovered()


async def test_a_listener_that_raises_does_not_stop_the_writer(store: Store, path: Path) -> None:
    def deaf(_event: object) -> None:
        raise RuntimeError

    counting = Counting(store.connection)
    writer = Writer(counting, deaf)
    await writer.start()
    future = writer.submit(batch(row(1)))
    assert not await writer.durable(future)
    counting.failing = False
    await soon(future)
    assert await writer.close(SOON_S)
    assert committed(path) == ["e1-a-1"]


# --- reading and ending -----------------------------------------------------------------------------


async def test_s12_reads_waiting_for_a_hung_disk_are_bounded(store: Store, told: Told) -> None:
    release = threading.Event()
    async with writing(store, told) as writer:
        reads = [asyncio.create_task(writer.read(lambda _store: release.wait(SOON_S))) for _ in range(64)]
        await asyncio.sleep(0)
        with pytest.raises(StoreError, match="64 reads"):
            await writer.read(lambda store: store.load())
        for each in reads[:32]:
            each.cancel()
        await asyncio.wait(reads[:32], timeout=SOON_S)
        with pytest.raises(StoreError, match="64 reads"):  # whoever went away left his read at the disk
            await writer.read(lambda store: store.load())
        release.set()
        await asyncio.gather(*reads, return_exceptions=True)
        assert await writer.read(lambda store: store.load()) is None


async def test_maintenance_and_errors_go_through_read(writer: Writer) -> None:
    def fail(_store: Store) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await writer.read(fail)
    assert await writer.read(lambda store: store.waiting_count()) == {"a": 0, "t": 0}


async def test_closing_commits_what_is_pending_and_merges_the_log(store: Store, told: Told, path: Path) -> None:
    counting = Counting(store.connection)
    writer = Writer(counting, told)
    await writer.start()
    future = writer.submit(batch(row(1)))
    await told.until(lambda _: True)
    counting.failing = False
    assert await writer.close(SOON_S)  # at once, not after the pause
    assert future.done()
    assert [each.name for each in path.parent.iterdir()] == ["hub.db"]
    assert committed(path) == ["e1-a-1"]
    with pytest.raises(StoreError, match="closed"):
        writer.submit(batch())
    with pytest.raises(StoreError, match="closed"):
        await writer.read(lambda store: store.load())


async def test_closing_on_a_hung_disk_is_bounded_and_says_so(path: Path, told: Told, disk: Disk) -> None:
    store, _ = open_store(path, vfs=VFS)
    writer = Writer(store, told)
    await writer.start()
    thread = writer._carrier._aio._thread
    disk.stall()
    writer.submit(batch(row(1)))
    await stalled(disk)
    began = asyncio.get_running_loop().time()
    assert not await writer.close(0.3)
    assert asyncio.get_running_loop().time() - began < 2
    disk.heal()  # before the loop goes, so that the thread can end in peace
    await asyncio.to_thread(thread.join, SOON_S)
    assert not thread.is_alive()
    store.close()
    assert committed(path) == ["e1-a-1"]


async def test_closing_with_a_disk_that_stays_full_says_so(store: Store, told: Told) -> None:
    writer = Writer(Counting(store.connection), told)
    await writer.start()
    writer.submit(batch(row(1)))
    assert not await writer.close(SOON_S)


def test_a_row_in_memory_equals_the_row_in_the_store(store: Store) -> None:
    made: Row = row(1)
    store.commit(batch(made))
    assert store.row("e1-a-1") == made
