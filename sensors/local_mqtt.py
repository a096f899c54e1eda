"""Listens to zigbee2mqtt on the local bus, over `MqttLink`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from sensors.driver import Ear, MonotonicMs
from sensors.mqtt_link import LinkLostError, MqttLink
from sensors.options import Zigbee2MqttOptions
from sensors.zigbee2mqtt import PAYLOAD_BYTES_MAX, Zigbee2MqttDecoder

_CONNECT_S = 5.0
_KEEPALIVE_S = 15
_PACKET_BYTES_MAX = 2 * PAYLOAD_BYTES_MAX  # the broker drops anything bigger for us: nothing of that size is a sensor


class Zigbee2MqttDriver:
    """A sensor driver for one zigbee2mqtt. Addresses are friendly names, optionally with a part.

    While the bridge says that it is offline the driver stays connected, deaf: what it says when it comes back must
    not be missed.
    """

    def __init__(self, options: Zigbee2MqttOptions, addresses: Sequence[str], clock: MonotonicMs) -> None:
        self._options, self._clock = options, clock
        self._topics = _topics(options.base, addresses)

    async def run(self, ear: Ear) -> None:
        """Listen until cancelled.

        Raises:
            LinkLostError: the broker cannot be reached, refused us, or went away.
            OSError: the password file cannot be read.

        """
        options = self._options
        decoder = Zigbee2MqttDecoder(options.base)
        hearing = _Hearing(decoder, ear, self._clock)
        link = MqttLink(
            "",  # the broker names us: two hubs on one bus must not throw each other out
            hearing.message,
            username=options.username,
            password=_password(options.password_file),
            keepalive_s=_KEEPALIVE_S,
            packet_bytes_max=_PACKET_BYTES_MAX,
            on_poison=lambda _message, _problem: ear.noise(),
        )
        try:
            await link.connect(options.host, options.port, timeout_s=_CONNECT_S)
            await link.subscribe(*((topic, SubscribeOptions(qos=1)) for topic in self._topics))
            hearing.begin()
            raise LinkLostError(await asyncio.shield(link.closed))
        finally:
            hearing.end()
            await link.close()


class _Hearing:
    """Passes messages to the decoder and the bridge's own state to the ear, when it changes."""

    def __init__(self, decoder: Zigbee2MqttDecoder, ear: Ear, clock: MonotonicMs) -> None:
        self._decoder, self._ear, self._clock = decoder, ear, clock
        self._open = False
        self._deaf: bool | None = None

    def begin(self) -> None:
        """Tell that the bus is open. A retained `bridge/state` may have said already that the bridge is not."""
        self._open = True
        self._tell_bridge()

    def end(self) -> None:
        self._open = False

    def message(self, message: MQTTMessage) -> None:
        before = self._decoder.noise
        seen = self._decoder.feed(message.topic, bytes(message.payload), kept=message.retain, at_ms=self._clock())
        if self._decoder.noise > before:
            self._ear.noise(self._decoder.noise - before)
        for observation in seen:
            self._ear.heard(observation)
        self._tell_bridge()

    def _tell_bridge(self) -> None:
        deaf = self._decoder.bridge_online is False
        if not self._open or deaf is self._deaf:
            return
        self._deaf = deaf
        if deaf:
            self._ear.deaf("zigbee2mqtt says that it is offline: is its adapter plugged in, its service running?")
        else:
            self._ear.listening()


def _topics(base: str, addresses: Sequence[str]) -> list[str]:
    """Name what to subscribe to: every device of a plain name, and the configured ones whose names have slashes.

    Not `base/#`: it would bring the bridge's logs and tables of every device, hundreds of kilobytes.
    """
    slashed = {name for address in addresses for name in (address, address.rpartition("/")[0]) if "/" in name}
    names = ["+", *sorted(slashed)]
    return [
        f"{base}/bridge/state",
        *(f"{base}/{name}{end}" for name in names for end in ("", "/action", "/availability")),
    ]


def _password(path: str | None) -> str | None:
    return None if path is None else Path(path).read_text(encoding="utf-8").strip()
