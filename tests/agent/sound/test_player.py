"""The player with a real process in aplay's place: paced, cut at once, dead, hanging, tried again, and no orphan."""

import asyncio
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.sound import player as players
from agent.sound.mixing import Mixer, Sound
from agent.sound.pcm import FRAME_BYTES, FRAME_MS, Samples, once
from agent.sound.player import TAIL_FRAMES, Player
from agent.sound.sink import AHEAD_FRAMES, Sink, SinkError, aplay
from agent.sounds import CHIRPS, STILL, TONES
from rules.events import Event, PartChanged
from simulators.sound_card import card, frames
from tests.support.house import ROOT

WORDS = b"w" * FRAME_BYTES
FIRST_OF_HEARD = once(CHIRPS["heard"]).take(FRAME_BYTES)


class Wired:
    """A mixer and its player, with a card that writes down what it gets."""

    def __init__(self, record: Path, command: Sequence[str]) -> None:
        self.record = record
        self.mixer = Mixer()
        self.told: list[Event] = []
        self.spoke: list[bool] = []
        self.player = Player(self.mixer, command, self.told.append, self.spoke.append)
        self.task = asyncio.create_task(self.player.run())

    def say(self, count: int) -> None:
        self.mixer.play(Sound(Samples([WORDS * count]), percent=100, speech=True))
        self.player.wake()

    def chirp(self) -> None:
        self.mixer.cut()
        self.mixer.play(Sound(once(CHIRPS["heard"]), percent=100, call=True))
        self.player.wake()

    @property
    def heard(self) -> list[bytes]:
        return [frame for _, frame in frames(self.record)]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[Callable[..., Wired]]:
    made: list[Wired] = []

    def make(*options: str, command: Sequence[str] | None = None) -> Wired:
        record = tmp_path / f"record-{len(made)}"
        made.append(Wired(record, command or card(record, *options)("default")))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(players, "RETRY_S", 0.05)
    monkeypatch.setattr(players, "HANG_S", 0.3)
    monkeypatch.setattr(players, "WELL_S", 0.3)


@pytest.mark.parametrize("slow", ["1", "0"])
async def test_what_is_played_comes_out_whole_in_order_and_paced_and_then_it_rests(wire: Any, slow: str) -> None:
    wired = wire("--slow", slow)  # 0: it takes whatever it is given, at once
    wired.say(25)
    await wired.until(lambda: len(wired.heard) == 25 + TAIL_FRAMES)
    assert wired.heard == [WORDS] * 25 + [bytes(FRAME_BYTES)] * TAIL_FRAMES
    at_ms = [ns / 1e6 for ns, _ in frames(wired.record)]
    ahead = AHEAD_FRAMES + 2  # those in the pipe while the process starts
    assert at_ms[-1] - at_ms[0] >= (len(at_ms) - 1 - ahead) * FRAME_MS - 5, "never further ahead"
    assert wired.spoke == [True, False]
    assert wired.told == []
    wired.chirp()
    await wired.until(lambda: FIRST_OF_HEARD in wired.heard)


async def test_a_cut_leaves_no_more_of_the_old_than_was_under_way(wire: Any) -> None:
    wired = wire()
    wired.say(1_000)
    await wired.until(lambda: len(wired.heard) > 10)
    before = len(wired.heard)
    wired.chirp()
    await wired.until(lambda: FIRST_OF_HEARD in wired.heard)
    assert wired.heard.index(FIRST_OF_HEARD) - before <= AHEAD_FRAMES, "frames, not time: what was handed over is gone"
    assert WORDS not in wired.heard[wired.heard.index(FIRST_OF_HEARD) :]


async def test_a_tone_goes_on_and_its_end_is_silence(wire: Any) -> None:
    wired = wire()
    wired.mixer.sustain(TONES["no-line"])
    wired.player.wake()
    await wired.until(lambda: len(wired.heard) > 40)
    wired.mixer.sustain(STILL)
    await wired.until(lambda: wired.heard[-TAIL_FRAMES:] == [bytes(FRAME_BYTES)] * TAIL_FRAMES)


async def test_a_card_slower_than_the_clock_is_not_fed_further_ahead(wire: Any) -> None:
    wired = wire("--slow", "2")
    wired.say(1_000)
    await wired.until(lambda: len(wired.heard) > 25)
    before = len(wired.heard)
    wired.chirp()
    await wired.until(lambda: FIRST_OF_HEARD in wired.heard)
    assert wired.heard.index(FIRST_OF_HEARD) - before <= AHEAD_FRAMES


