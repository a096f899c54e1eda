"""`hearthline plan apply`: what it says when there is no hub to take the plan. `tests/agent/plan` has the rest."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.clock import SystemClock
from agent.plan.arrival import DROPPED, OUTCOME
from provisioning.plan.apply import apply
from simulators.keys import make_keys

NUMBER = "+447700900123"


@pytest.fixture
def hub_toml(tmp_path: Path) -> Path:
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-1"])
    path = tmp_path / "hub.toml"
    path.write_text(
        f'hub = "hub-1"\nstate_dir = "{tmp_path / "state"}"\noutputs = "log"\n'
        f'[keys]\nhub = "{keys.hubs["hub-1"].signing}"\ncentre = ["{keys.centre_public}"]\n'
        '[[uplink]]\nname = "main"\nhost = "localhost"\n'
    )
    (tmp_path / "state").mkdir()
    return path


def laid(hub_toml: Path, text: str, mode: int = 0o600) -> Result:
    file = hub_toml.with_name("plan.toml")
    file.write_text(text)
    file.chmod(mode)
    return CliRunner().invoke(apply, [str(file), "--config", str(hub_toml), "--wait", "0.2"])


PLAN = f'version = 2\n[contact.son]\nconsent = 2026-01-01\n[private.numbers]\nson = "{NUMBER}"\n'


def test_a_plan_that_nobody_takes_stays_there_for_the_hubs_start(hub_toml: Path) -> None:
    ran = laid(hub_toml, PLAN)
    assert ran.exit_code == 2
    assert "is it running" in ran.output
    place = hub_toml.parent / "state" / DROPPED
    assert json.loads(place.read_bytes())["version"] == 2
    assert place.stat().st_mode & 0o777 == 0o600


def test_an_outcome_of_another_plan_is_not_taken_for_this_ones(hub_toml: Path) -> None:
    (hub_toml.parent / "state" / OUTCOME).write_text('{"outcome": "applied", "version": 2, "digest": "0"}')
    assert laid(hub_toml, PLAN).exit_code == 2


def test_s9_a_plan_that_cannot_be_read_is_not_even_laid(hub_toml: Path) -> None:
    ran = laid(hub_toml, PLAN.replace("consent", "consented"))
    assert ran.exit_code == 1
    assert 'did you mean "consent"?' in ran.output
    assert not (hub_toml.parent / "state" / DROPPED).exists()


def test_s9_a_plan_for_another_home_is_not_even_laid(hub_toml: Path) -> None:
    ran = laid(hub_toml, '[[absence]]\nsensor = "bed"\nlimit_min = 20\n')
    assert ran.exit_code == 1
    assert "a sensor in hub.toml of kind bed or chair" in ran.output


def test_s11_a_file_that_others_may_read_is_refused_like_a_key(hub_toml: Path) -> None:
    ran = laid(hub_toml, PLAN, mode=0o640)
    assert ran.exit_code == 2
    assert "chmod 600" in ran.output
    assert NUMBER not in ran.output


def test_a_directory_that_is_not_ours_is_named(hub_toml: Path) -> None:
    (hub_toml.parent / "state").rmdir()
    ran = laid(hub_toml, PLAN)
    assert ran.exit_code == 2
    assert "as root or as the hub's user" in ran.output


def test_a_hub_that_is_not_configured_is_named(tmp_path: Path) -> None:
    ran = CliRunner().invoke(apply, [str(tmp_path / "plan.toml"), "--config", str(tmp_path / "hub.toml")])
    assert ran.exit_code == 2
    assert "hub.toml: No such file" in ran.output
