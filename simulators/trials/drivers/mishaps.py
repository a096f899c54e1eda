"""Trials of drivers: broken in every way, and flooded, while a pendant on another one calls for help (S5, S7, S12)."""

import asyncio
import os
from collections.abc import Callable
from typing import NamedTuple

from rules.reports import FaultRaised
from sensors.interference import SLOT_S, SLOTS_CALM, SLOTS_FULL
from simulators.rig import x10
from simulators.trials.accounts import settle
from simulators.trials.drivers.floods import (
    RATE,
    BusFlood,
    Flood,
    PinFlood,
    RadioFlood,
    bus_junk,
    false_headers,
    neighbours,
    random_frames,
)
from simulators.trials.drivers.home import BUTTONS, CONTACTS, PAUSE_S, QUIET_PIN, STREET, Home, home, measured
from simulators.trials.drivers.hub import POISON
from simulators.trials.eyes import told
from simulators.trials.trial import Figures, Round, Trial, Violation
from simulators.watched_pins import boot_ms
from simulators.zigbee import Zigbee2Mqtt

NOTICED_S = 2.0
"""A driver that fails says so at once; the rest is the way to the centre, on a busy machine."""

BACK_S = 8.0
"""A driver is run again after 1, 2 and then 4 s."""

REREAD_S = 3.0
"""Pins are read every 3 s, whatever calls back."""

DELAY_MS = 50
GROWTH_KIB = 8 * 1024
QUIET_PRESSES = 14
JAMMED = ("part", "reception-street")

# --- broken --------------------------------------------------------------------------------------------------


async def broken(this: Round) -> Figures:
    """Break every driver beside each other, in every way we know, and have each hear a call afterwards."""
    figures = Figures()
    async with home(this) as at, asyncio.timeout(90):
        pressing = asyncio.create_task(measured(at, figures, "beside broken drivers", 20))
        await asyncio.gather(_break_radio(at, figures), _break_bus(at, figures), _break_pins(at, figures))
        await pressing
        await settle(at.rig, figures)
    return figures


async def _break_radio(at: Home, figures: Figures) -> None:
    """Pull the receiver in the middle of a frame and plug it in elsewhere; then have its decoder raise."""
    first, second = x10(STREET[0]), x10(STREET[1])
    cut = at.rng.randrange(1, len(first))
    at.street.say(first[:cut])
    await asyncio.sleep(at.rng.uniform(0, 0.05))
    await _noticed(at, figures, "a receiver pulled in the middle of a frame", "street", at.street.pull)
    elsewhere = os.openpty()  # takes the place the receiver had: it comes back under another name
    at.street.plug_in()
    at.street.say(first[cut:])  # the rest of what it said means nothing any more
    await at.cleared("driver", "street", timeout_s=BACK_S)
    await asyncio.sleep(PAUSE_S)
    at.street.say(second)
    await at.alarm(f"street-{STREET[1]}")
    for end in elsewhere:
        os.close(end)
    if f"street-{STREET[0]}" in at.rig.alarms_by_sensor():
        raise Violation("S4: two halves of a frame from before and after the pull were put together")
    await _noticed(at, figures, "a decoder that raises", "street", lambda: at.street.say(POISON), times=2)
    await at.cleared("driver", "street", times=2, timeout_s=BACK_S)
    await asyncio.sleep(PAUSE_S)
    at.street.say(x10(STREET[2]))
    await at.alarm(f"street-{STREET[2]}")


async def _break_bus(at: Home, figures: Figures) -> None:
    """Have the callback of the bus raise; then kill its broker."""
    bridge = Zigbee2Mqtt(at.bus.host, at.bus.port, at.rng)
    await bridge.start()
    noise = await at.noise("bus")
    await bridge.publish(BUTTONS[0], POISON)
    await bridge.publish(BUTTONS[0], b'{"action": "emergency"}')
    await at.alarm(BUTTONS[0])
    if await at.noise("bus") <= noise:
        raise Violation("S12: a message on which the callback raised was not counted")
    figures.count("callbacks that raised")
    await bridge.die()
    await _noticed(at, figures, "a bus whose broker is killed", "bus", at.bus.kill)
    at.bus.start()
    await at.cleared("driver", "bus", timeout_s=BACK_S)
    await bridge.start()
    await bridge.publish(BUTTONS[1], b'{"action": "emergency"}')
    await at.alarm(BUTTONS[1])
    await bridge.stop()


async def _break_pins(at: Home, figures: Figures) -> None:
    """Kill the thread that calls back for pins, and then have the callback raise: contacts are heard all the same."""
    for (pin, name), how in zip(CONTACTS.items(), ("deaf", "raising"), strict=True):
        (at.rig.folder / how).touch()
        closed_ms = boot_ms()
        await at.rig.hub.pins.drive(pin, "low")
        took_ms = await at.alarm(name) - closed_ms
        (at.rig.folder / how).unlink()
        figures.measure(f"pins {how}: contact to centre, ms", took_ms, at_most=(REREAD_S + 1) * 1000, rule="S7")


