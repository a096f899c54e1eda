"""The process that carries samples to the sound card: `aplay`, fed through a pipe that is never allowed to fill.

It ends when the pipe does, so a hub that is killed leaves none behind.
"""

import array
import asyncio
import contextlib
import fcntl
import os
import termios
from collections.abc import Sequence

from agent.sound.pcm import FRAME_BYTES, FRAME_MS
from agent.voice.index import RATE_HZ

AHEAD_FRAMES = 3
"""So much is on its way to the card by our clock (60 ms), two of them in the pipe: what a call's sound waits for."""

_REASON_CHARS_MAX = 160


class SinkError(Exception):
    """The sound card's process cannot be used. The text says why."""


def aplay(device: str) -> list[str]:
    """Give the command that plays what it reads on an ALSA device, with a buffer of no more than we keep filled."""
    ahead_us = AHEAD_FRAMES * FRAME_MS * 1_000
    options = ["-q", "-t", "raw", "-f", "S16_LE", "-r", str(RATE_HZ), "-c", "1"]
    times = [f"--buffer-time={ahead_us}", f"--period-time={FRAME_MS * 1_000}", f"--start-delay={FRAME_MS * 2_000}"]
    return ["aplay", *options, *times, f"--device={device}", "-"]


class Sink:
    """A running process, and the pipe to it."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: int) -> None:
        self._process = process
        self._pipe = pipe
        self._said = b""
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, command: Sequence[str]) -> "Sink":
        """Start the process. Raises SinkError."""
        end, pipe = os.pipe()  # neither is inherited, but as the process's standard input
        try:
            os.set_blocking(pipe, False)
            process = await asyncio.create_subprocess_exec(
                *command, stdin=end, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
        except BaseException as error:
            os.close(pipe)
            if isinstance(error, OSError):
                raise SinkError(f"{command[0]}: {error.strerror}") from error
            raise
        finally:
            os.close(end)
        return cls(process, pipe)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def waiting(self) -> int:
        """How many bytes it has not taken yet."""
        count = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, count)
        return count[0]

    def write(self, frame: bytes) -> None:
        """Hand a frame over, whole; a pipe takes that much at once or not at all. Raises SinkError."""
        try:
            os.write(self._pipe, frame)
        except BlockingIOError:
            raise SinkError("it takes no sound") from None
        except OSError as error:
            raise SinkError(self.reason or f"the pipe: {error.strerror}") from error

    async def ended(self) -> None:
        """Wait until the process has ended."""
        await asyncio.shield(self._listening)

    @property
    def reason(self) -> str:
        """What it said last, on one line."""
        lines = self._said.decode(errors="replace").split("\n")
        return next((line.strip()[-_REASON_CHARS_MAX:] for line in reversed(lines) if line.strip()), "")

    async def close(self) -> None:
        """End it."""
        os.close(self._pipe)
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await asyncio.shield(self._listening)

    async def _listen(self) -> None:
        """Take whatever it says, so that it never waits for us, and keep the end."""
        assert self._process.stderr is not None  # noqa: S101 -- it was asked for
        while piece := await self._process.stderr.read(4_096):
            self._said = (self._said + piece)[-1_024:]
        await self._process.wait()


assert FRAME_BYTES <= 4_096  # noqa: S101, PLR2004 -- PIPE_BUF: what a pipe takes whole
