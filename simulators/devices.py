"""Devices on serial lines that speak real bytes: a 433 MHz receiver with a pendant in reach, and a fall radar.

Deterministic but for the time they take: whatever differs from press to press comes from the `random.Random` given.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from simulators.serial_line import SerialLine

Sleep = Callable[[float], Awaitable[object]]
"""Waits for so many seconds. Tests give one that does not."""

PENDANT = "d3dc54"
"""The id of the pendant of the device vectors, an X10 remote: `security1:d3dc54` in the hub's configuration."""

_REPEATS = 12  # what one press of an X10 remote sends, over about a second
_GAP_S = 0.085
_NOISE_PAUSE_S = 0.12  # the hub's decoder resynchronises on 100 ms
_ASKED_BYTES_MAX = 256
_BATTERY_OK, _BATTERY_LOW = 0x9, 0x0


class Rfxtrx433:
    """An RFXtrx433 receiver at `path`. Until the hub has said its START it hears nothing, like the real one.

    `noise` is how likely (0 to 1) a burst of meaningless bytes comes between two frames of a press.
    """

    def __init__(self, path: Path, rng: random.Random, *, noise: float = 0.0, sleep: Sleep = asyncio.sleep) -> None:
        self.line = SerialLine(path, self._heard)
        self.started = asyncio.Event()
        self._rng, self._noise, self._sleep = rng, noise, sleep
        self._sequence = 0
        self._asked = b""
        self._battery = _BATTERY_OK

    async def start(self) -> None:
        """Plug it in."""
        self.plug()

    async def stop(self) -> None:
        """Pull it."""
        self.unplug()

    def plug(self) -> None:
        """Plug it in: it waits for a hub's handshake."""
        self.line.plug()

    def unplug(self) -> None:
        """Pull it out of the hub."""
        self.started.clear()
        self._asked = b""
        self.line.unplug()

    async def press(self, remote: str = PENDANT) -> None:
        """Press a pendant: a dozen panic frames over about a second, as one press of an X10 remote gives."""
        for _ in range(_REPEATS):
            if self._rng.random() < self._noise:
                await self.hiss()
            self._receive(self._security(remote, status=0x06))
            await self._sleep(_GAP_S * self._rng.uniform(0.8, 1.2))

    async def hiss(self, count: int = 24) -> None:
        """Receive nothing but noise: `count` meaningless bytes, and then a pause."""
        self._receive(self._rng.randbytes(count))
        await self._sleep(_NOISE_PAUSE_S)

    def tamper(self, remote: str = PENDANT) -> None:
        """Open a device's case."""
        self._receive(self._security(remote, status=0x80))

    def battery_low(self, *, low: bool = True) -> None:
        """Let the pendant's battery run down (or give it a new one): its next frames say so."""
        self._battery = _BATTERY_LOW if low else _BATTERY_OK

    def _security(self, remote: str, status: int) -> bytes:
        signal = self._rng.randint(5, 9)
        body = bytes([0x20, 0x02, self._next(), *bytes.fromhex(remote), status, signal << 4 | self._battery])
        return bytes([len(body)]) + body

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) % 256
        return self._sequence

    def _receive(self, data: bytes) -> None:
        if self.started.is_set():
            self.line.write(data)

    def _heard(self, data: bytes) -> None:
        """Take the hub's commands, `0D 00 00 sequence command …`, 14 bytes each."""
        self._asked += data
        while len(self._asked) >= 14:  # noqa: PLR2004 -- see above
            command, self._asked = self._asked[:14], self._asked[14:]
            self._answer(command[4])

    def _answer(self, command: int) -> None:
        match command:
            case 0x00:  # reset: no answer, and deaf until the next START
                self.started.clear()
            case 0x02:  # status: 433.92 MHz, firmware 0x45, and which protocols are on
                self.line.write(bytes([0x0D, 0x01, 0x00, self._next(), 0x02]) + bytes.fromhex("5345000c2f01010000"))
            case 0x07:
                self.line.write(bytes([0x14, 0x01, 0x07, self._next(), 0x07]) + b"Copyright RFXCOM")
                self.started.set()


class FallRadar:
    """A 60 GHz fall radar at `path` (Seeed MR60FDA1, DFRobot C1001): tells falls, and now and then that all is well.

    `presence_s` is about how often, in seconds, it says by itself whether somebody is there.
    """

    def __init__(
        self, path: Path, rng: random.Random, *, presence_s: float = 30.0, sleep: Sleep = asyncio.sleep
    ) -> None:
        self.line = SerialLine(path, self._heard)
        self.fallen = False
        self.occupied = True
        self.queries = 0
        self._rng, self._presence_s, self._sleep = rng, presence_s, sleep
        self._asked = b""
        self._murmur: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Plug it in."""
        self.plug()

    async def stop(self) -> None:
        """Pull it."""
        self.unplug()

    def plug(self) -> None:
        """Plug it in: it speaks at once, unasked."""
        self.line.plug()
        if self._murmur is None:
            self._murmur = asyncio.create_task(self._speak_up())

    def unplug(self) -> None:
        """Pull it out of the hub."""
        self.line.unplug()
        if self._murmur is not None:
            self._murmur.cancel()
            self._murmur = None

    def fall(self) -> None:
        """Somebody falls, and stays down."""
        self.fallen = True
        self._say(0x83, 0x01, 1)

    def get_up(self) -> None:
        """They are up again."""
        self.fallen = False
        self._say(0x83, 0x01, 0)

    def enter(self) -> None:
        """Somebody comes into the room."""
        self.occupied = True
        self._say(0x80, 0x01, 1)

    def leave(self) -> None:
        """The room is empty."""
        self.occupied = False
        self._say(0x80, 0x01, 0)

    async def _speak_up(self) -> None:
        while True:
            self._say(0x80, 0x01, int(self.occupied))
            await self._sleep(self._presence_s * self._rng.uniform(0.5, 1.5))

    def _say(self, control: int, command: int, state: int) -> None:
        self.line.write(radar_frame(control, command, state))

    def _heard(self, data: bytes) -> None:
        """Answer the questions we know, however they are cut up."""
        self._asked = (self._asked + data)[-_ASKED_BYTES_MAX:]
        for control, state in ((0x83, self.fallen), (0x80, self.occupied)):
            question = radar_frame(control, 0x81, 0x0F)
            while question in self._asked:
                self._asked = self._asked.replace(question, b"", 1)
                self.queries += 1
                self._say(control, 0x81, int(state))


def radar_frame(control: int, command: int, state: int) -> bytes:
    """Frame one byte of data: `53 59 control command 00 01 state sum 54 43`."""
    head = bytes([0x53, 0x59, control, command, 0x00, 0x01, state])
    return head + bytes([sum(head) % 256]) + b"\x54\x43"
