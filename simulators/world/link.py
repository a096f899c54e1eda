"""A stand-in for `sensors.mqtt_link.MqttLink` over the simulated line and broker: the same promises, no socket."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.mqtt_acks import AcksInOrder
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_properties import Will
from simulators.world.broker import Accepted, Broker, Hello, Message
from simulators.world.line import Connection, Line

_SUCCESS = ReasonCode(PacketTypes.PUBACK, "Success")
_UNLIMITED = 65_535


class Network:
    """The way from one place to the broker, and who listens in on it. `made` is told of every link."""

    def __init__(self, line: Line, broker: Broker, name: str = "main") -> None:
        self.line, self.broker, self.name = line, broker, name
        self.made: Callable[[WorldLink], None] = lambda _: None
        self.published: Callable[[WorldLink, str, bytes], None] = lambda *_: None
        self.received: Callable[[WorldLink, Message], None] = lambda link, message: link.take(message)


class WorldLink(MqttLink):
    """One connection. See MqttLink for every method; only `drop_dead` is its own. `uplink`: over which line."""

    def __init__(  # noqa: PLR0913 -- MqttLink's own
        self,
        network: Network,
        client_id: str,
        on_message: Callable[[Any], None],
        *,
        way: object = None,
        tls: object = None,
        will: Will | None = None,
        keepalive_s: int = 30,
        clean_start: bool = True,
        session_expiry_s: int = 0,
        receive_maximum: int | None = None,
        packet_bytes_max: int | None = None,
        manual_ack: bool = False,
        on_poison: Callable[[Any, Exception], None] | None = None,
    ) -> None:
        del way, tls, keepalive_s, packet_bytes_max
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self.session_present = False
        self.receive_maximum = _UNLIMITED
        self.poisoned = 0
        self.connection: Connection
        self.up = False
        self._net = network
        self.uplink = network.name
        self._on_message, self._on_poison, self._manual_ack = on_message, on_poison, manual_ack
        self._hello = Hello(client_id, clean_start, session_expiry_s, receive_maximum or _UNLIMITED, will)
        self._accepted: Accepted | None = None
        self._connack: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._subs: dict[int, asyncio.Future[None]] = {}
        self._mids = itertools.count(1)
        self._dead = False
        self._acks = AcksInOrder(self._acked)
        network.made(self)

    # --- opening -----------------------------------------------------------------------------------

    async def connect(self, host: str, port: int, *, timeout_s: float = 10.0) -> None:
        """Connect. Raises LinkLostError."""
        where = f"cannot connect to {host}:{port}"
        try:
            async with asyncio.timeout(timeout_s):
                await self._reach()
                await self._connack
        except BaseException as problem:
            why = f"no answer within {timeout_s:g} s" if isinstance(problem, TimeoutError) else str(problem)
            self.abort(f"{where}: {why}")
            if isinstance(problem, Exception):
                raise LinkLostError(f"{where}: {why}") from problem
            raise
        self.up = True

    async def _reach(self) -> None:
        line, broker = self._net.line, self._net.broker
        await asyncio.sleep(3 * line.latency_s())
        if line.cut:
            raise LinkLostError("network is unreachable")
        if line.deaf or line.frozen:
            await self._loop.create_future()
        if broker.down:
            raise LinkLostError("connection refused")
        accepted = self._accepted = broker.connect(self, self._hello)
        self.connection = Connection(line, self, accepted)
        broker.greet(accepted)

    def connected(self, *, session_present: bool, receive_maximum: int) -> None:
        """Take the CONNACK."""
        if not self._connack.done():
            self.session_present, self.receive_maximum = session_present, receive_maximum
            self._connack.set_result(None)

    # --- talking -----------------------------------------------------------------------------------

    async def subscribe(self, *topics: tuple[str, SubscribeOptions]) -> None:
        """Subscribe and wait for the SUBACK. Raises LinkLostError."""
        accepted = self._opened_as()
        mid = next(self._mids)
        suback = self._subs[mid] = self._loop.create_future()
        self.connection.carry("there", lambda: self._net.broker.subscribe(accepted, topics, mid))
        await suback

    def subscribed(self, mid: int) -> None:
        """Take a SUBACK."""
        future = self._subs.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(None)

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, properties: Properties | None = None
    ) -> "asyncio.Future[ReasonCode]":
        """Publish; give the future of the PUBACK. Raises LinkLostError."""
        del properties
        accepted = self._opened_as()
        mid = next(self._mids)
        puback: asyncio.Future[ReasonCode] = self._loop.create_future()
        puback.add_done_callback(_seen)
        self._waiting[mid] = puback
        message = Message(topic, payload, retain, qos, mid)
        self.connection.carry("there", lambda: self._net.broker.publish(accepted, message))
        self._net.published(self, topic, payload)
        return puback

    def acked(self, mid: int) -> None:
        """Take a PUBACK."""
        future = self._waiting.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(_SUCCESS)

    @property
    def unanswered(self) -> int:
        """How many published messages have no PUBACK."""
        return len(self._waiting)

    def received(self, message: Message) -> None:
        """Take a PUBLISH, as far as there is still somebody to take it."""
        if not self._dead and not self.closed.done():
            self._net.received(self, message)

    def take(self, message: Message) -> None:
        """Hand a message to the owner; one that it cannot handle is put aside, and acknowledged."""
        paho: Any = message  # has the fields of one
        self._acks.came(message.mid)
        try:
            self._on_message(paho)
        except Exception as problem:  # noqa: BLE001 -- as the real one does
            self.poisoned += 1
            if self._on_poison is not None:
                self._on_poison(paho, problem)
            self.ack(message)
        else:
            if not self._manual_ack:
                self.ack(message)

    def ack(self, message: Any) -> None:  # noqa: ANN401 -- paho's or ours
        """Acknowledge a message, in its turn."""
        if not self.closed.done() and not self._dead:
            self._acks.ready(message.mid)

    def _acked(self, mid: int) -> None:
        accepted = self._accepted
        if accepted is not None:
            self.connection.carry("there", lambda: self._net.broker.acked(accepted, mid))

    # --- ending ------------------------------------------------------------------------------------

    def abort(self, why: str) -> None:
        """Drop the connection without a DISCONNECT."""
        if self._accepted is not None:
            self.connection.close("back", why)
        self._lost(why)

    async def close(self, *, timeout_s: float = 2.0, forget: bool = False) -> None:
        """Say DISCONNECT, and end."""
        del timeout_s, forget
        accepted = self._accepted
        if not self.closed.done() and self._connack.done() and accepted is not None:
            self.connection.carry("there", lambda: self._net.broker.leave(accepted))
        self.abort("closed by us")

    def drop_dead(self) -> None:
        """The process is gone: nobody here hears anything any more; the kernel closes the connection."""
        self._dead = True
        self.up = False
        if self._accepted is not None:
            self.connection.close("back", "the process died")

    def ended(self, why: str) -> None:
        """Take note that the connection is gone."""
        if not self._dead:
            self._lost(why)

    def _opened_as(self) -> Accepted:
        if self.closed.done():
            raise LinkLostError(self.closed.result())
        if self._dead or self._accepted is None or not self._connack.done():
            raise LinkLostError("not connected yet")
        return self._accepted

    def _lost(self, why: str) -> None:
        self.up = False
        if self.closed.done() or self._dead:
            return
        self.closed.set_result(why)
        waiting = [self._connack, *self._waiting.values(), *self._subs.values()]
        self._waiting.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(LinkLostError(why))
                _seen(future)


def _seen(future: "asyncio.Future[Any]") -> None:
    """Mark a failed future as seen: its owner may have stopped waiting."""
    if not future.cancelled():
        future.exception()
