"""Listens to a serial adapter: bytes to a decoder, its observations to the ear; raises when the adapter is gone."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol

import msgspec
from serial_asyncio_fast import create_serial_connection

from sensors.driver import Ear, MonotonicMs, Observation

_CLOSE_S = 2.0
_MISSED_POLLS_MAX = 3


class AdapterLostError(Exception):
    """The adapter was pulled, or answers no more. The message says which."""


class ByteDecoder(Protocol):
    """A sans-I/O decoder of a byte stream, with one timer."""

    @property
    def noise(self) -> int:
        """How many runs of bytes meant nothing so far."""

    @property
    def answers(self) -> int:
        """How many answers to the driver's poll there were so far."""

    def feed(self, data: bytes, at_ms: int) -> list[Observation]:
        """Take bytes read at `at_ms`."""

    def due(self) -> int | None:
        """When to call `settle`, if no more bytes come."""

    def settle(self, now_ms: int) -> list[Observation]:
        """Let the time until `now_ms` have its effect."""


class SerialPort(msgspec.Struct, frozen=True):
    """How to open an adapter and keep talking to it.

    `hello`: what to write after opening, each after a pause of so many seconds. `poll`: asked every `poll_s`.
    """

    device: str
    baud: int
    poll: bytes
    poll_s: float
    hello: Sequence[tuple[float, bytes]] = ()


class SerialDriver:
    """A sensor driver over a serial adapter. Every `run` opens it afresh, with a decoder that remembers nothing."""

    def __init__(self, port: SerialPort, make_decoder: type[ByteDecoder], clock: MonotonicMs) -> None:
        self._port, self._make_decoder, self._clock = port, make_decoder, clock

    async def run(self, ear: Ear) -> None:
        """Listen until cancelled.

        Raises:
            OSError: the device cannot be opened (pyserial's exceptions are among them), or failed.
            AdapterLostError: it was pulled, or answered once and then no more.

        """
        port, wire = self._port, _Wire(self._make_decoder(), ear, self._clock)
        # exclusive: two readers would each get half of every frame
        transport, _ = await create_serial_connection(
            asyncio.get_running_loop(), lambda: wire, port.device, baudrate=port.baud, exclusive=True
        )
        talk = asyncio.create_task(_converse(port, transport, wire, ear))
        try:
            ear.listening()
            ends: list[asyncio.Future[Any]] = [wire.lost, talk]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            await (wire.lost if wire.lost.done() else talk)
        finally:
            talk.cancel()
            wire.stop()
            transport.abort()
            # Wait, bounded: opening again while the old descriptor is open would find the device locked.
            gone: list[asyncio.Future[Any]] = [wire.gone, talk]
            await asyncio.wait(gone, timeout=_CLOSE_S)


async def _converse(port: SerialPort, transport: asyncio.Transport, wire: "_Wire", ear: Ear) -> NoReturn:
    """Greet the adapter, then ask it for life for ever. Nothing here waits for an answer."""
    for pause_s, data in port.hello:
        await asyncio.sleep(pause_s)
        transport.write(data)
    missed, mute = 0, False
    while True:
        before = wire.received
        transport.write(port.poll)
        await asyncio.sleep(port.poll_s)
        missed = 0 if wire.received > before else missed + 1
        if missed >= _MISSED_POLLS_MAX and wire.answered:  # S7: open, but dead
            raise AdapterLostError(f"silent for {missed} questions, {port.poll_s:g} s each, though it had answered")
        if missed >= _MISSED_POLLS_MAX and not mute:  # S7: it may hear all the same, so it stays open
            mute = True
            ear.deaf(f"nothing ever came from it, not even answers to {missed} questions: is it the right device?")
        elif mute and not missed:
            mute = False
            ear.listening()


class _Wire(asyncio.Protocol):
    """Feeds the decoder and runs its timer. Nothing that goes wrong here is left to the event loop's logger."""

    def __init__(self, decoder: ByteDecoder, ear: Ear, clock: MonotonicMs) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoder, self._ear, self._clock = decoder, ear, clock
        self._timer: asyncio.TimerHandle | None = None
        self._noise = 0
        self._stopped = False
        self.received = 0
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def data_received(self, data: bytes) -> None:
        """Decode what was read."""
        self.received += len(data)
        self._tell(lambda now_ms: self._decoder.feed(data, now_ms))

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the adapter is gone."""
        self._end(exc if isinstance(exc, OSError) else AdapterLostError(str(exc) if exc else "the adapter was pulled"))
        if not self.gone.done():
            self.gone.set_result(None)

    @property
    def answered(self) -> bool:
        """Whether this adapter has shown that it answers."""
        return self._decoder.answers > 0

    def stop(self) -> None:
        """Decode no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        if not self.lost.done():
            self.lost.cancel()

    def _tell(self, decode: Callable[[int], list[Observation]]) -> None:
        if self._stopped:
            return
        try:
            for observation in decode(self._clock()):
                self._ear.heard(observation)
        except Exception as problem:  # noqa: BLE001 -- S7: a decoder that raises is a driver that fails, never silence
            self._end(AdapterLostError(f"the decoder broke: {problem!r}"))
            return
        noise, self._noise = self._decoder.noise - self._noise, self._decoder.noise
        if noise:
            self._ear.noise(noise)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due_ms = self._decoder.due()
        self._timer = None
        if due_ms is not None:
            wait_s = max(due_ms - self._clock(), 0) / 1000
            self._timer = self._loop.call_later(wait_s, self._tell, self._decoder.settle)

    def _end(self, problem: Exception) -> None:
        self._stopped = True
        if not self.lost.done():
            self.lost.set_exception(problem)
            self.lost.exception()  # seen, even if nobody waits any more
