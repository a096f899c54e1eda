"""The options of every driver type, as they stand in `[driver.<name>]` of the hub's configuration."""

from typing import Annotated, Literal

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(ge=1, le=86_400)]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a driver is configured with. An option nobody knows is an error, not ignored."""


class SerialOptions(Options, frozen=True):
    """A serial adapter.

    `device`: its stable path, best one of `/dev/serial/by-id/…`.
    `poll_s`: every so many seconds the adapter is asked for a sign of life; one that answered once and then misses
    three questions in a row is dead, and is opened again.
    """

    device: str
    poll_s: Seconds = 60.0


class GpioOptions(Options, frozen=True):
    """Plain contacts on the hub's own pins.

    `pull`: the resistor inside the pin; "up" for a contact to ground (the usual), "down" for one to 3.3 V.
    `debounce_ms`: a level counts once it has stood for so long.
    `reread_s`: every so many seconds the levels are read afresh, so that a missed edge is caught.
    """

    pull: Literal["up", "down"] = "up"
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 50
    reread_s: Seconds = 3.0


class Zigbee2MqttOptions(Options, frozen=True):
    """zigbee2mqtt on the local bus.

    `host`, `port`: the bus's broker. `base`: zigbee2mqtt's `base_topic`. `username`, `password_file`: what the
    broker asks for, if anything; the file holds the password alone.
    """

    host: str = "127.0.0.1"
    port: Port = 1883
    base: str = "zigbee2mqtt"
    username: str | None = None
    password_file: str | None = None
