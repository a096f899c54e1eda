"""The flat as a page: who may press, what is on it, and what it is to somebody with a browser, a keyboard, no eyes."""

import asyncio
import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from click.testing import CliRunner
from playwright.async_api import Browser, Page, expect

from simulators.demo.command import demo as terminal
from simulators.demo.hands import UNDER_WAY_MAX, WORK
from simulators.demo.live import WINDOWS
from simulators.demo.setting import Setting
from simulators.demo.story import Step
from simulators.demo.words import SIGNS
from simulators.demo.world import World
from simulators.flat_page import command, running
from simulators.flat_page.app import FILES, HERE, LISTENERS_MAX, Notes, Stage
from simulators.flat_page.deeds import DEEDS, Deed, Doing, TooBusyError
from simulators.flat_page.guard import HEADERS, Guard
from simulators.flat_page.serving import serving
from simulators.flat_page.words import OWN, TRIES, own
from simulators.watched_pins import Change
from tests.support.browser import CHROMIUM, chromium, opened, violations

PORT, TOKEN = 4711, "a-token"
HOST = f"127.0.0.1:{PORT}"
OURS = {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}


# --- who may ------------------------------------------------------------------------------------------


async def _application(scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["path"].encode())]})
    await send({"type": "http.response.body", "body": b"through"})


async def asked(method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    transport = httpx.ASGITransport(app=Guard(_application, TOKEN, PORT))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", f"/{TOKEN}/", {"host": HOST}, 200),
        ("GET", f"/{TOKEN}/live", {"host": f"localhost:{PORT}"}, 200),
        ("POST", f"/{TOKEN}/do/fall", OURS, 200),
        ("GET", "/", {"host": HOST}, 404),
        ("GET", "/another/", {"host": HOST}, 404),
        ("GET", f"/{TOKEN}", {"host": HOST}, 404),
        ("GET", f"/{TOKEN}/", {"host": "evil.example"}, 404),  # a name of theirs that means 127.0.0.1
        ("GET", f"/{TOKEN}/", {"host": f"127.0.0.1:{PORT + 1}"}, 404),
        ("POST", "/do/fall", OURS, 404),
        ("POST", f"/{TOKEN}/do/fall", {"host": HOST}, 403),
        ("POST", f"/{TOKEN}/do/fall", OURS | {"origin": "https://evil.example"}, 403),
        ("POST", f"/{TOKEN}/do/fall", OURS | {"origin": "null"}, 403),
        ("POST", f"/{TOKEN}/do/fall", OURS | {"origin": f"http://127.0.0.1:{PORT + 1}"}, 403),  # the console is another
        ("POST", f"/{TOKEN}/do/fall", OURS | {"sec-fetch-site": "same-site"}, 403),
        ("POST", f"/{TOKEN}/do/fall", OURS | {"content-length": "9999"}, 403),
        ("PUT", f"/{TOKEN}/", {"host": HOST}, 403),
    ],
)
async def test_only_the_page_itself_gets_through(method: str, path: str, headers: dict[str, str], status: int) -> None:
    answer = await asked(method, path, headers)
    assert answer.status_code == status
    assert (answer.text == "through") == (status == 200)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


async def test_the_application_never_sees_the_token() -> None:
    assert (await asked("GET", f"/{TOKEN}/live", {"host": HOST})).headers["x-path"] == "/live"


def test_the_policy_lets_in_nothing_from_elsewhere_and_nothing_inline() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"unsafe|http|data:|\*", policy)


# --- what is on it --------------------------------------------------------------------------------------


class Playing(NamedTuple):
    """A world that is played with on a page."""

    world: World
    stage: Stage
    address: str


@contextlib.asynccontextmanager
async def playing() -> AsyncIterator[Playing]:
    notes = Notes()
    setting = Setting(at="10:00", spoken_to=True, battery=True)
    with tempfile.TemporaryDirectory(prefix="flat-", ignore_cleanup_errors=True) as folder:
        async with World(Path(folder), cancel_s=WINDOWS, setting=setting, felt=notes.felt) as world:
            stage = Stage(world=world, notes=notes, doing=Doing(world), since=len(world.story))
            async with serving(stage) as address:
                yield Playing(world, stage, address)
            await stage.doing.stop()


