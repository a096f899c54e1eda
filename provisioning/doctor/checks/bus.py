"""Is the local broker there, does it let the hub in, and what does zigbee2mqtt say of itself?"""

import json
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from provisioning.doctor import mqtt
from provisioning.doctor.finding import Check, Finding, skipped, well, wrong
from provisioning.doctor.scene import Scene

TYPE = "zigbee2mqtt"

_WAIT_S = 2.0

Bridge = Literal["online", "offline", "unknown"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A broker for sensors. `trouble`: why there is no connection. `answer`: what it said to ours."""

    about: str
    host: str
    port: int
    base: str = TYPE
    trouble: str = ""
    password_trouble: str = ""
    answer: mqtt.Answer = "ok"
    bridge: Bridge = "unknown"


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether its sensors can be heard."""
    where = f"{facts.host}:{facts.port}"
    if facts.password_trouble:
        yield wrong(
            facts.about, facts.password_trouble, "correct password_file in hub.toml, or let the hub's user read it"
        )
    elif facts.trouble:
        remedy = "is Mosquitto running there (systemctl status mosquitto)? Correct host and port in hub.toml if not"
        yield wrong(facts.about, f"no broker at {where}: {facts.trouble}", remedy)
    elif facts.answer == "unauthorised":
        yield wrong(facts.about, f"{where} does not let the hub in", "correct username and password_file in hub.toml")
    elif facts.answer != "ok":
        said = {"silent": "says nothing", "not mqtt": "is no MQTT broker"}.get(facts.answer, "refuses the hub")
        yield wrong(facts.about, f"{where} {said}", "is it the right port? See the broker's log")
    elif facts.bridge == "online":
        yield well(facts.about, f"the broker at {where} is there, and zigbee2mqtt is online")
    elif facts.bridge == "offline":
        remedy = "is its adapter plugged in? systemctl status zigbee2mqtt, and see its log"
        yield wrong(facts.about, "zigbee2mqtt says that it is offline", remedy)
    else:
        remedy = f"is it running (systemctl status zigbee2mqtt), and its base_topic {facts.base!r}?"
        yield wrong(facts.about, f"zigbee2mqtt has said nothing at {where}", remedy)


def probe(scene: Scene) -> Iterator[Facts]:
    """Ask the broker of every zigbee2mqtt driver, as somebody the hub does not mind."""
    for driver in scene.config.drivers if scene.config else ():
        if driver.type == TYPE:
            options = msgspec.to_builtins(driver.options)
            yield _probe(f"driver {driver.name}", options)


def _probe(about: str, options: dict[str, str | int | None]) -> Facts:
    host, port, base = str(options["host"]), int(options["port"] or 0), str(options["base"])
    username, file = options["username"], options["password_file"]
    try:
        password = Path(str(file)).read_text(encoding="utf-8").strip() if file else None
    except (OSError, UnicodeError) as error:
        return Facts(about=about, host=host, port=port, password_trouble=f"{file}: {_words(error)}")
    try:
        with socket.create_connection((host, port), _WAIT_S) as sock:
            heard = mqtt.ask_retained(
                sock, f"{base}/bridge/state", str(username) if username else None, password, _WAIT_S
            )
    except OSError as error:
        return Facts(about=about, host=host, port=port, trouble=_words(error))
    return Facts(about=about, host=host, port=port, base=base, answer=heard.answer, bridge=read_bridge(heard.message))


def read_bridge(message: bytes | None) -> Bridge:
    """Read what zigbee2mqtt keeps of itself: JSON today, a bare word from before its version 2."""
    try:
        said = json.loads(message or b"null")
    except ValueError:
        said = (message or b"").decode(errors="replace")
    state = said.get("state") if isinstance(said, dict) else said
    return "online" if state == "online" else "offline" if state == "offline" else "unknown"


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _look(scene: Scene) -> Iterable[Finding]:
    found = list(probe(scene))
    return [each for facts in found for each in judge(facts)] or [skipped("local broker", "this hub uses none")]


CHECK = Check("bus", "Local broker", _look)
