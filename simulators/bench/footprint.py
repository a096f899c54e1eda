"""What a hub costs while nothing happens: how soon it is armed, its memory, its idle processor time; and the disk's."""

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
    """`armed_s`: from exec to READY, of each start. `idle_percent`: of one core.

    `pss_kib` is the proportional set size, `rss_kib` the whole resident one: pages that the hub shares with this
    benchmark count half in the first, and would count whole on a box where nothing else runs Python.
    """

    armed_s: list[float]
    pss_kib: int
    rss_kib: int
    idle_percent: float


def measure(config: Path, idle_s: float = IDLE_S) -> Footprint:
    """Start the hub as systemd would, several times; leave the last one idle and look at it."""
    armed: list[float] = []
    for number in range(STARTS):
        process, took_s = _start(config, config.with_name(f"notify{number}"))
        armed.append(took_s)
        try:
            if number == STARTS - 1:
                time.sleep(3)  # connected, and through its first reports
                before = _cpu_s(process.pid)
                time.sleep(idle_s)
                idle_percent = (_cpu_s(process.pid) - before) / idle_s * 100
                pss_kib, rss_kib = _kib(process.pid, "Pss:"), _kib(process.pid, "Rss:")
        finally:
            process.terminate()
            process.wait(10)
    return Footprint(armed, pss_kib, rss_kib, idle_percent)


def _start(config: Path, notify: Path) -> tuple[subprocess.Popen[bytes], float]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(notify))
        sock.settimeout(20)
        environ = {**os.environ, "NOTIFY_SOCKET": str(notify)}
        began = time.perf_counter()
        command = [sys.executable, "-m", "agent", "--config", str(config)]
        process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
        sock.recv(1024)
        return process, time.perf_counter() - began


def _kib(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _cpu_s(pid: int) -> float:
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
