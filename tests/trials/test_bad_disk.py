"""S1, S3, S7: whatever the disk does, the hub helps, says so, and recovers by itself."""

from pathlib import Path

import pytest

from simulators.trials.bad_disk.ills import ILLS, TRIALS
from simulators.trials.trial import NotHereError, play_rounds

(TRIAL,) = TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("number", range(7), ids=[name for name, _, _ in ILLS[:7]])
async def test_s1_s3_s7_a_bad_disk_stops_no_alarm(tmp_path: Path, number: int) -> None:
    try:
        figures = await play_rounds(TRIAL, [number], tmp_path)
    except NotHereError as error:
        pytest.skip(f"not tried here: {error}")
    assert figures.counted["alarms arrived"] >= 3
    assert figures.measured["press to call on a bad disk, ms"]
