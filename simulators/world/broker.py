"""A broker to simulate with: MQTT 5 at QoS 1, as a hub and a centre meet it. Checked against a real Mosquitto.

Sessions that outlive their connection, redelivery, wills with their delay, retained messages, shared subscriptions,
Receive Maximum. And what brokers do on bad days: forget everything, drop what they acknowledged, say things twice.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.mqtt_properties import Will
from simulators.world.line import Connection

QUEUED_MAX = 1_000
"""Messages kept for a session; what overflows is dropped after having been acknowledged, as Mosquitto does."""

SHUFFLE_S = 0.2


class Message(Struct, frozen=True):
    """A message on its way to a client, with the fields of paho's MQTTMessage that anybody here reads."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    mid: int = 0
    dup: bool = False


class Client(Protocol):
    """What the broker needs of a client's end."""

    connection: Connection

    def connected(self, *, session_present: bool, receive_maximum: int) -> None:
        """Take the CONNACK."""

    def subscribed(self, mid: int) -> None:
        """Take a SUBACK."""

    def acked(self, mid: int) -> None:
        """Take a PUBACK."""

    def received(self, message: Message) -> None:
        """Take a PUBLISH."""


class Hello(Struct, frozen=True):
    """A CONNECT."""

    client_id: str
    clean_start: bool
    expiry_s: float
    receive_maximum: int
    will: Will | None


@lru_cache(maxsize=512)
def matches(wanted: str, topic: str) -> bool:
    """Tell whether a topic filter without `#` takes a topic."""
    ours, theirs = wanted.split("/"), topic.split("/")
    return len(ours) == len(theirs) and all(one in ("+", other) for one, other in zip(ours, theirs, strict=True))


class Session:
    """A client's session: what it wants, what waits for it, what it has not acknowledged."""

    def __init__(self, hello: Hello) -> None:
        self.hello = hello
        self.wanted: dict[str, SubscribeOptions] = {}
        self.queue: deque[Message] = deque()
        self.unacked: OrderedDict[int, Message] = OrderedDict()
        self.client: Client | None = None
        self.mid = 0
        self.clock: asyncio.TimerHandle | None = None
        """When the session expires."""
        self.will: asyncio.TimerHandle | None = None
        """When the will is sent."""

    def stop_clocks(self) -> None:
        """Neither expire nor speak a will."""
        for handle in (self.clock, self.will):
            if handle is not None:
                handle.cancel()
        self.clock = self.will = None


class Accepted:
    """The broker's end of one connection."""

    def __init__(self, broker: "Broker", session: Session, client: Client, *, present: bool) -> None:
        self._broker, self.session, self.client, self.present = broker, session, client, present
        self.alive = True

    def ended(self, _why: str) -> None:
        """The connection is gone without a DISCONNECT."""
        self._broker.lost(self)


