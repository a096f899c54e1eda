"""One uplink: connects, keeps trying, offers what waits, hears what the centre says. There may be several."""

import asyncio
import random
import secrets
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Protocol

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import Clock
from agent.config import Uplink as UplinkConfig
from agent.inbox import Inbox
from agent.store.rows import Row
from agent.uplink.inward import Inward
from agent.uplink.window import Window
from agent.wire.envelope import CONTENT_TYPE, Signer
from agent.wire.messages import digest
from agent.wire.topics import Channel, topic
from rules.events import Commanded, LinkDown, LinkUp, Receipted
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_properties import Will

KEEPALIVE_S = 30
WILL_DELAY_S = 15
"""With this keepalive, a delay of 30 s gave wills only after 81-88 s (DESIGN §4)."""
SESSION_EXPIRY_S = 3_600
RECEIVE_MAXIMUM = 20
PACKET_BYTES_MAX = 128 * 1024

CONNECT_S = 6.0
"""How long DNS, TCP, TLS and CONNACK may take together."""

BACKOFF_S = (0.5, 30.0)
"""Pause between attempts, doubling from the first to the second; jittered."""

BACKOFF_ALARM_S = 4.0
"""The longest pause while an alarm waits: connected and receipted within 15 s of the line's return (DESIGN §5)."""

STABLE_S = 30.0
"""A connection must last this long to reset the pause: one that always dies at once is not a line."""

DISCONNECT_S = 2.0
FETCH_ROWS = 256
FETCH_PAUSE_S = 1.0
REASON_MAX = 200
INWARD: tuple[Channel, ...] = ("receipt", "command")
STATE_PAUSE_MS = 5_000
"""The shortest time between two state documents (at most 120 s after a change, DESIGN §4)."""


COMMANDS_UNACKED_MAX = 8
"""Commands that may wait for a slow disk before they are acknowledged: more must not block receipts."""


class Documents(Protocol):
    """What an uplink needs of the hub besides rows: the documents, and the rows that wait on disk."""

    def status(self, nonce: str, *, online: bool, reason: str = "") -> bytes:
        """Give the status document."""

    def state(self) -> bytes:
        """Give the state document as it is now."""

    async def waiting(self, limit: int, exclude: frozenset[str]) -> list[Row]:
        """Give rows that wait in the store, in the order they should be offered."""


class Session:
    """What belongs to one connection, and dies with it."""

    def __init__(self, link: MqttLink, nonce: str) -> None:
        self.link = link
        self.nonce = nonce
        self.state_sent_ms: int | None = None
        self.state_wanted = True


