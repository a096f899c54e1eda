"""Configuration and keys that systemd hands over: they come first, and nothing else changes."""

import os
from pathlib import Path

import pytest

from agent.config import ConfigError, HubConfig, load

HUB = """
hub = "hub-3f9a"
outputs = "log"
[keys]
hub = "keys/hub.key"
plan = "keys/plan.key"
centre = ["keys/centre-1.pem", "keys/centre-2.pem"]
[[uplink]]
name = "main"
host = "broker.example.org"
ca = "keys/ca.pem"
certificate = "keys/uplink.pem"
key = "keys/uplink.key"
"""
FILES = ("hub.key", "plan.key", "uplink.key", "uplink.pem", "ca.pem", "centre-1.pem", "centre-2.pem")


class Box:
    """A box whose configuration and keys are root's, and what systemd hands to the hub."""

    def __init__(self, path: Path, patch: pytest.MonkeyPatch) -> None:
        self.etc, self.handed = path / "etc", path / "credentials"
        (self.etc / "keys").mkdir(parents=True)
        self.handed.mkdir()
        self.hub_toml = self.etc / "hub.toml"
        self.hub_toml.write_text(HUB)
        for name in FILES:
            write(self.etc / "keys" / name, "on disk")
        patch.setenv("CREDENTIALS_DIRECTORY", str(self.handed))

    def hand(self, *names: str, content: str = "handed over", mode: int = 0o440) -> None:
        for name in names:
            write(self.handed / name, content, mode)

    def load(self) -> HubConfig:
        return load(self.hub_toml)

    def problem(self) -> str:
        with pytest.raises(ConfigError) as refused:
            self.load()
        (line,) = str(refused.value).splitlines()
        return line.removeprefix(f"{self.hub_toml}: ")


def write(path: Path, content: str, mode: int = 0o600) -> None:
    path.write_text(content)
    path.chmod(mode)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(tmp_path, monkeypatch)


def test_every_key_is_read_from_where_systemd_put_it(box: Box) -> None:
    box.hand(*FILES)
    config = box.load()
    uplink = config.uplinks[0]
    paths = (config.keys.hub, config.keys.plan, *config.keys.centre, uplink.ca, uplink.certificate, uplink.key)
    assert set(paths) == {box.handed / name for name in FILES}


def test_what_was_not_handed_over_is_read_where_it_is(box: Box) -> None:
    box.hand("hub.key", "uplink.key")
    box.hand("plan.key", "centre-2.pem", content="absent")  # the unit's word for a file that is not there
    config = box.load()
    assert config.keys.hub == box.handed / "hub.key"
    assert config.keys.plan == box.etc / "keys" / "plan.key"
    assert config.keys.centre == (box.etc / "keys" / "centre-1.pem", box.etc / "keys" / "centre-2.pem")


def test_outside_a_service_nothing_is_handed_over(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.hand(*FILES)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert box.load().keys.hub == box.etc / "keys" / "hub.key"


def test_a_file_elsewhere_is_never_taken_for_one_of_its_name(box: Box) -> None:
    box.hand(*FILES)
    (box.etc / "other").mkdir()
    write(box.etc / "other" / "ca.pem", "another authority")
    box.hub_toml.write_text(HUB.replace("keys/ca.pem", "other/ca.pem"))
    assert box.load().uplinks[0].ca == box.etc / "other" / "ca.pem"


def test_the_configuration_itself_may_be_handed_over(box: Box) -> None:
    box.hand("hub.toml", content=HUB.replace("hub-3f9a", "hub-handed"))
    config = box.load()
    assert config.hub == "hub-handed"
    assert config.path == box.hub_toml  # what problems are told of, and what relative paths start from
    assert config.keys.hub == box.etc / "keys" / "hub.key"
    box.hand("hub.toml", content="absent")
    assert box.load().hub == "hub-3f9a"


def test_s11_the_group_may_read_what_was_handed_over_and_nothing_else(box: Box) -> None:
    box.hand("hub.key", mode=0o440)  # how an access list for the hub's user shows in the mode
    assert box.load().keys.hub == box.handed / "hub.key"
    box.hand("hub.key", mode=0o444)
    assert "with mode 0444" in box.problem()
    (box.handed / "hub.key").unlink()
    (box.etc / "keys" / "hub.key").chmod(0o440)
    assert "with mode 0440" in box.problem()


def test_s11_two_keys_stay_two_when_they_are_handed_over(box: Box) -> None:
    box.hand("hub.key")
    box.hub_toml.write_text(HUB.replace("keys/plan.key", "keys/hub.key"))
    assert "a key of its own" in box.problem()


@pytest.mark.parametrize("folder", ["", "relative", "/nowhere/at/all"])
def test_a_folder_that_cannot_be_one_changes_nothing(box: Box, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setitem(os.environ, "CREDENTIALS_DIRECTORY", folder)
    assert box.load().keys.hub == box.etc / "keys" / "hub.key"
