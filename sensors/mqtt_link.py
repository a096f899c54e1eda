"""One MQTT connection on the event loop: paho-mqtt without its network thread, every callback guarded.

A `MqttLink` lives for one connection and is then thrown away, so nothing stale in paho's queues is ever resent.
It decides nothing: reconnecting, windows, deadlines and what a message means belong to whoever owns it.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.client import error_string as paho_error
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.mqtt_acks import AcksInOrder
from sensors.mqtt_properties import Will, connect_properties, forget_properties, will_properties
from sensors.mqtt_way import ANY_WAY, TlsSocket, Way, open_socket

_MISC_EVERY_S = 1.0
_UNLIMITED_RECEIVE_MAXIMUM = 65_535  # MQTT 5 §3.2.2.3.3: what holds when the broker names none
_T = TypeVar("_T")
_INFLIGHT_CAP = 1_024  # a backstop: the owner's window is far smaller, and nothing may grow without bound


class LinkLostError(Exception):
    """The connection is gone, was refused, or could not be made. The message says why, for people."""


class _Client(Client):
    """Opens its socket the way it is told; TLS still asks for the host's own name."""

    way = ANY_WAY

    def _create_socket_connection(self) -> socket.socket:
        return open_socket(self.way, self.host, self.port, self.connect_timeout)


