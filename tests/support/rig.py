"""A whole hub for tests: the real daemon in its own process, a real Mosquitto with TLS 1.3, the simulated centre."""

import asyncio
import json
import os
import socket
import ssl
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.ask import AskError, ask
from agent.clock import SystemClock
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, read_key
from agent.wire.messages import decode_event, decode_report
from rules.reports import AlarmRaised
from simulators.centre import SimulatedCentre
from simulators.keys import KeySet, make_keys
from simulators.mosquitto import Mosquitto, ServerFiles
from simulators.timeline import Entry
from tests.support.pty import SerialAdapter

HUB = "hub-test"
ROOT = Path(__file__).resolve().parents[2]
ARMED_S = 20.0


def security1(number: int) -> str:
    """Give the address of the `number`-th X10 remote."""
    return f"security1:{0xA00000 + number:06x}"


def x10(number: int, status: int = 0x06) -> bytes:
    """Give the frame of the `number`-th X10 remote: 06 is panic, 16 battery low, 00 normal."""
    return bytes([0x08, 0x20, 0x02, 0x00, *(0xA00000 + number).to_bytes(3), status, 0x89])


class HubProcess:
    """The daemon, started as systemd would start it; its log is kept line by line, even of one that was killed."""

    def __init__(self, config: Path, pins_socket: Path | None = None) -> None:
        self.log: list[str] = []
        self._config, self._pins_socket = config, pins_socket
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starts = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> float:
        """Start; give the seconds it took until it said that it is armed."""
        self._starts += 1
        notify = self._config.with_name(f"n{self._starts}")
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(os.fspath(notify))
            sock.setblocking(False)
            began = loop.time()
            command = ["-m", "agent", "--config", str(self._config)]
            if self._pins_socket is not None:
                command = ["-m", "simulators.pins", "--pins-socket", str(self._pins_socket), "--", *command[2:]]
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                env={**os.environ, "NOTIFY_SOCKET": str(notify)},
                cwd=ROOT,
                stderr=asyncio.subprocess.PIPE,
            )
            self._reader = asyncio.create_task(self._read(self._process))
            said = asyncio.create_task(loop.sock_recv(sock, 1024))
            died = asyncio.create_task(self._process.wait())
            done, pending = await asyncio.wait([said, died], timeout=ARMED_S, return_when=asyncio.FIRST_COMPLETED)
            for each in pending:
                each.cancel()
            assert said in done, "the hub did not arm:\n" + "\n".join(self.log[-30:])
            return loop.time() - began

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self.log.append(line.decode(errors="replace").rstrip())

    async def kill(self) -> None:
        """SIGKILL, and what it managed to log before."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._ended()

    async def stop(self) -> int:
        """SIGTERM; give the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await self._ended()

    async def _ended(self) -> int:
        assert self._process is not None
        assert self._reader is not None
        await asyncio.wait_for(self._process.wait(), ARMED_S)
        await asyncio.wait_for(self._reader, ARMED_S)
        assert self._process.returncode is not None
        return self._process.returncode

    def logged(self, words: str) -> list[str]:
        """Give what followed these words in the log, line by line."""
        return [line.split(words, 1)[1].strip() for line in self.log if words in line]


