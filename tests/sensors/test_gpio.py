"""Plain contacts on gpiozero's mock pins: edges from another thread, bounce, wet at start-up, dead pins."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import LED  # type: ignore[attr-defined]
from gpiozero.pins.mock import MockFactory, MockPin

from sensors.driver import SensorDriver
from sensors.gpio import GpioDriver, PinsLostError
from sensors.options import GpioOptions
from tests.support.ears import ListeningEar, clock_ms, listening


@pytest.fixture
def pins() -> Iterator[Any]:
    make: Any = MockFactory
    factory = make()
    yield factory
    factory.reset()


def driver(pins: Any, *addresses: str, **options: Any) -> SensorDriver:
    return GpioDriver(GpioOptions(**({"debounce_ms": 30} | options)), addresses, clock_ms, pins)


def close(pins: Any, number: int) -> None:
    pins.pin(number).drive_low()  # to ground, against the pull-up


def open_(pins: Any, number: int) -> None:
    pins.pin(number).drive_high()


def in_thread(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


async def test_edges_from_another_thread_with_bounce_are_one_call(pins: Any) -> None:
    def bounce() -> None:
        for _ in range(20):
            close(pins, 17)
            time.sleep(0.001)
            open_(pins, 17)
            time.sleep(0.001)
        close(pins, 17)

    async with listening(driver(pins, "GPIO17")) as ear:
        await ear.until(lambda each: each.levels)
        assert [each.what for each in ear.levels] == ["clear"]  # it is open now
        thread = in_thread(bounce)
        await ear.until(ListeningEar.calls)
        await asyncio.to_thread(thread.join)
        await asyncio.to_thread(open_, pins, 17)
        await ear.until(lambda each: len(each.levels) == 3)
        assert [each.what for each in ear.levels] == ["clear", "active", "clear"]


async def test_a_spike_shorter_than_the_window_calls_nobody(pins: Any) -> None:
    async with listening(driver(pins, "GPIO17", "GPIO4", debounce_ms=200)) as ear:
        await ear.until(lambda each: len(each.levels) == 2)
        close(pins, 17)
        open_(pins, 17)
        close(pins, 4)
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [("GPIO4", "closed")]


async def test_a_press_during_a_stall_of_the_loop_is_not_lost(pins: Any) -> None:
    def press() -> None:
        close(pins, 17)
        time.sleep(0.1)
        open_(pins, 17)

    async with listening(driver(pins, "GPIO17")) as ear:
        await ear.until(lambda each: each.levels)
        thread = in_thread(press)
        thread.join()  # on purpose: the event loop stands still all the while
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [("GPIO17", "closed")]


class WetPin(MockPin):
    """A pin whose contact was closed before the hub started: low as soon as it is set up."""

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)  # type: ignore[no-untyped-call]
        self._change_state(False)  # type: ignore[no-untyped-call]


async def test_a_flood_sensor_wet_at_start_up_calls(pins: Any) -> None:
    pins.pin(27, pin_class=WetPin)
    async with listening(driver(pins, "GPIO27", "22:nc")) as ear:
        await ear.until(lambda each: len(each.calls()) == 2)
        assert dict(ear.calls()) == {"GPIO27": "closed", "22:nc": "open"}


async def test_s7_a_missed_edge_is_caught_at_the_next_reading(pins: Any) -> None:
    async with listening(driver(pins, "GPIO17", reread_s=1)) as ear:
        await ear.until(lambda each: each.levels)
        pins.pin(17).when_changed = None  # gpiozero's thread is dead: nobody calls back any more
        close(pins, 17)
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [("GPIO17", "closed")]


async def test_s7_a_dead_callback_thread_is_told_contacts_are_heard_all_the_same_and_its_return_ends_it(
    pins: Any,
) -> None:
    async with listening(driver(pins, "GPIO17", reread_s=0.2)) as ear:
        await ear.until(lambda each: each.levels)
        alive, pins.pin(17).when_changed = pins.pin(17).when_changed, None
        close(pins, 17)
        await ear.until(ListeningEar.calls)
        assert ear.deaf_reasons == [], "one change may have been told just now"
        open_(pins, 17)
        await ear.until(lambda each: each.deaf_reasons)
        assert "nobody calls" in ear.deaf_reasons[0]
        pins.pin(17).when_changed = alive
        before = ear.listenings
        await asyncio.to_thread(close, pins, 17)
        await ear.until(lambda each: each.listenings > before)


async def test_s7_a_new_driver_says_of_each_pin_that_it_can_be_read(pins: Any) -> None:
    """Or a fault from before the driver was lost would stand for ever."""
    async with listening(driver(pins, "GPIO17")) as ear:
        await ear.until(lambda each: each.observations)
        first = ear.observations[0]
        assert (first.address, first.what, first.on) == ("GPIO17", "unavailable", False)


async def test_s7_one_pin_that_fails_is_told_and_does_not_stop_the_others(
    pins: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = pins.pin(17)
    monkeypatch.setattr(type(broken), "_get_state", _raise_for(broken))
    async with listening(driver(pins, "GPIO17", "GPIO4", reread_s=1)) as ear:
        close(pins, 4)
        await ear.until(ListeningEar.calls)
        troubles = [(each.address, each.on) for each in ear.observations if each.what == "unavailable"]
        assert set(troubles) == {("GPIO17", True), ("GPIO4", False)}
        monkeypatch.undo()
        await ear.until(lambda each: each.levels[-1].address == "GPIO17" and each.levels[-1].what == "clear")
        assert [each.on for each in ear.observations if each.what == "unavailable"][-1] is False
        close(pins, 17)
        await ear.until(lambda each: len(each.calls()) == 2)


def _raise_for(broken: Any) -> Any:
    original = type(broken)._get_state

    def get_state(pin: Any) -> Any:
        if pin is broken:
            raise OSError("the line is gone")
        return original(pin)

    return get_state


async def test_s7_when_no_pin_can_be_read_the_driver_fails(pins: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(pins.pin(17)), "_get_state", _raise_for(pins.pin(17)))
    ear = ListeningEar()
    with pytest.raises(PinsLostError, match="the line is gone"):
        await driver(pins, "GPIO17").run(ear)
    assert ear.listenings == 0


async def test_a_pin_that_is_in_use_does_not_stop_the_others(pins: Any) -> None:
    light = LED(17, pin_factory=pins)  # type: ignore[no-untyped-call]
    async with listening(driver(pins, "GPIO17", "GPIO4")) as ear:
        close(pins, 4)
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [("GPIO4", "closed")]
    light.close()  # type: ignore[no-untyped-call]


async def test_s12_a_chattering_pin_is_bounded_and_its_last_level_counts(pins: Any) -> None:
    device = driver(pins, "GPIO17", reread_s=1)

    def chatter() -> None:
        for _ in range(5_000):
            close(pins, 17)
            open_(pins, 17)
        close(pins, 17)

    async with listening(device) as ear:
        await ear.until(lambda each: each.levels)
        in_thread(chatter).join()
        assert len(device._edges) == 1_024  # type: ignore[attr-defined]
        await ear.until(ListeningEar.calls)
        await ear.until(lambda each: each.noises >= 10_001 - 1_024)  # what was dropped is counted


async def test_an_edge_after_the_end_hurts_nobody(pins: Any) -> None:
    device = driver(pins, "GPIO17")
    async with listening(device) as ear:
        await ear.until(lambda each: each.levels)
        pin = pins.pin(17)
    before = list(ear.levels)
    close(pins, 17)
    assert ear.levels == before
    assert pin.when_changed is None


async def test_s7_a_callback_cannot_raise_into_gpiozeros_thread(pins: Any) -> None:
    loop = asyncio.get_running_loop()
    problems: list[Any] = []
    original, threading.excepthook = threading.excepthook, problems.append
    try:
        async with listening(driver(pins, "GPIO17", reread_s=1)) as ear:
            await ear.until(lambda each: each.levels)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(loop, "call_soon_threadsafe", lambda *_: (_ for _ in ()).throw(RuntimeError("closed")))
                thread = in_thread(lambda: close(pins, 17))
                thread.join()
            await ear.until(ListeningEar.calls)  # the reading finds it
    finally:
        threading.excepthook = original
    assert problems == []


async def test_a_pull_down_contact_to_3v3(pins: Any) -> None:
    async with listening(driver(pins, "GPIO17", pull="down")) as ear:
        await ear.until(lambda each: each.levels)
        assert ear.levels[0].what == "clear"
        pins.pin(17).drive_high()
        await ear.until(ListeningEar.calls)
