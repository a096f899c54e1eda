"""A site for the tests of enrolment, its service as a real process, and a box that asks it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.clock import Clock, SystemClock
from agent.wire.enrolment import Code, WayIn
from centre.site.serving import run
from centre.site.site import Site, SiteSettings
from provisioning.provision.enrol import Outcome, enrol_box
from provisioning.provision.folder import HubFolder
from rules.values import Now

ROOT = Path(__file__).parents[2]
HOUR_S = 3_600
COMMAND = sys.executable, "-c", "from centre.site.serving import serve; serve()"

KEY_FILES = ("hub.key", "plan.key", "uplink.key")
FILES = {*KEY_FILES, "ca.pem", "centre-1.pem", "enrolment.json", "site-issuing.pem", "site.jws", "uplink.pem"}
"""What `keys/` holds of a hub that has enrolled, and nothing else."""


class Off:
    """A clock that is wrong by so much, and is vouched for or not."""

    boot = "b00000000000"

    def __init__(self, off_ms: int = 0, *, synced: bool = False) -> None:
        self._clock, self.off_ms, self._synced = SystemClock(), off_ms, synced

    def now(self) -> Now:
        now = self._clock.now()
        return Now(now.ms, now.wall_ms + self.off_ms, self._synced)


RIGHT = Off(synced=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def make_site(folder: Path, port: int = 1, clock: Clock = RIGHT) -> Site:
    settings = SiteSettings(
        name="Test site", enrolment=f"localhost:{port}", way=(WayIn(host="broker.example.org", port=8884),)
    )
    return Site.create(folder, settings, clock.now().wall_ms)


def code_for(site: Site, hub: str, clock: Clock = RIGHT, lifetime_s: int = HOUR_S) -> Code:
    return site.issue_token(hub, lifetime_s, clock.now().wall_ms)


class Served(NamedTuple):
    """A site whose service runs. `log` is what the process says."""

    site: Site
    port: int
    log: Path
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Run `hearthline provision serve` for a new site in a process of its own, until the end."""
    port = free_port()
    with contextlib.closing(make_site(folder / "site", port)) as site, (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            (*COMMAND, "--site", str(folder / "site"), "--host", "127.0.0.1", "--json"),
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), (folder / "log").read_text()
            yield Served(site, port, folder / "log", process)
        finally:
            process.terminate()
            process.wait(10)
            assert process.stdout is not None
            process.stdout.close()


@contextlib.asynccontextmanager
async def serving_here(folder: Path, clock: Clock = RIGHT) -> AsyncIterator[Site]:
    """Run the service for a new site in this process, by this clock; it ends as it does for SIGTERM."""
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, contextlib.closing(make_site(folder / "site", listening.getsockname()[1], clock)) as site:
        running = asyncio.create_task(run(site, clock, listening))
        try:
            yield site
        finally:
            assert not running.done()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(running, 10)


def box(folder: Path) -> HubFolder:
    return HubFolder(folder / "hub.toml")


def asked(code: Code | None) -> Callable[[str | None], Code | None]:
    return lambda _asks: code


def enrolled(folder: Path, code: Code | None, clock: Clock = RIGHT, stick: Path | None = None) -> Outcome:
    home = box(folder)
    with home.held():
        return enrol_box(home, asked(code), clock, stick)
