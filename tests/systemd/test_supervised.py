"""The real daemon under a stand-in for systemd: armed, fed, starved, killed, ended, and each time there again (S7)."""

import os
import signal
import sys
from pathlib import Path

import pytest

from simulators.keys import make_keys
from simulators.mosquitto import free_port
from simulators.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
NOW_MS = 1_790_000_000_000
FEEDING_S = 3.0
"""Longer than the 2 s after which the pump turns at the latest."""


@pytest.fixture
def hub_toml(tmp_path: Path) -> Path:
    keys = make_keys(tmp_path / "keys", NOW_MS, ["hub-test"])
    path = tmp_path / "hub.toml"
    path.write_text(
        f"""
hub = "hub-test"
state_dir = "{tmp_path}/state"
socket = "{tmp_path}/ask"
outputs = "log"
[keys]
hub = "{keys.hubs["hub-test"].signing}"
centre = ["{keys.centre_public}"]
[[uplink]]
name = "main"
host = "127.0.0.1"
port = {free_port()}
"""
    )
    return path


def supervisor(hub_toml: Path) -> Supervisor:
    command = [sys.executable, "-m", "agent", "--config", str(hub_toml)]
    log = hub_toml.with_name("hub.log")
    return Supervisor(command, log, watchdog_s=FEEDING_S, environment={"PYTHONPATH": str(ROOT)})


@pytest.mark.slow
async def test_s7_a_hub_that_hangs_is_killed_or_ends_is_started_again(hub_toml: Path) -> None:
    async with supervisor(hub_toml) as systemd:
        await systemd.until(lambda lives: lives[-1].fed >= 2, 40)  # it feeds on: nothing starves by itself
        assert len(systemd.lives) == 1
        assert systemd.lives[0].status == "armed"

        os.kill(systemd.lives[0].pid, signal.SIGSTOP)  # as a disk or a loop that never comes back
        await systemd.until(lambda lives: len(lives) == 2 and lives[1].ready, 40)
        assert (systemd.lives[0].end, systemd.lives[0].code) == ("starved", -signal.SIGKILL)

        os.kill(systemd.lives[1].pid, signal.SIGKILL)
        await systemd.until(lambda lives: len(lives) == 3 and lives[2].ready, 40)
        assert (systemd.lives[1].end, systemd.lives[1].code) == ("ended", -signal.SIGKILL)

        os.kill(systemd.lives[2].pid, signal.SIGTERM)  # it ends by itself, as when it asks to be started anew (S10)
        await systemd.until(lambda lives: len(lives) == 4 and lives[3].ready, 40)
        assert (systemd.lives[2].end, systemd.lives[2].code) == ("ended", 0)
        assert systemd.lives[2].stopping
        last = systemd.lives[3]
    assert last.end == "stopped"


async def test_one_that_never_says_ready_is_not_taken_for_armed(tmp_path: Path) -> None:
    silent = [sys.executable, "-c", "import signal; signal.pause()"]
    async with Supervisor(silent, tmp_path / "log", watchdog_s=5, start_s=0.5) as systemd:
        await systemd.until(lambda lives: len(lives) == 2, 20)
        assert systemd.lives[0].end == "never ready"
        assert systemd.lives[0].code == -signal.SIGABRT


async def test_a_child_cannot_feed_the_watchdog(tmp_path: Path) -> None:
    say = "import os,socket;socket.socket(1,2).sendto({}, chr(0).encode()+os.environ['NOTIFY_SOCKET'][1:].encode())"
    child = say.format("b'READY=1'")
    parent = f"import subprocess,sys,signal;subprocess.run([sys.executable,'-c',{child!r}],check=True);signal.pause()"
    async with Supervisor([sys.executable, "-c", parent], tmp_path / "log", watchdog_s=5, start_s=1.0) as systemd:
        await systemd.until(lambda lives: lives[0].end is not None, 20)
        assert systemd.lives[0].end == "never ready"
