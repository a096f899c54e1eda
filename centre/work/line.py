"""One line of the centre's to its broker: it comes back by itself, hears in order, and sends within its window.

What is heard is acknowledged only once it was dealt with: so the broker holds back what this process cannot keep up
with, and nothing piles up here (S12). No session outlives a connection: what is lost then, hubs send again (S2).
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire.envelope import CONTENT_TYPE
from centre.settings import LineSettings
from sensors.mqtt_link import LinkLostError, MqttLink

RECEIVE_MAXIMUM = 20
"""Small, so that a worker that dies takes little with it (DESIGN §6); what Mosquitto grants besides."""

IN_HAND_MAX = 100
"""What comes at QoS 0, which no broker holds back, is left while so much is in hand (S12): hubs use QoS 1."""

OUTGOING_MAX = 1_000
"""What waits for a place on the line; beyond it the oldest is dropped: hubs and commands repeat (S12)."""

KEEPALIVE_S = 10
"""A broker that answers nothing is noticed within twice that: while the centre does not know, it hears nobody."""

_RECONNECT_S = (0.05, 0.1, 0.2, 0.5)
"""Soon: what hubs say to a broker that nobody listens at, they say again only 10 s later."""

log = logging.getLogger(__name__)


class Note(NamedTuple):
    """What was heard. `retained`: the broker had it from before this line subscribed."""

    topic: str
    payload: bytes
    retained: bool


class _Going(NamedTuple):
    topic: str
    payload: bytes
    retain: bool


class Line:
    """A line that stays. `hear` gets each message, and what to call (on the loop) once it was dealt with.

    `groups` of topics are subscribed to one after the other. `came_up` is called on each connection.
    """

    def __init__(
        self,
        settings: LineSettings,
        name: str,
        groups: Sequence[Sequence[str]],
        hear: Callable[[Note, Callable[[], None]], None],
        *,
        came_up: Callable[[], None] | None = None,
    ) -> None:
        self._settings, self._name, self._groups, self._hear = settings, name, groups, hear
        self._came_up = came_up
        self._outgoing: deque[_Going] = deque(maxlen=OUTGOING_MAX)
        self._more = asyncio.Event()
        self._in_hand = 0
        self.up = False
        self.ups = 0
        self.why = "not connected yet"
        self.dropped = 0
        self.unheard = 0

    async def run(self) -> NoReturn:
        """Stay connected until cancelled."""
        failures = 0
        while True:
            before = self.ups
            try:
                self.why = await self._live()
            except LinkLostError as error:
                self.why = str(error)
            failures = 0 if self.ups > before else min(failures + 1, len(_RECONNECT_S) - 1)
            log.warning("%s: no line to the broker: %s", self._name, self.why)
            # Jittered: several workers that lost one broker do not come back in step.
            await asyncio.sleep(_RECONNECT_S[failures] * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send when there is a line and a place on it. Whoever must be sure sends again until answered."""
        if len(self._outgoing) == OUTGOING_MAX:
            self.dropped += 1
        self._outgoing.append(_Going(topic, payload, retain))
        self._more.set()

    async def _live(self) -> str:
        """Live through one connection; give why it ended."""
        link = MqttLink(
            self._name,
            lambda message: self._received(link, message),
            tls=await self._tls(),
            keepalive_s=KEEPALIVE_S,
            session_expiry_s=0,
            receive_maximum=RECEIVE_MAXIMUM,
            manual_ack=True,
            on_poison=lambda _, error: log.error("%s: a message could not be dealt with: %r", self._name, error),
        )
        try:
            await link.connect(self._settings.host, self._settings.port)
            for group in self._groups:
                await link.subscribe(*((topic, SubscribeOptions(qos=1)) for topic in group))
            self.up, self.why = True, ""
            self.ups += 1
            if self._came_up is not None:
                self._came_up()
            return await self._talk(link)
        finally:
            self.up = False
            await link.close()

    async def _tls(self) -> ssl.SSLContext | None:
        """Give the TLS context; asked at each connection, so that a renewed certificate counts."""
        if self._settings.tls is None:
            return None
        try:
            return await asyncio.to_thread(self._settings.tls)
        except Exception as error:  # whatever it is: a disk that is away must not end the centre
            raise LinkLostError(f"no certificate to connect with: {error}") from error

    async def _talk(self, link: MqttLink) -> str:
        sending = asyncio.create_task(self._send(link))
        try:
            await asyncio.wait((link.closed, sending), return_when=asyncio.FIRST_COMPLETED)
            return link.closed.result() if link.closed.done() else "sending failed"
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, link: MqttLink) -> None:
        """Publish what is outgoing, never more at once than the broker takes."""
        places = asyncio.Semaphore(min(link.receive_maximum, RECEIVE_MAXIMUM))
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = CONTENT_TYPE
        with contextlib.suppress(LinkLostError):
            while True:
                await places.acquire()
                while not self._outgoing:
                    self._more.clear()
                    await self._more.wait()
                going = self._outgoing.popleft()
                done = link.publish(going.topic, going.payload, retain=going.retain, properties=properties)
                done.add_done_callback(lambda _: places.release())

    def _received(self, link: MqttLink, message: MQTTMessage) -> None:
        if message.qos == 0 and self._in_hand >= IN_HAND_MAX:
            self.unheard += 1
            return
        self._in_hand += 1

        def done() -> None:
            self._in_hand -= 1
            link.ack(message)

        self._hear(Note(message.topic, bytes(message.payload), message.retain), done)
