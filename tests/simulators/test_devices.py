"""Simulated devices, heard by the hub's own drivers and by other people's: real ptys, a real Mosquitto."""

import asyncio
import queue
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions
from RFXtrx import Connect, PySerialTransport, SensorEvent

from sensors.driver import SensorDriver
from sensors.mqtt_link import MqttLink
from sensors.options import SerialOptions, Zigbee2MqttOptions
from sensors.registry import driver_type
from simulators.devices import FallRadar, Rfxtrx433, radar_frame
from simulators.mosquitto import Mosquitto
from simulators.zigbee import SosButton, WaterSensor, Zigbee2Mqtt
from tests.support.ears import clock_ms, listening

_PENDANT = "security1:d3dc54"


def dice(seed: int = 1) -> random.Random:
    return random.Random(seed)


async def at_once(_seconds: float) -> None:
    """Pass the time of a device without passing any."""
    await asyncio.sleep(0)


def serial_driver(kind: str, path: Path) -> SensorDriver:
    return driver_type(kind).make(SerialOptions(device=str(path)), ["radar"], clock_ms, None)


class Terminal:
    """A hub's end of the line, opened by hand: collects bytes."""

    def __init__(self, path: Path) -> None:
        library: Any = serial
        self.port = library.Serial(str(path), 38_400, timeout=5)

    async def read(self, count: int) -> bytes:
        data: bytes = await asyncio.to_thread(self.port.read, count)
        return data

    def write(self, hexadecimal: str) -> None:
        self.port.write(bytes.fromhex(hexadecimal))


# --- the serial line -----------------------------------------------------------------------------------------------


@pytest.fixture
async def radio(tmp_path: Path) -> AsyncIterator[Rfxtrx433]:
    device = Rfxtrx433(tmp_path / "radio", dice(1), sleep=at_once)
    await device.start()
    yield device
    await device.stop()


async def test_the_path_stays_and_leads_to_a_new_device_after_plugging(radio: Rfxtrx433, tmp_path: Path) -> None:
    path = tmp_path / "radio"
    terminal = Terminal(path)
    radio.unplug()
    assert not path.is_symlink()
    with pytest.raises(OSError, match=r"Input/output|disconnected|no data|No such device"):
        await terminal.read(1)
    terminal.port.close()
    radio.plug()
    again = Terminal(path)
    again.write("0D 00 00 01 02 00 00 00 00 00 00 00 00 00")
    assert len(await again.read(14)) == 14
    again.port.close()


async def test_what_nobody_reads_is_lost_not_waited_for(radio: Rfxtrx433) -> None:
    radio.started.set()
    radio.line.write(b"x" * 1_000_000)
    assert radio.line.lost > 900_000
    radio.unplug()
    radio.line.write(b"yy")
    assert radio.line.lost > 900_002


# --- the receiver and the pendant ----------------------------------------------------------------------------------


async def test_a_press_reaches_the_hubs_driver_once(radio: Rfxtrx433, tmp_path: Path) -> None:
    async with listening(serial_driver("rfxtrx", tmp_path / "radio")) as ear:
        await asyncio.wait_for(radio.started.wait(), 5)
        await radio.press()
        await ear.until(lambda each: sum(one.quantity == "signal" for one in each.observations) == 12)
        assert set(ear.calls()) == {(_PENDANT, "panic")}
        assert ear.noises == 0


async def test_a_press_is_a_dozen_frames_with_numbers_that_change(radio: Rfxtrx433, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "radio")
    radio.started.set()
    await radio.press("4dd3dc")
    read = await terminal.read(12 * 9)
    terminal.port.close()
    frames = [read[at : at + 9] for at in range(0, len(read), 9)]
    assert {(frame[:3], frame[4:8]) for frame in frames} == {(b"\x08\x20\x02", bytes.fromhex("4dd3dc06"))}
    assert [frame[3] for frame in frames] == list(range(1, 13))


async def test_a_press_takes_about_a_second(tmp_path: Path) -> None:
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    await Rfxtrx433(tmp_path / "radio", dice(1), sleep=note).press()
    assert len(slept) == 12
    assert 0.8 < sum(slept) < 1.3


async def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    async def bytes_of(name: str) -> bytes:
        device = Rfxtrx433(tmp_path / name, dice(7), noise=0.5, sleep=at_once)
        await device.start()
        terminal = Terminal(tmp_path / name)
        device.started.set()
        await device.press()
        await device.hiss()
        read = await terminal.read(12 * 9 + 24)
        terminal.port.close()
        await device.stop()
        return read

    assert await bytes_of("one") == await bytes_of("other")


