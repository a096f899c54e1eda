"""A peer that packs many packets into one TLS record, or spreads one over many: nothing sticks, nothing is lost."""

import asyncio
import random

from simulators.rig import HUB, x10
from simulators.trials.accounts import settle
from simulators.trials.line.home import PENDANTS, Home, home
from simulators.trials.trial import Figures, Round, Trial, Violation

EVENTS = 500
BURSTS = 4
BURST = 5
PRESSES = BURSTS * BURST
BURST_S = 2.0
"""How long five presses at once may take: each way waits up to 0.15 s, and a backlog may go with the first."""

PACKED_MIN = 4
"""The trial is void if no record held at least so many packets."""

_LOW, _FINE = 0x16, 0x00
_DRAIN_S = 60.0
_PACK_S = 0.15


async def _packed(this: Round) -> Figures:
    """Let a backlog through a front that packs or splits, with presses while it drains and after."""
    dice, figures = random.Random(this.seed), Figures()
    async with home(this.folder, fronted=True) as it:
        assert it.front is not None  # noqa: S101 -- for the type checker: it was asked for
        it.line.cut()
        await _backlog(it)
        it.front.split = this.number % 2 == 1
        it.front.pack_s = dice.uniform(0.02, _PACK_S)
        it.line.forward()
        await it.rig.online(after=len(it.rig.centre.timeline))
        lost, began_at = await it.lost(), asyncio.get_running_loop().time()
        await _burst(it, figures)
        await _until_empty(it)
        figures.measure("500 events, packed or split, s", asyncio.get_running_loop().time() - began_at)
        for _ in range(BURSTS - 1):
            await asyncio.sleep(dice.uniform(0, 0.5))
            await _burst(it, figures)
        if await it.lost() != lost:
            raise Violation("S3: a connection was given up though its peer only packs")
        if not it.front.split and max(it.front.packed) < PACKED_MIN:
            raise RuntimeError(f"nothing was packed: at most {max(it.front.packed)} packets in a record")
        figures.count("events through packed or split records", len(_events(it)))
        figures.measure("packets in the fullest record of a round", max(it.front.packed))
        await settle(it.rig, figures)
    return figures


async def _burst(it: Home, figures: Figures) -> None:
    """Press at several places at once: what sticks in a record would stay there until something else is said."""
    pressed_at = asyncio.get_running_loop().time()
    sensors = [it.press() for _ in range(BURST)]
    took_s = [await it.received(sensor, _DRAIN_S) - pressed_at for sensor in sensors]
    figures.measure("five presses through packed records, s", max(took_s), at_most=BURST_S, rule="S3")


async def _backlog(it: Home) -> None:
    """Have the hub report 500 faults, raised and cleared in turn, with no line to send them by."""
    already = (await it.rig.status())["outbox"].get("a", 0)
    for number in range(EVENTS):
        it.adapter.say(x10(number % PENDANTS, _LOW if number // PENDANTS % 2 == 0 else _FINE))
        await asyncio.sleep(0.002)
    await it.rig.until_status(lambda status: status["outbox"].get("a", 0) >= already + EVENTS)


async def _until_empty(it: Home) -> None:
    try:
        await it.rig.until_status(lambda status: status["outbox"] == {"a": 0, "t": 0}, _DRAIN_S)
    except TimeoutError:
        outbox = (await it.rig.status())["outbox"]
        raise Violation(f"S3: events stick behind a peer that packs: {outbox} after {_DRAIN_S:g} s") from None


def _events(it: Home) -> list[str]:
    entries = it.rig.centre.timeline.entries()
    return [each.ref for each in entries if each.hub == HUB and each.channel == "event" and each.verdict == "accepted"]


TRIALS: tuple[Trial, ...] = (
    Trial(
        "packed-records",
        "S2 S3",
        "With a peer that packs packets into one TLS record, or splits them, every event is receipted, nothing sticks",
        20,
        _packed,
    ),
)
