import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import SystemClock
from agent.wire.envelope import DOCUMENT_BYTES_MAX, HUB_ALGORITHM, Signer
from agent.wire.topics import ROOT
from centre.site import broker
from centre.site.authority import Authority, certificate_pem, make_client, make_root, new_key
from centre.site.site import Site
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_properties import Will
from simulators.site import SiteBroker
from tests.support.sites import DAY_MS, SETTINGS, Identity, enrolled, identity

NOT_AUTHORIZED = 0x87
TAKEN = (0x00, 0x10)  # 0x10: and nobody subscribes to it
PATIENCE_S = 5.0
QOS_1 = SubscribeOptions(qos=1)


class Place:
    """A site with its real broker, two hubs and the centre."""

    def __init__(self, folder: Path, changes: dict[str, str] | None = None) -> None:
        self.folder, self.now_ms = folder, SystemClock().now().wall_ms
        self.site = Site.create(folder / "site", SETTINGS, self.now_ms)
        self.issuing = Authority(self.site._issuing.certificate, self.site._issuing.key)
        self.broker = SiteBroker(folder / "broker", self.site, self.now_ms, changes=changes)
        self.centre = Identity(*self.site.server("centre", self.now_ms))
        self.a, self.b = self.hub("hub-a"), self.hub("hub-b")

    def hub(self, name: str) -> Identity:
        box, answer = enrolled(self.site, name, self.now_ms)
        return identity(self.folder / name, self.site.ca_pem, answer.certificate, box.uplink)

    def certified(self, name: str, by: Authority, wall_ms: int, days: int = 365, chain: str = "") -> Identity:
        key = new_key()
        leaf = make_client(name, key.public_key(), by, wall_ms, days)
        place = self.folder / f"{name}-{leaf.serial_number:x}"
        return identity(place, self.site.ca_pem, certificate_pem(leaf) + chain, key)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("place"))
    with made.broker, contextlib.closing(made.site):
        yield made


