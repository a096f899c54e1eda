"""Asks a local MQTT broker whether zigbee2mqtt is on it."""

import socket
from typing import Literal

from provisioning.doctor.mqtt import Heard, ask_retained

WAIT_S = 1.0
"""What a broker keeps it tells at once."""

Bus = Literal["nobody", "no broker", "refused", "no bridge", "offline", "online"]

WORDS: dict[Bus, str] = {
    "nobody": "nothing listens there: install mosquitto and zigbee2mqtt if there are Zigbee sensors",
    "no broker": "something listens there that is no MQTT broker",
    "refused": "a broker that asks for a name and password: put username and password_file into the driver's table",
    "no bridge": "a broker, and no zigbee2mqtt on it (or under another base topic)",
    "offline": "zigbee2mqtt, which is offline: is its adapter plugged in, its service running?",
    "online": "zigbee2mqtt, online",
}


def ask_bus(host: str, port: int, base: str = "zigbee2mqtt") -> Bus:
    """Ask."""
    try:
        with socket.create_connection((host, port), WAIT_S) as sock:
            return judged(ask_retained(sock, f"{base}/bridge/state", None, None, WAIT_S))
    except OSError:
        return "nobody"


def judged(heard: Heard) -> Bus:
    """Say what a broker's answer means."""
    if heard.answer != "ok":
        return "refused" if heard.answer in ("refused", "unauthorised") else "no broker"
    if heard.message is None:
        return "no bridge"
    return "online" if b"online" in heard.message else "offline"
