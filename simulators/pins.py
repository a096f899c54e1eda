"""Runs the hub's agent in a process of its own on mock pins, and lets others press and watch them over a socket.

`python -m simulators.pins --pins-socket PATH -- --config hub.toml` (everything after `--` is the agent's). The socket
speaks lines, and answers each with a line of JSON:

- `drive PIN low|high|free`: hold the pin from outside, or let go of it;
- `press PIN MS`: close the contact for so long, then let go; answered after it;
- `bounce PIN low|high [TIMES [GAP_MS]]`: chatter before settling there, as real contacts do;
- `watch`: from now on, `{"pin": 17, "value": 1, "ms": 1234}` for every output pin, at once and at each change. `value`
  is 0 to 1; a pin that makes a tone carries `hz` too; `ms` counts on the boot-relative clock.

A pin is moved from a thread that is not the agent's, as gpiozero's real callbacks come. What holds a pin from outside
outlasts the agent's opening it: a contact closed before the hub starts is closed when it starts.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from simulators.watched_pins import Change, Level, WatchedFactory, WatchedPin

if TYPE_CHECKING:  # loaded by the process that runs the agent, and only when it does
    from agent.clock import Clock
    from agent.seams import Seams

_LINE_BYTES_MAX = 1_024
_WATCH_QUEUE_MAX = 4_096
_COMMANDS = "drive PIN low|high|free, press PIN MS, bounce PIN low|high [TIMES [GAP_MS]], or watch"
_MS_MAX = 600_000
_BOUNCES_MAX = 1_000
_PATH_BYTES_MAX = 107  # sun_path of a Unix socket address, less its NUL
_START_S = 10.0
_END_S = 10.0


class PinsSocketError(Exception):
    """The pins' socket cannot be used, or refused a command; the message says why."""


class _Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    ok: bool
    error: str = ""


