"""The power-cut trial: at every boundary of every commit of a day, and of opening a store, whatever was unsynced."""

import logging
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from simulators.disk import available
from simulators.trials.powercut.account import DAMAGED, LOST, Examiner
from simulators.trials.powercut.day import outage, random_day, scripted_day
from simulators.trials.powercut.home import Household
from simulators.trials.powercut.mending import mending
from simulators.trials.powercut.opening import CASES, opening
from simulators.trials.trial import Figures, NotHereError, Round, Trial, Violation

EVENTS = 150
"""What happens in a day made by dice."""


def day(
    folder: Path,
    seed: int,
    live: Callable[[Household], None],
    *,
    subsets: int,
    synchronous: str = "FULL",
) -> Figures:
    """Live through a day, cutting the power at every boundary: none, all and some random subsets of what is unsynced.

    With another `synchronous` than FULL what is lost is counted. Raises Violation, and NotHereError.
    """
    if not available():
        raise NotHereError("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")
    figures = Figures()
    lenient = synchronous != "FULL"
    examiner = Examiner(folder / "images", random.Random(seed), figures, subsets=subsets, lenient=lenient)
    home = Household(folder / "disks", examiner, random.Random(seed), synchronous)
    try:
        live(home)
    finally:
        home.close()
    figures.count("commits", home.commits)
    return figures


def control(folder: Path, seed: int, synchronous: str, *, subsets: int) -> Figures:
    """Live through the scripted day as SQLite would have it without our saying. Raises Violation when it loses nothing.

    A trial that such a disk setting passes would prove nothing.
    """
    found = day(folder, seed, scripted_day, subsets=subsets, synchronous=synchronous).counted
    figures = Figures()
    figures.count(f"control images with synchronous={synchronous}", found["images"])
    figures.count(f"control images with synchronous={synchronous} that lost what was promised", found[LOST])
    figures.count(f"control images with synchronous={synchronous} found corrupt", found[DAMAGED])
    if not found[LOST]:
        raise Violation(f"S1: synchronous={synchronous} lost nothing in {found['images']} images: the trial is blind")
    return figures


def openings(folder: Path, seed: int, *, subsets: int) -> Figures:
    """Cut the power while a store is opened, in every state that it may be found in. Raises Violation."""
    figures = Figures()
    for case in CASES:
        opening(case, folder, random.Random(seed), figures, subsets)
    return figures


async def play(this: Round) -> Figures:
    """Play a round: the scripted day, one by dice, a long outage, openings, mending, and the control."""
    folder, seed = this.folder, this.seed
    logging.getLogger("agent.store").setLevel(logging.CRITICAL + 1)  # it would tell of every damaged image
    figures = day(folder / "scripted", seed, scripted_day, subsets=6)
    dice = random.Random(seed)
    figures.add(day(folder / "random", seed, partial(random_day, dice=dice, events=EVENTS), subsets=3))
    figures.add(day(folder / "outage", seed, outage, subsets=1))
    figures.add(openings(folder / "openings", seed, subsets=12))
    await mending(folder / "mending", dice, figures, subsets=12)
    figures.add(control(folder / "control", seed, "NORMAL", subsets=1))
    return figures


TRIALS = (
    Trial(
        name="power-cut",
        rules="S1 S3 S7",
        promise="After a power cut, whatever it left of unsynced writes, every batch whose commit returned is whole, "
        "the one under way is whole or absent, every promised alarm is offered again, and no id is used twice",
        rounds=20,
        play=play,
    ),
)
