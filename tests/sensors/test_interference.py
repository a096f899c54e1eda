"""A driver that hears far too much: noticed in 30 s, told once, and over when it is over."""

import pytest

from sensors.interference import HEARD_FULL, NOISE_FULL, SLOTS_CALM, SLOTS_FULL, Interference


class Air:
    """Looks at a driver, with so much more noise and so much more heard each time."""

    def __init__(self) -> None:
        self.judge = Interference()
        self.noise = self.heard = 0

    def looks(self, times: int, *, noise: int = 0, heard: int = 0) -> list[bool | None]:
        told = []
        for _ in range(times):
            self.noise += noise
            self.heard += heard
            told.append(self.judge.look(self.noise, self.heard))
        return told


FULL = [{"noise": NOISE_FULL}, {"heard": HEARD_FULL}, {"noise": 10**6, "heard": 10**6}]


@pytest.mark.parametrize("full", FULL)
def test_s7_interference_is_told_once_after_30_s_and_once_when_it_is_over(full: dict[str, int]) -> None:
    air = Air()
    assert air.looks(SLOTS_FULL - 1, **full) == [None] * (SLOTS_FULL - 1)
    assert air.looks(1, **full) == [True]
    assert air.looks(100, **full) == [None] * 100
    assert air.looks(SLOTS_CALM) == [None] * (SLOTS_CALM - 1) + [False]
    assert air.looks(100) == [None] * 100
    assert air.looks(SLOTS_FULL, **full)[-1] is True


def test_a_home_that_is_only_lively_is_not_jammed() -> None:
    assert not any(Air().looks(1_000, noise=NOISE_FULL - 1, heard=HEARD_FULL - 1))


def test_a_single_calm_look_ends_nothing_and_begins_anew() -> None:
    air = Air()
    air.looks(SLOTS_FULL - 1, noise=NOISE_FULL)
    air.looks(1)
    assert air.looks(SLOTS_FULL - 1, noise=NOISE_FULL) == [None] * (SLOTS_FULL - 1)
    assert air.looks(1, noise=NOISE_FULL) == [True]
    assert air.looks(SLOTS_CALM - 1) == [None] * (SLOTS_CALM - 1)
    assert air.looks(1, noise=NOISE_FULL) == [None]
    assert air.looks(SLOTS_CALM - 1) == [None] * (SLOTS_CALM - 1)
    assert air.looks(1) == [False]


def test_nothing_need_be_looked_for_once_it_is_calm() -> None:
    air = Air()
    assert air.judge.calm
    air.looks(1, noise=NOISE_FULL)
    assert not air.judge.calm
    air.looks(1)
    assert air.judge.calm
    air.looks(SLOTS_FULL, noise=NOISE_FULL)
    air.looks(SLOTS_CALM - 1)
    assert not air.judge.calm
    air.looks(1)
    assert air.judge.calm
