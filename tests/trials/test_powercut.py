"""S1 under power cuts: at every boundary of a commit, with none, all and some of what was unsynced; and the control."""

import logging
import random
from pathlib import Path

import pytest

from simulators.disk import available
from simulators.trials.powercut.day import outage, scripted_day
from simulators.trials.powercut.mending import mending
from simulators.trials.powercut.trial import control, day, openings
from simulators.trials.trial import Figures


@pytest.fixture(autouse=True)
def _disk() -> None:
    if not available():
        pytest.skip("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")


def test_s1_a_power_cut_at_any_boundary_of_a_day_loses_nothing_promised(tmp_path: Path) -> None:
    counted = day(tmp_path, 1, scripted_day, subsets=2).counted
    assert counted["commits"] >= 60
    assert counted["boundaries"] >= 2 * counted["commits"]  # before the sync of each, and after it returned
    assert counted["images"] > 4 * counted["commits"]
    # Whole or not at all, and both were seen: else the cuts came at no interesting moment.
    assert 0 < counted["images with the batch under way, whole"] < counted["images"]


def test_s1_the_same_days_without_full_syncs_do_lose_what_was_promised(tmp_path: Path) -> None:
    normal = control(tmp_path / "normal", 1, "NORMAL", subsets=1)
    name = "control images with synchronous=NORMAL"
    assert normal.counted[f"{name} that lost what was promised"] > normal.counted[name] / 4
    assert normal.counted[f"{name} found corrupt"] < normal.counted[name] / 10  # some, as their log lost a commit


def test_s1_without_any_sync_the_store_itself_is_damaged(tmp_path: Path) -> None:
    off = control(tmp_path / "off", 1, "OFF", subsets=1)
    assert off.counted["control images with synchronous=OFF found corrupt"] > 0


def test_s1_a_power_cut_while_space_is_given_back_loses_nothing(tmp_path: Path) -> None:
    counted = day(tmp_path, 1, outage, subsets=0).counted
    assert counted["images"] > 2 * counted["boundaries"] - counted["commits"]


def test_s7_a_power_cut_while_a_store_is_opened_or_put_aside_leaves_one_that_opens(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    counted = openings(tmp_path, 1, subsets=2).counted
    assert counted["boundaries while opening"] > 60
    assert counted["images while opening"] > 200


async def test_s3_a_power_cut_while_a_damaged_store_is_mended_leaves_what_waits_in_one_of_the_two(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    figures = Figures()
    await mending(tmp_path, random.Random(1), figures, subsets=1)
    assert figures.counted["boundaries while mending"] > 12
    assert figures.counted["images while mending"] > 40
