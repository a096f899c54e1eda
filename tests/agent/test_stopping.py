"""The daemon stops in good order: what came in until the end is committed, by a hub that is its own and has no line."""

import asyncio
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import load
from agent.daemon import Daemon
from agent.hub import Hub
from agent.maintenance import lay_wanted
from agent.seams import Seams
from agent.store.opening import open_store
from rules.events import CallPressed
from simulators.keys import make_keys


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-test"])
    config = tmp_path / "hub.toml"
    config.write_text(
        f'hub = "hub-test"\nstate_dir = "{tmp_path}/state"\nsocket = "{tmp_path}/ask"\noutputs = "log"\n'
        f'[keys]\nhub = "{keys.hubs["hub-test"].signing}"\ncentre = ["{keys.centre_public}"]\n'
        f'[[uplink]]\nname = "main"\nhost = "127.0.0.1"\nport = 1\n[kind.button]\ncancel_s = 0\n'
    )
    (tmp_path / "state").mkdir()
    return Daemon(load(config), SystemClock(), Seams(beat_s=0.2))


async def armed(daemon: Daemon) -> None:
    async with asyncio.timeout(10):
        while not hasattr(daemon, "pump") or not daemon.pump.turns:
            await asyncio.sleep(0.01)


async def test_s1_what_came_in_until_the_very_end_is_committed(daemon: Daemon, tmp_path: Path) -> None:
    async def pressed_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            daemon.inbox.put(CallPressed())

    stop = asyncio.Event()
    life = asyncio.create_task(daemon.run(stop))
    await armed(daemon)
    daemon._tasks.add(asyncio.create_task(pressed_at_the_end()))
    await asyncio.sleep(0)
    stop.set()
    assert await life is False
    opened = open_store(tmp_path / "state" / "hub.db").store
    house = Hub.restore(opened.load()).house
    assert [alarm.kind for alarm in house.alarms] == ["button"]
    opened.close()


async def test_s10_a_wish_laid_beside_a_running_daemon_ends_it_to_start_anew(daemon: Daemon, tmp_path: Path) -> None:
    life = asyncio.create_task(daemon.run(asyncio.Event()))
    await armed(daemon)
    lay_wanted(tmp_path / "state", "software")
    assert await asyncio.wait_for(life, 10) is True
    assert not (tmp_path / "state" / "restart.wanted").exists()
