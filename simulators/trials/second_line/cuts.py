"""The main line is cut, or lies, around a press: the standby brings the receipt. And a hub that vanishes is missed."""

import asyncio
import random
from collections.abc import Callable

from simulators.rig import HUB
from simulators.trials.accounts import settle
from simulators.trials.second_line.home import STANDBY, Home, home
from simulators.trials.second_line.space import MAIN, SPARE, Space
from simulators.trials.trial import Figures, Round, Trial, Violation

RECEIPTED_S = 15.0
"""How soon an alarm has its receipt, whatever the main line does: 5 s until it is found to lie, 6 s to connect."""

EXTRA_S = 3.0
"""How long a receipt may take over a line that is up, on a busy machine: to wait for the other line would cost 5 s."""

GONE_S = 75.0
"""How soon the centre must know that a hub has gone silent (DESIGN §5)."""

BACK_S = 45.0
"""How soon the main line is back once it carries again: the longest pause between attempts, and one attempt."""

Cut = Callable[[Space, str], None]
_CUTS: tuple[Cut, ...] = (Space.drop, Space.down, Space.unplug)


async def _cut(this: Round) -> Figures:
    """Test the standby, cut the main line, press at once or later, press again over the standby, and mend it."""
    dice, figures = random.Random(this.seed), Figures()
    cut = _CUTS[this.number % len(_CUTS)]
    # Unbound, a hub whose interface is switched off goes out by the other one, as any program would.
    async with home(this.folder, bound=cut is Space.down) as it:
        async with it.never_gone():
            await it.tested()
            figures.count("standbys tested, and closed again")
            await _press(it, figures, "receipted over the main line, s")
            cut(it.space, MAIN)
            await asyncio.sleep((0.0, 0.0, dice.uniform(0, 3), dice.uniform(20, 28))[this.number // len(_CUTS) % 4])
            await _press_without_the_main_line(it, figures)
            await _press(it, figures, "receipted over the standby alone, s")
            it.space.mend(MAIN)
            mended_s = it.clock()
            back_s = await it.line("main", up=True, timeout_s=BACK_S + 5)
            figures.measure("the main line back after it was mended, s", back_s - mended_s, at_most=BACK_S, rule="S3")
            await _press(it, figures, "receipted with both lines up, s")
            lost = (await it.rig.status())["counters"].get(f"{STANDBY}: connections lost or not made", 0)
            if lost:
                raise Violation(
                    f"S3: the standby was lost {lost} times beside the main line: does that take its place?"
                )
            it.space.drop(SPARE)  # the other way round: now it is the standby that lies
            await _press(it, figures, "receipted over the main line beside a lying standby, s")
            it.space.mend(SPARE)
        await settle(it.rig, figures)
    return figures


async def _press(it: Home, figures: Figures, what: str) -> None:
    pressed_s = it.clock()
    figures.measure(what, await it.received(it.press()) - pressed_s, at_most=EXTRA_S, rule="S5")


async def _press_without_the_main_line(it: Home, figures: Figures) -> None:
    pressed_s = it.clock()
    took_s = await it.received(it.press()) - pressed_s
    figures.measure("receipted though the main line was cut, s", took_s, at_most=RECEIPTED_S, rule="S3")
    links = {each["name"]: each["up"] for each in (await it.rig.status())["links"]}
    if not links[STANDBY]:
        raise Violation(f"S3: it was receipted, and not over the standby: {links}")
    figures.count("alarms receipted over the standby")


async def _gone(this: Round) -> Figures:
    """Close the standby by plan, or have the main line die beside it, and let the hub vanish: it must be missed."""
    dice, figures = random.Random(this.seed), Figures()
    async with home(this.folder, bound=True) as it:
        async with it.never_gone():
            await it.tested()
            if this.number % 2:
                await _outlive_the_main_line(it)
            await asyncio.sleep(dice.uniform(0, 5))
        vanish = (_silently, _killed)[this.number // 2 % 2]
        await vanish(it)
        gone_s, timeline = it.clock(), it.rig.centre.timeline
        async with asyncio.timeout(GONE_S * 2):
            while it.rig.centre.home(HUB).online:
                await timeline.wait_for(lambda _: True, after=len(timeline), timeout_s=GONE_S * 2)
        took_s = it.clock() - gone_s
        figures.measure("the hub's silence noticed by the centre, s", took_s, at_most=GONE_S, rule="S7")
        figures.count("hubs that vanished")
    return figures


async def _outlive_the_main_line(it: Home) -> None:
    """Have the main line die, so that the standby is opened and the main line's will is spoken."""
    mark = len(it.rig.centre.timeline)
    it.space.drop(MAIN)
    await it.received(it.press())
    await it.rig.centre.timeline.wait_for(lambda each: each.type == "offline", after=mark, timeout_s=GONE_S)


async def _silently(it: Home) -> None:
    it.space.drop(MAIN)
    it.space.drop(SPARE)


async def _killed(it: Home) -> None:
    await it.rig.hub.kill()


TRIALS: tuple[Trial, ...] = (
    Trial(
        "second-line",
        "S3 S4 S5 S7 S8",
        "With the main line cut or lying, a press is receipted over the standby in 15 s; the hub never looks gone",
        30,
        _cut,
    ),
    Trial(
        "second-line-gone",
        "S7",
        "A hub whose standby was closed, or is open, is missed by the centre in 75 s once it vanishes",
        8,
        _gone,
    ),
)
