"""One MQTT connection, against a real Mosquitto and against peers that hang, lie and coalesce."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_properties import Will
from simulators.mosquitto import Mosquitto, free_port
from tests.support.certificates import Authority

QOS1 = SubscribeOptions(qos=1)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


class Inbox:
    """Collects messages; `get()` waits for the next."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[MQTTMessage] = asyncio.Queue()

    def __call__(self, message: MQTTMessage) -> None:
        self.queue.put_nowait(message)

    async def get(self, timeout_s: float = 5) -> MQTTMessage:
        return await asyncio.wait_for(self.queue.get(), timeout_s)


@contextlib.asynccontextmanager
async def linked(broker: Mosquitto, name: str, inbox: Any = None, **options: Any) -> AsyncIterator[MqttLink]:
    link = MqttLink(name, inbox or Inbox(), **options)
    await link.connect(broker.host, broker.port)
    try:
        yield link
    finally:
        await link.close()


async def ended(link: MqttLink, timeout_s: float = 5) -> str:
    return await asyncio.wait_for(asyncio.shield(link.closed), timeout_s)


async def test_publish_gives_the_puback_and_the_subscriber_hears(broker: Mosquitto) -> None:
    inbox = Inbox()
    async with linked(broker, "ear", inbox) as ear, linked(broker, "mouth") as mouth:
        await ear.subscribe(("a/+", QOS1), ("b", QOS1))
        reason = await asyncio.wait_for(mouth.publish("a/x", b"help"), 5)
        assert not reason.is_failure
        message = await inbox.get()
        assert (message.topic, message.payload, message.qos) == ("a/x", b"help", 1)
        assert mouth.unanswered == 0
    assert ear.closed.result() == mouth.closed.result()


async def test_the_brokers_receive_maximum_is_known(broker: Mosquitto) -> None:
    async with linked(broker, "hub") as link:
        assert link.receive_maximum == 20  # Mosquitto 2.0.11's default (DESIGN §6)
        assert not link.session_present


async def test_a_session_survives_an_abort_and_redelivers(broker: Mosquitto) -> None:
    kept = {"clean_start": False, "session_expiry_s": 60, "manual_ack": True, "receive_maximum": 5}
    inbox = Inbox()
    async with linked(broker, "mouth") as mouth:
        async with linked(broker, "hub", inbox, **kept) as first:
            await first.subscribe(("receipt", QOS1))
            await mouth.publish("receipt", b"1")
            await inbox.get()
            first.abort("the line is lying")  # and the message was never acknowledged
        async with linked(broker, "hub", inbox, **kept) as second:
            assert second.session_present
            again = await inbox.get()
            assert (again.payload, again.dup) == (b"1", True)
            second.ack(again)
            await mouth.publish("receipt", b"2")
            assert (await inbox.get()).payload == b"2"


@pytest.mark.parametrize(("end", "spoken"), [("abort", True), ("close", False)])
async def test_the_will_is_sent_on_abort_and_not_on_close(broker: Mosquitto, end: str, spoken: bool) -> None:
    inbox = Inbox()
    async with linked(broker, "staff", inbox) as staff:
        await staff.subscribe(("status", QOS1))
        async with linked(broker, "hub", will=Will("status", b"gone", retain=True)) as hub:
            if end == "abort":
                hub.abort("test")
            else:
                await hub.close()
        await staff.publish("status", b"marker")
        said = [(await inbox.get()).payload]
        while b"marker" not in said or (spoken and b"gone" not in said):
            said.append((await inbox.get()).payload)
        assert (b"gone" in said) is spoken


async def test_s7_a_broker_that_dies_ends_the_link_and_fails_what_waits(broker: Mosquitto) -> None:
    async with linked(broker, "hub") as link:
        broker.freeze()
        waiting = link.publish("a", b"1")
        broker.kill()
        with pytest.raises(LinkLostError):
            await asyncio.wait_for(waiting, 5)
        assert await ended(link)
        with pytest.raises(LinkLostError):
            link.publish("a", b"2")


async def test_the_same_client_id_elsewhere_ends_the_older_link(broker: Mosquitto) -> None:
    async with linked(broker, "hub") as first, linked(broker, "hub") as second:
        # Mosquitto 2.0.11 gives no reason, a newer one does.
        assert await ended(first) in {"the connection closed", "the broker disconnected us: Session taken over"}
        assert not (await second.publish("a", b"")).is_failure


async def test_the_reason_a_broker_gives_is_told() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes.fromhex("20 03 00 00 00 e0 02 8e 00"))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        link = MqttLink("hub", Inbox())
        await link.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        assert await ended(link) == "the broker disconnected us: Session taken over"


async def test_abort_inside_a_handler_does_not_deadlock(broker: Mosquitto) -> None:
    links: list[MqttLink] = []
    async with linked(broker, "hub", lambda _m: links[0].abort("heard enough")) as link:
        links.append(link)
        await link.subscribe(("a", QOS1))
        link.publish("a", b"")
        assert await ended(link) == "heard enough"


async def test_a_handler_that_raises_is_put_aside_acknowledged_and_survived(broker: Mosquitto) -> None:
    good, poison = Inbox(), Inbox()

    def handle(message: MQTTMessage) -> None:
        if message.payload == b"bad":
            raise ValueError("cannot read this")
        good(message)

    options = {"manual_ack": True, "clean_start": False, "session_expiry_s": 60}
    async with linked(broker, "hub", handle, on_poison=lambda m, _e: poison(m), **options) as link:
        await link.subscribe(("a", QOS1))
        await link.publish("a", b"bad")
        await link.publish("a", b"good")
        assert (await good.get()).payload == b"good"
        assert (await poison.get()).payload == b"bad"
        assert link.poisoned == 1
    async with linked(broker, "hub", handle, on_poison=lambda m, _e: poison(m), **options) as link:
        assert link.session_present
        assert (await good.get()).payload == b"good"  # it alone was never acknowledged
        assert poison.queue.empty()


