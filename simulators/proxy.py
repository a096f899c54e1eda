"""A TCP proxy that can be switched, live, into every way a line fails: cut, refused, swallowed, stalled, slow, torn.

The line it stands for is between the proxy and its target: what a client sees is what a home's hub would see when its
router, the network or the far end misbehaves. Loopback, one event loop, no threads.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self

from simulators.broker import HOST

Direction = Literal["up", "down"]
"""`up` is from client to target, `down` from target to client."""

_CHUNK = 64 * 1024
_QUEUE_CHUNKS_MAX = 256  # beyond it we stop reading, as a full pipe would (S12)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends a reset, at once


class Count:
    """What one direction has carried since the proxy started: bytes `read`, `written` and `swallowed`, and writes."""

    def __init__(self) -> None:
        self.read = 0
        self.written = 0
        self.writes = 0
        self.swallowed = 0


class _Manner:
    """How one direction treats bytes, now. Shared by all connections."""

    def __init__(self) -> None:
        self.swallow = False
        self.delay_s = 0.0
        self.coalesce_s = 0.0
        self.carrying = asyncio.Event()
        self.drop_after: int | None = None
        self.reset()

    def reset(self) -> None:
        self.swallow, self.delay_s, self.coalesce_s, self.drop_after = False, 0.0, 0.0, None
        self.carrying.set()


class Proxy:
    """Listens on 127.0.0.1:`port` (0: a free one) and carries every connection to `target`.

    Every switch takes effect at once, also on open connections unless it says otherwise, and may be called again
    and again in any order. `forward()` undoes them all. The port stays ours even while connections are refused.
    """

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        self.host = HOST
        self.port = port
        self.target = target
        self.up, self.down = Count(), Count()
        self.accepted = 0
        self._manners: dict[Direction, _Manner] = {}
        self._connections: set[_Connection] = set()
        self._unanswered: set[socket.socket] = set()
        self._answering = True
        self._listener: socket.socket | None = None
        self._reserved: socket.socket | None = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    # --- its life ----------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Take the port and forward."""
        self._manners = {"up": _Manner(), "down": _Manner()}
        self._reserved = self._bind()  # bound but never listening: the kernel refuses, and nobody else gets the port
        self.port = self._reserved.getsockname()[1]
        self.forward()
        return self

    async def stop(self) -> None:
        """End every connection and give the port back."""
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        self.cut()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def open(self) -> int:
        """How many connections a client believes to be open."""
        return len(self._connections) + len(self._unanswered)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until `condition` holds; it is looked at whenever a byte or a connection came or went.

        Raises:
            TimeoutError: it does not hold after `timeout_s` seconds.

        """
        if not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((condition, waiter))
            await asyncio.wait_for(waiter, timeout_s)

    # --- the switches ------------------------------------------------------------------------------

    def forward(self) -> None:
        """Carry everything. A connection that lost bytes meanwhile is reset: TCP never loses any in its middle."""
        for manner in self._manners.values():
            manner.reset()
        self._answering = True
        for connection in [each for each in self._connections if each.torn]:
            connection.abort()
        self._hang_up_unanswered()
        self._listen()

    def refuse(self) -> None:
        """Refuse new connections; those that are open live on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()

    def cut(self) -> None:
        """Reset every connection and refuse new ones: the cable is out, and both ends notice."""
        self.refuse()
        for connection in list(self._connections):
            connection.abort()
        self._hang_up_unanswered()

    def swallow(self, direction: Direction | Literal["both"] = "both") -> None:
        """Go half-open: accept, read, and let all of it vanish, also the news that one end has gone."""
        for manner in self._choose(direction):
            manner.swallow = True

    def stall(self, direction: Direction | Literal["both"] = "both") -> None:
        """Stop reading: nothing gets through and nothing is lost; it all comes at once after `forward()`."""
        for manner in self._choose(direction):
            manner.carrying.clear()

    def delay(self, ms: float, direction: Direction | Literal["both"] = "both") -> None:
        """Let every byte arrive `ms` milliseconds late, in order."""
        for manner in self._choose(direction):
            manner.delay_s = ms / 1000

    def coalesce(self, ms: float, direction: Direction | Literal["both"] = "both") -> None:
        """Pack what arrives within `ms` milliseconds of a first byte into one write."""
        for manner in self._choose(direction):
            manner.coalesce_s = ms / 1000

    def drop_after(self, count: int, direction: Direction = "up") -> None:
        """Let `count` more bytes through, then reset that connection, in the middle of a packet; once."""
        self._manners[direction].drop_after = count

    def black_hole(self) -> None:
        """Accept new connections and never say a word (a TLS handshake hangs); those that are open live on."""
        self._answering = False
        self._listen()

    def _choose(self, direction: Direction | Literal["both"]) -> list[_Manner]:
        return list(self._manners.values()) if direction == "both" else [self._manners[direction]]

    # --- connections -------------------------------------------------------------------------------

    def _bind(self) -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # our reservation and our listener share the port
        sock.bind((HOST, self.port))
        sock.settimeout(0)
        return sock

    def _listen(self) -> None:
        if self._listener is None:
            self._listener = self._bind()
            self._listener.listen(128)
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client may have gone again
            sock, _ = listener.accept()
            sock.settimeout(0)
            self.accepted += 1
            if self._answering:
                self._carry(_Connection(sock, self._changed))
            else:
                self._unanswered.add(sock)
            self._changed()

    def _carry(self, connection: "_Connection") -> None:
        self._connections.add(connection)
        up, down = (self._manners["up"], self.up), (self._manners["down"], self.down)
        connection.task = asyncio.create_task(connection.run(self.target, up, down))
        connection.task.add_done_callback(lambda _task: self._ended(connection))

    def _ended(self, connection: "_Connection") -> None:
        connection.close()
        self._connections.discard(connection)
        self._changed()

    def _hang_up_unanswered(self) -> None:
        for sock in self._unanswered:
            _reset(sock)
        self._unanswered.clear()
        self._changed()

    def _changed(self) -> None:
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)
        self._waiters = [(condition, waiter) for condition, waiter in self._waiters if not waiter.done()]