class Uplink:
    """Delivers rows over one broker. Nothing here is shared with another uplink."""

    def __init__(
        self,
        config: UplinkConfig,
        hub: str,
        *,
        signer: Signer,
        inward: Inward,
        inbox: Inbox,
        clock: Clock,
        documents: Documents,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.name = config.name
        self._config = config
        self._hub = hub
        self._signer = signer
        self._inward = inward
        self._inbox = inbox
        self._clock = clock
        self._documents = documents
        self._tls = tls
        self._bell = asyncio.Event()
        self._urgent = asyncio.Event()
        self._session: Session | None = None
        self._told_down = False
        self._check_in: tuple[str, str] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._commands_unacked = 0
        self.window = Window()
        self.counters: Counter[str] = Counter()
        self.on_puback: Callable[[str], None] | None = None

    # --- what the pump asks of it ------------------------------------------------------------------

    def offer(self, row: Row) -> None:
        """Deliver a row, for as long as it takes."""
        self.window.add(row)
        if self.window.alarm_waiting:
            self._urgent.set()
        self._bell.set()

    def settle(self, ref: str) -> None:
        """Stop offering a row."""
        self.window.settle(ref)
        self._bell.set()

    def postpone(self, ref: str, after_ms: int) -> None:
        """Offer a row again later."""
        self.window.postpone(ref, self._clock.now().ms + after_ms)
        self._bell.set()

    def refetch(self) -> None:
        """Look in the store again: rows wait there that were settled once."""
        self.window.more_on_disk = True
        self._bell.set()

    def want_state(self) -> None:
        """Publish the state document soon."""
        if self._session is not None:
            self._session.state_wanted = True
            self._bell.set()

    def check_in(self, ref: str, body: bytes) -> None:
        """Send a check-in now, or never."""
        if self._session is None:
            return
        self._check_in = (ref, digest(body))
        try:
            self._publish(self._session, "event", body)
        except LinkLostError:
            self.counters["check-ins not sent"] += 1

    # --- the connection's life ---------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""
        pause_s = BACKOFF_S[0]
        while True:
            began_ms = self._clock.now().ms
            try:
                reason = await self._live()
            except LinkLostError as error:
                reason = str(error)
            self._tell_down(reason)
            if self._clock.now().ms - began_ms >= STABLE_S * 1000:
                pause_s = BACKOFF_S[0]
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, BACKOFF_S[1])

    def _tell_down(self, reason: str) -> None:
        """Tell once that the line is gone, not at every vain attempt."""
        self.counters["connections lost or not made"] += 1
        if not self._told_down:
            self._told_down = True
            self._inbox.put(LinkDown(self.name, reason[:REASON_MAX]))

    async def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt; not long while an alarm waits, and a new alarm ends a long pause."""
        self._urgent.clear()
        pause_s *= random.uniform(0.5, 1.0)  # noqa: S311 -- spreads load, keeps no secret
        if self.window.alarm_waiting:
            await asyncio.sleep(min(pause_s, BACKOFF_ALARM_S))
            return
        try:
            async with asyncio.timeout(pause_s):
                await self._urgent.wait()
        except TimeoutError:
            return

    async def _live(self) -> str:
        """Live through one connection; give the reason of its end. Raises LinkLostError when it did not come up."""
        nonce = secrets.token_urlsafe(12)
        link = self._make_link(nonce)
        try:
            await link.connect(self._config.host, self._config.port, timeout_s=CONNECT_S)
            session = self._session = Session(link, nonce)
            async with asyncio.timeout(CONNECT_S):
                await link.subscribe(*self._subscriptions())
                await self._publish(session, "status", self._documents.status(nonce, online=True), retain=True)
            self.window.connected(link.receive_maximum)
            self._told_down = False
            self._inbox.put(LinkUp(self.name))
            return await self._serve(session)
        except TimeoutError:
            raise LinkLostError("the broker takes our connection and does not answer") from None
        finally:
            self._session = None
            link.abort("closed by us")

    def _make_link(self, nonce: str) -> MqttLink:
        will = Will(
            topic=topic(self._hub, "status"),
            payload=self._signer.seal(self._documents.status(nonce, online=False, reason="lost")),
            retain=True,
            delay_s=WILL_DELAY_S,
            content_type=CONTENT_TYPE,
        )
        return MqttLink(
            self._hub,
            self._heard,
            tls=self._tls,
            will=will,
            keepalive_s=KEEPALIVE_S,
            clean_start=False,
            session_expiry_s=SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
            packet_bytes_max=PACKET_BYTES_MAX,
            manual_ack=True,
            on_poison=self._poisoned,
        )

    def _subscriptions(self) -> tuple[tuple[str, SubscribeOptions], ...]:
        # Retain-as-published, or a live retained command would look unretained; handling 2: none of the stored ones.
        options = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        return tuple((topic(self._hub, channel), options) for channel in INWARD)

    async def _serve(self, session: Session) -> str:
        """Offer rows until the link ends. Open alarms first, then the state, then any backlog (DESIGN §4)."""
        link = session.link
        link.closed.add_done_callback(lambda _: self._bell.set())
        while not link.closed.done():
            self._bell.clear()
            now_ms = self._clock.now().ms
            if self.window.lying(now_ms):
                link.abort("no PUBACK in 5 s: the line is open and carries nothing")
                break
            self._publish_rows(session, now_ms, alarms_only=True)
            self._publish_state(session, now_ms)
            self._publish_rows(session, now_ms)
            self._feed()
            await self._rest(session)
        return link.closed.result()

    async def _rest(self, session: Session) -> None:
        """Sleep until something changed or is due."""
        dues = [due for due in (self.window.due_ms(), self._state_due_ms(session)) if due is not None]
        timeout_s = max(0.0, (min(dues) - self._clock.now().ms) / 1000) if dues else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._bell.wait()
        except TimeoutError:
            return

    async def stop(self, reason: str) -> None:
        """Say goodbye, so that nobody takes a planned stop for a death."""
        session = self._session
        if session is None or session.link.closed.done():
            return
        try:
            async with asyncio.timeout(DISCONNECT_S):
                await self._publish(
                    session, "status", self._documents.status(session.nonce, online=False, reason=reason), retain=True
                )
        except (LinkLostError, TimeoutError):
            return
        await session.link.close(timeout_s=DISCONNECT_S)

    # --- sending -----------------------------------------------------------------------------------

    def _publish_rows(self, session: Session, now_ms: int, *, alarms_only: bool = False) -> None:
        while (row := self.window.next(now_ms, alarms_only=alarms_only)) is not None:
            self._publish(session, "event", row.body).add_done_callback(partial(self._acked, row.id))

    def _acked(self, ref: str, future: "asyncio.Future[ReasonCode]") -> None:
        if future.cancelled() or future.exception() is not None:
            return
        if future.result().is_failure:
            self.counters["refused by the broker"] += 1
        self.window.acked(ref, self._clock.now().ms)
        if self.on_puback is not None:
            self.on_puback(ref)
        self._bell.set()

    def _publish_state(self, session: Session, now_ms: int) -> None:
        due_ms = self._state_due_ms(session)
        if due_ms is not None and due_ms <= now_ms:
            session.state_wanted = False
            session.state_sent_ms = now_ms
            self._publish(session, "state", self._documents.state(), retain=True)

    def _state_due_ms(self, session: Session) -> int | None:
        if not session.state_wanted:
            return None
        return 0 if session.state_sent_ms is None else session.state_sent_ms + STATE_PAUSE_MS

    def _publish(
        self, session: Session, channel: Channel, payload: bytes, *, retain: bool = False
    ) -> "asyncio.Future[ReasonCode]":
        """Sign at sending, with the key that is current then. Raises LinkLostError."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = CONTENT_TYPE
        token = self._signer.seal(payload)
        return session.link.publish(topic(self._hub, channel), token, retain=retain, properties=properties)

    def _feed(self) -> None:
        """Fetch waiting rows from the store when memory runs low; never two fetches at once."""
        if self.window.hungry and (self._fetching is None or self._fetching.done()):
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            rows = await self._documents.waiting(FETCH_ROWS, self.window.ids())
        except Exception:  # noqa: BLE001 -- a bad disk is reported by the writer; alarms are in memory anyway
            self.counters["fetches failed"] += 1
            await asyncio.sleep(FETCH_PAUSE_S)
        else:
            self.window.refill(rows, more=len(rows) == FETCH_ROWS)
        self._bell.set()

    # --- hearing -----------------------------------------------------------------------------------

    def _heard(self, message: MQTTMessage) -> None:
        """Take what the centre says. A receipt is acknowledged at once, a command when it is journalled (S8)."""
        session = self._session
        if session is None:
            return
        payload = bytes(message.payload)
        if message.topic == topic(self._hub, "receipt"):
            self._receipt(session, payload, retained=message.retain)
            session.link.ack(message)
        elif message.topic == topic(self._hub, "command"):
            self._command(session, message, payload)
        else:
            self._inward.refuse("other", "not a topic of ours", payload)
            session.link.ack(message)

    def _poisoned(self, message: MQTTMessage, problem: Exception) -> None:
        self._inward.refuse("poison", type(problem).__name__, bytes(message.payload))

    def _receipt(self, session: Session, payload: bytes, *, retained: bool) -> None:
        receipt = self._inward.receipt(payload, self._clock.now(), session.nonce, retained=retained)
        if receipt is None:
            return
        expected = self.window.digest(receipt.ref)
        if self._check_in is not None and receipt.ref == self._check_in[0]:
            expected = self._check_in[1]
        if expected is None:
            self.counters["receipts for nothing that waits"] += 1
        elif expected != receipt.digest and receipt.result != "conflict":
            self._inward.refuse("receipt", "for other content", payload)
        else:
            retry_after_ms = int(receipt.retry_after * 1000)
            self._inbox.put(Receipted(receipt.ref, receipt.result, retry_after_ms, receipt.reason))

    def _command(self, session: Session, message: MQTTMessage, payload: bytes) -> None:
        command = self._inward.command(payload, self._clock.now(), session.nonce, retained=message.retain)
        if command is None:
            session.link.ack(message)
            return
        event = Commanded(command.id, command.type, bytes(command.data).decode())
        if self._commands_unacked >= COMMANDS_UNACKED_MAX:
            self._inbox.put(event)
            session.link.ack(message)  # the disk is too slow to wait for; the centre repeats it until it is done
            return
        if self._inbox.put(event, partial(self._journalled, session, message)):
            self._commands_unacked += 1
        else:
            session.link.ack(message)  # likewise repeated

    def _journalled(self, session: Session, message: MQTTMessage) -> None:
        self._commands_unacked -= 1
        session.link.ack(message)