def test_each_thing_that_can_be_done_has_a_key_of_its_own() -> None:
    assert len({deed.name for deed in DEEDS}) == len(DEEDS)
    for key, count in Counter(deed.key for deed in DEEDS).items():
        whens = {deed.when for deed in DEEDS if deed.key == key}
        assert count == 1 or (count == 2 and len({when.removeprefix("!") for when in whens}) == 1 < len(whens))
    assert WORK.keys() <= {deed.key for deed in DEEDS}  # as in the terminal, and more


def test_every_file_of_the_page_is_served_and_nothing_is_inline() -> None:
    assert FILES.keys() == {path.name for path in (HERE / "static").iterdir()}
    for path in (HERE / "pages").iterdir():
        text = path.read_text()
        assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)|javascript:|\|\s*safe", text), path.name


def test_the_residents_words_are_of_signs_that_there_are() -> None:
    known = set(SIGNS) | {"you:up", "you:hold", "you:later", "you:answer"}
    assert OWN.keys() <= known
    sustained = {sign for sign in SIGNS if sign.startswith(("tone:", "chirp:"))} - {"chirp:locate"}
    assert sustained <= OWN.keys(), "a sound without a caption"
    assert own(Step(ms=0, at_ms=0, who="you", key="you:call", text="fall in the bathroom")) == "I fall in the bathroom."
    assert own(Step(ms=0, at_ms=0, who="hub", key="hub:durable", text="the call is on its disk")) == ""


def test_what_to_try_names_keys_that_do_it() -> None:
    keys = {deed.key for deed in DEEDS}
    for each in TRIES:
        assert set(re.findall(r"\((\w)\)", each.how)) <= keys
        assert each.keys


def test_notes_are_for_those_who_listen_and_nobody_fills_the_memory() -> None:
    notes = Notes()
    ear = notes.open()
    for ms in range(1_000):
        notes.felt("sounder", Change(18, 0.5, ms, 880))
        notes.felt("call", Change(16, 1, ms))
    assert ear.qsize() == ear.maxsize
    assert ear.get_nowait() == {"ms": 0, "hz": 880, "siren": 0}
    notes.close(ear)
    for _ in range(LISTENERS_MAX):
        notes.open()
    with pytest.raises(TooBusyError):
        notes.open()


async def test_no_more_is_under_way_than_hands_can_do() -> None:
    held = asyncio.Event()

    async def hold(_world: World) -> None:
        await held.wait()

    doing = Doing(None)  # type: ignore[arg-type]
    deed = Deed("hold", "h", "box", "", "", hold)
    for _ in range(UNDER_WAY_MAX):
        doing.begin(deed)
    with pytest.raises(TooBusyError):
        doing.begin(deed)
    await doing.stop()


# --- which of the two ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "display", "browser"),
    [
        ([], ":0", True),
        ([], "", False),
        (["--browser"], "", True),
        (["--no-browser"], ":0", False),
        (["--plain"], ":0", False),
        (["--scenario", "flood"], ":0", False),
        (["--list"], ":0", False),
    ],
)
def test_the_browser_where_there_is_a_screen_else_the_terminal(
    arguments: list[str], display: str, browser: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("WAYLAND_DISPLAY", "")

    def by_browser(**_: object) -> int:
        shown.append("browser")
        return 0

    monkeypatch.setattr(command, "_by_browser", by_browser)
    monkeypatch.setattr(terminal, "callback", lambda **_: shown.append("terminal"))
    result = CliRunner().invoke(command.demo, arguments)
    assert (result.exit_code, shown) == (0, ["browser" if browser else "terminal"])


def test_a_scenario_has_no_browser() -> None:
    result = CliRunner().invoke(command.demo, ["--browser", "--scenario", "flood"])
    assert result.exit_code == 2
    assert "scenarios and --plain are for the terminal" in result.output


def test_without_mosquitto_the_page_has_a_centre_of_its_own_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "can_run", lambda: False)

    async def chosen() -> object:
        async with contextlib.AsyncExitStack() as stack:
            return await running._real_centre(stack, Path("nowhere"), ())

    assert asyncio.run(chosen()) is None
    assert "apt install mosquitto" in capsys.readouterr().out


