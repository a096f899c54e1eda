"""The inside of the proxy: one connection, its pipe each way, and how a pipe treats bytes now."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

_CHUNK = 64 * 1024
_QUEUE_CHUNKS_MAX = 256  # beyond it we stop reading, as a full pipe would (S12)
_DRIPS_PER_S = 10.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset, at once


class Count:
    """What one direction has carried since the proxy started: bytes `read`, `written` and `swallowed`, and writes."""

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self.writes = 0
        self.swallowed = 0


class Manner:
    """How one direction treats bytes, now. Shared by all connections."""

    def __init__(self) -> None:
        self.swallow = False
        self.delay_s = 0.0
        self.coalesce_s = 0.0
        self.bytes_per_s = 0.0
        self.carrying = asyncio.Event()
        self.drop_after: int | None = None
        self.reset()

    def reset(self) -> None:
        """Carry everything, at once."""
        self.swallow, self.drop_after = False, None
        self.delay_s = self.coalesce_s = self.bytes_per_s = 0.0
        self.carrying.set()


class Connection:
    """One client, its connection to the target, and a pipe each way.

    The pipes see only streams: a variant that ends TLS on both sides need only open its streams with contexts.
    """

    def __init__(self, sock: socket.socket, changed: Callable[[], None]) -> None:
        self._sock = sock
        self._changed = changed
        self._writers: list[asyncio.StreamWriter] = []
        self.task: asyncio.Task[None] | None = None
        self.torn = False
        self.stranded = False

    def abort(self) -> None:
        """Reset both sides now. Nothing more is carried, not even what waits in a pipe."""
        for writer in self._writers:
            _linger_not(writer.get_extra_info("socket"))
            writer.transport.abort()
        _linger_not(self._sock)
        if self.task is not None:
            self.task.cancel()

    async def run(self, target: tuple[str, int], up: tuple[Manner, Count], down: tuple[Manner, Count]) -> None:
        """Carry until one end has had enough, or `abort()`."""
        try:
            client_in, client_out = await asyncio.open_connection(sock=self._sock)
            self._writers.append(client_out)
            target_in, target_out = await asyncio.open_connection(*target)
            self._writers.append(target_out)
            pipes = Pipe(self, client_in, target_out, *up), Pipe(self, target_in, client_out, *down)
            for pipe, ours in zip(pipes, (client_out, target_out), strict=True):
                pipe.heard_on = ours.get_extra_info("socket")
            await _all([job for pipe in pipes for job in (pipe.read(), pipe.write())])
        except (OSError, asyncio.CancelledError):  # cancelled only by abort() or the proxy's end: both are done with us
            pass

    def close(self) -> None:
        """Give both sockets back."""
        for writer in self._writers:
            writer.close()
        self._sock.close()

    def changed(self) -> None:
        """Tell the proxy that bytes moved."""
        self._changed()


class Pipe:
    """Carries one direction of one connection: a reader that stamps what arrives, a writer that lets it out in time."""

    def __init__(
        self,
        connection: Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        manner: Manner,
        count: Count,
    ) -> None:
        self._connection, self._source, self._sink = connection, source, sink
        self._manner, self._count, self._changed = manner, count, connection.changed
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE_CHUNKS_MAX)
        self._clock = asyncio.get_running_loop().time
        self.heard_on: socket.socket

    async def read(self) -> None:
        """Take in what arrives, until its end."""
        while True:
            await self._manner.carrying.wait()
            try:
                data = await self._source.read(_CHUNK)
                if data:
                    # Acknowledge at once, as the hub does: a broker with Nagle's algorithm waits for it, 40 ms.
                    self.heard_on.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            except OSError:
                data = b""  # a reset ends the line as a close does
            if self._manner.swallow or self._connection.stranded:
                self._connection.torn = True
                self._count.read += len(data)
                self._count.swallowed += len(data)
                self._changed()
                if not data:
                    await asyncio.Event().wait()  # the other end never hears of it
                continue
            await self._manner.carrying.wait()
            self._count.read += len(data)
            self._changed()
            await self._queue.put((self._clock(), data))
            if not data:
                return

    async def write(self) -> None:
        """Let it out, as the proxy's manner now is."""
        while True:
            arrived, data = await self._queue.get()
            wait_s = arrived + max(self._manner.delay_s, self._manner.coalesce_s) - self._clock()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            ended = not data
            while self._manner.coalesce_s and not ended and not self._queue.empty():
                _, more = self._queue.get_nowait()
                data, ended = data + more, not more
            await self._drip(data)
            if ended:
                if self._sink.can_write_eof():
                    self._sink.write_eof()
                return

    async def _drip(self, data: bytes) -> None:
        """Let it out at the pace there is now."""
        while self._manner.bytes_per_s and data:
            some = max(1, int(self._manner.bytes_per_s / _DRIPS_PER_S))
            await self._let_out(data[:some])
            data = data[some:]
            await asyncio.sleep(some / self._manner.bytes_per_s)
        await self._let_out(data)

    async def _let_out(self, data: bytes) -> None:
        allowed = self._manner.drop_after
        if allowed is not None:
            data = data[:allowed]
            self._manner.drop_after = allowed - len(data)
        if data:
            self._sink.write(data)
            await self._sink.drain()
            self._count.written += len(data)
            self._count.writes += 1
        if allowed is not None and not self._manner.drop_after:
            self._manner.drop_after = None
            self._sink.close()  # what was let through arrives; a reset could overtake it
            await self._sink.wait_closed()
            self._connection.abort()
        self._changed()


def _linger_not(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def reset(sock: socket.socket) -> None:
    """Close a socket so that its other end hears a reset."""
    _linger_not(sock)
    sock.close()


async def _all(jobs: list[Coroutine[Any, Any, None]]) -> None:
    """Run them together until all are done or one fails; then none is left running."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
