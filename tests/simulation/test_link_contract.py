"""The simulated link and broker keep the promises of the real ones: one script, played against both."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_properties import Will
from simulators.mosquitto import Mosquitto
from simulators.world.broker import Broker
from simulators.world.line import Line
from simulators.world.link import Network, WorldLink
from simulators.world.loop import run_virtual

Make = Callable[..., MqttLink]
LIVE = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
PLAIN = SubscribeOptions(qos=1)
WITHIN_S = 20.0


class Stage:
    """A broker, real or not: how to connect to it, and how to stop and start it."""

    def __init__(self, make: Make, port: int, stop: Callable[[], object], start: Callable[[], object]) -> None:
        self.make, self.port, self.stop, self.start = make, port, stop, start

    async def client(self, name: str, heard: list[Any], **options: Any) -> MqttLink:
        link = self.make(name, heard.append, **options)
        await link.connect("127.0.0.1", self.port, timeout_s=5)
        return link


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not met():
            await asyncio.sleep(0.02)


def seen(heard: list[Any]) -> list[tuple[str, bytes, bool]]:
    return [(each.topic, bytes(each.payload), bool(each.retain)) for each in heard]


async def a_session_outlives_its_connection(stage: Stage) -> object:
    heard: list[Any] = []
    keep = {"clean_start": False, "session_expiry_s": 60, "manual_ack": True}
    hub = await stage.client("hub", heard, **keep)
    first = hub.session_present
    await hub.subscribe(("t/receipt", LIVE))
    centre = await stage.client("centre", [])
    await centre.publish("t/receipt", b"one")
    await until(lambda: heard)
    hub.abort("dropped before it was acknowledged")
    await centre.publish("t/receipt", b"two")
    again: list[Any] = []
    hub = await stage.client("hub", again, **keep)
    await until(lambda: len(again) == 2)
    for message in again:
        hub.ack(message)
    await centre.publish("t/receipt", b"three")
    await until(lambda: len(again) == 3)
    dup = [bool(message.dup) for message in again]
    await hub.close()
    await centre.close()
    return first, hub.session_present, seen(heard), seen(again), dup


async def what_is_acknowledged_out_of_order_is_settled_in_order(stage: Stage) -> object:
    heard: list[Any] = []
    keep = {"clean_start": False, "session_expiry_s": 60, "manual_ack": True}
    hub = await stage.client("hub", heard, **keep)
    await hub.subscribe(("t/receipt", LIVE))
    centre = await stage.client("centre", [])
    for word in (b"one", b"two", b"three"):
        await centre.publish("t/receipt", word)
    await until(lambda: len(heard) == 3)
    hub.ack(heard[1])
    hub.ack(heard[1])
    await hub.publish("t/event", b"behind the acknowledgements, if there were any")
    hub.abort("dropped while the first was not ready")
    again: list[Any] = []
    hub = await stage.client("hub", again, **keep)
    await until(lambda: len(again) == 3)
    await hub.close()
    await centre.close()
    return seen(again)


async def a_will_is_spoken_only_when_nobody_says_goodbye(stage: Stage) -> object:
    heard: list[Any] = []
    centre = await stage.client("centre", heard)
    await centre.subscribe(("t/status", PLAIN))

    def will(word: bytes, delay_s: int = 0) -> Will:
        return Will(topic="t/status", payload=word, retain=True, delay_s=delay_s)

    polite = await stage.client("hub", [], will=will(b"polite"), session_expiry_s=60)
    await polite.close()
    back = await stage.client("hub", [], clean_start=False, will=will(b"came back", 1), session_expiry_s=60)
    back.abort("gone")
    back = await stage.client("hub", [], clean_start=False, will=will(b"gone for good", 1), session_expiry_s=60)
    back.abort("gone")
    await until(lambda: heard)
    later: list[Any] = []
    late = await stage.client("late", later)
    await late.subscribe(("t/status", PLAIN))
    await until(lambda: later)
    await centre.close()
    await late.close()
    return seen(heard), seen(later)


async def retained_and_live_are_told_apart(stage: Stage) -> object:
    heard: list[Any] = []
    centre = await stage.client("centre", [])
    await centre.publish("t/command", b"old", retain=True)
    hub = await stage.client("hub", heard)
    await hub.subscribe(("t/command", LIVE))
    await centre.publish("t/command", b"live but retained", retain=True)
    await centre.publish("t/command", b"live")
    await until(lambda: len(heard) == 2)
    await hub.close()
    await centre.close()
    return seen(heard)


async def the_newer_connection_takes_over(stage: Stage) -> object:
    older = await stage.client("hub", [], session_expiry_s=60)
    newer = await stage.client("hub", [], clean_start=False, session_expiry_s=60)
    async with asyncio.timeout(WITHIN_S):
        await older.closed
    present = newer.session_present
    open_still = not newer.closed.done()
    await newer.close()
    return present, open_still


async def shared_subscribers_get_each_message_once(stage: Stage) -> object:
    one: list[Any] = []
    two: list[Any] = []
    links = [await stage.client(name, heard) for name, heard in (("one", one), ("two", two))]
    for link in links:
        await link.subscribe(("$share/centre/t/+/event", PLAIN))
    hub = await stage.client("hub", [])
    for number in range(4):
        await hub.publish("t/hub/event", b"%d" % number)
    await until(lambda: len(one) + len(two) == 4)
    for link in (*links, hub):
        await link.close()
    return sorted(payload for _, payload, _ in seen([*one, *two]))


async def a_broker_that_goes_away_ends_every_promise(stage: Stage) -> object:
    link = await stage.client("hub", [])
    maximum, idle = link.receive_maximum, link.unanswered
    stage.stop()
    async with asyncio.timeout(WITHIN_S):
        await link.closed
    with pytest.raises(LinkLostError):
        link.publish("t/event", b"too late")
    with pytest.raises(LinkLostError):
        await stage.client("hub", [])
    stage.start()
    again = await stage.client("hub", [])
    await again.publish("t/event", b"in time")
    unanswered = again.unanswered
    await again.close()
    return maximum, idle, unanswered


SCRIPTS: tuple[Callable[[Stage], Awaitable[object]], ...] = (
    a_session_outlives_its_connection,
    what_is_acknowledged_out_of_order_is_settled_in_order,
    a_will_is_spoken_only_when_nobody_says_goodbye,
    retained_and_live_are_told_apart,
    the_newer_connection_takes_over,
    shared_subscribers_get_each_message_once,
    a_broker_that_goes_away_ends_every_promise,
)


def simulated(script: Callable[[Stage], Awaitable[object]]) -> object:
    async def play() -> object:
        broker = Broker()
        network = Network(Line(random.Random(1)), broker)

        def stop() -> None:
            broker.stop(forget=False)

        return await script(Stage(partial(WorldLink, network), 1, stop, lambda: setattr(broker, "down", False)))

    return run_virtual(play())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
async def test_the_simulated_link_does_what_the_real_one_does(
    script: Callable[[Stage], Awaitable[object]], tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        real = await script(Stage(MqttLink, broker.port, broker.stop, broker.start))
    finally:
        broker.stop()
    assert await asyncio.to_thread(simulated, script) == real


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_the_simulated_link_has_every_method_of_the_real_one() -> None:
    assert public(MqttLink) <= public(WorldLink)
