"""The centre's own Mosquitto: a child process that has what the site says, is told of changes, and is kept alive."""

import asyncio
import contextlib
import logging
import os
import pwd
import resource
import shutil
import signal
from collections import deque
from pathlib import Path
from typing import NoReturn

from agent.clock import Clock
from agent.files import write_whole
from centre.running.settings import SetUpError
from centre.site.broker import CONFIGURATION, CONNECTIONS_MAX, Layout
from centre.site.site import Site, SiteError

LOOK_EVERY_S = 5.0
"""How soon a hub that was revoked is shut out, and a renewed certificate shown."""

READY_S = 20.0
AGAIN_S = 1.0
STOP_S = 5.0
_PROBE_S = 0.05
_FILES_BESIDE = 1_024
"""Files a process needs that are no connections."""

_LINES_KEPT = 20
_LINE_BYTES_MAX = 4_096

log = logging.getLogger(__name__)


class BrokerError(Exception):
    """The broker does not run; the text has what it said last."""


class OwnBroker:
    """A Mosquitto in `folder`. `listen` is an address, empty for every one.

    What it logs of errors is logged; what it tells of each connection is not, for it names addresses (S11).
    """

    def __init__(self, folder: Path, site: Site, clock: Clock, *, listen: str, port: int) -> None:
        """Raises SetUpError where there is no Mosquitto."""
        self._programs = _programs()
        self._folder, self._site, self._clock = folder, site, clock
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._layout = Layout(folder, folder / "data", user, listen, port, _connections())
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        self.ready = asyncio.Event()
        """Set while it accepts connections."""

    @property
    def host(self) -> str:
        """Where this computer reaches it."""
        return self._layout.listen or "127.0.0.1"

    @property
    def port(self) -> int:
        """Its port."""
        return self._layout.port

    async def run(self) -> None:
        """Run it until cancelled. Raises BrokerError when it ends by itself, SiteError, OSError."""
        await asyncio.to_thread(self._lay)
        process = await asyncio.create_subprocess_exec(
            *self._programs,
            *("-c", str(self._folder / CONFIGURATION)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_BYTES_MAX,
        )
        listening = asyncio.create_task(self._listen_to(process))
        watching = asyncio.create_task(self._watch(process))
        probing = asyncio.create_task(self._until_ready())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([ended, watching], return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()  # it ends by its trouble alone
            await asyncio.wait([listening], timeout=1)
            said = " / ".join(self._said) or "it said nothing"
            raise BrokerError(f"mosquitto ended with {process.returncode}: {said}")
        finally:
            self.ready.clear()
            await _end(process)
            for task in (listening, watching, probing, ended):
                task.cancel()
            await asyncio.gather(listening, watching, probing, ended, return_exceptions=True)

    async def keep(self) -> NoReturn:
        """Run it, and again whenever it ends, until cancelled."""
        while True:
            try:
                await self.run()
            except (BrokerError, SiteError, OSError) as error:
                log.error("the broker does not run, and no home is heard: %s", error)  # noqa: TRY400 -- no bug of ours
            await asyncio.sleep(AGAIN_S)

    def _lay(self) -> bool:
        """Lay what the site says now; tell whether anything of it is new."""
        fresh = False
        for folder in (self._folder, self._folder / "data"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in self._site.broker_files(self._layout, self._clock.now().wall_ms).items():
            path = self._folder / name
            if not path.exists() or path.read_bytes() != content:
                write_whole(path, content, new=path.with_name(f"{name}.new"))
                fresh = True
        return fresh

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Tell it what has changed: who was revoked, what was certified anew."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if await asyncio.to_thread(self._lay):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGHUP)
                log.info("the broker was given what is new: certificates, access lists, who is revoked")

    async def _until_ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                while not await accepts(self.host, self.port):  # noqa: ASYNC110 -- another process's
                    await asyncio.sleep(_PROBE_S)
                self.ready.set()

    async def _listen_to(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than any line of its own
                continue
            if not line:
                return
            said = line.decode(errors="replace").strip().partition(": ")[2]
            if said.startswith(("Error", "Warning")):
                self._said.append(said)
                log.warning("broker: %s", said)


async def accepts(host: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it politely: it saves what it keeps."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _programs() -> tuple[str, ...]:
    """Give what to start. It ends with us, however we end: nobody else would know of it, and it would keep the port."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        raise SetUpError(
            "no mosquitto on this computer: apt install mosquitto;"
            " or name another broker in centre.toml ([broker] run = false)"
        )
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", mosquitto) if setpriv else (mosquitto,)


def _connections() -> int:
    """Give how many connections this process may let the broker have, having asked for as many files as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _FILES_BESIDE
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return max(most - _FILES_BESIDE, _FILES_BESIDE // 2)
