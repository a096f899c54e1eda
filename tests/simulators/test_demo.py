"""`hearthline demo` without a terminal: every scenario plays, tells what happened, and fails when it should."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import load
from simulators.demo import playing, stories
from simulators.demo.playing import SHORT, Run, ScenarioError
from simulators.demo.scenarios import SCENARIOS, Result, play
from simulators.demo.story import KEPT, Story
from simulators.demo.world import HUB, World
from tests.support.demo import CODE, demo, installed, left_behind

SECONDS_MAX = 20
"""How long a scenario may take, from its first step to its last."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def keys(document: dict[str, Any]) -> list[str]:
    return [step["key"] for step in document["steps"]]


def in_order(document: dict[str, Any], *wanted: str) -> bool:
    """Whether these keys are there, each after the one before."""
    rest = iter(keys(document))
    return all(any(key == one for key in rest) for one in wanted)


# --- each scenario, by the real command --------------------------------------------------------------

ARRIVED = ("centre:alarm.raised", "centre:receipt", "lamp:arrived:on")

STORIES = {
    "press": (
        (
            "you:call",
            "hub:raised:window-ended",
            *ARRIVED,
            "staff:acknowledge",
            "lamp:someone:on",
            "staff:resolve",
            "dark",
        ),
        {"heard_you_s": 1, "durable_s": 1, "call_lamp_s": 1, "raised_to_centre_s": 2, "raised_to_arrived_lamp_s": 3},
    ),
    "fall-cancelled": (
        ("you:call", "chirp:heard", "tone:pending", "you:cancel", "chirp:cancelled", "dark", "hub:quiet"),
        {"heard_you_s": 1},
    ),
    "flood": (
        ("you:call", "centre:alarm.raised", "home:report", "home:report", "home:report", "staff:resolve", "dark"),
        {"wet_to_raised_s": 1, "raised_to_centre_s": 2},
    ),
    "line-cut": (
        ("line:cut", "you:call", "hub:raised:window-ended", "tone:no-line", "line:restored", *ARRIVED, "dark"),
        {"raised_to_no_line_tone_s": 1, "restored_to_centre_s": 15},
    ),
    "hub-killed": (
        ("you:call", "hub:durable", "hub:killed", "hub:restarting", "hub:armed", *ARRIVED, "dark"),
        {"killed_to_armed_s": 10},
    ),
}


def test_every_scenario_is_tested() -> None:
    """The others are in `test_demo_hardships.py`."""
    assert list(STORIES) == list(SCENARIOS)[: len(STORIES)]


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_a_scenario_goes_as_it_should(folder: Path, name: str) -> None:
    ran = demo(folder, "--scenario", name, "--json")
    assert ran.code == 0, ran.said + ran.complaint
    document = ran.document
    wanted, limits = STORIES[name]
    assert (document["ok"], document["reason"], document["scenario"]) == (True, "", name)
    assert in_order(document, *wanted), keys(document)
    assert {what: most for what, most in limits.items() if not 0 <= document["measured"][what] <= most} == {}
    expected = 0 if name == "fall-cancelled" else 1
    assert keys(document).count("centre:alarm.raised") == expected
    assert keys(document).count("centre:alarm.joined") == 0
    assert document["steps"][-1]["ms"] - document["steps"][0]["ms"] < SECONDS_MAX * 1000
    assert left_behind(folder) == []


@pytest.mark.slow
def test_without_a_terminal_the_press_is_told_in_lines(folder: Path) -> None:
    ran = demo(folder)
    assert ran.code == 0, ran.said + ran.complaint
    assert ran.said.startswith("This is no terminal")
    lines = ran.said.splitlines()
    told = [line for line in lines if line[:8].strip().replace(".", "").isdecimal()]
    assert [line[:8] for line in told] == sorted((line[:8] for line in told), key=float)
    assert any("you     press the pendant" in line for line in told)
    assert any("centre  the alarm arrives: pendant, home" in line for line in told)
    assert "cancel for 3 s here, not 10" in ran.said
    summary = lines[lines.index("OK. Measured, beside what is promised:") + 1 :]
    assert any(re.fullmatch(r"  cancel window +3\.\d{3} s   after 3 s", line) for line in summary)


@pytest.mark.slow
def test_kept_is_what_an_engineer_wants_to_see(folder: Path) -> None:
    kept = folder / "kept"
    ran = demo(folder, "--scenario", "flood", "--keep", str(kept))
    assert ran.code == 0, ran.said + ran.complaint
    assert load(kept / "flat" / "hub.toml").hub == HUB
    assert "armed" in (kept / "flat" / "hub.log").read_text()
    assert (kept / "flat" / "state" / "hub.db").stat().st_size > 0
    assert (kept / "centre.db").stat().st_size > 0
    again = demo(folder / "again", "--scenario", "flood", "--keep", str(kept))
    assert again.code == 2
    assert "not empty" in again.complaint


# --- what is wrong is said ---------------------------------------------------------------------------


@pytest.mark.slow
def test_s2_a_press_fails_with_a_centre_that_is_silent(folder: Path) -> None:
    ran = demo(folder, "--scenario", "press", "--fault", "silent")
    assert ran.code == 1
    assert ran.said.splitlines()[-1] == "NOT OK: the alarm did not arrive at the centre within 10 s."
    assert left_behind(folder) == []


