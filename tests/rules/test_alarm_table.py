"""One table holds every lawful transition; every other raises."""

from itertools import product
from typing import get_args

import pytest

from rules.alarm import TRANSITIONS, IllegalTransitionError, Move, OpenStage, Stage, moved

LAWFUL: dict[tuple[OpenStage, Move], Stage] = {
    ("pending", "raise"): "raised",
    ("pending", "cancel"): "cancelled",
    ("raised", "acknowledge"): "acknowledged",
    ("raised", "resolve"): "resolved",
    ("acknowledged", "acknowledge"): "acknowledged",
    ("acknowledged", "lapse"): "raised",
    ("acknowledged", "resolve"): "resolved",
}
"""As DESIGN §4 tells it, written down a second time on purpose."""

EVERY = list(product(get_args(OpenStage), get_args(Move)))


def test_the_table_is_the_design() -> None:
    assert TRANSITIONS == LAWFUL


@pytest.mark.parametrize(("stage", "move"), [each for each in EVERY if each in LAWFUL])
def test_a_lawful_move(stage: OpenStage, move: Move) -> None:
    assert moved(stage, move) == LAWFUL[stage, move]


@pytest.mark.parametrize(("stage", "move"), [each for each in EVERY if each not in LAWFUL])
def test_any_other_move_raises(stage: OpenStage, move: Move) -> None:
    with pytest.raises(IllegalTransitionError, match=f"an alarm that is {stage} cannot {move}"):
        moved(stage, move)
