"""When many are one, against the plainest way to say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from centre.silence.bursts import WINDOW_MS, dense, usual

moments = st.lists(st.integers(0, 5 * WINDOW_MS), max_size=25).map(sorted)


@given(moments, st.integers(1, 6))
def test_a_moment_is_dense_if_some_window_around_it_holds_too_many(at: list[int], most: int) -> None:
    def crowded(start: int) -> bool:
        return sum(start <= each <= start + WINDOW_MS for each in at) > most

    # A window that holds a moment and begins at none of them holds no more than the one that begins at its first.
    plain = [any(start <= each <= start + WINDOW_MS and crowded(start) for start in at) for each in at]
    assert dense(at, most) == plain


@pytest.mark.parametrize(
    ("homes", "most"), [(0, 5), (50, 5), (200, 6), (500, 15), (900, 25), (10_000, 25), (100_000, 100)]
)
def test_so_many_may_be_lost_by_chance(homes: int, most: int) -> None:
    assert usual(homes) == most
