"""Drivers that break: each is told once, run again, and harms no other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from rules.events import DriverFailed, DriverRecovered, PartChanged
from sensors import listening as listening_module
from sensors.driver import Ear, Observation
from sensors.listening import Listening


class Script:
    """A driver whose every run does the next thing of its script, the last one for ever."""

    def __init__(self, *acts: Callable[[Ear], Awaitable[None]]) -> None:
        self.acts = list(acts)
        self.runs = 0

    def __call__(self) -> "Script":
        return self

    async def run(self, ear: Ear) -> None:
        self.runs += 1
        await (self.acts.pop(0) if len(self.acts) > 1 else self.acts[0])(ear)


async def fail(_ear: Ear) -> None:
    raise OSError("no such device")


async def listen(ear: Ear) -> None:
    ear.listening()
    ear.heard(Observation("a", "alive"))
    await asyncio.Event().wait()


async def listen_then_fail(ear: Ear) -> None:
    ear.listening()
    raise OSError("pulled")


class House:
    """Runs a `Listening` with a sleep that takes no time but is counted."""

    def __init__(self, **drivers: Any) -> None:
        self.heard: list[tuple[str, Observation]] = []
        self.told: list[Any] = []
        self.sleeps: list[float] = []
        self._changed = asyncio.Event()
        self.listening = Listening(drivers, self._hear, self._tell, sleep=self._sleep)

    def _hear(self, driver: str, seen: Observation) -> None:
        self.heard.append((driver, seen))
        self._changed.set()

    def _tell(self, event: Any) -> None:
        self.told.append(event)
        self._changed.set()

    async def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self._changed.set()
        await asyncio.sleep(0)

    async def until(self, condition: Callable[[], object], timeout_s: float = 5) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["House"]:
        task = asyncio.create_task(self.listening.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_s7_a_failing_driver_is_told_once_and_tried_for_ever_with_growing_pauses() -> None:
    house = House(radio=Script(fail))
    async with house.running():
        await house.until(lambda: len(house.sleeps) == 8)
    assert house.told == [DriverFailed("radio", "no such device")]
    assert house.sleeps[:8] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert house.listening.status["radio"].failures >= 8


async def test_s7_a_driver_that_listens_again_is_told() -> None:
    house = House(radio=Script(fail, fail, listen))
    async with house.running():
        await house.until(lambda: house.heard)
        status = house.listening.status["radio"]
        assert (status.listening, status.reason, status.failures) == (True, "", 2)
    assert house.told == [DriverFailed("radio", "no such device"), DriverRecovered("radio")]


async def test_one_broken_driver_stops_no_other() -> None:
    def unmakeable() -> Any:
        raise ValueError("option nonsense")

    house = House(broken=unmakeable, failing=Script(fail), good=Script(listen))
    async with house.running():
        await house.until(lambda: house.heard and len(house.sleeps) > 10)
        assert house.listening.status["good"].listening
        assert not house.listening.status["broken"].listening
    assert house.heard == [("good", Observation("a", "alive"))]
    assert sorted(event.reason for event in house.told) == ["no such device", "option nonsense"]


async def test_a_session_of_a_moment_does_not_reset_the_backoff() -> None:
    house = House(radio=Script(listen_then_fail))
    async with house.running():
        await house.until(lambda: len(house.sleeps) == 7)
    assert house.sleeps[:7] == [1, 2, 4, 8, 16, 30, 30]


async def test_a_steady_session_does(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    ahead = 0.0
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + ahead)

    async def listen_for_long(ear: Ear) -> None:
        nonlocal ahead
        ear.listening()
        ahead += 31
        raise OSError("pulled")

    house = House(radio=Script(fail, fail, listen_for_long, fail))
    async with house.running():
        await house.until(lambda: len(house.sleeps) == 4, timeout_s=40)  # the loop's time jumps by 31 s
    assert house.sleeps[:4] == [1, 2, 1, 2]


async def test_a_driver_that_returns_or_cancels_itself_has_failed_too() -> None:
    async def give_up(_ear: Ear) -> None:
        return

    async def cancel(_ear: Ear) -> None:
        raise asyncio.CancelledError

    house = House(lazy=Script(give_up), suicidal=Script(cancel))
    async with house.running():
        await house.until(lambda: len(house.told) == 2)
    assert {event.reason for event in house.told} == {"stopped by itself", "cancelled from within"}


async def test_a_deaf_driver_keeps_running_and_is_a_fault_until_it_listens() -> None:
    async def run(ear: Ear) -> None:
        ear.listening()
        ear.deaf("bridge offline")
        ear.deaf("bridge offline")
        ear.noise(3)
        ear.listening()
        await listen(ear)

    script = Script(run)
    house = House(bus=script)
    async with house.running():
        await house.until(lambda: house.heard)
        assert script.runs == 1
        assert house.listening.status["bus"].noise == 3
    assert house.told == [DriverFailed("bus", "bridge offline"), DriverRecovered("bus")]


async def test_what_the_hub_cannot_take_does_not_stop_the_driver(caplog: pytest.LogCaptureFixture) -> None:
    house = House(radio=Script(listen))

    def cannot(_driver: str, _seen: Observation) -> None:
        raise ZeroDivisionError

    house.listening._ears["radio"]._hear = cannot
    async with house.running():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for _ in range(1_000):
            house.listening._ears["radio"].heard(Observation("mrs-smith", "trigger"))
    assert house.told == []
    assert 0 < len(caplog.records) < 12
    assert "mrs-smith" not in caplog.text


async def test_cancelling_stops_every_driver() -> None:
    ended = []

    async def run(ear: Ear) -> None:
        ear.heard(Observation("a", "alive"))
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    house = House(a=Script(run), b=Script(run), c=Script(fail))
    async with house.running():
        await house.until(lambda: len(house.heard) == 2)
    assert ended == [True, True]


async def test_s7_a_jammed_driver_is_told_and_the_end_of_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening_module, "SLOT_S", 0.01)
    jammed = True

    async def run(ear: Ear) -> None:
        ear.listening()
        while True:
            if jammed:  # and then nothing at all: its end must be looked for
                ear.noise(1_000)
            await asyncio.sleep(0.001)

    house = House(radio=Script(run), other=Script(listen))
    async with house.running():
        await house.until(lambda: house.told)
        jammed = False
        await house.until(lambda: len(house.told) > 1)
    begun, over = house.told
    assert begun == PartChanged("reception-radio", ok=False, reason=begun.reason)
    assert "interference" in begun.reason
    assert over == PartChanged("reception-radio", ok=True)
