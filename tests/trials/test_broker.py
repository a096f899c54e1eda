"""Brokers and centres that forget, one of each sort: `make soak` has them all."""

from pathlib import Path

import pytest

from simulators.trials import broker
from simulators.trials.trial import Round


@pytest.mark.slow
@pytest.mark.parametrize("mishap", ["broker replaced", "broker drops", "centre forgot"])
async def test_s2_s4_what_broker_or_centre_forget_arrives_once(mishap: str, tmp_path: Path) -> None:
    figures = await broker.play_mishap(Round(0, 1, tmp_path), mishap)
    assert figures.counted["alarms arrived"] >= 3
    assert figures.counted[f"mishaps: {mishap}"] == 1
