"""Both sides at once: a call made in the flat's page is taken and closed in the real console, by keys alone."""

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, NamedTuple

import httpx
import pytest
from playwright.async_api import Page

from simulators.demo.playing import SHORT
from simulators.demo.setting import Setting
from simulators.demo.world import World
from simulators.flat_page.app import Notes, Stage
from simulators.flat_page.deeds import Doing
from simulators.flat_page.following import follow
from simulators.flat_page.real_centre import STAFF, NoCentreError, RealCentre, can_run
from simulators.flat_page.serving import serving
from tests.support.browser import CHROMIUM, chromium, opened
from tests.support.demo import installed, left_behind

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not can_run(), reason="there is no Mosquitto here")]

HELD_MS = 700
"""What has changed under one's hands takes no key of the console's for so long."""

SETTING = Setting(battery=True, trusted_clock=True)


class Pair(NamedTuple):
    """A world, the real centre that answers it, and where its page is."""

    world: World
    centre: RealCentre
    address: str


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="pair-", ignore_cleanup_errors=True) as folder:
        async with (
            RealCentre(Path(folder) / "centre") as centre,
            World(Path(folder), cancel_s=SHORT, setting=SETTING, far_end=centre) as world,
        ):
            following = asyncio.create_task(follow(world, centre.services))
            stage = Stage(world=world, notes=Notes(), doing=Doing(world), link=centre.link)
            async with serving(stage) as address:
                yield Pair(world, centre, address)
            await stage.doing.stop()
            assert not following.done(), following
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            assert world.broken() == ""


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here")
async def test_a_press_in_the_flat_is_taken_and_closed_in_the_console_by_keys_alone() -> None:
    async with (
        pair() as there,
        chromium() as browser,
        opened(browser, there.address, color_scheme="light") as (flat, complaints),
    ):
        await flat.wait_for_selector("html[data-hub=runs][data-line=up]")
        async with flat.context.expect_page() as opening:
            await flat.focus("a.open")
            await flat.keyboard.press("Enter")
        console = await opening.value
        await console.wait_for_selector("text=Welcome")
        await console.keyboard.press("Enter")
        await console.wait_for_selector("h1:has-text('Queue')")
        await flat.keyboard.press("p")
        await console.wait_for_selector("[data-digit='1'] >> visible=true")
        await flat.wait_for_selector("html[data-alarm=new]")
        await _key(console, "1")
        await console.wait_for_selector("text=Edith Example")
        await _key(console, "t")
        await flat.wait_for_selector("#captions >> text=A person has taken it on")
        await flat.wait_for_selector("html[data-alarm=taken]")
        await console.wait_for_selector("summary[data-key=r]")
        await _key(console, "r")
        await console.keyboard.press("S")  # ... poke with the resident
        await console.keyboard.press("Control+Enter")
        await flat.wait_for_selector("#captions >> text=It is over.")
        await flat.wait_for_selector("html[data-alarm=none]")
        await flat.wait_for_selector("#steps >> text=take the case")
        await flat.wait_for_selector("#steps >> text=close the case: Spoke with the resident")
        await flat.wait_for_selector(".tries li.seen >> text=Call for help")
        assert complaints == []


async def _key(console: Page, key: str) -> None:
    """Press a key once the page is there to take it."""
    await console.wait_for_selector("body.live")
    await console.wait_for_timeout(HELD_MS)
    await console.keyboard.press(key)


async def test_a_frozen_centre_hears_the_call_when_it_wakes_and_ends_with_us() -> None:
    async with pair() as there:
        world, centre = there.world, there.centre
        world.silence_centre(silent=True)
        since = len(world.story)
        await world.burn_toast()
        await world.story.wait_for(lambda step: step.key == "hub:raised:immediate", after=since, within_s=10)
        await asyncio.sleep(1)
        assert not world.desk.cases
        world.silence_centre(silent=False)
        await world.story.wait_for(lambda step: step.key == "centre:alarm.raised", after=since, within_s=20)
        await world.story.wait_for(lambda step: step.key == "lamp:arrived:on", after=since, within_s=10)
        async with asyncio.timeout(10):
            while not (cases := await asyncio.to_thread(centre.services.desk.standing)):
                await asyncio.sleep(0.05)
        assert [case.hub for case in cases] == [world.flat.hub_id]
        first, second = await asyncio.to_thread(centre.link), await asyncio.to_thread(centre.link)
        assert first != second
        assert first.startswith(f"{centre.console}/welcome/")
        assert centre.services.roster.get(STAFF) is not None
        process = centre._process
        assert process is not None
        assert centre.running
    assert process.returncode in (0, -signal.SIGTERM)


async def test_a_centre_that_cannot_start_is_said_with_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "centre").write_text("in the way")
    with pytest.raises(NoCentreError, match="does not come up"):
        async with RealCentre(tmp_path / "centre"):
            pass


def test_it_says_where_both_are_and_even_killed_leaves_no_process() -> None:
    code = "from simulators.flat_page.command import demo; demo(prog_name='demo')"
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "--browser"],
            env=installed(Path(folder)),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        with process, process.stdout:
            said = _until(process.stdout, "Ctrl-C ends it")
            address = re.search(r"the flat +(http://127\.0\.0\.1:\d+/\S+/)\n", said)
            assert address is not None, said
            assert httpx.get(address[1]).status_code == 200
            assert re.search(r"once, within 15 minutes: http://127\.0\.0\.1:\d+/welcome/\S+\n", said), said
            process.kill()
        end_s = time.monotonic() + 10
        while (left := _processes(Path(folder), process.pid)) and time.monotonic() < end_s:
            time.sleep(0.05)
        assert left == []


def _until(lines: IO[str], words: str) -> str:
    said = ""
    for line in lines:
        said += line
        if words in line:
            return said
    raise AssertionError(said)


def _processes(folder: Path, session: int) -> list[str]:
    return [each for each in left_behind(folder, session) if each.startswith("process")]
