"""So much of MQTT 3.1.1 as it takes to ask a local broker one thing: connect, subscribe, and what comes of it."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Literal, NamedTuple

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE, _SUBACK = 1, 2, 3, 8, 9
_USER, _PASSWORD, _CLEAN = 0x80, 0x40, 0x02
_KEEPALIVE_S = 30
_LENGTH_MORE = 0x80
_LENGTH_BYTES_MAX = 4
_PACKET_BYTES_MAX = 64 * 1024

Answer = Literal["ok", "refused", "unauthorised", "silent", "not mqtt"]


class Heard(NamedTuple):
    """What a broker answered, and the retained message, if there was one in time."""

    answer: Answer
    message: bytes | None = None


def connect_packet(username: str | None = None, password: str | None = None) -> bytes:
    """Write a CONNECT of nobody in particular: the broker names us, so that we throw nobody out."""
    flags = _CLEAN | (_USER if username is not None else 0) | (_PASSWORD if password is not None else 0)
    fields = [_text("")] + [_text(each) for each in (username, password) if each is not None]
    return _packet(_CONNECT, 0, _text("MQTT") + bytes([4, flags]) + _KEEPALIVE_S.to_bytes(2) + b"".join(fields))


def subscribe_packet(topic: str) -> bytes:
    """Write a SUBSCRIBE with QoS 0."""
    return _packet(_SUBSCRIBE, 2, (1).to_bytes(2) + _text(topic) + b"\0")


def packets(data: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole packets, as type and body, from the front of what came. Raises ValueError for what is no MQTT."""
    while len(data) > 1:
        length, used = 0, 0
        for used, each in enumerate(data[1 : 1 + _LENGTH_BYTES_MAX], start=1):
            length |= (each & ~_LENGTH_MORE) << (7 * (used - 1))
            if not each & _LENGTH_MORE:
                break
        else:
            if used == _LENGTH_BYTES_MAX:
                raise ValueError("no packet is so long")
            return
        if length > _PACKET_BYTES_MAX:
            raise ValueError("no packet asked for is so long")
        if len(data) < 1 + used + length:
            return
        yield data[0] >> 4, bytes(data[1 + used : 1 + used + length])
        del data[: 1 + used + length]


def ask_retained(sock: socket.socket, topic: str, username: str | None, password: str | None, wait_s: float) -> Heard:
    """Connect over this socket and wait for a topic's retained message, so long for each answer. Raises OSError."""
    sock.settimeout(wait_s)
    sock.sendall(connect_packet(username, password))
    data = bytearray()
    answer: Answer = "silent"
    with contextlib.suppress(TimeoutError):
        while chunk := sock.recv(4_096):
            data += chunk
            try:
                for kind, body in packets(data):
                    if kind == _CONNACK:
                        answer = _connack(body)
                        if answer != "ok":
                            return Heard(answer)
                        sock.sendall(subscribe_packet(topic))
                    elif kind == _PUBLISH:
                        size = int.from_bytes(body[:2])
                        return Heard("ok", body[2 + size :])
            except ValueError:
                return Heard("not mqtt")
    return Heard(answer)


def _connack(body: bytes) -> Answer:
    code = body[1] if len(body) > 1 else 0xFF
    return "ok" if code == 0 else "unauthorised" if code in (4, 5) else "refused"


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, digit = left >> 7, left & 0x7F
        length.append(digit | (_LENGTH_MORE if left else 0))
        if not left:
            return bytes([kind << 4 | flags]) + bytes(length) + body


def _text(words: str) -> bytes:
    coded = words.encode()
    return len(coded).to_bytes(2) + coded