async def test_before_start_the_receiver_hears_nothing(radio: Rfxtrx433, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "radio")
    await radio.press()
    assert terminal.port.in_waiting == 0
    terminal.write("0D 00 00 03 07 00 00 00 00 00 00 00 00 00")
    assert (await terminal.read(21))[5:] == b"Copyright RFXCOM"
    await radio.press()
    assert len(await terminal.read(12 * 9)) == 12 * 9
    terminal.write("0D 00 00 00 00 00 00 00 00 00 00 00 00 00")
    terminal.write("0D 00 00 01 02 00 00 00 00 00 00 00 00 00")
    assert len(await terminal.read(14)) == 14
    assert not radio.started.is_set(), "a reset makes it deaf again"
    terminal.port.close()


async def test_through_noise_the_press_is_heard_and_the_noise_counted(tmp_path: Path) -> None:
    device = Rfxtrx433(tmp_path / "radio", dice(3), noise=0.4)  # real pauses: the decoder needs them
    await device.start()
    async with listening(serial_driver("rfxtrx", tmp_path / "radio")) as ear:
        await asyncio.wait_for(device.started.wait(), 5)
        await device.press()
        await ear.until(lambda each: each.calls() and each.noises)
        assert set(ear.calls()) == {(_PENDANT, "panic")}
    await device.stop()


async def test_battery_and_tamper_are_told(radio: Rfxtrx433, tmp_path: Path) -> None:
    async with listening(serial_driver("rfxtrx", tmp_path / "radio")) as ear:
        await asyncio.wait_for(radio.started.wait(), 5)
        radio.battery_low()
        radio.tamper()
        await ear.until(lambda each: {o.what for o in each.observations if o.on} >= {"tamper", "battery-low"})
        assert ear.calls() == []


async def test_pyrfxtrx_itself_shakes_hands_and_hears_the_panic(radio: Rfxtrx433, tmp_path: Path) -> None:
    heard: queue.Queue[Any] = queue.Queue()
    connect: Any = Connect
    transport: Any = PySerialTransport
    connection = connect(transport(str(tmp_path / "radio")), heard.put)
    await asyncio.to_thread(connection.connect, 5)
    await asyncio.wait_for(radio.started.wait(), 5)
    await radio.press()
    event = await asyncio.to_thread(heard.get, True, 5)
    while not isinstance(event, SensorEvent):
        event = await asyncio.to_thread(heard.get, True, 5)
    assert (event.device.id_string, event.values["Sensor Status"]) == ("d3dc54:32", "Panic")
    radio.unplug()  # else its thread would read for ever
    await asyncio.to_thread(connection.close_connection)


# --- the radar -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def radar(tmp_path: Path) -> AsyncIterator[FallRadar]:
    device = FallRadar(tmp_path / "radar", dice(1))
    await device.start()
    yield device
    await device.stop()


def test_the_radars_frames_are_those_of_the_vectors() -> None:
    assert radar_frame(0x83, 0x01, 1) == bytes.fromhex("53 59 83 01 00 01 01 32 54 43")
    assert radar_frame(0x83, 0x01, 0) == bytes.fromhex("53 59 83 01 00 01 00 31 54 43")
    assert radar_frame(0x80, 0x01, 1) == bytes.fromhex("53 59 80 01 00 01 01 2f 54 43")
    assert radar_frame(0x83, 0x81, 0x0F) == bytes.fromhex("53 59 83 81 00 01 0f c0 54 43")


async def test_a_fall_reaches_the_hubs_driver_and_ends(radar: FallRadar, tmp_path: Path) -> None:
    async with listening(serial_driver("mr60fda1", tmp_path / "radar")) as ear:
        await ear.until(lambda each: each.observations)  # it answered the driver's question
        assert radar.queries == 1
        radar.fall()
        await ear.until(lambda each: ("radar", "fall") in each.calls())
        radar.get_up()
        await ear.until(lambda each: each.observations[-1].what == "clear")
        assert ear.noises == 0


async def test_a_hub_that_starts_late_is_told_of_the_fall_when_it_asks(radar: FallRadar, tmp_path: Path) -> None:
    radar.fall()
    async with listening(serial_driver("c1001", tmp_path / "radar")) as ear:
        await ear.until(lambda each: each.calls() == [("radar", "fall")])


async def test_a_question_cut_in_two_is_answered_once(radar: FallRadar, tmp_path: Path) -> None:
    radar._heard(bytes.fromhex("53 59 83 81 00"))
    assert radar.queries == 0
    radar._heard(bytes.fromhex("01 0f c0 54 43 53"))
    assert radar.queries == 1


async def test_presence_comes_now_and_then_without_being_asked(tmp_path: Path) -> None:
    device = FallRadar(tmp_path / "radar", dice(1), presence_s=0.01)
    await device.start()
    terminal = Terminal(tmp_path / "radar")
    present, absent = radar_frame(0x80, 0x01, 1), radar_frame(0x80, 0x01, 0)
    assert await terminal.read(20) == present * 2
    device.leave()
    while await terminal.read(10) != absent:
        pass
    assert await terminal.read(10) == absent
    terminal.port.close()
    await device.stop()


# --- zigbee2mqtt ---------------------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


