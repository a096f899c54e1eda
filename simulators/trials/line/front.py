"""A front that ends TLS before the broker, as a load balancer does: packs packets together, splits them, keeps them.

What it writes in one go is one TLS record, of up to 16 KiB: Mosquitto itself never packs (DESIGN §6).
"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from simulators.broker import HOST
from simulators.rig import HUB, Rig

CONNACK, PUBACK, SUBACK = 2, 4, 9
"""MQTT packet types (MQTT 5 §2.1.2)."""

RECORD_BYTES_MAX = 16 * 1024
"""The most a TLS record holds."""


class Front:
    """Stands before the rig's broker on `port`, with the broker's own certificate, and knows the hub's.

    `withheld` are the types of packet that never reach the hub. With `pack_s` each record waits half as many to as
    many seconds, by chance, for more packets to go into it; with `split` each byte is a record of its own. Both ways.
    """

    def __init__(self, rig: Rig) -> None:
        self.port = 0
        self.withheld: frozenset[int] = frozenset()
        self.pack_s = 0.0
        self.split = False
        self.kept = 0
        """How many packets were withheld."""
        self.packed: list[int] = []
        """How many packets each record towards the hub began or held, when it was packed."""
        self._rig = rig
        self._dice = random.Random(rig.port)
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Event]] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._visited, HOST, 0, ssl=self._towards_hub())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    def pass_on(self) -> None:
        """Do nothing to the packets from now on."""
        self.withheld, self.pack_s, self.split = frozenset(), 0.0, False

    async def until_kept(self, count: int, timeout_s: float = 10) -> None:
        """Wait until so many packets were withheld. Raises TimeoutError."""
        waiter = asyncio.Event()
        self._waiters.append((lambda: self.kept >= count, waiter))
        self._changed()
        async with asyncio.timeout(timeout_s):
            await waiter.wait()

    def _changed(self) -> None:
        for over, waiter in self._waiters:
            if over():
                waiter.set()
        self._waiters = [each for each in self._waiters if not each[1].is_set()]

    def _towards_hub(self) -> ssl.SSLContext:
        keys = self._rig.keys
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=keys.ca)
        context.load_cert_chain(keys.broker.certificate, keys.broker.key)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _towards_broker(self) -> ssl.SSLContext:
        keys = self._rig.keys
        context = ssl.create_default_context(cafile=keys.ca)
        context.load_cert_chain(keys.hubs[HUB].tls.certificate, keys.hubs[HUB].tls.key)
        return context

    async def _visited(self, hub_in: asyncio.StreamReader, hub_out: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None  # noqa: S101 -- for the type checker: a server's callback runs in a task
        self._visits.add(visit)
        outs = [hub_out]
        try:
            broker_in, broker_out = await asyncio.open_connection(
                HOST, self._rig.broker.port, ssl=self._towards_broker(), server_hostname="localhost"
            )
            outs.append(broker_out)
            pipes = [self._carry(hub_in, broker_out, down=False), self._carry(broker_in, hub_out, down=True)]
            tasks = [asyncio.create_task(pipe) for pipe in pipes]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # one end is gone, or we are
        finally:
            for out in outs:
                out.transport.abort()
            self._visits.discard(visit)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, down: bool) -> None:
        packets: asyncio.Queue[bytes] = asyncio.Queue(4_096)
        writing = asyncio.create_task(self._write(packets, sink, down=down))
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                async for packet in _packets(source):
                    if down and packet[0] >> 4 in self.withheld:
                        self.kept += 1
                        self._changed()
                    else:
                        await packets.put(packet)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, packets: "asyncio.Queue[bytes]", sink: asyncio.StreamWriter, *, down: bool) -> None:
        while True:
            going = [await packets.get()]
            if self.pack_s:
                await asyncio.sleep(self._dice.uniform(self.pack_s / 2, self.pack_s))
                while not packets.empty():
                    going.append(packets.get_nowait())
                if down:
                    self.packed.append(len(going))
            data = b"".join(going)
            step = 1 if self.split else RECORD_BYTES_MAX
            for at in range(0, len(data), step):
                sink.write(data[at : at + step])
            await sink.drain()


async def _packets(source: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Cut a stream into MQTT packets: a type, a length in up to four bytes of seven bits, and so many bytes."""
    while True:
        head = await source.readexactly(2)
        while head[-1] & 0x80:
            head += await source.readexactly(1)
        length = sum((byte & 0x7F) << (7 * at) for at, byte in enumerate(head[1:]))
        yield head + await source.readexactly(length)
