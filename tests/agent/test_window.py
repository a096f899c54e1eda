"""The window decides which row goes next; these read as a line's history."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.rows import Lane, Row
from agent.uplink.window import HELD_MAX, PUBACK_MS, UNRECEIPTED_MAX, Window


def row(seq: int, rank: int = 2) -> Row:
    lane: Lane = "t" if rank == 3 else "a"
    return Row(f"e-{lane}-{seq}", "e", lane, seq, rank, b"{}", f"{seq:064x}")


def connected(receive_maximum: int = 100) -> Window:
    window = Window()
    window.connected(receive_maximum)
    return window


def drain(window: Window, now_ms: int = 0) -> list[str]:
    """Publish all that may go now."""
    sent = []
    while (each := window.next(now_ms)) is not None:
        sent.append(each.id)
    return sent


def test_rows_go_in_the_order_they_happened() -> None:
    window = connected()
    for seq in (1, 2, 3):
        window.add(row(seq))
    assert drain(window) == ["e-a-1", "e-a-2", "e-a-3"]


def test_s2_a_puback_is_no_delivery() -> None:
    window = connected()
    window.add(row(1, rank=0))
    drain(window)
    window.acked("e-a-1", 0)
    assert len(window) == 1
    assert window.alarm_waiting
    window.settle("e-a-1")
    assert len(window) == 0
    assert not window.alarm_waiting


def test_s3_without_a_receipt_it_is_offered_again_at_most_30_s_apart_for_ever() -> None:
    window = connected()
    window.add(row(1, rank=0))
    sent_at, now_ms = [], 0
    for _ in range(200):
        if drain(window, now_ms):
            sent_at.append(now_ms)
            window.acked("e-a-1", now_ms)
        due_ms = window.due_ms()
        assert due_ms is not None
        now_ms = due_ms
    pauses = [later - earlier for earlier, later in itertools.pairwise(sent_at)]
    assert pauses[:3] == [8_000, 20_000, 30_000]
    assert set(pauses[2:]) == {30_000}
    assert len(pauses) >= 190


def test_s3_a_new_connection_offers_everything_at_once() -> None:
    window = connected()
    window.add(row(1, rank=0))
    window.add(row(2))
    drain(window)
    window.connected(100)
    assert drain(window) == ["e-a-1", "e-a-2"]


def test_s5_a_live_alarm_overtakes_a_backlog_and_the_newest_goes_first() -> None:
    window = connected()
    for seq in range(1, 40):
        window.add(row(seq))
    first = drain(window)
    assert first[0] == "e-a-1"
    window.add(row(100, rank=1))
    window.add(row(101, rank=0))
    window.add(row(102, rank=0))
    for ref in first:
        window.acked(ref, 0)
    assert drain(window)[:3] == ["e-a-102", "e-a-101", "e-a-100"]


def test_s5_two_places_are_kept_for_alarms() -> None:
    window = connected(receive_maximum=10)  # three are left for documents
    for seq in range(1, 40):
        window.add(row(seq))
    assert len(drain(window)) == 5
    window.add(row(100, rank=0))
    window.add(row(101, rank=0))
    window.add(row(102, rank=0))
    assert drain(window) == ["e-a-102", "e-a-101"]


def test_s5_a_silent_centre_is_not_flooded_but_alarms_still_go() -> None:
    window = connected()
    for seq in range(1, 200):
        window.add(row(seq))
    sent: list[str] = []
    while batch := drain(window):
        sent += batch
        for ref in batch:
            window.acked(ref, 0)
    assert len(sent) == UNRECEIPTED_MAX
    window.add(row(1_000, rank=0))
    assert drain(window) == ["e-a-1000"]


def test_s12_memory_is_bounded_except_for_alarms() -> None:
    window = Window()
    window.refill((), more=False)
    for seq in range(1, HELD_MAX + 100):
        window.add(row(seq))
    assert len(window) == HELD_MAX
    assert window.more_on_disk
    assert window.add(row(10_000, rank=0))


def test_it_asks_for_more_when_memory_runs_low() -> None:
    window = connected()
    assert window.hungry
    window.refill([row(1)], more=False)
    assert not window.hungry


def test_a_late_puback_means_the_line_is_lying() -> None:
    window = connected()
    window.add(row(1))
    drain(window, now_ms=100)
    assert window.due_ms() == 100 + PUBACK_MS
    assert not window.lying(100 + PUBACK_MS - 1)
    assert window.lying(100 + PUBACK_MS)
    window.acked("e-a-1", 200)
    assert not window.lying(100 + PUBACK_MS)


@pytest.mark.parametrize("ack_first", [True, False])
def test_a_postponed_row_waits_as_long_as_the_centre_asked(ack_first: bool) -> None:
    window = connected()
    window.add(row(1, rank=0))
    drain(window, 0)
    if ack_first:
        window.acked("e-a-1", 0)
    window.postpone("e-a-1", 25_000)
    if not ack_first:
        window.acked("e-a-1", 1)
    assert drain(window, 24_999) == []
    assert drain(window, 25_000) == ["e-a-1"]


def test_s3_a_word_that_comes_late_puts_no_alarm_off_beyond_half_a_minute() -> None:
    window = connected()
    window.add(row(1, rank=0))
    window.add(row(2))
    drain(window, 1_000)
    for ref in ("e-a-1", "e-a-2"):
        window.acked(ref, 1_000)
    for ref in ("e-a-1", "e-a-2"):
        window.postpone(ref, 11_000 + 30_000)  # the centre was down, and reads only now what waited for it
    assert drain(window, 30_999) == []
    assert drain(window, 31_000) == ["e-a-1"]
    assert drain(window, 41_000) == ["e-a-2"]


def test_an_alarm_that_this_connection_has_not_offered_waits_as_long_as_the_centre_asked() -> None:
    window = connected()
    window.add(row(1, rank=0))
    window.postpone("e-a-1", 100_000 + 25_000)  # asked over another line
    assert drain(window, 124_999) == []
    assert drain(window, 125_000) == ["e-a-1"]


def test_a_receipt_before_the_puback_still_counts_the_place() -> None:
    window = connected(receive_maximum=10)
    for seq in range(1, 10):
        window.add(row(seq))
    first = drain(window)
    window.settle(first[0])
    assert drain(window) == []
    window.acked(first[0], 0)
    assert len(drain(window)) == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "next", "ack", "settle", "postpone", "connect", "time"]),
            st.integers(1, 30),
            st.integers(0, 3),
        ),
        max_size=150,
    )
)
def test_nothing_is_forgotten_and_no_limit_is_broken(  # noqa: C901 -- one case a verb
    story: list[tuple[str, int, int]],
) -> None:
    window, now_ms = connected(20), 0
    waiting: set[str] = set()
    seen: dict[int, Row] = {}
    unacked: set[str] = set()
    for verb, seq, rank in story:
        ref = (seen.setdefault(seq, row(seq, rank))).id
        match verb:
            case "add":
                window.add(seen[seq])
                waiting.add(ref)
            case "next":
                sent = window.next(now_ms)
                if sent is not None:
                    assert sent.id in waiting
                    assert sent.id not in unacked
                    unacked.add(sent.id)
                    assert len(unacked) <= 16
            case "ack":
                window.acked(ref, now_ms)
                unacked.discard(ref)
            case "settle":
                window.settle(ref)
                waiting.discard(ref)
            case "postpone":
                window.postpone(ref, now_ms + 1_000)
            case "connect":
                window.connected(20)
                unacked.clear()
            case "time":
                now_ms += seq * 1_000
    assert window.ids() == waiting
    reached: set[str] = set()
    for _ in range(400):  # an honest broker and time: everything that waits is offered
        while (sent := window.next(now_ms)) is not None:
            reached.add(sent.id)
            window.acked(sent.id, now_ms)
            window.settle(sent.id)
        for ref in list(unacked):
            window.acked(ref, now_ms)
        now_ms += 1_000
    assert reached == waiting
