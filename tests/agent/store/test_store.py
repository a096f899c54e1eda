"""The store's logic on a real file: whole transactions, the order of delivery, and what the centre asks for again."""

import re
import sqlite3
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.errors import ConflictError
from agent.store.rows import ALARM, IMPORTANT, RAISED, TELEMETRY, Batch, Row, merge
from agent.store.store import Store, missing
from rules.events import Dropped
from simulators.disk import FULL, IOERR_FSYNC, IOERR_WRITE, Disk
from tests.agent.store.making import batch, entry, row


def ids(store: Store, limit: int = 100, exclude: tuple[str, ...] = ()) -> list[str]:
    return [each.id for each in store.waiting(limit, exclude)]


def count(store: Store, table: str) -> int:
    (found,) = store.connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 -- constants
    return int(found)


def test_a_batch_is_committed_whole(store: Store) -> None:
    store.commit(batch(row(1), row(1, TELEMETRY), house=b"one"))
    store.commit(batch(row(2), house=b"two", settled=("e1-a-1",)))
    assert store.load() == b"two"
    assert ids(store) == ["e1-a-2", "e1-t-1"]
    assert store.row("e1-a-1") == row(1)  # receipted, and still known
    assert count(store, "journal") == 2


def test_an_entry_is_journalled_with_its_stamp(store: Store) -> None:
    store.commit(batch())
    store.commit(Batch((entry("heard", 5, 1_700_000_000_123, synced=False),), b"{}"))
    found = store.connection.execute("SELECT * FROM journal ORDER BY number").fetchall()
    assert found[1:] == [(2, 5, 1_700_000_000_123, 0, b'{"event":"heard"}')]


def test_s5_raised_alarms_overtake_a_backlog_newest_first(store: Store) -> None:
    ranks = [TELEMETRY, RAISED, ALARM, IMPORTANT, RAISED, TELEMETRY, IMPORTANT, ALARM, RAISED]
    for seq, rank in enumerate(ranks):
        store.commit(batch(row(seq, rank)))
    assert ids(store) == ["e1-a-8", "e1-a-4", "e1-a-1", "e1-a-2", "e1-a-7", "e1-a-3", "e1-a-6", "e1-t-0", "e1-t-5"]
    assert ids(store, 3, ("e1-a-8", "e1-a-1")) == ["e1-a-4", "e1-a-2", "e1-a-7"]
    assert ids(store, 0) == []


def test_the_epoch_before_goes_first(store: Store) -> None:
    store.commit(batch(row(7, IMPORTANT, "e9"), row(0, IMPORTANT, "e1")))
    assert ids(store) == ["e9-a-7", "e1-a-0"]


