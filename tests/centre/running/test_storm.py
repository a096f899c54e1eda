"""A storm in small: twenty hubs, the real broker, two workers and the console as processes, one of them killed."""

from pathlib import Path

import pytest

from simulators.trials.storm.storm import Weather, blow
from simulators.trials.trial import Round

SMALL = Weather(hubs=20, alarms=40, span_s=3, desks=1, kills=("second worker",), away_s=0.5, on_postgresql=False)


@pytest.mark.slow
async def test_s2_s4_each_alarm_is_stored_once_and_in_one_case_while_a_worker_is_killed(tmp_path: Path) -> None:
    figures = await blow(Round(0, 7, tmp_path), SMALL)
    assert figures.counted["alarms"] == 40
    assert figures.counted["kills: second worker"] == 1
    assert figures.counted["alarms that this desk never saw, while parts were killed"] == 0
