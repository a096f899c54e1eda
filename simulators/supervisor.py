"""Stands in for systemd: waits for READY, sees the watchdog fed, kills what starves, starts it again for ever.

It keeps to sd_notify(3) and to what systemd/hearthline.service asks for: Type=notify, NotifyAccess=main, WatchdogSec=,
Restart=always, StartLimitIntervalSec=0.
"""

import asyncio
import contextlib
import os
import signal
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

_CREDENTIALS = struct.Struct("3i")  # unix(7): struct ucred
_MESSAGE_BYTES_MAX = 4_096

End = Literal["ended", "starved", "never ready", "stopped"]


@dataclass
class Life:
    """One process: from its start to its end. `code` is its exit code, negative for a signal."""

    pid: int
    ready: bool = False
    fed: int = 0
    stopping: bool = False
    status: str = ""
    end: End | None = None
    code: int | None = None


class Supervisor:
    """Keeps `command` alive while entered; `lives` tells of every process there was, the last one is running.

    Its output goes to `log`. `watchdog_s`: how long it may leave the watchdog unfed once it is ready. `start_s`: how
    long it may take to be ready. `abort_s`: how long one that starved has to end by SIGABRT before SIGKILL. All in
    seconds.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        watchdog_s: float,
        start_s: float = 30.0,
        restart_s: float = 0.1,
        abort_s: float = 0.5,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.lives: list[Life] = []
        self._command, self._log = tuple(command), log
        self._watchdog_s, self._start_s = watchdog_s, start_s
        self._restart_s, self._abort_s = restart_s, abort_s
        self._address = f"\0hearthline-supervisor-{os.urandom(8).hex()}"
        self._environment = os.environ | dict(environment or {})
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, wanted: Callable[[list[Life]], bool], timeout_s: float) -> None:
        """Wait until the lives, at least one, are as wanted. Raises TimeoutError, or what ended the supervision."""
        async with asyncio.timeout(timeout_s):
            while not (self.lives and wanted(self.lives)):
                if self._task.done():
                    self._task.result()
                self._changed.clear()
                await self._changed.wait()

    async def _keep(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
            ears.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            ears.bind(self._address)
            ears.setblocking(False)  # noqa: FBT003 -- its only parameter
            while True:
                await self._live(ears)
                await asyncio.sleep(self._restart_s)

    async def _live(self, ears: socket.socket) -> None:
        asked = {
            "NOTIFY_SOCKET": "@" + self._address[1:],
            "WATCHDOG_USEC": str(int(self._watchdog_s * 1_000_000)),
        }
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment | asked
            )
        life = Life(process.pid)
        self.lives.append(life)
        self._tell()
        ended = asyncio.create_task(process.wait())
        try:
            life.end = await self._watch(ears, life, ended)
            if life.end != "ended":
                await self._end(process, ended)
        except asyncio.CancelledError:
            life.end = "stopped"
            raise
        finally:
            if process.returncode is None:
                process.kill()
            life.code = await asyncio.shield(ended)
            self._tell()

    async def _watch(self, ears: socket.socket, life: Life, ended: "asyncio.Task[int]") -> End:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._start_s
        while True:
            hearing = asyncio.create_task(_hear(ears, life.pid))
            await asyncio.wait([hearing, ended], timeout=until_s - loop.time(), return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
                return "ended" if ended.done() else "starved" if life.ready else "never ready"
            if _note(life, hearing.result()):
                until_s = loop.time() + self._watchdog_s
            self._tell()

    async def _end(self, process: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> None:
        process.send_signal(signal.SIGABRT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), self._abort_s)

    def _tell(self) -> None:
        self._changed.set()


async def _hear(ears: socket.socket, pid: int) -> dict[str, str]:
    """Wait for the main process's next message; what its children say is not listened to (NotifyAccess=main)."""
    loop = asyncio.get_running_loop()
    while True:
        heard = asyncio.Event()
        loop.add_reader(ears, heard.set)
        try:
            await heard.wait()
        finally:
            loop.remove_reader(ears)
        data, extra, _, _ = ears.recvmsg(_MESSAGE_BYTES_MAX, socket.CMSG_SPACE(_CREDENTIALS.size))
        sender = next((_CREDENTIALS.unpack(each)[0] for _, kind, each in extra if kind == socket.SCM_CREDENTIALS), 0)
        if sender == pid:
            return dict(line.partition("=")[::2] for line in data.decode(errors="replace").split("\n"))


def _note(life: Life, said: Mapping[str, str]) -> bool:
    """Note what was said; tell whether it feeds the watchdog."""
    first = said.get("READY") == "1" and not life.ready
    fed = life.ready and said.get("WATCHDOG") == "1"
    life.ready |= first
    life.fed += fed
    life.stopping |= said.get("STOPPING") == "1"
    life.status = said.get("STATUS", life.status)
    return first or fed
