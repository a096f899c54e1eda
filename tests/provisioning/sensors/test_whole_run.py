"""An installer at a real hub: three simulated devices are learned, walked, replaced and removed, in a real terminal."""

import asyncio
import contextlib
import json
import random
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.config import load
from rules.reports import AlarmRaised
from simulators.devices import PENDANT, Rfxtrx433
from simulators.mosquitto import Mosquitto
from simulators.rig import NO_WINDOW, Rig
from simulators.zigbee import SosButton, WaterSensor, Zigbee2Mqtt
from tests.support.house import ROOT
from tests.support.typist import LIMIT_S, Typist

pytestmark = pytest.mark.slow

CODE = "from provisioning.sensors.command import sensors; sensors(prog_name='hearthline sensors')"
A_PRESS_APART_S = 0.8
"""A remote repeats itself while it is held: what comes sooner is the same press."""

NEIGHBOUR, NEW_PENDANT = "b00b1e", "d3dc99"


class Ran(NamedTuple):
    code: int
    said: str
    complaint: str


class Home:
    """A hub that runs as under systemd, its centre, and what hangs on it."""

    def __init__(self, folder: Path, rig: Rig, bus: Mosquitto) -> None:
        dice = random.Random(6)
        self.folder, self.rig, self.bus = folder, rig, bus
        self.radio = Rfxtrx433(folder / "usb-RFXCOM_RFXtrx433_A1-if00-port0", dice)
        self.gateway = Zigbee2Mqtt(bus.host, bus.port, dice)
        self.water = WaterSensor(self.gateway, "sink", dice)
        self.button = SosButton(self.gateway, "sos", dice)

    async def run(self, *arguments: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CODE, *arguments, "--config", str(self.rig.config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        said, complaint = await asyncio.wait_for(process.communicate(), LIMIT_S)
        return Ran(process.returncode or 0, said.decode(), complaint.decode())

    def typist(self, *arguments: str) -> Typist:
        return Typist(CODE, *arguments, "--config", str(self.rig.config), cwd=ROOT)

    def sensors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = tomllib.loads(self.rig.config.read_text()).get("sensor", [])
        return found


async def as_systemd(rig: Rig) -> None:
    """Start the hub again whenever it ends by itself."""
    while True:
        assert await rig.hub.ended(timeout_s=3_600) == 0, rig.hub.log.read_text()
        await rig.hub.start()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    with Mosquitto(tmp_path / "bus") as bus:
        async with Rig(tmp_path, f"# the flat's own rules\n{NO_WINDOW}") as rig:
            made = Home(tmp_path, rig, bus)
            await made.radio.start()
            await made.gateway.start()
            await rig.hub.start()
            systemd = asyncio.create_task(as_systemd(rig))
            yield made
            systemd.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await systemd
            await made.gateway.stop()
            await made.radio.stop()


async def test_an_installers_hour(home: Home) -> None:
    await adapters_are_added(home)
    await three_devices_are_learned(home)
    await all_three_are_walked(home)
    await a_range_is_tested(home)
    await a_pendant_is_replaced(home)
    await one_is_removed(home)
    await learning_is_killed_and_goes_on(home)
    assert "# the flat's own rules" in home.rig.config.read_text()
    status = await home.rig.status()
    assert [each for each in status["alarms"] if each["test"]] == []


async def adapters_are_added(home: Home) -> None:
    adds = (f"rfxtrx={home.radio.line.path}", f"zigbee2mqtt={home.bus.host}:{home.bus.port}")
    ran = await home.run("adapters", "--add", adds[0], "--add", adds[1])
    assert ran.code == 0, ran
    assert "The hub hears radio, zigbee" in ran.said


async def three_devices_are_learned(home: Home) -> None:
    async with home.typist("learn") as typist:
        await typist.until("Press the device now")
        await home.radio.press()
        await typist.until("Is this it, and what is it? [pendant]")
        typist.type()
        await typist.until("Where is it?")
        typist.type("hall person=resident-1")
        await typist.until("Press it once more, to hear it as pendant-1")
        await home.radio.press()
        await typist.until("pendant-1 is heard: signal")

        await typist.until("Press the device now")
        await home.water.wet()
        await typist.until("[flood]")
        typist.type()
        await typist.until("Where is it?")
        typist.type("kitchen")
        await typist.until("to hear it as flood-1")
        await home.water.dry()
        await home.water.wet()
        await typist.until("flood-1 is heard")
        await home.water.dry()

        await typist.until("Press the device now")
        await asyncio.gather(home.button.press(), home.radio.press(NEIGHBOUR))
        told = await typist.until("Which one is it?")
        assert f"security1:{NEIGHBOUR}" in told
        number = next(line.split()[0] for line in told.splitlines() if "zigbee sos" in line and line.split()[0] in "12")
        typist.type(number)
        await typist.until("and what is it? [pendant]")
        typist.type("button")
        await typist.until("Where is it?")
        typist.type("bath")
        await typist.until("to hear it as button-1")
        await home.button.press()
        await typist.until("button-1 is heard")
        await typist.until("Press the device now")
        typist.type()
        await typist.until("3 added: pendant-1, flood-1, button-1")
        assert await typist.ended() == 0
        assert len(typist.typed) <= 9
    found = [(each["id"], each["driver"], each["address"], each["location"]) for each in home.sensors()]
    assert found == [
        ("pendant-1", "radio", f"security1:{PENDANT}", "hall"),
        ("flood-1", "zigbee", "sink", "kitchen"),
        ("button-1", "zigbee", "sos", "bath"),
    ]
    assert NEIGHBOUR not in home.rig.config.read_text()
    listed = await home.run("list", "--json")
    assert [(each["id"], each["in_force"]) for each in json.loads(listed.said)] == [
        ("pendant-1", True),
        ("flood-1", True),
        ("button-1", True),
    ]
    await asyncio.wait_for(home.rig.settled(), LIMIT_S)


async def all_three_are_walked(home: Home) -> None:
    async with home.typist("test") as typist:
        await typist.until("Set off every sensor")
        await home.radio.press()
        await home.water.wet()
        await home.button.press()
        told = await typist.until("Every sensor is heard, and every call arrived.")
        assert "ms" in told
        assert await typist.ended() == 0
    path = home.rig.state_dir / "commissioning" / "walk-test.json"
    assert path.stat().st_mode & 0o777 == 0o600
    kept = json.loads(path.read_bytes())
    assert kept["how"] == "complete"
    assert [(each["id"], each["outcome"]) for each in kept["sensors"]] == [
        ("pendant-1", "arrived"),
        ("flood-1", "arrived"),
        ("button-1", "arrived"),
    ]
    assert all(each["roundtrip_ms"] > 0 for each in kept["sensors"])
    assert all(report.test for _, report in home.rig.held(AlarmRaised))
    async with home.typist("test") as typist:
        await typist.until("Set off every sensor")
        await typist.until("press it")
        typist.interrupt()
        await typist.until("Missing: flood-1: wet it.")
        await typist.until("The walk test is not passed.")
        assert await typist.ended() == 1
    assert (await home.rig.status())["mode"] == "home"


async def a_range_is_tested(home: Home) -> None:
    async with home.typist("test", "--range", "pendant-1") as typist:
        await typist.until("Press pendant-1 wherever")
        await home.radio.press()
        await typist.until("heard 1 times")
        await asyncio.sleep(A_PRESS_APART_S)
        await home.radio.press()
        await typist.until("heard 2 times")
        typist.type()
        await typist.until("How often")
        typist.type("3")
        await typist.until("of 3")
        assert await typist.ended() == 1


async def a_pendant_is_replaced(home: Home) -> None:
    async with home.typist("replace", "pendant-1") as typist:
        await typist.until("Press the device now")
        await home.radio.press(NEW_PENDANT)
        await typist.until("Is this the new pendant-1? [Y/n]")
        typist.type()
        await typist.until("to hear it as pendant-1")
        await home.radio.press(NEW_PENDANT)
        await typist.until("pendant-1 is heard")
        assert await typist.ended() == 0
    assert home.sensors()[0] == {
        "id": "pendant-1",
        "driver": "radio",
        "address": f"security1:{NEW_PENDANT}",
        "kind": "pendant",
        "location": "hall",
        "person": "resident-1",
    }


async def one_is_removed(home: Home) -> None:
    ran = await home.run("remove", "flood-1", "--yes", "--json")
    assert (ran.code, json.loads(ran.said)["removed"]) == (0, True), ran
    assert [each["id"] for each in (await home.rig.status())["sensors"]] == ["pendant-1", "button-1"]


async def learning_is_killed_and_goes_on(home: Home) -> None:
    async with home.typist("learn") as typist:
        await typist.until("Press the device now")
        await home.water.wet()
        await typist.until("[flood]")
        typist.type()
        await typist.until("Where is it?")
        typist.type("kitchen")
        await typist.until("In hub.toml.")
        typist.process.kill()
        await typist.ended()
    assert len(load(home.rig.config).sensors) == 3
    (home.rig.state_dir / "restart.wanted").unlink(missing_ok=True)  # killed a moment earlier
    ran = await home.run(
        *["learn", "--driver", "zigbee", "--address", "sink", "--kind", "flood", "--location", "kitchen", "--json"]
    )
    assert (ran.code, json.loads(ran.said)[0]["sensor"]["id"]) == (0, "flood-1"), ran
    assert "flood-1" in [each["id"] for each in (await home.rig.status())["sensors"]]
