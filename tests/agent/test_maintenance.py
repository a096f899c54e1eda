"""S10: the wish for a restart, from the file to the process that starts anew."""

import asyncio
import json
import os
import stat
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import _anew
from agent.ask import do
from agent.config import HubConfig
from agent.maintenance import WANTED, Maintenance, lay_wanted, take_away
from rules.events import PartChanged, RestartWanted
from simulators.rig import NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from tests.support.house import ROOT


class Watch:
    """Looks in a folder, as the daemon does; `room` is whether its inbox has any."""

    def __init__(self, folder: Path) -> None:
        self.told: list[RestartWanted | PartChanged] = []
        self.stops = 0
        self.room = True
        self.maintenance = Maintenance(folder, self._put, self._stop)

    def _put(self, event: RestartWanted | PartChanged) -> bool:
        if self.room:
            self.told.append(event)
        return self.room

    def _stop(self) -> None:
        self.stops += 1

    def look(self) -> list[RestartWanted | PartChanged]:
        self.maintenance.look()
        return self.told


def test_s10_a_wish_is_told_once_and_another_is_told_too(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    assert watch.look() == []
    lay_wanted(tmp_path, "certificate")
    assert (watch.look(), watch.look()) == ([RestartWanted("certificate")],) * 2
    lay_wanted(tmp_path, "software")
    assert watch.look()[1:] == [RestartWanted("software")]
    assert stat.S_IMODE((tmp_path / WANTED).stat().st_mode) == 0o600


def test_s12_a_wish_that_finds_no_room_is_told_again(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    lay_wanted(tmp_path, "configuration")
    watch.room = False
    assert watch.look() == []
    watch.room = True
    assert watch.look() == [RestartWanted("configuration")]


@pytest.mark.parametrize(
    "content", [b"", b"now!", b'{"why": "boredom"}', b'{"why": "software", "at": 1}', b"\xff" * 9_000]
)
def test_a_wish_that_says_nothing_we_know_is_told_of_and_asks_for_nothing(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(tmp_path)
    (tmp_path / WANTED).write_bytes(content)
    assert (watch.look(), watch.look()) == ([], [])
    assert caplog.text.count('expected {"why": "certificate"}, "configuration" or "software"') == 1
    lay_wanted(tmp_path, "software")
    assert watch.look() == [RestartWanted("software")]


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.with_name("other"))])
def test_what_merely_looks_like_a_wish_holds_nobody_up(tmp_path: Path, make: Any) -> None:
    (tmp_path / "other").write_text('{"why": "software"}')
    make(tmp_path / WANTED)
    assert Watch(tmp_path).look() == []


