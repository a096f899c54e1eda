"""Somebody at a terminal: a command in a real pseudo-terminal, read and typed at from an event loop."""

import asyncio
import contextlib
import fcntl
import os
import re
import signal
import struct
import sys
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.house import ROOT

LIMIT_S = 40.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COLUMNS, _ROWS = 80, 24


class Typist:
    """Types at `code`, a Python program, with these arguments. `typed` are the lines typed so far."""

    def __init__(self, code: str, *arguments: str, cwd: Path | None = None) -> None:
        self.typed: list[str] = []
        self.said = ""
        self._code, self._arguments, self._cwd = code, arguments, cwd
        self._mark = 0
        self._news = asyncio.Event()
        self.process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        os.set_blocking(self._ours, False)
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", self._code, *self._arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self._cwd,
            env=_environment() | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PYTHON_COLORS": "0"},
            start_new_session=True,
        )
        os.close(theirs)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)

    async def until(self, words: str) -> str:
        """Read until it says so, after what was read the last time; give all that came. Raises AssertionError."""
        ending = asyncio.ensure_future(self.process.wait())
        try:
            async with asyncio.timeout(LIMIT_S):
                while words not in self.text:
                    if ending.done() and not self._news.is_set():
                        raise AssertionError(f"it ended before {words!r}:\n{self.said}")
                    self._news.clear()
                    news = asyncio.ensure_future(self._news.wait())
                    await asyncio.wait([news, ending], return_when=asyncio.FIRST_COMPLETED)
                    news.cancel()
        except TimeoutError:
            raise AssertionError(f"{words!r} did not come:\n{self.text[-4000:]}") from None
        finally:
            ending.cancel()
        told = self.text
        self._mark += told.index(words) + len(words)
        return told

    def type(self, line: str = "") -> None:
        """Type a line, with Enter."""
        self.typed.append(line)
        os.write(self._ours, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    async def ended(self) -> int:
        """Wait for its end; give its exit code."""
        return await asyncio.wait_for(self.process.wait(), LIMIT_S)

    @property
    def text(self) -> str:
        """What it said since it was last read, without colours and positions."""
        return _ESCAPES.sub("", self.said).replace("\r", "")[self._mark :]

    def _read(self) -> None:
        try:
            said = os.read(self._ours, 65_536)
        except OSError:
            said = b""
        if not said:
            asyncio.get_running_loop().remove_reader(self._ours)
        self.said += said.decode(errors="replace")
        self._news.set()


def _environment() -> dict[str, str]:
    """Give ours, without what would say another size than the terminal's."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
