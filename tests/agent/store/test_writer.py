"""The writer with real SQLite: commits in groups, reads between them, and ends in order."""

import asyncio
import functools
import inspect
import logging
import sqlite3
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from agent.store.carrier import Carrier
from agent.store.errors import ConflictError, StoreError
from agent.store.opening import open_store
from agent.store.rows import Row
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import StorageChanged
from simulators.disk import VFS, Disk
from tests.agent.store.making import batch, row
from tests.agent.store.writing import SOON_S, Counting, Told, committed, soon, stalled, writing

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
