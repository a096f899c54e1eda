"""A flat: somebody who lives there, the devices around them, and the hub that listens, with its own `hub.toml`."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from simulators.broker import DemoBroker
from simulators.devices import PENDANT, FallRadar, Rfxtrx433
from simulators.hub_process import HubProcess
from simulators.keys import HubKeys, KeySet
from simulators.watched_pins import Change
from simulators.zigbee import SmokeAlarm, SosButton, WaterSensor, Zigbee2Mqtt

BUTTONS: Mapping[str, int] = {"call": 5, "cancel": 6, "arrived": 13, "answer": 19}
OUTPUTS: Mapping[str, int] = {
    "call": 16,
    "arrived": 20,
    "someone": 21,
    "fault": 26,
    "siren": 12,
    "sounder": 18,
    "prompt": 23,
    "alert": 24,
}
PULL_CORD, PILL_BOX, DOOR = 17, 22, 27
"""Broadcom pin numbers, as the flat is wired."""

HOLD_MS = 3_400
"""A button held as people hold it who were told "three seconds" (DESIGN §4: hold = 3 s), debounce and all."""

PERSON = "resident-1"
LID, FRONT_DOOR = "pill-box-1", "door-1"
WATCHED = frozenset({LID, FRONT_DOOR})
"""Sensors that never call for help."""

_PRESS_MS = 250


class Line(msgspec.Struct, frozen=True):
    """A way to the centre's broker that the hub shall use: plain on the loopback, or with the flat's certificate.

    With an `address` that is where it leads, and `host` is who must answer there.
    """

    port: int
    name: str = "main"
    host: str = "127.0.0.1"
    address: str = ""
    tls: bool = False


class Flat:
    """A flat in `folder`, which keeps the hub's state, log and configuration. Use it as `async with`.

    `keys` must have been made for `hub` (`simulators.keys.make_keys`). `cancel_s` overrides kinds' cancel windows, in
    seconds. `sound` is the device of the hub's loudspeaker; "" for a home that has none. `bus` is the host and port of
    the local broker that the Zigbee devices use, for a test that brings its own; otherwise the flat runs one. `seed`
    decides all jitter; `noise` is how noisy the 433 MHz band is (0 to 1).

    Entering plugs everything in, and writes `hub.toml`; the hub itself runs from `start_hub()` to `stop_hub()`.
    """

    def __init__(  # noqa: PLR0913 -- every one is a choice of the demonstration's, named at the call
        self,
        folder: Path,
        keys: KeySet,
        lines: Sequence[Line],
        *,
        hub: str = "demo-hub",
        cancel_s: Mapping[str, int] | None = None,
        sound: str = "",
        bus: tuple[str, int] | None = None,
        seed: int = 1,
        noise: float = 0.0,
    ) -> None:
        self.folder, self.hub_id = folder, hub
        self.config = folder / "hub.toml"
        self.hub = HubProcess(self.config)
        self._keys, self._lines, self._cancel_s, self._sound = keys, tuple(lines), dict(cancel_s or {}), sound
        self._rng = random.Random(seed)
        self._broker = DemoBroker() if bus is None else None
        self._bus = bus
        folder.mkdir(parents=True, exist_ok=True)
        self.radio = Rfxtrx433(folder / "radio", self._rng, noise=noise)
        self.radar = FallRadar(folder / "radar", self._rng)
        self.zigbee: Zigbee2Mqtt
        self.water: WaterSensor
        self.sos: SosButton
        self.smoke: SmokeAlarm

    async def __aenter__(self) -> Self:
        if self._broker is not None:
            await asyncio.to_thread(self._broker.start)
            self._bus = (self._broker.host, self._broker.port)
        assert self._bus is not None  # noqa: S101 -- one of the two
        self.zigbee = Zigbee2Mqtt(*self._bus, self._rng)
        self.water = WaterSensor(self.zigbee, "kitchen-water", self._rng)
        self.sos = SosButton(self.zigbee, "bedroom-sos", self._rng)
        self.smoke = SmokeAlarm(self.zigbee, "kitchen-smoke", self._rng)
        try:
            await self.zigbee.start()
            await self.radio.start()
            await self.radar.start()
            self.config.write_text(self.toml())
        except BaseException:
            await self._clear_out()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._clear_out()

    async def _clear_out(self) -> None:
        await self.hub.stop()
        await self.radio.stop()
        await self.radar.stop()
        await self.zigbee.stop()
        if self._broker is not None:
            await asyncio.to_thread(self._broker.stop)

    # --- the hub -----------------------------------------------------------------------------------

    async def start_hub(self) -> None:
        """Start the hub; returns once it is armed. Raises HubStartError."""
        await self.hub.start()

    async def stop_hub(self) -> None:
        """Stop the hub in good order."""
        await self.hub.stop()

    async def kill_hub(self) -> None:
        """Kill the hub (SIGKILL)."""
        await self.hub.kill()

    async def seen(self) -> AsyncIterator[tuple[str, Change]]:
        """Give what the resident sees and hears: the part (`siren`, `call`, …) and how it changed."""
        parts = {pin: part for part, pin in OUTPUTS.items()}
        async for change in self.hub.pins.watch():
            if change.pin in parts:
                yield parts[change.pin], change

    # --- what people do ----------------------------------------------------------------------------

    async def press_pendant(self) -> None:
        """Press the pendant around one's neck. Returns when it has sent all its repeats, after about a second."""
        await self.radio.press()

    async def press_sos(self) -> None:
        """Press the SOS button beside the bed."""
        await self.sos.press()

    async def fall(self) -> None:
        """Fall in the bathroom, under the radar."""
        self.radar.fall()

    async def get_up(self) -> None:
        """Get up again."""
        self.radar.get_up()

    async def wet_floor(self) -> None:
        """Let the kitchen sink run over."""
        await self.water.wet()

    async def dry_floor(self) -> None:
        """Mop it up."""
        await self.water.dry()

    async def burn_toast(self) -> None:
        """Let the toast burn: smoke reaches the alarm in the kitchen."""
        await self.smoke.smell()

    async def open_window(self) -> None:
        """Let the smoke out."""
        await self.smoke.clear()

    async def pull_cord(self) -> None:
        """Pull the cord in the hall; it stays pulled, and chatters as it closes."""
        await self.hub.pins.bounce(PULL_CORD, "low")

    async def reset_cord(self) -> None:
        """Push the cord's switch back."""
        await self.hub.pins.drive(PULL_CORD, "free")

    async def press_call(self) -> None:
        """Press the hub's call button."""
        await self.hub.pins.press(BUTTONS["call"], _PRESS_MS)

    async def press_cancel(self) -> None:
        """Press the hub's cancel button."""
        await self.hub.pins.press(BUTTONS["cancel"], _PRESS_MS)

    async def hold_arrived(self) -> None:
        """Hold the button that says "help has arrived", as the neighbour does who came in."""
        await self.hub.pins.press(BUTTONS["arrived"], HOLD_MS)

    async def press_answer(self) -> None:
        """Press the hub's button with the tick: yes, done; or: heard."""
        await self.hub.pins.press(BUTTONS["answer"], _PRESS_MS)

    async def hold_answer(self) -> None:
        """Hold it: later; or, when nothing is asked: tell me something."""
        await self.hub.pins.press(BUTTONS["answer"], HOLD_MS)

    async def open_pill_box(self) -> None:
        """Open the lid of the pill box: its contact chatters as it closes."""
        await self.hub.pins.bounce(PILL_BOX, "low")

    async def shut_pill_box(self) -> None:
        """Shut it again."""
        await self.hub.pins.drive(PILL_BOX, "free")

    async def use_door(self) -> None:
        """Open the front door, and shut it."""
        await self.hub.pins.press(DOOR, _PRESS_MS)

    # --- what happens to things --------------------------------------------------------------------

    def unplug_radio(self) -> None:
        """Pull the 433 MHz receiver, to plug in the vacuum cleaner."""
        self.radio.unplug()

    def plug_radio(self) -> None:
        """Plug it in again."""
        self.radio.plug()

    def unplug_radar(self) -> None:
        """Pull the radar."""
        self.radar.unplug()

    def plug_radar(self) -> None:
        """Plug it in again."""
        self.radar.plug()

    # --- its configuration -------------------------------------------------------------------------

    def toml(self) -> str:
        """Write the hub's configuration, as an installer would for this flat. References only, no names (S11)."""
        mine = self._keys.hubs[self.hub_id]
        assert self._bus is not None  # noqa: S101 -- the flat is entered
        tables = [
            _table("", {"hub": self.hub_id, "state_dir": "state", "socket": "hub.sock"}),
            _table("[keys]", {"hub": mine.signing, "centre": self._keys.centres, "plan": mine.plan}),
            *(_table("[[uplink]]", self._uplink(line, mine)) for line in self._lines),
            _table("[pins]", {"factory": "mock"}),
            _table("[outputs]", OUTPUTS),
            _table("[buttons]", BUTTONS),
            *([_table("[sound]", {"device": self._sound})] if self._sound else []),
            _table("[driver.wires]", {"type": "gpio"}),
            _table("[driver.radio]", {"type": "rfxtrx", "device": str(self.radio.line.path.absolute())}),
            _table("[driver.radar]", {"type": "mr60fda1", "device": str(self.radar.line.path.absolute())}),
            _table("[driver.zigbee]", {"type": "zigbee2mqtt", "host": self._bus[0], "port": self._bus[1]}),
            *(_table("[[sensor]]", sensor) for sensor in _sensors()),
            *(_table(f"[kind.{kind}]", {"cancel_s": seconds}) for kind, seconds in self._cancel_s.items()),
        ]
        return "\n".join(tables)

    def _uplink(self, line: Line, mine: HubKeys) -> dict[str, object]:
        files = {"ca": self._keys.ca, "certificate": mine.tls.certificate, "key": mine.tls.key} if line.tls else {}
        where = {"host": line.host, "port": line.port} | ({"address": line.address} if line.address else {})
        return {"name": line.name} | where | files


