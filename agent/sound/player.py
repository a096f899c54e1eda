"""Keeps the sound card's process fed with what the mixer gives, and alive. A dead one harms nothing else (S7)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from agent.sound.mixing import Mixer
from agent.sound.pcm import FRAME_BYTES, FRAME_MS, SILENCE
from agent.sound.sink import AHEAD_FRAMES, Sink, SinkError
from rules.events import Event, PartChanged

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""How soon a process that failed is started again."""

RETRY_S_MAX = 300.0
"""The pause doubles up to this (S12), unless there is something to play."""

WELL_S = 2.0
"""A process that lives for so long has opened its device."""

HANG_S = 3.0
"""One that takes no sound for so long hangs."""

LAST_WORDS_S = 0.5
"""How long one that failed has to say why."""

TAIL_FRAMES = 15
"""Silence after the last sound: a card plays whole periods only, and must not keep a part for the next sound."""

LOOK_EVERY_S = 600.0
"""How often a little silence is played while there is nothing else: a process that hangs must be found before it is
needed (S7)."""

_FRAME_S = FRAME_MS / 1_000
_AHEAD_S = AHEAD_FRAMES * _FRAME_S

Tell = Callable[[Event], object]


class Player:
    """Plays a mixer through a process. `spoke` is told when speech begins and ends, as it does."""

    def __init__(
        self, mixer: Mixer, command: Sequence[str], tell: Tell, spoke: Callable[[bool], None] = lambda _: None
    ) -> None:
        self._mixer = mixer
        self._command = tuple(command)
        self._tell = tell
        self._spoke = spoke
        self._speaking = False
        self._wake = asyncio.Event()
        self.well = True
        self.pid: int | None = None

    def wake(self) -> None:
        """There is something to play."""
        self._wake.set()

    async def run(self) -> None:
        """Play until cancelled."""
        loop = asyncio.get_running_loop()
        pause_s = RETRY_S
        while True:
            began_s = loop.time()
            try:
                await self._play()
            except SinkError as error:
                self._report(well=False, reason=str(error))
            pause_s = RETRY_S if loop.time() - began_s > RETRY_S_MAX else pause_s
            await asyncio.sleep(RETRY_S)
            self._mixer.cut()  # what was to be said meanwhile is old news
            self._wake.clear()
            await self._wait(pause_s - RETRY_S)
            pause_s = min(2 * pause_s, RETRY_S_MAX)

    async def _play(self) -> None:
        """Play until the process fails. Raises SinkError."""
        sink = await Sink.open(self._command)
        self.pid = sink.pid
        feeding, ended = asyncio.create_task(self._feed(sink)), asyncio.create_task(sink.ended())
        steady = asyncio.get_running_loop().call_later(WELL_S, self._report_well)
        try:
            await asyncio.wait([feeding, ended], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([ended], timeout=LAST_WORDS_S)
            failed = feeding.exception() if feeding.done() else None
            raise SinkError(sink.reason or str(failed or f"{self._command[0]} ended"))
        finally:
            self.pid = None
            steady.cancel()
            for task in (feeding, ended):
                task.cancel()
            await sink.close()
            self._say_whether(speaking=False)

    def _report_well(self) -> None:
        self._report(well=True)

    async def _feed(self, sink: Sink) -> None:
        """Hand frames over at the pace at which they are heard, never more than `AHEAD_FRAMES` ahead."""
        loop = asyncio.get_running_loop()
        until_s = loop.time()  # what was handed over lasts until then
        tail = TAIL_FRAMES
        taken_s = loop.time()
        while True:
            until_s = max(until_s, loop.time())
            if until_s + _FRAME_S > loop.time() + _AHEAD_S:
                await asyncio.sleep(until_s + _FRAME_S - _AHEAD_S - loop.time())
            if sink.waiting > FRAME_BYTES:  # the card is slower than our clock, or hangs
                if loop.time() - taken_s > HANG_S:
                    raise SinkError("it takes no sound: it hangs")
                await asyncio.sleep(_FRAME_S)
                continue
            taken_s = loop.time()
            self._wake.clear()
            frame = self._mixer.frame()
            self._say_whether(speaking=self._mixer.speaking)
            if frame is not None:
                tail = TAIL_FRAMES
            elif tail:
                tail -= 1
            else:
                await self._wait(LOOK_EVERY_S)
                tail, taken_s = TAIL_FRAMES, loop.time()
                continue
            sink.write(frame or SILENCE)
            until_s += _FRAME_S

    async def _wait(self, most_s: float) -> None:
        """Wait for something to play, or so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), most_s)

    def _say_whether(self, *, speaking: bool) -> None:
        if speaking != self._speaking:
            self._speaking = speaking
            self._spoke(speaking)

    def _report(self, *, well: bool, reason: str = "") -> None:
        if well != self.well:
            self.well = well
            log.log(logging.INFO if well else logging.ERROR, "sound: %s", "well again" if well else reason)
            self._tell(PartChanged("sound", well, reason[:200]))
