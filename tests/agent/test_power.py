"""What the box runs on, from real files as the kernel writes them: mains, battery, nonsense, boards that go away."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.power import PowerWatch, Supply, SystemSupplies, read_supplies, summed_up, worth_telling
from rules.events import PartChanged, PowerChanged


def supply(folder: Path, name: str, **files: object) -> Path:
    """Write a supply's files as the kernel does."""
    where = folder / name
    where.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (where / file).write_text(f"{text}\n")
    return where


def seen(folder: Path) -> PowerChanged:
    return summed_up(read_supplies(folder))


def test_a_board_with_mains_and_battery(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online=1)
    battery = supply(tmp_path, "BAT0", type="Battery", capacity=97, status="Charging", capacity_level="Normal")
    assert seen(tmp_path) == PowerChanged(mains=True, battery=97)
    supply(tmp_path, "AC", online=0)
    supply(tmp_path, "BAT0", status="Discharging", capacity=60, time_to_empty_now=9_000)
    assert seen(tmp_path) == PowerChanged(mains=False, battery=60, hours_left=2.5)
    (battery / "capacity_level").write_text("Critical\n")
    assert seen(tmp_path).critical


@pytest.mark.parametrize(
    ("files", "hours"),
    [
        ({"time_to_empty_avg": 7_200}, 2.0),
        ({"energy_now": 30_000_000, "power_now": 5_000_000}, 6.0),
        ({"charge_now": 3_000_000, "current_now": -1_000_000}, 3.0),
        ({"charge_now": 3_000_000, "current_now": 0}, None),
        ({"time_to_empty_now": 0}, None),
        ({}, None),
    ],
)
def test_hours_left_by_the_batterys_word_or_by_what_is_left_and_drawn(
    tmp_path: Path, files: dict[str, int], hours: float | None
) -> None:
    supply(tmp_path, "ups", type="Battery", status="Discharging", capacity=50, **files)
    assert seen(tmp_path) == PowerChanged(mains=False, battery=50, hours_left=hours)


def test_without_an_adapter_to_ask_a_battery_says_whether_the_mains_is_there(tmp_path: Path) -> None:
    for status, mains in (("Full", True), ("Not charging", True), ("Discharging", False), ("Unknown", None)):
        supply(tmp_path, "ups", type="Battery", status=status, capacity=50)
        assert seen(tmp_path).mains is mains, status


