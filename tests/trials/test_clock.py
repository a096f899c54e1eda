"""The clock's trials, a round of each: they wait most of the time, so they are made side by side."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from rules.reports import Clock
from rules.values import utc
from simulators.trials.clock import clocks as clock
from simulators.trials.clock.home import home
from simulators.trials.trial import Figures, NotHereError, Round, Trial, Violation, play_rounds

ROUNDS = (
    (partial(clock.steps, ladder=False), 0),
    (partial(clock.unset, patient=False), 0),
    (partial(clock.reboot, ladder=False), 1),
    (partial(clock.stopped, ladder=False), 1),
)


@pytest.mark.slow
async def test_s6_s3_s4_no_clock_moves_a_deadline_or_keeps_an_alarm_at_home(tmp_path: Path) -> None:
    """Stepped by a day; not set at boot; another boot; a process that stood still: `simulators.trials.clock`."""

    async def played(number: int) -> Figures:
        play, round_number = ROUNDS[number]
        trial = Trial(f"t{number}", "S6", "", 1, play)  # a short name: sockets lie below it
        return await play_rounds(trial, [round_number], tmp_path)

    try:
        figures = await asyncio.gather(*map(played, range(len(ROUNDS))))
    except NotHereError as lacking:
        pytest.skip(str(lacking))
    assert [each.counted["alarms arrived"] for each in figures] == [2, 2, 2, 2]
    assert figures[0].counted["steps of the wall clock"] == 2


async def test_an_event_that_claims_another_clock_is_a_violation(tmp_path: Path) -> None:
    """The trials' own judge can say no."""
    try:
        async with home(Round(0, 1, tmp_path)) as at:
            wall = at.rig.centre.timeline.entries()[0].wall_ms
            right = Clock(boot="b00700000001", monotonic_ms=1, wall=utc(wall), synced=True)
            at.check(right, trusted=True)
            wrong = (right.boot, False, wall), ("b00700000009", True, wall), (right.boot, True, wall + 86_400_000)
            for boot, synced, wall_ms in wrong:
                with pytest.raises(Violation, match="S6"):
                    at.check(Clock(boot=boot, monotonic_ms=1, wall=utc(wall_ms), synced=synced), trusted=True)
    except NotHereError as lacking:
        pytest.skip(str(lacking))
