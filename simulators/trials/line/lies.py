"""The line lies, is slow, or comes and goes; the centre is dead behind a live broker: the alarm gets through."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from simulators.rig import HUB
from simulators.trials.accounts import settle
from simulators.trials.line.home import NOTICED_S, WATCHING_S, Home, attempts_max, home
from simulators.trials.trial import Figures, Round, Trial, Violation

RESENT_S = 30.0
"""The longest between two sendings of an alarm that has no receipt (S3)."""

SILENCE_NOTICED_S = 600.0
"""How soon a centre that receives nothing is noticed without an alarm (DESIGN §4)."""

_OUTAGE_S = 25.0
_SILENCE_S = 25.0
_POOR_S = 12.0
_HALF = 0.5

Way = Literal["both", "up", "down"]
_WAYS: tuple[Way, ...] = ("both", "up", "down")
_WAYS_BACK: tuple[Way, ...] = ("both", "down")

# --- half open -----------------------------------------------------------------------------------


async def _half_open(this: Round) -> Figures:
    """Break the line around a press: which way, when, for how long and how it comes back is by chance."""
    dice, figures = random.Random(this.seed), Figures()
    async with home(this.folder) as it:
        await _lie_around_a_press(it, dice, figures, moment=("before", "with", "after the PUBACK")[this.number % 3])
        await settle(it.rig, figures)
    return figures


async def _lie_around_a_press(it: Home, dice: random.Random, figures: Figures, *, moment: str) -> None:
    clock = asyncio.get_running_loop().time
    sensor, pressed_at = await _press_as_it_breaks(it, dice, moment)
    match dice.choice(("swallowed", "refused", "unanswered")):  # what becomes of new connections meanwhile
        case "refused":
            it.line.refuse()
        case "unanswered":
            await it.line.clog()
    outage_s = dice.choice((0.0, dice.uniform(0, 5), dice.uniform(0, _OUTAGE_S)))
    stranded = dice.random() < _HALF
    if moment == "after the PUBACK" and dice.random() < _HALF:
        outage_s, stranded = (
            0.0,
            True,
        )  # the worst: the line is good again, and only a resend can find out that it was not
    noticing = asyncio.create_task(it.noticed(sensor))
    await asyncio.sleep(outage_s)
    back_at = clock()
    if stranded:
        it.line.strand()  # nobody tells the hub that its connection is no more
    else:
        it.line.forward()
    await it.receipted(sensor, back_at, figures)
    noticed_at = await noticing
    figures.count("half-open lines with an alarm waiting")
    if noticed_at is not None:
        most = NOTICED_S + WATCHING_S
        figures.measure("a lying line noticed, s", noticed_at - pressed_at, at_most=most, rule="S7")


async def _press_as_it_breaks(it: Home, dice: random.Random, moment: str) -> tuple[str, float]:
    """Press before the line breaks, after it, or between PUBACK and receipt; give the sensor and when it was."""
    clock = asyncio.get_running_loop().time
    way: Way = dice.choice(_WAYS)
    if moment == "before":
        it.line.swallow(way)
        await asyncio.sleep(dice.uniform(0, 3))
        return it.press(), clock()
    it.rig.centre.faults.late = 0.2 if moment == "after the PUBACK" else 0
    pressed_at = clock()
    sensor = it.press()
    if moment == "after the PUBACK":
        await it.rig.event("alarm.raised")
        await asyncio.sleep(0.05)  # the broker sent its PUBACK when it sent the alarm on
    else:
        await asyncio.sleep(dice.uniform(0, 0.02))
    it.line.swallow(way if moment == "with" else dice.choice(_WAYS_BACK))
    it.rig.centre.faults.late = 0
    return sensor, pressed_at


# --- a centre that is dead behind a live broker ------------------------------------------------------


async def _silent_centre(this: Round) -> Figures:
    """Silence the centre around a press; every second time by ending it, and another takes over its ledger."""
    dice, figures = random.Random(this.seed), Figures()
    die, ledger = this.number % 2 == 1, str(this.folder / "centre.db")

    async def keep(it: Home) -> None:
        """Have a centre whose ledger another can take over."""
        await it.rig.centre.stop()
        it.rig.centre = it.rig.make_centre(ledger)
        await it.rig.centre.start()

    async with home(this.folder, begin=keep) as it:
        nonce, accepted = it.nonce(), it.line.accepted
        clock = asyncio.get_running_loop().time
        if die:
            await it.rig.centre.stop()
        else:
            it.rig.centre.faults.silent = True
        await asyncio.sleep(dice.uniform(0, 2))
        pressed_at, sensor = clock(), it.press()
        noticed_at = await it.noticed(sensor)
        if noticed_at is None:
            raise Violation("S2: an alarm counts as received while no centre hears")
        figures.measure("a dead centre noticed, s", noticed_at - pressed_at, at_most=NOTICED_S + WATCHING_S, rule="S7")
        faults = {fault["fault"] for fault in (await it.rig.status())["faults"]}
        if "centre" not in faults or "link" in faults:
            raise Violation(f"S7: a dead centre behind a live broker is reported as {sorted(faults)}")
        await asyncio.sleep(dice.uniform(0, _SILENCE_S))
        back_at = clock()
        if die:
            await keep(it)
        else:
            it.rig.centre.faults.silent = False
        took_s = await it.received(sensor) - back_at
        figures.measure("received by a centre that is back, s", took_s, at_most=RESENT_S + WATCHING_S, rule="S3")
        await it.rig.until_status(lambda status: "centre" not in {each["fault"] for each in status["faults"]})
        _same_connection(it, nonce, accepted, figures)
        await settle(it.rig, figures)
    return figures


def _same_connection(it: Home, nonce: str, accepted: int, figures: Figures) -> None:
    if (it.nonce(), it.line.accepted) != (nonce, accepted):
        raise Violation("S7: the link was torn down for a centre that is silent")
    figures.count("silences of the centre, on one and the same connection")


async def _silent_centre_at_rest(this: Round) -> Figures:
    """Silence the centre in a home where nothing happens, for as long as it takes to be noticed."""
    dice, figures = random.Random(this.seed), Figures()
    async with home(this.folder) as it:
        await it.rig.settled()
        await asyncio.sleep(dice.uniform(0, 30))
        nonce, accepted = it.nonce(), it.line.accepted
        it.rig.centre.faults.silent = True
        silent_at = asyncio.get_running_loop().time()
        try:
            await it.rig.until_status(
                lambda status: "centre" in {each["fault"] for each in status["faults"]}, SILENCE_NOTICED_S
            )
        except TimeoutError:
            raise Violation(f"S7: a centre that receives nothing was not noticed in {SILENCE_NOTICED_S:g} s") from None
        figures.measure("a dead centre noticed at rest, s", asyncio.get_running_loop().time() - silent_at)
        it.rig.centre.faults.silent = False
        _same_connection(it, nonce, accepted, figures)
        sensor = it.press()
        await it.received(sensor)
        await settle(it.rig, figures)
    return figures


# --- a poor line -----------------------------------------------------------------------------------


async def _drips(it: Home, dice: random.Random, seconds: float) -> None:
    it.line.drip(dice.choice((1, 10, 100, 1_000)))
    await asyncio.sleep(seconds)


async def _is_slow(it: Home, dice: random.Random, seconds: float) -> None:
    it.line.delay(dice.choice((500, 2_000, 3_000)))
    await asyncio.sleep(seconds)


async def _flaps(it: Home, dice: random.Random, seconds: float) -> None:
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        it.line.cut()
        await asyncio.sleep(dice.uniform(0.2, 0.8))
        it.line.forward()
        await asyncio.sleep(dice.uniform(0.1, 0.8))


async def _tears(it: Home, dice: random.Random, seconds: float) -> None:
    until = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < until:
        it.line.drop_after(dice.randint(1, 8_000), dice.choice(("up", "down")))
        await asyncio.sleep(dice.uniform(0.2, 1))


_POOR: tuple[Callable[[Home, random.Random, float], Coroutine[Any, Any, None]], ...] = (
    _flaps,
    _drips,
    _tears,
    _is_slow,
)


async def _poor_line(this: Round) -> Figures:
    """Make the line poor for a while, with presses in it, receipts that come twice and in no order; then steady."""
    dice, figures = random.Random(this.seed), Figures()
    async with home(this.folder) as it:
        faults = it.rig.centre.faults
        faults.duplicate, faults.reorder = dice.random() < _HALF, dice.random() < _HALF
        clock = asyncio.get_running_loop().time
        accepted, began_at = it.line.accepted, clock()
        poor = asyncio.create_task(_POOR[this.number % len(_POOR)](it, dice, _POOR_S))
        await asyncio.sleep(dice.uniform(0, 2))
        sensors = [it.press()]
        await asyncio.sleep(dice.uniform(0, _POOR_S / 2))
        sensors.append(it.press())
        await poor
        tried, most = it.line.accepted - accepted, attempts_max(clock() - began_at)
        figures.measure("connections tried in 10 s on a poor line", tried * 10 / (clock() - began_at))
        if tried > most:
            raise Violation(f"S12: {tried} connections were tried in {clock() - began_at:.0f} s, at most {most} may be")
        it.line.forward()
        back_at = clock()
        for sensor in sensors:
            await it.receipted(sensor, back_at, figures)
        await settle(it.rig, figures)
        if it.rig.centre.home(HUB).nonce and not it.rig.centre.home(HUB).online:
            raise Violation("S7: the hub is here and the centre believes that it is not")
    return figures


TRIALS: tuple[Trial, ...] = (
    Trial(
        "half-open",
        "S3 S4 S7",
        "A line that lies is noticed 10 s after a press, and the alarm receipted 15 s after it carries again",
        60,
        _half_open,
    ),
    Trial(
        "silent-centre",
        "S2 S3 S7",
        "A dead centre behind a live broker is noticed 10 s after a press, and the link is not torn down for it",
        20,
        _silent_centre,
    ),
    Trial(
        "silent-centre-at-rest",
        "S7",
        "A dead centre behind a live broker is noticed in 10 min where nothing happens",
        1,
        _silent_centre_at_rest,
    ),
    Trial(
        "poor-line",
        "S3 S4 S12",
        "On a slow, torn or flapping line attempts are bounded, and alarms are receipted 15 s after it is steady",
        40,
        _poor_line,
    ),
)
