"""The demonstration's broker, spoken to by paho in MQTT 5, and killed together with its parent."""

import contextlib
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from simulators.broker import BrokerStartError, DemoBroker


class Talker:
    """A paho client with its own thread, as an outsider would write one."""

    def __init__(self, port: int, name: str, *, will: str = "", protocol: MQTTProtocolVersion | int = MQTTv5) -> None:
        self.heard: queue.Queue[MQTTMessage] = queue.Queue()
        self._subscribed = threading.Event()
        self._connected = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion(protocol))
        self.client.on_message = lambda _c, _u, message: self.heard.put(message)
        self.client.on_connect = lambda _c, _u, _f, _r, _p: self._connected.set()
        self.client.on_subscribe = lambda _c, _u, _m, _r, _p: self._subscribed.set()
        if will:
            self.client.will_set(will, b"gone", qos=1, retain=True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._connected.wait(5)

    def subscribe(self, topic: str) -> None:
        self.client.subscribe(topic, qos=1)
        assert self._subscribed.wait(5)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        info.wait_for_publish(5)
        assert info.is_published()

    def vanish(self) -> None:
        sock = self.client.socket()
        assert sock is not None
        self.client.loop_stop()
        sock.close()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def broker() -> Iterator[DemoBroker]:
    with DemoBroker(v4=True) as running:
        yield running


@contextlib.contextmanager
def talking(port: int, name: str, **options: int) -> Iterator[Talker]:
    talker = Talker(port, name, **options)  # type: ignore[arg-type]
    try:
        yield talker
    finally:
        talker.close()


def test_what_is_published_at_qos_1_arrives(broker: DemoBroker) -> None:
    with talking(broker.port, "ear") as ear, talking(broker.port, "mouth") as mouth:
        ear.subscribe("home/+")
        mouth.publish("home/kitchen", b"wet")
        message = ear.heard.get(timeout=5)
        assert (message.topic, message.payload, message.qos, message.retain) == ("home/kitchen", b"wet", 1, False)


def test_what_is_retained_greets_who_comes_later(broker: DemoBroker) -> None:
    with talking(broker.port, "mouth") as mouth:
        mouth.publish("kept/state", b"x" * 90_000, retain=True)  # a full state document, signed, fits
    with talking(broker.port, "late") as late:
        late.subscribe("kept/#")
        message = late.heard.get(timeout=5)
        assert (len(message.payload), message.retain) == (90_000, True)


def test_a_will_is_published_for_who_vanishes(broker: DemoBroker) -> None:
    with talking(broker.port, "ear") as ear:
        ear.subscribe("will/#")
        Talker(broker.port, "mortal", will="will/mortal").vanish()
        assert ear.heard.get(timeout=5).payload == b"gone"


def test_older_tools_are_heard_on_the_other_listener(broker: DemoBroker) -> None:
    with talking(broker.port, "ear") as ear, talking(broker.v4_port, "old", protocol=MQTTv311) as old:
        ear.subscribe("old/#")
        old.publish("old/x", b"1")
        assert ear.heard.get(timeout=5).payload == b"1"


def test_listens_on_the_loopback_only(broker: DemoBroker) -> None:
    with socket.socket() as other:  # any address but 127.0.0.1 is free to others
        other.bind(("127.0.0.2", broker.port))


def test_stop_frees_the_port_and_start_takes_it_again() -> None:
    broker = DemoBroker().start()
    port = broker.port
    broker.stop()
    broker.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    with broker:
        assert broker.port == port
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BrokerStartError, match=str(port)):
            DemoBroker(port).start()


def test_no_process_is_left_when_ours_is_killed() -> None:
    script = (
        "import sys; from simulators.broker import DemoBroker; broker = DemoBroker().start();"
        "print(broker._broker._process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        broker = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        try:
            ended, _, _ = select.select([broker], [], [], 10)
        finally:
            os.close(broker)
        assert ended, "the broker outlived its parent"
