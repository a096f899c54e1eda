"""The home of the clock's trials: a hub whose wall clock libfaketime moves, and which can be told of another boot."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from agent.clock import SystemClock
from rules.reports import AlarmRaised, Clock
from simulators.hub_process import HubProcess
from simulators.proxy import Proxy
from simulators.rig import Rig, radio, security1, sensor, x10
from simulators.serial_line import SerialAdapter
from simulators.trials.eyes import OUTPUTS, Told, until_told
from simulators.trials.trial import NotHereError, Round, Violation
from simulators.watched_pins import boot_ms

DAY_S = 86_400
BACK_S = 15
"""DESIGN §5: receipted so soon after the line carries again."""

PENDANT, BUTTON, BUTTON_2 = 1, 2, 3
"""A pendant with the cancel window of 10 s, and buttons that call at once."""

NAMES = {PENDANT: "pendant", BUTTON: "button", BUTTON_2: "button-2"}
BOOT = "b00700000001"

_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_ASKING_S = 3.0
_TOLD_S = 120.0


def libfaketime() -> Path:
    """Find the library that fakes the wall clock. Raises NotHereError."""
    for folder in _FOLDERS:
        for pattern in ("faketime/libfaketimeMT.so.1", "*/faketime/libfaketimeMT.so.1"):
            for path in sorted(Path(folder).glob(pattern)):
                return path
    raise NotHereError("no libfaketime: as root, apt install libfaketime")


class Home:
    """A hub whose clocks a trial may move: its wall clock, whether that is trusted, and which boot this is.

    CLOCK_MONOTONIC and CLOCK_BOOTTIME are left alone, as nobody can set them: `FAKETIME_DONT_FAKE_MONOTONIC` holds for
    both (libfaketime 0.9.10, looked at). Under it `time.sleep` fails; the hub does not use it.
    """

    def __init__(self, rig: Rig, line: Proxy, adapter: SerialAdapter, rng: random.Random) -> None:
        self.rig, self.line, self.rng = rig, line, rng
        self.ahead_s = 0
        self._adapter = adapter
        self._wall, self._trust = rig.folder / "wall", rig.folder / "trust"
        self._boot = BOOT
        self.step(0)

    @property
    def since_1970_s(self) -> int:
        """How far back the wall clock of a box without a battery is."""
        return _wall_ms() // 1000

    def step(self, ahead_s: int) -> None:
        """Set the hub's wall clock so far ahead of ours, or behind."""
        self.ahead_s = ahead_s
        new = self._wall.with_suffix(".new")
        new.write_text(f"{ahead_s:+d}\n")
        new.replace(self._wall)  # whole, whenever it is read

    def trust(self, *, trusted: bool) -> None:
        """Have the kernel vouch for the hub's wall clock, or not."""
        if trusted:
            self._trust.touch()
        else:
            self._trust.unlink(missing_ok=True)

    async def start(self, boot: str = BOOT, ago_ms: int = 500_000_000) -> None:
        """Start the hub, in a boot of the machine that was so long ago."""
        self._boot = boot
        self.rig.hub = HubProcess(
            self.rig.config,
            pins=False,
            through=(
                *("-m", "simulators.trials.clock.hub", str(self._trust), boot, str(ago_ms)),
                *("--pins-socket", str(self.rig.folder / "pins.sock"), "--until-stdin-closes", "--"),
            ),
            environment={
                "LD_PRELOAD": str(libfaketime()),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_TIMESTAMP_FILE": str(self._wall),
                "FAKETIME_NO_CACHE": "1",
                "NO_FAKE_STAT": "1",
            },
        )
        await self.rig.hub.start()
        await self.rig.listening()
        await self.moved()

    async def online(self) -> None:
        """Wait for the first connection. Raises Violation: without one no alarm can leave."""
        try:
            await self.rig.online(timeout_s=BACK_S)
        except TimeoutError:
            raise Violation(f"S3: the hub did not come online: {(await self.rig.status())['links']}") from None

    def connect_anew(self) -> None:
        """End the hub's connection: it makes another, and judges the broker by its clock as it is now."""
        self.line.cut()
        self.line.forward()

    def press(self, number: int) -> int:
        """Press a device; give the moment, boot-relative on our clock."""
        self._adapter.say(x10(number))
        return boot_ms()

    async def moved(self) -> None:
        """Make sure that the hub's wall clock is where it was put: or the trial tries nothing."""
        off_s = self._off_s((await self.rig.status())["clock"]["wall"])
        if abs(off_s) > _ASKING_S:
            raise RuntimeError(f"the hub's wall clock is {off_s:.1f} s from where libfaketime was told to put it")

    def check(self, clock: Clock, *, trusted: bool, boot: str = "") -> None:
        """Hold the clock of a recent report against what the hub could know. Raises Violation."""
        expected = (boot or self._boot, trusted)
        if (clock.boot, clock.synced) != expected or not -_TOLD_S < self._off_s(clock.wall) < _ASKING_S:
            raise Violation(f"S6: an event said {clock}; boot, trusted: {expected}; ahead by {self.ahead_s} s")

    def _off_s(self, wall: str) -> float:
        return datetime.fromisoformat(wall).timestamp() - _wall_ms() / 1000 - self.ahead_s

    async def raised(self, number: int, *, timeout_s: float = 15) -> Told[AlarmRaised]:
        """Wait for a device's alarm at the centre. Raises Violation."""
        name = NAMES[number]
        try:
            return await until_told(self.rig, AlarmRaised, lambda each: each.sensor == name, timeout_s=timeout_s)
        except TimeoutError:
            raise Violation(f"S3: no alarm of the {name} within {timeout_s:g} s") from None

    async def offered(self, ref: str, times: int, *, timeout_s: float) -> int:
        """Wait until an event has been offered so often; give the moment. Raises Violation."""
        try:
            entry = await self.rig.centre.timeline.wait_for(
                lambda each: each.way == "in" and each.ref == ref, count=times, timeout_s=timeout_s
            )
        except TimeoutError:
            raise Violation(
                f"S3: an alarm without a receipt was not offered {times} times in {timeout_s:g} s"
            ) from None
        return entry.ms

    async def receipted(self, timeout_s: float = BACK_S) -> None:
        """Wait until the centre's receipt for every open alarm is in. Raises Violation."""
        try:
            await self.rig.until_status(
                lambda status: (
                    bool(status["alarms"]) and {each["delivery"] for each in status["alarms"]} == {"received"}
                ),
                timeout_s,
            )
        except TimeoutError:
            links = (await self.rig.status())["links"]
            raise Violation(f"S2 S3: an alarm without a receipt {timeout_s:g} s after the line came: {links}") from None


def _wall_ms() -> int:
    return SystemClock().now().wall_ms


@asynccontextmanager
async def home(this: Round) -> AsyncIterator[Home]:
    """Set up broker, centre and an adapter; the hub starts when told. Raises NotHereError."""
    libfaketime()
    adapter = SerialAdapter(this.folder / "radio").plug_in()
    kinds = {PENDANT: "pendant", BUTTON: "button", BUTTON_2: "button"}
    sensors = (sensor(NAMES[n], "radio", security1(n), kind, f"room-{n}") for n, kind in kinds.items())
    tables = "".join([radio(adapter.path), *sensors, "[kind.button]\ncancel_s = 0\n"])
    try:
        rig = Rig(this.folder, tables, outputs=OUTPUTS)
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
            rig.port = line.port
            async with rig:
                yield Home(rig, line, adapter, random.Random(this.seed))
    finally:
        adapter.pull()