class MqttLink:
    """One MQTT 5 connection. Make it on the running loop, `connect()` once, watch `closed`.

    `on_message` is called on the event loop's thread. When it raises, the message goes to `on_poison` (put it aside
    there) and is then acknowledged, so that one bad message is not delivered for ever; without an `on_poison` it is
    only counted, in `poisoned`. With `manual_ack` a good message stays unacknowledged until `ack(message)`.

    `closed` is a future whose result says why the link ended; it never carries an exception.
    `session_present` and `receive_maximum` (the broker's, 65,535 if it names none) hold once `connect()` returned.
    """

    def __init__(  # noqa: PLR0913 -- the parameters of an MQTT CONNECT, all named at the call
        self,
        client_id: str,
        on_message: Callable[[MQTTMessage], None],
        *,
        way: Way = ANY_WAY,
        tls: ssl.SSLContext | None = None,
        will: Will | None = None,
        username: str | None = None,
        password: str | None = None,
        keepalive_s: int = 30,
        clean_start: bool = True,
        session_expiry_s: int = 0,
        receive_maximum: int | None = None,
        packet_bytes_max: int | None = None,
        manual_ack: bool = False,
        on_poison: Callable[[MQTTMessage, Exception], None] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self.session_present = False
        self.receive_maximum = _UNLIMITED_RECEIVE_MAXIMUM
        self.poisoned = 0
        self._on_message, self._on_poison = on_message, on_poison
        self._keepalive_s, self._clean_start = keepalive_s, clean_start
        self._properties = connect_properties(session_expiry_s, receive_maximum, packet_bytes_max)
        self._dialled: asyncio.Future[None] = self._loop.create_future()
        self._connack: asyncio.Future[None] = self._loop.create_future()
        self._pubacks: dict[int, asyncio.Future[ReasonCode]] = {}
        self._subacks: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._abandoned = threading.Event()
        self._misc: asyncio.TimerHandle | None = None
        self._watched: socket.socket | None = None
        self._client = self._make_client(client_id, tls, manual_ack=manual_ack)
        self._client.way = way
        self._acks = AcksInOrder(lambda mid: self._guarded(partial(self._client.ack, mid, 1)))
        if username is not None:
            self._client.username_pw_set(username, password)
        if will is not None:
            self._client.will_set(will.topic, will.payload, will.qos, will.retain, will_properties(will))

    def _make_client(self, client_id: str, tls: ssl.SSLContext | None, *, manual_ack: bool) -> _Client:
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTv5,
            manual_ack=manual_ack,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(0)  # no limit in paho: it queues silently, where nobody counts
        if tls is not None:
            tls.sslsocket_class = TlsSocket
            client.tls_set_context(tls)
        client.on_socket_open = self._opened
        client.on_connect = self._connected
        client.on_message = self._received
        client.on_publish = lambda _c, _u, mid, reason, _p: _settle(self._pubacks, mid, reason)
        client.on_subscribe = lambda _c, _u, mid, reasons, _p: _settle(self._subacks, mid, reasons)
        return client

    # --- opening ---------------------------------------------------------------------------------

    async def connect(self, host: str, port: int, *, timeout_s: float = 10.0) -> None:
        """Connect and wait for the broker's CONNACK; at most `timeout_s` seconds for all of it.

        Raises:
            LinkLostError: no such host, refused, TLS failed, CONNACK refused, or time is up. Its cause is the
                original exception, where there is one.

        """
        try:
            async with asyncio.timeout(timeout_s):
                self._client.connect_timeout = timeout_s
                # paho's connect() blocks in DNS, TCP and TLS. A daemon thread, not the loop's executor: that one
                # is joined at exit, and a hung name server would hold the process.
                threading.Thread(target=self._dial, args=(host, port), name="mqtt-dial", daemon=True).start()
                await self._dialled
                self._attach()
                await self._connack
        except BaseException as problem:
            why = f"no answer within {timeout_s:g} s" if isinstance(problem, TimeoutError) else _words(problem)
            self.abort(f"cannot connect to {host}:{port}: {why}")
            if isinstance(problem, Exception):
                raise LinkLostError(f"cannot connect to {host}:{port}: {why}") from problem
            raise

    def _dial(self, host: str, port: int) -> None:
        """Run in the dialling thread: blocks, then hands the outcome to the loop."""
        problem: Exception | None = None
        try:
            self._client.connect(
                host, port, self._keepalive_s, clean_start=self._clean_start, properties=self._properties
            )
        except Exception as caught:  # noqa: BLE001 -- whatever it is, the loop must hear of it
            problem = caught
        try:
            self._loop.call_soon_threadsafe(self._dial_ended, problem)
        except RuntimeError:  # the loop is closed: nobody is left to care
            self._drop_socket()

    def _opened(self, _client: Client, _userdata: object, _sock: object) -> None:
        """Refuse to send CONNECT for a link given up meanwhile: it would take the newer link's session over."""
        if self._abandoned.is_set():
            raise LinkLostError("given up before the network answered")

    def _dial_ended(self, problem: Exception | None) -> None:
        if self.closed.done() or self._dialled.done():
            self._drop_socket()
        elif problem is not None:
            self._dialled.set_exception(problem)
        else:
            self._dialled.set_result(None)

    def _attach(self) -> None:
        """Hand the connected socket to the event loop."""
        sock = self._socket()
        if sock is None:
            raise LinkLostError("the connection closed at once")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = self._client
        client.on_disconnect = lambda _c, _u, flags, reason, _p: self._lost(
            f"the broker disconnected us: {reason}"
            if flags.is_disconnect_packet_from_server
            else "the connection closed"
        )
        client.on_socket_close = lambda _c, _u, _s: self._forget()
        client.on_socket_register_write = lambda _c, _u, _s: self._loop.add_writer(sock, self._write)
        client.on_socket_unregister_write = lambda _c, _u, _s: self._unwatch_writing(sock)
        self._watched = sock
        self._loop.add_reader(sock, self._read)
        if client.want_write():  # CONNECT did not fit: paho counts the writer as registered already
            self._loop.add_writer(sock, self._write)
        self._tick()

    def _connected(self, _client: Client, _userdata: object, flags: Any, reason: ReasonCode, properties: Any) -> None:  # noqa: ANN401 -- paho's
        if self._connack.done():
            return
        if reason.is_failure:
            self._lost(f"the broker refused us: {reason}")
            return
        self.session_present = flags.session_present
        self.receive_maximum = getattr(properties, "ReceiveMaximum", _UNLIMITED_RECEIVE_MAXIMUM)
        self._connack.set_result(None)

    # --- the loop's callbacks ----------------------------------------------------------------------

    def _read(self) -> None:
        if self.closed.done():
            return
        self._guarded(self._client.loop_read)
        sock = self._socket()
        if sock is not None and sock.fileno() >= 0:
            # Acknowledge at once. A broker that has not turned Nagle off (Mosquitto by default) holds its next small
            # packet, our receipt, back until we do: 40 ms. The kernel forgets this setting, so it is set every time.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        # TLS: the rest of a record may sit decrypted inside OpenSSL, where the selector cannot see it.
        # call_soon, not a while loop: a flood of messages must not starve the event loop.
        if isinstance(sock, ssl.SSLSocket) and sock.fileno() >= 0 and sock.pending():
            self._loop.call_soon(self._read)

    def _write(self) -> None:
        self._guarded(self._client.loop_write)

    def _tick(self) -> None:
        """Let paho send its keepalive, and notice that one went unanswered, once a second."""
        if not self.closed.done():
            self._misc = self._loop.call_later(_MISC_EVERY_S, self._tick)
            self._guarded(self._client.loop_misc)

    def _guarded(self, work: Callable[[], int]) -> None:
        """Run a piece of paho. Its exceptions end the link: otherwise it would look connected and be dead (S7)."""
        if self.closed.done():
            return
        try:
            code = work()
        except Exception as problem:  # noqa: BLE001 -- paho raises whatever a malformed packet makes it trip over
            self.abort(f"broken by {_words(problem)}")
            return
        if code:
            self._lost(paho_error(code))
        elif self._client.socket() is None:
            self._lost("the connection closed")

    def _received(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if self.closed.done():
            return
        if message.qos:
            self._acks.came(message.mid)
        try:
            self._on_message(message)
        except Exception as problem:  # noqa: BLE001 -- a handler's exception must not kill the link
            self.poisoned += 1
            self._quarantine(message, problem)

    def _quarantine(self, message: MQTTMessage, problem: Exception) -> None:
        try:
            if self._on_poison is not None:
                self._on_poison(message, problem)
            self.ack(message)
        except Exception as worse:  # noqa: BLE001 -- it cannot even be put aside
            self.abort(f"a message could be neither handled nor put aside: {_words(worse)}")

    # --- talking -----------------------------------------------------------------------------------

    async def subscribe(self, *topics: tuple[str, SubscribeOptions]) -> None:
        """Subscribe to all of `topics` and wait for the broker's SUBACK.

        Raises:
            LinkLostError: the link ended first, or the broker refused one of them (the link then stays up).

        """
        self._require_open()
        code, mid = self._client.subscribe(list(topics))
        if code or mid is None:
            raise LinkLostError(paho_error(code))
        suback: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subacks[mid] = suback
        try:
            reasons = await suback
        finally:
            self._subacks.pop(mid, None)
        refused = [topic for (topic, _), reason in zip(topics, reasons, strict=False) if reason.is_failure]
        if refused:
            raise LinkLostError(f"the broker refused the subscription to {', '.join(refused)}")

    def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, properties: Properties | None = None
    ) -> "asyncio.Future[ReasonCode]":
        """Publish, and give the future of the broker's PUBACK (for QoS 0: of its being written to the socket).

        A PUBACK can be a refusal: look at `is_failure`. The future fails with `LinkLostError` when the link ends
        first. Keep no more than `receive_maximum` unanswered.

        Raises:
            LinkLostError: the link is closed already, or 1,024 messages are unanswered.

        """
        self._require_open()
        if len(self._pubacks) >= _INFLIGHT_CAP:
            raise LinkLostError(f"{_INFLIGHT_CAP} messages unanswered: the owner keeps no window")
        puback: asyncio.Future[ReasonCode] = self._loop.create_future()
        puback.add_done_callback(_retrieve)
        info = self._client.publish(topic, payload, qos, retain, properties)
        if info.rc:
            raise LinkLostError(paho_error(info.rc))
        self._pubacks[info.mid] = puback
        return puback

    @property
    def unanswered(self) -> int:
        """How many published messages the broker has not acknowledged."""
        return len(self._pubacks)

    def ack(self, message: MQTTMessage) -> None:
        """Acknowledge a received message, in its turn (`manual_ack` only; nothing for QoS 0, or on a closed link)."""
        if not self.closed.done():
            self._acks.ready(message.mid)

    # --- ending ------------------------------------------------------------------------------------

    def abort(self, why: str) -> None:
        """Drop the TCP connection now, without a DISCONNECT, so that the broker sends the will. Never blocks."""
        self._abandoned.set()
        dialling = not self._dialled.done()
        self._lost(why)
        if not dialling:  # else the dialling thread still owns the socket, and `_dial_ended` drops it
            self._drop_socket()

    async def close(self, *, timeout_s: float = 2.0, forget: bool = False) -> None:
        """Say DISCONNECT (the will is not sent) and end; a line that does not take it within `timeout_s` is dropped.

        `forget` has the broker drop the session too, whatever its expiry: nothing is to be kept for us.
        """
        try:
            if not self.closed.done() and self._connack.done():
                self._client.disconnect(properties=forget_properties() if forget else None)
                await asyncio.wait([self.closed], timeout=timeout_s)
        finally:
            self.abort("closed by us")

    def _require_open(self) -> None:
        if self.closed.done():
            raise LinkLostError(self.closed.result())
        if not self._connack.done():
            raise LinkLostError("not connected yet")

    def _lost(self, why: str) -> None:
        """Tell everybody who waits, once."""
        if self.closed.done():
            return
        self.closed.set_result(why)
        if self._misc is not None:
            self._misc.cancel()
        waiting: list[asyncio.Future[Any]] = [
            self._dialled,
            self._connack,
            *self._pubacks.values(),
            *self._subacks.values(),
        ]
        self._pubacks.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(LinkLostError(why))
                _retrieve(future)

    def _socket(self) -> socket.socket | None:
        return cast("socket.socket | None", self._client.socket())  # what the tcp transport has

    def _drop_socket(self) -> None:
        # Callbacks go first: paho's own closing would call them, within its callback lock, on a dead descriptor.
        client = self._client
        client.on_socket_close = client.on_socket_register_write = client.on_socket_unregister_write = None
        client.on_disconnect = None
        self._forget()
        sock = self._socket()
        if sock is not None:
            sock.close()

    def _forget(self) -> None:
        sock, self._watched = self._watched, None
        if sock is not None and sock.fileno() >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _unwatch_writing(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)


def _settle(table: "dict[int, asyncio.Future[_T]]", mid: int, value: _T) -> None:
    future = table.pop(mid, None)
    if future is not None and not future.done():
        future.set_result(value)


def _retrieve(future: "asyncio.Future[Any]") -> None:
    """Mark a failed future as seen: its owner may have stopped waiting."""
    with contextlib.suppress(asyncio.CancelledError):
        future.exception()


def _words(problem: BaseException) -> str:
    return str(problem) or type(problem).__name__
