"""The daemon's side: what is said is rendered when it changes, one job at a time, and a failure is told, once."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from agent.plan.private import Private
from agent.voice.cache import Cache
from agent.voice.index import Clip, Index, Job, Outcome, Wanted
from agent.voice.rendering import Rendering, job_of, render
from rules.alarm import Alarm
from rules.events import PartChanged
from rules.plan import Information, Person, Plan, Reminder, Voice
from rules.state import House
from rules.values import Now
from rules.watched import Message
from tests.agent.voice.home import SAID, job
from tests.support.house import ROOT

PLAN = Plan(
    version=2,
    language="en",
    people=(Person(person="mrs-a", language="cy"), Person(person="mr-b")),
    reminders=(Reminder(name="tablets", person="mrs-a", text="tablets"),),
    information=(Information(name="bins", text="bins"),),
    voice=Voice(rate=120),
)


def message(name: str, *, sealed: bool = True) -> Message:
    return Message(id=name, text="bins", sealed=sealed, hours=24, next_ms=0, expires_ms=1)


def alarm(plan_version: int) -> Alarm:
    return Alarm(
        id="a",
        kind="pendant",
        priority=1,
        silent=False,
        test=False,
        sensor="p",
        location="",
        person="",
        boot="b",
        triggered=Now(ms=0, wall_ms=0, synced=True),
        plan_version=plan_version,
    )


class Renderer:
    """Answers for the process that renders, when it is let."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: list[Job] = []
        self.outcome = Outcome(ok=True)
        self.go = asyncio.Event()
        self.go.set()
        self.started = asyncio.Condition()
        self.at_once = 0

    async def render(self, job: Job) -> Outcome:
        async with self.started:
            self.jobs.append(job)
            self.started.notify_all()
        self.at_once += 1
        assert self.at_once == 1
        await self.go.wait()
        self.at_once -= 1
        clips = tuple(
            Clip(key=f"text.{each.words}", language="en-gb", file="a" * 64 + ".wav", size=2) for each in job.texts
        )
        self.folder.mkdir(exist_ok=True)
        (self.folder / "index.json").write_bytes(msgspec.json.encode(Index(clips=clips)))
        return self.outcome

    async def asked(self, count: int) -> None:
        async with asyncio.timeout(10), self.started:
            await self.started.wait_for(lambda: len(self.jobs) >= count)