def test_any_adapter_that_is_online_is_the_mains_and_a_mouse_is_none(tmp_path: Path) -> None:
    supply(tmp_path, "usb-a", type="USB", online=0)
    supply(tmp_path, "usb-b", type="USB_C", online=1)
    supply(tmp_path, "mouse", type="Battery", scope="Device", status="Discharging", capacity=3)
    supply(tmp_path, "bay", type="Battery", present=0, status="Unknown")
    assert seen(tmp_path) == PowerChanged(mains=True)


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_a_box_without_any_cannot_tell(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    assert seen(tmp_path / folder) == PowerChanged()


def test_s7_nonsense_in_a_file_is_counted_and_the_others_are_used(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="maybe")
    battery = supply(tmp_path, "BAT0", type="Battery", capacity="x" * 10_000, status="Discharging")
    (battery / "time_to_empty_now").write_bytes(b"\xff\xfe\x00")
    (battery / "energy_now").mkdir()  # reading it is an I/O error, as from a board that is gone
    found = read_supplies(tmp_path)
    assert sum(each.bad for each in found) >= 4
    assert summed_up(found) == PowerChanged(mains=False)


FILES = st.sampled_from(["type", "online", "status", "capacity", "time_to_empty_now", "current_now"])


@given(st.dictionaries(FILES, st.binary(max_size=80)))
def test_s7_no_file_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("power")
    where = supply(folder, "any", type="Battery")
    for name, content in files.items():
        (where / name).write_bytes(content)
    now = seen(folder)
    assert now.battery is None or 0 <= now.battery <= 100
    assert now.hours_left is None or now.hours_left >= 0


def test_s12_a_charge_is_told_in_steps_and_a_change_of_source_at_once() -> None:
    at = PowerChanged(mains=False, battery=50, hours_left=4.0)
    assert worth_telling(None, PowerChanged())
    assert not worth_telling(at, PowerChanged(mains=False, battery=49, hours_left=4.4))
    assert worth_telling(at, PowerChanged(mains=False, battery=48, hours_left=4.0))
    assert worth_telling(at, PowerChanged(mains=False, battery=50, hours_left=3.5))
    assert worth_telling(at, PowerChanged(mains=True, battery=50, hours_left=4.0))
    assert worth_telling(at, PowerChanged(mains=False, hours_left=4.0))


class Watched:
    """A watch over real files, and what it told."""

    def __init__(self, folder: Path, *, full: bool = False) -> None:
        self.told: list[Any] = []
        self.full = full
        self._new = asyncio.Event()
        self.watch = PowerWatch(SystemSupplies(folder, every_s=0.01), self._tell)
        self.task = asyncio.create_task(self.watch.run())

    def _tell(self, event: PowerChanged | PartChanged) -> bool:
        if self.full:
            self.full = False
            return False
        self.told.append(event)
        self._new.set()
        return True

    async def until(self, count: int) -> list[Any]:
        async with asyncio.timeout(10):
            while len(self.told) < count:
                self._new.clear()
                await self._new.wait()
        return self.told


async def test_s7_the_watch_tells_each_change_once(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online=1)
    watched = Watched(tmp_path)
    assert await watched.until(1) == [PowerChanged(mains=True)]
    supply(tmp_path, "AC", online=0)
    assert await watched.until(2) == [PowerChanged(mains=True), PowerChanged(mains=False)]
    watched.task.cancel()


async def test_s7_a_board_that_goes_away_is_a_fault_and_what_was_known_stays_known(tmp_path: Path) -> None:
    battery = supply(tmp_path, "ups", type="Battery", status="Discharging", capacity=50)
    watched = Watched(tmp_path)
    await watched.until(1)
    (battery / "type").unlink()
    told = await watched.until(2)
    assert isinstance(told[1], PartChanged)
    assert (told[1].part, told[1].ok) == ("power", False)
    supply(tmp_path, "ups", type="Battery", status="Full")
    assert (await watched.until(4))[2:] == [PartChanged("power", ok=True), PowerChanged(mains=True, battery=50)]
    watched.task.cancel()


async def test_s7_a_bus_that_hangs_is_a_fault_and_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.power.LOOK_S_MAX", 0.05)
    where = supply(tmp_path, "ups", type="Battery", status="Full")
    os.mkfifo(where / "capacity")  # opening it waits for a writer, for as long as there is none
    watched = Watched(tmp_path)
    (told,) = await watched.until(1)
    assert isinstance(told, PartChanged)
    assert not told.ok
    with (where / "capacity").open("w") as answer:
        answer.write("70\n")
    (where / "capacity").unlink()
    supply(tmp_path, "ups", capacity=70)
    assert (await watched.until(3))[1:] == [PartChanged("power", ok=True), PowerChanged(mains=True, battery=70)]
    watched.task.cancel()


async def test_what_found_no_place_is_told_at_the_next_look(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online=1)
    watched = Watched(tmp_path, full=True)
    assert await watched.until(1) == [PowerChanged(mains=True)]
    watched.task.cancel()


def test_two_batteries_the_fuller_one_counts_and_their_hours_add_up() -> None:
    two = [Supply(battery=True, draining=True, percent=10, hours=0.5), Supply(battery=True, draining=False, percent=90)]
    assert summed_up(two) == PowerChanged(mains=False, battery=90, hours_left=0.5)
    assert not summed_up([Supply(battery=True, critical=True), Supply(battery=True)]).critical
