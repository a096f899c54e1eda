"""What an uplink has of the hub, and what it has of one connection: the documents, and a signed way to say things."""

import asyncio
from typing import Protocol

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.store.rows import Row
from agent.wire.envelope import CONTENT_TYPE, Signer
from agent.wire.topics import Channel, topic
from sensors.mqtt_link import MqttLink

_PROPERTIES = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
_PROPERTIES.ContentType = CONTENT_TYPE  # made once: to make it costs more than to sign


class Documents(Protocol):
    """What an uplink needs of the hub besides rows: the documents, and the rows that wait on disk."""

    def status(self, nonce: str, *, online: bool, also: tuple[str, ...] = (), reason: str = "") -> bytes:
        """Give the status document of a connection; `also` are the hub's others that live."""

    def state(self) -> bytes:
        """Give the state document as it is now."""

    async def waiting(self, limit: int, exclude: frozenset[str]) -> list[Row]:
        """Give rows that wait in the store, in the order they should be offered."""


class Session:
    """What belongs to one connection, and dies with it."""

    def __init__(self, link: MqttLink, nonce: str, hub: str, signer: Signer) -> None:
        self.link = link
        self.nonce = nonce
        self._hub = hub
        self._signer = signer
        self.connected = False
        self.serving = False
        """Whether the centre has been told of this connection: no row goes before that."""
        self.state_sent_ms: int | None = None
        self.state_wanted = True
        self.status_wanted = False
        """Whether the status must be told anew: another connection has ended."""
        self.checked_in = False

    def publish(self, channel: Channel, payload: bytes, *, retain: bool = False) -> "asyncio.Future[ReasonCode]":
        """Sign at sending, with the key that is current then; give the future of the PUBACK. Raises LinkLostError."""
        token = self._signer.seal(payload)
        return self.link.publish(topic(self._hub, channel), token, retain=retain, properties=_PROPERTIES)
