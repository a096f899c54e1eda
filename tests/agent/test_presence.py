"""Two uplinks of one hub at one real broker: the standby comes when it is wanted, and leaves without looking dead."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from joserfc.jwk import ECKey, OKPKey
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import SystemClock
from agent.config import Uplink as UplinkConfig
from agent.inbox import Inbox
from agent.store.rows import Row
from agent.uplink.inward import Inward
from agent.uplink.presence import Presence
from agent.uplink.uplink import NOT_WANTED, Uplink
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Signer, Verifier
from agent.wire.messages import CENTRE, Status, read
from centre.homes import Home, on_status
from rules.events import Event, LinkDown, LinkUp
from rules.values import Now
from sensors.mqtt_link import MqttLink
from simulators.mosquitto import Mosquitto

KEY = ECKey.generate_key("P-256")


class Documents:
    """The documents of a hub that has nothing to say but its status."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def status(self, nonce: str, *, online: bool, also: tuple[str, ...] = (), reason: str = "") -> bytes:
        ms = self._clock.now().ms
        said = Status(
            aud=CENTRE,
            iat=1,
            online=online,
            nonce=nonce,
            also=also,
            boot="b",
            epoch="e",
            monotonic_ms=ms,
            reason=reason,
        )
        return msgspec.json.encode(said)

    def state(self) -> bytes:
        return b"{}"

    async def waiting(self, _limit: int, _exclude: frozenset[str]) -> list[Row]:
        return []


class Two:
    """A main uplink and a standby, and a centre that hears their statuses as they come."""

    def __init__(self, broker: Mosquitto) -> None:
        self.broker, self.home = broker, Home(hub="hub-1")
        self.said: list[Status] = []
        self.looked_gone = False
        self.inbox = Inbox(SystemClock())
        self.happened: list[Event] = []
        self._presence, self._dice = Presence(), random.Random(1)
        self.main = self._uplink("main", "hub-1", standby=False)
        self.spare = self._uplink("4g", "hub-1.4g", standby=True)

    def _uplink(self, name: str, client_id: str, *, standby: bool) -> Uplink:
        return Uplink(
            UplinkConfig(name=name, host=self.broker.host, port=self.broker.port, standby=standby),
            "hub-1",
            client_id=client_id,
            presence=self._presence,
            signer=Signer(KEY, HUB_ALGORITHM),
            inward=Inward("hub-1", Verifier([OKPKey.generate_key("Ed25519")], CENTRE_ALGORITHM)),
            inbox=self.inbox,
            clock=SystemClock(),
            documents=Documents(),
            tls=None,
            make_link=MqttLink,
            dice=self._dice,
        )

    def heard(self, message: MQTTMessage) -> None:
        status = read(Verifier([KEY], HUB_ALGORITHM).open(bytes(message.payload)), Status)
        self.said.append(status)
        newer = on_status(self.home, status, Now(0, 0), retained=False)
        self.home = self.home if newer == "stale" else newer
        self.looked_gone |= not self.home.online

    async def until(self, met: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not met():
                self.happened += [arrival.event for arrival in self.inbox.take(100)]
                await asyncio.sleep(0.005)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    with Mosquitto(tmp_path / "broker") as broker:
        two = Two(broker)
        centre = MqttLink("centre", two.heard)
        await centre.connect(broker.host, broker.port)
        await centre.subscribe(("hearthline/v1/hub-1/status", SubscribeOptions(qos=1)))
        running = [asyncio.create_task(each.run()) for each in (two.main, two.spare)]
        await two.until(lambda: two.home.online)
        yield two
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await centre.close()


async def test_a_standby_connects_when_it_is_wanted_and_not_before_and_beside_the_main_line(two: Two) -> None:
    assert two.broker.log.count("hub-1.4g") == 0
    two.spare.want(wanted=True)
    await two.until(lambda: len(two.home.lines) == 2)
    assert two.said[-1].also == (two.said[0].nonce,)
    await two.until(lambda: LinkUp("4g") in two.happened)
    assert not [each for each in two.happened if isinstance(each, LinkDown)], "neither takes the other's place"


async def test_s7_a_standby_that_closes_leaves_the_main_lines_word_and_no_session(two: Two) -> None:
    two.spare.want(wanted=True)
    await two.until(lambda: len(two.home.lines) == 2)
    two.spare.want(wanted=False)
    await two.until(lambda: LinkDown("4g", NOT_WANTED) in two.happened)
    await two.until(lambda: len(two.home.lines) == 1)
    assert two.home.nonce == two.said[0].nonce
    assert all(status.online for status in two.said), "the hub is not gone because this line is"
    assert not two.looked_gone
    assert two.spare.counters == {}, "a planned end is no loss"
    again = MqttLink("hub-1.4g", lambda _: None, clean_start=False)
    await again.connect(two.broker.host, two.broker.port)
    assert not again.session_present, "nothing is kept for a line that may stay closed for a day"
    await again.close()
    kept: list[MQTTMessage] = []
    new_centre = MqttLink("another-centre", kept.append)
    await new_centre.connect(two.broker.host, two.broker.port)
    await new_centre.subscribe(("hearthline/v1/hub-1/status", SubscribeOptions(qos=1)))
    await two.until(lambda: kept)
    retained = read(Verifier([KEY], HUB_ALGORITHM).open(bytes(kept[0].payload)), Status)
    assert (retained.online, retained.nonce, retained.also) == (True, two.said[0].nonce, ())
    await new_centre.close()


async def test_s7_when_a_line_is_lost_the_other_says_what_remains(two: Two) -> None:
    two.spare.want(wanted=True)
    await two.until(lambda: len(two.home.lines) == 2)
    old = two.said[0].nonce
    intruder = MqttLink("hub-1", lambda _: None)  # takes the main line's place
    await intruder.connect(two.broker.host, two.broker.port)
    await two.until(lambda: old not in two.home.lines)
    await intruder.close()
    await two.until(lambda: len(two.home.lines) == 2)
    assert old in two.home.past
    assert not two.looked_gone


async def test_a_stop_of_the_whole_hub_says_so_over_every_line(two: Two) -> None:
    two.spare.want(wanted=True)
    await two.until(lambda: len(two.home.lines) == 2)
    await asyncio.gather(two.main.stop("stopped"), two.spare.stop("stopped"))
    await two.until(lambda: not two.home.online)
    assert two.home.reason == "stopped"
    two.main.want(wanted=True)  # a last turn of the hub: it does not come back for that
    await two.until(lambda: LinkDown("main", "stopped") in two.happened)
    assert two.broker.log.count(" as hub-1 ") == 1


async def test_a_standby_that_is_wanted_again_while_it_closes_comes_back(two: Two) -> None:
    two.spare.want(wanted=True)
    await two.until(lambda: len(two.home.lines) == 2)
    first = two.home.nonce
    two.spare.want(wanted=False)
    await asyncio.sleep(0)
    two.spare.want(wanted=True)
    await two.until(lambda: len(two.home.lines) == 2 and two.happened.count(LinkUp("4g")) >= 1)
    assert first in (*two.home.past, *two.home.lines)


def test_when_a_connection_ends_those_that_remain_are_asked_to_say_so_once() -> None:
    presence, told = Presence(), list[str]()
    presence.began("nonce-1", lambda: told.append("nonce-1"))
    presence.began("nonce-2", lambda: told.append("nonce-2"))
    presence.ended("nonce-1")
    presence.ended("nonce-1")
    assert told == ["nonce-2"]
    assert presence.others("nonce-2") == ()
    assert presence.living("nonce-3") == {"nonce-2", "nonce-3"}
