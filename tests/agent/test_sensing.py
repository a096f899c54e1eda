"""From what a device says to what the rules hear: each sense, by every transport it has, through the real decoders."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent.config.tables import SensorConfig
from agent.inbox import Inbox
from agent.sensing import Sensing
from rules.engine import step
from rules.events import Cleared, Config, Event, Heard, Measured, Sensor, Started, Triggered
from rules.state import House
from rules.values import Now
from sensors.contact import Contact
from sensors.registry import driver_type
from sensors.rfxtrx import RfxtrxDecoder
from sensors.zigbee2mqtt import Zigbee2MqttDecoder


class StoppedClock:
    boot = "boot"

    def now(self) -> Now:
        return Now(1_000, 1_000)


def sensing(kind: str, address: str) -> tuple[Sensing, Inbox]:
    sensor = SensorConfig(id="s", driver="d", address=address, kind=kind, location="room")
    config: Any = SimpleNamespace(sensors=(sensor,), drivers=())
    inbox = Inbox(StoppedClock())
    return Sensing(config, inbox, StoppedClock(), None, driver_type), inbox


def heard(kind: str, address: str, observations: list[Any]) -> list[Event]:
    ears, inbox = sensing(kind, address)
    for each in observations:
        ears._hear("d", each)
    return [each.event for each in inbox.take(99) if not isinstance(each.event, Heard)]


def zigbee(*payloads: bytes) -> list[Any]:
    decoder = Zigbee2MqttDecoder()
    return [seen for each in payloads for seen in decoder.feed("zigbee2mqtt/x", each, kept=False, at_ms=1_000)]


def rfx(*frames: str) -> list[Any]:
    decoder = RfxtrxDecoder()
    told = [seen for each in frames for seen in decoder.feed(bytes.fromhex(each), 1_000)]
    return [each for each in told if each.what in ("trigger", "active", "clear")]


def wire(rest: Any, *levels: bool) -> list[Any]:
    contact = Contact("GPIO17", rest, 0)
    return [seen for at, closed in enumerate(levels) for seen in (*contact.feed(closed, at), *contact.settle(at))]


ON, OFF = Triggered("s", sustained=True), Cleared("s")

SENSES = [
    ("motion", "x", zigbee(b'{"occupancy":true,"illuminance":7}', b'{"occupancy":false}'), [Triggered("s")]),
    ("motion", "x", zigbee(b'{"presence":true}'), [Triggered("s")]),
    ("motion", "security1:112233", rfx("082001001122330489", "082001001122330589"), [Triggered("s")]),
    ("motion", "security1:a1b2c3", rfx("08200500A1B2C30289", "08200500A1B2C30089"), [Triggered("s")]),
    ("motion", "GPIO17", wire("nc", True, False, True), [Triggered("s")]),
    ("door", "x", zigbee(b'{"contact":false}', b'{"contact":true}'), [ON, OFF]),
    ("door", "security1:a1b2c3", rfx("08200400A1B2C30279", "08200401A1B2C30079"), [ON, OFF]),
    ("door", "GPIO17", wire("nc", True, False, True), [OFF, ON, OFF]),
    ("bed", "GPIO17", wire("no", True, False), [ON, OFF]),
    ("bed", "x", zigbee(b'{"status":"on_the_bed"}', b'{"status":"sitting"}'), [ON, OFF]),
    ("chair", "x", zigbee(b'{"occupancy":true}', b'{"occupancy":false}'), [ON, OFF]),
    ("temperature", "x", zigbee(b'{"temperature":15.5}'), [Measured("s", "temperature", 15.5, "\u00b0C")]),
    ("visit", "x", zigbee(b'{"action":"single"}', b'{"action":""}'), [Triggered("s")]),
    ("visit", "ac:1234567:1", rfx("0B11002A0123456701020F70"), [Triggered("s")]),
]


@pytest.mark.parametrize(("kind", "address", "said", "expected"), SENSES, ids=lambda each: str(each)[:24])
def test_each_sense_is_heard(kind: str, address: str, said: list[Any], expected: list[Event]) -> None:
    told = [type(each)(**_without_detail(each)) for each in heard(kind, address, said)]
    assert told == expected


@pytest.mark.parametrize(("kind", "address", "said", "expected"), SENSES, ids=lambda each: str(each)[:24])
def test_what_is_only_watched_raises_no_alarm_without_a_plan(
    kind: str, address: str, said: list[Any], expected: list[Event]
) -> None:
    house, now = House(), Now(1_000, 1_000)
    config = Config(hub="hub-1", sensors=(Sensor("s", kind, "room"),))
    for event in (Started("boot", "e1", config), *heard(kind, address, said)):
        house, _ = step(house, now, event)
    assert house.alarms == ()
    assert not {fault.fault for fault in house.faults} & {"engine"}


def _without_detail(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__ if name != "detail"}
