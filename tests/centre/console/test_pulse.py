"""The pulse: pages are told of every change, at once, and never that all is well when it is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from centre import pulse as module
from centre.cases.events import Took
from centre.intake import LedgerDownError
from centre.pulse import EACH_STREAMS_MAX, STALE_MS, STREAMS_MAX, Pulse
from centre.silence import Silence
from tests.centre.console.desk_of_cases import DeskOfCases, SetClock


async def always() -> bool:
    return True


@asynccontextmanager
async def running(pulse: Pulse) -> AsyncIterator[None]:
    task = asyncio.create_task(pulse.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_the_number_rises_with_every_change_and_with_no_tick_of_the_watch(desk: DeskOfCases, clock: SetClock) -> None:
    pulse = desk.services.pulse
    number = pulse.look().number
    clock.move(5_000)
    desk.watched()
    assert pulse.look().number == number
    case = desk.alarm("hub-1")
    assert pulse.look().number == number + 1
    desk.act(Took, case, "beth")
    assert pulse.look().number == number + 2
    command = desk.services.commands.of_case(case.id, "hub-1")[0]
    desk.services.commands.mark([command.id], "sent", desk.now_ms)
    assert pulse.look().number == number + 3
    desk.services.commands.answered("hub-1", command.id, "done", "", desk.now_ms + 1)
    assert pulse.look().number == number + 4
    desk.services.plans.send("hub-1", {"version": 1}, "asha")
    assert pulse.look().number > number + 4


def test_s7_what_is_wrong_with_ourselves_is_a_change(
    desk: DeskOfCases, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = desk.services.pulse
    number = pulse.look().number
    clock.move(30_001)
    view = pulse.look()
    assert (view.unwatched, view.number) == (True, number + 1)
    desk.watched(Silence(deaf=True))
    view = pulse.look()
    assert (view.unwatched, view.deaf, view.number) == (False, True, number + 2)

    def down() -> None:
        raise LedgerDownError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(desk.database, "reading", down)
        view = pulse.look()
        assert (view.down, view.number) == ("the disk is full", number + 3)
        assert pulse.look().number == number + 3
    assert pulse.look().number == number + 4


def test_s7_a_watch_that_ticks_in_the_future_is_none_either(desk: DeskOfCases) -> None:
    desk.watched(ago_ms=-60_000)
    assert desk.services.pulse.look().unwatched


def test_a_look_that_fails_is_shown_and_ends_nothing(desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch) -> None:
    pulse = desk.services.pulse
    pulse.look()

    def broken() -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(desk.database, "reading", broken)
        assert "see its log" in pulse.look().down
    assert pulse.look().down == ""


async def test_a_page_is_told_at_once_and_of_each_change(desk: DeskOfCases) -> None:
    pulse = desk.services.pulse
    async with running(pulse):
        told = pulse.follow("otto", always)
        first = await asyncio.wait_for(anext(told), 5)
        assert first == ("changed", pulse.view.number)
        await asyncio.to_thread(desk.alarm, "hub-1")
        second = await asyncio.wait_for(anext(told), 5)
        assert second == ("changed", pulse.view.number)
        await told.aclose()  # type: ignore[attr-defined]
    assert pulse.streams == 0


async def test_a_page_hears_a_beat_when_nothing_happens(desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    pulse = desk.services.pulse
    told = pulse.follow("otto", always)
    assert [(await asyncio.wait_for(anext(told), 5))[0] for _ in range(3)] == ["changed", "beat", "beat"]


async def test_s7_a_pulse_that_has_stopped_is_told_as_stale(
    desk: DeskOfCases, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.01)
    told = desk.services.pulse.follow("otto", always)
    await asyncio.wait_for(anext(told), 5)
    clock.move(STALE_MS + 1)
    assert (await asyncio.wait_for(anext(told), 5))[0] == "stale"


async def test_who_is_no_longer_allowed_hears_nothing_more(desk: DeskOfCases) -> None:
    allowed = True

    async def still() -> bool:
        return allowed

    pulse = desk.services.pulse
    async with running(pulse):
        told = pulse.follow("otto", still)
        await asyncio.wait_for(anext(told), 5)
        allowed = False
        await asyncio.to_thread(desk.alarm, "hub-1")
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(told), 5)


async def test_a_page_comes_anew_after_a_while(desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STREAM_S", 0.0)
    with pytest.raises(StopAsyncIteration):
        await anext(desk.services.pulse.follow("otto", always))


def test_a_flood_of_pages_is_refused(desk: DeskOfCases) -> None:
    desk.services.pulse.streams_of["beth"] = STREAMS_MAX
    with desk.client("otto") as browser:
        answer = browser.get("/live")
    assert answer.status_code == 503
    assert "close some" in answer.text


def test_s12_one_of_the_staff_cannot_take_all_streams(desk: DeskOfCases) -> None:
    desk.services.pulse.streams_of["otto"] = EACH_STREAMS_MAX
    with desk.client("otto") as browser:
        answer = browser.get("/live")
    assert answer.status_code == 503
    assert "pages of yours" in answer.text
    assert EACH_STREAMS_MAX < STREAMS_MAX / 2