async def _noticed(
    at: Home, figures: Figures, what: str, driver: str, harm: Callable[[], object], *, times: int = 1
) -> None:
    """Do harm, and see that the centre knows in time. Raises Violation."""
    began_ms = boot_ms()
    harm()
    while True:
        came = [each.ms for each in told(at.rig, FaultRaised) if _of(each.report, driver)]
        if len(came) >= times:
            break
        if boot_ms() - began_ms > NOTICED_S * 1000:
            raise Violation(f"S7: {what} was not told within {NOTICED_S:g} s")
        await asyncio.sleep(0.02)
    figures.measure(f"{what}: noticed at the centre, ms", came[-1] - began_ms, at_most=NOTICED_S * 1000, rule="S7")


def _of(report: FaultRaised, driver: str) -> bool:
    return (report.fault, report.subject) == ("driver", driver)


# --- flooded ---------------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A flood: on which driver, made how, what share of it must be counted, and the fault it becomes if it lasts.

    A radio's noise is counted once for each reading of the line, however much it is.
    """

    driver: str
    make: Callable[[Home], Flood]
    share: float
    fault: tuple[str, str]


KINDS: dict[str, Kind] = {
    "random bytes": Kind("street", lambda at: RadioFlood(at.street, random_frames(at.rng)), 0.005, JAMMED),
    "false headers": Kind("street", lambda at: RadioFlood(at.street, false_headers(at.rng)), 0.005, JAMMED),
    "neighbours": Kind("street", lambda at: RadioFlood(at.street, neighbours(at.rng)), 0.9, JAMMED),
    "bus": Kind("bus", lambda at: BusFlood(at.bus, bus_junk(at.rng)), 0.9, ("part", "reception-bus")),
    "pin": Kind("pins", lambda at: PinFlood(at.rig.hub.pins, QUIET_PIN), 0.4, ("sensor-unavailable", "restless")),
}
"""Floods of 5,000 a second."""


async def flooded(this: Round, *, kinds: tuple[str, ...] = (), presses: int = 100) -> Figures:
    """Press in quiet, and then under each of these floods; or under one, until it is noticed and over.

    With a few presses a delay may be the machine's, which runs other tests: that flood is then made once more.
    """
    figures = Figures()
    async with home(this) as at, asyncio.timeout(240):
        quiet = _high(await measured(at, figures, "quiet", QUIET_PRESSES))
        for number, name in enumerate(kinds or [list(KINDS)[this.number % len(KINDS)]]):
            taken = _high(await _flood(at, figures, name, presses, patient=not kinds))
            if kinds and any(flood - calm > DELAY_MS for flood, calm in zip(taken, quiet, strict=True)):
                figures.count("floods made again")
                taken = _high(await _flood(at, figures, name, presses, patient=False))
            for what, flood, calm in zip(("first sound", "receipt"), taken, quiet, strict=True):
                figures.measure(
                    f"flood of {name}: {what} delayed at p99, ms", flood - calm, at_most=DELAY_MS, rule="S5 S7"
                )
            await _hear_again(at, name, number)
        await settle(at.rig, figures)
    return figures


def _high(taken: list[tuple[int, int]]) -> tuple[int, int]:
    """Give the sound and the receipt that all presses but one were as quick as: of a hundred, the 99th percentile."""
    sounds, receipts = zip(*taken, strict=True)
    return sorted(sounds)[-2], sorted(receipts)[-2]


async def _flood(at: Home, figures: Figures, name: str, presses: int, *, patient: bool) -> list[tuple[int, int]]:
    """Press under a flood; see that it is counted, costs no memory and, to the patient, that it is told and cleared."""
    kind = KINDS[name]
    before_kib, noise = at.memory_kib(), await at.noise(kind.driver)
    began_ms = boot_ms()
    async with kind.make(at) as flood:
        taken = await measured(at, figures, f"flood of {name}", presses)
        if patient:
            await at.fault(*kind.fault, timeout_s=(SLOTS_FULL + 1) * SLOT_S + NOTICED_S)
        rate = flood.sent / (boot_ms() - began_ms) * 1000
    if rate < RATE * 0.8:
        raise RuntimeError(f"the flood of {name} was only {rate:.0f} a second: a busy machine, or a hub that starves")
    figures.measure(f"flood of {name}: sent a second", rate)
    figures.measure(f"flood of {name}: memory grown, KiB", at.memory_kib() - before_kib, at_most=GROWTH_KIB, rule="S12")
    counted = await at.noise(kind.driver) - noise
    figures.count(f"counted in a flood of {name}", counted)
    if counted < kind.share * flood.sent:
        raise Violation(f"S12: a flood of {name} was not counted: {counted} of {flood.sent}")
    if patient:
        await at.cleared(*kind.fault, timeout_s=(SLOTS_CALM + 1) * SLOT_S + NOTICED_S)
    return taken


async def _hear_again(at: Home, name: str, number: int) -> None:
    """Have the flooded radio hear a call, once it is quiet. A bus needs no quiet, and a contact has no other."""
    if KINDS[name].driver == "street":
        await asyncio.sleep(PAUSE_S)
        at.street.say(x10(STREET[number]))
        await at.alarm(f"street-{STREET[number]}")


TRIALS: tuple[Trial, ...] = (
    Trial(
        "drivers-broken",
        "S3 S7 S12",
        "A driver that dies, raises, or loses its adapter or bus is noticed, runs again, and harms no call beside it",
        20,
        broken,
    ),
    Trial(
        "drivers-flooded",
        "S5 S7 S12",
        "5,000 meaningless things a second delay a call beside them by 50 ms at most (p99), are counted, and are told",
        2 * len(KINDS),
        flooded,
    ),
)