def _sensors() -> list[dict[str, object]]:
    return [
        {"id": name, "driver": driver, "address": address, "kind": kind, "location": location, "person": PERSON}
        for name, driver, address, kind, location in (
            ("pendant-1", "radio", f"security1:{PENDANT}", "pendant", "home"),
            ("fall-1", "radar", "radar", "fall", "bathroom"),
            ("water-1", "zigbee", "kitchen-water", "flood", "kitchen"),
            ("smoke-1", "zigbee", "kitchen-smoke", "smoke", "kitchen"),
            ("sos-1", "zigbee", "bedroom-sos", "button", "bedroom"),
            ("cord-1", "wires", f"GPIO{PULL_CORD}", "pull-cord", "hall"),
            (LID, "wires", f"GPIO{PILL_BOX}", "lid", "kitchen"),
            (FRONT_DOOR, "wires", f"GPIO{DOOR}", "door", "hall"),
        )
    ]


def _table(head: str, values: Mapping[str, object]) -> str:
    """Write a TOML table. JSON's strings, numbers and lists of them are TOML's too."""
    lines = [f"{key} = {json.dumps(value, default=_absolute)}" for key, value in values.items()]
    return "\n".join([*filter(None, [head]), *lines, ""])


def _absolute(path: object) -> str:
    return str(Path(str(path)).absolute())
