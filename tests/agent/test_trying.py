"""A certificate is tried at a real broker, by a connection of its own: taken, refused, or nobody there."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.config import Uplink
from agent.uplink.trying import Tried, try_ways
from sensors.mqtt_link import MqttLink
from simulators.mosquitto import Mosquitto, free_port
from tests.support.certificates import Authority

HUB = "hub-1"


class Place:
    """A broker that lets in who has a certificate of its authority, and the hub's way to it."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "site")
        self.stranger = Authority(folder / "stranger", "another authority")
        self.broker = Mosquitto(folder / "broker", tls=self.authority.server())
        files = self.authority.issue(HUB, HUB)
        self.way = Uplink(
            name="main",
            host="localhost",
            port=self.broker.port,
            ca=self.authority.certificate,
            certificate=files.certificate,
            key=files.key,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("trying"))
    with made.broker:
        yield made


async def outcome(way: Uplink, *, trusted: bool = True, timeout_s: float = 10) -> Tried:
    (tried,) = await try_ways(HUB, [way], trusted=trusted, timeout_s=timeout_s)
    return tried


async def test_what_the_broker_takes_is_told_and_the_hubs_own_connection_stays(place: Place) -> None:
    tls = place.authority.client_context(HUB)
    hub = MqttLink(HUB, lambda _: None, tls=tls, clean_start=False, session_expiry_s=60)
    await hub.connect("localhost", place.broker.port)
    assert await outcome(place.way) == Tried("main", "taken")
    assert await outcome(place.way, trusted=False) == Tried("main", "taken")
    assert not hub.closed.done()
    await hub.close()


async def test_what_the_broker_does_not_take_is_refused(place: Place) -> None:
    foreign = place.stranger.issue("foreign", HUB)
    tried = await outcome(replace(place.way, certificate=foreign.certificate, key=foreign.key))
    assert (tried.outcome, bool(tried.why)) == ("refused", True)


async def test_a_broker_that_is_not_the_sites_is_refused_by_us(place: Place) -> None:
    assert (await outcome(replace(place.way, ca=place.stranger.certificate))).outcome == "refused"
    by_another_name = replace(place.way, host="other.example", address="127.0.0.1")
    assert (await outcome(by_another_name)).outcome == "refused"


async def test_a_key_that_does_not_go_with_it_is_refused_before_anything_is_asked(place: Place) -> None:
    other = place.authority.issue("other", HUB)
    tried = await outcome(replace(place.way, key=other.key, port=free_port()))
    assert (tried.outcome, str(other.key) in tried.why) == ("refused", True)


async def test_nobody_there_says_nothing_of_the_certificate(place: Place) -> None:
    assert (await outcome(replace(place.way, port=free_port()))).outcome == "unreachable"
    assert (await outcome(replace(place.way, interface="none0", address="127.0.0.1"))).outcome == "unreachable"
    with socket.create_server(("127.0.0.1", 0)) as mute:
        way = replace(place.way, port=mute.getsockname()[1])
        assert (await outcome(way, timeout_s=0.3)).outcome == "unreachable"


async def test_every_way_is_tried(place: Place) -> None:
    ways = [place.way, replace(place.way, name="4g", port=free_port())]
    assert [(each.way, each.outcome) for each in await try_ways(HUB, ways, trusted=True)] == [
        ("main", "taken"),
        ("4g", "unreachable"),
    ]
