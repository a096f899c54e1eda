"""Every fault of supervision on the real hub, in a hurry: its time is put forward instead of waited for."""

from functools import partial
from pathlib import Path

import pytest

from simulators.trials.supervision.bounds import BOUNDS
from simulators.trials.supervision.faults import every_fault
from simulators.trials.trial import Trial, play_rounds
from tests.support.house import ROOT


@pytest.mark.slow
async def test_s7_every_fault_is_raised_and_cleared_within_its_stated_time_on_real_drivers(tmp_path: Path) -> None:
    figures = await play_rounds(Trial("s", "S7", "", 1, partial(every_fault, hurry=True)), [0], tmp_path)
    assert figures.counted["faults raised and cleared"] >= len(BOUNDS) - 1, "all but a full card, which needs root"


def test_every_fault_with_a_bound_is_one_that_installers_are_told_of() -> None:
    page = (ROOT / "docs" / "hub-toml.md").read_text()
    assert {name.partition(":")[0] for name in BOUNDS if f"`{name.partition(':')[0]}`" not in page} == set()
