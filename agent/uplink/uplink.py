"""One uplink: connects, keeps trying, offers what waits, hears what the centre says. There may be several."""

import asyncio
import random
import ssl
from collections import Counter, deque
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import Clock
from agent.config import Uplink as UplinkConfig
from agent.inbox import Inbox
from agent.store.rows import Row
from agent.store.writer import BUDGET_MS
from agent.uplink.inward import Inward
from agent.uplink.session import Documents, Session
from agent.uplink.tls import judge_by_clock
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

COMMANDS_JOURNALLED_MAX = 256
"""How many commands are remembered as journalled: as many as the rules remember as carried out."""


class Uplink:
    """Delivers rows over one broker. Nothing here is shared with another uplink."""

    def __init__(  # noqa: PLR0913 -- the parts it is wired to, named at the call
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
        make_link: Callable[..., MqttLink],
        dice: random.Random,
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
        self._new_link = make_link
        self._dice = dice
        self._bell = asyncio.Event()
        self._urgent = asyncio.Event()
        self._session: Session | None = None
        self._told_down = False
        self._check_in: tuple[str, str] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._commands_journalled: deque[str] = deque(maxlen=COMMANDS_JOURNALLED_MAX)
        self.window = Window()
        self.counters: Counter[str] = Counter()
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

    def want_state(self) -> None:
        """Publish the state document soon."""
        if self._session is not None:
            self._session.state_wanted = True
            self._bell.set()

    def check_in(self, ref: str, body: bytes) -> None:
        """Send a check-in now, or never."""
        if self._session is None:
            return
        session, self._check_in = self._session, (ref, digest(body))
        try:
            if session.checked_in:
                # S2, S8: a broker may drop what it acknowledged. A centre that never heard of this connection's nonce
                # takes us for dead, and its receipts mean nothing to a hub without a trusted clock.
                session.publish("status", self._documents.status(session.nonce, online=True), retain=True)
            session.checked_in = True
            session.publish("event", body)
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
            async with asyncio.timeout(CONNECT_S):
                await link.subscribe(*self._subscriptions())
                await session.publish("status", self._documents.status(nonce, online=True), retain=True)
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
        session.serving = True
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
                await session.publish(
                    "status", self._documents.status(session.nonce, online=False, reason=reason), retain=True
                )
        except (LinkLostError, TimeoutError):
            return
        await session.link.close(timeout_s=DISCONNECT_S)

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

    def _publish_state(self, session: Session, now_ms: int) -> None:
        due_ms = self._state_due_ms(session)
        if due_ms is not None and due_ms <= now_ms:
            session.state_wanted = False
            session.state_sent_ms = now_ms
            session.publish("state", self._documents.state(), retain=True)

    def _state_due_ms(self, session: Session) -> int | None:
        if not session.state_wanted:
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
            if self._check_in is not None and receipt.ref == self._check_in[0]:
                self._check_in = None  # S8: replayed later, it would prove a centre that may be gone by then
            retry_after_ms = int(receipt.retry_after * 1000)
            self._inbox.put(Receipted(receipt.ref, receipt.result, retry_after_ms, receipt.reason))

    def _command(self, session: Session, message: MQTTMessage, payload: bytes) -> None:
        command = self._inward.command(payload, self._clock.now(), session.nonce, retained=message.retain)
        if command is None:
            session.link.ack(message)
            return
        if command.id in self._commands_journalled:
            self.counters["commands heard again"] += 1  # S12: nor is a replay written to the disk again and again
            session.link.ack(message)
            return
        event = Commanded(command.id, command.type, bytes(command.data).decode())
        acknowledge = partial(session.link.ack, message)
        if self._inbox.put(event, partial(self._journalled, command.id, acknowledge)):
            # S1: receipts are acknowledged behind it, so not even this waits for a bad disk (decision 0012)
            asyncio.get_running_loop().call_later(BUDGET_MS / 1000, acknowledge)
        else:
            acknowledge()  # the centre repeats it until it is done

    def _journalled(self, command: str, acknowledge: Callable[[], None]) -> None:
        self._commands_journalled.append(command)
        acknowledge()