class Home:
    """A rendering with its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.renderer = Renderer(folder)
        self.told: asyncio.Queue[PartChanged] = asyncio.Queue()
        self.texts: tuple[str, ...] = ("one",)
        self.house = House(plan=PLAN)
        self.rendering = Rendering(
            Cache(folder),
            lambda: job(folder, *self.texts),
            self.told.put_nowait,
            render=self.renderer.render,
            retry_s=0.05,
        )

    def change(self, *texts: str) -> None:
        self.texts = texts
        plan = msgspec.structs.replace(self.house.plan, version=self.house.plan.version + 1)
        self.house = msgspec.structs.replace(self.house, plan=plan)
        self.rendering.look(self.house)

    async def said(self) -> PartChanged:
        return await asyncio.wait_for(self.told.get(), 10)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    home = Home(tmp_path / "voice")
    task = asyncio.create_task(home.rendering.run())
    yield home
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_it_renders_at_the_start_and_after_each_change(home: Home) -> None:
    await home.renderer.asked(1)
    home.change("one", "two")
    await home.renderer.asked(2)
    assert [len(each.texts) for each in home.renderer.jobs] == [1, 2]
    assert await home.rendering.ready("text.two", "en")
    assert home.told.empty(), "all is well: nothing is told"


async def test_one_at_a_time_and_only_the_last_of_many_changes(home: Home) -> None:
    home.renderer.go.clear()
    await home.renderer.asked(1)
    for text in ("two", "three", "four"):
        home.change(text)
    home.renderer.go.set()
    assert await home.rendering.ready("text.four", "en")
    assert [each.texts[0].words for each in home.renderer.jobs] == ["one", "four"]


async def test_what_has_not_changed_is_not_rendered_again(home: Home) -> None:
    assert await home.rendering.ready("text.one", "en")
    home.change("one")
    assert await home.rendering.ready("text.none", "en") == (), "it was looked at, and nothing is to be done"
    assert len(home.renderer.jobs) == 1


async def test_a_message_that_has_just_come_is_waited_for(home: Home) -> None:
    assert await home.rendering.ready("text.one", "en")
    home.renderer.go.clear()
    home.change("one", "two")
    waiting = asyncio.create_task(home.rendering.ready("text.two", "en"))
    assert await asyncio.wait({waiting}, timeout=0.05) == (set(), {waiting})
    home.renderer.go.set()
    assert [clip.key for clip in await waiting] == ["text.two"]


async def test_what_is_not_ready_is_waited_for_but_not_for_ever(home: Home) -> None:
    home.renderer.go.clear()
    await home.renderer.asked(1)
    assert await home.rendering.ready("text.one", "en", within_s=0.01) == ()
    waiting = asyncio.create_task(home.rendering.ready("text.one", "en"))
    await asyncio.sleep(0)
    assert not waiting.done()
    home.renderer.go.set()
    assert [clip.key for clip in await waiting] == ["text.one"]
    assert await home.rendering.ready("text.never", "en") == ()


async def test_a_failure_is_a_fault_told_once_and_over_when_it_is(home: Home) -> None:
    """`retry_s` after a failure it is tried again, as somebody may have made room or installed what was missing."""
    home.renderer.outcome = Outcome(ok=False, reason="espeak-ng is not installed")
    assert await home.said() == PartChanged("voice", ok=False, reason="espeak-ng is not installed")
    tried = len(home.renderer.jobs)
    await home.renderer.asked(tried + 2)
    assert home.told.empty()
    home.renderer.outcome = Outcome(ok=True)
    assert await home.said() == PartChanged("voice", ok=True)
    done = len(home.renderer.jobs)
    await asyncio.sleep(0.1)
    assert len(home.renderer.jobs) == done


async def test_a_note_is_logged_and_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = Home(tmp_path / "voice")
    home.renderer.outcome = Outcome(ok=True, notes=("there are no phrases in so",))
    task = asyncio.create_task(home.rendering.run())
    await home.rendering.ready("text.one", "en")
    task.cancel()
    assert "there are no phrases in so" in caplog.text
    assert home.told.empty()


# --- the process --------------------------------------------------------------------------------------


def python(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(path))


@pytest.mark.parametrize("answer", ["", "{}", "[1]", '{"ok": 1}', "x" * 100_000])
async def test_a_process_without_an_answer_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    python(tmp_path, f"cat > /dev/null; echo '{answer}'; exit 3", monkeypatch)
    assert await render(job(tmp_path)) == Outcome(ok=False, reason="rendering what is said ended with code 3")


async def test_a_process_that_reads_nothing_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python(tmp_path, "exit 3", monkeypatch)
    assert not (await render(job(tmp_path, SAID * 10_000))).ok


async def test_a_process_that_cannot_start_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "none"))
    assert "could not be rendered" in (await render(job(tmp_path))).reason


async def gone(pid: int) -> bool:
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_s12_a_process_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 100", monkeypatch)
    assert (await render(job(tmp_path), timeout_s=0.3)).reason == "what is said was not rendered within 0.3 s"
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_it_ends_with_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python(tmp_path, f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 100", monkeypatch)
    task = asyncio.create_task(render(job(tmp_path)))
    async with asyncio.timeout(10):
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int((tmp_path / "pid").read_text()))


# --- what a house has to say --------------------------------------------------------------------------


def test_a_house_says_its_plans_texts_and_its_messages(tmp_path: Path) -> None:
    house = House(plan=PLAN, messages=(message("m1"), message("m2", sealed=False), message("gone")))
    private = {2: Private(texts={"tablets": "Tabledi.", "bins": "Bins out.", "unused": "Spare."})}
    kept = {"m1": Wanted(language="pl", words="Witaj."), "m2": Wanted(language="pl", words="Another's.")}
    asked = job_of(tmp_path, house, private.get, kept.get)
    assert asked.folder == str(tmp_path)
    assert asked.languages == ("en", "cy")
    assert asked.rate == 120
    assert set(asked.texts) == {
        Wanted(language="cy", words="Tabledi."),
        Wanted(language="en", words="Bins out."),
        Wanted(language="en", words="Spare."),
        Wanted(language="pl", words="Witaj."),
    }


def test_an_alarm_says_what_it_began_with(tmp_path: Path) -> None:
    """S9: a new plan does not change what is under way; its texts are spoken until it is over."""
    home = Home(tmp_path)
    home.rendering.look(home.house)
    home.rendering._changed.clear()
    house = msgspec.structs.replace(home.house, alarms=(alarm(1),))
    private = {1: Private(texts={"old": "Old."}), 2: Private(texts={"new": "New."})}
    assert {each.words for each in job_of(tmp_path, house, private.get, lambda _: None).texts} == {"Old.", "New."}
    home.rendering.look(house)
    assert home.rendering._changed.is_set()


def test_a_house_without_its_texts_says_its_phrases(tmp_path: Path) -> None:
    nothing: Callable[[object], None] = lambda _: None  # noqa: E731 -- what is not to be had
    assert job_of(tmp_path, House(), nothing, nothing).texts == ()


def test_the_daemon_does_not_load_what_renders() -> None:
    """Babel is large, and reads catalogues from the disk."""
    loaded = "import sys, agent.voice.rendering, agent.voice.cache; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "agent.voice.rendering" in done.stdout.split()
    assert not {"babel", "agent.voice.render", "agent.voice.catalogue"} & set(done.stdout.split())