class Rig:
    """Broker, centre and hub. `tables` is the rest of hub.toml: drivers, sensors, pins."""

    def __init__(self, folder: Path, tables: str, *, outputs: str = 'outputs = "log"', pins: bool = False) -> None:
        self.folder = folder
        self.keys: KeySet = make_keys(folder / "keys", SystemClock().now().wall_ms, [HUB])
        broker = self.keys.broker
        self.broker = Mosquitto(folder / "broker", tls=ServerFiles(self.keys.ca, broker.certificate, broker.key))
        self.config = folder / "hub.toml"
        self.port = self.broker.port
        self._tables, self._outputs = tables, outputs
        self.pins_socket = folder / "pins" if pins else None
        self.hub = HubProcess(self.config, self.pins_socket)
        self.centre: SimulatedCentre

    def write_config(self) -> None:
        keys = self.keys.hubs[HUB]
        self.config.write_text(
            f"""
hub = "{HUB}"
state_dir = "{self.folder}/state"
socket = "{self.folder}/ask"
{self._outputs if self._outputs.startswith("outputs") else ""}
[keys]
hub = "{keys.signing}"
centre = ["{self.keys.centre_public}"]
[[uplink]]
name = "main"
host = "127.0.0.1"
port = {self.port}
ca = "{self.keys.ca}"
certificate = "{keys.tls.certificate}"
key = "{keys.tls.key}"
{"" if self._outputs.startswith("outputs") else self._outputs}
{self._tables}
"""
        )

    async def __aenter__(self) -> Self:
        self.write_config()
        self.broker.start()
        tls = ssl.create_default_context(cafile=self.keys.ca)
        tls.load_cert_chain(self.keys.centre_tls.certificate, self.keys.centre_tls.key)
        hub_key = read_key(self.keys.hubs[HUB].public, HUB_ALGORITHM)
        self.centre = SimulatedCentre(
            "localhost",
            self.broker.port,
            read_key(self.keys.centre, CENTRE_ALGORITHM),
            {HUB: [hub_key]},
            SystemClock(),
            tls=tls,
        )
        await self.centre.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.hub._process is not None:
            await self.hub.kill()
        await self.centre.stop()
        self.broker.stop()

    # --- what the centre saw -----------------------------------------------------------------------

    def came(self, kind: str) -> list[Entry]:
        """Give every accepted event of a type, first arrivals only."""
        return [
            entry
            for entry in self.centre.timeline.entries()
            if entry.way == "in" and entry.type == kind and entry.verdict == "accepted"
        ]

    def alarms_by_sensor(self) -> dict[str, list[str]]:
        """Give the ids of every alarm the centre holds, by the sensor that raised it."""
        alarms: dict[str, list[str]] = {}
        for _, entry, _ in self.centre.ledger.events(limit=100_000):
            report = decode_report(decode_event(entry.body))
            if isinstance(report, AlarmRaised):
                alarms.setdefault(report.sensor, []).append(report.alarm)
        return alarms

    async def event(self, kind: str, *, after: int = 0, count: int = 1, timeout_s: float = 15) -> Entry:
        """Wait for an accepted event of a type."""
        return await self.centre.timeline.wait_for(
            lambda entry: entry.way == "in" and entry.type == kind and entry.verdict == "accepted",
            after=after,
            count=count,
            timeout_s=timeout_s,
        )

    async def online(self, *, after: int = 0, timeout_s: float = 40) -> Entry:
        return await self.centre.timeline.wait_for(
            lambda entry: entry.way == "in" and entry.type == "online", after=after, timeout_s=timeout_s
        )

    async def status(self) -> dict[str, Any]:
        """Ask the hub over its local socket."""
        answer: dict[str, Any] = json.loads(await asyncio.to_thread(ask, self.folder / "ask"))
        return answer

    async def listening(self, timeout_s: float = 15) -> None:
        """Wait until every driver hears."""
        async with asyncio.timeout(timeout_s):
            while not await self._all_listen():
                await asyncio.sleep(0.05)

    async def _all_listen(self) -> bool:
        try:
            return all(driver["listening"] for driver in (await self.status())["drivers"])
        except AskError:  # not yet
            return False

    async def settled(self, quiet_s: float = 1.5, timeout_s: float = 60) -> None:
        """Wait until nothing is missing at the centre and nothing more comes for a while."""
        loop = asyncio.get_running_loop()
        until, seen, since = loop.time() + timeout_s, -1, loop.time()
        while loop.time() < until:
            now_seen = len(self.centre.timeline)
            if now_seen != seen:
                seen, since = now_seen, loop.time()
            elif loop.time() - since >= quiet_s and not self.centre.intake.missing(HUB):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"still missing at the centre: {self.centre.intake.missing(HUB)}")


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


NO_WINDOW = "".join(f"[kind.{kind}]\ncancel_s = 0\n" for kind in ("pendant", "button", "fall", "pull-cord"))

__all__ = ["HUB", "NO_WINDOW", "HubProcess", "Rig", "SerialAdapter", "pendants", "radio", "security1", "sensor", "x10"]
