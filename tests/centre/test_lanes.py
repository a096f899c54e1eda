"""Gaps in lanes, against the plainest way to find them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.messages import decode_event
from centre.lanes import SEQ_MAX, Lane, Missing, Position, Span, missing, position
from tests.support.voice import RAISED, Voice

spans = st.builds(lambda first, size: Span(first, first + size), st.integers(1, 40), st.integers(0, 8))


@given(st.lists(spans, max_size=8), st.integers(0, 60))
def test_s2_missing_is_everything_up_to_the_head_that_is_not_accounted_for(held: list[Span], claimed: int) -> None:
    lane = Lane("e1", "a", claimed, tuple(held))
    accounted = {number for span in held for number in range(span.first, span.last + 1)}
    found = [number for each in missing([lane]) for number in range(each.first, each.last + 1)]
    assert found == [number for number in range(1, lane.head + 1) if number not in accounted]


def test_an_unbelievable_claim_costs_nothing() -> None:
    assert missing([Lane("e1", "a", SEQ_MAX, (Span(1, 5),))]) == [Missing("e1", "a", 6, SEQ_MAX)]


def test_a_position_is_what_id_source_and_sequence_agree_on() -> None:
    voice = Voice("hub-1", "e7")
    event = decode_event(voice.payload(RAISED, 12))
    assert position("hub-1", event) == Position("e7", "a", 12)
    assert position("hub-2", event) is None


@pytest.mark.parametrize(
    "id_", ["e1-a-0", "e1-a-01", "e1-a", "e1-a-1-2", "-a-1", "e1-A-1", "e1-a-1\n", "e1-a-" + "9" * 19]
)
def test_other_ids_have_no_position(id_: str) -> None:
    voice = Voice()
    event = decode_event(voice.payload(RAISED, 1))
    assert position("hub-1", msgspec.structs.replace(event, id=id_)) is None