@pytest.mark.usefixtures("impatient")
async def test_s7_a_card_that_breaks_is_told_with_its_last_words_and_plays_again_what_is_still_so(wire: Any) -> None:
    wired = wire("--frames", "20")
    wired.mixer.sustain(TONES["no-line"])
    wired.player.wake()
    await wired.until(lambda: wired.told)
    assert wired.told[0] == PartChanged("sound", ok=False, reason="card: unplugged")
    await wired.until(lambda: len(wired.heard) > 30)
    assert len(wired.told) <= 3, "told when it changes, not at every try"


@pytest.mark.usefixtures("impatient")
async def test_s7_a_card_that_is_back_is_told(wire: Any, tmp_path: Path) -> None:
    flag, record = tmp_path / "there", tmp_path / "record-0"
    script = f"test -e {flag} && exec {' '.join(card(record)('x'))}; echo no such device >&2; exit 1"
    wired = wire(command=["sh", "-c", script])
    await wired.until(lambda: wired.told)
    assert wired.told == [PartChanged("sound", ok=False, reason="no such device")]
    wired.say(5)
    flag.touch()
    await wired.until(lambda: len(wired.told) == 2)
    assert wired.told[1] == PartChanged("sound", ok=True)
    wired.chirp()
    await wired.until(lambda: FIRST_OF_HEARD in wired.heard)
    assert WORDS not in wired.heard, "what was to be said in between is old news"


@pytest.mark.usefixtures("impatient")
async def test_s7_a_card_that_hangs_is_told_and_ended(wire: Any) -> None:
    wired = wire("--hang", "0")
    await wired.until(lambda: wired.player.pid)
    pid = wired.player.pid
    wired.mixer.sustain(TONES["calling"])
    wired.player.wake()
    await wired.until(lambda: wired.told)
    assert wired.told == [PartChanged("sound", ok=False, reason="it takes no sound: it hangs")]
    await wired.until(lambda: gone(pid))


@pytest.mark.usefixtures("impatient")
async def test_s7_a_card_that_hangs_is_found_before_anybody_needs_it(
    wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(players, "LOOK_EVERY_S", 0.1)
    wired = wire("--hang", str(TAIL_FRAMES))  # what it is greeted with, it takes
    await wired.until(lambda: len(wired.heard) == TAIL_FRAMES)
    await wired.until(lambda: wired.told)
    assert wired.told == [PartChanged("sound", ok=False, reason="it takes no sound: it hangs")]


@pytest.mark.usefixtures("impatient")
async def test_s7_without_aplay_nothing_else_suffers(wire: Any) -> None:
    wired = wire(command=["no-such-program"])
    await wired.until(lambda: wired.told)
    assert wired.told == [PartChanged("sound", ok=False, reason="no-such-program: No such file or directory")]
    for _ in range(100):
        wired.say(10)
    await asyncio.sleep(0)
    assert not wired.task.done()


async def test_a_process_is_ended_with_the_player(wire: Any) -> None:
    wired = wire()
    wired.say(1_000)
    await wired.until(lambda: wired.heard)
    pid = wired.player.pid
    await wired.close()
    assert gone(pid)
    assert wired.spoke == [True, False], "a sounder that was hushed for it goes on"


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


async def test_a_hub_that_is_killed_leaves_no_card_process_behind(tmp_path: Path) -> None:
    hub = tmp_path / "hub.py"
    hub.write_text(
        textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from agent.sound.sink import Sink
        from simulators.sound_card import card
        async def main():
            sink = await Sink.open(card(Path({str(tmp_path / "record")!r}))("x"))
            other = await asyncio.create_subprocess_exec("sleep", "60", stdout=-3)  # inherits no end
            print(sink.pid, other.pid, flush=True)
            await asyncio.Event().wait()
        asyncio.run(main())
        """)
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(hub), stdout=asyncio.subprocess.PIPE, env=environment, cwd=ROOT
    )
    assert process.stdout is not None
    pid, other = map(int, (await process.stdout.readline()).split())
    assert not gone(pid)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with asyncio.timeout(10):
        while not gone(pid):
            await asyncio.sleep(0.01)
    os.kill(other, signal.SIGKILL)


@pytest.mark.skipif(shutil.which("aplay") is None, reason="aplay is not installed")
async def test_the_real_aplay_takes_our_options_and_says_why_it_cannot_play() -> None:
    sink = await Sink.open(aplay("null"))
    for _ in range(AHEAD_FRAMES):
        sink.write(WORDS)
    async with asyncio.timeout(10):
        while sink.waiting:
            await asyncio.sleep(0.01)
    await sink.close()
    sink = await Sink.open(aplay("no-such-device"))
    async with asyncio.timeout(10):
        await sink.ended()
    assert sink.reason.startswith("aplay: ")
    with pytest.raises(SinkError, match="aplay: "):
        sink.write(WORDS)
    await sink.close()
