"""The world as a trial: a round is five days of a household in which everything fails, from one seed."""

import asyncio

from simulators.trials.trial import Figures, Round, Trial, Violation
from simulators.world.command import one_world
from simulators.world.story import summary

DAYS = 5

COUNTED = (
    "stimuli told to the centre",
    "calls heard in time",
    "kills",
    "power cuts",
    "steps of ladders judged",
    "plans applied",
    "plans refused",
    "contacts asked for help",
    "replies of contacts",
    "alarms taken by a contact's code",
    "offers of alarms",
    "faults looked for",
    "ends of faults looked for",
    "messages that proved nothing",
    "alarms by watching",
    "alarms that only the second line could carry",
    "announced tests that came",
    "tests that nobody acknowledged",
    "triggers of the restless, told as a number",
    "stimuli that died with a process before they were durable",
    "numbers named by a gap",
    "events replayed",
)


async def _days(this: Round) -> Figures:
    played = await asyncio.to_thread(one_world, this.seed, DAYS)  # a world has a loop of its own
    if played.broken is not None:
        raise Violation(f"{summary(played.broken)} [hearthline sim --seed {this.seed} --days {DAYS}]")
    figures = Figures()
    figures.count("household-days", DAYS)
    for what in COUNTED:
        figures.count(what, played.counted[what])
    return figures


TRIALS = (
    Trial(
        "world",
        "S1 S2 S3 S4 S5 S6 S7 S8 S9 S12",
        "Seeded days of a household with every fault at once: every promise holds after every step",
        200,
        _days,
    ),
)
