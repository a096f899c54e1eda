"""The second line between network namespaces, one round for each way of cutting the first; the soak makes many more."""

import asyncio
from pathlib import Path

import pytest

from simulators.trials.second_line.cuts import RECEIPTED_S, TRIALS
from simulators.trials.trial import Figures, NotHereError, play_rounds

QUICK = (0, 1, 2)
"""A silent drop, an interface switched off, a cable pulled."""


@pytest.mark.slow
async def test_s3_s7_a_press_is_receipted_over_the_standby_however_the_main_line_fails(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    (cut,) = (trial for trial in TRIALS if trial.name == "second-line")
    folders: list[Path] = [tmp_path_factory.mktemp("second") for _ in QUICK]  # sockets have short names
    rounds = (play_rounds(cut, [number], folder) for number, folder in zip(QUICK, folders, strict=True))
    figures = Figures()
    try:
        for each in await asyncio.gather(*rounds):
            figures.add(each)
    except NotHereError as error:
        pytest.skip(str(error))
    assert figures.counted["alarms receipted over the standby"] == len(QUICK)
    assert figures.counted["standbys tested, and closed again"] == len(QUICK)
    assert max(figures.measured["receipted though the main line was cut, s"]) <= RECEIPTED_S
