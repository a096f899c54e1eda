"""What a device probably is, what is plugged in, what a typed answer means, what a plan still needs: all by words."""

from pathlib import Path

import pytest

from agent.config import load
from provisioning.doctor.mqtt import Heard
from provisioning.sensors.bus import judged
from provisioning.sensors.describing import AnswerError, Place, read_kind, read_place
from provisioning.sensors.looking import (
    AddError,
    Found,
    driver_name,
    look_at,
    options,
    place_of,
    read_add,
    same_place,
    serial_devices,
)
from provisioning.sensors.removing import mentions
from provisioning.sensors.suggesting import ALARMING, KINDS, PRESSED, strength, suggest
from rules.kinds import SENSES, SENSOR_KINDS


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (["trigger emergency", "alive"], "pendant"),
        (["trigger panic", "reading signal", "battery-low"], "pendant"),
        (["trigger press"], "button"),
        (["trigger single"], "button"),
        (["active water leak", "alive"], "flood"),
        (["active water_leak"], "flood"),
        (["clear dry", "tamper"], "flood"),
        (["trigger smoke"], "smoke"),
        (["clear no smoke", "active carbon monoxide"], "carbon-monoxide"),
        (["active fall"], "fall"),
        (["clear no fall", "active present"], "motion"),
        (["active falling", "clear absent"], "fall"),
        (["active open"], "door"),
        (["active contact"], "door"),
        (["active alarm"], "door"),
        (["active motion", "reading temperature"], "motion"),
        (["active occupancy"], "motion"),
        (["active on_the_bed"], "bed"),
        (["alive", "reading temperature"], "temperature"),
        (["alive", "reading weight"], "reading"),
        (["alive"], ""),
        ([], ""),
    ],
)
def test_a_kind_is_suggested_by_what_was_said(said: list[str], kind: str) -> None:
    assert suggest(said) == kind


def test_every_kind_has_its_words() -> None:
    assert set(KINDS) == {each.name for each in SENSOR_KINDS} | SENSES
    assert ALARMING < PRESSED < set(KINDS)


@pytest.mark.parametrize(
    ("percent", "words"),
    [
        (None, "not told"),
        (0, "weak, 0 %"),
        (19, "weak, 19 %"),
        (20, "fair, 20 %"),
        (35, "good, 35 %"),
        (60, "strong, 60 %"),
    ],
)
def test_a_signal_has_words(percent: int | None, words: str) -> None:
    assert strength(percent) == words


# --- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kind"),
    [("pendant", "pendant"), ("Pull cord", "pull-cord"), ("temp", "temperature"), ("carbon", "carbon-monoxide")],
)
def test_a_kind_is_read_as_it_was_meant(typed: str, kind: str) -> None:
    assert read_kind(typed) == kind


@pytest.mark.parametrize("typed", ["", "p", "lamp", "door "])
def test_a_kind_that_might_be_two_is_asked_again(typed: str) -> None:
    if typed.strip() in KINDS:
        assert read_kind(typed) == typed.strip()
    else:
        with pytest.raises(AnswerError):
            read_kind(typed)


def test_a_place_may_bring_an_id_and_a_person() -> None:
    assert read_place(" kitchen ") == Place("kitchen")
    assert read_place("kitchen person=resident-1 id=sink") == Place("kitchen", "sink", "resident-1")


@pytest.mark.parametrize(
    "typed", ["", "Kitchen", "living room", "kitchen id=", "kitchen id=a id=b", "kitchen colour=red", "k" * 41, "küche"]
)
def test_a_place_that_cannot_be_is_refused(typed: str) -> None:
    with pytest.raises(AnswerError):
        read_place(typed)


def test_s11_what_may_be_a_name_is_not_repeated() -> None:
    with pytest.raises(AnswerError) as raised:
        read_place("hall person=Margaret")
    assert "Margaret" not in str(raised.value)


# --- what is plugged in ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("usb-RFXCOM_RFXtrx433_A1XYZ-if00-port0", "rfxtrx", "RFXtrx433"),
        ("usb-SimTech__Incorporated_SimTech_SIM7600-if02", None, "[modem]"),
        ("usb-ITead_Sonoff_Zigbee_3.0_USB_Dongle_Plus_V2-if00", None, "zigbee2mqtt must have it"),
        ("usb-dresden_elektronik_ConBee_II-if00", None, "zigbee2mqtt must have it"),
        ("usb-1a86_USB_Serial-if00-port0", "", "does not say"),
        ("serial0", "", "does not say"),
    ],
)
def test_an_adapter_is_told_by_its_name(name: str, kind: str | None, words: str) -> None:
    found = look_at(f"/dev/serial/by-id/{name}")
    assert found.type == kind
    assert words in found.looks


