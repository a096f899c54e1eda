"""Renewal under a stream of alarms, a little of it: `make soak` renews more often, and waits until all has expired."""

from pathlib import Path

import pytest

from simulators.trials.renewal.renewals import stream
from simulators.trials.trial import Round


@pytest.mark.slow
async def test_s1_s4_s10_a_renewal_under_a_stream_of_alarms_loses_none_and_doubles_none(tmp_path: Path) -> None:
    figures = await stream(Round(0, 1, tmp_path), renewals=1, presses=12)
    assert figures.counted["certificates renewed"] == 1
    assert figures.counted["alarms arrived"] == figures.counted["alarms whose call had begun"] == 12
    assert len(figures.measured["deaf for a restart, s"]) == 1
