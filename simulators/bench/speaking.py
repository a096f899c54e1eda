"""A press while the hub speaks: how soon the speech is cut, and the first frame of the call's sound is out."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from agent.clock import SystemClock
from agent.config import load
from agent.daemon import Daemon
from agent.seams import Seams
from agent.sound.loudspeaker import Loudspeaker
from agent.sound.mixing import Sound
from agent.sound.pcm import FRAME_BYTES, FRAME_MS, Samples, once
from agent.sound.sink import Sink
from agent.sounds import CHIRPS
from rules.actions import Say
from simulators.bench.stage import WARM_UP, Line, Pace, Stage
from simulators.sound_card import card, frames
from simulators.watched_pins import WatchedFactory

FIRST = once(CHIRPS["heard"]).take(FRAME_BYTES)
WORDS = b"\x10\x20" * (FRAME_BYTES // 2)
VOICE_S = 30.0
"""How long a voice has to be rendered, where there is espeak-ng; without it the words are made up."""

_DICE = random.Random(7)


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, in s from the press: the frame written to the card's process, and taken by it.

    `voice`: what was cut was espeak-ng's, from the disk.
    """

    written: list[float]
    taken: list[float]
    voice: bool


class _Watch:
    """Knows when the first frame of a call's sound was written; it looks over the shoulder of every sink."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self._moved = asyncio.Event()
        self._write: Callable[[Sink, bytes], None] = Sink.write

    def __enter__(self) -> Self:
        def write(sink: Sink, frame: bytes) -> None:
            self._write(sink, frame)
            if frame == FIRST:
                self.written.append(time.monotonic_ns())
                self._moved.set()

        Sink.write = write  # type: ignore[assignment,method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Sink.write = self._write  # type: ignore[assignment,method-assign]

    async def next(self) -> int:
        """Wait for the next one."""
        self._moved.clear()
        count = len(self.written)
        async with asyncio.timeout(10):
            while len(self.written) == count:
                await self._moved.wait()
                self._moved.clear()
        return self.written[count]


async def speaking(
    stage: Stage, line: Line, config: Path, presses: int, *, warm_up: int = WARM_UP, voice_s: float = VOICE_S
) -> Spoken:
    """Start a hub with a loudspeaker on the stage, and press a pendant again and again while it speaks."""
    with config.open("a") as file:
        file.write('[sound]\ndevice = "none"\n')
    record = config.with_suffix(".sound")
    daemon = Daemon(load(config), SystemClock(), Seams(pin_factory=WatchedFactory(), sink=card(record)))
    stop, pressed = asyncio.Event(), []
    running = asyncio.create_task(daemon.run(stop))
    try:
        with _Watch() as watch:
            loudspeaker = await _armed(daemon)
            voice = await _voice(loudspeaker, voice_s)
            pace = Pace()
            for _ in range(presses + warm_up):
                await _quiet(daemon)
                pendant = await pace.next()
                while not loudspeaker.mixer.speaking:  # the chirp of what is resolved may still cut it
                    _speak(daemon, loudspeaker, voice=voice)
                    await asyncio.sleep(_DICE.uniform(4, 6) * FRAME_MS / 1_000)  # anywhere within a frame
                pressed.append(time.monotonic_ns())
                line.press(pendant)
                await watch.next()
                await _until(lambda: any(each.delivery == "received" for each in daemon.hub.house.alarms))
                stage.resolve(daemon.hub.house.alarms[0].id)
            await _until(lambda: len(_taken(record)) == len(pressed))
    finally:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    pairs = (
        [(at - began) / 1e9 for began, at in zip(pressed, ends, strict=True)][warm_up:]
        for ends in (watch.written, _taken(record))
    )
    return Spoken(written=next(pairs), taken=next(pairs), voice=voice)


def _taken(record: Path) -> list[int]:
    return [ns for ns, frame in frames(record) if frame == FIRST]


async def _armed(daemon: Daemon) -> Loudspeaker:
    async with asyncio.timeout(30):
        while not (daemon.uplinks and daemon.hub.house.connected):
            await asyncio.sleep(0.05)
        while not all(each.listening for each in daemon.sensing.listening.status.values()):
            await asyncio.sleep(0.05)
    loudspeaker = daemon.speaking.loudspeaker
    assert loudspeaker is not None  # noqa: S101 -- it was configured
    return loudspeaker


async def _voice(loudspeaker: Loudspeaker, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not loudspeaker.speech.sequence("reminder.answer", "en"):
                await asyncio.sleep(0.1)
            return True
    return False


async def _quiet(daemon: Daemon) -> None:
    await _until(lambda: not daemon.hub.house.alarms and not len(daemon.uplinks[0].window))


def _speak(daemon: Daemon, loudspeaker: Loudspeaker, *, voice: bool) -> None:
    loudspeaker.mixer.cut()
    if voice:
        daemon.outputs.say(Say(prompt="medication"))
    else:
        loudspeaker.mixer.play(Sound(Samples([WORDS] * 100), percent=100, speech=True))
        loudspeaker.player.wake()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
