"""Retention: a year fits the stated size, alarms are never dropped, and what is dropped is named."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.opening import open_store
from agent.store.retention import Limits
from agent.store.rows import IMPORTANT, TELEMETRY, Batch, Entry, Row, merge
from agent.store.store import Store
from rules.events import Dropped
from rules.values import Now
from tests.agent.store.making import batch, row

SMALL = Limits(journal=10, receipted=5, rejected=3, telemetry=4)
MIB = 1 << 20
DAY_MS = 86_400_000


def count(store: Store, what: str) -> int:
    (found,) = store.connection.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608 -- constants
    return int(found)


def numbers(store: Store, where: str) -> list[int]:
    found = store.connection.execute(f"SELECT seq FROM outbox WHERE {where} ORDER BY number")  # noqa: S608 -- constants
    return [seq for (seq,) in found]


def test_journal_receipted_and_rejected_rows_are_bounded_oldest_first(store: Store) -> None:
    for seq in range(20):
        settled, rejected = ((row(seq).id,), ()) if seq % 2 else ((), (row(seq).id,))
        store.commit(batch(row(seq), settled=settled, rejected=rejected))
    assert store.prune(SMALL) == []
    assert numbers(store, "state = 1") == [11, 13, 15, 17, 19]
    assert numbers(store, "state = 2") == [14, 16, 18]
    assert store.connection.execute("SELECT min(number), count(*) FROM journal").fetchone() == (11, 10)


def test_s12_waiting_telemetry_is_named_before_it_leaves(store: Store) -> None:
    old = [row(seq, TELEMETRY, "e0") for seq in range(3)]
    new = [row(seq, TELEMETRY) for seq in range(7)]
    store.commit(batch(*old, *new, settled=("e0-t-1", "e1-t-0")))
    named = store.prune(SMALL)
    assert named == [Dropped("e0", "t", 0, 2, 2), Dropped("e1", "t", 1, 2, 2)]
    # A power cut here loses nothing: the rows are there until the batch that journals the drop is committed.
    assert store.waiting_count()["t"] == 8
    assert store.prune(SMALL) == []  # not named twice by one process
    store.commit(batch(row(7, TELEMETRY)))
    assert store.prune(SMALL) == [Dropped("e1", "t", 3, 3, 1)]
    store.commit(batch(row(0, IMPORTANT), dropped=tuple(named)))
    assert numbers(store, "lane = 't' AND state = 0") == [3, 4, 5, 6, 7]
    assert store.row("e1-t-0") is not None  # receipted: not a loss, not dropped


def test_s12_a_loss_named_but_not_committed_is_named_again_after_a_restart(path: Path) -> None:
    store, _ = open_store(path)
    store.commit(batch(*(row(seq, TELEMETRY) for seq in range(6))))
    named = store.prune(SMALL)
    store.close()
    store, _ = open_store(path)
    assert store.prune(SMALL) == named == [Dropped("e1", "t", 0, 1, 2)]
    store.close()


def test_s12_alarms_that_wait_are_never_dropped(store: Store) -> None:
    store.commit(batch(*(row(seq, rank=seq % 3) for seq in range(3000))))
    for _ in range(10):
        assert store.prune(Limits(journal=0, receipted=0, rejected=0, telemetry=0)) == []
    assert store.waiting_count()["a"] == 3000


def test_s12_one_call_does_a_bounded_piece_of_work(store: Store) -> None:
    rows = [row(seq, TELEMETRY) for seq in range(3000)]
    answered = tuple(each.id for each in rows[:1500])
    store.commit(merge([batch(*rows), *(batch() for _ in range(200)), batch(settled=answered[50:], rejected=answered)]))
    none = Limits(journal=0, receipted=0, rejected=0, telemetry=0, work=100)
    assert store.prune(none) == [Dropped("e1", "t", 1500, 1599, 100)]
    assert (count(store, "outbox"), count(store, "journal")) == (2900, 202)
    for _ in range(17):
        store.prune(none)
    assert (count(store, "outbox WHERE state > 0"), count(store, "journal")) == (0, 0)


def test_old_journal_entries_leave_only_by_a_clock_that_is_trusted(store: Store) -> None:
    limits = Limits(journal_age_ms=30 * DAY_MS)
    for day in range(100):
        store.commit(Batch((Entry(Now(day, day * DAY_MS if day % 10 else 0, synced=day % 10 != 0), b"{}"),), b"{}"))
    store.prune(limits, None)
    assert count(store, "journal") == 100
    store.prune(limits, 100 * DAY_MS)
    assert store.connection.execute("SELECT min(ms), max(ms) FROM journal").fetchone() == (70, 99)


def test_what_a_long_outage_took_is_given_back_to_the_disk(path: Path) -> None:
    store, _ = open_store(path)
    rows = [row(seq, body=bytes(1000)) for seq in range(20_000)]
    store.commit(batch(*rows))
    store.commit(batch(settled=tuple(each.id for each in rows)))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    full = path.stat().st_size
    for _ in range(60):
        store.prune(Limits(receipted=100, work=1000))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert full > 20 * MIB
    assert path.stat().st_size < 6 * MIB
    store.close()


def test_retention_with_nothing_to_do_writes_nothing(store: Store, path: Path) -> None:
    store.commit(batch(row(1)))
    before = store.connection.total_changes, path.with_name("hub.db-wal").stat().st_size
    store.prune(Limits(), 0)
    assert (store.connection.total_changes, path.with_name("hub.db-wal").stat().st_size) == before


BODY = b'{"specversion":"1.0","data":"' + b"x" * 570 + b'"}'
EVENT = b'{"event":"measured","sensor":"bedroom-temperature","quantity":"temperature","value":21.5,"unit":"C"}'


def a_years_batches() -> Iterator[Batch]:
    """600 events a day, 500 of them readings, each receipted a little later; in batches, lest it take a year."""
    waiting: list[str] = []
    ms = 0
    for day in range(365):
        for first in range(0, 600, 200):
            entries, rows = [], []
            for number in range(first, first + 200):
                ms += DAY_MS // 600
                entries.append(Entry(Now(ms, ms, synced=True), EVENT))
                rank = IMPORTANT if number % 6 == 0 else TELEMETRY
                seq = day * 600 + number
                lane = "a" if rank == IMPORTANT else "t"
                rows.append(Row(f"e1-{lane}-{seq}", "e1", lane, seq, rank, BODY, f"{seq:064x}"))  # type: ignore[arg-type]
            yield Batch(tuple(entries), bytes(3000), tuple(rows), settled=tuple(waiting))
            waiting = [each.id for each in rows]


def size(path: Path) -> int:
    return sum(each.stat().st_size for each in path.parent.iterdir())


@pytest.mark.slow
def test_s12_a_year_of_events_fits_the_stated_size(path: Path) -> None:
    store, _ = open_store(path)
    store.connection.execute("PRAGMA synchronous = OFF")  # a year in seconds; durability is not what is measured
    largest = 0
    for number, each in enumerate(a_years_batches()):
        store.commit(each)
        store.prune(Limits(), each.entries[-1].now.wall_ms)
        if number % 20 == 0:
            largest = max(largest, size(path))
    assert count(store, "outbox WHERE state = 1") == Limits().receipted
    assert count(store, "journal") == Limits().journal
    assert 8 * MIB < largest < 16 * MIB  # `Limits` states 16
    # Then the line is down until the telemetry backlog is at its limit, and beyond.
    for first in itertools.count(1_000_000, 1000):
        seqs = range(first, first + 1000)
        rows = tuple(Row(f"e1-t-{seq}", "e1", "t", seq, TELEMETRY, BODY, f"{seq:064x}") for seq in seqs)
        store.commit(Batch((), b"{}", rows))
        named = store.prune(Limits())
        store.commit(Batch((), b"{}", dropped=tuple(named)))
        if first > 1_030_000:
            break
    assert store.waiting_count()["t"] == Limits().telemetry
    assert size(path) < 48 * MIB  # `Limits` states 48
    store.close()
