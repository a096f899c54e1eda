"""Cut broadband, then everything: a few rounds of what `make soak` does twenty of."""

from pathlib import Path

import pytest

from simulators.trials import cut_off
from simulators.trials.trial import play_rounds

BROADBAND, EVERYTHING = cut_off.TRIALS


@pytest.mark.slow
async def test_s3_with_broadband_cut_the_second_line_carries_the_alarm(tmp_path: Path) -> None:
    figures = await play_rounds(BROADBAND, [0], tmp_path)
    assert figures.counted["alarms arrived"] == 1


@pytest.mark.slow
async def test_s3_s4_with_every_line_cut_the_first_contact_is_texted_and_answers(tmp_path: Path) -> None:
    figures = await play_rounds(EVERYTHING, [0], tmp_path)
    assert figures.counted["homes that texted, every line cut: none"] == 1
