"""The doctor whole: on a live hub that is well, and on a box where much is wrong at once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provisioning.doctor.command import doctor
from rules.reports import AlarmRaised
from simulators.keys import make_keys
from simulators.mosquitto import free_port
from simulators.rig import Rig, radio
from simulators.serial_line import SerialLine

RFXTRX = b"\x0d\x00"
"""How every question of the hub's to its receiver begins."""


def ran(config: Path, *options: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(doctor, ["--config", str(config), *options])


async def test_a_live_hub_that_is_well_is_told_so_and_left_as_it_was(tmp_path: Path) -> None:
    heard: list[bytes] = []
    line = SerialLine(tmp_path / "radio", heard.append)
    line.plug()
    async with Rig(tmp_path, radio(tmp_path / "radio")) as rig:
        await rig.hub.start()
        await rig.listening()
        await rig.online()
        before = await rig.status()
        made = {each.name for each in rig.state_dir.iterdir()}
        result = await asyncio.to_thread(ran, rig.config, "--json")
        told = json.loads(result.output)
        assert (result.exit_code, told["wrong"]) == (0, 0), told
        found = {each["check"]: each["findings"] for each in told["checks"]}
        (alarm,) = found["alarm"]
        assert alarm["state"] == "well"
        assert 0 < alarm["round_trip_ms"] < 10_000
        assert [(each.kind, each.test) for _, each in rig.held(AlarmRaised)] == [("test", True)]
        assert all(each["state"] == "well" for each in found["uplink"])

        after = await rig.until_status(lambda status: not status["alarms"])  # it ends by itself
        assert after["epoch"] == before["epoch"]
        assert after["links"][0]["up"]
        assert after["links"][0]["for_s"] >= before["links"][0]["for_s"], "its line was cut"
        assert [each["failures"] for each in after["drivers"]] == [0]
        assert all(each.startswith(RFXTRX) for each in heard), "somebody else wrote to its adapter"
        assert {each.name for each in rig.state_dir.iterdir()} == made
    line.unplug()


async def test_a_hub_whose_adapter_was_pulled_and_whose_line_is_down(tmp_path: Path) -> None:
    """The faults are the hub's own; the causes are found beside them, and each is told once."""
    async with Rig(tmp_path, radio(tmp_path / "radio")) as rig:
        rig.port = free_port()
        rig.write_config()
        await rig.hub.start()
        await rig.until_status(lambda status: not status["drivers"][0]["listening"])
        result = await asyncio.to_thread(ran, rig.config)
    assert result.exit_code == 1
    assert "2 things to mend" in result.output
    _, _, remedies = result.output.partition("2 things to mend")
    assert "radio is not there" in remedies
    assert "nothing listens there" in remedies
    assert "not sent: no line to the centre is up" in result.output


def test_six_things_that_are_wrong_at_once_are_all_found(box: Any, tmp_path: Path) -> None:
    other = make_keys(tmp_path / "other", 1_790_000_000_000, ["hub-test"])
    box.ca = other.ca
    box.write(
        f'host = "127.0.0.1"\nport = {free_port()}',
        f'[driver.radio]\ntype = "rfxtrx"\ndevice = "{tmp_path}/radio"\n'
        f'[driver.zigbee]\ntype = "zigbee2mqtt"\nport = {free_port()}\n'
        '[sound]\ndevice = "plughw:CARD=NoSuchCard"\n',
    )
    box.keys.hubs["hub-test"].signing.chmod(0o644)
    (box.state / "plans").mkdir()
    (box.state / "plans/1.json").write_text('{"version": 0}')
    result = ran(box.path, "--json")
    assert result.exit_code == 1
    told = json.loads(result.output)
    wrong = {each["about"] for one in told["checks"] for each in one["findings"] if each["state"] == "wrong"}
    assert wrong >= {
        "keys.hub",
        "certificate of uplink main",
        "uplink main",
        "driver radio",
        "driver zigbee",
        "loudspeaker",
        "care plan",
        "hub",
    }
    remedies = [each["remedy"] for one in told["checks"] for each in one["findings"] if each["state"] == "wrong"]
    assert all(remedies)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [(None, 2, "No such file"), ("hub = ", 2, "not valid TOML"), ('hub = "x"\n', 1, "hub")],
)
def test_a_configuration_that_cannot_be_read_and_one_that_can_in_part(
    text: str | None, code: int, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "hub.toml"
    if text is not None:
        path.write_text(text)
    result = ran(path)
    assert (result.exit_code, words in result.output) == (code, True)
