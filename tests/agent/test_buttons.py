import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from agent.buttons import STUCK_MS, Button, ButtonBoard
from agent.config import ButtonName
from agent.pins import pin_factory
from rules.events import AnswerHeld, AnswerPressed, CallPressed, CancelPressed, Event, HelpArrived, PartChanged
from sensors.driver import Observation
from simulators.world.loop import run_virtual

PINS: dict[ButtonName, int] = {"call": 5, "cancel": 6, "arrived": 12, "answer": 13}
NAMES = tuple(PINS)
DOWN = Observation("GPIO5", "active")
UP = Observation("GPIO5", "clear")
PRESSED: dict[ButtonName, Event] = {"call": CallPressed(), "cancel": CancelPressed()}


# --- one button, without I/O -------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESSED)
def test_a_press_counts_when_the_button_goes_down_and_once(name: ButtonName) -> None:
    button = Button(name)
    assert button.feed(UP, 0) == []
    assert button.feed(DOWN, 10) == [PRESSED[name]]
    assert button.feed(DOWN, 20) == []
    assert PRESSED[name] not in button.settle(5_000)
    assert button.feed(UP, 6_000) == []
    assert button.feed(DOWN, 7_000) == [PRESSED[name]]


@pytest.mark.parametrize("name", ["cancel", "answer"])
def test_an_answer_is_told_when_the_button_is_let_go_and_later_when_it_has_been_held(name: ButtonName) -> None:
    button = Button(name)
    first: list[Event] = [CancelPressed()] if name == "cancel" else []
    button.feed(UP, 0)
    assert button.feed(DOWN, 1_000) == first
    assert button.settle(3_999) == []
    assert button.feed(UP, 3_999) == [AnswerPressed(2_999)]
    assert button.settle(60_000) == []
    assert button.feed(DOWN, 70_000) == first
    assert button.settle(73_000) == [AnswerHeld(3_000)]
    assert button.settle(80_000) == []
    assert button.feed(UP, 81_000) == [], "what was held is no press as well"


def test_an_answer_that_was_held_and_noticed_late_is_no_yes() -> None:
    button = Button("answer")
    button.feed(UP, 0)
    button.feed(DOWN, 1_000)
    assert button.feed(UP, 4_100) == [AnswerHeld(3_100)]


@pytest.mark.parametrize("name", ["cancel", "answer"])
def test_a_button_down_at_the_start_or_unseen_for_a_while_answers_nothing(name: ButtonName) -> None:
    button = Button(name)
    assert button.feed(DOWN, 0) == []
    assert button.settle(10_000) == []
    assert button.feed(UP, 11_000) == []
    button.feed(DOWN, 20_000)
    button.feed(Observation("GPIO5", "unavailable", "wire"), 21_000)
    button.feed(Observation("GPIO5", "unavailable", on=False), 22_000)
    assert button.feed(UP, 22_100) == []
    button.lost("no board")
    assert button.feed(DOWN, 30_000) == [PartChanged(f"button-{name}", ok=True)]
    assert button.feed(UP, 30_500) == []


def test_arrived_counts_when_held_for_three_seconds_and_once() -> None:
    button = Button("arrived")
    assert button.feed(UP, 0) == []
    assert button.feed(DOWN, 1_000) == []
    assert button.due() == 4_000
    assert button.settle(3_999) == []
    assert button.settle(4_000) == [HelpArrived()]
    assert button.settle(10_000) == []
    assert button.feed(UP, 11_000) == []


def test_arrived_let_go_early_is_nothing() -> None:
    button = Button("arrived")
    button.feed(UP, 0)
    assert button.feed(DOWN, 1_000) == []
    assert button.feed(UP, 3_999) == []
    assert button.settle(9_000) == []


def test_a_hold_that_is_noticed_late_counts() -> None:
    button = Button("arrived")
    button.feed(UP, 0)
    button.feed(DOWN, 1_000)
    assert button.feed(UP, 4_100) == [HelpArrived()]


def test_s4_a_call_button_down_at_the_start_calls_once_and_does_not_repeat() -> None:
    button = Button("call")
    assert button.feed(DOWN, 0) == [CallPressed()]
    assert button.feed(DOWN, 1_000) == []
    assert button.settle(1_000) == []


def test_a_cancel_button_stuck_down_at_the_start_takes_nothing_back() -> None:
    button = Button("cancel")
    assert button.feed(DOWN, 0) == []
    assert button.feed(UP, 1_000) == []
    assert button.feed(DOWN, 2_000) == [CancelPressed()]


def test_an_arrived_button_stuck_down_at_the_start_takes_nothing_over() -> None:
    button = Button("arrived")
    assert button.feed(DOWN, 0) == []
    assert button.settle(10_000) == []
    assert button.feed(UP, 20_000) == []
    button.feed(DOWN, 21_000)
    assert button.settle(24_000) == [HelpArrived()]


@pytest.mark.parametrize("name", NAMES)
def test_s7_a_stuck_button_is_a_fault_until_it_comes_up(name: ButtonName) -> None:
    button = Button(name)
    button.feed(UP, 0)
    button.feed(DOWN, 1_000)
    button.settle(10_000)
    assert button.due() == 1_000 + STUCK_MS
    (fault,) = button.settle(1_000 + STUCK_MS)
    assert fault == PartChanged(f"button-{name}", ok=False, reason="down for 60 s: it is stuck")
    assert button.due() is None
    assert button.feed(UP, 90_000) == [PartChanged(f"button-{name}", ok=True)]


