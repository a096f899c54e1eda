"""The home of the trial of supervision: a radio, a bus, contacts, a card, power supplies, a line that can be cut."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from agent.clock import SystemClock
from rules.reports import FaultCleared, FaultRaised, Report, TestReport
from simulators.hub_process import HubProcess
from simulators.keys import make_keys
from simulators.mosquitto import Mosquitto
from simulators.proxy import Proxy
from simulators.rig import HUB, Rig, pendants, radio, sensor
from simulators.serial_line import SerialAdapter
from simulators.trials.bad_disk.card import Card
from simulators.trials.eyes import OUTPUTS
from simulators.trials.supervision.bounds import BOUNDS
from simulators.trials.trial import Figures, NotHereError, Round, Violation
from simulators.watched_pins import boot_ms
from simulators.zigbee import Zigbee2Mqtt

DOOR_PIN = 17
LEAK, QUIET = "leak", "quiet"
NEAR_END_MS = 344 * 24 * 3_600_000
"""So long ago the first certificates were made, for a year: they have 20 days left."""

PATIENCE_S = 20.0
"""How much longer than its bound we wait for a report to reach the centre, on a machine busy with other things."""

_POLL_S = 0.05

Subject = tuple[str, str]


class Home:
    """A hub whose every part can be harmed and mended. `hurry`: its time is put forward instead of waited for."""

    def __init__(self, rig: Rig, line: Proxy, this: Round, *, hurry: bool) -> None:
        self.rig, self.line, self.folder, self.hurry = rig, line, this.folder, hurry
        self.rng = random.Random(this.seed)
        self.figures = Figures()
        self.card: Card | None = None
        self.street: SerialAdapter
        self.bus: Mosquitto
        self.bridge: Zigbee2Mqtt
        self._ahead_ms = 0
        self._earlier: list[Report] = []
        self._harmed: dict[str, tuple[Subject, int]] = {}
        self._mended: dict[str, int] = {}
        self._moved()

    # --- time --------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """The hub's boot-relative clock."""
        return boot_ms() + self._ahead_ms

    async def passes(self, seconds: float) -> None:
        """Let time pass for the hub: as if its machine had slept, or really."""
        if self.hurry:
            self._ahead_ms += round(seconds * 1000)
            self._moved()
        else:
            await asyncio.sleep(seconds)

    def _moved(self) -> None:
        new = self.folder / "ahead.new"
        new.write_text(str(self._ahead_ms))
        new.replace(self.folder / "ahead")  # whole, whenever it is read

    # --- faults --------------------------------------------------------------------------------------

    def harmed(self, name: str, subject: str = "") -> None:
        """Note that this has just been done."""
        self._harmed[name] = ((name.partition(":")[0], subject), self.now_ms)

    def mended(self, *names: str) -> None:
        """Note that these are well from now on."""
        self._mended |= dict.fromkeys(names, self.now_ms)

    async def raised(self, *names: str) -> None:
        """See that the centre learns of each, and that it was in time. Raises Violation."""
        for name in names:
            subject, from_ms = self._harmed[name]
            bound = BOUNDS[name]
            at_ms = await self._told(FaultRaised, subject, from_ms, bound.raised_s, f"{name} was not raised")
            took_s = (at_ms - from_ms) / 1000
            self.figures.measure(f"{name}: raised, s", took_s, at_most=bound.raised_s, rule="S7")
            if took_s < bound.least_s:
                raise Violation(f"S7: {name} was raised after {took_s:.1f} s, promised not before {bound.least_s:g}")

    async def cleared(self, *names: str) -> None:
        """See that each is told to be over, in time, and was told once. Raises Violation."""
        for name in names:
            subject, from_ms = self._harmed[name][0], self._mended[name]
            bound = BOUNDS[name]
            at_ms = await self._told(FaultCleared, subject, from_ms, bound.cleared_s, f"{name} was not cleared")
            self.figures.measure(
                f"{name}: cleared, s", max(0, at_ms - from_ms) / 1000, at_most=bound.cleared_s, rule="S7"
            )
            for kind in (FaultRaised, FaultCleared):
                times = len(self._of(kind, subject))
                if times != 1:
                    raise Violation(f"S7: {name}: {kind.__name__} was told {times} times, and must be once")
            self.figures.count("faults raised and cleared")

    async def _told(
        self, kind: type[FaultRaised] | type[FaultCleared], subject: Subject, from_ms: int, within_s: float, what: str
    ) -> int:
        until_ms = boot_ms() + (PATIENCE_S if self.hurry else within_s + PATIENCE_S) * 1000
        while boot_ms() < until_ms:
            for at_ms in self._of(kind, subject):
                if at_ms >= from_ms:
                    return at_ms
            await asyncio.sleep(_POLL_S)
        raise Violation(f"S7: {what} within {within_s:g} s")

    def _of(self, kind: type[FaultRaised] | type[FaultCleared], subject: Subject) -> list[int]:
        held = [*self._earlier, *(report for _, report in self.rig.held(kind))]
        of = (each for each in held if isinstance(each, kind))
        return [each.clock.monotonic_ms for each in of if (each.fault, each.subject) == subject]

    async def told_again(self, *names: str) -> None:
        """See that a self-test repeats all of these, with what the hub runs on. Raises Violation."""
        self.rig.centre.command(HUB, "test", {})
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [each for _, each in self.rig.held(TestReport) if each.why == "command"]):
                await asyncio.sleep(_POLL_S)
        listed = {(each.fault, each.subject) for each in found[-1].faults}
        missing = {self._harmed[name][0] for name in names} - listed
        if missing:
            raise Violation(f"S7: a self-test does not repeat {sorted(missing)}")
        if found[-1].power != "battery" or not found[-1].hours_left:
            raise Violation(f"S7: a self-test on battery says {found[-1].power}, {found[-1].hours_left} h left")
        self.figures.count("faults repeated by the self-test", len(names))

    def supply(self, name: str, **files: object) -> None:
        """Write what a power supply says of itself."""
        where = self.folder / "power" / name
        where.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            new = where / f".{file}"
            new.write_text(f"{text}\n")
            new.replace(where / file)

    async def start(self) -> None:
        """Start the hub, and wait until it is online and hears."""
        self.rig.hub = HubProcess(
            self.rig.config,
            pins=False,
            through=(
                *("-m", "simulators.trials.supervision.hub", str(self.folder), str(int(self.hurry))),
                *("--pins-socket", str(self.folder / "pins.sock"), "--until-stdin-closes", "--"),
            ),
        )
        await self.rig.hub.start()
        await self.rig.online()
        await self.rig.listening()

    async def renew_certificates(self) -> None:
        """Have new certificates everywhere, which takes a restart."""
        await self.rig.hub.stop()
        self._earlier = [report for kind in (FaultRaised, FaultCleared) for _, report in self.rig.held(kind)]
        await self.rig.centre.stop()
        make_keys(self.folder / "keys", SystemClock().now().wall_ms, [HUB])
        self.rig.broker.restart()
        self.rig.centre = self.rig.make_centre()
        await self.rig.centre.start()
        self.mended("certificate")
        await self.start()


