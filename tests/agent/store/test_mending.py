"""Mending: damage anywhere is found, what waited in a damaged store waits again, once, and nobody waits for it."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.store import mending
from agent.store.errors import DamagedError, StoreError, is_corrupt
from agent.store.files import StoreFile, put_aside_before
from agent.store.mending import Mending
from agent.store.opening import inspect, open_store
from agent.store.rows import ALARM, IMPORTANT, RAISED, TELEMETRY
from agent.store.store import Store
from agent.store.writer import Writer
from rules.events import StoreQuarantined
from simulators.disk import IOERR_READ, VFS, Disk
from tests.agent.store.making import batch, row
from tests.agent.store.writing import SOON_S, Told, soon, writing

PAGE = 4096
ROWS = [row(seq, rank, body=b"<%d>" % seq * 200) for seq, rank in enumerate([RAISED, ALARM, IMPORTANT, TELEMETRY] * 50)]


def filled(path: Path) -> None:
    store = open_store(path).store
    for first in range(0, len(ROWS), 20):
        store.commit(batch(*ROWS[first : first + 20], house=b'{"old":"house"}'))
    store.commit(batch(house=b'{"old":"house"}', settled=("e1-a-0",), rejected=("e1-a-1",)))
    store.close()


def ruin(path: Path, page: int) -> list[str]:
    """Damage a page that holds rows, and give the ids of those on it."""
    data = bytearray(path.read_bytes())
    lost = [each.id for each in ROWS if b"<%d>" % each.seq in data[page * PAGE : (page + 1) * PAGE]]
    data[page * PAGE : (page + 1) * PAGE] = random.Random(page).randbytes(PAGE)
    path.write_bytes(data)
    return lost


def lose_the_header(path: Path) -> None:
    """Leave neither header nor tables."""
    path.write_bytes(bytes(PAGE) + path.read_bytes()[PAGE:])


def a_page_of_rows(path: Path) -> int:
    data = path.read_bytes()
    return next(at // PAGE for at in range(0, len(data), PAGE) if data[at] == 0x0D and b"<100>" in data[at : at + PAGE])


class Mended:
    """A writer and its mending, and what they told."""

    def __init__(self, path: Path, store: Store | None, told: Told, **options: Any) -> None:
        self.path, self.told = path, told
        self.quarantined: list[StoreQuarantined] = []
        self.more = asyncio.Event()
        self.refetched = 0
        self.writer = Writer(store, told, reopen=lambda: open_store(path), steady_s=0, **options)
        self.mending = Mending(
            path,
            self.writer,
            house=lambda: b'{"living":"house"}',
            tell=self.tell,
            refetch=self.refetch,
            inspect_after_s=0.05,
        )

    def tell(self, event: StoreQuarantined, durable: Callable[[], None]) -> bool:
        self.quarantined.append(event)
        durable()
        self.more.set()
        return True

    def refetch(self) -> None:
        self.refetched += 1
        self.more.set()

    async def until(self, wanted: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not wanted():
                self.more.clear()
                await self.more.wait()

    async def waiting(self) -> set[str]:
        return {each.id for each in await self.writer.waiting(1_000)}


@contextlib.asynccontextmanager
async def mended(path: Path, told: Told, store: Store | None = None, **options: Any) -> AsyncIterator[Mended]:
    home = Mended(path, store or open_store(path).store, told, **options)
    await home.writer.start()
    task = asyncio.create_task(home.mending.run())
    try:
        yield home
    finally:
        task.cancel()
        await asyncio.wait([task])
        await home.writer.close(SOON_S)
        assert task.cancelled()


ALL = {each.id for each in ROWS} - {"e1-a-0", "e1-a-1"}


def test_s7_damage_anywhere_is_found_when_the_store_is_opened_or_when_it_is_read_through(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    found_at_once = found_later = 0
    for at in range(0, len(whole), PAGE):
        if not any(whole[at : at + PAGE]):
            continue  # a free page: nothing lies there
        path.write_bytes(whole[:at] + random.Random(at).randbytes(PAGE) + whole[at + PAGE :])
        opened = open_store(path)
        if opened.quarantined:
            found_at_once += 1
        else:
            found_later += 1
            with pytest.raises((sqlite3.Error, DamagedError)) as error:
                inspect(StoreFile(path))
            assert is_corrupt(error.value)
        opened.store.close()
        for each in path.parent.iterdir():
            each.unlink()
    assert found_at_once >= 2  # header and house
    assert found_later > 20


def test_s7_a_changed_bit_in_a_waiting_row_is_found(path: Path) -> None:
    filled(path)
    data = bytearray(path.read_bytes())
    data[data.index(b"<100>")] ^= 4
    path.write_bytes(data)
    opened = open_store(path)
    assert not opened.quarantined
    with pytest.raises(DamagedError):
        inspect(StoreFile(path))
    with pytest.raises(DamagedError):
        opened.store.row("e1-a-100")
    opened.store.close()


def test_a_sound_store_passes_while_it_is_used(path: Path) -> None:
    filled(path)
    opened = open_store(path)
    opened.store.commit(batch(row(1_000)))
    inspect(StoreFile(path))
    opened.store.commit(batch(row(1_001)))
    opened.store.close()
    assert list(put_aside_before(path)) == []


async def test_s3_what_waited_in_a_damaged_store_waits_again_and_what_was_lost_is_told(path: Path, told: Told) -> None:
    filled(path)
    lost = set(ruin(path, a_page_of_rows(path)))
    assert lost
    async with mended(path, told) as home:
        await home.until(lambda: bool(home.quarantined))
        assert await home.waiting() == ALL - lost
        assert home.quarantined == [StoreQuarantined(len(ROWS) - 1 - len(lost))]  # one was receipted, one is rejected
        assert await home.writer.read(lambda store: store.load()) == b'{"living":"house"}'
        assert await home.writer.read(
            lambda store: store.connection.execute("SELECT seq FROM outbox WHERE state = 2").fetchall()
        ) == [(1,)]
        assert "damaged" in repr(told.events[0])
        assert home.refetched
    async with mended(path, told) as home:  # taken over once
        await home.until(lambda: home.refetched > 0)
        assert home.quarantined == []
    assert len(list(path.parent.glob("*.rescued"))) == 1


async def test_s4_killed_while_it_takes_over_it_begins_again_and_doubles_nothing(path: Path, told: Told) -> None:
    filled(path)
    lose_the_header(path)
    for _ in range(2):
        async with mended(path, told) as home:
            await home.until(lambda home=home: bool(home.quarantined))  # type: ignore[misc]
            await soon(home.writer.submit(batch(house=b"{}", settled=("e1-a-4", "e1-a-5"))))
            assert await home.waiting() == ALL - {"e1-a-4", "e1-a-5"}
        for mark in path.parent.glob("*.rescued"):
            mark.unlink()  # as if the process had died before
    store = open_store(path).store
    assert store.connection.execute("SELECT count(*), count(DISTINCT seq) FROM outbox").fetchone() == (199, 199)
    assert store.connection.execute("SELECT count(*) FROM conflict").fetchone() == (0,)
    store.close()


def test_s6_the_house_is_there_when_the_hub_starts_whatever_became_of_the_header(path: Path) -> None:
    filled(path)
    lose_the_header(path)
    opened = open_store(path)
    assert opened.quarantined
    assert opened.store.load() == b'{"old":"house"}'
    opened.store.close()


def corrupted(path: Path) -> Store:
    """Give an open store that finds itself damaged at its next commit."""
    store = open_store(path).store
    store.commit(batch(*(row(seq, body=b"<%d>" % seq * 500) for seq in range(500))))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.connection.execute("PRAGMA shrink_memory").fetchall()
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xa5" * PAGE * 60)
    return store


async def test_s1_s3_a_commit_that_finds_the_store_damaged_loses_neither_itself_nor_what_waited(
    path: Path, told: Told
) -> None:
    async with mended(path, told, corrupted(path)) as home:
        await soon(home.writer.submit(batch(row(1_000), house=b'{"alive":1}')))
        await home.until(lambda: bool(home.quarantined))
        waiting = await home.waiting()
        assert "e1-a-1000" in waiting
        assert len(waiting) > 350
        assert home.quarantined[0].rescued == len(waiting) - 1


async def test_s3_a_read_that_finds_the_store_damaged_is_enough(path: Path, told: Told) -> None:
    store = corrupted(path)
    home = Mended(path, store, told)
    opened = asyncio.Event()
    home.writer.opened = opened.set
    await home.writer.start()
    with pytest.raises(StoreError, match="does not say"):  # it is not taken for "nothing waits"
        await home.writer.waiting(1_000)
    assert told.oks == [False]
    await soon(opened.wait())  # though nothing was to be committed
    assert await home.waiting() == set()
    task = asyncio.create_task(home.mending.run())
    await home.until(lambda: bool(home.quarantined))
    assert len(await home.waiting()) > 350
    task.cancel()
    await asyncio.wait([task])
    await home.writer.close(SOON_S)


async def test_s3_alarms_in_a_store_that_cannot_be_opened_are_offered_all_the_same(path: Path, told: Told) -> None:
    filled(path)
    refusing = True

    def reopen() -> Any:
        if refusing:
            raise StoreError("the disk is read-only")
        return open_store(path)

    home = Mended(path, None, told)
    home.writer._reopen = reopen
    await home.writer.start()
    task = asyncio.create_task(home.mending.run())
    await home.until(lambda: home.refetched > 0)
    alarms = {each.id for each in ROWS if each.rank in (RAISED, ALARM)} - {"e1-a-0", "e1-a-1"}
    assert await home.waiting() == alarms
    home.writer.submit(batch(house=b"{}", settled=("e1-a-4",)))  # the centre receipts one meanwhile
    refusing = False
    await told.recovered()
    assert await home.waiting() == ALL - {"e1-a-4"}
    assert home.quarantined == []
    task.cancel()
    await asyncio.wait([task])
    await home.writer.close(SOON_S)


async def test_s3_a_page_that_the_disk_does_not_give_hides_no_other_row(
    path: Path, told: Told, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path)
    tries = 0

    def unreadable(_file: StoreFile) -> None:
        nonlocal tries
        tries += 1
        error = sqlite3.OperationalError()
        error.sqlite_errorcode = IOERR_READ
        raise error

    monkeypatch.setattr(mending, "inspect", unreadable)
    async with mended(path, told, open_store(path, vfs=VFS).store) as home:
        await home.until(lambda: bool(home.quarantined))
        assert tries == 3  # a passing weakness of the disk is no damage
        assert await home.waiting() == ALL


async def test_s5_live_alarms_do_not_wait_for_the_rescue(path: Path, told: Told) -> None:
    filled(path)
    lose_the_header(path)
    async with writing(open_store(path).store, told) as writer:
        writer.submit(batch(row(2_000, epoch="e2"), house=b"{}"))
        assert [each.id for each in await writer.waiting(10)] == ["e2-a-2000"]
    assert len(list(put_aside_before(path))) == 1
