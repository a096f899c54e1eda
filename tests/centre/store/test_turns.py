"""Threads of one process write in the order they asked: none that writes on and on keeps another from it."""

import contextlib
import threading

import pytest
import sqlalchemy as sa

from centre.intake import LedgerDownError
from centre.store import database as module
from centre.store.database import Database
from centre.store.schema import KEPT

WRITERS = 4
OFTEN = 30


def write(database: Database, name: str) -> None:
    with database.writing() as connection:
        connection.execute(database.upsert(KEPT, {"name": name, "body": b""}))


def test_who_writes_on_and_on_lets_every_other_have_its_turn(database: Database) -> None:
    stop = threading.Event()
    busy = 0

    def hog() -> None:
        nonlocal busy
        while not stop.is_set():
            write(database, "hog")
            busy += 1

    thread = threading.Thread(target=hog)
    thread.start()
    try:
        waits = []
        for _ in range(OFTEN):
            before = busy
            write(database, "other")
            waits.append(busy - before)
    finally:
        stop.set()
        thread.join()
    assert sorted(waits)[OFTEN // 2] <= 2, waits


def test_many_writers_are_all_done_and_the_last_leaves_it_free(database: Database) -> None:
    def many(who: int) -> None:
        for each in range(OFTEN):
            write(database, f"{who}-{each}")

    threads = [threading.Thread(target=many, args=(who,)) for who in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(KEPT)) == WRITERS * OFTEN


def test_who_waited_in_vain_is_told_and_stands_in_nobodys_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_MS", 50)
    with database.writing():
        told: list[str] = []

        def late() -> None:
            try:
                write(database, "late")
            except LedgerDownError as error:
                told.append(str(error))

        thread = threading.Thread(target=late)
        thread.start()
        thread.join()
    assert "another thread" in told[0]
    write(database, "next")


def test_s2_readers_however_many_keep_nobody_from_writing(database: Database) -> None:
    with contextlib.ExitStack() as readers:
        for _ in range(15):  # as many as a pool of connections gives out
            readers.enter_context(database.reading())
        thread = threading.Thread(target=write, args=(database, "alarm"))
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
