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
"""A large home."""
REPEAT_S = 2.1
"""A pendant pressed again sooner than 2 s is the same press."""
WARM_UP = 20
"""Presses at the start of each round that are not counted."""
ROOT = Path(__file__).resolve().parents[2]


class Probe:
    """The moments of one press, in seconds of the event loop's clock; one list a stage."""

    STAGES = ("output", "durable", "puback", "receipt")

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {stage: [] for stage in self.STAGES}
        self._began = 0.0
        self._seen: set[str] = set()

    def press(self, *, counts: bool = True) -> None:
        """Begin with a press; one that does not count is for warming up."""
        self._began = asyncio.get_running_loop().time()
        self._seen = set() if counts else set(self.STAGES)

    def reached(self, stage: str) -> None:
        """Note that this press got so far; only the first time counts."""
        if stage not in self._seen:
            self._seen.add(stage)
            self.taken[stage].append(asyncio.get_running_loop().time() - self._began)


class Pace:
    """Presses the pendants in turn, each once it has rested: a quick round through the home, then a pause."""

    def __init__(self) -> None:
        self._rested_at = [0.0] * PENDANTS
        self._next = 0

    async def next(self) -> int:
        """Wait until a pendant may be pressed; give its number."""
        number, self._next = self._next, (self._next + 1) % PENDANTS
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._rested_at[number] - loop.time()))
        self._rested_at[number] = loop.time() + REPEAT_S
        return number


class Line:
    """A pty on which a pendant's receiver speaks."""

    def __init__(self, path: Path) -> None:
        self._master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.path = path
        path.symlink_to(os.ttyname(self.slave))

    def press(self, number: int) -> None:
        """Send the panic frame of the `number`-th X10 remote."""
        self.write(frame(number))

    def write(self, data: bytes) -> None:
        """Send bytes."""
        os.write(self._master, data)

    def close(self) -> None:
        """Pull it."""
        os.close(self._master)
        os.close(self.slave)


def frame(number: int, status: int = 0x06, battery: int = 9) -> bytes:
    """Give an X10 remote's frame as an RFXtrx433 hands it on: panic, or another status; its battery from 0 to 15."""
    return bytes([0x08, 0x20, 0x02, 0x00, *(0xA00000 + number).to_bytes(3), status, 0x80 | battery])


class Stage:
    """Broker and centre, up for as long as it is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: KeySet = make_keys(folder / "keys", SystemClock().now().wall_ms, [HUB, FLOOR])
        broker = self.keys.broker
        self.broker = Mosquitto(folder / "broker", tls=ServerFiles(self.keys.ca, broker.certificate, broker.key))
        self._centre: subprocess.Popen[bytes] | None = None
        self._homes = 0

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
            for pipe in (self._centre.stdin, self._centre.stdout):
                if pipe is not None:
                    pipe.close()
        self.broker.stop()

    def resolve(self, alarm: str) -> None:
        """Have staff close an alarm."""
        assert self._centre is not None  # noqa: S101 -- entered
        assert self._centre.stdin is not None  # noqa: S101 -- it was asked for
        self._centre.stdin.write(f"resolve {alarm} benchmark\n".encode())
        self._centre.stdin.flush()

    @property
    def centre_pid(self) -> int:
        """The centre's process."""
        assert self._centre is not None  # noqa: S101 -- entered
        return self._centre.pid

    def config(self, device: Path) -> Path:
        """Write a new home's hub.toml: `PENDANTS` pendants without a cancel window, each in its own room, mock pins."""
        self._homes += 1
        keys, state = self.keys.hubs[HUB], self.folder / f"home-{self._homes}"
        sensors = "".join(
            f'[[sensor]]\nid = "p{n}"\ndriver = "radio"\naddress = "security1:{0xA00000 + n:06x}"\n'
            f'kind = "pendant"\nlocation = "room-{n}"\n'
            for n in range(PENDANTS)
        )
        path = self.folder / f"home-{self._homes}.toml"
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
