"""A broker in hostile hands: what it keeps back is noticed and goes another way; what it makes up changes nothing."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from agent.uplink.window import PUBACK_MS
from agent.wire.topics import Channel
from rules.triggers import RECEIPT_MS
from simulators import hostile_broker as hand
from simulators.hostile_broker import FROM_CENTRE, FROM_HUBS, Meddler
from simulators.trials.hostile.street import LEFT, PATIENCE_S, RIGHT, Home, Street, street
from simulators.trials.hostile.to_the_hub import at_rest
from simulators.trials.trial import Figures, Round, Trial, Violation

WATCHING_S = 0.5
"""How much later than it happened we may see something, on a busy machine."""

OPENED_S = 5.0
"""How long a standby may take to be opened and to carry an alarm and its receipt, on this machine."""

GAPS = ("pendant/*", "button/*")
"""What the plans of these homes, which call nobody but the centre, accept."""

PRESSES = 12
RESENT_S = 90.0
_STEADY_S = 1.5

OTHER = {LEFT: RIGHT, RIGHT: LEFT}


def suppressions(dice: random.Random) -> dict[str, Meddler]:
    """Give every way to keep a home's call from being answered, that leaves its line up."""
    return {
        "its events": hand.dropped(hand.on("event", hub=LEFT)),
        "its receipts": hand.dropped(hand.on("receipt", hub=LEFT)),
        "all that it says": hand.dropped(hand.on(*FROM_HUBS, hub=LEFT)),
        "all of it": hand.dropped(hand.on(*FROM_HUBS, *FROM_CENTRE, hub=LEFT)),
        "its receipts, to the neighbour": _diverted("receipt"),
        "its events, to the neighbour": _diverted("event"),
        "nothing, and delays it by a minute": lambda passing: [
            hand.Later(passing, 60.0 if passing.hub == LEFT else 0.0)
        ],
        "the ends of its receipts": _without_end(dice, hand.on("receipt", hub=LEFT)),
    }


def _diverted(channel: Channel) -> Meddler:
    return lambda passing: [
        hand.Later(passing._replace(hub=RIGHT) if (passing.hub, passing.channel) == (LEFT, channel) else passing)
    ]


def _without_end(dice: random.Random, only: hand.Only) -> Meddler:
    return lambda passing: list(hand.truncated(dice)(passing))[:1] if only(passing) else hand.honest(passing)


async def _suppressed(this: Round) -> Figures:
    """Keep back what one home says or hears: it is noticed in time, goes by the second line, and is told once."""
    dice, figures = random.Random(this.seed), Figures()
    ways = suppressions(dice)
    name = list(ways)[this.number % len(ways)]
    async with street(this.folder) as it:
        left, right = it.homes[LEFT], it.homes[RIGHT]
        it.between.meddle = ways[name]
        clock = asyncio.get_running_loop().time
        began_s, sensor = clock(), left.press()
        own = right.press()
        status = await left.until(_late_or_received(sensor), f"S7: nobody noticed that the broker drops {name}")
        noticed_s = clock() - began_s
        bound_s = (RECEIPT_MS + PUBACK_MS) / 1_000 if name.startswith("all of it") else RECEIPT_MS / 1_000
        figures.measure("until it was noticed, s", noticed_s, at_most=bound_s + WATCHING_S, rule="S7")
        if not _alarm(status, sensor)["late"]:
            figures.count("calls answered by the second line before anybody had to be told")
        await left.until(_received(sensor), f"S3: the call did not get past a broker that drops {name}")
        past_s = clock() - began_s
        figures.measure("until it was answered past the broker, s", past_s, at_most=bound_s + OPENED_S, rule="S3")
        await right.until(_received(own), "S3: the neighbour's call was not answered")
        it.between.meddle = hand.honest
        await _account(it, {(LEFT, sensor), (RIGHT, own)}, figures)
        figures.count("suppressed calls that were answered")
    return figures


async def _meddled(this: Round) -> Figures:
    """Swap, cut, alter, repeat and delay whatever passes while both homes call; then say all of it again."""
    dice, figures = random.Random(this.seed), Figures()
    async with street(this.folder) as it:
        for version, hub in enumerate(it.homes, start=1):
            it.centre.plan(hub, {"version": version, "accepted_gaps": list(GAPS)})
        hands = [
            hand.swapped(OTHER),
            hand.truncated(dice),
            hand.altered(dice),
            hand.repeated(1, 0.5),
            hand.delayed(1.0, dice),
        ]
        it.between.meddle = hand.one_after_another(*hands)
        pressed = set()
        for _ in range(PRESSES):
            for home in it.homes.values():
                pressed.add((home.name, home.press()))
            await asyncio.sleep(dice.uniform(0.1, 0.5))
        for home in it.homes.values():
            await home.until(_all_received(PRESSES), "S3: not every call was answered", RESENT_S)
        it.centre.command(LEFT, "set-mode", {"mode": "away"})
        for alarms in it.raised().values():
            for alarm in alarms:
                it.centre.resolve(alarm, "meant")
        for home in it.homes.values():
            await home.until(lambda status: not status["alarms"], "S8: not every alarm was resolved", RESENT_S)
        await it.homes[LEFT].until(lambda status: bool(status["mode"] == "away"), "S8: it was not told to be away")
        if (mode := (await it.homes[RIGHT].status())["mode"]) != "home":
            raise Violation(f"S8: what its neighbour was told put a hub into mode {mode}")
        it.between.meddle = hand.honest
        await _account(it, pressed, figures)
        await _plans(it, {(hub, version) for version, hub in enumerate(it.homes, start=1)}, figures)
        figures.count("messages that passed hostile hands", it.between.passed)
        await _said_again(it, dice, figures)
    return figures


