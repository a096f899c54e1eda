"""Somebody on the centre's broker who should not be there: overhears everything, forges, replays and misaddresses.

He has no key of the centre. What he might have recorded on another day (meant for a neighbour, an hour old) is made
here with the centre's key; what he makes up, with his own.
"""

import base64
import secrets
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from joserfc import jws
from joserfc.jwk import OKPKey
from msgspec.structs import replace
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import Clock
from agent.wire.envelope import CENTRE_ALGORITHM, EVENT_BYTES_MAX, Key
from agent.wire.messages import Command, Receipt, Status, decode_event, decode_report, digest, read
from agent.wire.topics import Channel, topic
from centre.issue import Issuer
from rules.reports import AlarmRaised
from sensors.mqtt_link import MqttLink
from simulators.broker import DemoBroker

HOUR_S, WEEK_S = 3_600, 7 * 86_400
NOTHING_WAITS = "main: receipts for nothing that waits"
PLANTED = "refused command: retained"
_KEPT = 50
_LIFETIME_S = 600
_NEIGHBOUR = "some-other-hub"


class Forgery(NamedTuple):
    """What he sends, in words; and what the hub must count it as ("": nothing, for it has been done once already)."""

    said: str
    channel: Channel
    token: bytes
    counted: str


class Overheard(NamedTuple):
    """An alarm, as its event on the broker shows it: its event's id and digest, and its own id."""

    ref: str
    digest: str
    alarm: str


class Forger:
    """Enter him as `async with`: he leaves a command on the broker for the hub to find, and listens."""

    def __init__(self, broker: DemoBroker, hub: str, centre_key: Key, clock: Clock) -> None:
        self.alarm: Overheard | None = None
        self._broker, self._hub, self._clock = broker, hub, clock
        self._centre, self._key_id = Issuer(centre_key), centre_key.thumbprint()
        self._own = OKPKey.generate_key("Ed25519")
        self._link: MqttLink
        self._nonce = ""
        self._recorded: deque[tuple[Channel, bytes]] = deque(maxlen=_KEPT)

    async def __aenter__(self) -> Self:
        self._link = MqttLink("somebody", self._overhear)
        await self._link.connect(self._broker.host, self._broker.port)
        planted = self._command("set-mode", {"mode": "engineer"}, age_s=WEEK_S)
        await self._link.publish(topic(self._hub, "command"), self._centre.seal(planted), retain=True)
        channels: tuple[Channel, ...] = ("event", "status", "receipt", "command")
        await self._link.subscribe(*((topic(self._hub, channel), SubscribeOptions(qos=1)) for channel in channels))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._link.close()

    def _overhear(self, message: MQTTMessage) -> None:
        """Everything is signed, and nothing is secret. He keeps what the centre says until he knows an alarm."""
        token = bytes(message.payload)
        for channel in ("receipt", "command"):
            if message.topic == topic(self._hub, channel):
                if self.alarm is None and not message.retain:
                    self._recorded.append((channel, token))
                return
        body = jws.extract_compact(token).payload
        if message.topic == topic(self._hub, "status"):
            self._nonce = read(body, Status).nonce
            return
        event = decode_event(body)
        report = decode_report(event)
        if isinstance(report, AlarmRaised):
            self.alarm = Overheard(event.id, digest(body), report.alarm)

    async def send(self, forgery: Forgery) -> None:
        """Send one; returns when the broker has it."""
        await self._link.publish(topic(self._hub, forgery.channel), forgery.token)

    def forgeries(self) -> Iterator[Forgery]:
        """Make every forgery he can, of the last alarm that he overheard."""
        assert self.alarm is not None  # noqa: S101 -- it has been sent
        ref, content, alarm = self.alarm
        receipt = self._receipt(ref, content)
        yield from self._forged("receipt", receipt, self._receipt(ref, content, age_s=HOUR_S))
        other = self._centre.seal(replace(receipt, digest="0" * len(content)))
        yield Forgery("for another content", "receipt", other, "refused receipt: for other content")
        closing = {"alarm": alarm}
        yield from self._forged(
            "command", self._command("resolve", closing), self._command("resolve", closing, age_s=HOUR_S)
        )
        for channel, token in sorted(self._recorded, reverse=True):  # a command may wait for the disk, so it is last
            counted = NOTHING_WAITS if channel == "receipt" else ""
            yield Forgery("that was good a moment ago, once more", channel, token, counted)

    def _forged(self, channel: Channel, good: Receipt | Command, old: Receipt | Command) -> Iterator[Forgery]:
        neighbour = self._centre.seal(replace(good, aud=_NEIGHBOUR))
        for said, token, reason in (
            ("signed with his own key", self._sign(good, self._own.thumbprint()), "signed by an unknown key"),
            ("in the centre's name", self._sign(good, self._key_id), "not a valid signature"),
            ("with no signature", self._unsigned(good), "not a valid signature"),
            ("meant for a neighbour", neighbour, "for another hub"),
            ("of an hour ago", self._centre.seal(old), "not fresh"),
            ("longer than any", bytes(EVENT_BYTES_MAX + 1), f"larger than {EVENT_BYTES_MAX} bytes"),
        ):
            yield Forgery(said, channel, token, f"refused {channel}: {reason}")

    def _receipt(self, ref: str, content: str, *, age_s: int = 0) -> Receipt:
        nonce, made_s = self._moment(age_s)
        return Receipt(aud=self._hub, iat=made_s, ref=ref, digest=content, nonce=nonce, result="accepted")

    def _command(self, kind: str, data: object, *, age_s: int = 0) -> Command:
        nonce, made_s = self._moment(age_s)
        return Command(
            aud=self._hub,
            iat=made_s,
            id=secrets.token_hex(8),
            type=kind,
            expires=made_s + WEEK_S + _LIFETIME_S,
            nonce=nonce,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )

    def _moment(self, age_s: int) -> tuple[str, int]:
        """Give the nonce of the connection of that time, and the time itself."""
        return secrets.token_urlsafe(12) if age_s else self._nonce, self._clock.now().wall_ms // 1000 - age_s

    def _sign(self, message: Receipt | Command, key_id: str) -> bytes:
        header = {"alg": CENTRE_ALGORITHM, "kid": key_id}
        body = msgspec.json.encode(message)
        return jws.serialize_compact(header, body, self._own, algorithms=[CENTRE_ALGORITHM]).encode()

    def _unsigned(self, message: Receipt | Command) -> bytes:
        head, body = (
            base64.urlsafe_b64encode(part).rstrip(b"=")
            for part in (msgspec.json.encode({"alg": "none", "kid": self._key_id}), msgspec.json.encode(message))
        )
        return head + b"." + body + b"."