def test_s10_the_wish_is_gone_before_the_hub_stops_so_that_it_restarts_once(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    lay_wanted(tmp_path, "software")
    watch.maintenance.restart()
    assert (watch.stops, (tmp_path / WANTED).exists()) == (1, False)


def test_s7_a_wish_that_cannot_be_removed_is_a_fault_and_no_restart_after_another(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    (tmp_path / WANTED).mkdir()
    watch.maintenance.restart()
    assert watch.stops == 0
    (told,) = watch.told
    assert isinstance(told, PartChanged)
    assert (told.part, told.ok) == ("maintenance", False)
    assert "cannot be removed" in told.reason


def test_s10_a_wish_that_could_not_be_removed_is_told_again_once_it_can(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    lay_wanted(tmp_path, "certificate")
    watch.look()
    (tmp_path / WANTED).unlink()
    (tmp_path / WANTED).mkdir()  # as a disk that has become read-only, it cannot be removed
    watch.maintenance.restart()
    told = len(watch.look())
    assert len(watch.look()) == told  # nothing more while it lasts
    (tmp_path / WANTED).rmdir()
    watch.room = False
    watch.look()
    watch.room = True
    assert watch.look()[told:] == [PartChanged("maintenance", ok=True), RestartWanted("certificate")]
    assert len(watch.look()) == told + 2
    watch.maintenance.restart()
    assert watch.stops == 1


def test_s10_what_was_wanted_before_a_start_is_read_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Config:
        state_dir = tmp_path

    old: Any = Config()
    new: Any = Config()
    monkeypatch.setattr("agent.__main__.load", lambda _path: new)
    assert _anew(old, tmp_path) is old
    lay_wanted(tmp_path, "configuration")
    read: HubConfig = _anew(old, tmp_path)
    assert read is new  # it may have been laid after the first reading
    assert not take_away(tmp_path)
    (tmp_path / WANTED).mkdir()
    assert _anew(old, tmp_path) is old  # S1: a disk that takes nothing is no reason not to be a hub


def test_s10_what_was_renewed_after_systemd_took_its_copies_is_still_to_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between that and our first line lies a second or two: the copies are the old ones, or do not even match."""

    class Config:
        state_dir = tmp_path / "state"

    config: Any = Config()
    handed = tmp_path / "handed"
    for folder in (handed, config.state_dir):
        folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    monkeypatch.setattr("agent.__main__.load", lambda _path: config)
    (handed / "uplink.pem").touch()
    lay_wanted(config.state_dir, "certificate")
    (handed / "uplink.key").touch()
    _anew(config, tmp_path / "hub.toml")
    assert (config.state_dir / WANTED).exists()
    for each in handed.iterdir():
        os.utime(each, ns=(0, (config.state_dir / WANTED).stat().st_mtime_ns + 1))
    _anew(config, tmp_path / "hub.toml")
    assert not (config.state_dir / WANTED).exists()


# --- real processes -----------------------------------------------------------------------------------


class Maintained:
    """A real hub with a centre, a pendant and somebody who wants it to start anew."""

    def __init__(self, rig: Rig, adapter: SerialAdapter) -> None:
        self.rig, self.adapter = rig, adapter

    async def helped(self, pendant: int) -> str:
        """Let a restart be wanted while somebody calls, see it wait, and close the call; give the epoch."""
        await self.rig.listening()
        before = await self.rig.until_status(lambda status: all(each["up"] for each in status["links"]))
        self.adapter.say(x10(pendant))
        await self.rig.event("alarm.raised", count=pendant + 1)
        lay_wanted(self.rig.state_dir, "configuration")
        waiting = await self.rig.until_status(lambda status: status["restart"] is not None)
        assert (waiting["restart"]["whys"], waiting["restart"]["waits_for"]) == (["configuration"], "alarm")
        assert [trip["sensor"] for trip in waiting["deliveries"]] == [f"pendant-{pendant}"]
        await self.rig.until_status(lambda status: status["deliveries"][0]["receipted_ms"] is not None)
        (alarm,) = waiting["alarms"]
        self.rig.centre.resolve(alarm["id"])
        return str(before["epoch"])

    async def engineer_tests(self) -> None:
        """Test the way to the centre as an installer does, over the local socket."""
        socket = self.rig.folder / "ask"
        await asyncio.to_thread(do, socket, "engineer")
        assert (await self.rig.status())["mode"] == "engineer"  # what was done is seen by whoever asks next
        await asyncio.to_thread(do, socket, "test-alarm")
        arrived = await self.rig.until_status(lambda status: status["deliveries"][-1:] and not status["alarms"])
        (trip,) = arrived["deliveries"]
        assert (trip["kind"], trip["test"], trip["joined"]) == ("test", True, False)
        assert 0 < trip["receipted_ms"] < 10_000
        await asyncio.to_thread(do, socket, "home")
        assert (await self.rig.status())["mode"] == "home"

    async def is_anew(self, epoch: str) -> None:
        """Wait until another process answers, with nothing open and nothing wanted."""
        status = await self.rig.until_status(lambda status: status["epoch"] != epoch, 30)
        assert (status["restart"], status["alarms"]) == (None, [])
        assert not (self.rig.state_dir / WANTED).exists()


@pytest.mark.slow
async def test_s10_a_real_hub_waits_for_an_open_alarm_and_then_starts_anew_either_way(tmp_path: Path) -> None:
    tables = radio(tmp_path / "radio") + pendants([0, 1]) + NO_WINDOW
    with SerialAdapter(tmp_path / "radio") as adapter:
        async with Rig(tmp_path, tables) as rig:
            home = Maintained(rig, adapter)
            await rig.hub.start()
            epoch = await home.helped(0)
            assert await rig.hub.ended() == 0  # systemd starts it again
            alone = await _without_systemd(rig.config)
            try:
                await home.is_anew(epoch)
                epoch = await home.helped(1)
                await home.is_anew(epoch)
                assert alone.returncode is None  # the same process, become another
                await home.engineer_tests()
                await rig.settled()
                assert [len(each) for each in rig.alarms_by_sensor().values()] == [1, 1, 1]
            finally:
                alone.terminate()
                await alone.wait()


async def _without_systemd(config: Path) -> Process:
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    with (config.parent / "alone.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "agent", "--config", str(config)),
            cwd=ROOT,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stderr=log,
        )


def test_a_wish_is_the_json_that_it_says(tmp_path: Path) -> None:
    lay_wanted(tmp_path, "certificate")
    assert json.loads((tmp_path / WANTED).read_bytes()) == {"why": "certificate"}
