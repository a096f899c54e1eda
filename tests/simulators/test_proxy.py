"""The proxy, against a real target that notes every single read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from simulators.proxy import Proxy


class Peer(asyncio.Protocol):
    """One end of a connection. `reads` is every chunk, as it came; `ended` holds why the connection is gone."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.reads: list[bytes] = []
        self.eof = False
        self.ended: Exception | str = ""
        self.greeting = greeting
        self.transport: Any = None
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    @property
    def got(self) -> bytes:
        return b"".join(self.reads)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.greeting:
            self.transport.write(self.greeting)

    def data_received(self, data: bytes) -> None:
        self.reads.append(data)
        self._changed()

    def eof_received(self) -> None:
        self.eof = True
        self._changed()

    def connection_lost(self, problem: Exception | None) -> None:
        self.ended = problem or "closed"
        self._changed()

    def _changed(self) -> None:
        for condition, waiter in self._waiters:
            if condition() and not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5) -> None:
        if not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((condition, waiter))
            await asyncio.wait_for(waiter, timeout_s)


class Target:
    """A server that says `hello` to everybody and collects what they say."""

    def __init__(self) -> None:
        self.peers: asyncio.Queue[Peer] = asyncio.Queue()
        self.port = 0

    def _made(self) -> Peer:
        peer = Peer(b"hello")
        self.peers.put_nowait(peer)
        return peer

    async def start(self) -> None:
        self.server = await asyncio.get_running_loop().create_server(self._made, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    one = Target()
    await one.start()
    yield one
    one.server.close()


@pytest.fixture
async def proxy(target: Target) -> AsyncIterator[Proxy]:
    async with Proxy(0, ("127.0.0.1", target.port)) as running:
        yield running


@contextlib.asynccontextmanager
async def client(proxy: Proxy) -> AsyncIterator[Peer]:
    _, peer = await asyncio.get_running_loop().create_connection(Peer, proxy.host, proxy.port)
    try:
        yield peer
    finally:
        peer.transport.abort()


async def greeted(proxy: Proxy, stack: contextlib.AsyncExitStack, target: Target) -> tuple[Peer, Peer]:
    """Connect, and wait until the greeting has come all the way."""
    near = await stack.enter_async_context(client(proxy))
    far = await asyncio.wait_for(target.peers.get(), 5)
    await near.until(lambda: near.got == b"hello")
    return near, far


@pytest.fixture
async def line(proxy: Proxy, target: Target) -> AsyncIterator[tuple[Peer, Peer]]:
    async with contextlib.AsyncExitStack() as stack:
        yield await greeted(proxy, stack, target)


async def test_forwards_both_ways_and_counts(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    near.transport.write(b"x" * 300_000)
    await far.until(lambda: len(far.got) == 300_000)
    assert (proxy.up.read, proxy.up.written, proxy.up.swallowed) == (300_000, 300_000, 0)
    assert (proxy.down.read, proxy.down.written) == (5, 5)
    assert (proxy.accepted, proxy.open) == (1, 1)


@pytest.mark.parametrize("closer", [0, 1])
async def test_an_end_that_closes_is_heard_at_the_other(proxy: Proxy, line: tuple[Peer, Peer], closer: int) -> None:
    one, other = line[closer], line[1 - closer]
    one.transport.close()
    await other.until(lambda: other.ended == "closed")
    await proxy.until(lambda: proxy.open == 0)


async def test_a_target_that_is_down_closes_the_client(target: Target, proxy: Proxy) -> None:
    target.server.close()
    async with client(proxy) as near:
        await near.until(lambda: bool(near.ended))


async def test_cut_resets_what_is_open_and_refuses_what_comes(
    proxy: Proxy, target: Target, line: tuple[Peer, Peer]
) -> None:
    near, far = line
    proxy.cut()
    await near.until(lambda: isinstance(near.ended, ConnectionResetError))
    await far.until(lambda: isinstance(far.ended, ConnectionResetError))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(proxy.host, proxy.port)
    proxy.forward()
    async with contextlib.AsyncExitStack() as stack:
        await greeted(proxy, stack, target)


async def test_cut_catches_a_connection_accepted_in_the_same_instant(proxy: Proxy) -> None:
    cuts: list[int] = []

    def cut_now() -> bool:  # until() looks at it while the connection is being accepted
        if proxy.accepted and not cuts:
            cuts.append(proxy.accepted)
            proxy.cut()
        return bool(cuts)

    waiting = asyncio.create_task(proxy.until(cut_now))
    async with client(proxy) as near:
        await waiting
        await near.until(lambda: bool(near.ended))
        await proxy.until(lambda: proxy.open == 0)


async def test_refuse_leaves_open_connections_alone(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(proxy.host, proxy.port)
    near.transport.write(b"still here")
    await far.until(lambda: far.got == b"still here")


async def test_the_port_stays_ours_while_it_is_refused(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(OSError, match="in use"):
        await asyncio.start_server(lambda _r, _w: None, proxy.host, proxy.port)


async def test_swallow_reads_and_forwards_nothing_even_the_end(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    proxy.swallow()
    near.transport.write(b"lost")
    far.transport.write(b"gone")
    await proxy.until(lambda: (proxy.up.swallowed, proxy.down.swallowed) == (4, 4))
    near.transport.abort()
    far.transport.write(b"anybody?")
    await proxy.until(lambda: proxy.down.swallowed == 12)
    with pytest.raises(TimeoutError):
        await far.until(lambda: bool(far.got or far.eof or far.ended), timeout_s=0.1)
    assert near.got == b"hello"


async def test_swallow_one_way_lets_the_other_through(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    proxy.swallow("down")
    near.transport.write(b"question")
    await far.until(lambda: far.got == b"question")
    far.transport.write(b"answer")
    await proxy.until(lambda: proxy.down.swallowed == 6)
    assert near.got == b"hello"


async def test_a_connection_that_lost_bytes_does_not_live_on(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, _ = line
    proxy.swallow()
    near.transport.write(b"lost")
    await proxy.until(lambda: proxy.up.swallowed == 4)
    proxy.forward()
    await near.until(lambda: isinstance(near.ended, ConnectionResetError))


async def test_a_connection_that_lost_nothing_lives_on(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    proxy.swallow()
    proxy.forward()
    near.transport.write(b"kept")
    await far.until(lambda: far.got == b"kept")


async def test_stall_holds_everything_back_and_loses_nothing(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    proxy.stall("up")
    near.transport.write(b"late")
    far.transport.write(b"prompt")
    await near.until(lambda: near.got == b"helloprompt")
    assert (far.got, proxy.up.read) == (b"", 0)
    proxy.forward()
    await far.until(lambda: far.got == b"late")


async def test_delay_is_at_least_as_long_as_said_and_keeps_order(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    clock = asyncio.get_running_loop().time
    proxy.delay(80, "up")
    sent = clock()
    near.transport.write(b"a")
    await proxy.until(lambda: proxy.up.read == 1)
    near.transport.write(b"b")
    await far.until(lambda: far.got == b"ab")
    assert clock() - sent >= 0.08


async def test_coalescing_packs_what_came_apart_into_one_write(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    before = proxy.up.writes
    proxy.coalesce(500)
    for count in (1, 2, 3):
        near.transport.write(b"x")
        await proxy.until(lambda count=count: proxy.up.read == count)  # type: ignore[misc]
    await far.until(lambda: bool(far.reads))
    assert far.reads == [b"xxx"]
    assert proxy.up.writes - before == 1


async def test_drop_after_tears_a_packet_in_its_middle_once(
    proxy: Proxy, target: Target, line: tuple[Peer, Peer]
) -> None:
    near, far = line
    proxy.drop_after(4)
    near.transport.write(b"pack")  # exactly at the edge counts too
    await far.until(lambda: bool(far.ended))
    await near.until(lambda: bool(near.ended))
    assert far.got == b"pack"
    proxy.drop_after(6)
    async with contextlib.AsyncExitStack() as stack:
        near, far = await greeted(proxy, stack, target)
        near.transport.write(b"packet torn")
        await far.until(lambda: bool(far.ended))
        assert far.got == b"packet"
    async with contextlib.AsyncExitStack() as stack:
        near, far = await greeted(proxy, stack, target)
        near.transport.write(b"a whole packet")
        await far.until(lambda: far.got == b"a whole packet")


async def test_a_black_hole_accepts_and_never_says_a_word(
    proxy: Proxy, target: Target, line: tuple[Peer, Peer]
) -> None:
    near, far = line
    proxy.black_hole()
    async with client(proxy) as lost:
        await proxy.until(lambda: proxy.accepted == 2)
        near.transport.write(b"older ones live on")
        await far.until(lambda: far.got == b"older ones live on")
        assert target.peers.empty()
        assert (lost.got, lost.ended) == (b"", "")
        proxy.forward()
        await lost.until(lambda: isinstance(lost.ended, ConnectionResetError))


async def test_stranded_connections_hang_for_ever_and_new_ones_live(
    proxy: Proxy, target: Target, line: tuple[Peer, Peer]
) -> None:
    near, far = line
    proxy.strand()
    async with contextlib.AsyncExitStack() as stack:
        await greeted(proxy, stack, target)
        near.transport.write(b"lost")
        far.transport.write(b"gone")
        await proxy.until(lambda: (proxy.up.swallowed, proxy.down.swallowed) == (4, 4))
        proxy.forward()
        await greeted(proxy, stack, target)
        assert (near.got, far.got, near.ended, far.ended) == (b"hello", b"", "", "")
        proxy.cut()
        await near.until(lambda: bool(near.ended))


async def test_a_clogged_line_answers_no_connection_until_it_forwards(
    proxy: Proxy, target: Target, line: tuple[Peer, Peer]
) -> None:
    near, far = line
    await proxy.clog()
    near.transport.write(b"older ones live on")
    await far.until(lambda: far.got == b"older ones live on")
    connecting = asyncio.create_task(asyncio.open_connection(proxy.host, proxy.port))
    done, _ = await asyncio.wait([connecting], timeout=0.3)
    assert not done, "it was answered"
    assert (proxy.accepted, target.peers.qsize()) == (1, 0)
    proxy.forward()
    reader, writer = await asyncio.wait_for(connecting, 5)  # the kernel asks again after a second
    assert await asyncio.wait_for(reader.readexactly(5), 5) == b"hello"
    writer.close()


async def test_drip_keeps_its_pace_and_loses_nothing(proxy: Proxy, line: tuple[Peer, Peer]) -> None:
    near, far = line
    clock = asyncio.get_running_loop().time
    proxy.drip(200, "up")
    began = clock()
    near.transport.write(b"x" * 100)
    await far.until(lambda: len(far.got) == 100)
    assert clock() - began >= 0.4
    assert proxy.up.writes >= 5


async def test_until_tells_that_nothing_came(proxy: Proxy) -> None:
    with pytest.raises(TimeoutError):
        await proxy.until(lambda: proxy.up.read > 0, timeout_s=0.01)


async def test_stop_frees_the_port_and_leaves_no_connection(target: Target) -> None:
    proxy = await Proxy(0, ("127.0.0.1", target.port)).start()
    async with contextlib.AsyncExitStack() as stack:
        near, _ = await greeted(proxy, stack, target)
        await proxy.stop()
        await near.until(lambda: bool(near.ended))
    server = await asyncio.start_server(lambda _r, _w: None, proxy.host, proxy.port)
    server.close()