class Broker:
    """One broker for everybody. `down` refuses connections; `dropping`, `twice` and `shuffling` are its bad moods."""

    def __init__(self, receive_maximum: int = 20) -> None:
        self.receive_maximum = receive_maximum
        self.down = False
        self.dropping = False
        self.twice = False
        self.shuffling = False
        self.dropped = 0
        self.retained: dict[str, Message] = {}
        self._sessions: dict[str, Session] = {}
        self._live: dict[str, Accepted] = {}
        self._loop = asyncio.get_running_loop()

    # --- its life ----------------------------------------------------------------------------------

    def stop(self, *, forget: bool) -> None:
        """Go down: every connection falls. `forget` loses sessions and retained messages, as `kill -9` may."""
        self.down = True
        for accepted in list(self._live.values()):
            accepted.client.connection.reset("the broker went away")
        if forget:
            for session in self._sessions.values():
                session.stop_clocks()
            self._sessions.clear()
            self.retained.clear()

    # --- connecting --------------------------------------------------------------------------------

    def connect(self, client: Client, hello: Hello) -> Accepted:
        """Take a CONNECT: a newer connection of the same client takes the older one's place."""
        old = self._live.get(hello.client_id)
        if old is not None:
            old.client.connection.close("there", "session taken over")
            self.lost(old, taken_over=True)
        session = self._sessions.get(hello.client_id)
        present = session is not None and not hello.clean_start
        if session is None or not present:
            session = self._sessions[hello.client_id] = Session(hello)
        session.stop_clocks()
        session.hello, session.client = hello, client
        accepted = self._live[hello.client_id] = Accepted(self, session, client, present=present)
        return accepted

    def greet(self, accepted: Accepted) -> None:
        """Send the CONNACK, and again whatever was not acknowledged."""
        session, client = accepted.session, accepted.client
        present = accepted.present
        client.connection.carry(
            "back", lambda: client.connected(session_present=present, receive_maximum=self.receive_maximum)
        )
        for message in session.unacked.values():
            self._send(session, replace(message, dup=True))
        self._pump(session)

    def leave(self, accepted: Accepted) -> None:
        """Take a DISCONNECT: no will."""
        if accepted.alive:
            accepted.session.hello = replace(accepted.session.hello, will=None)
            self.lost(accepted)

    def lost(self, accepted: Accepted, *, taken_over: bool = False) -> None:
        """Take note of the end of a connection; its will and its session have their delays."""
        if not accepted.alive:
            return
        accepted.alive = False
        session = accepted.session
        session.client = None
        name = session.hello.client_id
        del self._live[name]
        if taken_over:
            return  # MQTT 5: the newer connection came within the will's delay
        will, expiry_s = session.hello.will, session.hello.expiry_s
        if will is not None:
            message = Message(will.topic, will.payload, will.retain)
            delay_s = min(will.delay_s, expiry_s)
            session.will = self._loop.call_later(delay_s, self.route, message) if delay_s else None
            if not delay_s:
                self.route(message)
        session.clock = self._loop.call_later(expiry_s, self._expire, name, session)

    def _expire(self, name: str, session: Session) -> None:
        if self._sessions.get(name) is session and session.client is None:
            del self._sessions[name]

    # --- talking -----------------------------------------------------------------------------------

    def subscribe(self, accepted: Accepted, topics: Sequence[tuple[str, SubscribeOptions]], mid: int) -> None:
        """Take a SUBSCRIBE; retained messages follow the SUBACK where they are wanted."""
        if not accepted.alive:
            return
        session, client = accepted.session, accepted.client
        session.wanted |= dict(topics)
        client.connection.carry("back", lambda: client.subscribed(mid))
        for wanted, options in topics:
            if options.retainHandling == SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE and not wanted.startswith("$share"):
                for message in list(self.retained.values()):
                    if matches(wanted, message.topic):
                        self._queue(session, replace(message, retain=True))

    def publish(self, accepted: Accepted, message: Message) -> None:
        """Take a PUBLISH and acknowledge it; the moods of the broker come after the acknowledgement."""
        if not accepted.alive:
            return
        client = accepted.client
        client.connection.carry("back", lambda: client.acked(message.mid))
        if self.dropping:
            self.dropped += 1
            return
        self.route(message)
        if self.twice:
            self.route(message)

    def route(self, message: Message) -> None:
        """Give a message to everybody who wants it, one of each sharing group, and keep it if it is to be retained."""
        if message.retain:
            if message.payload:
                self.retained[message.topic] = message
            else:
                self.retained.pop(message.topic, None)
        served: set[str] = set()
        for session in list(self._sessions.values()):
            for wanted, options in session.wanted.items():
                group, plain = _shared(wanted)
                if not matches(plain, message.topic) or (group and group in served):
                    continue
                if group:
                    served.add(group)
                self._queue(session, replace(message, retain=message.retain and options.retainAsPublished))
                break

    def _queue(self, session: Session, message: Message) -> None:
        if len(session.queue) >= QUEUED_MAX:
            self.dropped += 1
            return
        session.queue.append(message)
        if self.shuffling and session.client is not None:
            self._loop.call_later(SHUFFLE_S, self._shuffled, session)
        else:
            self._pump(session)

    def _shuffled(self, session: Session) -> None:
        session.queue.reverse()
        self._pump(session)

    def _pump(self, session: Session) -> None:
        while session.queue and session.client is not None and len(session.unacked) < session.hello.receive_maximum:
            session.mid = session.mid % 65_535 + 1
            message = replace(session.queue.popleft(), mid=session.mid)
            session.unacked[message.mid] = message
            self._send(session, message)

    def _send(self, session: Session, message: Message) -> None:
        client = session.client
        if client is not None:
            client.connection.carry("back", lambda: client.received(message))

    def acked(self, accepted: Accepted, mid: int) -> None:
        """Take a client's PUBACK."""
        if accepted.alive:
            accepted.session.unacked.pop(mid, None)
            self._pump(accepted.session)


def _shared(wanted: str) -> tuple[str, str]:
    """Take a shared subscription apart into its group and its filter."""
    if not wanted.startswith("$share/"):
        return "", wanted
    _, group, plain = wanted.split("/", 2)
    return group, plain
