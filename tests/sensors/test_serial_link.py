"""Serial adapters through a real pseudo-terminal: split anywhere, noisy, pulled, replaced, dead."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.events import DriverFailed, DriverRecovered
from sensors import mr60, mr60fda2, radar, rfxtrx
from sensors.driver import Ear, Observation, SensorDriver
from sensors.frames import PAUSE_MS
from sensors.listening import Listening
from sensors.mr60 import Mr60Decoder
from sensors.options import SerialOptions
from sensors.registry import driver_type
from sensors.serial_link import AdapterLostError, SerialDriver, SerialPort
from simulators.serial_line import SerialAdapter
from tests.sensors.vectors import FDA2_FALL, MR60_FALL, RFXTRX
from tests.support.ears import ListeningEar, clock_ms, listening

VECTORS = [
    *(
        pytest.param("rfxtrx", bytes.fromhex(data), (address, detail), id=name)
        for name, (data, address, _, detail) in RFXTRX.items()
    ),
    pytest.param("mr60fda1", MR60_FALL, ("radar", "fall"), id="MR60FDA1"),
    pytest.param("c1001", MR60_FALL, ("radar", "fall"), id="C1001"),
    pytest.param("mr60fda2", FDA2_FALL, ("radar", "fall"), id="MR60FDA2"),
]
JUNK = bytes.fromhex("ff 08 53 59 02")
PANIC, PANIC_CALL = bytes.fromhex("0820024DD3DC540689"), ("security1:d3dc54", "panic")


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[SerialAdapter]:
    with SerialAdapter(tmp_path / "adapter") as plugged:
        yield plugged


def driver(name: str, adapter: SerialAdapter) -> SensorDriver:
    return driver_type(name).make(SerialOptions(device=str(adapter.path)), ["radar"], clock_ms, None)


async def pause() -> None:
    """Let the line be silent for so long that a device's frame must be over."""
    await asyncio.sleep(PAUSE_MS * 1.3 / 1000)


async def until_heard(adapter: SerialAdapter, data: bytes) -> None:
    said = b""
    async with asyncio.timeout(5):
        while data not in said:
            said += adapter.hear()
            await asyncio.sleep(0.01)


async def heard_more(ear: ListeningEar) -> None:
    before = len(ear.observations)
    await ear.until(lambda each: len(each.observations) > before)


async def lost_after(driver: SensorDriver, work: Callable[[], None]) -> Exception:
    """Do `work` while the driver listens, and give what it raises then."""
    ear = ListeningEar()
    run = asyncio.create_task(driver.run(ear))
    await ear.until(lambda each: each.listenings)
    work()
    done, _ = await asyncio.wait([run], timeout=5)
    assert done, "the driver went on"
    problem = run.exception()
    assert isinstance(problem, Exception)
    return problem


@pytest.mark.parametrize(("name", "frame", "call"), VECTORS)
async def test_a_vector_split_at_every_byte_calls_exactly_once_each(
    name: str, frame: bytes, call: Any, adapter: SerialAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rfxtrx, "_REPEAT_MS", 0)  # the same press, a dozen times in a second
    async with listening(driver(name, adapter)) as ear:
        for split in range(1, len(frame)):
            adapter.say(frame[:split])
            await asyncio.sleep(0.002)
            adapter.say(frame[split:])
            await heard_more(ear)
            assert ear.calls() == [call] * split
        assert ear.noises == 0


@pytest.mark.parametrize(("name", "frame", "call"), VECTORS)
async def test_a_vector_after_noise_and_a_pause_calls_exactly_once(
    name: str, frame: bytes, call: Any, adapter: SerialAdapter
) -> None:
    async with listening(driver(name, adapter)) as ear:
        adapter.say(JUNK)
        await pause()
        adapter.say(frame)
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [call]
        assert ear.noises >= 1


async def test_the_pause_timer_finds_a_press_behind_a_false_header(adapter: SerialAdapter) -> None:
    async with listening(driver("rfxtrx", adapter)) as ear:
        adapter.say(bytes([0x24, 0x03]) + PANIC)  # and then silence
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [PANIC_CALL]


@pytest.mark.parametrize(("name", "frame", "call"), VECTORS)
async def test_5000_junk_frames_and_then_a_call(name: str, frame: bytes, call: Any, adapter: SerialAdapter) -> None:
    junk = [bytes((number * 31 + place * place) % 256 for place in range(number % 24)) for number in range(5_000)]

    def say_junk() -> None:
        for each in junk:
            adapter.say(each)

    async with listening(driver(name, adapter)) as ear:
        await asyncio.to_thread(say_junk)
        await pause()
        adapter.say(frame)
        await ear.until(lambda each: call in each.calls())
        assert ear.calls().count(call) == 1
        assert ear.noises > 50


