"""The drivers' trials: broken in every way, and flooded, a few presses each."""

import random
from functools import partial
from pathlib import Path

import pytest

from simulators.trials.drivers import mishaps as drivers
from simulators.trials.drivers.floods import bus_junk, false_headers, neighbours, random_frames
from simulators.trials.trial import Trial, play_rounds

PRESSES = 8


@pytest.mark.slow
async def test_s7_a_broken_driver_is_noticed_runs_again_and_harms_no_call_beside_it(tmp_path: Path) -> None:
    figures = await play_rounds(Trial("b", "S7", "", 1, drivers.broken), [0], tmp_path)
    assert figures.counted["alarms arrived"] == 20 + 6, "twenty beside, and one after each of six breakages"
    assert figures.counted["callbacks that raised"] == 1


@pytest.mark.slow
async def test_s5_s12_5000_junk_frames_a_second_do_not_delay_a_call_beside_them(tmp_path: Path) -> None:
    flooded = partial(drivers.flooded, kinds=tuple(drivers.KINDS), presses=PRESSES)
    figures = await play_rounds(Trial("f", "S5", "", 1, flooded), [0], tmp_path)
    presses = drivers.QUIET_PRESSES + PRESSES * len(drivers.KINDS)
    assert figures.counted["alarms arrived"] >= presses + 3, "and three on the flooded radio, afterwards"


def test_the_floods_are_what_they_say() -> None:
    rng = random.Random(1)
    for frames in (random_frames(rng), false_headers(rng), neighbours(rng)):
        assert len(set(frames)) > 500
    assert len({topic for topic, _ in bus_junk(rng)}) > 500