class PinsServer:
    """Serves the socket at `path` from a thread of its own, until closed. Only our own user may connect."""

    def __init__(self, path: Path, factory: WatchedFactory) -> None:
        self._path, self._factory = path, factory
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._problem: Exception | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="pins-socket", daemon=True)

    def __enter__(self) -> Self:
        _make_way(self._path)
        self._thread.start()
        if not self._ready.wait(_START_S) or self._problem is not None:
            raise PinsSocketError(f"{self._path}: cannot listen here: {self._problem}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_S)
        self._path.unlink(missing_ok=True)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        visitors: set[asyncio.Task[None]] = set()

        def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(_Visitor(self._factory, reader, writer).run())
            visitors.add(task)
            task.add_done_callback(visitors.discard)

        try:
            server = await asyncio.start_unix_server(came, self._path, limit=_LINE_BYTES_MAX)
            self._path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        except OSError as problem:
            self._problem = problem
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        server.close()
        for task in visitors:
            task.cancel()
        await asyncio.gather(*visitors, return_exceptions=True)


class _Visitor:
    """One connection to the socket."""

    def __init__(self, factory: WatchedFactory, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._factory, self._reader, self._writer = factory, reader, writer

    async def run(self) -> None:
        """Carry out its lines, one after the other."""
        try:
            while line := await self._reader.readline():
                words = line.decode("ascii", "replace").split()
                if words == ["watch"]:
                    await self._watch()
                    return
                await self._answer(await self._obey(words))
        except ValueError:  # a line longer than any command
            await self._answer(_Reply(ok=False, error="the line is too long"))
        except OSError:
            pass  # it went away
        finally:
            self._writer.close()

    async def _answer(self, reply: _Reply | Change) -> None:
        self._writer.write(msgspec.json.encode(reply) + b"\n")
        await self._writer.drain()

    async def _obey(self, words: list[str]) -> _Reply:
        try:
            match words:
                case ["drive", pin, ("low" | "high" | "free") as level]:
                    self._pin(pin).hold(level)
                case ["press", pin, ms]:
                    await self._press(self._pin(pin), _count(ms, _MS_MAX))
                case ["bounce", pin, ("low" | "high") as level, *rest] if len(rest) <= 2:  # noqa: PLR2004 -- times, gap
                    times, gap_ms = (*rest, *("5", "1")[len(rest) :])
                    await self._bounce(self._pin(pin), level, _count(times, _BOUNCES_MAX), _count(gap_ms, _MS_MAX))
                case _:
                    return _Reply(ok=False, error=f"expected {_COMMANDS}")
        except Exception as problem:  # noqa: BLE001 -- the agent's callback may raise anything; the socket lives on
            return _Reply(ok=False, error=str(problem) or type(problem).__name__)
        return _Reply(ok=True)

    def _pin(self, number: str) -> WatchedPin:
        pin: WatchedPin = self._factory.pin(_count(number, 27))
        return pin

    async def _press(self, pin: WatchedPin, ms: int) -> None:
        pin.hold(pin.closed_level)
        try:
            await asyncio.sleep(ms / 1000)
        finally:
            pin.hold("free")

    async def _bounce(self, pin: WatchedPin, level: Level, times: int, gap_ms: int) -> None:
        other: Level = "high" if level == "low" else "low"
        for _ in range(times):
            pin.hold(level)
            await asyncio.sleep(gap_ms / 1000)
            pin.hold(other)
            await asyncio.sleep(gap_ms / 1000)
        pin.hold(level)

    async def _watch(self) -> None:
        """Stream changes until the visitor leaves. One that does not read is dropped, rather than hold memory."""
        loop = asyncio.get_running_loop()
        changes: asyncio.Queue[Change] = asyncio.Queue(_WATCH_QUEUE_MAX)

        def put(change: Change) -> None:
            if changes.full():
                gone.cancel()
            else:
                changes.put_nowait(change)

        def noted(change: Change) -> None:
            with contextlib.suppress(RuntimeError):  # the loop ended while the agent still moves pins
                loop.call_soon_threadsafe(put, change)

        async def stream() -> None:
            while True:
                await self._answer(await changes.get())

        gone = asyncio.create_task(self._reader.read())
        streaming = asyncio.create_task(stream())
        self._factory.watch(noted)
        try:
            await asyncio.wait([gone, streaming], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._factory.unwatch(noted)
            for task in (gone, streaming):
                task.cancel()
            await asyncio.gather(gone, streaming, return_exceptions=True)


class PinsClient:
    """The other end: what a simulated resident's fingers and eyes use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def drive(self, pin: int, level: Level) -> None:
        """Hold the pin at a level, or free it. Raises PinsSocketError."""
        await self._ask(f"drive {pin} {level}")

    async def press(self, pin: int, ms: int = 200) -> None:
        """Close the contact for `ms` milliseconds; returns once it is let go. Raises PinsSocketError."""
        await self._ask(f"press {pin} {ms}")

    async def bounce(self, pin: int, level: Level, times: int = 5, gap_ms: int = 1) -> None:
        """Chatter `times` times, `gap_ms` milliseconds apart, and settle. Raises PinsSocketError."""
        await self._ask(f"bounce {pin} {level} {times} {gap_ms}")

    async def watch(self) -> AsyncIterator[Change]:
        """Give what every output shows, then each change, until the agent ends. Raises PinsSocketError."""
        reader, writer = await self._connect()
        try:
            writer.write(b"watch\n")
            while line := await reader.readline():
                yield msgspec.json.decode(line, type=Change)
        except OSError:
            return  # it was killed
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self._path)
        except OSError as problem:
            raise PinsSocketError(f"{self._path}: no hub listens here ({problem.strerror or problem})") from problem

    async def _ask(self, line: str) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(line.encode() + b"\n")
            answer = await reader.readline()
        except OSError as problem:
            raise PinsSocketError(f"{self._path}: the hub ended during {line!r}") from problem
        finally:
            writer.close()
        if not answer:
            raise PinsSocketError(f"{self._path}: the hub ended during {line!r}")
        reply = msgspec.json.decode(answer, type=_Reply)
        if not reply.ok:
            raise PinsSocketError(f"{line!r}: {reply.error}")


def _count(text: str, largest: int) -> int:
    if not text.isdecimal() or int(text) > largest:
        raise PinsSocketError(f"{text!r}: expected a whole number from 0 to {largest}")
    return int(text)


def _make_way(path: Path) -> None:
    """Remove the socket that a killed agent left behind; anything else in the way is somebody's file."""
    if len(os.fsencode(path)) > _PATH_BYTES_MAX:
        raise PinsSocketError(f"{path}: longer than {_PATH_BYTES_MAX} bytes: choose a shorter path for the socket")
    if path.is_socket():
        path.unlink()
    elif path.exists():
        raise PinsSocketError(f"{path}: exists and is no socket: choose another path")


def _end_with_stdin() -> None:
    """Wait until the other end of our standard input is gone, then end as systemd would end us: politely, then not."""
    while os.read(sys.stdin.fileno(), _LINE_BYTES_MAX):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_S)
    os._exit(1)


def main(argv: Sequence[str] | None = None, *, clock: "Clock | None" = None, seams: "Seams | None" = None) -> int:
    """Run the agent on watched mock pins; give its exit code. `clock` and `seams` are what else it is to be given."""
    parser = argparse.ArgumentParser(prog="python -m simulators.pins", description=__doc__.partition("\n")[0])
    parser.add_argument("--pins-socket", type=Path, required=True, help="where to listen for drive, press and watch")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when whoever started us is gone")
    parser.add_argument("agent", nargs="*", help="the agent's own arguments, after --")
    options = parser.parse_args(argv)

    from agent.__main__ import main as run_agent  # noqa: PLC0415 -- see above: what was put in must be there before
    from agent.seams import Seams  # noqa: PLC0415 -- likewise

    if options.until_stdin_closes:
        threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()
    factory = WatchedFactory()
    try:
        with PinsServer(options.pins_socket, factory):
            return run_agent(options.agent, clock=clock, seams=replace(seams or Seams(), pin_factory=factory))
    except PinsSocketError as problem:
        print(problem, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
