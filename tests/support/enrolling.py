"""A site for the tests of enrolment, its service as a real process, and a box that asks it."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
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
from simulators import site as simulated
from simulators.mosquitto import free_port

ROOT = Path(__file__).parents[2]
HOUR_S = 3_600

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
    port, log = free_port(), folder / "log"
    with (
        contextlib.closing(make_site(folder / "site", port)) as site,
        simulated.serving(folder / "site", log) as process,
    ):
        yield Served(site, port, log, process)


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
