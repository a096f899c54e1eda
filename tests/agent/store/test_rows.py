"""Ids, rows and batches: what cannot be committed is refused where it is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.rows import ALARM, RAISED, TELEMETRY, Row, merge, place
from rules.events import Dropped
from tests.agent.store.making import batch, entry, row


@given(st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True), st.sampled_from(["a", "t"]), st.integers(0, 2**63 - 1))
def test_an_id_is_taken_apart_as_it_was_made(epoch: str, lane: str, seq: int) -> None:
    assert place(f"{epoch}-{lane}-{seq}") == (epoch, lane, seq)


@pytest.mark.parametrize(
    "ref",
    ["", "e1", "a-1", "-a-1", "e1-c-1", "e1-a-", "e1-a-01", "e1-a-+1", "e1-a-1 ", "e1-a-\u0663", f"e1-a-{2**63}"],
)
def test_what_is_no_row_id_is_recognised(ref: str) -> None:
    assert place(ref) is None


@given(st.text())
def test_any_text_is_survived(ref: str) -> None:
    found = place(ref)
    assert found is None or f"{found[0]}-{found[1]}-{found[2]}" == ref


def test_a_row_under_a_foreign_id_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the id e1-a-2"):
        Row("e1-a-1", "e1", "a", 2, RAISED, b"", "")


@pytest.mark.parametrize(("lane", "rank"), [("a", TELEMETRY), ("t", ALARM), ("a", 4), ("t", -1)])
def test_s5_a_row_cannot_take_a_rank_of_the_other_lane(lane: str, rank: int) -> None:
    with pytest.raises(ValueError, match="does not belong"):
        Row(f"e1-{lane}-1", "e1", lane, 1, rank, b"", "")  # type: ignore[arg-type]


def test_merging_keeps_everything_and_the_newest_house() -> None:
    dropped = Dropped("e0", "t", 1, 2, 2)
    merged = merge(
        [
            batch(row(1), house=b"old", settled=("x-a-1",)),
            batch(row(2), row(3), house=b"new", settled=("x-a-1", "e1-a-1"), rejected=("x-a-2",), dropped=(dropped,)),
        ]
    )
    assert [each.seq for each in merged.rows] == [1, 2, 3]
    assert (len(merged.entries), merged.house) == (2, b"new")
    assert (merged.settled, merged.rejected, merged.dropped) == (("x-a-1", "e1-a-1"), ("x-a-2",), (dropped,))


@pytest.mark.parametrize(
    ("event", "telemetry"), [("heard", True), ("measured", True), ("tick", True), ("triggered", False), ("", False)]
)
def test_only_readings_signs_of_life_and_ticks_are_telemetry(event: str, telemetry: bool) -> None:
    assert entry(event).telemetry is telemetry
