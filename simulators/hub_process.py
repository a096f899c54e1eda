"""One hub in a process of its own, as systemd would start it: started until it is armed, stopped, or killed."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from simulators.pins import PinsClient

_ROOT = Path(__file__).resolve().parent.parent
ARMED_S = 20.0
"""How long a hub may take to be armed, in seconds: far more than it should, on a machine busy with other things."""

_STOP_S = 10.0
_LOG_TAIL_BYTES = 2_000


class HubStartError(Exception):
    """The hub ended or stayed silent instead of being armed; the message has the end of its log."""


class HubProcess:
    """Runs the agent with `config`. Its log is `hub.log`, beside the configuration, and outlives every kill.

    With `pins` it runs through `simulators.pins`, on watched mock pins, and ends when our process does, however ours
    ends. `through` names another wrapper to run it by, as Python arguments that the agent's own follow; `environment`
    adds to ours.
    """

    def __init__(
        self,
        config: Path,
        arguments: Sequence[str] = (),
        *,
        pins: bool = True,
        through: Sequence[str] = ("-m", "agent"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.config = config.absolute()  # the notify protocol knows no relative paths
        folder = self.config.parent
        self.log = folder / "hub.log"
        self.pins = PinsClient(folder / "pins.sock")
        self.through = tuple(through)
        if pins:
            self.through = (
                *("-m", "simulators.pins", "--until-stdin-closes"),
                *("--pins-socket", str(folder / "pins.sock"), "--"),
            )
        self.environment = dict(environment or {})
        self._notify = folder / "notify.sock"
        self._arguments = tuple(arguments)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process, for measuring it. Raises HubStartError when there is none."""
        if self._process is None:
            raise HubStartError("no hub was started")
        return self._process.pid

    async def start(self) -> float:
        """Start it, and return once it says that it is armed, as it tells systemd; give the seconds that took.

        Raises HubStartError.
        """
        if self.running:
            return 0.0
        self._notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears, self.log.open("ab") as log:
            ears.bind(str(self._notify))
            ears.setblocking(False)  # noqa: FBT003 -- its only parameter
            began = asyncio.get_running_loop().time()
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self.through, "--config", str(self.config), *self._arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(self._notify) | self.environment,
            )
            await self._armed(ears, self._process)
            return asyncio.get_running_loop().time() - began

    async def stop(self) -> int | None:
        """Ask it to end (SIGTERM), and see that it does; give its exit code, None if it was never started."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_S)
            except TimeoutError:
                await self.kill()
        return None if self._process is None else self._process.returncode

    async def kill(self) -> None:
        """End it as the power would: SIGKILL, in the middle of whatever it does."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                self._process.kill()
            await self._process.wait()

    async def ended(self, timeout_s: float = _STOP_S) -> int:
        """Wait until it has ended by itself; give its exit code. Raises TimeoutError, HubStartError when none ran."""
        if self._process is None:
            raise HubStartError("no hub was started")
        return await asyncio.wait_for(self._process.wait(), timeout_s)

    def logged(self, words: str) -> list[str]:
        """Give what followed these words in the log, line by line, from the first start on."""
        with contextlib.suppress(FileNotFoundError):
            lines = self.log.read_text(errors="replace").splitlines()
            return [line.split(words, 1)[1].strip() for line in lines if words in line]
        return []

    async def _armed(self, ears: socket.socket, process: asyncio.subprocess.Process) -> None:
        listening = asyncio.create_task(_until_ready(ears))
        ending = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([listening, ending], timeout=ARMED_S, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                how = f"ended with {process.returncode}" if ending.done() else f"not armed after {ARMED_S:g} s"
                await self.kill()
                raise HubStartError(f"the hub {how}:\n{self._log_tail()}")
        finally:
            for task in (listening, ending):
                task.cancel()
            await asyncio.gather(listening, ending, return_exceptions=True)
            self._notify.unlink(missing_ok=True)

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        return ""


async def _until_ready(ears: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while b"READY=1" not in (await loop.sock_recv(ears, 4_096)).split(b"\n"):
        pass


def _environment(notify: Path) -> dict[str, str]:
    """Ours, with the packages findable from any working directory, and somebody to be told when it is armed."""
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {"PYTHONPATH": path, "NOTIFY_SOCKET": str(notify)}
