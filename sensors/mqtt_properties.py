"""What an MQTT 5 connection asks of its broker: how long to keep the session, how much at once, and the will."""

import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Will(msgspec.Struct, frozen=True):
    """What the broker says for us when the connection dies without a DISCONNECT, `delay_s` seconds later."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    delay_s: int = 0
    content_type: str = ""


def connect_properties(expiry_s: int, receive_maximum: int | None, packet_bytes_max: int | None) -> Properties:
    """Give the properties of a CONNECT; None asks for nothing."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = expiry_s
    if receive_maximum is not None:
        properties.ReceiveMaximum = receive_maximum
    if packet_bytes_max is not None:
        properties.MaximumPacketSize = packet_bytes_max
    return properties


def will_properties(will: Will) -> Properties:
    """Give the properties of a will."""
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = will.delay_s
    if will.content_type:
        properties.ContentType = will.content_type
    return properties


def forget_properties() -> Properties:
    """Give the properties of a DISCONNECT that ends the session with the connection (MQTT 5 §3.14.2.2.2)."""
    properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 0
    return properties
