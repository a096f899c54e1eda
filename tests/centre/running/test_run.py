"""`hearthline centre run`, as a process: with no set-up, for one hub, until it is told to stop."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from joserfc.jwk import ECKey

from agent.clock import SystemClock
from agent.config import Uplink as UplinkConfig
from agent.uplink.tls import tls_context
from agent.wire.envelope import CENTRE_ALGORITHM, Verifier
from centre.running.command import centre
from centre.running.folder import SITE, STORE, DataFolder
from centre.site.authority import private_pem
from centre.site.site import Site
from centre.store.database import Database
from centre.store.retention import progress
from centre.store.schema import CASE_ALARM
from simulators.trials.storm.hub import LightHub
from tests.centre.running.conftest import written
from tests.support.sites import enrolled, identity

CLOCK = SystemClock()
IN_TIME_S = 30.0
COMMAND = (sys.executable, "-c", "from centre.running.command import centre; centre()")
LISTENING = '[enrolment]\nlisten = "127.0.0.1"\n[broker]\nlisten = "127.0.0.1"\n[console]\nlisten = "127.0.0.1:0"\n'


class Running:
    """A process of the centre, and what it told."""

    def __init__(self, process: "subprocess.Popen[bytes]", told: dict[str, Any]) -> None:
        self.process, self.told = process, told

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(IN_TIME_S)


@contextlib.contextmanager
def running(data: Path, *arguments: str) -> Iterator[Running]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(
            (*COMMAND, *arguments, "--data", str(data), "--json"), env=environment, stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    with process.stdout:
        try:
            told = process.stdout.readline()
            assert told, (data / "log").read_text()
            yield Running(process, json.loads(told))
        finally:
            process.kill()
            process.wait(IN_TIME_S)


async def press(data: Path, hub: LightHub) -> None:
    """Have a hub raise an alarm, and wait until it has its receipt and a case."""
    task = asyncio.create_task(hub.run())
    raised = hub.raise_alarm()
    try:
        async with asyncio.timeout(IN_TIME_S):
            while raised.receipted_ms is None or not _held(data, raised.alarm):
                await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _held(data: Path, alarm: str) -> bool:
    with contextlib.closing(Database(f"sqlite:///{data / STORE}")) as database, database.reading() as connection:
        return (
            connection.scalar(sa.select(CASE_ALARM.c.alarm).where(CASE_ALARM.c.alarm == f"alarm:{alarm}")) is not None
        )


def light_hub(data: Path, name: str) -> LightHub:
    with contextlib.closing(Site.open(data / SITE)) as site:
        box, answer = enrolled(site, name, CLOCK.now().wall_ms)
        files = identity(data.parent / name, site.ca_pem, answer.certificate, box.uplink)
        way = site.settings.way[0]
    config = UplinkConfig(
        name="main", host=way.host, port=way.port, ca=files.ca, certificate=files.certificate, key=files.key
    )
    centre_key = Verifier([DataFolder(data).signing_key()], CENTRE_ALGORITHM)
    signing = ECKey.import_key(private_pem(box.signing))
    return LightHub(name, signing, centre_key, config, tls_context(config), CLOCK)


@pytest.mark.slow
async def test_a_whole_centre_answers_a_hub_and_shows_the_first_supervisor_in(data: Path) -> None:
    written(data, LISTENING)
    with running(data, "run") as first:
        assert first.told["site"] == "Test centre"
        assert set(first.told["made"]) == {"keyring.json"}  # the rest was there
        async with httpx.AsyncClient() as browser:
            page = await browser.get(first.told["link"])
        assert page.status_code == httpx.codes.OK
        assert "supervisor" in page.text
        await press(data, light_hub(data, "hub-1"))
        assert await asyncio.to_thread(first.end) == 0
    with contextlib.closing(Database(f"sqlite:///{data / STORE}")) as database:
        assert progress(database) is not None  # retention has begun to count, by itself
    log = (data / "log").read_text()
    assert "Traceback" not in log
    assert first.told["link"].rpartition("/")[2] not in log
    assert open_to_others(data) == []


def open_to_others(data: Path) -> list[Path]:
    """Name what somebody else may read; but for the log, which is this test's."""
    found = [each for each in (data, *data.rglob("*")) if stat.S_IMODE(each.stat().st_mode) & 0o077]
    return [each for each in found if each.name != "log"]


def asked(*arguments: str) -> tuple[int, str]:
    """Give the exit code and what was said."""
    result = CliRunner().invoke(centre, arguments)
    return result.exit_code, result.output


def test_a_link_is_for_somebody_who_is_there_or_is_added_now(data: Path) -> None:
    written(data, LISTENING.replace(":0", ":8123"))
    at = ("--data", str(data))
    assert asked("link", "ann", *at)[0] == 2
    code, said = asked("link", "ann", "--role", "supervisor", "--shown", "Ann Marsh", *at)
    assert (code, said.startswith("http://127.0.0.1:8123/welcome/")) == (0, True)
    assert asked("link", "ann", *at)[1] != said  # the one before is void
    code, said = asked("link", "ann", "--role", "operator", *at)
    assert (code, "names are not given twice" in said) == (2, True)
    code, said = asked("link", "Ann Marsh", "--role", "operator", *at)
    assert (code, "a-z" in said) == (2, True)


@pytest.mark.parametrize("command", [("link", "ann"), ("backup", "copy")])
def test_a_command_beside_a_centre_makes_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, said = asked(*command, "--data", str(tmp_path / "nowhere"))
    assert (code, "no centre here" in said) == (2, True)
    assert not (tmp_path / "nowhere").exists()


def test_a_port_that_is_taken_is_told_before_anything_runs(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        written(data, LISTENING.replace(":0", f":{port}"))
        code, said = asked("console", "--data", str(data))
    assert code == 2
    assert f"127.0.0.1:{port}" in said
    assert "another" in said


def test_settings_that_cannot_be_used_end_it_with_their_remedy(data: Path) -> None:
    written(data, "consle = 1")
    for command in ("run", "worker", "console", "front"):
        code, said = asked(command, "--data", str(data))
        assert (code, "consle" in said) == (2, True), command


def test_a_store_that_is_not_there_ends_it_without_its_password(data: Path) -> None:
    written(data, f'store = "postgresql://centre:hunter2@127.0.0.1:1/none"\n{LISTENING}')
    code, said = asked("worker", "--data", str(data))
    assert code == 2
    assert "127.0.0.1" in said
    assert "hunter2" not in said
