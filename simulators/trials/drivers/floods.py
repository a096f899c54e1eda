"""Floods of 5,000 meaningless things a second: on a radio's line, on the zigbee2mqtt bus, on a pin."""

import asyncio
import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from simulators.mosquitto import Mosquitto
from simulators.pins import PinsClient
from simulators.rig import x10
from simulators.serial_line import SerialAdapter

RATE = 5_000
"""Frames, messages or edges a second."""

_BEAT_S = 0.01
_PIN_BEAT_S = 0.02
_SORTS = 2_000
_END_S = 5.0


class Flood(Protocol):
    """Something that floods while it is entered. `sent` counts what it said so far."""

    sent: int

    async def __aenter__(self) -> Self:
        """Begin."""

    async def __aexit__(self, *problem: object) -> None:
        """End."""


class _Threaded:
    """A flood from a thread of its own, at an even pace; behind its time it does not catch up."""

    def __init__(self, things: list[bytes]) -> None:
        self.sent = 0
        self._things = things
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *problem: object) -> None:
        self._over.set()
        await asyncio.to_thread(self._thread.join, _END_S)

    def _run(self) -> None:
        # The other end may go: that is a flood of nothing, which whoever counts will see.
        with contextlib.suppress(OSError), self._opened() as say:
            self._flow(say)

    def _flow(self, say: Callable[[bytes], object]) -> None:
        count = int(RATE * _BEAT_S)
        due = time.monotonic()
        while not self._over.is_set():
            start = self.sent % (len(self._things) - count)
            say(b"".join(self._things[start : start + count]))
            self.sent += count
            due = max(due + _BEAT_S, time.monotonic() - _BEAT_S)
            time.sleep(max(0.0, due - time.monotonic()))

    def _opened(self) -> contextlib.AbstractContextManager[Callable[[bytes], object]]:
        raise NotImplementedError


class RadioFlood(_Threaded):
    """Frames on a serial line."""

    def __init__(self, adapter: SerialAdapter, frames: list[bytes]) -> None:
        super().__init__(frames)
        self._adapter = adapter

    def _opened(self) -> contextlib.AbstractContextManager[Callable[[bytes], object]]:
        return contextlib.nullcontext(self._adapter.say)


class BusFlood(_Threaded):
    """Messages on a broker, QoS 0, as raw MQTT 3.1.1: the flood must cost this process nothing."""

    def __init__(self, bus: Mosquitto, messages: list[tuple[str, bytes]]) -> None:
        super().__init__([_publish(topic.encode(), payload) for topic, payload in messages])
        self._bus = bus

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Callable[[bytes], object]]:
        with socket.create_connection((self._bus.host, self._bus.port)) as line:
            line.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood")
            line.recv(4)  # CONNACK
            yield line.sendall


class PinFlood:
    """A contact that chatters: two edges each time, faster than it is debounced."""

    def __init__(self, pins: PinsClient, pin: int) -> None:
        self.sent = 0
        self._pins, self._pin = pins, pin

    async def __aenter__(self) -> Self:
        self._chattering = asyncio.create_task(self._chatter())
        return self

    async def __aexit__(self, *problem: object) -> None:
        self._chattering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._chattering
        await self._pins.drive(self._pin, "free")

    async def _chatter(self) -> None:
        times = int(RATE * _PIN_BEAT_S / 2)
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            await self._pins.bounce(self._pin, "low", times, 0)
            self.sent += 2 * times
            due = max(due + _PIN_BEAT_S, loop.time() - _PIN_BEAT_S)
            await asyncio.sleep(max(0.0, due - loop.time()))


# --- what is said -------------------------------------------------------------------------------------------


def random_frames(rng: random.Random) -> list[bytes]:
    """Give bytes without any meaning, as of a receiver gone mad."""
    return [rng.randbytes(rng.randint(4, 24)) for _ in range(_SORTS)]


def false_headers(rng: random.Random) -> list[bytes]:
    """Give headers that promise the longest frames there are, each cut short by the next."""
    longest = (b"\x24\x03", b"\x14\x01", b"\x17\x5b", b"\x24", b"\x24\x24\x24\x24\x24\x24\x24\x24\x24\x24\x24\x24")
    return [rng.choice(longest) + rng.randbytes(rng.randint(0, 8)) for _ in range(_SORTS)]


def neighbours(rng: random.Random) -> list[bytes]:
    """Give whole frames of devices that nobody configured: panic of a thousand remotes in other homes."""
    return [x10(0x100000 + rng.randrange(1_000)) for _ in range(_SORTS)]


def bus_junk(rng: random.Random) -> list[tuple[str, bytes]]:
    """Give what no zigbee2mqtt says: no JSON, JSON of the wrong shape, strangers, and states of nothing."""
    payloads: tuple[Callable[[], bytes], ...] = (
        lambda: rng.randbytes(rng.randint(0, 60)),
        lambda: b'{"water_leak": tru',
        lambda: b'[{"action": "emergency"}]',
        lambda: b"{" * rng.randint(1, 60),
        lambda: b'{"action": "emergency", "water_leak": true}',
        lambda: b'{"battery": 1e999, "temperature": "warm", "contact": null}',
    )
    return [
        (
            f"zigbee2mqtt/junk-{rng.randrange(500)}{rng.choice(('', '', '/action', '/availability'))}",
            rng.choice(payloads)(),
        )
        for _ in range(_SORTS)
    ]


def _publish(topic: bytes, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2) + topic + payload
    return b"\x30" + bytes(_length(len(body))) + body


def _length(count: int) -> Iterator[int]:
    while True:
        count, low = divmod(count, 128)
        yield low | (128 if count else 0)
        if not count:
            return
