"""What the resident is told and asked in `hearthline demo`: every such scenario goes as it should.

Others in other languages: `make run ARGS="--scenario tablet-taken --language cy"`.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from agent.voice.phrases import LANGUAGES
from simulators.demo import caring, command, residents
from simulators.demo.card import can_speak
from simulators.demo.playing import SHORT
from simulators.demo.scenarios import SCENARIOS, play
from simulators.demo.world import World
from tests.support.demo import demo, installed, left_behind

BY_COMMAND = "family-message"
IN_A_WORLD = ("tablet-taken", "tablet-missed", "reminder-during-alarm", "no-line-feedback")
REMINDED = ("home:due", "chirp:reminder", "lamp:prompt:slow")


class Played(NamedTuple):
    """How a scenario is played: its language; what must come, in this order; what must be measured; what is said."""

    language: str
    keys: tuple[str, ...]
    promised: tuple[str, ...]
    said: tuple[str, ...]


STORIES: Mapping[str, Played] = {
    "tablet-taken": Played(
        "en",
        ("hub:plan", *REMINDED, "you:answer", "chirp:taken", *REMINDED[:2], "you:lid", "chirp:taken", "hub:adherence"),
        ("due_to_sound_s", "due_to_lamp_s", "answer_to_sound_s", "lid_to_sound_s"),
        ("says:reminder.medication:en", "says:reminder.taken:en"),
    ),
    "tablet-missed": Played(
        "pl",
        ("hub:plan", *REMINDED, "chirp:reminder", "centre:reminder.missed", "staff:resolve", "centre:alarm.resolved"),
        ("due_to_sound_s", "due_to_lamp_s", "repeated_s", "missed_s", "centre_called_s"),
        ("says:reminder.medication:pl", "says:reminder.answer:pl", "says:reminder.missed:pl"),
    ),
    "reminder-during-alarm": Played(
        "en",
        ("you:call", "lamp:arrived:on", "hub:held", "you:answer", "staff:resolve", "chirp:reminder", "you:answer"),
        ("cancel_window_s", "closed_to_reminded_s"),
        ("says:call.heard:en", "says:call.arrived:en", "says:reminder.medication:en"),
    ),
    "family-message": Played(
        "ur",
        ("hub:plan", "staff:message", "chirp:message", "lamp:prompt:on", "you:answer", "centre:message.heard"),
        ("sent_to_home_s", "answer_to_centre_s"),
        ("says:message.comes:ur",),
    ),
    "no-line-feedback": Played(
        "en",
        (
            *("line:cut", "you:call", "lamp:call:lit", "alert:no-line", "line:restored", "lamp:arrived:on"),
            *("alert:arrived", "lamp:someone:on", "dark"),
        ),
        ("cancel_window_s", "raised_to_no_line_alert_s", "raised_to_no_line_said_s", "restored_to_centre_s"),
        ("says:call.heard:en", "says:call.no-line:en", "says:call.arrived:en", "says:call.someone:en"),
    ),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def in_order(keys: list[str], *wanted: str) -> bool:
    """Whether these keys are there, each after the one before."""
    rest = iter(keys)
    return all(any(f"{key}:".startswith(f"{one}:") for key in rest) for one in wanted)


def test_every_scenario_in_which_somebody_is_spoken_to_is_tested() -> None:
    assert STORIES.keys() == {BY_COMMAND, *IN_A_WORLD} == {name for name, each in SCENARIOS.items() if each.setting.at}


def fits(name: str, document: Mapping[str, Any]) -> None:
    """See that a run, as the command tells it, went as it should."""
    story = STORIES[name]
    assert (document["ok"], document["reason"]) == (True, "")
    keys = [step["key"] for step in document["steps"]]
    assert in_order(keys, *story.keys), keys
    assert set(story.promised) <= document["promised"].keys()
    assert set(story.said) <= set(keys), keys


class Speechless(World):
    """A home whose hub has nothing to speak with, as where espeak-ng is not installed."""

    def _pull_levers(self) -> None:
        super()._pull_levers()
        self.flat.hub.environment["PATH"] = str(self.folder)


async def in_a_world(folder: Path, name: str, after: Callable[[World], object] = lambda _: None) -> dict[str, Any]:
    """Play a scenario in its language, then look at the world that it leaves."""
    setting = SCENARIOS[name].setting._replace(language=STORIES[name].language)
    async with Speechless(folder / name[:12], cancel_s=SHORT, setting=setting) as world:
        result = await play(name, world)
        await asyncio.to_thread(after, world)
    played: dict[str, Any] = msgspec.to_builtins(result)
    return played


@pytest.mark.slow
async def test_each_goes_as_it_should_and_taken_tablets_are_shown_by_hearthline_status(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They mostly wait, so they are played side by side: all but the last without a voice."""
    for module in (caring, residents):
        monkeypatch.setattr(module, "can_speak", lambda: False)
    told: list[dict[str, Any]] = []
    taken, *others = await asyncio.gather(
        in_a_world(folder, "tablet-taken", lambda world: told.append(_status(folder, world))),
        *(in_a_world(folder, name) for name in IN_A_WORLD if name != "tablet-taken"),
        asyncio.to_thread(by_command, folder / "c", BY_COMMAND),
    )
    for document in (taken, *others):
        fits(document["scenario"], document)
    ((reminder,), (day,)) = _days(told[0])
    assert reminder == caring.REMINDER
    occasions = {each["slot"]: (each["outcome"], each["how"], each["late"]) for each in day}
    assert occasions == {"08:00": ("taken", "button", False), "12:00": ("taken", "lid", False)}
    assert (told[0]["missed_lately"], told[0]["open"], told[0]["synced"]) == (0, [], True)
    if can_speak():
        assert 0 <= others[-1]["measured"]["sent_to_said_s"] <= 10


def by_command(folder: Path, name: str) -> dict[str, Any]:
    """Play a scenario by the real command."""
    ran = demo(folder, "--scenario", name, "--language", STORIES[name].language, "--json")
    assert ran.code == 0, ran.said + ran.complaint
    assert left_behind(folder) == []
    return ran.document


def _status(folder: Path, world: World) -> dict[str, Any]:
    """Ask with the command that an installer would use."""
    code = "from provisioning.cli import main; main(prog_name='hearthline')"
    arguments = ["status", "--reminders", "--json", "--socket", str(world.flat.folder / "hub.sock")]
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=installed(folder), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _days(told: dict[str, Any]) -> tuple[list[str], list[list[dict[str, Any]]]]:
    """Give the reminders' names, and the occasions of each day that had any."""
    reminders = told["adherence"]["reminders"]
    days = [day["occasions"] for each in reminders for day in each["days"] if day["occasions"]]
    return [each["reminder"] for each in reminders], days


# --- what is asked for -------------------------------------------------------------------------------


def test_the_languages_are_those_of_the_voice() -> None:
    assert set(command.LANGUAGES) == set(LANGUAGES) == caring.FAMILY.keys() == caring.NAMES.keys()


def test_a_language_goes_with_what_is_said(folder: Path) -> None:
    ran = demo(folder, "--scenario", "flood", "--language", "cy")
    assert ran.code == 2
    assert "--language goes with tablet-taken, tablet-missed" in ran.complaint