@pytest.mark.parametrize("limit", [1, 64])
def test_offering_takes_no_scan_and_no_sort(store: Store, limit: int) -> None:
    backlog = [row(seq, TELEMETRY if seq % 3 else IMPORTANT) for seq in range(30_000)]
    store.commit(batch(*backlog, row(40_000)))
    statements: list[str] = []
    store.connection.set_trace_callback(statements.append)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    store.connection.set_progress_handler(step, 10)  # every ten instructions of SQLite's machine
    found = ids(store, limit)
    store.waiting(limit, {each.id for each in backlog[:100]})
    store.oldest_waiting()
    store.connection.set_progress_handler(None, 10)
    store.connection.set_trace_callback(None)
    assert found[0] == "e1-a-40000"
    assert steps < 1_000  # a scan of 30,000 rows takes more than ten times as many
    for statement in statements:
        plan = " ".join(each[3] for each in store.connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
        assert re.search(r"INDEX outbox_waiting \(rank=\?\)|USING INTEGER PRIMARY KEY \(rowid=\?\)", plan)
        assert "TEMP B-TREE" not in plan


def test_settling_in_the_batch_that_brings_the_row(store: Store) -> None:
    store.commit(merge([batch(row(1), row(2)), batch(settled=("e1-a-1",), rejected=("e1-a-2",))]))
    assert ids(store) == []
    assert count(store, "outbox") == 2


@pytest.mark.parametrize("settled_first", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_s2_what_the_centre_has_taken_stays_taken(store: Store, settled_first: bool, together: bool) -> None:
    answers = [batch(settled=("e1-a-1",)), batch(rejected=("e1-a-1",))]
    batches = [batch(row(1)), *(answers if settled_first else reversed(answers))]
    for each in [merge(batches)] if together else batches:
        store.commit(each)
    assert store.connection.execute("SELECT state FROM outbox").fetchall() == [(1,)]


def test_s4_receipts_for_unknown_ids_and_the_same_twice_change_nothing(store: Store) -> None:
    store.commit(batch(row(1), settled=("e1-a-9", "nonsense", "e1-a-1", f"e1-a-{10**30}")))
    store.commit(batch(settled=("e1-a-1",), rejected=("", "\x00")))
    assert store.connection.execute("SELECT seq, state FROM outbox").fetchall() == [(1, 1)]


def test_s4_a_row_committed_twice_is_there_once(store: Store) -> None:
    store.commit(batch(row(1)))
    store.commit(batch(row(1), row(1), row(2), settled=("e1-a-1",)))
    assert store.connection.execute("SELECT seq, state FROM outbox").fetchall() == [(1, 1), (2, 0)]


def test_s1_an_id_never_has_two_contents_and_nothing_else_is_lost(store: Store) -> None:
    first, second = row(1, body=b"first"), row(1, body=b"second")
    store.commit(batch(first, row(0)))
    with pytest.raises(ConflictError, match="e1-a-1"):
        store.commit(batch(row(2), second, row(3), house=b"after", settled=("e1-a-0",)))
    assert store.row("e1-a-1") == first
    assert store.load() == b"after"
    assert ids(store) == ["e1-a-3", "e1-a-2", "e1-a-1"]
    assert store.connection.execute("SELECT id, digest, body FROM conflict").fetchall() == [
        ("e1-a-1", second.digest, b"second")
    ]


def test_s12_contents_kept_aside_are_bounded(store: Store) -> None:
    store.commit(batch(row(1, body=b"first")))
    with pytest.raises(ConflictError):
        store.commit(batch(*(row(1, body=b"%d" % each) for each in range(250))))
    assert store.connection.execute("SELECT count(*), max(body) FROM conflict").fetchone() == (100, b"249")


def test_counting_what_waits(store: Store) -> None:
    assert (store.waiting_count(), store.oldest_waiting()) == ({"a": 0, "t": 0}, {"a": None, "t": None})
    store.commit(batch(row(4, TELEMETRY), row(3, IMPORTANT), row(5, RAISED), row(6, TELEMETRY), row(7, ALARM)))
    assert (store.waiting_count(), store.oldest_waiting()) == ({"a": 3, "t": 2}, {"a": "e1-a-3", "t": "e1-t-4"})
    store.commit(batch(settled=("e1-a-3", "e1-t-4")))
    assert (store.waiting_count(), store.oldest_waiting()) == ({"a": 2, "t": 1}, {"a": "e1-a-5", "t": "e1-t-6"})


def test_reoffering_what_the_centre_lacks_names_what_is_not_held(store: Store) -> None:
    rows = [row(seq) for seq in (2, 3, 6, 9)]
    store.commit(batch(*rows, settled=tuple(each.id for each in rows[:3]), rejected=("e1-a-9",)))
    assert ids(store) == []
    assert store.reoffer("e1", "a", 3, 10, held=(5,)) == [(4, 4), (7, 8), (10, 10)]
    assert sorted(ids(store)) == ["e1-a-3", "e1-a-6", "e1-a-9"]
    assert store.reoffer("e2", "t", 0, 10**30) == [(0, 2**63 - 1)]  # whatever the centre asks
    assert store.reoffer("e1", "a", 5, 4) == []


@given(st.integers(-5, 30), st.integers(-5, 30), st.sets(st.integers(-5, 30)))
def test_missing_and_held_make_up_the_whole(first: int, last: int, held: set[int]) -> None:
    ranges = missing(first, last, held)
    listed = [seq for start, end in ranges for seq in range(start, end + 1)]
    assert listed == [seq for seq in range(first, last + 1) if seq not in held]
    assert all(start <= end for start, end in ranges)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


def test_a_drop_takes_waiting_telemetry_of_its_range_and_nothing_else(store: Store) -> None:
    telemetry = [row(seq, TELEMETRY) for seq in range(6)]
    store.commit(batch(*telemetry, *(row(seq) for seq in range(6)), settled=("e1-t-2",)))
    store.commit(batch(dropped=(Dropped("e1", "t", 1, 3, 2), Dropped("e2", "t", 0, 9, 9))))
    held = {seq for (seq,) in store.connection.execute("SELECT seq FROM outbox WHERE lane = 't'")}
    assert held == {0, 2, 4, 5}
    assert store.waiting_count() == {"a": 6, "t": 3}


def test_s12_a_drop_never_touches_alarms_whatever_it_says(store: Store) -> None:
    store.commit(batch(row(1), row(2, IMPORTANT)))
    store.commit(batch(dropped=(Dropped("e1", "a", 0, 100, 2),)))
    assert store.waiting_count()["a"] == 2


def attempt_big(store: Store) -> None:
    store.commit(batch(*(row(seq, body=bytes(4000)) for seq in range(10, 200)), house=b"new", settled=("e1-a-1",)))


@pytest.mark.parametrize("pragma", ["max_page_count", "query_only"])
def test_a_commit_that_fails_changes_nothing_and_can_be_tried_again(store: Store, pragma: str) -> None:
    store.commit(batch(row(1), house=b"old"))
    bad, good = {"max_page_count": (20, 1 << 30), "query_only": (1, 0)}[pragma]
    store.connection.execute(f"PRAGMA {pragma} = {bad}").fetchall()
    with pytest.raises(sqlite3.OperationalError):
        attempt_big(store)
    assert not store.connection.in_transaction
    assert (store.load(), ids(store), count(store, "journal")) == (b"old", ["e1-a-1"], 1)
    store.connection.execute(f"PRAGMA {pragma} = {good}").fetchall()
    attempt_big(store)
    assert (store.load(), store.waiting_count()["a"], count(store, "journal")) == (b"new", 190, 2)


def test_a_transaction_that_cannot_be_carried_out_is_rolled_back(store: Store) -> None:
    store.commit(batch(row(1), house=b"old"))
    with pytest.raises(sqlite3.Error):
        store.commit(batch(row(2), house="not bytes"))  # type: ignore[arg-type]
    assert not store.connection.in_transaction
    assert (store.load(), ids(store), count(store, "journal")) == (b"old", ["e1-a-1"], 1)
    store.commit(batch(row(2), house=b"new"))
    assert ids(store) == ["e1-a-2", "e1-a-1"]


@pytest.mark.parametrize(("operation", "code"), [("write", FULL), ("write", IOERR_WRITE), ("sync", IOERR_FSYNC)])
def test_s1_a_disk_that_fails_under_a_commit_leaves_the_old_state(
    frail: Store, disk: Disk, operation: str, code: int
) -> None:
    frail.commit(batch(row(1), house=b"old"))
    disk.fail[operation] = code
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            attempt_big(frail)
        assert (frail.load(), ids(frail)) == (b"old", ["e1-a-1"])
    disk.heal()
    attempt_big(frail)
    assert (frail.load(), frail.waiting_count()["a"]) == (b"new", 190)


def test_s1_a_commit_costs_one_sync(frail: Store, disk: Disk) -> None:
    frail.commit(batch(row(0)))  # begins the log, which is a sync more
    for group in (1, 40):
        before = disk.syncs
        for each in range(20):
            first = 1 + group * 1000 + each * group
            frail.commit(batch(*(row(seq) for seq in range(first, first + group)), settled=(f"e1-a-{first - 1}",)))
        assert disk.syncs - before == 20


def test_reading_syncs_nothing(frail: Store, disk: Disk) -> None:
    frail.commit(batch(row(0)))
    before = disk.syncs
    frail.waiting(10)
    frail.waiting_count()
    frail.oldest_waiting()
    frail.load()
    frail.look_back("hearthline.", 10)
    frail.oldest_kept()
    assert disk.syncs == before


# --- looking back -------------------------------------------------------------------------------------


def event(seq: int, kind: str, rank: int = IMPORTANT) -> Row:
    return row(seq, rank, body=b'{"source":"%d","type":"%s","data":{}}' % (seq, kind.encode()))


def looked_back(store: Store, count: int) -> list[bytes]:
    found: list[bytes] = []
    before = None
    for _ in range(100):
        glance = store.look_back("hearthline.reminder.", count, before)
        found += glance.bodies
        assert glance.spoilt == 0
        if glance.before is None:
            return found
        before = glance.before
    raise AssertionError("it does not end")


@pytest.mark.parametrize("count", [1, 2, 7, 8, 100])
def test_looking_back_finds_events_of_a_type_newest_first_whatever_became_of_them(store: Store, count: int) -> None:
    kinds = ["reminder.taken", "visit.began", "reminder.prompted", "reminder.missed", "reminders", "plan.applied"]
    rows = [event(seq, f"hearthline.{kind}") for seq, kind in enumerate(kinds)]
    odd = [event(6, "hearthline.reminder.taken", TELEMETRY), event(7, "other")]
    store.commit(batch(*rows, *odd, settled=("e1-a-0", "e1-a-1"), rejected=("e1-a-2",)))
    assert looked_back(store, count) == [rows[3].body, rows[2].body, rows[0].body]


def test_looking_back_at_nothing(store: Store) -> None:
    assert store.look_back("hearthline.reminder.", 100) == ([], 0, None)
    assert store.oldest_kept() is None


def test_an_event_that_is_not_as_committed_is_counted_and_not_given(store: Store) -> None:
    rows = [event(seq, "hearthline.reminder.taken") for seq in range(3)]
    store.commit(batch(*rows))
    store.connection.execute("UPDATE outbox SET body = ? WHERE seq = 1", (rows[1].body.replace(b"source", b"SOURCE"),))
    assert store.look_back("hearthline.reminder.", 100) == ([rows[2].body, rows[0].body], 1, None)


def test_s12_a_step_of_looking_back_touches_no_more_rows_than_it_says(store: Store) -> None:
    store.commit(batch(*(event(seq, "hearthline.reminder.taken") for seq in range(10_000))))
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    store.connection.set_progress_handler(step, 10)  # every ten instructions of SQLite's machine
    glance = store.look_back("hearthline.reminder.", 100)
    store.look_back("hearthline.reminder.", 100, glance.before)
    store.oldest_kept()
    store.connection.set_progress_handler(None, 10)
    assert len(glance.bodies) == 100
    assert steps < 500  # a scan of 10,000 rows takes more than ten times as many


def test_what_is_kept_whole_begins_with_the_oldest_that_was_receipted(store: Store) -> None:
    store.commit(batch(row(0), row(1), row(2), row(3, TELEMETRY), row(4)))
    assert store.oldest_kept() == row(0).body
    store.commit(batch(rejected=("e1-a-1",), settled=("e1-a-2", "e1-t-3")))
    assert store.oldest_kept() == row(2).body
