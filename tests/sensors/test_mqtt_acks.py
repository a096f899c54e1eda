"""PUBACKs keep the order of the messages, on paper and at a broker that insists on it."""

import asyncio
from typing import Any

from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.mqtt_acks import AcksInOrder
from sensors.mqtt_link import MqttLink
from simulators.broker import DemoBroker

MESSAGES = 8


def test_what_is_ready_waits_for_what_came_before() -> None:
    sent: list[int] = []
    acks = AcksInOrder(sent.append)
    for mid in (7, 3, 9):
        acks.came(mid)
    acks.ready(9)
    acks.ready(3)
    assert sent == []
    acks.ready(7)
    assert sent == [7, 3, 9]


def test_an_acknowledgement_comes_once_and_only_for_what_is_owed() -> None:
    sent: list[int] = []
    acks = AcksInOrder(sent.append)
    acks.ready(5)
    acks.came(5)
    acks.ready(5)
    acks.ready(5)
    acks.came(5)  # the identifier is free again, and used again
    assert sent == [5]
    acks.ready(5)
    assert sent == [5, 5]


async def test_a_broker_that_insists_on_the_order_keeps_the_line() -> None:
    heard: list[Any] = []
    full = asyncio.Event()

    def take(message: Any) -> None:
        heard.append(message)
        if len(heard) % MESSAGES == 0:
            full.set()

    with DemoBroker() as broker:
        hub = MqttLink("hub", take, manual_ack=True)
        await hub.connect("127.0.0.1", broker.port, timeout_s=5)
        await hub.subscribe(("t/#", SubscribeOptions(qos=1)))
        centre = MqttLink("centre", lambda _: None)
        await centre.connect("127.0.0.1", broker.port, timeout_s=5)
        for _ in range(3):
            full.clear()
            await asyncio.gather(*(centre.publish("t/x", b"%d" % number) for number in range(MESSAGES)))
            await asyncio.wait_for(full.wait(), 5)
            for message in reversed(heard[-MESSAGES:]):  # the last is ready first
                hub.ack(message)
        await asyncio.wait_for(hub.publish("t/still", b"here"), 5)
        assert not hub.closed.done(), hub.closed.result()
        await hub.close(timeout_s=2)
        await centre.close(timeout_s=2)
