"""How much a machine may ask for: no more than its burst and its rate, whatever the moments; and in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from centre.attaching.pace import Pace

BURST, EVERY_MS = 5, 100


@given(st.lists(st.integers(0, 5_000), max_size=200))
def test_in_any_span_there_are_so_many_at_most(moments: list[int]) -> None:
    pace = Pace(BURST, EVERY_MS)
    taken = [ms for ms in sorted(moments) if pace.take("a", ms) == 0]
    for first, begin_ms in enumerate(taken):
        for last, end_ms in enumerate(taken[first:], 1):
            assert last <= BURST + (end_ms - begin_ms) // EVERY_MS


@given(st.integers(0, 10**9))
def test_what_it_says_is_how_long_to_wait(ms: int) -> None:
    pace = Pace(BURST, EVERY_MS)
    assert [pace.take("a", ms) for _ in range(BURST)] == [0] * BURST
    wait_ms = pace.take("a", ms)
    assert 0 < wait_ms <= EVERY_MS
    assert pace.take("a", ms + wait_ms - 1) > 0
    assert pace.take("a", ms + wait_ms) == 0


def test_s12_it_remembers_so_many_names() -> None:
    pace = Pace(1, EVERY_MS, names_max=2)
    for name in ("a", "b", "c"):
        assert pace.take(name, 0) == 0
    assert pace.take("c", 0) > 0
    assert pace.take("a", 0) == 0  # forgotten