class Home:
    """The gateway with both devices, and somebody who listens to every topic."""

    def __init__(self, broker: Mosquitto, *, report_s: float = 3_000) -> None:
        rng = dice(1)
        self.gateway = Zigbee2Mqtt(broker.host, broker.port, rng, report_s=report_s)
        self.water = WaterSensor(self.gateway, "kitchen", rng)
        self.sos = SosButton(self.gateway, "bedroom-sos", rng)
        self.heard: asyncio.Queue[MQTTMessage] = asyncio.Queue()
        self._broker = broker
        self._link = MqttLink("witness", self.heard.put_nowait)

    async def listen(self) -> None:
        await self._link.connect(self._broker.host, self._broker.port)
        await self._link.subscribe(("#", SubscribeOptions(qos=1)))

    async def next(self) -> tuple[str, str]:
        message = await asyncio.wait_for(self.heard.get(), 5)
        return message.topic, message.payload.decode()

    async def close(self) -> None:
        await self.gateway.stop()
        await self._link.close()


@pytest.fixture
async def home(broker: Mosquitto) -> AsyncIterator[Home]:
    made = Home(broker)
    await made.gateway.start()
    yield made
    await made.close()


def zigbee_driver(broker: Mosquitto) -> SensorDriver:
    options = Zigbee2MqttOptions(host=broker.host, port=broker.port)
    return driver_type("zigbee2mqtt").make(options, ["kitchen", "bedroom-sos"], clock_ms, None)


async def test_what_is_there_is_retained_for_a_hub_that_comes_later(home: Home) -> None:
    await home.listen()
    messages = [await asyncio.wait_for(home.heard.get(), 5) for _ in range(3)]
    assert {(each.topic, each.payload, each.retain) for each in messages} == {
        ("zigbee2mqtt/bridge/state", b'{"state":"online"}', True),
        ("zigbee2mqtt/kitchen/availability", b'{"state":"online"}', True),
        ("zigbee2mqtt/bedroom-sos/availability", b'{"state":"online"}', True),
    }


async def test_water_and_the_sos_button_reach_the_hubs_driver(home: Home, broker: Mosquitto) -> None:
    async with listening(zigbee_driver(broker)) as ear:
        await home.water.wet()
        await ear.until(lambda each: ("kitchen/water_leak", "water leak") in each.calls())
        await home.water.dry()
        await ear.until(lambda each: any(one.what == "clear" for one in each.observations))
        await home.sos.press()
        await ear.until(lambda each: ("bedroom-sos", "emergency") in each.calls())
        await home.water.report()
        await ear.until(lambda each: each.observations[-1].address.startswith("kitchen"))
        assert ear.calls().count(("bedroom-sos", "emergency")) == 1


async def test_the_button_speaks_on_both_topics_and_then_falls_empty(home: Home) -> None:
    await home.listen()
    for _ in range(3):
        await home.next()
    await home.sos.press()
    said = [await home.next() for _ in range(3)]
    assert [topic for topic, _ in said] == [
        "zigbee2mqtt/bedroom-sos",
        "zigbee2mqtt/bedroom-sos/action",
        "zigbee2mqtt/bedroom-sos",
    ]
    assert '"action":"emergency"' in said[0][1]
    assert said[1][1] == "emergency"
    assert '"action":""' in said[2][1]


async def test_a_device_out_of_range_is_unavailable_and_calls_nobody(home: Home, broker: Mosquitto) -> None:
    async with listening(zigbee_driver(broker)) as ear:
        await home.water.lose_radio()
        await ear.until(lambda each: any(o.what == "unavailable" and o.on for o in each.observations))
        await home.water.find_radio()
        await ear.until(lambda each: each.observations[-1].what == "unavailable" and not each.observations[-1].on)
        assert ear.calls() == []


async def test_a_crash_is_told_by_the_will(home: Home) -> None:
    await home.listen()
    for _ in range(3):
        await home.next()
    await home.gateway.die()
    assert await home.next() == ("zigbee2mqtt/bridge/state", '{"state":"offline"}')


async def test_after_a_restart_the_leak_is_null_until_it_changes(home: Home) -> None:
    await home.water.wet()
    await home.listen()
    for _ in range(3):
        await home.next()
    await home.gateway.restart()
    while (message := await home.next())[0] != "zigbee2mqtt/kitchen":
        pass
    assert '"water_leak":null' in message[1]


async def test_devices_report_of_their_own_accord(broker: Mosquitto) -> None:
    home = Home(broker, report_s=0.01)
    await home.listen()
    await home.gateway.start()
    topics: set[str] = set()
    while not topics >= {"zigbee2mqtt/kitchen", "zigbee2mqtt/bedroom-sos"}:
        topics.add((await home.next())[0])
    await home.close()


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    async def plug_often() -> None:
        device = Rfxtrx433(tmp_path / "radio", dice(1))
        for _ in range(20):
            await device.start()
            device.plug()
            await device.stop()
            device.unplug()

    asyncio.run(plug_often())
    before = len(list(Path("/proc/self/fd").iterdir()))
    asyncio.run(plug_often())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