@asynccontextmanager
async def home(this: Round, *, hurry: bool) -> AsyncIterator[Home]:
    """Set up everything, with the hub started and every driver listening."""
    (this.folder / "trust").touch()
    with ExitStack() as stack:
        street = stack.enter_context(SerialAdapter(this.folder / "street"))
        quiet = stack.enter_context(SerialAdapter(this.folder / "quiet"))
        bus = stack.enter_context(Mosquitto(this.folder / "bus", extra="allow_anonymous true"))
        card: Card | None = Card(this.folder / "card")
        try:
            stack.enter_context(card) if card is not None else None
        except NotHereError:
            card = None
        rig = Rig(
            this.folder,
            _tables(street, quiet, bus, reread_s=1.0 if hurry else 3.0),
            outputs=OUTPUTS,
            state_dir=card.state_dir if card is not None else None,
        )
        make_keys(this.folder / "keys", SystemClock().now().wall_ms - NEAR_END_MS, [HUB])
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
            rig.port = line.port
            async with rig:
                at = Home(rig, line, this, hurry=hurry)
                at.card, at.street, at.bus = card, street, bus
                at.supply("AC", type="Mains", online=1)
                at.supply("BAT0", type="Battery", status="Full", capacity=100)
                at.bridge = Zigbee2Mqtt(bus.host, bus.port, at.rng)
                await at.bridge.start()
                at.harmed("certificate", "main")
                await at.start()
                yield at


def _tables(street: SerialAdapter, quiet: SerialAdapter, bus: Mosquitto, *, reread_s: float) -> str:
    return "".join(
        [
            radio(quiet.path),
            f'[driver.street]\ntype = "rfxtrx"\ndevice = "{street.path}"\n',
            f'[driver.bus]\ntype = "zigbee2mqtt"\nport = {bus.port}\n',
            f'[driver.pins]\ntype = "gpio"\nreread_s = {reread_s}\n',
            pendants(range(2)),
            sensor(LEAK, "bus", LEAK, "flood", "kitchen"),
            sensor(QUIET, "bus", QUIET, "button", "hall") + "silent_after_s = 60\n",
            sensor("door", "pins", f"GPIO{DOOR_PIN}", "door", "door"),
        ]
    )