@pytest.mark.parametrize("name", NAMES)
def test_s7_an_unreadable_button_is_a_fault_until_it_can_be_read(name: ButtonName) -> None:
    button = Button(name)
    button.feed(UP, 0)
    gone = Observation("GPIO5", "unavailable", "wire")
    assert button.feed(gone, 10) == [PartChanged(f"button-{name}", ok=False, reason="wire")]
    assert button.feed(gone, 20) == []
    assert button.feed(Observation("GPIO5", "unavailable", on=False), 30) == [PartChanged(f"button-{name}", ok=True)]
    pressed = button.feed(DOWN, 40)
    assert pressed == [PRESSED[name]] if name in PRESSED else pressed == []


def test_a_hold_does_not_go_on_while_the_button_cannot_be_seen() -> None:
    button = Button("arrived")
    button.feed(UP, 0)
    button.feed(DOWN, 1_000)
    button.feed(Observation("GPIO5", "unavailable", "wire"), 2_000)
    assert button.due() is None
    assert button.settle(10_000) == []


def test_s7_a_lost_board_begins_anew_when_it_is_back() -> None:
    button = Button("cancel")
    button.feed(UP, 0)
    assert button.lost("no board") == [PartChanged("button-cancel", ok=False, reason="no board")]
    assert button.lost("no board") == []
    assert button.feed(DOWN, 10) == [PartChanged("button-cancel", ok=True)], "down at first sight is no press"


# --- on pins -----------------------------------------------------------------------------------------


class Box:
    """A board of mock buttons on a loop, and what it told."""

    def __init__(self, opened: Callable[[], Any] | None = None) -> None:
        self.factory = pin_factory("mock", None)  # type: ignore[arg-type]  # mock pins write no file
        self.told: list[Event] = []
        self.heard = asyncio.Event()
        loop = asyncio.get_running_loop()
        clock = lambda: int(loop.time() * 1_000)  # noqa: E731 -- the loop's own time, real or virtual
        self.opened = asyncio.Event()
        self.board = ButtonBoard(PINS, opened or self.open, clock, self.tell)
        self.task = loop.create_task(self.board.run())

    def open(self) -> Any:
        self.opened.set()
        return self.factory

    def tell(self, event: Event) -> None:
        self.told.append(event)
        self.heard.set()

    def press(self, name: ButtonName) -> None:
        self.factory.pin(PINS[name]).drive_low()

    def release(self, name: ButtonName) -> None:
        self.factory.pin(PINS[name]).drive_high()

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def on_a_box(script: Callable[[Box], Any]) -> None:
    async def main() -> None:
        box = Box()
        await asyncio.sleep(1)
        try:
            await script(box)
        finally:
            await box.close()

    run_virtual(main())


def test_presses_on_pins() -> None:
    async def script(box: Box) -> None:
        for name in PINS:
            box.press(name)
            await asyncio.sleep(0.2)
            box.release(name)
            await asyncio.sleep(0.2)
        assert box.told == [CallPressed(), CancelPressed(), AnswerPressed(200), AnswerPressed(200)]
        box.press("arrived")
        box.press("answer")
        await asyncio.sleep(2.9)
        assert len(box.told) == 4
        await asyncio.sleep(0.2)
        assert box.told[4:] == [HelpArrived(), AnswerHeld(3_000)]

    on_a_box(script)


def test_a_bouncing_contact_is_one_press() -> None:
    async def script(box: Box) -> None:
        for _ in range(20):
            box.press("call")
            box.release("call")
            await asyncio.sleep(0.001)
        box.press("call")
        await asyncio.sleep(1)
        assert box.told == [CallPressed()]

    on_a_box(script)


def test_s7_a_stuck_button_on_pins_is_told_after_a_minute() -> None:
    async def script(box: Box) -> None:
        box.press("call")
        await asyncio.sleep(59)
        assert box.told == [CallPressed()]
        await asyncio.sleep(2)
        assert box.told[1:] == [PartChanged("button-call", ok=False, reason="down for 60 s: it is stuck")]
        await asyncio.sleep(3_600)
        assert len(box.told) == 2
        box.release("call")
        await asyncio.sleep(1)
        assert box.told[2:] == [PartChanged("button-call", ok=True)]

    on_a_box(script)


def test_s7_a_board_that_cannot_be_opened_is_a_fault_of_every_button_and_then_works() -> None:
    async def main() -> None:
        problems = [OSError("no board"), OSError("no board")]

        def opened() -> Any:
            if problems:
                raise problems.pop()
            return box.factory

        box = Box(opened)
        await asyncio.sleep(0.5)
        assert box.told == [PartChanged(f"button-{name}", ok=False, reason="no board") for name in PINS]
        await asyncio.sleep(30)
        assert box.told[4:] == [PartChanged(f"button-{name}", ok=True) for name in PINS]
        box.press("call")
        await asyncio.sleep(1)
        assert box.told[8:] == [CallPressed()]
        await box.close()

    run_virtual(main())


async def test_a_press_from_gpiozeros_thread_arrives_on_the_loop() -> None:
    box = Box()
    async with asyncio.timeout(10):
        await box.opened.wait()
        pressing = threading.Thread(target=box.press, args=("call",))
        pressing.start()
        await box.heard.wait()
    pressing.join()
    assert box.told == [CallPressed()]
    await box.close()


async def test_a_box_without_buttons_is_done_at_once() -> None:
    await asyncio.wait_for(ButtonBoard({}, lambda: None, lambda: 0, print).run(), 1)
