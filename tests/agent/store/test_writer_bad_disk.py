"""The writer on a bad disk: gives up waiting but never a row, says once that it is bad, and recovers by itself."""

import asyncio
import threading
from pathlib import Path

import pytest

from agent.store.errors import StoreError
from agent.store.opening import Opened, open_store
from agent.store.rows import IMPORTANT, TELEMETRY
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import Dropped, StorageChanged
from simulators.disk import IOERR_FSYNC, Disk
from tests.agent.store.making import batch, row
from tests.agent.store.writing import SOON_S, Counting, Told, committed, soon, stalled, writing


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
