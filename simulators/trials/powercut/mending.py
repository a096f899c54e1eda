"""Power cuts while what a damaged store still held is taken over into a fresh one: nothing waits in neither of them."""

import asyncio
import hashlib
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from agent.store.files import put_aside_before
from agent.store.mending import Mending
from agent.store.opening import Opened, open_store
from agent.store.rescue import Rescue
from agent.store.rows import Batch, Lane, Row
from agent.store.writer import Writer
from rules.events import StoreQuarantined
from simulators.disk import Keep, Moment, RecordingDisk
from simulators.trials.powercut.account import STORE
from simulators.trials.trial import Figures, Violation

_HOUSE = b'{"epoch":"before"}'
_WITHIN_S = 30.0
_CLOSE_S = 5.0
_HEADER_BYTES = 100


def _row(seq: int, lane: Lane) -> Row:
    body = b'{"seq":%d,"of":"%s"}' % (seq, b"x" * 300)
    rank = 3 if lane == "t" else seq % 3
    return Row(f"before-{lane}-{seq}", "before", lane, seq, rank, body, hashlib.sha256(body).hexdigest())


def _lay(folder: Path) -> dict[str, Row]:
    """Lay a store that SQLite will not read, with rows that wait; give these."""
    rows = [_row(seq, lane) for lane in ("a", "t") for seq in range(1, 151)]
    store = open_store(folder / STORE).store
    for start in range(0, len(rows), 20):
        some = tuple(rows[start : start + 20])
        store.commit(Batch(entries=(), house=_HOUSE, rows=some, settled=(some[0].id,)))
    store.close()
    with (folder / STORE).open("r+b") as file:
        file.write(b"?" * _HEADER_BYTES)
    return {row.id: row for place, row in enumerate(rows) if place % 20}


async def mending(folder: Path, dice: random.Random, figures: Figures, *, subsets: int) -> None:
    """Open a damaged store and have it mended, cutting the power at each sync of that. Raises Violation."""
    laid = folder / "mending"
    waiting = _lay(laid)
    disk = RecordingDisk(laid)
    moments: list[Moment] = []
    disk.before_sync = lambda _number: moments.append(disk.moment())
    opened = open_store(laid / STORE, vfs=disk.name)
    try:
        await _mended(opened, laid / STORE)
        moments.append(disk.moment())
    finally:
        disk.close()
    for moment in moments:
        figures.count("boundaries while mending")
        keeps: tuple[Keep, ...] = ("none", "all", *[dice] * subsets)
        for keep in keeps[:1] if moment.certain else keeps:
            image = folder / "mending-image"
            moment.cut(image, keep)
            figures.count("images while mending")
            _examine(image, waiting)
            shutil.rmtree(image)


async def _mended(opened: Opened, path: Path) -> None:
    """Mend a store by the hub's own part for it, until nothing is left to be taken over."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell(_event: StoreQuarantined, durable: Callable[[], None]) -> bool:
        loop.call_soon(durable)
        told.set()
        return True

    writer = Writer(opened.store, lambda _event: None)
    await writer.start()
    part = Mending(path, writer, house=lambda: _HOUSE, tell=tell, refetch=lambda: None)
    task = asyncio.create_task(part.run())
    try:
        async with asyncio.timeout(_WITHIN_S):
            await told.wait()
            while list(put_aside_before(path)):
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.wait([task])
        await writer.close(_CLOSE_S)


def _examine(image: Path, waiting: dict[str, Row]) -> None:
    disk = RecordingDisk(image)
    try:
        store, _ = open_store(image / STORE, vfs=disk.name)
        found = {row.id: row for row in store.waiting(limit=10_000)}
        for aside in put_aside_before(image / STORE):
            found |= {each.row.id: each.row for ranks in range(4) for each in Rescue(aside).rows((ranks,))}
        house = store.load()
        store.close()
    finally:
        disk.close()
    lost = [ref for ref, row in waiting.items() if found.get(ref) != row]
    if lost:
        raise Violation(f"S3: {len(lost)} rows wait neither in the fresh store nor in the old: {lost[:3]}: {image}")
    if house != _HOUSE:
        raise Violation(f"S1: the house of the old store was not taken over: {image}")
