"""The registry: names, options with clear errors, addresses, heartbeats, and what it does not import."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from sensors.registry import DRIVER_TYPES, HEARTBEAT_MS, driver_type

SERIAL = {"device": "/dev/serial/by-id/x"}
OPTIONS: dict[str, dict[str, Any]] = {
    "gpio": {},
    "zigbee2mqtt": {},
    "rfxtrx": SERIAL,
    "mr60fda1": SERIAL,
    "c1001": SERIAL,
    "mr60fda2": SERIAL,
}
GOOD = {
    "gpio": "GPIO17:nc",
    "zigbee2mqtt": "kitchen leak/water_leak",
    "rfxtrx": "security1:d3dc54",
    "mr60fda1": "radar",
    "c1001": "radar",
    "mr60fda2": "radar",
}


def test_an_unknown_driver_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'zigbee' is unknown: expected one of c1001, gpio, mr60fda1") as caught:
        driver_type("zigbee")
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("name", sorted(DRIVER_TYPES))
def test_every_type_can_be_made_from_its_options(name: str) -> None:
    kind = driver_type(name)
    options = msgspec.convert(OPTIONS[name], kind.options)
    kind.check_address(GOOD[name])
    driver = kind.make(options, [GOOD[name]], lambda: 0, None)
    assert callable(driver.run)
    for wrong in ("", "no such thing +"):
        with pytest.raises(ValueError, match=r"expected|radar"):
            kind.check_address(wrong)
    with pytest.raises(msgspec.ValidationError, match="unknown field `bauds`"):
        msgspec.convert(OPTIONS[name] | {"bauds": 1}, kind.options)


def test_every_option_is_documented() -> None:
    for kind in DRIVER_TYPES.values():
        for field in msgspec.structs.fields(kind.options):
            assert f"`{field.name}`" in (kind.options.__doc__ or ""), f"{kind.name}: {field.name}"


def test_s7_silence_is_supervised_only_where_there_is_a_heartbeat() -> None:
    beats = {name for name, kind in DRIVER_TYPES.items() if kind.heartbeat_ms == HEARTBEAT_MS == 12 * 3_600_000}
    assert beats == {"zigbee2mqtt", "mr60fda1", "c1001", "mr60fda2"}
    assert {name for name, kind in DRIVER_TYPES.items() if kind.heartbeat_ms is None} == {"gpio", "rfxtrx"}


def test_the_registry_itself_imports_no_device_library() -> None:
    heavy = ("paho", "gpiozero", "serial", "RFXtrx")
    code = f"import sensors.registry, sys; print([each for each in {heavy} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("address", ["GPIO99", "GPIO1", "28"])
def test_a_pin_that_no_header_has_is_refused_by_name(address: str) -> None:
    with pytest.raises(ValueError, match="expected a Broadcom pin from 2 to 27"):
        driver_type("gpio").check_address(address)
