"""Kills while an alarm waits: the home goes on hearing it, the siren is on time, and the centre gets it at once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

from rules.plan import BUILT_IN
from simulators.proxy import Proxy
from simulators.rig import NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials import accounts
from simulators.trials.trial import Figures, Round, Trial, Violation
from simulators.watched_pins import Change, boot_ms

SOUND_MS = 1_000
"""How long after it is armed a hub may take to sound again; every pattern begins with a tone."""

OFFER_MS = 1_000
"""How long after it said that it is online a hub may take until a waiting alarm is at the centre."""

SIREN_MS = BUILT_IN.steps[0].after_ms
SIREN_LATE_MS = 500

_START_S = 3.0  # more than a restart takes
_SIREN, _SOUNDER = 19, 20
_PINS = '[pins]\nfactory = "mock"\n'
_OUTPUTS = f"[outputs]\ncall = 16\narrived = 17\nsomeone = 18\nsiren = {_SIREN}\nsounder = {_SOUNDER}\n"


async def play_short(this: Round) -> Figures:
    """Kill a hub three times while its alarm waits, mend the line while it is dead, and see the alarm arrive."""
    return await _play(this, siren=False)


async def play_siren(this: Round) -> Figures:
    """Kill a hub again and again until its siren is due, 60 s after the raise, and beyond."""
    return await _play(this, siren=True)


async def _play(this: Round, *, siren: bool) -> Figures:
    figures, dice = Figures(), random.Random(this.seed)
    async with _stage(this) as (rig, line, adapter):
        await rig.hub.start()
        await rig.online()
        await rig.listening()
        _break(rig, line, dice)
        pressed_ms = boot_ms()
        adapter.say(x10(0))
        await _sounds(rig, figures, boot_ms(), "from a press to its sound, ms")
        if siren:
            await _kill_until(rig, dice, figures, pressed_ms + SIREN_MS)
            await _siren(rig, figures, pressed_ms)
        else:
            for _ in range(3):
                await asyncio.sleep(dice.uniform(0.0, 1.0))
                await _kill(rig, figures)
        await rig.hub.kill()
        line.forward()
        rig.centre.faults.silent = False
        await _offered(rig, figures)
        if siren:
            await _until(rig, _SIREN, on=False)  # somebody has received it
        await accounts.settle(rig, figures)
    return figures


@contextlib.asynccontextmanager
async def _stage(this: Round) -> AsyncIterator[tuple[Rig, Proxy, SerialAdapter]]:
    with SerialAdapter(this.folder / "radio") as adapter:
        tables = _PINS + radio(adapter.path) + pendants(range(2)) + NO_WINDOW
        rig = Rig(this.folder, tables, outputs=_OUTPUTS, pins=True)
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
            rig.port = line.port
            async with rig:
                yield rig, line, adapter


def _break(rig: Rig, line: Proxy, dice: random.Random) -> None:
    match dice.choice(("cut", "half-open", "hanging", "silent")):
        case "cut":
            line.cut()
        case "half-open":
            line.swallow()
        case "hanging":
            line.cut()
            line.black_hole()
        case "silent":
            rig.centre.faults.silent = True


async def _kill(rig: Rig, figures: Figures) -> None:
    """Kill, start again, and listen whether it sounds."""
    await rig.hub.kill()
    figures.count("kills")
    await rig.hub.start()
    await _sounds(rig, figures, boot_ms(), "from armed to sounding again, ms")


async def _sounds(rig: Rig, figures: Figures, since_ms: int, name: str) -> None:
    change = await _until(rig, _SOUNDER, on=True)
    figures.measure(name, max(0, change.ms - since_ms), at_most=SOUND_MS, rule="S6")


async def _kill_until(rig: Rig, dice: random.Random, figures: Figures, until_ms: int) -> None:
    """Kill every few seconds; in half the rounds no hub runs at the very moment."""
    while (left_s := (until_ms - boot_ms()) / 1_000 - _START_S) > 1:
        await asyncio.sleep(min(left_s, dice.uniform(0.5, 12)))
        await _kill(rig, figures)
    if dice.random() < 1 / 2:
        await asyncio.sleep((until_ms - boot_ms()) / 1_000 - 0.1)
        await _kill(rig, figures)


async def _siren(rig: Rig, figures: Figures, pressed_ms: int) -> None:
    """S6: the ladder's minute counts on over every kill."""
    armed_ms = boot_ms()
    change = await _until(rig, _SIREN, on=True, timeout_s=10)
    due_ms = max(pressed_ms + SIREN_MS, armed_ms)
    figures.measure("from the siren's moment to the siren, ms", change.ms - due_ms, at_most=SIREN_LATE_MS, rule="S6")
    if change.ms < pressed_ms + SIREN_MS:
        raise Violation(f"S6: the siren came {pressed_ms + SIREN_MS - change.ms} ms before its minute was over")
    await _kill(rig, figures)
    await _until(rig, _SIREN, on=True)  # and sounds on after one more


async def _offered(rig: Rig, figures: Figures) -> None:
    """S3: offered at once on reconnect."""
    place = len(rig.centre.timeline)
    await rig.hub.start()
    online = await rig.online(after=place)
    raised = await rig.event("alarm.raised", after=place)
    figures.measure("from online to the waiting alarm, ms", raised.ms - online.ms, at_most=OFFER_MS, rule="S3")


async def _until(rig: Rig, pin: int, *, on: bool, timeout_s: float = 5) -> Change:
    """Watch a pin until it is so. Raises Violation."""
    try:
        async with asyncio.timeout(timeout_s):
            async for change in rig.hub.pins.watch():
                if change.pin == pin and bool(change.value) == on:
                    return change
    except TimeoutError:
        pass
    raise Violation(f"S6: output {pin} was not {'on' if on else 'off'} within {timeout_s:g} s")


TRIALS = (
    Trial(
        "kills-sounding",
        "S3 S6",
        "A hub killed while its alarm waits sounds again as soon as it is armed, and delivers on the first line",
        10,
        play_short,
    ),
    Trial(
        "kills-siren",
        "S3 S6",
        "Killed again and again, a hub still sounds its siren a minute after the raise",
        6,
        play_siren,
    ),
)
