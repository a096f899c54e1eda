"""The hub's key for plans, as hub.toml names it: its own, private, and there."""

from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import ConfigError, load
from simulators.keys import HubKeys, make_keys


def hub_toml(folder: Path, plan: str) -> tuple[Path, HubKeys]:
    keys = make_keys(folder / "keys", SystemClock().now().wall_ms, ["hub-1"])
    hub = keys.hubs["hub-1"]
    path = folder / "hub.toml"
    path.write_text(
        f'hub = "hub-1"\noutputs = "log"\n[keys]\nhub = "{hub.signing}"\ncentre = ["{keys.centre_public}"]\n'
        f'{plan.format(hub=hub)}\n[[uplink]]\nname = "main"\nhost = "localhost"\n'
    )
    return path, hub


def test_a_hub_may_do_without(tmp_path: Path) -> None:
    path, _ = hub_toml(tmp_path, "")
    assert load(path).keys.plan is None


def test_it_is_named(tmp_path: Path) -> None:
    path, hub = hub_toml(tmp_path, 'plan = "{hub.plan}"')
    assert load(path).keys.plan == hub.plan


@pytest.mark.parametrize(
    ("plan", "remedy"), [('plan = "none.pem"', "put it there"), ('plan = "{hub.signing}"', "a key of its own")]
)
def test_s11_one_that_is_not_there_or_not_its_own_is_refused(tmp_path: Path, plan: str, remedy: str) -> None:
    path, _ = hub_toml(tmp_path, plan)
    with pytest.raises(ConfigError, match=rf"keys\.plan: .*{remedy}"):
        load(path)


def test_s11_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path, hub = hub_toml(tmp_path, 'plan = "{hub.plan}"')
    hub.plan.chmod(0o640)
    with pytest.raises(ConfigError, match=r"keys\.plan: .*0640.*chmod 600"):
        load(path)
