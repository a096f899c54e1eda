import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from agent.describing import describe
from agent.status import HubStatus
from provisioning.cli import main
from provisioning.commands.run import run
from provisioning.commands.status import status
from provisioning.provision.command import AT_THE_SITE, ON_THE_BOX, provision
from rules.engine import step
from rules.events import Config, Heard, LinkUp, Receipted, RestartWanted, Sensor, Started, Triggered
from rules.state import House
from rules.values import Now
from sensors.listening import DriverStatus
from sensors.roster import Stranger

ROOT = Path(__file__).parents[2]


# --- commands are found and loaded lazily ------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Install a distribution that offers these entry points, beside whatever is installed."""

    def install(points: str) -> None:
        (tmp_path / "extra-1.dist-info").mkdir()
        (tmp_path / "extra-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1\n")
        (tmp_path / "extra-1.dist-info" / "entry_points.txt").write_text(f"[hearthline.commands]\n{points}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def test_commands_come_from_entry_points(cli: CliRunner, installed: Callable[[str], None]) -> None:
    installed("run-x = provisioning.commands.run:run\nstatus-x = provisioning.commands.status:status")
    listed = cli.invoke(main, ["--help"])
    assert listed.exit_code == 0
    assert "run-x" in listed.output
    assert "Show how the running hub is." in listed.output
    helped = cli.invoke(main, ["status-x", "--help"])
    assert "0  all is well" in helped.output
    assert "2  the hub cannot be asked" in helped.output


def test_help_has_whole_sentences_and_says_which_computer_a_command_is_for(cli: CliRunner) -> None:
    listed = cli.invoke(provision, ["--help"]).output
    box, _, site = listed.partition("On the site's computer:")
    assert all(f"\n  {each} " in box for each in ON_THE_BOX)
    assert all(f"\n  {each} " in site for each in AT_THE_SITE)
    everything = cli.invoke(main, ["--help"]).output.partition("Commands:")[2] + box.partition("Options:")[2] + site
    assert "..." not in everything


def test_a_terminal_without_our_signs_gets_others() -> None:
    said = (
        "import click\nfrom provisioning.cli import main\n"
        "main.get_command = lambda *_: click.Command('say', callback=lambda: click.echo('✓ → ✗ ü'))\nmain()"
    )
    told = subprocess.run(
        [sys.executable, "-c", said, "say"],
        env=os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="latin-1",
        check=True,
    )
    assert told.stdout == "+ -> x ü\n"


def test_a_command_that_cannot_be_loaded_says_why_and_spoils_no_other(
    cli: CliRunner, installed: Callable[[str], None]
) -> None:
    installed("gone = no.such:module\nodd = os:sep\nrun-x = provisioning.commands.run:run")
    assert "run-x" in cli.invoke(main, ["--help"]).output
    broken = cli.invoke(main, ["gone", "--any", "thing"])
    assert broken.exit_code == 1
    assert "gone cannot be loaded from no.such:module: ModuleNotFoundError" in broken.output
    assert "it is not a click command" in cli.invoke(main, ["odd"]).output


def test_an_unknown_command_is_a_usage_error(cli: CliRunner) -> None:
    assert cli.invoke(main, ["no-such-command"]).exit_code == 2


def test_run_loads_no_table_library(tmp_path: Path) -> None:
    program = "import sys, provisioning.cli, provisioning.commands.run; print({'rich', 'gpiozero'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


# --- run ---------------------------------------------------------------------------------------------

GOOD = """
hub = "hub-1"
outputs = "log"
keys = {hub = "hub.pem", centre = ["centre.pem"]}
uplink = [{name = "main", host = "::1"}]
"""


@pytest.fixture
def hub_toml(tmp_path: Path) -> Path:
    for name in ("hub.pem", "centre.pem"):
        (tmp_path / name).write_text("a key")
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "hub.toml"
    path.write_text(GOOD)
    return path


def test_run_becomes_the_daemon(cli: CliRunner, hub_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[Any] = []
    monkeypatch.setattr(os, "execv", lambda *given: became.append(given))
    assert cli.invoke(run, ["--config", str(hub_toml)]).exit_code == 0
    assert became == [(sys.executable, [sys.executable, "-m", "agent", "--config", str(hub_toml)])]


def test_run_keeps_its_process_and_its_arguments(hub_toml: Path, tmp_path: Path) -> None:
    """A real exec, of a stand-in for the agent: the same process id, so that systemd watches the daemon itself."""
    (tmp_path / "agent.py").write_text("import os, sys; print(os.getpid(), *sys.argv[1:])")
    program = (
        "import os, sys; from provisioning.commands.run import run; print(os.getpid(), flush=True);"
        f" os.chdir({str(tmp_path)!r}); os.environ.pop('PYTHONPATH'); run()"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONSAFEPATH", None)
    command = [sys.executable, "-c", program, "--config", "hub.toml"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    before, after = done.stdout.splitlines()
    assert after == f"{before} --config hub.toml"


def test_run_refuses_a_bad_configuration(cli: CliRunner, hub_toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("it started"))
    hub_toml.write_text(GOOD.replace("uplink", "uplinc"))
    refused = cli.invoke(run, ["--config", str(hub_toml)])
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"{hub_toml}: uplinc: found an unknown key, expected one of hub, state_dir, socket, outputs, keys, uplink,"
        ' pins, buttons, driver, sensor, kind, modem, sound: did you mean "uplink"?\n'
    )
    missing = cli.invoke(run, ["--config", str(hub_toml.parent / "none.toml")])
    assert missing.exit_code == 2
    assert "No such file or directory" in missing.stderr


# --- status ------------------------------------------------------------------------------------------

NOW = Now(3_700_000, 1_800_000_000_000, synced=True)


def house(*, delivered: bool | None = None) -> House:
    """A quiet house, or one with an alarm that is delivered or not."""
    config = Config(hub="hub-3f9a", sensors=(Sensor("floor", "flood", "bathroom", "p1", 43_200_000),), version="0.1.0")
    state, _ = step(House(), NOW.at(1_000), Started("boot", "epoch1", config))
    state, _ = step(state, NOW.at(2_000), LinkUp("main"))
    state, _ = step(state, NOW.at(3_000), Heard("floor"))
    if delivered is None:
        return state
    state, _ = step(state, NOW.at(4_000), Triggered("floor", sustained=True))
    if delivered:
        ref = state.alarms[0].raised_ref
        assert ref is not None
        state, _ = step(state, NOW.at(5_000), Receipted(ref, "accepted"))
    return state


def document(state: House) -> HubStatus:
    return describe(
        state,
        NOW,
        started_ms=1_000,
        outbox={"a": 1, "t": 7},
        drivers={"zigbee2mqtt": DriverStatus(listening=True, reason="", failures=0, noise=4)},
        strangers=[Stranger("radio", "[red]pt2262:1[/red]", 5, 60_000)],
        counters={"turns": 99},
    )


def shown(cli: CliRunner, path: Path, *options: str) -> tuple[int, str]:
    result = cli.invoke(status, ["--socket", str(path), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_status_of_a_hub_that_is_well(cli: CliRunner, served: Callable[[bytes], Path]) -> None:
    code, text = shown(cli, served(msgspec.json.encode(document(house()))))
    assert code == 0
    for words in (
        "hub-3f9a, version 0.1.0",
        "1 h 1 min, since 2027-01-15T06:58:21.000Z",
        "lane a: 1, lane t: 7",
        "keeps up",
        "2027-01-15T06:58:23.000Z",
        "12 h",
        "[red]pt2262:1[/red]",
        "turns",
    ):
        assert words in text
    assert "Open alarms" not in text
    assert "Faults" not in text


def test_status_of_a_hub_with_an_undelivered_alarm(cli: CliRunner, served: Callable[[bytes], Path]) -> None:
    code, text = shown(cli, served(msgspec.json.encode(document(house(delivered=False)))))
    assert code == 1
    assert "Open alarms" in text
    assert "flood" in text
    assert "waiting" in text


def test_s2_an_open_alarm_that_the_centre_has_is_no_trouble(cli: CliRunner, served: Callable[[bytes], Path]) -> None:
    code, text = shown(cli, served(msgspec.json.encode(document(house(delivered=True)))))
    assert code == 0
    assert "received" in text


def test_signal_battery_and_what_strangers_say_are_shown_where_they_are_known(
    cli: CliRunner, served: Callable[[bytes], Path]
) -> None:
    known = document(house())
    (floor,) = known.sensors
    (stranger,) = known.unconfigured
    told = replace(
        known, sensors=(replace(floor, signal=53),), unconfigured=(replace(stranger, said=("trigger on", "tamper")),)
    )
    _, text = shown(cli, served(msgspec.json.encode(told)))
    assert "signal" in text
    assert "53 %" in text
    assert "battery" not in text  # no sensor has told it
    assert "trigger on, tamper" in " ".join(text.split())


def test_a_restart_that_is_wanted_is_shown_with_what_it_waits_for(
    cli: CliRunner, served: Callable[[bytes], Path]
) -> None:
    state, _ = step(house(delivered=True), NOW.at(6_000), RestartWanted("certificate"))
    _, text = shown(cli, served(msgspec.json.encode(document(state))))
    assert "because of certificate, since 1 h 1 min; waits for: alarm" in " ".join(text.split())


def test_status_as_json_is_the_hubs_own_answer(cli: CliRunner, served: Callable[[bytes], Path]) -> None:
    answer = msgspec.json.encode(document(house()))
    code, text = shown(cli, served(answer), "--json")
    assert code == 0
    assert text == answer.decode() + "\n"
    assert json.loads(text)["hub"] == "hub-3f9a"


@pytest.mark.parametrize("rest", ["", "[keyz]\nwrong = 1\n"])
def test_status_asks_the_hub_of_the_configuration(
    cli: CliRunner, served: Callable[[bytes], Path], tmp_path: Path, rest: str
) -> None:
    """However wrong the rest of the file is: the hub may have started before it was edited."""
    asked = served(msgspec.json.encode(document(house())))
    config = tmp_path / "hub.toml"
    config.write_text(f'socket = "{asked}"\n{rest}')
    result = cli.invoke(status, ["--config", str(config), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["hub"]) == (0, "hub-3f9a"), result.stderr


def test_status_says_when_the_hub_does_not_run(cli: CliRunner, tmp_path: Path) -> None:
    result = cli.invoke(status, ["--socket", str(tmp_path / "none.sock")])
    assert result.exit_code == 2
    assert "is the hub running" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'{"error": "the hub could not answer: see its log"}', "could not answer"),
        (b'{"hub": "hub-1"}', "the same version"),
        (b"nonsense", "the same version"),
    ],
)
def test_status_of_a_hub_that_answers_otherwise(
    cli: CliRunner, served: Callable[[bytes], Path], answer: bytes, said: str
) -> None:
    result = cli.invoke(status, ["--socket", str(served(answer))])
    assert result.exit_code == 2
    assert said in result.stderr
