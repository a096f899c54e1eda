"""One uplink: connects, keeps trying, offers what waits, hears what the centre says. There may be several."""

import asyncio
import random
import ssl
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from agent.clock import Clock
from agent.config import Uplink as UplinkConfig
from agent.inbox import Inbox
from agent.store.rows import Row
from agent.uplink.hearing import Hearing, subscriptions
from agent.uplink.inward import Inward
from agent.uplink.presence import Presence
from agent.uplink.session import Documents, Session
from agent.uplink.tls import judge_by_clock
from agent.uplink.window import DOCUMENT_PLACES, Window
from agent.wire.envelope import CONTENT_TYPE, Signer
from agent.wire.messages import digest
from agent.wire.topics import Channel, topic
from rules.events import LinkDown, LinkUp
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.mqtt_properties import Will
from sensors.mqtt_way import Way

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
STATE_PAUSE_MS = 5_000
"""The shortest time between two state documents (at most 120 s after a change, DESIGN §4)."""

NOT_WANTED = "closed: it is not wanted"


class Uplink:
    """Delivers rows over one broker, for as long as it is wanted.

    `client_id` is its own: at one broker, a second connection of the same client would end the first. All that it
    shares with the hub's other uplinks is `presence`.
    """

    def __init__(  # noqa: PLR0913 -- the parts it is wired to, named at the call
        self,
        config: UplinkConfig,
        hub: str,
        *,
        client_id: str,
        presence: Presence,
        signer: Signer,
        inward: Inward,
        inbox: Inbox,
        clock: Clock,
        documents: Documents,
        tls: ssl.SSLContext | None,
        make_link: Callable[..., MqttLink],
        dice: random.Random,
    ) -> None:
        self.name = config.name
        self._config = config
        self._hub = hub
        self._client_id = client_id
        self._presence = presence
        self._signer = signer
        self._inbox = inbox
        self._clock = clock
        self._documents = documents
        self._tls = tls
        self._new_link = make_link
        self._dice = dice
        self._bell = asyncio.Event()
        self._urgent = asyncio.Event()
        self._session: Session | None = None
        self._wanted = asyncio.Event()
        self._leaving = NOT_WANTED
        if not config.standby:
            self._wanted.set()
        self._told_down = False
        self._fetching: asyncio.Task[None] | None = None
        self.window = Window()
        self.hearing = Hearing(config.name, hub, inward, inbox, clock, presence, self.window)
        self.counters = self.hearing.counters
        self.on_puback: Callable[[str], None] | None = None

    # --- what the pump asks of it ------------------------------------------------------------------

    def offer(self, row: Row) -> None:
        """Deliver a row, for as long as it takes. An alarm goes at once: no round of the event loop lies between."""
        self.window.add(row)
        if self.window.alarm_waiting:
            self._urgent.set()
            self._publish_alarms()
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

    def want(self, *, wanted: bool) -> None:
        """Be connected from now on, or not; after `stop` never again."""
        if wanted == self._wanted.is_set() or (wanted and self._leaving != NOT_WANTED):
            return
        if wanted:
            self._wanted.set()
        else:
            self._wanted.clear()
        self._urgent.set()  # what it pauses for is over
        self._bell.set()

    def want_state(self) -> None:
        """Publish the state document soon."""
        if self._session is not None:
            self._session.state_wanted = True
            self._bell.set()

    def check_in(self, ref: str, body: bytes) -> None:
        """Send a check-in now, or never."""
        session = self._session
        if session is None:
            return
        if not self._has_room(session):
            self.counters["check-ins not sent"] += 1
            return
        self.hearing.check_in = (ref, digest(body))
        try:
            if session.checked_in and self._has_room(session, 2):
                # S2, S8: a broker may drop what it acknowledged. A centre that never heard of this connection's nonce
                # takes us for dead, and its receipts mean nothing to a hub without a trusted clock.
                self._publish_status(session)
            session.checked_in = True
            self._say(session, "event", body)
        except LinkLostError:
            self.counters["check-ins not sent"] += 1

    # --- the connection's life ---------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, and connect again, while it is wanted, until cancelled."""
        pause_s = BACKOFF_S[0]
        while True:
            if not self._wanted.is_set():
                await self._wanted.wait()
                pause_s, self._told_down = BACKOFF_S[0], False
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
        if self._wanted.is_set():
            self.counters["connections lost or not made"] += 1
        if not self._told_down:
            self._told_down = True
            self._inbox.put(LinkDown(self.name, reason[:REASON_MAX]))

    async def _pause(self, pause_s: float) -> None:
        """Wait before the next attempt; not long while an alarm waits, and a new alarm ends a long pause."""
        if not self._wanted.is_set():
            return
        self._urgent.clear()
        pause_s *= self._dice.uniform(0.5, 1.0)
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
        nonce = self._dice.randbytes(12).hex()
        link = self._make_link(nonce)
        # Before it is up: what the broker kept for us may come with its CONNACK, and be lost on nobody.
        session = self._session = Session(link, nonce, self._hub, self._signer)
        try:
            await link.connect(self._config.host, self._config.port, timeout_s=CONNECT_S)
            session.connected = True
            self._presence.began(nonce, partial(self._want_status, session))
            async with asyncio.timeout(CONNECT_S):
                await link.subscribe(*subscriptions(self._hub))
                await self._publish_status(session)
            self.window.connected(link.receive_maximum)
            self._told_down = False
            self._inbox.put(LinkUp(self.name))
            return await self._serve(session)
        except TimeoutError:
            raise LinkLostError("the broker takes our connection and does not answer") from None
        finally:
            self._session = None
            link.abort("closed by us")
            self._presence.ended(nonce)

    def _make_link(self, nonce: str) -> MqttLink:
        if self._tls is not None:
            judge_by_clock(self._tls, trusted=self._clock.now().synced)  # S3
        will = Will(
            topic=topic(self._hub, "status"),
            payload=self._signer.seal(self._documents.status(nonce, online=False, reason="lost")),
            retain=True,
            delay_s=WILL_DELAY_S,
            content_type=CONTENT_TYPE,
        )
        return self._new_link(
            self._client_id,
            self._heard,
            way=Way(self._config.interface or "", self._config.address or ""),
            tls=self._tls,
            will=will,
            keepalive_s=KEEPALIVE_S,
            clean_start=False,
            session_expiry_s=SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
            packet_bytes_max=PACKET_BYTES_MAX,
            manual_ack=True,
            on_poison=self.hearing.poisoned,
        )

    async def _serve(self, session: Session) -> str:
        """Offer rows until the link ends. Open alarms first, then the state, then any backlog (DESIGN §4)."""
        link = session.link
        link.closed.add_done_callback(lambda _: self._bell.set())
        session.serving = True
        while not link.closed.done():
            self._bell.clear()
            if not self._wanted.is_set():
                await self._leave(session)
                return self._leaving
            now_ms = self._clock.now().ms
            if self.window.lying(now_ms):
                link.abort("no PUBACK in 5 s: the line is open and carries nothing")
                break
            self._publish_rows(session, now_ms, alarms_only=True)
            if session.status_wanted and self._has_room(session):
                self._publish_status(session)
            self._publish_state(session, now_ms)
            self._publish_rows(session, now_ms)
            self._feed()
            await self._rest(session)
        return await link.closed

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
        """Say goodbye for good, so that nobody takes a planned stop for a death."""
        session, self._leaving = self._session, reason
        self.want(wanted=False)
        if session is not None and session.connected:
            await asyncio.wait([session.link.closed], timeout=2 * DISCONNECT_S)

    async def _leave(self, session: Session) -> None:
        """End a connection by plan. A line that does not take our word is dropped, and its will speaks for it.

        The last word stays with the broker, for a centre that comes later: while another connection lives, it is that
        one's. The hub is not gone because this line is.
        """
        self._presence.ended(session.nonce)
        remaining = self._presence.others(session.nonce)
        if remaining and self._leaving == NOT_WANTED:
            word = self._documents.status(remaining[-1], online=True, also=remaining[:-1])
        else:
            word = self._documents.status(session.nonce, online=False, reason=self._leaving)
        try:
            async with asyncio.timeout(DISCONNECT_S):
                await session.publish("status", word, retain=True)
        except (LinkLostError, TimeoutError):
            session.link.abort("it did not take our last word")
            return
        # Nothing is to be kept for a line that nobody knows when to open again.
        await session.link.close(timeout_s=DISCONNECT_S, forget=self._config.standby)

    # --- sending -----------------------------------------------------------------------------------

    def _publish_rows(self, session: Session, now_ms: int, *, alarms_only: bool = False) -> None:
        while (row := self.window.next(now_ms, alarms_only=alarms_only)) is not None:
            session.publish("event", row.body).add_done_callback(partial(self._acked, row.id))

    def _publish_alarms(self) -> None:
        """Publish the alarms that may go now. Whoever offers them is never stopped by a line that breaks (S7)."""
        session = self._session
        if session is None or not session.serving or session.link.closed.done():
            return
        try:
            self._publish_rows(session, self._clock.now().ms, alarms_only=True)
        except Exception as error:  # noqa: BLE001 -- as in `run`: the connection ends, and the next one offers them again
            session.link.abort(f"an alarm could not be published: {error}")

    def _acked(self, ref: str, future: "asyncio.Future[ReasonCode]") -> None:
        if future.cancelled() or future.exception() is not None:
            return
        if future.result().is_failure:
            self.counters["refused by the broker"] += 1
        self.window.acked(ref, self._clock.now().ms)
        if self.on_puback is not None:
            self.on_puback(ref)
        self._bell.set()

    def _has_room(self, session: Session, documents: int = 1) -> bool:
        """S12: a broker ends a connection that has more unanswered than it takes; most of that is for rows (S5)."""
        return session.link.unanswered - self.window.unacked + documents <= DOCUMENT_PLACES

    def _publish_status(self, session: Session) -> "asyncio.Future[ReasonCode]":
        session.status_wanted = False
        status = self._documents.status(session.nonce, online=True, also=self._presence.others(session.nonce))
        return self._say(session, "status", status, retain=True)

    def _say(
        self, session: Session, channel: Channel, document: bytes, *, retain: bool = False
    ) -> "asyncio.Future[ReasonCode]":
        """Publish what is not a row; its PUBACK makes room for what waits."""
        puback = session.publish(channel, document, retain=retain)
        puback.add_done_callback(lambda _: self._bell.set())
        return puback

    def _want_status(self, session: Session) -> None:
        session.status_wanted = True
        self._bell.set()

    def _publish_state(self, session: Session, now_ms: int) -> None:
        due_ms = self._state_due_ms(session)
        if due_ms is not None and due_ms <= now_ms:
            session.state_wanted = False
            session.state_sent_ms = now_ms
            self._say(session, "state", self._documents.state(), retain=True)

    def _state_due_ms(self, session: Session) -> int | None:
        if not session.state_wanted or not self._has_room(session):
            return None
        return 0 if session.state_sent_ms is None else session.state_sent_ms + STATE_PAUSE_MS

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
            self.window.refill(rows, more=bool(rows))
        self._bell.set()

    def _heard(self, message: MQTTMessage) -> None:
        if self._session is not None:
            self.hearing.heard(self._session, message)
