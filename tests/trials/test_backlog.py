"""A backlog, smaller than the soak's: whole, once, overtaken by a live alarm, and no burden at the start."""

from pathlib import Path

import pytest

from simulators.trials import backlog
from simulators.trials.trial import Round

EVENTS = 2_000


@pytest.mark.slow
async def test_s3_s5_a_backlog_arrives_whole_over_a_killed_hub_and_a_live_alarm_overtakes_it(tmp_path: Path) -> None:
    figures = await backlog.play(Round(0, 1, tmp_path), EVENTS)
    assert figures.counted["backlog events"] >= EVENTS
    assert figures.counted["kills in the middle of a drain"] == 1
    assert len(figures.measured["from a press during the drain to the ledger, ms"]) == 2
