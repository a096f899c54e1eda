"""Somebody with every right at the broker, and none of the keys: listens to a hub's topics, and speaks on them."""

import asyncio
import base64
import hashlib
import hmac
import json
from types import TracebackType
from typing import Any, Self

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire.envelope import CENTRE_ALGORITHM, Key, read_key
from agent.wire.messages import CloudEvent, digest
from agent.wire.topics import ROOT, Channel, topic
from sensors.mqtt_link import MqttLink
from simulators.rig import HUB, Rig


class Intruder:
    """Connected to the rig's broker as a centre might be. `heard` is all that was said of the hub, by channel."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.heard: dict[str, list[bytes]] = {}
        self._changed = asyncio.Event()
        self._link = MqttLink("intruder", self._hear, tls=rig.centre_tls(), session_expiry_s=0)

    async def __aenter__(self) -> Self:
        await self._link.connect("localhost", self._rig.broker.port)
        await self._link.subscribe((f"{ROOT}/{HUB}/+", SubscribeOptions(qos=0)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._link.close()

    def _hear(self, message: MQTTMessage) -> None:
        self.heard.setdefault(message.topic.rpartition("/")[2], []).append(bytes(message.payload))
        self._changed.set()

    def deaf(self) -> None:
        """Note nothing more: a flood comes back to whoever listens."""
        self._link._on_message = lambda _: None  # noqa: SLF001 -- the listener's own end

    async def say(self, channel: Channel, payload: bytes, *, hub: str = HUB, retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        await self._link.publish(topic(hub, channel), payload, retain=retain)

    def shout(self, channel: Channel, payload: bytes) -> None:
        """Publish without waiting for anything (QoS 0)."""
        self._link.publish(topic(HUB, channel), payload, qos=0)

    async def event(self, kind: str, *, count: int = 1, timeout_s: float = 10) -> CloudEvent:
        """Wait for the `count`-th event of a type. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                events = [msgspec.json.decode(opened(token), type=CloudEvent) for token in self.heard.get("event", ())]
                fitting = [event for event in events if event.type == f"hearthline.{kind}"]
                if len(fitting) >= count:
                    return fitting[count - 1]
                self._changed.clear()
                await self._changed.wait()

    def body_of(self, ref: str) -> bytes:
        """Give the committed bytes of an event that was heard."""
        return next(body for token in self.heard["event"] if json.loads(body := opened(token))["id"] == ref)

    def times_heard(self, ref: str) -> int:
        """Count how often an event was sent."""
        return sum(json.loads(opened(token))["id"] == ref for token in self.heard["event"])

    def nonce(self) -> str:
        """Give the nonce of the hub's newest connection."""
        return str(json.loads(opened(self.heard["status"][-1]))["nonce"])

    def digest_of(self, ref: str) -> str:
        """Give the digest that a receipt for this event must have."""
        return digest(self.body_of(ref))


def opened(token: bytes) -> bytes:
    """Read what a token says; whether it is proven does not matter to an intruder."""
    body = token.split(b".")[1]
    return base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _signed(header: dict[str, Any], payload: bytes, key: Key, algorithm: str) -> bytes:
    return jws.serialize_compact({"alg": algorithm, **header}, payload, key, algorithms=[algorithm]).encode()


def _bare(header: dict[str, Any], payload: bytes, signature: bytes = b"") -> bytes:
    return b".".join((_b64(msgspec.json.encode(header)), _b64(payload), _b64(signature)))


def forgeries(rig: Rig, payload: bytes, genuine: bytes) -> dict[str, bytes]:
    """Give `payload` under every signature that somebody without the centre's key could think of.

    `genuine` is a token of the centre's, recorded: its header and signature are tried under this payload too.
    """
    centre = read_key(rig.keys.centre_public, CENTRE_ALGORITHM)
    kid, own, curve = centre.thumbprint(), OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256")
    header, _, signature = genuine.split(b".")
    pem = rig.keys.centre_public.read_bytes()
    raw = base64.urlsafe_b64decode(str(centre.as_dict()["x"]) + "=")
    jwk = own.as_dict(private=False)
    plain = _signed({"kid": kid}, payload, own, CENTRE_ALGORITHM)
    forged = {
        "signed by a key of one's own": _signed({"kid": own.thumbprint()}, payload, own, CENTRE_ALGORITHM),
        "signed by a key of one's own, named as the centre's": plain,
        "no key named": _bare({"alg": CENTRE_ALGORITHM}, payload, b"x" * 64),
        "a key named by a number": _bare({"alg": CENTRE_ALGORITHM, "kid": 7}, payload, b"x" * 64),
        "a key named by a list": _bare({"alg": CENTRE_ALGORITHM, "kid": [kid]}, payload, b"x" * 64),
        "its own key in the header": _signed({"kid": kid, "jwk": jwk}, payload, own, CENTRE_ALGORITHM),
        "no signature": _bare({"alg": "none", "kid": kid}, payload),
        "no signature, in other letters": _bare({"alg": "NoNe", "kid": kid}, payload),
        "an empty signature": _bare({"alg": CENTRE_ALGORITHM, "kid": kid}, payload),
        "a hub's algorithm": _signed({"kid": kid}, payload, curve, "ES256"),
        "an older name of the algorithm": _bare({"alg": "EdDSA", "kid": kid}, payload, signature),
        "a critical header": _bare(
            {"alg": CENTRE_ALGORITHM, "kid": kid, "crit": ["b64"], "b64": False}, payload, signature
        ),
        "another message's signature": b".".join((header, _b64(payload), signature)),
        "a payload beside the genuine one": genuine + b"." + _b64(payload),
        "a header without end": _b64(b'{"a":' * 3_000) + b"." + _b64(payload) + b"." + signature,
    }
    for name, secret in (("pem", pem), ("raw", raw)):
        unsigned = _bare({"alg": "HS256", "kid": kid}, payload).rpartition(b".")[0]
        tag = hmac.new(secret, unsigned, hashlib.sha256).digest()
        forged[f"the public key ({name}) as a secret"] = unsigned + b"." + _b64(tag)
    return forged


JUNK: dict[str, bytes] = {
    "nothing": b"",
    "zeros": bytes(100),
    "no text": b"\xff\xfe\xc0\x80" * 10,
    "dots": b"." * 10_000,
    "three letters": b"a.b.c",
    "plain JSON": b'{"aud":"hub-test","ref":"x","result":"accepted"}',
    "JSON without end": b"[" * 15_000,
    "more than a message may be": b"x" * 100_000,
}
"""What is no token at all."""


UNREADABLE: dict[str, bytes] = {
    "no JSON": b"help",
    "no text": b'{"aud":"hub-test","ref":"\xff\xfe"}',
    "JSON without end": b'{"data":' + b"[" * 5_000,
    "a list": b"[]",
    "null": b"null",
    "numbers that are none": b'{"aud":"hub-test","iat":1e999,"nonce":"x"}',
}
"""What even the centre's signature does not make a message."""
