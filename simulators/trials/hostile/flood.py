"""A flood of junk beside a real press: the press gets through as if there were none, and nothing grows."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.wire.envelope import CENTRE_ALGORITHM, read_key
from agent.wire.topics import Channel
from simulators.rig import HUB
from simulators.trials.accounts import settle
from simulators.trials.hostile.intruder import Intruder, forgeries
from simulators.trials.hostile.to_the_hub import besieged, counted
from simulators.trials.line.home import Home
from simulators.trials.trial import Figures, Round, Trial, Violation, percentile

PER_S = 2_000
FLOOD_S = 4.0
PRESSES = 6
EXTRA_MS = 500.0
"""How much later an alarm may reach the centre for a flood beside it, on a machine that has other work too."""

RECEIPT_EXTRA_MS = 8_000.0
"""How much later its receipt may be believed: it stands in line behind the flood. After 10 s the home is told."""

COUNTERS_MAX = 40
GROWTH_KB_MAX = 8 * 1024
_TICK_S = 0.005


async def _flood(this: Round) -> Figures:
    """Press with a quiet line, then during a flood; the kind of junk is another in each round."""
    dice, figures = random.Random(this.seed), Figures()
    async with besieged(this, synced=False) as (it, intruder):
        quiet = [await _press(it, dice) for _ in range(PRESSES)]
        usual = Took(*(percentile(samples, 0.5) for samples in zip(*quiet, strict=True)))
        for each in quiet:
            figures.measure("press to centre without a flood, ms", each.centre_ms)
            figures.measure("press to receipt without a flood, ms", each.receipt_ms)
        junk, before = _junk(it, intruder, dice)[this.number % 4], await it.rig.status()
        connected, size_kb = it.line.accepted, _resident_kb(it.rig.hub.pid)
        intruder.deaf()
        flooding = asyncio.create_task(_pour(intruder, junk, figures))
        await asyncio.sleep(0.5)
        for _ in range(PRESSES):
            took = await _press(it, dice)
            extra_ms = max(0.0, took.centre_ms - usual.centre_ms)
            figures.measure("extra to the centre in a flood, ms", extra_ms, at_most=EXTRA_MS, rule="S5")
            extra_ms = max(0.0, took.receipt_ms - usual.receipt_ms)
            figures.measure("extra to the receipt in a flood, ms", extra_ms, at_most=RECEIPT_EXTRA_MS, rule="S5")
        await flooding
        await settle(it.rig, figures)
        after = await it.rig.status()
        refused = sum(after["counters"].values()) - sum(before["counters"].values())
        figures.count("hostile messages that the hub counted", refused)
        growth_kb = _resident_kb(it.rig.hub.pid) - size_kb
        figures.measure("memory grown by in a flood, KB", growth_kb, at_most=GROWTH_KB_MAX, rule="S12")
        if not refused or len(after["counters"]) > COUNTERS_MAX:
            raise Violation(f"S12: a flood must be counted under few names: {after['counters']}")
        if it.line.accepted != connected or counted(after, "main: connections lost"):
            raise Violation("S8: a flood of junk ended the hub's connection")
        if any(alarm["delivery"] != "received" for alarm in after["alarms"]):
            raise Violation("S8: a flood of junk changed an alarm")
    return figures


class Took(NamedTuple):
    """How long a press took: until the centre kept it, and until the hub believed that it did; in milliseconds."""

    centre_ms: float
    receipt_ms: float


async def _press(it: Home, dice: random.Random) -> Took:
    """Press, and wait for both."""
    await asyncio.sleep(dice.uniform(0, 0.3))
    loop = asyncio.get_running_loop()
    mark, pressed_at = len(it.rig.centre.timeline), loop.time()
    sensor = it.press()
    await it.rig.event("alarm.raised", after=mark)
    centre_ms = (loop.time() - pressed_at) * 1000
    return Took(centre_ms, (await it.received(sensor) - pressed_at) * 1000)


async def _pour(intruder: Intruder, junk: Callable[[], tuple[Channel, bytes]], figures: Figures) -> None:
    loop = asyncio.get_running_loop()
    began_at, sent = loop.time(), 0
    while (passed_s := loop.time() - began_at) < FLOOD_S:
        for _ in range(int(passed_s * PER_S) - sent):
            intruder.shout(*junk())
            sent += 1
        await asyncio.sleep(_TICK_S)
    figures.count("hostile messages poured out", sent)
    figures.measure("hostile messages a second", sent / (loop.time() - began_at))


def _junk(it: Home, intruder: Intruder, dice: random.Random) -> list[Callable[[], tuple[Channel, bytes]]]:
    """Give four kinds: noise, forged with care, receipts and commands of the centre's own played again, a mixture."""
    channels: tuple[Channel, ...] = ("receipt", "command")
    genuine = intruder.heard["receipt"][-1]
    payload = msgspec.json.encode({"aud": HUB, "iat": 0, "ref": "x", "kid": str(_kid(it.rig.keys.centre_public))})
    careful = list(forgeries(it.rig, payload, genuine).values())

    def noise() -> tuple[Channel, bytes]:
        return dice.choice(channels), dice.randbytes(dice.randint(0, 2_000))

    def forged() -> tuple[Channel, bytes]:
        return dice.choice(channels), dice.choice(careful)

    def replayed() -> tuple[Channel, bytes]:
        return "receipt", genuine

    def mixed() -> tuple[Channel, bytes]:
        return dice.choice((noise, forged, replayed))()

    return [forged, noise, replayed, mixed]


def _kid(path: Path) -> str:
    return read_key(path, CENTRE_ALGORITHM).thumbprint()


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


TRIALS: tuple[Trial, ...] = (
    Trial(
        "hostile-flood",
        "S5 S8 S12",
        "2,000 hostile messages a second beside a press do not hold it up, end no connection and fill no memory",
        20,
        _flood,
    ),
)