class _Connection:
    """One client, its connection to the target, and a pipe each way.

    The pipes see only streams: a variant that ends TLS on both sides need only open its streams with contexts.
    """

    def __init__(self, sock: socket.socket, changed: Callable[[], None]) -> None:
        self._sock = sock
        self._changed = changed
        self._writers: list[asyncio.StreamWriter] = []
        self.task: asyncio.Task[None] | None = None
        self.torn = False

    def abort(self) -> None:
        """Reset both sides now. Nothing more is carried, not even what waits in a pipe."""
        for writer in self._writers:
            _linger_not(writer.get_extra_info("socket"))
            writer.transport.abort()
        _linger_not(self._sock)
        if self.task is not None:
            self.task.cancel()

    async def run(self, target: tuple[str, int], up: tuple[_Manner, Count], down: tuple[_Manner, Count]) -> None:
        """Carry until one end has had enough, or `abort()`."""
        try:
            client_in, client_out = await asyncio.open_connection(sock=self._sock)
            self._writers.append(client_out)
            target_in, target_out = await asyncio.open_connection(*target)
            self._writers.append(target_out)
            pipes = _Pipe(self, client_in, target_out, *up), _Pipe(self, target_in, client_out, *down)
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


class _Pipe:
    """Carries one direction of one connection: a reader that stamps what arrives, a writer that lets it out in time."""

    def __init__(
        self,
        connection: _Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        manner: _Manner,
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
            if self._manner.swallow:
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
            await self._let_out(data)
            if ended:
                if self._sink.can_write_eof():
                    self._sink.write_eof()
                return

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


def _reset(sock: socket.socket) -> None:
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