async def test_a_subscription_the_broker_refuses_is_an_error(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read allowed\n")
    acl.chmod(0o600)
    with Mosquitto(tmp_path / "broker", extra=f"acl_file {acl}") as broker:
        async with linked(broker, "hub") as link:
            await link.subscribe(("allowed", QOS1))
            reason = await link.publish("allowed", b"")
            assert reason.is_failure  # a PUBACK that says no is the owner's to see


async def test_nobody_listening_is_an_error_at_once() -> None:
    link = MqttLink("hub", Inbox())
    with pytest.raises(LinkLostError, match="refused"):
        await link.connect("127.0.0.1", free_port())
    assert "cannot connect" in link.closed.result()


async def test_a_peer_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = MqttLink("hub", Inbox())
        with pytest.raises(LinkLostError, match="no answer within"):
            await link.connect("127.0.0.1", server.getsockname()[1], timeout_s=0.2)


async def test_a_hanging_name_server_blocks_nobody_and_its_late_answer_is_not_used(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, dialled = threading.Event(), threading.Event()
    original = socket.create_connection

    def hang(address: tuple[str, int], *args: Any, **options: Any) -> socket.socket:
        if address[0] != "slow.invalid":
            return original(address, *args, **options)
        answer.wait(10)
        sock = original((broker.host, broker.port), *args, **options)
        dialled.set()
        return sock

    monkeypatch.setattr(socket, "create_connection", hang)
    first = MqttLink("hub", Inbox())
    with pytest.raises(LinkLostError, match="no answer within"):
        await first.connect("slow.invalid", broker.port, timeout_s=0.1)
    threads = [thread for thread in threading.enumerate() if thread.name == "mqtt-dial"]
    assert threads
    assert all(thread.daemon for thread in threads)  # process exit does not wait for the name server
    async with linked(broker, "hub") as second:
        answer.set()  # the same client id: a late CONNECT would throw the second link out
        assert await asyncio.to_thread(dialled.wait, 5)
        for thread in threads:
            await asyncio.to_thread(thread.join, 5)
        assert not (await second.publish("a", b"")).is_failure
        assert not second.closed.done()


async def test_cancelling_connect_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = MqttLink("hub", Inbox())
        task = asyncio.create_task(link.connect("127.0.0.1", server.getsockname()[1]))
        peer, _ = await asyncio.get_running_loop().run_in_executor(None, server.accept)
        with peer:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            peer.settimeout(5)
            while await asyncio.to_thread(peer.recv, 1024):  # CONNECT, then the end
                pass
        assert link.closed.done()


async def test_s7_an_exception_inside_paho_ends_the_link_instead_of_deafening_it(broker: Mosquitto) -> None:
    async with linked(broker, "hub") as link:

        def trip() -> int:
            raise IndexError("paho tripped")

        link._client.loop_read = trip  # type: ignore[method-assign, assignment]
        waiting = link.publish("a", b"")  # its PUBACK is what it trips over
        assert await ended(link) == "broken by paho tripped"
        with pytest.raises(LinkLostError, match="paho tripped"):
            await waiting


async def test_s7_malformed_packets_end_the_link() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes.fromhex("20 03 00 00 00"))
        writer.write(bytes.fromhex("90 03 ff ff ff 30 02 00 ff"))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        link = MqttLink("hub", Inbox())
        await link.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        assert await ended(link)


# --- TLS ---------------------------------------------------------------------------------------------


async def test_client_certificates_are_the_identity(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with Mosquitto(tmp_path / "broker", tls=authority.server()) as broker:
        inbox = Inbox()
        async with linked(broker, "hub-1", inbox, tls=authority.client_context("hub-1")) as link:
            await link.subscribe(("a", QOS1))
            for number in range(200):
                await link.publish("a", b"%d" % number)
            assert [int((await inbox.get()).payload) for _ in range(200)] == list(range(200))
        assert "hub-1" in broker.log


async def test_a_foreign_certificate_is_refused_on_either_side(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs", "foreign")
    with Mosquitto(tmp_path / "broker", tls=ours.server()) as broker:
        with pytest.raises(LinkLostError, match="certificate verify failed") as caught:
            await MqttLink("hub", Inbox(), tls=theirs.client_context("hub")).connect(broker.host, broker.port)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        mixed = ssl.create_default_context(cafile=str(ours.certificate))
        files = theirs.issue("intruder", "intruder")
        mixed.load_cert_chain(files.certificate, files.key)
        with pytest.raises(LinkLostError):
            await MqttLink("hub", Inbox(), tls=mixed).connect(broker.host, broker.port)


def _publishes(count: int) -> bytes:
    return b"".join(bytes([0x30, 8]) + struct.pack(">H", 1) + b"a\0" + struct.pack(">I", n) for n in range(count))


async def test_many_packets_in_one_tls_record_all_arrive(tmp_path: Path) -> None:
    files = Authority(tmp_path / "ca")
    server_files = files.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_files.certificate, server_files.key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes.fromhex("20 03 00 00 00") + _publishes(200))  # one write, one record
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        inbox = Inbox()
        link = MqttLink("hub", inbox, tls=files.client_context("hub"))
        await link.connect("127.0.0.1", server.sockets[0].getsockname()[1])
        assert [struct.unpack(">I", (await inbox.get()).payload)[0] for _ in range(200)] == list(range(200))
        link.abort("test")
