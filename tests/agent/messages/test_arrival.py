"""S11: a message comes in, is said, and goes; its text is nowhere but in its own file, whatever happens between."""

import asyncio
import errno
import logging
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from agent.messages.arrival import WAITING_MAX
from agent.messages.keeping import Kept
from agent.wire import sealing
from rules.actions import Say
from rules.commands import SayMessage
from rules.events import AnswerPressed, Commanded
from rules.reports import CommandDone, CommandRefused, MessageHeard
from tests.agent.messages.home import KEY, TEXT, Home, said, sealed
from tests.support.examples import examples


async def test_it_is_opened_kept_and_said_by_its_id(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.say("c-1", sealed(person="p1", hours=48))
    assert home.told(CommandDone)[0].command == "c-1"
    assert Say("", "message", "p1", "c-1") in home.actions
    assert home.keeping.text("c-1") == (TEXT, "de")
    assert home.house.messages[0].hours == 48


async def test_heard_it_is_gone_from_the_disk(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.say("c-1", sealed())
    await home.rests()
    assert len(home.kept) == 1
    home.happens(AnswerPressed())
    assert home.told(MessageHeard)[0].message == "c-1"
    await home.messages.turn()
    assert len(home.kept) == 1, "S1: not before that is surely committed"
    await home.rests()
    assert home.kept == []


@pytest.mark.parametrize(("person", "language"), [("", "de"), ("p1", "de"), ("p2", "pl")])
async def test_without_a_language_it_is_in_that_of_whom_it_is_for(tmp_path: Path, person: str, language: str) -> None:
    home = Home(tmp_path)
    await home.say("c-1", SayMessage(sealed=_sealed({"text": "Hello."}), person=person))
    assert home.keeping.text("c-1") == ("Hello.", language)


async def test_a_text_of_the_plan_needs_no_key_and_leaves_no_file(tmp_path: Path) -> None:
    home = Home(tmp_path, key=None)
    await home.say("c-1", {"text": "dinner"})
    assert Say("dinner", "message") in home.actions
    assert home.kept == []


# --- what is refused --------------------------------------------------------------------------------


def _sealed(content: object, key: ECKey = KEY) -> str:
    return sealing._encrypt(msgspec.json.encode(content), key)


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "either text or sealed"),
    "both": ({"text": "dinner", "sealed": "x"}, "either text or sealed"),
    "a list": ([TEXT], "expected text"),
    "in the clear": ({"text": TEXT}, "expected text"),
    "in the clear, elsewhere": ({"words": TEXT}, "either text or sealed"),
    "as the person": ({"text": "dinner", "person": TEXT}, "expected text"),
    "as the hours": ({"text": "dinner", "hours": TEXT}, "expected text"),
    "in the place of the seal": ({"sealed": TEXT}, "not encrypted to this hub"),
    "our own word for a kept one": ({"sealed": "kept"}, "not encrypted to this hub"),
    "another hub's": ({"sealed": _sealed({"text": TEXT}, ECKey.generate_key("P-256"))}, "not encrypted to this hub"),
    "too long": ({"sealed": _sealed({"text": TEXT * 20})}, "1 to 300 characters"),
    "two lines": ({"sealed": _sealed({"text": f"{TEXT}\n{TEXT}"})}, "1 to 300 characters"),
    "no text": ({"sealed": _sealed({"text": " "})}, "1 to 300 characters"),
    "another shape": ({"sealed": _sealed([TEXT])}, "1 to 300 characters"),
    "a language that is none": ({"sealed": _sealed({"text": TEXT, "language": TEXT})}, "1 to 300 characters"),
    "for nobody who lives here": ({"text": "dinner", "person": "p9"}, "nobody of that reference"),
    "a text that the plan has not": ({"text": "supper"}, "no text of that reference"),
    "for 0 hours": ({"text": "dinner", "hours": 0}, "hours"),
    "for a fortnight": ({"text": "dinner", "hours": 336}, "hours"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_s11_what_cannot_be_said_is_refused_with_a_reason_and_not_repeated(tmp_path: Path, name: str) -> None:
    data, reason = REFUSED[name]
    home = Home(tmp_path)
    await home.say("c-1", data)
    assert reason in home.told(CommandRefused)[0].reason
    assert home.house.messages == ()
    assert home.kept == []
    assert TEXT.encode() not in home.written()


async def test_a_hub_without_a_key_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path, key=None)
    await home.say("c-1", sealed())
    assert "[keys] plan" in home.told(CommandRefused)[0].reason


async def test_s12_the_seventeenth_is_refused_and_its_text_not_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for number in range(17):
        await home.say(f"c-{number}", sealed())
    assert "16 messages wait" in home.told(CommandRefused)[0].reason
    await home.rests()
    assert len(home.kept) == 16
    assert home.keeping.text("c-16") is None


async def test_a_full_disk_is_told_to_the_centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("agent.messages.keeping.write_whole", full)
    await home.say("c-1", sealed())
    assert home.told(CommandRefused)[0].reason == "it could not be kept: No space left on device"


# --- twice, and too much ----------------------------------------------------------------------------


async def test_s4_twice_is_once_before_while_and_after_it_waits(tmp_path: Path) -> None:
    home = Home(tmp_path)
    command = said("c-1", sealed())
    await home.hear(command, command)
    await home.hear(command)
    home.turn()
    await home.hear(command)
    home.turn()
    home.happens(AnswerPressed())
    await home.hear(command)
    home.turn()
    await home.rests()
    assert len(home.told(CommandDone)) == len(home.told(MessageHeard)) == 1
    assert (home.house.messages, home.kept) == ((), [])


async def test_s12_so_many_wait_to_be_opened_and_the_centre_repeats_the_rest(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(*(said(f"c-{number}", {"text": "dinner"}) for number in range(WAITING_MAX + 5)))
    home.turn()
    assert len(home.house.commands) == WAITING_MAX
    await home.hear(*(said(f"c-{number}", {"text": "dinner"}) for number in range(WAITING_MAX + 5)))
    home.turn()
    assert len(home.house.commands) == WAITING_MAX + 5


async def test_one_that_finds_no_place_with_the_rules_is_not_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.full = True
    await home.say("c-1", sealed())
    await home.rests()
    assert home.kept == []
    home.full = False
    await home.say("c-1", sealed())
    assert home.house.messages[0].id == "c-1"


async def test_the_part_runs_by_itself(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.keeping.keep(Kept(id="c-0", text="Ruf mich an.", language="de", hours=24))
    running = asyncio.create_task(home.messages.run())
    home.messages.arrived(said("c-1", sealed()), home.inbox.put)
    async with asyncio.timeout(5):
        while len(home.house.messages) < 2:
            await home.inbox.wait(1)
            home.turn()
    home.happens(AnswerPressed())
    home.happens(AnswerPressed())
    async with asyncio.timeout(5):
        while home.kept:
            await asyncio.sleep(0.01)
    running.cancel()


# --- power cuts -------------------------------------------------------------------------------------


async def test_killed_between_the_file_and_the_commit_nothing_is_lost(tmp_path: Path) -> None:
    home = Home(tmp_path)
    committed = home.turn()
    await home.say("c-1", sealed(person="p2", hours=3), turned=False)  # kept and offered, and there the process ends
    assert len(home.kept) == 1
    after = Home(tmp_path, committed)
    assert after.keeping.text("c-1") == (TEXT, "de")
    assert (after.house.messages[0].person, after.house.messages[0].hours) == ("p2", 3)
    await after.say("c-1", sealed())  # the centre repeats it
    assert len(after.told(CommandDone)) == 1


async def test_killed_in_the_middle_of_the_file_the_centre_repeats_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    committed = home.turn()
    (tmp_path / "messages").mkdir(mode=0o700)
    (tmp_path / "messages" / "new").write_text(TEXT[:10])
    after = Home(tmp_path, committed)
    await after.rests()
    assert (after.kept, after.house.messages) == ([], ())
    await after.say("c-1", sealed())
    assert after.house.messages[0].id == "c-1"


async def test_killed_before_a_heard_ones_text_is_gone_it_goes_with_the_next_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.say("c-1", sealed())
    committed = home.happens(AnswerPressed())
    after = Home(tmp_path, committed)
    assert after.house.messages == ()
    await after.rests()
    assert after.kept == []


async def test_killed_before_the_press_was_committed_it_can_still_be_said(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.say("c-1", sealed())
    committed = home.turn()
    home.happens(AnswerPressed())
    await home.messages.turn()
    after = Home(tmp_path, committed)
    await after.rests()
    assert after.keeping.text("c-1") == (TEXT, "de")
    assert after.house.messages[0].id == "c-1"


async def test_with_its_house_lost_a_hub_says_again_what_waits(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.say("c-1", sealed())
    await home.say("c-2", sealed("Ruf mich an."))
    after = Home(tmp_path, None)
    assert {each.id for each in after.house.messages} == {"c-1", "c-2"}
    await after.rests()
    assert len(after.kept) == 2


async def test_s4_one_that_waits_is_not_offered_again_though_its_command_is_long_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.say("c-1", sealed())
    house = msgspec.structs.replace(home.house, commands=())
    after = Home(tmp_path, msgspec.json.encode(house))
    assert [each.id for each in after.house.messages] == ["c-1"]


# --- S11 --------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(codec="utf-8"), min_size=12, max_size=400)
SHAPES = st.sampled_from(["sealed", "text", "words", "person", "hours", "language", "nested", "raw", "junk"])


def _shaped(shape: str, words: str) -> Commanded:
    """A `say` command that has the words in it somehow, right or wrong."""
    match shape:
        case "sealed":
            return said("c-1", {"sealed": _sealed({"text": words})})
        case "language":
            return said("c-1", {"sealed": _sealed({"text": "Hello.", "language": words})})
        case "nested":
            return said("c-1", {"sealed": {"text": words}})
        case "raw":
            return Commanded("c-1", "say", words)
        case "junk":
            return Commanded("c-1", "say", '{"text": "' + words)
        case _:
            return said("c-1", {shape: words})


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=WORDS, shape=SHAPES, ending=st.sampled_from(["heard", "killed", "full", "waits"]))
def test_s11_no_text_of_a_message_is_anywhere_but_in_its_own_file(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture, words: str, shape: str, ending: str
) -> None:
    folder = tmp_path_factory.mktemp("home")
    marked = f"Zahnarzt {words}"  # so that what is looked for is in nothing else
    home = Home(folder)
    home.full = ending == "full"
    with caplog.at_level(logging.DEBUG):
        asyncio.run(home.hear(_shaped(shape, marked)))
        if ending in ("heard", "waits"):
            home.turn()
            assert len(home.told(CommandDone)) + len(home.told(CommandRefused)) == 1
        if ending == "heard":
            home.happens(AnswerPressed())
        after = home if ending != "killed" else Home(folder, None)
        asyncio.run(after.rests())
    seen = home.written() + after.written() + caplog.text.encode(errors="replace")
    assert b"Zahnarzt" not in seen
    if ending == "heard" and shape == "sealed":
        assert not [each for each in folder.rglob("*") if each.is_file() and b"Zahnarzt" in each.read_bytes()]
