"""The pins' socket: plain gpiozero devices in this process stand for the agent's."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpiozero.input_devices import DigitalInputDevice
from gpiozero.output_devices import DigitalOutputDevice, PWMOutputDevice

from simulators.pins import PinsClient, PinsServer, PinsSocketError
from simulators.watched_pins import Change, WatchedFactory

Input: Any = DigitalInputDevice
Output: Any = DigitalOutputDevice
Tone: Any = PWMOutputDevice


@pytest.fixture
def factory() -> Iterator[WatchedFactory]:
    made = WatchedFactory(clock=lambda: 1234)
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path, factory: WatchedFactory) -> Iterator[Path]:
    with PinsServer(tmp_path / "pins.sock", factory):
        yield tmp_path / "pins.sock"


@pytest.fixture
def client(path: Path) -> PinsClient:
    return PinsClient(path)


class Edges:
    """Notes the edges of an input, and the thread they came on, as the agent's driver would."""

    def __init__(self, factory: WatchedFactory, number: int, *, pull_up: bool = True) -> None:
        self.device = Input(number, pull_up=pull_up, pin_factory=factory)
        self.seen: list[bool] = []
        self.threads: set[int] = set()
        self.device.when_activated = lambda: self._note(True)
        self.device.when_deactivated = lambda: self._note(False)

    def _note(self, active: bool) -> None:
        self.seen.append(active)
        self.threads.add(threading.get_ident())


async def test_drive_moves_a_contact_from_another_thread(factory: WatchedFactory, client: PinsClient) -> None:
    edges = Edges(factory, 17)
    await client.drive(17, "low")
    assert edges.device.value == 1
    await client.drive(17, "high")
    assert edges.seen == [True, False]
    assert threading.get_ident() not in edges.threads


async def test_press_closes_the_contact_for_as_long_as_said(factory: WatchedFactory, client: PinsClient) -> None:
    clock = asyncio.get_running_loop().time
    edges, began = Edges(factory, 17), clock()
    await client.press(17, 60)
    assert edges.seen == [True, False]
    assert clock() - began >= 0.06


async def test_press_knows_which_way_a_pulled_down_contact_closes(factory: WatchedFactory, client: PinsClient) -> None:
    edges = Edges(factory, 22, pull_up=False)
    await client.press(22, 1)
    assert edges.seen == [True, False]


async def test_bounce_chatters_and_settles(factory: WatchedFactory, client: PinsClient) -> None:
    edges = Edges(factory, 17)
    await client.bounce(17, "low", times=3, gap_ms=0)
    assert edges.seen == [True, False] * 3 + [True]


async def test_a_contact_held_before_the_agent_opens_it_is_closed_then(
    factory: WatchedFactory, client: PinsClient
) -> None:
    await client.drive(17, "low")
    edges = Edges(factory, 17)
    assert edges.device.value == 1
    await client.drive(17, "free")
    assert edges.seen == [False]


@contextlib.asynccontextmanager
async def watching(client: PinsClient) -> AsyncIterator[AsyncIterator[Change]]:
    changes = client.watch()
    try:
        yield changes
    finally:
        await changes.aclose()  # type: ignore[attr-defined]


async def upcoming(changes: AsyncIterator[Change]) -> Change:
    return await asyncio.wait_for(anext(changes), 5)


async def test_watch_tells_what_is_lit_now_and_every_change(factory: WatchedFactory, client: PinsClient) -> None:
    lamp = Output(5, pin_factory=factory, initial_value=True)
    Edges(factory, 17)  # an input is nobody's business
    async with watching(client) as changes:
        assert await upcoming(changes) == Change(5, 1.0, 1234)
        lamp.off()
        lamp.on()
        lamp.on()
        lamp.off()
        lamp.close()
        assert [(await upcoming(changes)).value for _ in range(3)] == [0.0, 1.0, 0.0]


async def test_watch_tells_an_output_made_later_and_its_end(factory: WatchedFactory, client: PinsClient) -> None:
    witness = Output(6, pin_factory=factory)
    async with watching(client) as changes:
        assert (await upcoming(changes)).pin == 6
        siren = Output(5, pin_factory=factory, initial_value=True)
        while (change := await upcoming(changes)) != Change(5, 1.0, 1234):
            assert change.pin == 5
        siren.close()
        assert await upcoming(changes) == Change(5, 0.0, 1234)
        witness.on()
        assert await upcoming(changes) == Change(6, 1.0, 1234)


async def test_watch_tells_the_pitch_of_a_tone(factory: WatchedFactory, client: PinsClient) -> None:
    sounder = Tone(18, pin_factory=factory)
    async with watching(client) as changes:
        await upcoming(changes)
        sounder.frequency = 880
        sounder.value = 0.5
        assert await upcoming(changes) == Change(18, 0.5, 1234, hz=880)
        sounder.frequency = 440
        assert await upcoming(changes) == Change(18, 0.5, 1234, hz=440)
        sounder.value = 0
        assert await upcoming(changes) == Change(18, 0.0, 1234)


