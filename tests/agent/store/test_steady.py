"""Trouble is told at once and once; its end only when it stays away. In numbers, without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from agent.store.steady import Steady


def test_a_card_that_stalls_every_few_seconds_for_a_day_is_one_fault() -> None:
    steady = Steady(60)
    told = []
    for second in range(0, 86_400, 7):
        told.append(steady.trouble())
        steady.well(second + 0.4)
        assert not steady.over(second + 6.9)
    assert sum(told) == 1
    assert steady.due == 86_394 + 0.4 + 60
    assert not steady.over(86_453)
    assert steady.over(86_455)
    assert not steady.over(90_000)  # told once
    assert steady.trouble()  # and then it is trouble again


def test_what_was_never_troubled_is_never_over() -> None:
    steady = Steady(60)
    steady.well(0)
    assert steady.due is None
    assert not steady.over(1_000)


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans())))
def test_trouble_and_its_end_are_told_in_turn_and_no_end_before_its_time(happens: list[tuple[float, bool]]) -> None:
    steady, now, told, last_trouble = Steady(60), 0.0, [], 0.0
    for after, bad in happens:
        now += after
        if steady.over(now):
            told.append("end")
            assert now - last_trouble >= 60
        if bad:
            last_trouble = now
            if steady.trouble():
                told.append("trouble")
        else:
            steady.well(now)
    assert told == (["trouble", "end"] * len(told))[: len(told)]
