"""What hub and floor share: a real Mosquitto with TLS 1.3, the simulated centre in its own process, keys, a pty."""

import asyncio
import os
import pty
import subprocess
import sys
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.clock import SystemClock
from simulators.keys import KeySet, make_keys
from simulators.mosquitto import Mosquitto, ServerFiles

HUB, FLOOR = "bench-hub", "bench-floor"
PENDANTS = 32
"""A large home. Each is pressed again after 2 s at the earliest."""
ROOT = Path(__file__).resolve().parents[2]


class Probe:
    """The moments of one press, in seconds of the event loop's clock; one list a stage."""

    STAGES = ("output", "durable", "puback", "receipt")

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {stage: [] for stage in self.STAGES}
        self._began = 0.0
        self._seen: set[str] = set()

    def press(self) -> None:
        """Begin with a press."""
        self._began = asyncio.get_running_loop().time()
        self._seen = set()

    def reached(self, stage: str) -> None:
        """Note that this press got so far; only the first time counts."""
        if stage not in self._seen:
            self._seen.add(stage)
            self.taken[stage].append(asyncio.get_running_loop().time() - self._began)


class Line:
    """A pty on which a pendant's receiver speaks."""

    def __init__(self, path: Path) -> None:
        self._master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        path.symlink_to(os.ttyname(self.slave))

    def press(self, number: int) -> None:
        """Send the panic frame of the `number`-th X10 remote."""
        os.write(self._master, frame(number))

    def close(self) -> None:
        """Pull it."""
        os.close(self._master)
        os.close(self.slave)


def frame(number: int) -> bytes:
    """Give an X10 remote's panic frame, as an RFXtrx433 hands it on."""
    return bytes([0x08, 0x20, 0x02, 0x00, *(0xA00000 + number).to_bytes(3), 0x06, 0x89])


class Stage:
    """Broker and centre, up for as long as it is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: KeySet = make_keys(folder / "keys", SystemClock().now().wall_ms, [HUB, FLOOR])
        broker = self.keys.broker
        self.broker = Mosquitto(folder / "broker", tls=ServerFiles(self.keys.ca, broker.certificate, broker.key))
        self._centre: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.broker.start()
        keys = self.keys
        command = [sys.executable, "-m", "simulators.centre", "--port", str(self.broker.port), "--host", "localhost"]
        command += ["--key", str(keys.centre), "--json", "--tls-ca", str(keys.ca)]
        command += ["--tls-cert", str(keys.centre_tls.certificate), "--tls-key", str(keys.centre_tls.key)]
        for hub in (HUB, FLOOR):
            command += ["--hub-key", f"{hub}={keys.hubs[hub].public}"]
        self._centre = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        assert self._centre.stdout is not None  # noqa: S101 -- it was asked for
        self._centre.stdout.readline()  # it is connected
        # Nobody reads the rest: a thread-free way not to let the pipe fill up.
        self._drain = subprocess.Popen(["cat"], stdin=self._centre.stdout, stdout=subprocess.DEVNULL)  # noqa: S607
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._centre is not None:
            self._centre.kill()
            self._centre.wait()
            self._drain.wait()
        self.broker.stop()

    def resolve(self, alarm: str) -> None:
        """Have staff close an alarm."""
        assert self._centre is not None  # noqa: S101 -- entered
        assert self._centre.stdin is not None  # noqa: S101 -- it was asked for
        self._centre.stdin.write(f"resolve {alarm} benchmark\n".encode())
        self._centre.stdin.flush()

    def config(self, device: Path, name: str = "hub.toml") -> Path:
        """Write a hub.toml: `PENDANTS` pendants without a cancel window, each in a room of its own, mock pins."""
        keys, state = self.keys.hubs[HUB], self.folder / name.replace(".toml", "")
        sensors = "".join(
            f'[[sensor]]\nid = "p{n}"\ndriver = "radio"\naddress = "security1:{0xA00000 + n:06x}"\n'
            f'kind = "pendant"\nlocation = "room-{n}"\n'
            for n in range(PENDANTS)
        )
        path = self.folder / name
        path.write_text(
            f"""hub = "{HUB}"
state_dir = "{state}"
socket = "{state}.sock"
[outputs]
call = 16
arrived = 17
someone = 18
fault = 21
siren = 19
sounder = 20
[pins]
factory = "mock"
[keys]
hub = "{keys.signing}"
centre = ["{self.keys.centre_public}"]
[[uplink]]
name = "main"
host = "localhost"
port = {self.broker.port}
ca = "{self.keys.ca}"
certificate = "{keys.tls.certificate}"
key = "{keys.tls.key}"
[kind.pendant]
cancel_s = 0
[driver.radio]
type = "rfxtrx"
device = "{device}"
{sensors}"""
        )
        return path
