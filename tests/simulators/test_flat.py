"""The flat, with a real hub in a process of its own: what people do arrives as signed events at the centre's broker."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.config import load
from agent.wire.envelope import HUB_ALGORITHM, Verifier, read_key
from agent.wire.messages import decode_event
from agent.wire.topics import topic
from sensors.mqtt_link import MqttLink
from simulators.broker import DemoBroker
from simulators.flat import Flat, Line
from simulators.hub_process import HubProcess, HubStartError
from simulators.keys import KeySet, make_keys
from simulators.watched_pins import Change

HUB = "hub-3f9a"
KINDS = ("pendant", "button", "pull-cord", "fall")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(tmp_path_factory.mktemp("keys"), time.time_ns() // 1_000_000, [HUB])


@pytest.fixture(scope="module")
def street() -> Iterator[DemoBroker]:
    """The broker that the centre would listen to."""
    with DemoBroker() as broker:
        yield broker


class Centre:
    """Somebody who reads every event of the hub, verifies it, and never answers."""

    def __init__(self, keys: KeySet) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._verifier = Verifier([read_key(keys.hubs[HUB].public, HUB_ALGORITHM)], HUB_ALGORITHM)
        self._changed = asyncio.Event()

    def take(self, message: MQTTMessage) -> None:
        event = decode_event(self._verifier.open(bytes(message.payload)))
        self.events.append((event.type.removeprefix("hearthline."), msgspec.json.decode(event.data)))
        self._changed.set()

    async def until(self, condition: Callable[[list[tuple[str, dict[str, Any]]]], object]) -> None:
        async with asyncio.timeout(10):
            while not condition(self.events):
                self._changed.clear()
                await self._changed.wait()

    def raised(self) -> set[tuple[str, str]]:
        return {(data["kind"], data["sensor"]) for name, data in self.events if name == "alarm.raised"}


@contextlib.asynccontextmanager
async def listening(street: DemoBroker, keys: KeySet) -> AsyncIterator[Centre]:
    centre = Centre(keys)
    link = MqttLink("centre", centre.take)
    await link.connect(street.host, street.port)
    await link.subscribe((topic(HUB, "event"), SubscribeOptions(qos=1)))
    try:
        yield centre
    finally:
        await link.close()


@pytest.fixture
async def centre(street: DemoBroker, keys: KeySet) -> AsyncIterator[Centre]:
    async with listening(street, keys) as made:
        yield made


@contextlib.asynccontextmanager
async def living(tmp_path: Path, street: DemoBroker, keys: KeySet, *, cancel_s: int) -> AsyncIterator[Flat]:
    """Enter a flat whose hub is armed and whose radio and radar the hub has opened."""
    windows = dict.fromkeys(KINDS, cancel_s)
    async with Flat(tmp_path / "flat", keys, [Line(street.port)], hub=HUB, cancel_s=windows) as flat:
        await flat.start_hub()
        await asyncio.wait_for(flat.radio.started.wait(), 10)
        yield flat


async def test_its_configuration_is_what_the_agent_reads(tmp_path: Path, keys: KeySet) -> None:
    bus = ("127.0.0.1", 1)
    flat = Flat(tmp_path, keys, [Line(1, tls=True), Line(2, "mobile")], hub=HUB, cancel_s={"fall": 3}, bus=bus)
    flat.config.write_text(flat.toml())
    config = load(flat.config)
    assert [(line.name, line.key is not None) for line in config.uplinks] == [("main", True), ("mobile", False)]
    kinds = ["pendant", "fall", "flood", "smoke", "button", "pull-cord", "lid", "door"]
    assert [sensor.kind for sensor in config.sensors] == kinds
    assert next(kind.cancel_ms for kind in config.kinds if kind.name == "fall") == 3_000
    assert config.state_dir == tmp_path / "state"


async def test_everything_a_resident_can_do_is_an_alarm(
    tmp_path: Path, street: DemoBroker, keys: KeySet, centre: Centre
) -> None:
    async with living(tmp_path, street, keys, cancel_s=0) as flat:
        await flat.press_pendant()
        await flat.fall()
        await flat.get_up()
        await flat.wet_floor()
        await flat.dry_floor()
        await flat.burn_toast()
        await flat.open_window()
        await flat.press_sos()
        await flat.pull_cord()
        await centre.until(lambda _: ("pull-cord", "cord-1") in centre.raised())
        await flat.reset_cord()
        await flat.press_call()
        pressed = {("pendant", "pendant-1"), ("fall", "fall-1"), ("flood", "water-1"), ("button", "sos-1")}
        pressed |= {("smoke", "smoke-1")}
        await centre.until(lambda _: centre.raised() >= pressed)
        await centre.until(lambda _: len(centre.raised()) == 7)  # the hub's own button is the seventh


async def test_the_resident_sees_it_and_takes_it_back(
    tmp_path: Path, street: DemoBroker, keys: KeySet, centre: Centre
) -> None:
    async with living(tmp_path, street, keys, cancel_s=60) as flat:
        seen = flat.seen()
        await flat.press_pendant()
        await _until_seen(seen, lambda part, change: part == "call" and change.value == 1)
        await flat.press_cancel()
        await centre.until(lambda events: any(name == "alarm.cancelled" for name, _ in events))
        assert centre.raised() == set()
        await seen.aclose()  # type: ignore[attr-defined]


async def _until_seen(seen: AsyncIterator[tuple[str, Change]], condition: Callable[[str, Change], bool]) -> None:
    async with asyncio.timeout(5):
        async for part, change in seen:
            if condition(part, change):
                return
    pytest.fail("the hub ended")


async def test_help_that_arrives_is_held_long_enough(
    tmp_path: Path, street: DemoBroker, keys: KeySet, centre: Centre
) -> None:
    async with living(tmp_path, street, keys, cancel_s=0) as flat:
        await flat.press_pendant()
        await centre.until(lambda _: centre.raised())
        await flat.hold_arrived()
        await centre.until(lambda events: any(name == "alarm.acknowledged" for name, _ in events))


async def test_a_radio_that_is_pulled_is_a_fault_and_hears_again_when_it_is_back(
    tmp_path: Path, street: DemoBroker, keys: KeySet, centre: Centre
) -> None:
    async with living(tmp_path, street, keys, cancel_s=0) as flat:
        flat.unplug_radio()
        await centre.until(lambda events: any(name == "fault.raised" for name, _ in events))
        flat.plug_radio()
        await asyncio.wait_for(flat.radio.started.wait(), 30)
        await flat.press_pendant()
        await centre.until(lambda _: ("pendant", "pendant-1") in centre.raised())


async def test_a_killed_hub_starts_again_in_the_same_flat(tmp_path: Path, street: DemoBroker, keys: KeySet) -> None:
    async with living(tmp_path, street, keys, cancel_s=0) as flat:
        first = flat.hub.pid
        await flat.kill_hub()
        assert not flat.hub.running
        await flat.start_hub()
        assert flat.hub.pid != first
        await flat.press_cancel()  # its pins answer
        await flat.stop_hub()
        assert not flat.hub.running
        assert not (tmp_path / "flat" / "pins.sock").exists()


async def test_a_hub_that_cannot_start_says_why(tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_text('hub = "no"\n')
    with pytest.raises(HubStartError, match=r"ended with 78(.|\n)*hub\.toml"):
        await HubProcess(config).start()


_SCRIPT = """
import asyncio, sys
from pathlib import Path
from simulators.flat import Flat, Line
from simulators.keys import make_keys

async def main():
    folder = Path(sys.argv[1])
    keys = make_keys(folder / "keys", int(sys.argv[2]), ["demo-hub"])
    async with Flat(folder / "flat", keys, [Line(1)]) as flat:
        await flat.start_hub()
        print(flat.hub.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_no_hub_is_left_when_the_simulator_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path), str(time.time_ns() // 1_000_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as simulator:
        assert simulator.stdout is not None
        hub = os.pidfd_open(int(simulator.stdout.readline()))
        simulator.send_signal(signal.SIGKILL)
        try:
            ended, _, _ = select.select([hub], [], [], 15)
        finally:
            os.close(hub)
        assert ended, "the hub outlived its simulator"