def test_the_paths_that_stay_are_named(tmp_path: Path) -> None:
    assert serial_devices(tmp_path / "none") == []
    (tmp_path / "usb-b").touch()
    (tmp_path / "usb-a").touch()
    assert serial_devices(tmp_path) == [str(tmp_path / "usb-a"), str(tmp_path / "usb-b")]


def test_a_device_is_one_by_whatever_path(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "by-id").symlink_to(tmp_path / "ttyUSB0")
    assert same_place(str(tmp_path / "by-id"), str(tmp_path / "ttyUSB0"))
    assert not same_place(str(tmp_path / "by-id"), str(tmp_path / "ttyUSB1"))
    assert same_place("localhost:1883", "127.0.0.1:1883")
    assert not same_place("127.0.0.1:1883", "127.0.0.1:1884")


def test_drivers_have_names_that_say_what_they_are() -> None:
    assert [driver_name("rfxtrx", taken) for taken in ([], ["radio"], ["radio", "radio-2"])] == [
        "radio",
        "radio-2",
        "radio-3",
    ]
    assert [driver_name(each, []) for each in ("zigbee2mqtt", "gpio", "c1001")] == ["zigbee", "wires", "radar"]


@pytest.mark.parametrize(
    ("text", "device", "table"),
    [
        ("rfxtrx=/dev/r", "/dev/r", {"type": "rfxtrx", "device": "/dev/r"}),
        ("zigbee2mqtt", "127.0.0.1:1883", {"type": "zigbee2mqtt"}),
        ("zigbee2mqtt=bus:1884", "bus:1884", {"type": "zigbee2mqtt", "host": "bus", "port": 1884}),
        ("zigbee2mqtt=bus", "bus:1883", {"type": "zigbee2mqtt", "host": "bus", "port": 1883}),
        ("gpio", "pins", {"type": "gpio"}),
    ],
)
def test_a_script_says_what_it_adds(text: str, device: str, table: dict[str, object]) -> None:
    found = read_add(text)
    assert (found.device, options(found)) == (device, table)


@pytest.mark.parametrize("text", ["rfxtrx", "rfxtrx=r", "lamp=/dev/r", "gpio=17", "zigbee2mqtt=a b", "zigbee2mqtt=a:b"])
def test_a_script_that_says_no_adapter_is_told_so(text: str) -> None:
    with pytest.raises(AddError):
        read_add(text)


def test_where_a_configured_driver_listens(hub_toml: Path) -> None:
    more = '[driver.zigbee]\ntype = "zigbee2mqtt"\n[driver.wires]\ntype = "gpio"\n'
    hub_toml.write_text(hub_toml.read_text() + more)
    assert [place_of(each) for each in load(hub_toml).drivers] == ["/dev/none", "127.0.0.1:1883", "pins"]
    assert Found(device="pins", type="gpio", looks="").used == ""


@pytest.mark.parametrize(
    ("heard", "bus"),
    [
        (Heard("ok", b'{"state":"online"}'), "online"),
        (Heard("ok", b"offline"), "offline"),
        (Heard("ok"), "no bridge"),
        (Heard("unauthorised"), "refused"),
        (Heard("silent"), "no broker"),
    ],
)
def test_a_bus_is_told_by_its_answer(heard: Heard, bus: str) -> None:
    assert judged(heard) == bus


# --- the plan ---------------------------------------------------------------------------------------------


def test_what_a_plan_names_a_sensor_for() -> None:
    plan = {
        "version": 3,
        "absence": [{"sensor": "bed-1"}, {"sensor": "bed-2"}],
        "inactivity": [{"name": "day", "sensors": ["hall", "bed-1"]}],
        "supervision": {"silent_after_h": {"bed-1": 12}},
        "private": {"texts": {"bed-1": "x"}},
    }
    assert list(mentions(plan, "bed-1")) == ["[absence]", "[inactivity]", "[supervision.silent_after_h]"]
    assert list(mentions(plan, "hall")) == ["[inactivity]"]
    assert list(mentions(plan, "door")) == []