async def test_the_receiver_is_greeted_and_nobody_need_answer(adapter: SerialAdapter) -> None:
    async with listening(driver("rfxtrx", adapter)) as ear:
        await until_heard(adapter, rfxtrx.START)
        adapter.say(PANIC)
        await ear.until(ListeningEar.calls)


@pytest.mark.parametrize(("name", "question"), [("mr60fda1", mr60.ASK_FALL), ("mr60fda2", mr60fda2.ASK_PARAMETERS)])
async def test_a_radar_is_asked_at_once(name: str, question: bytes, adapter: SerialAdapter) -> None:
    async with listening(driver(name, adapter)):
        await until_heard(adapter, question)


async def test_s7_pulling_the_adapter_raises(adapter: SerialAdapter) -> None:
    lost = await lost_after(driver("mr60fda1", adapter), adapter.pull)
    assert isinstance(lost, AdapterLostError | OSError)


async def test_an_adapter_that_is_not_there_raises_and_names_it(tmp_path: Path) -> None:
    missing = SerialAdapter(tmp_path / "no-such-adapter")
    with pytest.raises(OSError, match="no-such-adapter"):
        await driver("rfxtrx", missing).run(ListeningEar())


async def test_s7_pulled_told_replaced_and_heard_again(adapter: SerialAdapter) -> None:
    ear, told = ListeningEar(), []

    def tell(event: Any) -> None:
        told.append(event)
        ear.noise(0)  # wakes whoever waits

    def hear(_name: str, seen: Observation) -> None:
        ear.heard(seen)

    async def soon(_seconds: float) -> None:
        await asyncio.sleep(0.02)

    house = Listening({"radio": lambda: driver("rfxtrx", adapter)}, hear, tell, sleep=soon)
    task = asyncio.create_task(house.run())
    try:
        await until_heard(adapter, rfxtrx.RESET)
        adapter.say(PANIC)
        await ear.until(ListeningEar.calls)
        adapter.pull()
        await ear.until(lambda _: told)
        assert [type(event) for event in told] == [DriverFailed]
        adapter.plug_in()
        await ear.until(lambda _: len(told) == 2)
        assert told[1] == DriverRecovered("radio")
        adapter.say(PANIC)
        await ear.until(lambda each: len(each.calls()) == 2)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_two_drivers_cannot_share_an_adapter(adapter: SerialAdapter) -> None:
    async with listening(driver("rfxtrx", adapter)):
        with pytest.raises(OSError, match="lock"):
            await asyncio.wait_for(driver("rfxtrx", adapter).run(ListeningEar()), 5)
    async with listening(driver("rfxtrx", adapter)):
        pass  # and cancelling the first has let it go


@pytest.mark.parametrize("answers", [True, False])
async def test_s7_an_adapter_that_answered_once_and_then_no_more_is_dead(answers: bool, adapter: SerialAdapter) -> None:
    port = SerialPort(str(adapter.path), radar.BAUD, mr60.ASK_FALL, 0.03)
    run = asyncio.create_task(SerialDriver(port, Mr60Decoder, clock_ms).run(ListeningEar()))
    await until_heard(adapter, mr60.ASK_FALL)
    # A fall report is no answer: a device that never answers questions is left alone.
    adapter.say(bytes.fromhex("53 59 83 81 00 01 00 b1 54 43") if answers else MR60_FALL)
    done, _ = await asyncio.wait([run], timeout=5 if answers else 0.3)
    if answers:
        with pytest.raises(AdapterLostError, match="had answered"):
            run.result()
    else:
        assert not done
        run.cancel()
        await asyncio.wait([run])


async def test_s7_a_decoder_that_raises_is_a_driver_that_fails(adapter: SerialAdapter) -> None:
    class Broken(Mr60Decoder):
        def feed(self, data: bytes, at_ms: int) -> list[Observation]:
            raise RuntimeError("oops")

    port = SerialPort(str(adapter.path), radar.BAUD, mr60.ASK_FALL, 60)
    lost = await lost_after(SerialDriver(port, Broken, clock_ms), lambda: adapter.say(b"x"))
    assert "oops" in str(lost)


def test_the_test_ear_is_an_ear() -> None:
    ear: Ear = ListeningEar()
    assert ear


async def test_s7_an_adapter_that_never_says_anything_is_told_and_still_listened_to(adapter: SerialAdapter) -> None:
    ear = ListeningEar()
    port = SerialPort(str(adapter.path), 115_200, b"?", 0.02)
    run = asyncio.create_task(SerialDriver(port, Mr60Decoder, clock_ms).run(ear))
    await ear.until(lambda each: each.deaf_reasons)
    adapter.say(MR60_FALL)
    await ear.until(lambda each: each.listenings == 2)
    assert ear.calls() == [("radar", "fall")]
    assert len(ear.deaf_reasons) == 1
    run.cancel()
    await asyncio.wait([run])