async def _said_again(it: Street, dice: random.Random, figures: Figures) -> None:
    """Say all that was ever seen once more, in any order, to both homes and as both: nothing changes but counters."""
    before = {name: await _steady(home) for name, home in it.homes.items()}
    ledger, homes = len(it.centre.ledger.events(limit=1_000_000)), {hub: it.centre.home(hub) for hub in it.homes}
    again = list(it.between.seen)
    again += [passing._replace(hub=OTHER[passing.hub]) for passing in again if passing.hub in OTHER]
    again += [passing._replace(retain=True) for passing in dice.sample(again, min(200, len(again)))]
    it.between.meddle = hand.dropped()  # what comes of it stays with us, and is looked at
    for passing in dice.sample(again, len(again)):
        it.between.say(passing)
        figures.count("messages said again")
    for name, home in it.homes.items():
        after = await _steady(home)
        was, now = at_rest(before[name]), at_rest(after)
        if changed := [f"{key}: {was[key]} became {now[key]}" for key in was if now[key] != was[key]]:
            raise Violation(f"S8: what was said again changed {name}: {'; '.join(changed)}")
    if (now_held := len(it.centre.ledger.events(limit=1_000_000))) != ledger:
        raise Violation(f"S8: what was said again gave the centre {now_held - ledger} events that it had not")
    for hub, was_home in homes.items():
        now_home = it.centre.home(hub)
        if (now_home.lines, now_home.nonce, now_home.boot, now_home.epoch) != (
            *(was_home.lines, was_home.nonce),
            *(was_home.boot, was_home.epoch),
        ):
            raise Violation(f"S8: what was said again changed what the centre knows: {was_home} became {now_home}")


async def _account(it: Street, pressed: set[tuple[str, str]], figures: Figures) -> None:
    """Hold the centre's ledger against what was pressed: every call once, in its own home."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while set(raised := it.raised()) != pressed and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.1)
    if set(raised) != pressed:
        raise Violation(f"S2: pressed {sorted(pressed)}, and the centre holds {sorted(raised)}")
    if doubled := {place: alarms for place, alarms in raised.items() if len(alarms) > 1}:
        raise Violation(f"S4: one press gave several alarms: {doubled}")
    for home in it.homes.values():
        status = await home.until(lambda status: not any(status["outbox"].values()), "S3: something still waits")
        if conflicts := [fault for fault in status["faults"] if fault["fault"] in ("conflict", "alarm-rejected")]:
            raise Violation(f"S8: {home.name} was led to believe {conflicts}")
    figures.count("calls held once, in their own home", len(pressed))


async def _plans(it: Street, meant: set[tuple[str, int]], figures: Figures) -> None:
    """Wait until each home has applied its own plan; no other, and none that was not meant, was ever taken."""
    until = asyncio.get_running_loop().time() + RESENT_S
    while (applied := it.applied()) != sorted(meant) and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.2)
    if applied != sorted(meant):
        raise Violation(f"S8, S9: the plans meant are {sorted(meant)}, and applied were {applied}")
    figures.count("plans applied, each in its own home", len(applied))


async def _steady(home: Home) -> dict[str, Any]:
    """Wait until a hub says the same for a while, and give it. Raises Violation."""
    before = await home.status()
    for _ in range(round(PATIENCE_S / _STEADY_S)):
        await asyncio.sleep(_STEADY_S)
        now = await home.status()
        if at_rest(now) == at_rest(before) and now["counters"] == before["counters"]:
            return now
        before = now
    raise Violation(f"S8: {home.name} does not come to rest: {before['counters']}")


def _alarm(status: dict[str, Any], sensor: str) -> dict[str, Any]:
    return next((each for each in status["alarms"] if each["sensor"] == sensor), {"late": False, "delivery": "unsent"})


def _late_or_received(sensor: str) -> Callable[[dict[str, Any]], bool]:
    return lambda status: _alarm(status, sensor)["late"] or _alarm(status, sensor)["delivery"] == "received"


def _received(sensor: str) -> Callable[[dict[str, Any]], bool]:
    return lambda status: bool(_alarm(status, sensor)["delivery"] == "received")


def _all_received(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: (
        len(status["alarms"]) == count and all(each["delivery"] == "received" for each in status["alarms"])
    )


TRIALS: tuple[Trial, ...] = (
    Trial(
        "hostile-broker-drops",
        "S2 S3 S7",
        "What a broker keeps back, having acknowledged it, is noticed within the receipt deadline and goes another way",
        16,
        _suppressed,
    ),
    Trial(
        "hostile-broker-meddles",
        "S2 S4 S8",
        "A broker that swaps, cuts, alters, repeats, delays and says again changes nothing at a hub or at the centre",
        10,
        _meddled,
    ),
)
