"""Decodes what zigbee2mqtt publishes: topic, payload and retained flag in, observations out. Sans-I/O.

The address is the device's friendly name. A level carries its part, `kitchen/water_leak`: a sensor configured as
`kitchen` hears every part, one configured as `kitchen/water_leak` that part alone.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from sensors.driver import Observation
from sensors.repeats import Repeats
from sensors.senses import MEASURED, OF_ANY

PAYLOAD_BYTES_MAX: Final = 64 * 1024

_NAME_CHARS_MAX = 128
_DETAIL_CHARS_MAX = 64
_LQI_FULL = 255
_REPEAT_MS = 1_000  # one press comes on two topics, milliseconds apart

# attribute: what it says when it is (true, false). A door is an alarm when it is open: contact false.
_LEVELS: Mapping[str, tuple[bool, str, str]] = {
    "water_leak": (True, "water leak", "dry"),
    "smoke": (True, "smoke", "no smoke"),
    "carbon_monoxide": (True, "carbon monoxide", "no carbon monoxide"),
    "contact": (False, "open", "closed"),
    "occupancy": (True, "motion", "no motion"),
    "presence": (True, "present", "absent"),
}
# attribute: the values that mean a fall, and those that end it. The others ("maybe_fall", "low_posture": somebody may
# still lie on the floor) change nothing.
_POSTURES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "fall_down_status": (frozenset({"fall"}), frozenset({"none"})),
    "status": (frozenset({"falling"}), frozenset({"unoccupied", "occupied", "sitting", "on_the_bed"})),
}
# The same word tells whether somebody is in bed; one who is on the floor is not.
_IN_BED = frozenset({"on_the_bed"})
_OUT_OF_BED = frozenset({"unoccupied", "occupied", "sitting", "low_posture", "falling"})
_READINGS: Mapping[str, str] = {**OF_ANY, **MEASURED}


class Zigbee2MqttDecoder:
    """Turns zigbee2mqtt's messages into observations.

    `bridge_online` is what the bridge last said of itself, None before it did. `noise` counts messages that meant
    nothing: not JSON, too big, a name too long.
    """

    def __init__(self, base: str = "zigbee2mqtt") -> None:
        self.bridge_online: bool | None = None
        self.noise = 0
        self._prefix = base + "/"
        self._presses = Repeats(_REPEAT_MS)

    def feed(self, topic: str, payload: bytes, *, kept: bool, at_ms: int) -> list[Observation]:
        """Take a message; `kept` says that it is retained: what was, not what happens."""
        name = topic.removeprefix(self._prefix)
        if name == topic or len(payload) > PAYLOAD_BYTES_MAX or not 0 < len(name) <= _NAME_CHARS_MAX:
            self.noise += 1
            return []
        if name == "bridge/state":
            self.bridge_online = self._online(payload, self.bridge_online)
            return []
        if name.startswith("bridge/"):
            return []
        if name.endswith("/availability"):
            online = self._online(payload, None)
            device = name.removesuffix("/availability")
            return [] if online is None else [Observation(device, "unavailable", on=not online, kept=kept)]
        if name.endswith("/action"):
            return self._action(name.removesuffix("/action"), _text(payload), kept=kept, at_ms=at_ms)
        return self._device(name, payload, kept=kept, at_ms=at_ms)

    def _device(self, name: str, payload: bytes, *, kept: bool, at_ms: int) -> list[Observation]:
        said = _json(payload)
        if not isinstance(said, dict):
            self.noise += 1
            return []
        seen = self._action(name, said.get("action"), kept=kept, at_ms=at_ms) if "action" in said else []
        seen += [each for tell in (_levels, _postures, _troubles, _readings) for each in tell(name, said, kept)]
        if not kept and not any(each.what in {"trigger", "alive"} for each in seen):
            seen.append(Observation(name, "alive"))  # any report is life; only an explicit false is dryness
        return [_with_vitals(each, said) for each in seen]

    def _action(self, name: str, action: object, *, kept: bool, at_ms: int) -> list[Observation]:
        if kept:
            return []  # a kept action is history: an old press must not call help again
        if not isinstance(action, str) or not action:
            return [Observation(name, "alive")]  # "" and null follow every press
        word = action[:_DETAIL_CHARS_MAX]
        # S4: the same press, told on the other topic; and letting go ("hold_release") is not another one.
        if action.endswith("release") or self._presses.repeats((name, word), at_ms):
            return [Observation(name, "alive", word)]
        return [Observation(name, "trigger", word)]

    def _online(self, payload: bytes, otherwise: bool | None) -> bool | None:  # noqa: FBT001 -- what was known before
        said = _json(payload)
        word = said.get("state") if isinstance(said, dict) else _text(payload)
        if word == "online" or word == "offline":  # noqa: PLR1714 -- JSON may put an unhashable value here
            return word == "online"
        self.noise += 1
        return otherwise


def _with_vitals(seen: Observation, said: Mapping[str, Any]) -> Observation:
    """Tell with the sign of life how the device was heard, and how full its battery is.

    `linkquality` is the last hop's LQI, 0 to 255, as the radio makes it (zigbee2mqtt's own documentation; IEEE 802.15.4
    leaves its meaning to the chip): in percent it is a share of that scale. `battery` is in percent already.
    """
    if seen.what not in {"trigger", "alive"}:
        return seen
    return replace(
        seen, signal=_percent(said.get("linkquality"), _LQI_FULL), battery=_percent(said.get("battery"), 100)
    )


def _percent(value: object, full: int) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= full:
        return None
    return round(value * 100 / full)


def _levels(name: str, said: Mapping[str, Any], kept: bool) -> list[Observation]:  # noqa: FBT001 -- one signature for all
    seen = []
    for part, (active_when, active, clear) in _LEVELS.items():
        level = said.get(part)
        if isinstance(level, bool):  # null after a restart of the bridge: it knows nothing
            on = level is active_when
            seen.append(Observation(f"{name}/{part}", "active" if on else "clear", active if on else clear, kept=kept))
    return seen


def _postures(name: str, said: Mapping[str, Any], kept: bool) -> list[Observation]:  # noqa: FBT001 -- likewise
    seen = []
    for part, (falls, ends) in _POSTURES.items():
        word = said.get(part)
        if isinstance(word, str) and word in falls | ends:
            what: Any = "active" if word in falls else "clear"
            seen.append(Observation(f"{name}/{part}", what, word, kept=kept))
    word = said.get("status")
    if isinstance(word, str) and word in _IN_BED | _OUT_OF_BED:
        seen.append(Observation(f"{name}/bed", "active" if word in _IN_BED else "clear", word, kept=kept))
    return seen


def _troubles(name: str, said: Mapping[str, Any], kept: bool) -> list[Observation]:  # noqa: FBT001 -- likewise
    seen = []
    if isinstance(tamper := said.get("tamper"), bool):
        seen.append(Observation(name, "tamper", on=tamper, kept=kept))
    if isinstance(low := said.get("battery_low"), bool):
        seen.append(Observation(name, "battery-low", on=low, kept=kept))
    return seen


def _readings(name: str, said: Mapping[str, Any], kept: bool) -> list[Observation]:  # noqa: FBT001 -- likewise
    values = ((quantity, unit, said.get(quantity)) for quantity, unit in _READINGS.items())
    return [
        Observation(name, "reading", quantity=quantity, value=float(value), unit=unit, kept=kept)
        for quantity, unit, value in values
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _VALUE_MAX
    ]


_VALUE_MAX = 1e6  # also keeps out infinities, NaN and integers no float can hold


def _json(payload: bytes) -> object:
    try:
        return msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return None


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "replace").strip()
