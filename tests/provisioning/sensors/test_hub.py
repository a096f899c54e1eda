"""The hub as the commands see it: whether it runs by hub.toml, what it waits for, and what it says when it cannot."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent.config import load
from agent.status import RestartStatus
from provisioning.sensors.hub import Hub, HubError, NotRunningError, NotTakenUpError, deaf, stale
from tests.support.hub_status import NOW, hub, note, sensor

LATER, BEFORE = "2100-01-01T00:00:00.000Z", "2000-01-01T00:00:00.000Z"

Served = Callable[..., Path]


def made(hub_toml: Path, socket: Path) -> Hub:
    return Hub(msgspec.structs.replace(load(hub_toml), socket=socket))


def test_a_hub_that_started_before_hub_toml_was_changed_is_stale(hub_toml: Path) -> None:
    config = load(hub_toml)
    assert stale(config, hub(started=BEFORE))
    assert not stale(config, hub(started=LATER))
    assert stale(config, hub(started=LATER, sensors=[sensor("gone")]))


def test_what_a_restart_waits_for_is_told(hub_toml: Path, served: Served) -> None:
    wanted = RestartStatus(whys=("configuration",), since=NOW, for_s=1, waits_for="alarm", latest=LATER)
    socket = served(msgspec.json.encode(hub(restart=wanted)))
    with pytest.raises(NotTakenUpError, match="a real alarm is open"):
        made(hub_toml, socket).take_up(lambda _told: True, timeout_s=0.3)
    assert (load(hub_toml).state_dir / "restart.wanted").exists()


def test_a_hub_that_is_as_wanted_already_must_have_started_anew_all_the_same(hub_toml: Path, served: Served) -> None:
    socket = served(msgspec.json.encode(hub()))
    with pytest.raises(NotTakenUpError):
        made(hub_toml, socket).take_up(lambda _told: True, timeout_s=0.1)


def test_who_may_not_write_into_the_state_directory_is_told_who_may(hub_toml: Path, served: Served) -> None:
    made_hub = made(hub_toml, served(msgspec.json.encode(hub())))
    (hub_toml.parent / "state").rmdir()
    with pytest.raises(HubError, match="as root or as the hub's user"):
        made_hub.take_up(lambda _told: True)


def test_a_hub_of_another_version_is_told_apart_from_none(hub_toml: Path, served: Served) -> None:
    with pytest.raises(NotRunningError, match="systemctl start"):
        made(hub_toml, hub_toml.parent / "nobody").status()
    with pytest.raises(HubError, match="same version"):
        made(hub_toml, served(b'{"hub": 1}')).status()


def test_a_hub_that_knows_no_verb_says_so(hub_toml: Path, served: Served) -> None:
    with pytest.raises(HubError, match="engineer"):
        made(hub_toml, served(msgspec.json.encode(hub()))).do("engineer")


def test_deaf_drivers_say_why() -> None:
    told = hub(drivers=[note("radio", listening=False, reason="no such file"), note("zigbee")])
    assert deaf(told) == ["driver radio hears nothing: no such file"]
