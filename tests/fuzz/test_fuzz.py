"""A bounded look at every target: junk, and what it is made for with a few bytes changed. `make fuzz` looks longer."""

import random

import pytest

from tests.fuzz.__main__ import NAMES
from tests.fuzz.mutating import mutated
from tests.fuzz.targets import TARGETS, Target

ROUNDS = 400
"""For each target: a tenth of a second or so."""


@pytest.mark.parametrize("name", TARGETS)
def test_what_it_is_made_for_is_taken(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        target.take(seed)
    target.take(b"")


@pytest.mark.parametrize("name", TARGETS)
def test_junk_is_survived(name: str) -> None:
    target, dice = TARGETS[name], random.Random(name)
    for number in range(ROUNDS):
        data = mutated(dice, target.seeds) if number % 4 else dice.randbytes(dice.randrange(300))
        try:
            target.take(data)
        except Exception as error:
            raise AssertionError(f"{name} broke its promise for {data!r}") from error


def test_a_broken_promise_is_found() -> None:
    def take(data: bytes) -> None:
        assert data[1:2] != b"x"

    target, dice = Target(take, (b"abc", b"a-c")), random.Random(1)
    inputs = [mutated(dice, (*target.seeds, b"x")) for _ in range(ROUNDS)]
    with pytest.raises(AssertionError):
        list(map(target.take, inputs))


def test_the_long_look_knows_every_target() -> None:
    assert set(NAMES) == set(TARGETS)
