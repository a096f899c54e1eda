"""zigbee2mqtt's messages: levels, presses on two topics, kept history, and junk."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.driver import Observation
from sensors.zigbee2mqtt import PAYLOAD_BYTES_MAX, Zigbee2MqttDecoder
from tests.sensors.vectors import AQARA_WATER, SOS, SOS_AFTER


class Bus:
    """A decoder with a clock."""

    def __init__(self) -> None:
        self.decoder = Zigbee2MqttDecoder()
        self.now = 0

    def say(self, name: str, payload: Any, *, kept: bool = False, after_ms: int = 5) -> list[Observation]:
        self.now += after_ms
        raw = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        return self.decoder.feed(f"zigbee2mqtt/{name}", raw, kept=kept, at_ms=self.now)


def calls(seen: list[Observation]) -> list[tuple[str, str, str]]:
    return [(each.address, each.what, each.detail) for each in seen if each.what in {"trigger", "active"}]


def whats(seen: list[Observation]) -> set[tuple[str, bool]]:
    return {(each.what, each.on) for each in seen}


# --- levels ------------------------------------------------------------------------------------------


def test_the_aqara_water_vector_is_life_and_a_dry_floor() -> None:
    seen = Bus().say("leak", AQARA_WATER)
    assert whats(seen) == {
        ("clear", True), ("tamper", False), ("battery-low", False), ("reading", True), ("alive", True)
    }  # fmt: skip
    assert [(each.quantity, each.value) for each in seen if each.what == "reading"] == [("battery", 100.0)]


@pytest.mark.parametrize("kept", [False, True])
def test_water_calls_whether_it_comes_now_or_was_kept(kept: bool) -> None:
    seen = Bus().say("leak", {"water_leak": True}, kept=kept)
    assert calls(seen) == [("leak/water_leak", "active", "water leak")]
    assert any(each.what == "alive" for each in seen) is not kept
    assert all(each.kept is kept for each in seen)


def test_what_a_scale_or_a_cuff_measures_is_a_reading_with_its_unit() -> None:
    seen = Bus().say("scale", {"weight": 61.2, "impedance": 500, "pulse": True, "glucose": "5.1", "linkquality": 80})
    assert [(each.quantity, each.value, each.unit) for each in seen if each.what == "reading"] == [
        ("weight", 61.2, "kg")
    ]


@pytest.mark.parametrize("report", [{"battery": 90}, {"water_leak": None}, {"linkquality": 12}, {}])
def test_a_report_that_does_not_say_dry_proves_life_only(report: dict[str, Any]) -> None:
    assert {each.what for each in Bus().say("leak", report)} <= {"alive", "reading"}


@pytest.mark.parametrize(
    ("report", "call"),
    [
        ({"smoke": True}, ("d/smoke", "active", "smoke")),
        ({"carbon_monoxide": True}, ("d/carbon_monoxide", "active", "carbon monoxide")),
        ({"contact": False}, ("d/contact", "active", "open")),
        ({"fall_down_status": "fall"}, ("d/fall_down_status", "active", "fall")),
        ({"status": "falling"}, ("d/status", "active", "falling")),
    ],
)
def test_levels_that_call(report: dict[str, Any], call: Any) -> None:
    assert calls(Bus().say("d", report)) == [call]


@pytest.mark.parametrize(
    ("report", "part", "what"),
    [
        ({"occupancy": True, "illuminance": 12}, "occupancy", "active"),
        ({"occupancy": False}, "occupancy", "clear"),
        ({"presence": True}, "presence", "active"),
        ({"status": "on_the_bed"}, "bed", "active"),
        ({"status": "sitting"}, "bed", "clear"),
        ({"status": "falling"}, "bed", "clear"),
        ({"status": "low_posture"}, "bed", "clear"),
    ],
)
def test_what_is_only_watched_is_a_part_of_its_own(report: dict[str, Any], part: str, what: str) -> None:
    seen = [each.what for each in Bus().say("d", report) if each.address == f"d/{part}"]
    assert seen == [what]


@pytest.mark.parametrize(
    ("report", "clears"),
    [
        ({"smoke": False}, True),
        ({"contact": True}, True),
        ({"fall_down_status": "none"}, True),
        ({"fall_down_status": "maybe_fall"}, False),
        ({"status": "sitting"}, True),
        ({"status": "low_posture"}, False),  # somebody may still lie there
        ({"status": "unplugged?"}, False),
        ({"smoke": "true"}, False),
        ({"smoke": 1}, False),
    ],
)
def test_levels_that_do_not_call(report: dict[str, Any], clears: bool) -> None:
    seen = Bus().say("d", report)
    assert calls(seen) == []
    assert ("clear" in {each.what for each in seen if each.address != "d/bed"}) is clears
    assert "alive" in {each.what for each in seen}


def test_tamper_and_batteries() -> None:
    assert {("tamper", True), ("battery-low", True)} <= whats(Bus().say("d", {"tamper": True, "battery_low": True}))
    for value in (None, "90", True, 1e300, 10**400):
        raw = b'{"battery":%s}' % (b"1e999" if value == 1e300 else str(value).encode() if value == 10**400 else b"null")
        assert "reading" not in {each.what for each in Bus().say("d", raw)}


# --- presses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["state", "action"])
def test_s4_one_press_on_both_topics_is_one_trigger(first: str) -> None:
    bus = Bus()
    said = [("sos", SOS), ("sos/action", b"emergency")]
    seen = []
    for name, payload in said if first == "state" else reversed(said):
        seen += bus.say(name, payload)
    seen += bus.say("sos", SOS_AFTER) + bus.say("sos/action", b"") + bus.say("sos", {"action": None})
    assert calls(seen) == [("sos", "trigger", "emergency")]
    assert calls(bus.say("sos", SOS, after_ms=1_500)) == [("sos", "trigger", "emergency")]  # pressed again


@pytest.mark.parametrize("word", ["off", "single", "double", "hold"])
def test_every_press_of_a_heiman_button_calls(word: str) -> None:
    assert calls(Bus().say("heiman", {"action": word})) == [("heiman", "trigger", word)]


def test_letting_go_is_no_press() -> None:
    assert calls(Bus().say("b", {"action": "hold_release"}) + Bus().say("b/action", b"release")) == []


@pytest.mark.parametrize("name", ["sos", "sos/action"])
def test_a_kept_action_is_history(name: str) -> None:
    payload = SOS if name == "sos" else b"emergency"
    bus = Bus()
    assert bus.say(name, payload, kept=True) == []
    assert calls(bus.say(name, payload)) == [("sos", "trigger", "emergency")]  # and does not mask a live one


def test_two_buttons_at_once_are_two_triggers() -> None:
    bus = Bus()
    assert len(calls(bus.say("a", SOS) + bus.say("b", SOS))) == 2


# --- the bridge --------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"offline", b'{"state":"offline"}'])
def test_unavailable_is_a_trouble_and_never_an_alarm(payload: bytes) -> None:
    bus = Bus()
    seen = bus.say("sos/availability", payload, kept=True)
    assert [(each.address, each.what, each.on) for each in seen] == [("sos", "unavailable", True)]
    seen = bus.say("sos/availability", payload.replace(b"offline", b"online"))
    assert [(each.what, each.on) for each in seen] == [("unavailable", False)]


def test_the_bridges_own_state() -> None:
    bus = Bus()
    assert bus.decoder.bridge_online is None
    for payload, online in ((b'{"state":"offline"}', False), (b"online", True), (b"what?", True)):
        assert bus.say("bridge/state", payload) == []
        assert bus.decoder.bridge_online is online
    assert bus.decoder.noise == 1
    assert bus.say("bridge/devices", b"[]") == []
    assert bus.decoder.noise == 1


# --- junk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"on"',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"a":' * 9_000,
        b" " * PAYLOAD_BYTES_MAX + b"{}",
    ],
)
def test_junk_is_counted_and_says_nothing(payload: bytes) -> None:
    bus = Bus()
    assert bus.say("d", payload) == []
    assert bus.decoder.noise == 1


def test_foreign_and_oversized_names_are_noise() -> None:
    decoder = Zigbee2MqttDecoder()
    for topic in ("other/d", "zigbee2mqtt", "zigbee2mqtt/", "zigbee2mqtt/" + "x" * 129):
        assert decoder.feed(topic, b"{}", kept=False, at_ms=0) == []
    assert decoder.noise == 4


KEYS = st.sampled_from(["action", "water_leak", "smoke", "contact", "status", "fall_down_status", "battery", "tamper"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), lambda x: st.lists(x, max_size=2)
)


@given(
    st.text(max_size=12),
    st.binary(max_size=64) | st.dictionaries(KEYS | st.text(max_size=5), VALUES, max_size=5).map(
        lambda x: msgspec.json.encode({str(k).encode("utf-8", "replace").decode(): v for k, v in x.items()})
    ),
    st.booleans(),
)  # fmt: skip
def test_arbitrary_messages_never_raise(name: str, payload: bytes, kept: bool) -> None:
    decoder = Zigbee2MqttDecoder()
    for end in ("", "/action", "/availability"):
        for seen in decoder.feed(f"zigbee2mqtt/{name}{end}", payload, kept=kept, at_ms=0):
            assert isinstance(seen, Observation)
            assert len(seen.detail) <= 64


# --- for the status ----------------------------------------------------------------------------------


def vitals(seen: list[Observation]) -> list[tuple[str, int | None, int | None]]:
    return [(each.what, each.signal, each.battery) for each in seen if (each.signal, each.battery) != (None, None)]


def test_every_report_tells_how_it_was_heard_and_a_kept_one_does_not() -> None:
    assert vitals(Bus().say("leak", AQARA_WATER)) == [("alive", 33, 100)]
    assert vitals(Bus().say("sos", SOS)) == [("trigger", 35, None)]
    assert vitals(Bus().say("any", {"linkquality": 255})) == [("alive", 100, None)]  # a sensor with nothing else
    assert vitals(Bus().say("leak", AQARA_WATER, kept=True)) == []


@pytest.mark.parametrize("value", [None, "90", True, -1, 256, 1e300, [], float("nan")])
def test_a_signal_or_battery_that_is_none_is_not_told(value: Any) -> None:
    assert vitals(Bus().say("any", {"linkquality": value, "battery": value})) == []
