"""zigbee2mqtt over a real Mosquitto: presses, kept floods, a bus that stops and starts."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from rules.events import Cleared, DriverFailed, DriverRecovered, Heard, Triggered
from sensors.driver import SensorDriver
from sensors.listening import Listening
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.options import Zigbee2MqttOptions
from sensors.registry import driver_type
from sensors.roster import Place, Roster
from simulators.mosquitto import Mosquitto
from tests.sensors.vectors import AQARA_WATER, SOS, SOS_AFTER
from tests.support.ears import ListeningEar, clock_ms, listening


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@contextlib.asynccontextmanager
async def bridge(broker: Mosquitto) -> AsyncIterator[Any]:
    """Be zigbee2mqtt."""
    link = MqttLink("", lambda _message: None)
    await link.connect(broker.host, broker.port)

    async def say(topic: str, payload: bytes, *, retain: bool = False) -> None:
        await link.publish(f"zigbee2mqtt/{topic}", payload, retain=retain)

    try:
        yield say
    finally:
        await link.close()


def driver(broker: Mosquitto, *addresses: str, **options: Any) -> SensorDriver:
    chosen = Zigbee2MqttOptions(port=broker.port, **options)
    return driver_type("zigbee2mqtt").make(chosen, addresses, clock_ms, None)


async def test_s4_a_press_on_both_topics_is_one_trigger(broker: Mosquitto) -> None:
    async with bridge(broker) as say, listening(driver(broker)) as ear:
        await say("sos", SOS)
        await say("sos/action", b"emergency")
        await say("sos", SOS_AFTER)
        await say("sos/action", b"")
        await say("marker", AQARA_WATER)
        await ear.until(lambda each: each.observations[-1:] and each.observations[-1].address == "marker")
        assert ear.calls() == [("sos", "emergency")]


async def test_a_flood_kept_from_before_we_listened_calls_and_an_old_press_does_not(broker: Mosquitto) -> None:
    async with bridge(broker) as say:
        await say("leak", AQARA_WATER.replace(b'"water_leak":false', b'"water_leak":true'), retain=True)
        await say("sos", SOS, retain=True)
        await say("sos/action", b"emergency", retain=True)
        async with listening(driver(broker)) as ear:
            await ear.until(ListeningEar.calls)
            await say("marker", b"{}")
            await ear.until(lambda each: each.observations[-1].address == "marker")
            assert ear.calls() == [("leak/water_leak", "water leak")]
            await say("sos", SOS, retain=True)  # pressed now, by a bridge that retains everything
            await ear.until(lambda each: len(each.calls()) == 2)


async def test_a_friendly_name_with_a_slash_is_heard_when_configured(broker: Mosquitto) -> None:
    async with bridge(broker) as say, listening(driver(broker, "bath/cord", "bath/leak/water_leak")) as ear:
        await say("bath/cord", SOS)
        await say("bath/cord/action", b"emergency")
        await say("bath/leak", b'{"water_leak":true}')
        await ear.until(lambda each: len(each.calls()) == 2)
        assert ear.calls() == [("bath/cord", "emergency"), ("bath/leak/water_leak", "water leak")]


async def test_s7_a_bridge_that_is_offline_is_a_deaf_driver_that_stays_connected(broker: Mosquitto) -> None:
    async with bridge(broker) as say:
        await say("bridge/state", b'{"state":"offline"}', retain=True)
        ear = ListeningEar()
        run = asyncio.create_task(driver(broker).run(ear))
        try:
            await ear.until(lambda each: each.deaf_reasons)
            await say("bridge/state", b'{"state":"online"}', retain=True)
            await ear.until(lambda each: each.listenings)
            await say("sos", SOS)
            await ear.until(ListeningEar.calls)
            await say("bridge/state", b'{"state":"offline"}', retain=True)
            await ear.until(lambda each: len(each.deaf_reasons) == 2)
            assert not run.done()
        finally:
            run.cancel()
            await asyncio.wait([run])


async def test_s7_the_bus_stops_is_told_and_is_heard_again_after_its_restart(broker: Mosquitto) -> None:
    ear, told = ListeningEar(), []

    def tell(event: Any) -> None:
        told.append(event)
        ear.noise(0)  # wakes whoever waits

    house = Listening(
        {"bus": lambda: driver(broker)}, lambda _n, seen: ear.heard(seen), tell, sleep=lambda _s: asyncio.sleep(0.05)
    )
    task = asyncio.create_task(house.run())
    try:
        async with bridge(broker) as say:
            await say("leak", b'{"water_leak":true}', retain=True)
        await ear.until(ListeningEar.calls)
        broker.kill()
        await ear.until(lambda _: told)
        assert isinstance(told[0], DriverFailed)
        broker.start()
        await ear.until(lambda _: len(told) == 2)
        assert told[1] == DriverRecovered("bus")
        async with bridge(broker) as say:
            await say("sos", SOS)
            await ear.until(lambda each: ("sos", "emergency") in each.calls())
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_nobody_listening_raises(tmp_path: Path) -> None:
    with pytest.raises(LinkLostError, match="cannot connect"):
        await driver(Mosquitto(tmp_path / "never-started")).run(ListeningEar())


async def test_the_bus_may_ask_for_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n")
    users = tmp_path / "users"
    salt = b"saltsaltsalt"
    digest = hashlib.pbkdf2_hmac("sha512", b"correct horse", salt, 101)  # as mosquitto_passwd does
    users.write_text(f"hub:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n")
    users.chmod(0o600)
    extra = f"allow_anonymous false\npassword_file {users}"
    with Mosquitto(tmp_path / "broker", extra=extra) as broker:
        with pytest.raises(LinkLostError, match="Not authorized"):
            await driver(broker).run(ListeningEar())
        async with listening(driver(broker, username="hub", password_file=str(secret))) as ear:
            assert ear.listenings == 1


async def test_s12_5000_junk_messages_are_survived_and_the_press_behind_them_is_heard(tmp_path: Path) -> None:
    # It would save 5,000 times; and it drops silently what waits beyond 1,000 for a driver on a busy machine.
    with Mosquitto(tmp_path / "broker", extra="autosave_on_changes false\nmax_queued_messages 0") as broker:
        await _junk_and_a_press(broker)


async def _junk_and_a_press(broker: Mosquitto) -> None:
    async with bridge(broker) as say, listening(driver(broker)) as ear:
        for start in range(0, 5_000, 20):  # 20 at a time: the broker's receive maximum
            payloads = [bytes((n + place * place) % 256 for place in range(n % 40)) for n in range(start, start + 20)]
            await asyncio.gather(*(say(f"junk-{start}-{place}", each) for place, each in enumerate(payloads)))
        await say("big", b" " * 70_000 + b"{}")
        await say("huge", b" " * 1_000_000)
        await say("sos", SOS)
        await ear.until(ListeningEar.calls)
        assert ear.calls() == [("sos", "emergency")]
        assert ear.noises == 5_001  # the huge one, the broker itself kept away


async def test_from_the_bus_to_the_rules_events(broker: Mosquitto) -> None:
    roster = Roster([Place("bus", "leak", "kitchen-leak"), Place("bus", "sos", "bath-cord")])
    async with bridge(broker) as say, listening(driver(broker)) as ear:
        await say("leak", b'{"water_leak":true}')
        await say("stranger", SOS)
        await say("leak", b'{"water_leak":false}')
        await say("sos", SOS)
        await ear.until(lambda each: any(seen.address == "sos" for seen in each.observations))
        events = [event for seen in ear.observations for event in roster.translate("bus", seen, clock_ms())]
    assert [event for event in events if not isinstance(event, Heard)] == [
        Triggered("kitchen-leak", "water leak", sustained=True),
        Cleared("kitchen-leak"),
        Triggered("bath-cord", "emergency"),
    ]
    assert [stranger.address for stranger in roster.strangers] == ["stranger"]
