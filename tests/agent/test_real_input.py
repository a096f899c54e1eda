"""S4 on real input: every stimulus, by every transport, is exactly one alarm at the centre, over TLS 1.3."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from simulators.mosquitto import Mosquitto
from simulators.rig import NO_WINDOW, Rig, sensor
from simulators.serial_line import SerialAdapter
from simulators.zigbee import SosButton, WaterSensor, Zigbee2Mqtt

PAUSE_S = 0.12  # an RFXtrx frame that broke off is given up after 100 ms

X10_PANIC = bytes.fromhex("0820024DD3DC540689")
KD101_SMOKE = bytes.fromhex("082003000102040670")
RADAR_FALL = bytes.fromhex("53598301000101325443")
FDA2_FALL = bytes.fromhex("01000000010e02f301fe")

SERIAL = [
    pytest.param("rfxtrx", X10_PANIC, "security1:d3dc54", "pendant", id="x10 pendant"),
    pytest.param("rfxtrx", KD101_SMOKE, "security1:010204", "smoke", id="kd101 smoke"),
    pytest.param("mr60fda1", RADAR_FALL, "radar", "fall", id="mr60fda1 fall"),
    pytest.param("c1001", RADAR_FALL, "radar", "fall", id="c1001 fall"),
    pytest.param("mr60fda2", FDA2_FALL, "radar", "fall", id="mr60fda2 fall"),
]


def serial_driver(name: str, kind: str, device: Path) -> str:
    return f'[driver.{name}]\ntype = "{kind}"\ndevice = "{device}"\n'


def one_alarm_of(rig: Rig, name: str) -> None:
    assert {who: len(alarms) for who, alarms in rig.alarms_by_sensor().items()} == {name: 1}


@pytest.mark.slow
@pytest.mark.parametrize(("driver", "frame", "address", "kind"), SERIAL)
async def test_s4_bytes_split_at_every_byte_boundary_are_one_alarm_each(
    tmp_path: Path, driver: str, frame: bytes, address: str, kind: str
) -> None:
    splits = range(1, len(frame))
    adapters = [SerialAdapter(tmp_path / f"line{at}").plug_in() for at in splits]
    tables = NO_WINDOW + "".join(
        serial_driver(f"d{at}", driver, adapter.path) + sensor(f"s{at}", f"d{at}", address, kind, f"room-{at}")
        for at, adapter in zip(splits, adapters, strict=True)
    )
    async with Rig(tmp_path, tables) as rig:
        await rig.hub.start()
        await rig.online()
        for at, adapter in zip(splits, adapters, strict=True):
            adapter.say(frame[:at])
        await asyncio.sleep(0.02)  # long enough for two reads, shorter than the pause that gives a frame up
        for at, adapter in zip(splits, adapters, strict=True):
            adapter.say(frame[at:])
        await rig.event("alarm.raised", count=len(splits))
        await rig.settled()
        assert {who: len(ids) for who, ids in rig.alarms_by_sensor().items()} == {f"s{at}": 1 for at in splits}
    for adapter in adapters:
        adapter.pull()


@pytest.mark.slow
@pytest.mark.parametrize(("driver", "frame", "address", "kind"), SERIAL)
async def test_s4_a_frame_after_noise_and_a_pause_is_one_alarm(
    tmp_path: Path, driver: str, frame: bytes, address: str, kind: str
) -> None:
    noise = random.Random(7).randbytes(64)
    with SerialAdapter(tmp_path / "line") as adapter:
        tables = serial_driver("d", driver, adapter.path) + sensor("s", "d", address, kind) + NO_WINDOW
        async with Rig(tmp_path, tables) as rig:
            await rig.hub.start()
            await rig.online()
            adapter.say(noise)
            await asyncio.sleep(PAUSE_S)
            adapter.say(frame)
            await rig.event("alarm.raised")
            await rig.settled()
            one_alarm_of(rig, "s")


async def zigbee_home(tmp_path: Path, tables: str, act: Callable[[Zigbee2Mqtt, Rig], Awaitable[None]]) -> None:
    with Mosquitto(tmp_path / "bus") as bus:
        driver = f'[driver.zigbee]\ntype = "zigbee2mqtt"\nport = {bus.port}\n'
        gateway = Zigbee2Mqtt(bus.host, bus.port, random.Random(1))
        await gateway.start()
        try:
            async with Rig(tmp_path, driver + tables + NO_WINDOW) as rig:
                await act(gateway, rig)
        finally:
            await gateway.stop()


async def test_s4_a_zigbee_press_seen_on_both_topics_is_one_alarm(tmp_path: Path) -> None:
    async def press(gateway: Zigbee2Mqtt, rig: Rig) -> None:
        button = SosButton(gateway, "sos", random.Random(1))
        await rig.hub.start()
        await rig.listening()
        await button.press()
        await rig.event("alarm.raised")
        await rig.settled()
        one_alarm_of(rig, "sos-1")

    await zigbee_home(tmp_path, sensor("sos-1", "zigbee", "sos", "pendant"), press)


async def test_s4_a_floor_that_is_wet_already_when_the_hub_starts_is_one_alarm(tmp_path: Path) -> None:
    async def flood(gateway: Zigbee2Mqtt, rig: Rig) -> None:
        leak = WaterSensor(gateway, "leak", random.Random(1))
        await gateway.publish("leak", b'{"water_leak":true,"battery":100}', retain=True)  # a level: it counts
        await rig.hub.start()
        await rig.event("alarm.raised")
        await leak.wet()  # still wet
        await rig.hub.kill()
        await rig.hub.start()  # still wet, and known to be
        await rig.listening()
        await leak.report()
        await rig.settled()
        one_alarm_of(rig, "leak-1")

    await zigbee_home(tmp_path, sensor("leak-1", "zigbee", "leak", "flood"), flood)


PINS = """
[pins]
factory = "mock"
[buttons]
call = 5
cancel = 6
arrived = 13
[driver.contacts]
type = "gpio"
"""
OUTPUTS = "[outputs]\ncall = 16\narrived = 17\nsomeone = 18\nsiren = 19\nsounder = 20\n"


async def test_s4_pin_edges_from_another_thread_with_bounce_are_one_alarm_each(tmp_path: Path) -> None:
    tables = PINS + sensor("cord", "contacts", "GPIO22", "pull-cord", "bathroom")
    tables += sensor("probe", "contacts", "GPIO23", "flood", "kitchen") + NO_WINDOW
    async with Rig(tmp_path, tables, outputs=OUTPUTS, pins=True) as rig:
        await rig.hub.start()
        await rig.online()
        pins = rig.hub.pins
        await pins.bounce(22, "low", times=20, gap_ms=2)
        await pins.bounce(23, "low", times=20, gap_ms=2)
        await pins.bounce(22, "high", times=20, gap_ms=2)
        await rig.event("alarm.raised", count=2)
        await pins.press(5, 200)
        await rig.event("alarm.raised", count=3)
        await rig.settled()
        assert {who: len(ids) for who, ids in rig.alarms_by_sensor().items()} == {"cord": 1, "probe": 1, "hub": 1}


async def test_the_resident_sees_and_hears_each_stage_on_the_pins(tmp_path: Path) -> None:
    async with Rig(tmp_path, PINS + NO_WINDOW, outputs=OUTPUTS, pins=True) as rig:
        await rig.hub.start()
        await rig.online()
        pins = rig.hub.pins
        lit: dict[int, float] = {}
        changed = asyncio.Event()

        async def watch() -> None:
            async for change in pins.watch():
                lit[change.pin] = max(lit.get(change.pin, 0), change.value)
                changed.set()

        async def until(pin: int) -> None:
            async with asyncio.timeout(10):
                while not lit.get(pin):
                    changed.clear()
                    await changed.wait()

        watching = asyncio.create_task(watch())
        await pins.press(5, 200)
        await until(20)  # a sound
        await until(16)  # the call light
        raised = await rig.event("alarm.raised")
        await until(17)  # arrived, on the receipt
        assert not lit.get(18)
        rig.centre.acknowledge(raised.alarm)
        await until(18)  # someone has it
        await rig.event("alarm.acknowledged")
        assert not lit.get(19), "the siren is for alarms that nobody has received"
        watching.cancel()