@pytest.mark.slow
def test_s8_a_press_fails_with_receipts_that_are_forged_and_json_says_so(folder: Path) -> None:
    ran = demo(folder, "--scenario", "press", "--fault", "forged", "--json")
    assert ran.code == 1
    assert ran.document["ok"] is False
    assert ran.document["reason"] == "the ARRIVED lamp did not come on within 10 s"
    assert "centre:receipt" in keys(ran.document)


def test_scenarios_are_listed(folder: Path) -> None:
    ran = demo(folder, "--list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.said.splitlines()] == list(SCENARIOS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scenario", "nap"], "fall-cancelled, flood, line-cut, hub-killed, tablet-taken, tablet-missed"),
        (["--siren", "20"], "goes with centre-silent, clock-step, forged-receipt"),
        (["--scenario", "clock-step", "--siren", "9"], "12<=x<=60"),
        (["--scenario", "press", "--events", "2000"], "goes with week-of-backlog"),
        (["--fault", "asleep"], "no fault 'asleep': there are late, retry"),
        (["--fault", "late=soon"], "seconds"),
        (["--keep", "/proc/nowhere"], "cannot be used"),
        (["--keep", "x" * 90], "too long"),
    ],
)
def test_a_wrong_command_line_is_explained(folder: Path, arguments: list[str], words: str) -> None:
    ran = demo(folder, *arguments)
    assert ran.code == 2
    assert words in ran.complaint
    assert ran.said == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_all_that_it_started(folder: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-u", "-c", CODE, "demo", "--scenario", "press"]
    with subprocess.Popen(
        command,
        env=installed(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        for line in running.stdout:
            if "press the pendant" in line:
                break
        os.killpg(running.pid, number)  # as a terminal does: everybody hears of it
        assert running.wait(20) == 128 + number, running.stderr.read()
        assert running.stderr.read() == ""
        assert left_behind(folder, running.pid) == []


# --- every scenario can fail -------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def a_world(folder: Path, kind: type[World] = World) -> AsyncIterator[World]:
    async with kind(folder / "w", cancel_s=SHORT) as world:
        yield world


async def played(folder: Path, name: str, kind: type[World]) -> Result:
    async with a_world(folder, kind) as world:
        return await play(name, world)


class BrokenCancel(World):
    async def press_cancel(self) -> None:
        self.tell("you", "you:cancel", "press a button that is not connected")


class RestlessWater(World):
    async def report_water(self) -> None:
        await self.flat.dry_floor()
        await asyncio.sleep(2.1)  # longer than repeats count as one (rules.triggers.REPEAT_MS)
        await self.flat.wet_floor()


class UnmendedLine(World):
    def restore_line(self) -> None:
        self.tell("line", "line:restored", "is said to be there again")


class LostDisk(World):
    async def kill_hub(self) -> None:
        await super().kill_hub()
        for path in (self.flat.folder / "state").glob("hub.db*"):
            path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("fall-cancelled", BrokenCancel, 'the hub did not sound "cancelled"'),
        ("flood", RestlessWater, "were counted as new calls"),
        ("line-cut", UnmendedLine, "the alarm did not arrive at the centre"),
        ("hub-killed", LostDisk, "the hub did not raise the alarm"),
    ],
)
async def test_s4_a_scenario_fails_when_its_world_is_broken(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[World], reason: str
) -> None:
    monkeypatch.setattr(stories, "BACK_S", 3.0)
    for module in (stories, playing):
        monkeypatch.setattr(module, "ARRIVE_S", 5.0)
    result = await played(folder, name, kind)
    assert not result.ok
    assert reason in result.reason


async def test_s2_what_the_centre_lacks_or_holds_too_often_is_not_settled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(folder) as world:
        run = Run(world)
        await run.settled(alarms=0)
        with pytest.raises(ScenarioError, match="holds 0 raised alarms"):
            await run.settled(alarms=1)
        monkeypatch.setattr(world.centre.intake, "missing", lambda _hub: ["e1-a-2"])
        with pytest.raises(ScenarioError, match=r"lacks events.*e1-a-2"):
            await run.settled(alarms=0)


async def test_a_part_of_the_demonstration_that_dies_is_the_reason(folder: Path) -> None:
    class Blind(World):
        async def _settle(self) -> None:
            raise LookupError("blind")

    result = await played(folder, "fall-cancelled", Blind)
    assert (result.ok, result.reason) == (False, "LookupError('blind')")


# --- the story ---------------------------------------------------------------------------------------


async def test_s12_a_story_is_bounded_and_can_be_waited_for() -> None:
    story = Story()
    story.begin(1_000)
    for number in range(KEPT + 5):
        story.add("hub", f"step:{number}", ms=1_000 + number)
    assert len(story.steps()) <= KEPT
    assert len(story) == KEPT + 5
    waiting = asyncio.create_task(story.wait_for(lambda step: step.key == "late", after=len(story), within_s=5))
    await asyncio.sleep(0)
    story.add("hub", "late", ms=3_500)
    assert (await waiting).at_ms == 2_500
    with pytest.raises(TimeoutError):
        await story.wait_for(lambda step: step.key == "never", within_s=0.01)