async def test_every_watcher_hears_and_one_that_left_is_forgotten(factory: WatchedFactory, client: PinsClient) -> None:
    lamp = Output(5, pin_factory=factory)
    async with watching(client) as one:
        await upcoming(one)
        async with watching(client) as other:
            await upcoming(other)
            lamp.on()
            assert (await upcoming(one)).value == (await upcoming(other)).value == 1
        lamp.off()
        assert (await upcoming(one)).value == 0


async def test_the_protocol_is_lines_of_json_for_any_tool(factory: WatchedFactory, path: Path) -> None:
    lamp = Output(5, pin_factory=factory)
    contact = Input(17, pull_up=True, pin_factory=factory)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"drive 17 low\nwatch\n")
    assert json.loads(await reader.readline()) == {"ok": True}
    assert json.loads(await reader.readline()) == {"pin": 5, "value": 0.0, "ms": 1234}
    lamp.on()
    assert json.loads(await reader.readline()) == {"pin": 5, "value": 1.0, "ms": 1234}
    assert contact.value == 1
    writer.close()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "expected drive PIN"),
        (b"drive 17", "expected drive PIN"),
        (b"drive 99 low", "0 to 27"),
        (b"press seventeen 200", "whole number"),
        (b"press 17 -1", "whole number"),
        (b"press 17 99999999", "0 to 600000"),
        (b"drive 5 low", "pin 5 is an output"),
        (b"\xff\xfe", "expected drive PIN"),
        (b"drive 17 " + b"x" * 5_000, "too long"),
    ],
)
async def test_a_bad_line_is_refused_in_words(factory: WatchedFactory, path: Path, line: bytes, complaint: str) -> None:
    lamp = Output(5, pin_factory=factory)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line + b"\n")
    answer = json.loads(await asyncio.wait_for(reader.readline(), 5))
    assert answer["ok"] is False
    assert complaint in answer["error"]
    writer.close()
    await PinsClient(path).drive(17, "low")  # and the socket lives on
    lamp.close()


async def test_an_agent_callback_that_raises_is_told_and_survived(factory: WatchedFactory, client: PinsClient) -> None:
    def broken() -> None:
        raise ZeroDivisionError("the agent's own fault")

    contact = Input(17, pull_up=True, pin_factory=factory)
    contact.when_activated = broken
    with pytest.raises(PinsSocketError, match="own fault"):
        await client.drive(17, "low")
    await client.drive(22, "low")
    contact.close()


def test_only_our_own_user_may_press(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_left_by_a_killed_agent_makes_way(tmp_path: Path, factory: WatchedFactory) -> None:
    path = tmp_path / "pins.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with PinsServer(path, factory):
        pass
    assert not path.exists()


def test_a_file_in_the_way_is_kept(tmp_path: Path, factory: WatchedFactory) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(PinsSocketError, match="is no socket"), PinsServer(path, factory):
        pass
    assert path.read_text() == "data"


@pytest.mark.parametrize("name", ["x" * 108, "nowhere/pins.sock"])
def test_a_path_that_cannot_be_is_named(tmp_path: Path, factory: WatchedFactory, name: str) -> None:
    with pytest.raises(PinsSocketError, match=r"pins\.sock|shorter path"), PinsServer(tmp_path / name, factory):
        pass


async def test_no_hub_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(PinsSocketError, match="no hub listens"):
        await PinsClient(tmp_path / "none.sock").press(17)


_STAND_IN = """
import sys, threading, types
from gpiozero.input_devices import DigitalInputDevice
from gpiozero.output_devices import DigitalOutputDevice

def main(argv=None, *, clock=None, seams):
    assert argv == ["--config", "hub.toml"], argv
    button = DigitalInputDevice(17, pull_up=True, pin_factory=seams.pin_factory)
    lamp = DigitalOutputDevice(5, pin_factory=seams.pin_factory)
    end = threading.Event()
    def pressed():
        lamp.on()
    button.when_activated = pressed
    button.when_deactivated = end.set
    print("armed", flush=True)
    end.wait(20)
    return 7

stand_in = types.ModuleType("agent.__main__")
stand_in.main = main
sys.modules["agent.__main__"] = stand_in
from simulators.pins import main as wrapped
sys.exit(wrapped(["--pins-socket", sys.argv[1], "--", "--config", "hub.toml"]))
"""


@contextlib.contextmanager
def stand_in(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the wrapper, in a process of its own, around something that has the agent's entry point."""
    with subprocess.Popen([sys.executable, "-c", _STAND_IN, str(path)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"armed\n"
            yield process
        finally:
            process.kill()


async def test_the_agent_in_a_process_of_its_own_is_pressed_and_watched(tmp_path: Path) -> None:
    path = tmp_path / "pins.sock"
    with stand_in(path) as process:
        client = PinsClient(path)
        async with watching(client) as changes:
            assert (await upcoming(changes)).value == 0
            await client.press(17, 1)
            assert (await upcoming(changes)).value == 1
        assert await asyncio.to_thread(process.wait, 10) == 7, "the agent's exit code is the wrapper's"
    assert not path.exists()


async def test_a_watch_ends_when_the_agent_is_killed(tmp_path: Path) -> None:
    with stand_in(tmp_path / "pins.sock") as process:
        async with watching(PinsClient(tmp_path / "pins.sock")) as changes:
            await upcoming(changes)
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(StopAsyncIteration):
                await upcoming(changes)
