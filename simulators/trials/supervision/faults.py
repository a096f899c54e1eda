"""The trial of supervision: every fault at once on the real hub, each raised and cleared within its stated bound."""

import asyncio

from simulators.trials.drivers.floods import RadioFlood, random_frames
from simulators.trials.supervision.bounds import BOUNDS
from simulators.trials.supervision.home import DOOR_PIN, LEAK, QUIET, Home, home
from simulators.trials.trial import Figures, Round, Trial, Violation

_AT_ONCE = (
    "driver: pin thread killed",
    "sensor-tamper",
    "sensor-battery-low",
    "sensor-unavailable",
    "clock",
    "battery",
)
_IN_TIME = ("sensor-silent", "mains")


async def every_fault(this: Round, *, hurry: bool = False) -> Figures:
    """Harm everything, see that each is noticed and repeated; mend everything, see that each is over."""
    async with home(this, hurry=hurry) as at, asyncio.timeout(180 if hurry else 1_800):
        await at.raised("certificate")
        await _words(at)
        await _jam(at)
        harmed = await _harm(at)
        await at.raised(*harmed)
        await at.told_again(*harmed)
        await _mend(at, harmed)
        await _supplies_gone(at)
        await _no_way_out(at)
        await at.renew_certificates()
        await at.cleared("certificate")
        tried = set(at.figures.measured)
        missing = [name for name in BOUNDS if f"{name}: cleared, s" not in tried and not _lacking(at, name)]
        if missing:
            raise Violation(f"S7: never tried: {missing}")
        return at.figures


def _lacking(at: Home, name: str) -> bool:
    """Whether this machine cannot make it: a small card needs root."""
    return name == "storage" and at.card is None


async def _words(at: Home) -> None:
    """What a sensor says of itself."""
    for trouble in ("tamper", "battery-low", "unavailable"):
        at.harmed(f"sensor-{trouble}", LEAK)
    await at.bridge.publish(LEAK, b'{"water_leak": false, "tamper": true, "battery_low": true}')
    await at.bridge.publish(f"{LEAK}/availability", b'{"state": "offline"}', retain=True)
    at.harmed("sensor-silent", QUIET)
    await at.bridge.publish(QUIET, b'{"action": ""}')
    await at.raised("sensor-tamper", "sensor-battery-low", "sensor-unavailable")


async def _jam(at: Home) -> None:
    """Drown a receiver."""
    async with RadioFlood(at.street, random_frames(at.rng)):
        at.harmed("part: interference", "reception-street")
        await at.raised("part: interference")
    at.mended("part: interference")
    await at.cleared("part: interference")


async def _harm(at: Home) -> list[str]:
    """Harm all that can be harmed at once; what shows at once must show before time is put forward."""
    (at.folder / "deaf").touch()
    await at.rig.hub.pins.drive(DOOR_PIN, "low")
    await asyncio.sleep(1.2 if at.hurry else 3.2)  # until it is read
    at.harmed("driver: pin thread killed", "pins")
    await at.rig.hub.pins.drive(DOOR_PIN, "high")
    at.harmed("mains")
    at.harmed("battery")
    at.supply("BAT0", status="Discharging", capacity=12)
    at.supply("AC", online=0)
    at.harmed("clock")
    (at.folder / "trust").unlink()
    at.harmed("driver: adapter pulled", "street")
    at.street.pull()
    at.harmed("driver: local broker gone", "bus")
    at.bus.kill()
    await at.bridge.die()
    now = [*_AT_ONCE, "driver: adapter pulled", "driver: local broker gone"]
    await at.raised(*(each for each in now if not each.startswith("sensor")))
    if at.card is not None:
        at.harmed("storage")
        at.card.fill()
        now.append("storage")
    await at.passes(170 if at.hurry else 0)
    await at.raised(*_IN_TIME)
    return [*now, *_IN_TIME, "certificate"]


async def _mend(at: Home, harmed: list[str]) -> None:
    at.mended("storage", "mains", "battery", "clock")
    if at.card is not None:
        at.card.free()
    at.supply("AC", online=1)
    at.supply("BAT0", status="Charging", capacity=40)
    (at.folder / "trust").touch()
    drivers = [each for each in harmed if each.startswith("driver")]
    at.mended(*drivers)
    at.street.plug_in()
    at.bus.start()
    (at.folder / "deaf").unlink()
    await at.rig.hub.pins.drive(DOOR_PIN, "low")
    await at.cleared(*drivers)
    await at.bridge.start()
    at.mended("sensor-tamper", "sensor-battery-low", "sensor-unavailable", "sensor-silent")
    await at.bridge.publish(LEAK, b'{"water_leak": false, "tamper": false, "battery_low": false}')
    await at.bridge.publish(f"{LEAK}/availability", b'{"state": "online"}', retain=True)
    await at.bridge.publish(QUIET, b'{"action": ""}')
    await at.cleared(*(each for each in harmed if not each.startswith(("driver", "certificate"))))


async def _supplies_gone(at: Home) -> None:
    """The board that told how the power is goes away, and comes back."""
    at.harmed("part: power supplies gone", "power")
    for name in ("AC", "BAT0"):
        (at.folder / "power" / name).rename(at.folder / name)
    await at.raised("part: power supplies gone")
    at.mended("part: power supplies gone")
    for name in ("AC", "BAT0"):
        (at.folder / name).rename(at.folder / "power" / name)
    await at.cleared("part: power supplies gone")


async def _no_way_out(at: Home) -> None:
    """A centre that receives nothing, and then no line: told once there is one again, with the time it was noticed."""
    at.harmed("centre")
    at.rig.centre.faults.silent = True
    await _until_listed(at, "centre")
    at.harmed("link", "main")
    at.line.cut()
    await at.rig.until_status(lambda status: not status["links"][0]["up"])
    await _until_listed(at, "link")
    at.mended("centre", "link")
    at.rig.centre.faults.silent = False
    at.line.forward()
    await at.raised("centre", "link")
    await at.cleared("centre", "link")


async def _until_listed(at: Home, fault: str) -> None:
    """Let time pass until the hub itself knows. Raises Violation."""
    step_s = 40.0 if at.hurry else 5.0
    for _ in range(round(BOUNDS[fault].raised_s / step_s) + 1):
        if any(each["fault"] == fault for each in (await at.rig.status())["faults"]):
            return
        await at.passes(step_s)
        await asyncio.sleep(0.1)  # the hub wakes to it
    raise Violation(f"S7: {fault} is not listed after {BOUNDS[fault].raised_s:g} s")


TRIALS: tuple[Trial, ...] = (
    Trial(
        "supervision",
        "S7",
        "Every fault is raised once within its stated time, repeated by the self-test, and cleared once it is mended",
        3,
        every_fault,
    ),
)
