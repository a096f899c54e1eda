"""A whole hub for trials and tests: the real daemon in its own process, a real Mosquitto with TLS 1.3, a centre."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from agent.ask import AskError, ask
from agent.clock import SystemClock
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, read_key
from agent.wire.messages import decode_event, decode_report
from rules.reports import AlarmRaised, Report
from simulators.centre import SimulatedCentre
from simulators.hub_process import HubProcess
from simulators.keys import KeySet, make_keys
from simulators.mosquitto import Mosquitto, ServerFiles
from simulators.timeline import Entry

HUB = "hub-test"

NO_WINDOW = "".join(f"[kind.{kind}]\ncancel_s = 0\n" for kind in ("pendant", "button", "fall", "pull-cord"))
"""No cancel window, so that a press is an alarm at once."""

LEDGER_MAX = 1_000_000
"""More events than any trial makes."""

_POLL_S = 0.05

R = TypeVar("R", bound=Report)


class UnsettledError(Exception):
    """The centre still lacks something, or things still come; the message says what."""


class Rig:
    """Broker, centre and hub, in `folder`. `tables` is the rest of hub.toml: drivers, sensors, kinds.

    Entering starts broker and centre; the hub starts when told. `port` is where the hub finds its broker: set it before
    `write_config` to lead the line through a proxy. `way` are lines that say more of it, instead of 127.0.0.1, and
    `standby` those of a second uplink, "4g", which there is if they say anything. `outputs` is the hub's choice of
    outputs, as a line of its own or as a table. `state_dir` may lie on another disk.
    """

    def __init__(
        self,
        folder: Path,
        tables: str,
        *,
        outputs: str = 'outputs = "log"',
        pins: bool = False,
        state_dir: Path | None = None,
        broker_extra: str = "",
    ) -> None:
        self.folder = folder
        self.state_dir = state_dir or folder / "state"
        self.keys: KeySet = make_keys(folder / "keys", SystemClock().now().wall_ms, [HUB])
        broker = self.keys.broker
        self.broker = Mosquitto(
            folder / "broker", tls=ServerFiles(self.keys.ca, broker.certificate, broker.key), extra=broker_extra
        )
        self.config = folder / "hub.toml"
        self.port = self.broker.port
        self.way, self.standby = 'host = "127.0.0.1"', ""
        self._tables, self._outputs = tables, outputs
        self.hub = HubProcess(self.config, pins=pins)
        self.centre: SimulatedCentre

    def write_config(self) -> None:
        """Write hub.toml as things are now."""
        keys = self.keys.hubs[HUB]
        plain = self._outputs.startswith("outputs")  # a plain key must come before the first table
        self.config.write_text(
            f"""