# --- with a home ----------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_call_is_made_seen_answered_and_closed_over_http_and_by_keys_alone() -> None:
    async with playing() as there:
        await _by_http(there)
        if CHROMIUM:
            async with chromium() as browser:
                await _by_keys(browser, there.address)
                await _in_the_dark_on_a_telephone(browser, there.address)


async def _by_http(there: Playing) -> None:
    async with httpx.AsyncClient(base_url=there.address) as client:
        origin = {"origin": there.address.rpartition("/")[0].rpartition("/")[0]}
        page = (await client.get("")).text
        for deed in DEEDS:
            assert f'data-do="{deed.name}" data-key="{deed.key}"' in page
        for name in FILES:
            assert (await client.get(name)).headers["content-type"].startswith(FILES[name])
        for path in ("app.py", "../app.py", "nothing", "console", "voice/0", "do/fall"):
            assert (await client.get(path)).status_code in (404, 405), path
        assert (await client.post("do/nothing", headers=origin)).status_code == 404
        assert (await client.post("do/wet-floor")).status_code == 403
        wanted = {"centre:alarm.raised", "chirp:arrived"}
        async with client.stream("GET", "live") as live:
            assert (await client.post("do/wet-floor", headers=origin)).status_code == 202
            seen, kinds = await _followed(live, wanted)
        assert wanted <= seen
        assert {"hello", "state", "steps", "notes", "beat"} <= kinds
        async with asyncio.timeout(5):
            while there.stage.notes._listening:  # who has gone is not told any more
                await asyncio.sleep(0.05)
        since = len(there.world.story)
        for name in ("dry-floor", "acknowledge", "resolve"):
            assert (await client.post(f"do/{name}", headers=origin)).status_code == 202
        await there.world.story.wait_for(lambda step: step.key == "dark", after=since, within_s=30)


async def _followed(live: httpx.Response, wanted: set[str]) -> tuple[set[str], set[str]]:
    """Read the stream until every wanted step has come."""
    seen: set[str] = set()
    kinds: set[str] = set()
    async with asyncio.timeout(30):
        async for line in live.aiter_lines():
            name, _, data = line.partition(": ")
            if name == "event":
                kinds.add(data)
            elif name == "data" and data.startswith("[{") and '"own"' in data:
                seen |= {step["key"] for step in msgspec.json.decode(data)}
            if wanted <= seen and {"beat", "notes"} <= kinds:
                break
    return seen, kinds


async def _by_keys(browser: Browser, address: str) -> None:
    light = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
    async with opened(browser, address, **light) as (page, complaints):
        lamp = "li[data-lamp={}].told"
        await page.wait_for_selector("html[data-hub=runs][data-line=up]")
        await page.keyboard.press("p")
        await page.wait_for_selector(lamp.format("call"))
        await page.wait_for_selector("#captions >> text=It has heard me")
        await page.wait_for_selector(lamp.format("arrived"))
        assert await violations(page) == []
        await page.keyboard.press("a")
        await page.wait_for_selector(lamp.format("someone"))
        await page.keyboard.press("r")
        await page.wait_for_selector("#captions >> text=It is over.")
        await page.wait_for_selector(".tries li.seen >> text=Call for help")
        await _pairs(page)
        assert complaints == []


async def _pairs(page: Page) -> None:
    """A button that becomes its counterpart keeps the focus; keys can be switched off."""
    cut, mend = page.locator("button[data-do=cut-line]"), page.locator("button[data-do=mend-line]")
    await cut.focus()
    await page.keyboard.press("Enter")
    await mend.wait_for()
    await expect(page.locator("[data-do=mend-line]")).to_be_focused()
    await page.wait_for_selector("html[data-line=cut]")
    await page.keyboard.press("l")
    await cut.wait_for()
    await page.click("#keys")
    await page.keyboard.press("w")
    await page.click("button[data-do=burn-toast]")
    await page.wait_for_selector("html[data-smoky]")
    assert await page.get_attribute("html", "data-wet") is None


async def _in_the_dark_on_a_telephone(browser: Browser, address: str) -> None:
    """With a call under way: nothing is cut off, and axe is content."""
    dark = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    async with opened(browser, address, **dark) as (page, complaints):
        await page.wait_for_selector("html[data-theme=dark][data-smoky]")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await violations(page) == []
        assert complaints == []
