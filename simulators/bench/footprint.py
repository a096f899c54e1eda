"""What a hub costs while nothing happens: how soon it is armed, its idle processor time; and what the disk costs."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

STARTS = 10
IDLE_S = 30.0
SYNCS = 200


class Footprint(msgspec.Struct, frozen=True):
    """`armed_s`: from exec to READY, of each start. `idle_percent`: of one core."""

    armed_s: list[float]
    idle_percent: float


def measure(config: Path, idle_s: float = IDLE_S) -> Footprint:
    """Start the hub as systemd would, several times; leave the last one idle and look at it."""
    armed: list[float] = []
    compile_once(config)
    for number in range(STARTS):
        process, took_s = start(config, config.with_name(f"notify{number}"))
        armed.append(took_s)
        try:
            if number == STARTS - 1:
                time.sleep(3)  # connected, and through its first reports
                before = cpu_s(process.pid)
                time.sleep(idle_s)
                idle_percent = (cpu_s(process.pid) - before) / idle_s * 100
        finally:
            process.terminate()
            process.wait(10)
    return Footprint(armed, idle_percent)


def compile_once(config: Path, module: str = "agent") -> None:
    """Start and stop a hub, so that the next one finds everything compiled."""
    process, _ = start(config, config.with_name(f"notify-{module}"), module)
    process.terminate()
    process.wait(10)


def start(config: Path, notify: Path, module: str = "agent") -> tuple[subprocess.Popen[bytes], float]:
    """Start a hub; give its process once it is armed, and how many seconds that took."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(notify))
        sock.settimeout(20)
        # Compiled once, as an installation is: compiling takes half a second, and memory that is not given back.
        environ = {**os.environ, "NOTIFY_SOCKET": str(notify), "PYTHONPYCACHEPREFIX": str(config.with_name("compiled"))}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.perf_counter()
        command = [sys.executable, "-m", module, "--config", str(config)]
        process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
        sock.recv(1024)
        return process, time.perf_counter() - began


def cpu_s(pid: int) -> float:
    """Give the processor time a process has had, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sync_ms(folder: Path) -> list[float]:
    """Time fdatasync of one 4 KiB page appended to a file, so many times, in ms: what a commit costs this disk."""
    taken: list[float] = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    return taken
