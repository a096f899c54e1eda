"""The commands where no hub runs, or nothing can be done: plain words, and hub.toml as it was or whole."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.config import load
from provisioning.sensors.command import COMMANDS, sensors
from tests.support.house import ROOT
from tests.support.typist import Typist

CODE = "from provisioning.sensors.command import sensors; sensors(prog_name='hearthline sensors')"
FLOOD = (
    '[[sensor]]\nid = "flood-1"\ndriver = "radio"\naddress = "security1:d3dc54"\nkind = "flood"\nlocation = "bath"\n'
)

Run = Callable[..., Result]


@pytest.fixture
def run(hub_toml: Path) -> Run:
    def command(*arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "160"}).invoke(sensors, [*arguments, "--config", str(hub_toml)])

    return command


def ids(hub_toml: Path) -> list[str]:
    return [each["id"] for each in tomllib.loads(hub_toml.read_text()).get("sensor", [])]


SINK = ("--driver", "radio", "--address", "security1:0a0b0c", "--kind", "flood", "--location", "kitchen")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches(name: str) -> None:
    said = CliRunner().invoke(sensors, [name, "--help"]).output
    assert "Exits with" in said
    assert "--json" in said


def test_a_script_adds_a_sensor_before_any_hub_runs_and_only_once(run: Run, hub_toml: Path) -> None:
    first = run("learn", *SINK, "--json")
    assert first.exit_code == 0, first.output
    assert "No hub runs now" in first.stderr
    assert json.loads(first.stdout)[0]["sensor"]["id"] == "flood-1"
    again = run("learn", *SINK)
    assert (again.exit_code, ids(hub_toml)) == (0, ["flood-1"])
    assert "# behind the wardrobe" in hub_toml.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (SINK[:6], "--location is missing"),
        ((*SINK[:4], "--kind", "fluod", "--location", "kitchen"), "no kind 'fluod'"),
        ((*SINK, "--person", "Mrs Jones"), "write the place as one word"),
        (("--driver", "zigbee", *SINK[2:]), "driver.zigbee"),
        (("--driver", "radio", "--address", "lamp", *SINK[4:]), "security1:d3dc54"),
    ],
)
def test_a_script_that_says_what_cannot_be_changes_nothing(
    run: Run, hub_toml: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = hub_toml.read_bytes()
    ran = run("learn", *arguments)
    assert ran.exit_code == 2
    assert words in ran.output
    assert "Jones" not in ran.output
    assert hub_toml.read_bytes() == before


@pytest.mark.parametrize("arguments", [("learn",), ("replace", "flood-1"), ("test",), ("test", "--range", "flood-1")])
def test_what_needs_a_hub_says_how_to_start_it(run: Run, hub_toml: Path, arguments: tuple[str, ...]) -> None:
    hub_toml.write_text(hub_toml.read_text() + FLOOD)
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert "systemctl start hearthline" in ran.output


@pytest.mark.parametrize("name", ["replace", "remove"])
def test_a_sensor_that_is_not_there_is_answered_by_those_that_are(run: Run, hub_toml: Path, name: str) -> None:
    hub_toml.write_text(hub_toml.read_text() + FLOOD)
    ran = run(name, "flood-2")
    assert ran.exit_code == 2
    assert "there are flood-1" in ran.output
    walk = run("test", "--leave-out", "flood-2")
    assert (walk.exit_code, "there are flood-1" in walk.output) == (2, True)


def test_a_list_needs_no_hub(run: Run, hub_toml: Path) -> None:
    assert "hearthline sensors learn" in run("list").output
    hub_toml.write_text(hub_toml.read_text() + FLOOD)
    ran = run("list", "--json")
    assert ran.exit_code == 0
    assert json.loads(ran.stdout)[0] == {
        "id": "flood-1",
        "kind": "flood",
        "location": "bath",
        "driver": "radio",
        "address": "security1:d3dc54",
        "signal": None,
        "battery": None,
        "heard": None,
        "in_force": False,
        "troubles": [],
    }
    assert "systemctl start hearthline" in ran.stderr
    assert "not in force yet" in run("list").stdout


def test_a_walk_without_sensors_says_what_comes_first(run: Run) -> None:
    ran = run("test")
    assert (ran.exit_code, "hearthline sensors learn" in ran.output) == (2, True)


def test_removing_tells_what_the_plan_still_needs_it_for(run: Run, hub_toml: Path) -> None:
    hub_toml.write_text(hub_toml.read_text() + FLOOD)
    plans = hub_toml.parent / "state" / "plans"
    plans.mkdir()
    (plans / "3.json").write_text('{"version": 3, "threshold": [{"name": "a", "sensor": "flood-1"}]}')
    (plans / "2.json").write_text('{"version": 2, "door": [{"sensor": "flood-1"}]}')
    ran = run("remove", "flood-1", "--yes", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout) == {"id": "flood-1", "removed": True, "plan": ["[threshold]"]}
    assert "names flood-1 in [threshold]" in ran.stderr
    assert ids(hub_toml) == []


def test_json_asks_nothing_and_removes_nothing_without_a_yes(run: Run, hub_toml: Path) -> None:
    hub_toml.write_text(hub_toml.read_text() + FLOOD)
    ran = run("remove", "flood-1", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["removed"], ids(hub_toml)) == (0, False, ["flood-1"])


def test_a_script_adds_adapters_once(run: Run, hub_toml: Path) -> None:
    radar = hub_toml.with_name("serial0")
    radar.touch()
    adds = ("--add", f"mr60fda2={radar}", "--add", "zigbee2mqtt", "--add", "gpio")
    ran = run("adapters", *adds, "--json")
    assert ran.exit_code == 0, ran.output
    assert [each["driver"] for each in json.loads(ran.stdout)] == ["radio", "radar", "zigbee", "wires"]
    assert load(hub_toml).pins == "lgpio"
    before = hub_toml.read_bytes()
    assert run("adapters", *adds).exit_code == 0
    assert hub_toml.read_bytes() == before
    wrong = run("adapters", "--add", "lamp=/dev/x")
    assert (wrong.exit_code, "expected one of" in wrong.output) == (2, True)


async def test_adapters_are_added_when_an_installer_agrees_to_each(hub_toml: Path) -> None:
    known, unknown = (hub_toml.parent / name for name in ("usb-RFXCOM_RFXtrx433_B-if00", "usb-1a86_Serial-if00"))
    known.touch()
    unknown.touch()
    arguments = ("adapters", str(known), str(unknown), "--config", str(hub_toml))
    async with Typist(CODE, *arguments, cwd=ROOT) as typist:
        await typist.until(f"{known.name}: an RFXtrx433 receiver")
        await typist.until("Add it? [Y/n]")
        typist.type()
        await typist.until(f"{unknown.name}: a serial port")
        await typist.until("What is it?")
        typist.type("4")
        await typist.until("Added driver radar")
        assert await typist.ended() == 0
    assert {each.name: each.type for each in load(hub_toml).drivers} == {
        "radio": "rfxtrx",
        "radio-2": "rfxtrx",
        "radar": "mr60fda2",
    }


def test_sigkill_at_any_moment_leaves_a_hub_toml_that_the_hub_can_read(hub_toml: Path) -> None:
    script = f"""
import itertools
from pathlib import Path
from provisioning.sensors.editing import add_sensor, put, remove_sensor
path = Path({str(hub_toml)!r})
for n in itertools.count():
    table = dict(id=f"s-{{n}}", driver="radio", address=f"security1:{{n:06x}}", kind="flood", location="bath")
    put(path, lambda text: add_sensor(text, table))
    print(n, flush=True)
    if n % 3 == 2:
        put(path, lambda text: remove_sensor(text, f"s-{{n}}"))
        put(path, lambda text: remove_sensor(text, f"s-{{n - 1}}"))
        put(path, lambda text: remove_sensor(text, f"s-{{n - 2}}"))
"""
    for after in (0, 4):
        hub_toml.write_text(hub_toml.read_text().partition("[[sensor]]")[0])
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
        ) as process:
            assert process.stdout is not None
            for _ in range(after + 1):
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert len(load(hub_toml).sensors) <= 3
        assert "# behind the wardrobe" in hub_toml.read_text()
