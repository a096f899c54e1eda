"""Retention by itself: it waits for a store that is down, and the loop waits for none of it."""

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path

import pytest

from centre.intake import Entry
from centre.lanes import Position
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.periods import DAY_MS, Policy
from centre.store.retention import READING, close, progress
from centre.work import retaining
from centre.work.retaining import retain
from tests.support.renewing import HandClock

NOW = 20_000 * DAY_MS
IN_TIME_S = 10.0


async def test_it_waits_for_a_store_that_is_down_and_holds_nobody_up(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retaining, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("centre.store.database.BUSY_MS", 800)
    caplog.set_level(logging.WARNING)
    with (
        contextlib.closing(Database(store)) as database,
        contextlib.closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other,
    ):
        StoredLedger(database).take(Entry("hub-1", "e1-t-1", "d", READING, b"{}", 0, Position("e1", "t", 1)))
        close(database, NOW - DAY_MS, NOW - DAY_MS)
        other.execute("BEGIN IMMEDIATE")  # another writes, and does not end
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(retain(database, HandClock(NOW), Policy()))
        longest = 0.0
        try:
            async with asyncio.timeout(IN_TIME_S):
                while "waits for the store" not in caplog.text:
                    begun = loop.time()
                    await asyncio.sleep(0.005)
                    longest = max(longest, loop.time() - begun)
                other.execute("ROLLBACK")
                while (done := progress(database)) is None or done.ended_ms != NOW:
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert longest < 0.6  # less than it waited for the other
        assert list(StoredLedger(database).events()) == []
