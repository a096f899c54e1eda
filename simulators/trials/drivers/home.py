"""The home of the drivers' trials: two radios, a zigbee2mqtt bus and contacts on pins, and presses that are timed."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rules.reports import FaultCleared, FaultRaised
from simulators.hub_process import HubProcess
from simulators.mosquitto import Mosquitto
from simulators.rig import NO_WINDOW, Rig, pendants, radio, security1, sensor, x10
from simulators.serial_line import SerialAdapter
from simulators.trials.eyes import ARRIVED_HZ, HEARD_HZ, OUTPUTS, Eyes, told, until_told
from simulators.trials.trial import Figures, Round, Violation
from simulators.watched_pins import boot_ms

PENDANTS = 116
"""Pressed once each; with the sensors of the drivers that are maltreated, as many as a hub takes (decision 0008)."""

STREET = range(200, 206)
"""Pendants of the second radio, which suffers."""

BUTTONS = ("sos-1", "sos-2", "sos-3")
CONTACTS = {17: "door-1", 27: "door-2"}
QUIET_PIN = 22
"""The contact that chatters in a flood, and is no call for help by itself."""

_POLL_S = 0.05

PAUSE_S = 0.15
"""After so long a silence a radio's frame is a frame again (100 ms, DESIGN §6)."""


class Home:
    """A hub with every kind of driver. `street` is the radio that suffers, `radio` the one beside it."""

    def __init__(self, rig: Rig, street: SerialAdapter, quiet: SerialAdapter, bus: Mosquitto, seed: int) -> None:
        self.rig, self.street, self.bus = rig, street, bus
        self.rng = random.Random(seed)
        self.eyes: Eyes
        self._quiet = quiet
        self._pressed = 0

    async def press(self) -> tuple[int, int]:
        """Press the next pendant of the radio beside; give the ms to the first sound, and to the centre's receipt.

        The alarm is resolved, so that every press finds the same quiet home. Raises Violation.
        """
        number, self._pressed = self._pressed, self._pressed + 1
        place, seen = len(self.rig.centre.timeline), len(self.eyes.changes)
        pressed_ms = boot_ms()
        self._quiet.say(x10(number))
        try:
            heard_ms = await self.eyes.note(HEARD_HZ, from_ms=pressed_ms, after=seen)
            received_ms = await self.eyes.note(ARRIVED_HZ, from_ms=pressed_ms, after=seen)
            raised = await self.rig.event("alarm.raised", after=place)
            self.rig.centre.resolve(raised.alarm, "visited")
            await self.rig.event("alarm.resolved", after=place)
        except TimeoutError:
            raise Violation(f"S5 S7: pendant {number} was not heard, received or resolved within 10 s") from None
        return heard_ms - pressed_ms, received_ms - pressed_ms

    async def alarm(self, name: str, *, timeout_s: float = 10) -> int:
        """Wait for the alarm of a sensor, by its place in the centre's ledger; give the moment. Raises Violation."""
        async with asyncio.timeout(timeout_s + 5):
            for _ in range(int(timeout_s / _POLL_S)):
                if name in self.rig.alarms_by_sensor():
                    return boot_ms()
                await asyncio.sleep(_POLL_S)
        raise Violation(f"S3 S7: no alarm of {name} within {timeout_s:g} s")

    async def fault(self, name: str, subject: str, *, timeout_s: float) -> None:
        """Wait until the centre knows of a fault. Raises Violation."""
        try:
            await until_told(
                self.rig, FaultRaised, lambda each: (each.fault, each.subject) == (name, subject), timeout_s=timeout_s
            )
        except TimeoutError:
            raise Violation(f"S7: no fault {name} {subject} at the centre within {timeout_s:g} s") from None

    async def cleared(self, name: str, subject: str, *, times: int = 1, timeout_s: float) -> None:
        """Wait until a fault has been cleared so often. Raises Violation."""
        async with asyncio.timeout(timeout_s + 5):
            for _ in range(int(timeout_s / _POLL_S)):
                clears = [(each.report.fault, each.report.subject) for each in told(self.rig, FaultCleared)]
                if clears.count((name, subject)) >= times:
                    return
                await asyncio.sleep(_POLL_S)
        raise Violation(f"S7: the fault {name} {subject} was not cleared within {timeout_s:g} s")

    async def noise(self, driver: str) -> int:
        """Tell how much a driver has counted that meant nothing, or came from nobody configured."""
        counters = (await self.rig.status())["counters"]
        return sum(int(counters.get(f"{what} of {driver}", 0)) for what in ("noise", "strangers"))

    def memory_kib(self) -> int:
        """Give the hub's resident memory."""
        lines = Path(f"/proc/{self.rig.hub.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@asynccontextmanager
async def home(this: Round) -> AsyncIterator[Home]:
    """Set up everything, with the hub started and every driver listening."""
    with (
        SerialAdapter(this.folder / "street") as street,
        SerialAdapter(this.folder / "quiet") as quiet,
        Mosquitto(this.folder / "bus", extra="allow_anonymous true") as bus,
    ):
        rig = Rig(this.folder, _tables(street, quiet, bus), outputs=OUTPUTS)
        async with rig:
            rig.hub = HubProcess(
                rig.config,
                pins=False,
                through=(
                    *("-m", "simulators.trials.drivers.hub", str(this.folder)),
                    *("--pins-socket", str(this.folder / "pins.sock"), "--until-stdin-closes", "--"),
                ),
            )
            await rig.hub.start()
            await rig.online()
            await rig.listening()
            at = Home(rig, street, quiet, bus, this.seed)
            async with Eyes(rig.hub.pins) as at.eyes:
                yield at


def _tables(street: SerialAdapter, quiet: SerialAdapter, bus: Mosquitto) -> str:
    contacts = {**CONTACTS, QUIET_PIN: "restless"}
    return "".join(
        [
            radio(quiet.path),
            f'[driver.street]\ntype = "rfxtrx"\ndevice = "{street.path}"\n',
            f'[driver.bus]\ntype = "zigbee2mqtt"\nport = {bus.port}\n',
            '[driver.pins]\ntype = "gpio"\n',
            pendants(range(PENDANTS)),
            *(sensor(f"street-{n}", "street", security1(n), "pendant", f"street-{n}") for n in STREET),
            *(sensor(name, "bus", name, "button", name) for name in BUTTONS),
            *(sensor(name, "pins", f"GPIO{pin}", "flood", name) for pin, name in contacts.items()),
            NO_WINDOW,
        ]
    )


async def measured(at: Home, figures: Figures, name: str, presses: int) -> list[tuple[int, int]]:
    """Press so often, a little apart, and keep what each took."""
    taken = []
    for _ in range(presses):
        await asyncio.sleep(at.rng.uniform(0.03, 0.15))
        sound_ms, receipt_ms = await at.press()
        figures.measure(f"{name}: press to first sound, ms", sound_ms)
        figures.measure(f"{name}: press to receipt, ms", receipt_ms)
        taken.append((sound_ms, receipt_ms))
    return taken
