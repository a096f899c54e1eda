"""A TCP proxy that can be switched, live, into every way a line fails: cut, refused, swallowed, stranded, slow, torn.

The line it stands for is between the proxy and its target: what a client sees is what a home's hub would see when its
router, the network or the far end misbehaves. Loopback, one event loop, no threads.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from simulators.broker import HOST
from simulators.pipes import Connection, Count, Manner, reset

Direction = Literal["up", "down"]
"""`up` is from client to target, `down` from target to client."""

_CLOGGERS = 3  # more than a queue for none can hold: the last one hangs, as it should
_CLOGGED_S = 0.1


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
        self._manners: dict[Direction, Manner] = {}
        self._connections: set[Connection] = set()
        self._unanswered: set[socket.socket] = set()
        self._answering = True
        self._listener: socket.socket | None = None
        self._cloggers: list[socket.socket] = []
        self._reserved: socket.socket | None = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    # --- its life ----------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Take the port and forward."""
        self._manners = {"up": Manner(), "down": Manner()}
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
        self._carry_on()
        for connection in [each for each in self._connections if each.torn and not each.stranded]:
            connection.abort()

    def strand(self) -> None:
        """Carry what is new, and nothing ever again of what is open now: a router that restarted knows none of it.

        Neither end hears that anything happened, until it is cut.
        """
        for connection in self._connections:
            connection.stranded = True
        self._carry_on()

    def _carry_on(self) -> None:
        for manner in self._manners.values():
            manner.reset()
        self._answering = True
        self._hang_up_unanswered()
        if self._cloggers:
            self.refuse()
        self._listen()

    def refuse(self) -> None:
        """Refuse new connections; those that are open live on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        for sock in self._cloggers:
            sock.close()
        self._cloggers.clear()

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

    def drip(self, bytes_per_s: float, direction: Direction | Literal["both"] = "both") -> None:
        """Let no more than so many bytes a second through, a few at a time."""
        for manner in self._choose(direction):
            manner.bytes_per_s = bytes_per_s

    async def clog(self) -> None:
        """Drop the packets that ask for a new connection, so that connecting hangs; those that are open live on."""
        self.refuse()
        self._listener = self._bind()
        self._listener.listen(0)  # room for one that nobody accepts: Linux drops what asks after it
        asyncio.get_running_loop().remove_reader(self._listener)
        while len(self._cloggers) < _CLOGGERS:
            sock = socket.socket()
            sock.settimeout(0)
            self._cloggers.append(sock)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOGGED_S):
                    await asyncio.get_running_loop().sock_connect(sock, (self.host, self.port))

    def _choose(self, direction: Direction | Literal["both"]) -> list[Manner]:
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
                self._carry(Connection(sock, self._changed))
            else:
                self._unanswered.add(sock)
            self._changed()

    def _carry(self, connection: "Connection") -> None:
        self._connections.add(connection)
        up, down = (self._manners["up"], self.up), (self._manners["down"], self.down)
        connection.task = asyncio.create_task(connection.run(self.target, up, down))
        connection.task.add_done_callback(lambda _task: self._ended(connection))

    def _ended(self, connection: "Connection") -> None:
        connection.close()
        self._connections.discard(connection)
        self._changed()

    def _hang_up_unanswered(self) -> None:
        for sock in self._unanswered:
            reset(sock)
        self._unanswered.clear()
        self._changed()

    def _changed(self) -> None:
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)
        self._waiters = [(condition, waiter) for condition, waiter in self._waiters if not waiter.done()]