hub = "{HUB}"
state_dir = "{self.state_dir}"
socket = "{self.folder}/ask"
{self._outputs if plain else ""}
[keys]
hub = "{keys.signing}"
centre = ["{self.keys.centre_public}"]
plan = "{keys.plan}"
{self._uplink("main", self.way, f"port = {self.port}")}
{self._uplink("4g", self.standby, "standby = true") if self.standby else ""}
{"" if plain else self._outputs}
{self._tables}
"""
        )

    def _uplink(self, name: str, *way: str) -> str:
        tls = self.keys.hubs[HUB].tls
        files = f'ca = "{self.keys.ca}"', f'certificate = "{tls.certificate}"', f'key = "{tls.key}"'
        return "\n".join(("[[uplink]]", f'name = "{name}"', *way, *files))

    async def __aenter__(self) -> Self:
        self.write_config()
        self.broker.start()
        self.centre = self.make_centre()
        await self.centre.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hub.kill()
        await self.centre.stop()
        self.broker.stop()

    def make_centre(self, ledger: str = ":memory:") -> SimulatedCentre:
        """Make a centre at this broker, not yet started. With a path for its ledger, another can take over from it."""
        return SimulatedCentre(
            "localhost",
            self.broker.port,
            read_key(self.keys.centre, CENTRE_ALGORITHM),
            {HUB: [read_key(self.keys.hubs[HUB].public, HUB_ALGORITHM)]},
            SystemClock(),
            tls=self.centre_tls(),
            ledger=ledger,
        )

    def centre_tls(self) -> ssl.SSLContext:
        """Give the TLS context that the centre connects with."""
        tls = ssl.create_default_context(cafile=self.keys.ca)
        tls.load_cert_chain(self.keys.centre_tls.certificate, self.keys.centre_tls.key)
        return tls

    # --- what the centre saw -----------------------------------------------------------------------

    def came(self, kind: str) -> list[Entry]:
        """Give every accepted event of a type, first arrivals only."""
        return [entry for entry in self.centre.timeline.entries() if _is_first(entry, kind)]

    def held(self, kind: type[R]) -> list[tuple[str, R]]:
        """Give every report of a type that the centre's ledger holds, with its id, in the order they came."""
        entries = [entry for _, entry, _ in self.centre.ledger.events(limit=LEDGER_MAX)]
        reports = ((entry.id, decode_report(decode_event(entry.body))) for entry in entries)
        return [(ref, report) for ref, report in reports if isinstance(report, kind)]

    def alarms_by_sensor(self) -> dict[str, list[str]]:
        """Give the ids of every alarm the centre holds, by the sensor that raised it."""
        alarms: dict[str, list[str]] = {}
        for _, report in self.held(AlarmRaised):
            alarms.setdefault(report.sensor, []).append(report.alarm)
        return alarms

    async def event(self, kind: str, *, after: int = 0, count: int = 1, timeout_s: float = 15) -> Entry:
        """Wait for an accepted event of a type. Raises TimeoutError."""
        return await self.centre.timeline.wait_for(
            lambda entry: _is_first(entry, kind), after=after, count=count, timeout_s=timeout_s
        )

    async def online(self, *, after: int = 0, timeout_s: float = 40) -> Entry:
        """Wait until the hub has said that it is online. Raises TimeoutError."""
        return await self.centre.timeline.wait_for(
            lambda entry: entry.way == "in" and entry.type == "online", after=after, timeout_s=timeout_s
        )

    async def settled(self, quiet_s: float = 1.5, timeout_s: float = 60) -> None:
        """Wait until nothing is missing at the centre and nothing more comes for a while. Raises UnsettledError."""
        loop = asyncio.get_running_loop()
        until, seen, since = loop.time() + timeout_s, -1, loop.time()
        while loop.time() < until:
            now_seen = len(self.centre.timeline)
            if now_seen != seen:
                seen, since = now_seen, loop.time()
            elif loop.time() - since >= quiet_s and not self.centre.intake.missing(HUB):
                return
            await asyncio.sleep(_POLL_S)
        raise UnsettledError(f"still missing at the centre after {timeout_s:g} s: {self.centre.intake.missing(HUB)}")

    # --- what the hub says of itself -----------------------------------------------------------------

    async def status(self) -> dict[str, Any]:
        """Ask the hub over its local socket. Raises AskError."""
        answer: dict[str, Any] = json.loads(await asyncio.to_thread(ask, self.folder / "ask"))
        return answer

    async def until_status(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 15) -> dict[str, Any]:
        """Ask until the answer is as wanted, and give it. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                with contextlib.suppress(AskError):  # not yet
                    status = await self.status()
                    if wanted(status):
                        return status
                await asyncio.sleep(_POLL_S)

    async def listening(self, timeout_s: float = 15) -> None:
        """Wait until every driver hears. Raises TimeoutError."""
        await self.until_status(lambda status: all(each["listening"] for each in status["drivers"]), timeout_s)


def _is_first(entry: Entry, kind: str) -> bool:
    return entry.way == "in" and entry.type == kind and entry.verdict == "accepted"


# --- hub.toml, in pieces ------------------------------------------------------------------------------


def radio(device: Path) -> str:
    """Give the table of an RFXtrx433 receiver."""
    return f'[driver.radio]\ntype = "rfxtrx"\ndevice = "{device}"\n'


def sensor(name: str, driver: str, address: str, kind: str, location: str = "home") -> str:
    """Give a sensor's table."""
    return (
        f'[[sensor]]\nid = "{name}"\ndriver = "{driver}"\naddress = "{address}"\n'
        f'kind = "{kind}"\nlocation = "{location}"\nperson = "p1"\n'
    )


def pendants(numbers: Iterable[int]) -> str:
    """Give the tables of X10 remotes, each in a room of its own, so that no alarm joins another."""
    return "".join(sensor(f"pendant-{n}", "radio", security1(n), "pendant", f"room-{n}") for n in numbers)


# --- what the sensors say -----------------------------------------------------------------------------


def security1(number: int) -> str:
    """Give the address of the `number`-th X10 remote."""
    return f"security1:{0xA00000 + number:06x}"


def x10(number: int, status: int = 0x06) -> bytes:
    """Give the frame of the `number`-th X10 remote: 06 is panic, 16 battery low, 00 normal."""
    return bytes([0x08, 0x20, 0x02, 0x00, *(0xA00000 + number).to_bytes(3), status, 0x89])
