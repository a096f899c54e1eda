"""A hub that is revoked while it is connected is deaf and dumb within seconds, whoever says so, and nobody else is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import SystemClock
from agent.wire.topics import topic
from centre.running import broker as own
from centre.running.broker import OwnBroker
from centre.running.folder import BROKER, SITE
from centre.running.services import tls
from centre.site import commands
from centre.site.site import Site
from sensors.mqtt_link import MqttLink
from tests.support.sites import enrolled, identity

CLOCK = SystemClock()
IN_TIME_S = 10.0
SECONDS_MAX = 5.0
NOT_AUTHORIZED = 0x87
QOS_1 = SubscribeOptions(qos=1)


class Talk:
    """A connection, and what came on it."""

    def __init__(self, name: str, tls_context: object) -> None:
        self.came: asyncio.Queue[MQTTMessage] = asyncio.Queue()
        self.link = MqttLink(name, self.came.put_nowait, tls=tls_context)  # type: ignore[arg-type]

    async def next(self) -> bytes:
        async with asyncio.timeout(IN_TIME_S):
            return bytes((await self.came.get()).payload)


@pytest.fixture
def site(data: Path) -> Iterator[Site]:
    with contextlib.closing(Site.open(data / SITE)) as opened:
        yield opened


@contextlib.asynccontextmanager
async def running(data: Path, site: Site) -> AsyncIterator[OwnBroker]:
    broker = OwnBroker(data / BROKER, site, CLOCK, listen="127.0.0.1", port=site.settings.way[0].port)
    task = asyncio.create_task(broker.run())
    try:
        await asyncio.wait_for(broker.ready.wait(), IN_TIME_S)
        yield broker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def hub(data: Path, site: Site, name: str, port: int) -> AsyncIterator[Talk]:
    """A hub of the site, connected, that hears its commands."""
    box, answer = enrolled(site, name, CLOCK.now().wall_ms)
    talk = Talk(name, identity(data.parent / name, site.ca_pem, answer.certificate, box.uplink).tls())
    await talk.link.connect("localhost", port)
    try:
        await talk.link.subscribe((topic(name, "command"), QOS_1))
        yield talk
    finally:
        await talk.link.close()


def by_console(site: Site) -> None:
    """As the page does, in the broker's own process."""
    site.revoke("hub-lost", CLOCK.now().wall_ms)


def by_shell(site: Site) -> None:
    """As `hearthline provision revoke` does, beside a centre that runs."""
    done = CliRunner().invoke(commands.revoke, ["hub-lost", "--site", str(site.folder)])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("revoke", [by_console, by_shell])
async def test_s11_a_hub_that_is_revoked_while_connected_is_deaf_and_dumb(
    data: Path, site: Site, monkeypatch: pytest.MonkeyPatch, revoke: Callable[[Site], None]
) -> None:
    assert own.LOOK_EVERY_S <= SECONDS_MAX
    monkeypatch.setattr(own, "LOOK_EVERY_S", 0.1)
    async with running(data, site) as broker:
        centre = Talk("centre-1", tls(site, CLOCK, check_name=False))
        await centre.link.connect(broker.host, broker.port)
        await centre.link.subscribe(("hearthline/v1/+/event", QOS_1))
        async with hub(data, site, "hub-lost", broker.port) as lost, hub(data, site, "hub-here", broker.port) as here:
            for name, each in (("hub-lost", lost), ("hub-here", here)):  # both speak and hear
                await each.link.publish(topic(name, "event"), name.encode())
                assert await centre.next() == name.encode()
                await centre.link.publish(topic(name, "command"), b"first")
                assert await each.next() == b"first"
            await asyncio.to_thread(revoke, site)
            async with asyncio.timeout(IN_TIME_S):
                while True:
                    answer = await lost.link.publish(topic("hub-lost", "event"), b"still")
                    if answer.value == NOT_AUTHORIZED:
                        break
                    assert await centre.next() == b"still"  # what was taken came
                    await asyncio.sleep(0.02)
            await centre.link.publish(topic("hub-lost", "command"), b"secret")
            for mine, theirs in ((b"a", b"b"), (b"c", b"d")):
                await centre.link.publish(topic("hub-here", "command"), mine)
                assert await here.next() == mine
                await lost.link.publish(topic("hub-lost", "event"), b"dumb")
                await here.link.publish(topic("hub-here", "event"), theirs)
                assert await centre.next() == theirs  # and nothing of the other's before it
            # It answers still, so whatever had been sent to it would have come by now.
            assert lost.came.empty()
        await centre.link.close()
