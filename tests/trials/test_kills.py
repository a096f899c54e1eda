"""The kills, a little of each: `make soak` makes hundreds."""

from pathlib import Path

import pytest

from simulators.crashing import MOMENTS
from simulators.trials.kills import at_commits as kills_at_commits
from simulators.trials.kills import at_random as kills
from simulators.trials.kills import sounding as kills_sounding
from simulators.trials.kills.at_commits import name_of, play_to, script
from simulators.trials.trial import Figures, Round, Violation, play_rounds


@pytest.mark.slow
async def test_s1_s4_killed_at_random_moments_no_alarm_is_lost_and_none_doubled(tmp_path: Path) -> None:
    (trial,) = kills.TRIALS
    figures = await play_rounds(trial, [0], tmp_path)
    assert figures.counted["kills"] == kills.KILLS
    assert figures.counted["alarms arrived"] >= figures.counted["alarms whose call had begun"] > 0


@pytest.mark.slow
async def test_s3_s6_killed_while_an_alarm_waits_it_sounds_on_and_is_offered_at_once(tmp_path: Path) -> None:
    figures = await play_rounds(kills_sounding.TRIALS[0], [0], tmp_path)
    assert len(figures.measured["from armed to sounding again, ms"]) == figures.counted["kills"] == 3
    assert len(figures.measured["from online to the waiting alarm, ms"]) == 1


@pytest.mark.slow
async def test_s1_s2_s4_killed_around_commits_no_alarm_is_lost_and_none_doubled(tmp_path: Path) -> None:
    (tmp_path / "counted").mkdir()
    alone = await _syncs(tmp_path / "counted")
    started, pressed, cut = alone["starting"], alone["pressing"], alone["a battery is low"]
    boundaries = [(1, "after"), (alone["the end"], "before"), (cut + 2, "unwritten")]  # the last: without a line
    boundaries += [(started + 1, when) for when in MOMENTS]  # the press
    assert started < pressed < cut < alone["the end"]
    together = Figures()
    for number, (at, when) in enumerate(boundaries):
        folder = tmp_path / f"{at}-{when}"
        folder.mkdir()
        together.add(await play_to(Round(number, 0, folder), at, when))
    # The last sync of a run may be one more or less: receipts share a commit, or do not.
    assert together.counted["kills"] >= len(boundaries) - 1


async def _syncs(folder: Path) -> dict[str, int]:
    """Play the script to its end, and count the syncs up to the end of each step."""
    counted: dict[str, int] = {}
    async with script(Round(0, 0, folder), 0, "before") as playing:
        for step in playing.steps:
            await playing.play(step)
            counted.setdefault(name_of(step), int((folder / "syncs").read_text()))
        counted["the end"] = int((folder / "syncs").read_text())
    assert counted["the end"] < kills_at_commits.BOUNDARIES
    return counted


def test_a_press_lost_long_before_the_kill_is_a_violation() -> None:
    lives = [kills.Life(1.0, 5.0), kills.Life(None, 7.0), kills.Life(8.0, float("inf"))]
    figures = Figures()
    kills.count_lost(4.99, lives, figures)
    kills.count_lost(6.0, lives, figures)
    assert figures.counted == {"presses lost in the hub's hands": 1, "presses while no hub listened": 1}
    with pytest.raises(Violation, match=r"^S1: from a lost press to the kill"):
        kills.count_lost(2.0, lives, figures)
    with pytest.raises(Violation, match=r"^S1: a press was lost that nothing had killed"):
        kills.count_lost(9.0, lives, figures)
