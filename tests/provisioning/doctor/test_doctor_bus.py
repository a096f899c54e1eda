"""The doctor on the local broker: a real Mosquitto, a bridge that is online, offline or was never there."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.doctor import mqtt
from provisioning.doctor.checks import bus
from provisioning.doctor.finding import Finding
from simulators.mosquitto import Mosquitto, free_port
from simulators.zigbee import Zigbee2Mqtt


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "bus") as running:
        yield running


async def looked(box: Any, port: int, more: str = "") -> Finding:
    box.write(tables=f'[driver.zigbee]\ntype = "zigbee2mqtt"\nport = {port}\n{more}\n')
    (found,) = await asyncio.to_thread(lambda: list(bus.CHECK.look(box.scene())))
    assert bool(found.remedy) is (found.state == "wrong")
    return found


async def test_a_bridge_online_offline_and_never_there(
    box: Any, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Zigbee2Mqtt(broker.host, broker.port, random.Random(1))
    await gateway.start()
    assert (await looked(box, broker.port)).state == "well"
    await gateway.stop()
    assert "offline" in (await looked(box, broker.port)).found
    monkeypatch.setattr(bus, "_WAIT_S", 0.3)
    assert "has said nothing" in (await looked(box, broker.port, 'base = "elsewhere"')).found


async def test_no_broker_and_a_password_that_is_not_there(box: Any, tmp_path: Path) -> None:
    assert "Connection refused" in (await looked(box, free_port())).found
    file = f'username = "hub"\npassword_file = "{tmp_path / "nowhere"}"'
    assert "No such file" in (await looked(box, free_port(), file)).found


async def test_a_broker_that_lets_nobody_in(box: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = Mosquitto(tmp_path / "closed")
    monkeypatch.setattr(
        closed, "configuration", lambda: f"listener {closed.port} {closed.host}\nallow_anonymous false\n"
    )
    with closed:
        assert "does not let the hub in" in (await looked(box, closed.port)).found


def test_packets_are_taken_whole_however_they_come() -> None:
    wire = b"\x20\x02\x00\x00" + b"\x30\xc8\x01" + bytes([0, 1]) + b"t" + bytes(197)
    data, found = bytearray(), []
    for each in wire:
        data.append(each)
        found += list(mqtt.packets(data))
    assert [(kind, len(body)) for kind, body in found] == [(2, 2), (3, 200)]
    assert not data


def test_what_is_no_mqtt_is_refused_and_not_waited_for() -> None:
    with pytest.raises(ValueError, match="so long"):
        list(mqtt.packets(bytearray(b"\x30\xff\xff\xff\xff\x7f")))
    with pytest.raises(ValueError, match="so long"):
        list(mqtt.packets(bytearray(b"\x30\xff\xff\x7f")))


@pytest.mark.parametrize(
    ("message", "bridge"),
    [
        (b'{"state":"online"}', "online"),
        (b"offline", "offline"),
        (b'"online"', "online"),
        (None, "unknown"),
        (b"\xff\xfe", "unknown"),
    ],
)
def test_the_bridges_word_is_read_in_every_form_it_had(message: bytes | None, bridge: str) -> None:
    assert bus.read_bridge(message) == bridge
