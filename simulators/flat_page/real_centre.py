"""The real response centre beside the flat: a site of one home, `hearthline centre run`, somebody who works there."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.clock import SystemClock
from agent.wire.enrolment import WayIn
from centre.running.settings import FILE, SetUpError
from centre.running.starting import link_of, open_quietly
from centre.services import Services
from centre.site.site import Site, SiteSettings
from centre.staff.values import SHELL
from centre.store.records import ContactPerson, Health, Person, Record
from provisioning.provision.enrol import enrol_box
from provisioning.provision.folder import HubFolder
from simulators.demo.world import HUB
from simulators.flat import PERSON
from simulators.flat_page.joining import keys_of
from simulators.keys import KeySet
from simulators.mosquitto import free_port

STAFF = "sam"
"""Who works there in the demonstration, as a supervisor: they see every page but nobody's password."""

HOST = "localhost"
STARTED_S, STOPPED_S = 40.0, 10.0
_CODE_S = 600
_LOG_TAIL = 2_000
_LINE_BYTES_MAX = 64 * 1024

HOME = Record(
    persons=(Person(ref=PERSON, name="Edith Example", language="en"),),
    address="Flat 3, 12 Example Street, Exampleton",
    telephone="01632 960 012",  # Ofcom keeps these numbers free for stories
    access="Second floor, the lift is on the left. The bell does not work: knock.",
    key_safe="Right of the street door, code 0000",
    contacts=(
        ContactPerson(
            ref="daughter", name="Dora Example", telephone="07700 900 034", relation="daughter", holds_key=True
        ),
        ContactPerson(ref="neighbour", name="Ned Next-Door", telephone="01632 960 077", relation="neighbour"),
    ),
    hazards="A small dog, all bark",
    health=(Health(ref=PERSON, born="1938", needs="Hears little on the left. Walks with a frame."),),
    notes="This is a demonstration: nobody of this name lives anywhere.",
)
"""Who lives there. Made up."""


class NoCentreError(Exception):
    """The real centre does not come up on this machine; the message says why."""


def can_run() -> bool:
    """Whether this machine has what the real centre needs besides Python: Mosquitto."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None


class RealCentre:
    """A centre in `folder`, as the far end of a world's line (`simulators.demo.far_end`). Use it as `async with`.

    `console` is where staff work. `services` is its store, opened beside it. Entering raises NoCentreError.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "centre.log"
        self.hub, self.ours = HUB, True
        self.keys: KeySet
        self.place = ("127.0.0.1", free_port())
        self.name = HOST
        self.silent = False
        self.console = ""
        self.services: Services
        self._clock = SystemClock(synced=lambda: True)
        self._process: asyncio.subprocess.Process | None = None
        self._stack = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._found)
            self.console = await self._start()
            await asyncio.to_thread(self._move_in)
        except BaseException as error:
            await self._end()
            if isinstance(error, Exception):
                raise NoCentreError(f"the real centre does not come up: {error}") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    # --- for whoever plays with it -------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.returncode is None

    def silence(self, *, silent: bool) -> None:
        """Freeze the whole process, console and all, as a machine that hangs; its broker is another. Or thaw it."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGSTOP if silent else signal.SIGCONT)
        self.silent = silent

    def link(self) -> str:
        """Make a link by which somebody comes in at the console: good once, for 15 minutes. Blocks."""
        return link_of(self.services, self.services.roster.links.make(SHELL, STAFF, signs_in=True))

    # --- its life --------------------------------------------------------------------------------------

    def _found(self) -> None:
        """Make the site and its settings, all on loopback."""
        self.folder.mkdir(mode=0o700, parents=True)
        enrolment, console = free_port(), free_port()
        settings = SiteSettings(
            name="Demonstration", enrolment=f"{HOST}:{enrolment}", way=(WayIn(host=HOST, port=self.place[1]),)
        )
        Site.create(self.folder / "site", settings, self._clock.now().wall_ms).close()
        choices = self.folder / FILE
        choices.touch(mode=0o600)
        choices.write_text(
            '[broker]\nlisten = "127.0.0.1"\n\n'
            '[enrolment]\nlisten = "127.0.0.1"\n\n'
            f'[console]\nlisten = "127.0.0.1:{console}"\n'
        )

    async def _start(self) -> str:
        """Start it; give its console's address once everything listens."""
        with self.log.open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "simulators.flat_page.centre_process", str(self.folder)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                limit=_LINE_BYTES_MAX,
            )
        assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
        try:
            async with asyncio.timeout(STARTED_S):
                line = await process.stdout.readline()
        except TimeoutError:
            raise SetUpError(f"it does not start within {STARTED_S:g} s: {self._said()}") from None
        if not line:
            raise SetUpError(self._said())
        return str(json.loads(line)["console"])

    def _move_in(self) -> None:
        """Enrol the home's hub by its service, as an installer does; hire somebody; write down who lives there."""
        self.services = self._stack.enter_context(open_quietly(self.folder, demonstration=True))
        site, now_ms = self.services.site, self._clock.now().wall_ms
        assert site is not None  # noqa: S101 -- opened with it
        code = site.issue_token(HUB, _CODE_S, now_ms)
        box = HubFolder(self.folder.parent / "enrolled" / "hub.toml")
        with box.held():
            enrol_box(box, lambda _asks: code, self._clock)
        self.keys = keys_of(box, HUB)
        self.services.roster.add(SHELL, STAFF, "Sam", "supervisor")
        self.services.records.keep(HUB, HOME, "supervisor", STAFF, now_ms)

    def _said(self) -> str:
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip() or "it said nothing"
        return "it said nothing"

    async def _end(self) -> None:
        self._stack.close()
        if self._process is None or not self.running:
            return
        self.silence(silent=False)
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOPPED_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