class Talk:
    """One connection, and what came on it."""

    def __init__(self, link: MqttLink, came: "asyncio.Queue[MQTTMessage]") -> None:
        self.link, self.came = link, came

    async def hear(self, *topics: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.link.subscribe(*((each, QOS_1) for each in topics))

    async def say(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Publish; give the reason code of the PUBACK."""
        async with asyncio.timeout(PATIENCE_S):
            reason = await self.link.publish(topic, payload, retain=retain)
        return int(reason.value)

    async def next(self) -> tuple[str, bytes]:
        async with asyncio.timeout(PATIENCE_S):
            message = await self.came.get()
        return message.topic, bytes(message.payload)


@asynccontextmanager
async def talking(
    place: Place, who: Identity, client: str, will: Will | None = None, **how: object
) -> AsyncIterator[Talk]:
    came: asyncio.Queue[MQTTMessage] = asyncio.Queue()
    link = MqttLink(client, came.put_nowait, tls=who.tls(), will=will, **how)  # type: ignore[arg-type]
    await link.connect("localhost", place.broker.port, timeout_s=PATIENCE_S)
    try:
        yield Talk(link, came)
    finally:
        await link.close()


async def refused(place: Place, tls: ssl.SSLContext | None) -> str:
    """Fail unless the broker refuses this client."""
    link = MqttLink("hub-a", lambda _: None, tls=tls)
    with pytest.raises(LinkLostError) as caught:
        await link.connect("localhost", place.broker.port, timeout_s=PATIENCE_S)
    assert "no answer within" not in str(caught.value)
    return str(caught.value)


# --- who speaks as whom -------------------------------------------------------------------------------


async def test_a_hub_and_the_centre_hear_each_other(place: Place) -> None:
    async with talking(place, place.a, "hub-a") as hub, talking(place, place.centre, "w") as centre:
        await centre.hear(f"$share/workers/{ROOT}/+/event", f"{ROOT}/+/status", f"{ROOT}/+/state")
        await hub.hear(*(f"{ROOT}/hub-a/{each}" for each in broker.TO_HUB))
        for channel in broker.FROM_HUB:
            assert await hub.say(f"{ROOT}/hub-a/{channel}") in TAKEN
            assert await centre.next() == (f"{ROOT}/hub-a/{channel}", b"x")
        for channel in broker.TO_HUB:
            assert await centre.say(f"{ROOT}/hub-a/{channel}") == 0
            assert await hub.next() == (f"{ROOT}/hub-a/{channel}", b"x")


FOREIGN = (
    *(f"{ROOT}/hub-b/{each}" for each in (*broker.FROM_HUB, *broker.TO_HUB)),
    *(f"{ROOT}/hub-a/{each}" for each in broker.TO_HUB),
    f"{ROOT}/hub-a/event/more",
    f"{ROOT}/centre/event",
    "anything",
    "$SYS/broker/uptime",
    "$CONTROL/dynamic-security/v1",
)


@pytest.mark.parametrize("retain", [False, True])
async def test_a_hub_cannot_publish_as_another_nor_as_the_centre(place: Place, *, retain: bool) -> None:
    async with (
        talking(place, place.a, "hub-a") as hub,
        talking(place, place.b, "hub-b") as other,
        talking(place, place.centre, "w") as centre,
    ):
        await centre.hear(f"{ROOT}/+/event", f"{ROOT}/+/status", f"{ROOT}/+/state")
        await other.hear(*(f"{ROOT}/hub-b/{each}" for each in broker.TO_HUB))
        await hub.hear(*(f"{ROOT}/hub-a/{each}" for each in broker.TO_HUB))
        for topic in FOREIGN:
            assert await hub.say(topic, b"forged", retain=retain) == NOT_AUTHORIZED, topic
        # What came later came, and nothing before it: the forged messages were not delivered.
        assert await hub.say(f"{ROOT}/hub-a/event", b"mine") in TAKEN
        assert await centre.next() == (f"{ROOT}/hub-a/event", b"mine")
        for each, name in ((other, "hub-b"), (hub, "hub-a")):
            await centre.say(f"{ROOT}/{name}/receipt", b"true")
            assert await each.next() == (f"{ROOT}/{name}/receipt", b"true")
    async with talking(place, place.b, "late") as late:  # and nothing of it was retained
        await late.hear(f"{ROOT}/hub-b/plan", f"{ROOT}/hub-b/command")
        async with talking(place, place.centre, "w") as centre:
            await centre.say(f"{ROOT}/hub-b/command", b"true")
        assert await late.next() == (f"{ROOT}/hub-b/command", b"true")


async def test_a_hub_hears_nothing_of_others(place: Place) -> None:
    others = ("#", "+/#", f"{ROOT}/#", f"{ROOT}/+/event", f"{ROOT}/hub-b/plan", "$SYS/#", f"$share/mine/{ROOT}/#")
    async with (
        talking(place, place.a, "hub-a") as hub,
        talking(place, place.b, "hub-b") as other,
        talking(place, place.centre, "w") as centre,
    ):
        await centre.say(f"{ROOT}/hub-b/plan", b"retained", retain=True)
        await hub.hear(*others)  # Mosquitto grants any subscription, and then delivers nothing on it
        await other.hear(f"{ROOT}/hub-b/#")
        assert await other.next() == (f"{ROOT}/hub-b/plan", b"retained")
        for channel in broker.TO_HUB:
            await centre.say(f"{ROOT}/hub-b/{channel}", b"private")
            assert await other.next() == (f"{ROOT}/hub-b/{channel}", b"private")
        for channel in broker.FROM_HUB:
            assert await other.say(f"{ROOT}/hub-b/{channel}", b"private") in TAKEN
        await centre.say(f"{ROOT}/hub-a/command", b"mine")
        assert await hub.next() == (f"{ROOT}/hub-a/command", b"mine")
        await centre.say(f"{ROOT}/hub-b/plan", b"", retain=True)


async def test_a_will_is_a_message_like_any_other(place: Place) -> None:
    async with talking(place, place.centre, "w") as centre:
        await centre.hear(f"{ROOT}/+/status")
        for name in ("hub-b", "hub-a"):
            will = Will(f"{ROOT}/{name}/status", b"the will", delay_s=0)
            link = MqttLink("hub-a", lambda _: None, tls=place.a.tls(), will=will)
            try:
                await link.connect("localhost", place.broker.port, timeout_s=PATIENCE_S)
            except LinkLostError as error:
                assert name == "hub-b", error  # noqa: PT017 -- one may be refused at the door, the other not
            link.abort("gone")
        assert await centre.next() == (f"{ROOT}/hub-a/status", b"the will")


async def test_the_centre_speaks_for_no_hub(place: Place) -> None:
    async with talking(place, place.centre, "w") as centre:
        for channel in broker.FROM_HUB:
            assert await centre.say(f"{ROOT}/hub-a/{channel}") == NOT_AUTHORIZED


# --- who comes in -------------------------------------------------------------------------------------


async def test_tls_1_2_is_refused(place: Place) -> None:
    tls = place.a.tls()
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "protocol version" in await refused(place, tls)


async def test_without_a_certificate_nobody_comes_in(place: Place) -> None:
    await refused(place, ssl.create_default_context(cafile=str(place.a.ca)))
    await refused(place, None)


def _expired(place: Place) -> Identity:
    return place.certified("hub-a", place.issuing, place.now_ms - 400 * DAY_MS)


def _not_yet(place: Place) -> Identity:
    return place.certified("hub-a", place.issuing, place.now_ms + 10 * DAY_MS)


def _foreign(place: Place) -> Identity:
    """Make one by an authority of the same name, with the site's own authorities in the chain for good measure."""
    key = new_key()
    root = make_root("Test site", key, place.now_ms)
    return place.certified("hub-a", Authority(root, key), place.now_ms, chain=place.site.ca_pem)


def _by_a_hub(place: Place) -> Identity:
    """Make one with a hub's certificate as if it were an authority's."""
    key = new_key()
    hub = make_client("hub-a", key.public_key(), place.issuing, place.now_ms, 365)
    return place.certified("hub-b", Authority(hub, key), place.now_ms, chain=certificate_pem(hub))


def _the_brokers(place: Place) -> Identity:
    return Identity(*place.site.server("broker", place.now_ms))


@pytest.mark.parametrize("make", [_expired, _not_yet, _foreign, _by_a_hub, _the_brokers])
async def test_a_certificate_that_is_none_is_refused(place: Place, make: Callable[[Place], Identity]) -> None:
    await refused(place, make(place).tls())
    async with talking(place, place.certified("hub-a", place.issuing, place.now_ms), "hub-a") as good:
        assert await good.say(f"{ROOT}/hub-a/event") in TAKEN


async def test_a_hub_is_no_broker(place: Place) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(place.a.certificate, place.a.key)
    client = ssl.create_default_context(cafile=str(place.b.ca))
    client.check_hostname = False  # so that it is its purpose that is judged
    here: list[ssl.MemoryBIO] = [ssl.MemoryBIO() for _ in range(2)]
    answering = server.wrap_bio(here[0], here[1], server_side=True)
    asking = client.wrap_bio(here[1], here[0], server_hostname="hub-a")
    for side in (asking, answering):  # hello, and the server's certificate
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        asking.do_handshake()


async def test_a_revoked_hub_is_out_at_the_next_reload_and_nobody_else(place: Place) -> None:
    lost, also = place.hub("hub-lost"), place.hub("hub-also")
    async with (
        talking(place, lost, "hub-lost") as hub,
        talking(place, place.a, "hub-a") as bystander,
        talking(place, place.centre, "w") as centre,
    ):
        await hub.hear(f"{ROOT}/hub-lost/command")
        await bystander.hear(f"{ROOT}/hub-a/command")
        assert await hub.say(f"{ROOT}/hub-lost/event") in TAKEN
        for name in ("hub-lost", "hub-also"):  # two lists within one second: the later one counts
            assert place.site.revoke(name, place.now_ms)
            place.broker.lay(place.site, place.now_ms)
            place.broker.reload()
            async with asyncio.timeout(PATIENCE_S):  # its answer shows that it is done reloading
                while await hub.say(f"{ROOT}/hub-lost/event") != NOT_AUTHORIZED:
                    await asyncio.sleep(0.02)
        await centre.say(f"{ROOT}/hub-lost/command", b"secret")
        await centre.say(f"{ROOT}/hub-a/command", b"mine")
        assert await bystander.next() == (f"{ROOT}/hub-a/command", b"mine")
        assert hub.came.empty()  # still connected, dumb and deaf
        for who in (lost, also):
            await refused(place, who.tls())
        assert await bystander.say(f"{ROOT}/hub-a/event") in TAKEN
    async with talking(place, place.b, "hub-b") as later:
        assert await later.say(f"{ROOT}/hub-b/event") in TAKEN


# --- a power cut, and a flood -------------------------------------------------------------------------


async def test_what_is_kept_outlives_a_kill(tmp_path: Path) -> None:
    place = Place(tmp_path, {"autosave_interval": "1"})
    with place.broker, contextlib.closing(place.site):
        async with talking(place, place.a, "hub-a", clean_start=False, session_expiry_s=3_600) as hub:
            await hub.hear(f"{ROOT}/hub-a/command")
        async with talking(place, place.centre, "w") as centre:
            await centre.say(f"{ROOT}/hub-a/plan", b"plan", retain=True)
            await centre.say(f"{ROOT}/hub-a/command", b"while away")
        database = place.broker.folder / "data" / "mosquitto.db"
        async with asyncio.timeout(PATIENCE_S):
            while not database.exists() or b"while away" not in database.read_bytes():
                await asyncio.sleep(0.05)
        place.broker.kill()
        place.broker.start()
        async with talking(place, place.a, "hub-a", clean_start=False, session_expiry_s=3_600) as hub:
            assert await hub.next() == (f"{ROOT}/hub-a/command", b"while away")
            await hub.hear(f"{ROOT}/hub-a/plan")
            assert await hub.next() == (f"{ROOT}/hub-a/plan", b"plan")


async def test_what_is_too_large_goes_nowhere(place: Place) -> None:
    async with talking(place, place.centre, "w") as centre:
        await centre.hear(f"{ROOT}/+/state")
        async with talking(place, place.a, "hub-a") as hub:
            with pytest.raises(LinkLostError, match=r"Packet too large|the connection closed"):  # if its word is lost
                await hub.say(f"{ROOT}/hub-a/state", b"x" * broker.PACKET_BYTES_MAX)
        async with talking(place, place.a, "hub-a") as hub:
            await hub.say(f"{ROOT}/hub-a/state", b"y" * DOCUMENT_BYTES_MAX)
        assert (await centre.next())[1] == b"y" * DOCUMENT_BYTES_MAX


async def test_more_than_the_usual_thousand_wait_for_a_hub(place: Place) -> None:
    count, window = 1_500, 15
    async with talking(place, place.b, "hub-b", clean_start=False, session_expiry_s=60) as hub:
        await hub.hear(f"{ROOT}/hub-b/receipt")
    async with talking(place, place.centre, "w") as centre:
        for first in range(0, count, window):
            await asyncio.gather(*(centre.say(f"{ROOT}/hub-b/receipt", b"%d" % (first + n)) for n in range(window)))
    async with talking(place, place.b, "hub-b", clean_start=False) as hub:
        assert [int((await hub.next())[1]) for _ in range(count)] == list(range(count))


async def test_no_hub_takes_a_share_of_what_the_workers_hear(place: Place) -> None:
    """A hub in the workers' group would swallow its share: Mosquitto counts it in, and then may not deliver to it."""
    group, count = place.site.workers_group, 10
    async with (
        talking(place, place.centre, "w") as centre,
        talking(place, place.a, "hub-a") as hub,
        talking(place, place.b, "hub-b") as other,
    ):
        await centre.hear(f"$share/{group}/{ROOT}/+/event")
        for guess in ("centre", "workers", "hearthline", "+", group[:-1]):
            with contextlib.suppress(LinkLostError):
                await hub.hear(f"$share/{guess}/{ROOT}/+/event")
        for number in range(count):
            assert await other.say(f"{ROOT}/hub-b/event", b"%d" % number) in TAKEN
        assert [int((await centre.next())[1]) for _ in range(count)] == list(range(count))


async def test_a_hub_that_comes_as_another_ends_no_connection_that_it_cannot_name(place: Place) -> None:
    mark = Signer(ECKey.generate_key("P-256"), HUB_ALGORITHM).mark("client id")
    async with talking(place, place.a, f"hub-a.{mark}.main", clean_start=False, session_expiry_s=60) as hub:
        for guess in ("hub-a", "hub-a.main", "hub-a..main", f"hub-a.{'0' * 16}.main"):
            async with talking(place, place.b, guess):
                assert await hub.say(f"{ROOT}/hub-a/event") in TAKEN
        # Mosquitto gives a session to whoever comes with its name: that is why nobody may know it.
        async with talking(place, place.b, f"hub-a.{mark}.main"):
            await asyncio.wait_for(hub.link.closed, PATIENCE_S)


def test_the_configuration_says_what_it_must(place: Place) -> None:
    text = broker.configuration(broker.Layout(Path("/etc/mosquitto/hearthline")))
    keys = [line.split()[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert len(keys) - len(set(keys)) == 2  # log_type thrice
    assert "allow_anonymous false" in text
    assert "log_type all" not in text
    assert "log_type debug" not in text


async def test_nothing_that_is_said_is_logged(place: Place) -> None:
    async with talking(place, place.a, "hub-a") as hub:
        await hub.say(f"{ROOT}/hub-a/event", b"very-private-words")
        await hub.say(f"{ROOT}/hub-b/event", b"very-private-words")
    assert "hub-a" in place.broker.log
    assert "very-private-words" not in place.broker.log
