"""What waits in memory for a disk that does not take it: bounded in telemetry, never in alarms."""

from hypothesis import given
from hypothesis import strategies as st

from agent.store.pending import Pending, _joined, in_offer_order
from agent.store.rows import ALARM, IMPORTANT, RAISED, TELEMETRY, Batch
from rules.events import Dropped
from tests.agent.store.making import batch, row


def test_what_failed_goes_first_again_with_what_came_since() -> None:
    pending = Pending(10)
    pending.add(batch(row(1), house=b"1"))
    pending.add(batch(row(2), house=b"2"))
    assert [each.seq for each in pending.take().rows] == [1, 2]
    pending.add(batch(row(3), house=b"3"))
    assert [each.seq for each in pending.rows] == [1, 2, 3]
    pending.failed()
    again = pending.take()
    assert ([each.seq for each in again.rows], again.house, len(again.entries)) == ([1, 2, 3], b"3", 3)
    pending.done()
    assert (pending.rows, bool(pending)) == ([], False)


def test_s12_telemetry_beyond_the_bound_leaves_oldest_first_and_is_counted() -> None:
    pending = Pending(3)
    for seq in range(5):
        pending.add(batch(row(seq, TELEMETRY), row(seq), event="measured"))
    batch_ = pending.take()
    assert [each.seq for each in batch_.rows if each.lane == "t"] == [2, 3, 4]
    assert [each.seq for each in batch_.rows if each.lane == "a"] == [0, 1, 2, 3, 4]
    assert (len(batch_.entries), pending.entries_dropped) == (3, 2)
    assert pending.done() == [Dropped("e1", "t", 0, 1, 2)]
    pending.add(batch())
    pending.take()
    assert pending.done() == []  # told once


def test_entries_that_are_not_telemetry_are_kept() -> None:
    pending = Pending(3)
    for _ in range(10):
        pending.add(batch(event="triggered"))
    assert len(pending.take().entries) == 10


def test_s12_telemetry_the_centre_has_taken_is_no_loss() -> None:
    pending = Pending(2)
    pending.add(batch(*(row(seq, TELEMETRY) for seq in range(2)), settled=("e1-t-0", "x-a-1")))
    pending.add(batch(row(2, TELEMETRY), row(3, TELEMETRY)))
    assert pending.take().settled == ("x-a-1",)
    assert pending.done() == [Dropped("e1", "t", 0, 1, 1)]


def test_s12_a_range_never_reaches_across_rows_that_were_kept() -> None:
    pending = Pending(2)
    pending.add(batch(row(0, TELEMETRY), row(1, TELEMETRY)))
    pending.take()
    pending.add(batch(*(row(seq, TELEMETRY) for seq in range(2, 7))))  # 2, 3, 4 leave: 0 and 1 are at the disk
    pending.failed()  # now 0 and 1 leave too
    pending.take()
    assert pending.done() == [Dropped("e1", "t", 0, 4, 5)]
    pending.add(batch(row(7, TELEMETRY)))
    pending.take()
    pending.add(batch(*(row(seq, TELEMETRY) for seq in range(8, 12))))
    pending.add(batch(row(0, TELEMETRY, "e2")))
    assert pending.done() == [Dropped("e1", "t", 8, 10, 3)]


@given(
    st.lists(
        st.one_of(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.sampled_from(["take-done", "take-fail"])),
        max_size=30,
    )
)
def test_s12_nothing_vanishes_untold_and_no_alarm_at_all(script: list[list[int] | str]) -> None:
    pending, seq, durable = Pending(4), 0, []
    told: list[Dropped] = []
    made: list[tuple[str, int]] = []
    for step in [*script, "take-done"]:
        if isinstance(step, list):
            rows = [row(seq + offset, rank) for offset, rank in enumerate(step)]
            seq += len(step)
            made += [(each.lane, each.seq) for each in rows]
            pending.add(batch(*rows))
        elif pending:
            taken: Batch = pending.take()
            if step == "take-fail":
                pending.failed()
                continue
            durable += [(each.lane, each.seq) for each in taken.rows]
            told += pending.done()
    gone = {("t", each) for dropped in told for each in range(dropped.first, dropped.last + 1)}
    assert set(made) == set(durable) | (gone & set(made))
    assert not gone & set(durable)
    assert sum(each.count for each in told) == len(gone & set(made))


def test_s5_rows_in_memory_and_in_the_store_are_offered_in_one_order() -> None:
    stored = [row(3), row(1), row(2, ALARM), row(4, IMPORTANT), row(1, TELEMETRY)]
    pending = [row(5, ALARM), row(6), row(2, TELEMETRY), row(7)]
    assert [each.id for each in in_offer_order(stored, pending)] == [
        "e1-a-7", "e1-a-6", "e1-a-3", "e1-a-1", "e1-a-2", "e1-a-5", "e1-a-4", "e1-t-1", "e1-t-2",
    ]  # fmt: skip
    assert RAISED < ALARM < IMPORTANT < TELEMETRY


def test_s12_ranges_join_where_they_touch_and_nowhere_else() -> None:
    apart = [Dropped("e1", "t", 6, 7, 2), Dropped("e1", "t", 0, 1, 2), Dropped("e2", "t", 2, 2, 1)]
    assert _joined([*apart, Dropped("e1", "t", 2, 3, 1)]) == [Dropped("e1", "t", 0, 3, 3), apart[0], apart[2]]
