"""A flat that is a home of a centre elsewhere: it enrols by a code, stays that hub, and does only what is its own."""

import asyncio
import contextlib
import sqlite3
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from click.testing import CliRunner

from agent.config import load
from agent.wire.enrolment import Code
from simulators.demo.disk import Disk
from simulators.demo.playing import SHORT
from simulators.demo.setting import Setting
from simulators.demo.world import World
from simulators.flat_page import command, joining
from simulators.flat_page.app import Notes, Stage
from simulators.flat_page.command import JOIN_ALONE
from simulators.flat_page.deeds import DEEDS, Doing
from simulators.flat_page.joining import Elsewhere, JoinError, held, is_home, join, look_for_news, move_in_again
from simulators.flat_page.real_centre import RealCentre, can_run
from simulators.flat_page.serving import serving
from simulators.flat_page.shown import shown
from simulators.mosquitto import free_port
from tests.support.enrolling import RIGHT, Off, code_for, make_site, serving_here

NEVER = {"silence-centre", "wake-centre", "tablets", "acknowledge", "resolve", "message"}
"""What is done to a centre, or in its place."""

YESTERDAY = Off(-24 * 3_600_000, synced=True)
CODE = Code("enrol.example.org:8443", "0a0b0c0d0e", b"s" * 10, b"r" * 10)


# --- enrolling ------------------------------------------------------------------------------------------


async def joined(folder: Path, code: Code | None) -> Elsewhere:
    with held(folder):
        return await asyncio.to_thread(join, folder, code, RIGHT)


async def test_it_enrols_by_a_code_and_stays_that_hub(tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    async with serving_here(tmp_path) as site:
        code = code_for(site, "hub-1")
        there = await joined(flat, code)
        assert (there.hub, there.site, there.name) == ("hub-1", "Test site", "broker.example.org")
        assert there.place == ("broker.example.org", 8884)
        assert there.keys.centre_public.exists()
        assert stat.S_IMODE(flat.stat().st_mode) == 0o700
        assert [each.state for each in site.hubs()] == ["enrolled"]
        assert (await joined(flat, code)).hub == "hub-1"
        with pytest.raises(JoinError, match=r"hub-1 of Test site already, .* another folder with --keep"):
            await joined(flat, code_for(site, "hub-2"))
        assert await asyncio.to_thread(look_for_news, flat, RIGHT) == "Nothing is due."
    assert (await joined(flat, None)).hub == "hub-1"  # a hub is a hub without its site
    assert "could not be asked" in await asyncio.to_thread(look_for_news, flat, RIGHT)


async def test_a_code_that_is_not_good_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    async with serving_here(tmp_path) as site:
        used, void = code_for(site, "hub-1"), code_for(site, "hub-2")
        await joined(tmp_path / "another", used)
        code_for(site, "hub-2")
        old = code_for(site, "hub-3", YESTERDAY)
        with contextlib.closing(make_site(tmp_path / "site-2", int(used.endpoint.rpartition(":")[2]))) as other:
            strange = code_for(other, "hub-1")
        for code, words in (
            (used, "The centre refuses: this enrolment code was used"),
            (void, "a newer enrolment code was issued"),
            (old, "the enrolment code is too old"),
        ):
            with pytest.raises(JoinError, match=words):
                await joined(flat, code)
            assert not flat.exists()
        with pytest.raises(JoinError, match=r"is not the site that made this code.*Nothing was sent"):
            await joined(flat, strange)
        assert (await joined(flat, code_for(site, "hub-4"))).hub == "hub-4"  # a good one takes its place


async def test_a_centre_that_is_away_is_said_and_the_next_run_needs_no_code(tmp_path: Path) -> None:
    flat, port = tmp_path / "flat", free_port()
    with contextlib.closing(make_site(tmp_path / "site", port)) as site:
        code = code_for(site, "hub-1")
    with pytest.raises(JoinError, match=rf"localhost:{port}: nobody answers .*hearthline centre run"):
        await joined(flat, code)
    assert is_home(flat)  # begun
    with pytest.raises(JoinError, match="nobody answers"):
        await joined(flat, None)


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [("no-such.invalid:8443", "no-such.invalid"), ("no-such.invalid", "no-such.invalid"), ("x" * 64 + ":1", "x" * 64)],
)
def test_a_name_that_nobody_knows_is_said_with_what_to_do(tmp_path: Path, endpoint: str, host: str) -> None:
    with held(tmp_path / "flat"), pytest.raises(JoinError, match=r"127\.0\.0\.1 .* into /etc/hosts") as caught:
        join(tmp_path / "flat", CODE._replace(endpoint=endpoint), RIGHT)
    assert str(caught.value).startswith(f"{host}: this computer does not know the name")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("endpoint", ["127.0.0.1:8443", "[::1]:8443", "localhost", "localhost:1"])
def test_hosts_that_are_known(endpoint: str) -> None:
    assert joining.unresolved(joining._host(endpoint)) == ""


def test_a_folder_is_one_flat_s_and_nobody_else_s(tmp_path: Path) -> None:
    with held(tmp_path / "flat"), pytest.raises(JoinError, match="runs already"), held(tmp_path / "flat"):
        pass
    assert not (tmp_path / "flat").exists()
    (tmp_path / "file").touch()
    with pytest.raises(JoinError, match="is not empty, and no flat"), held(tmp_path):
        pass
    with pytest.raises(JoinError, match="cannot be used"), held(tmp_path / "file"):
        pass


def test_what_lies_on_the_disk_of_a_home_that_was_lived_in_is_not_told_anew(tmp_path: Path) -> None:
    pressed = b'{"event":"triggered","sensor":"pendant-1"}'
    path = tmp_path / "hub.db"
    with contextlib.closing(sqlite3.connect(path)) as store, contextlib.closing(Disk(path)) as disk:
        store.execute("CREATE TABLE journal (number INTEGER PRIMARY KEY, ms INTEGER, event BLOB)")
        store.execute("CREATE TABLE outbox (number INTEGER PRIMARY KEY, body BLOB)")
        store.executemany("INSERT INTO journal (ms, event) VALUES (?, ?)", [(ms, pressed) for ms in range(1_001)])
        store.commit()
        disk.skip()
        assert disk.look().calls_ms == []
        store.execute("INSERT INTO journal (ms, event) VALUES (7777, ?)", [pressed])
        store.commit()
        assert disk.look().calls_ms == [7_777]


# --- the command ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [("--no-browser",), ("--fault", "silent"), ("--language", "cy"), ("--scenario", "press"), ("--plain",)],
)
def test_joining_is_for_the_browser_alone(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command.demo, ["--join", str(CODE), *arguments])
    assert (result.exit_code, JOIN_ALONE in result.output.replace("\n", " ")) == (2, True)


@pytest.mark.parametrize("text", ["nonsense", f"{CODE}A", ""])
def test_a_code_that_is_none_is_said_without_repeating_it(tmp_path: Path, text: str) -> None:
    for given, typed in ((text, None), ("-", f"{text}\n")):
        result = CliRunner().invoke(command.demo, ["--join", given, "--keep", str(tmp_path / "flat")], typed)
        assert result.exit_code == 2
        assert not text or text not in result.output
    assert not (tmp_path / "flat").exists()


def test_a_code_may_be_typed_and_what_is_wrong_is_one_line(tmp_path: Path) -> None:
    code = CODE._replace(endpoint="no-such.invalid:1")
    result = CliRunner().invoke(command.demo, ["--join", "-", "--keep", str(tmp_path / "flat")], f"{code}\n")
    assert result.exit_code == 1
    assert result.output.startswith("Error: no-such.invalid: this computer does not know the name")


# --- being its home -------------------------------------------------------------------------------------


class Home(NamedTuple):
    """The flat, its page and its world."""

    world: World
    client: httpx.AsyncClient
    origin: dict[str, str]

    async def do(self, name: str) -> int:
        return (await self.client.post(f"do/{name}", headers=self.origin)).status_code


@contextlib.asynccontextmanager
async def at_home(folder: Path, there: Elsewhere) -> AsyncIterator[Home]:
    notes = Notes()
    move_in_again(folder)
    setting = Setting(battery=True, trusted_clock=True)
    async with World(folder, cancel_s=SHORT, setting=setting, far_end=there, felt=notes.felt) as world:
        stage = Stage(world=world, notes=notes, doing=Doing(world), elsewhere=there)
        async with serving(stage) as address, httpx.AsyncClient(base_url=address) as client:
            yield Home(world, client, {"origin": address[: address.index("/", 8)]})
        await stage.doing.stop()
        assert world.broken() == ""


@pytest.mark.slow
@pytest.mark.skipif(not can_run(), reason="there is no Mosquitto here")
async def test_what_happens_in_it_arrives_at_that_centre_and_again_the_next_day() -> None:
    with tempfile.TemporaryDirectory(prefix="joined-", ignore_cleanup_errors=True) as folder:
        flat = Path(folder) / "flat"
        async with RealCentre(Path(folder) / "c" / "centre") as centre:
            site = centre.services.site
            assert site is not None
            there = await joined(flat, site.issue_token("hub-42", 600, RIGHT.now().wall_ms))
            async with at_home(flat, there) as home:
                await _shows_what_is_its_own(home)
                home.world.cut_line()
                assert await home.do("wet-floor") == 202
                await _seen(home, "hub:link-down")
                assert await _cases(centre) == []
                home.world.restore_line()
                await _seen(home, "lamp:arrived:on")
                assert await _cases(centre, 1) == ["hub-42"]
                assert shown(home.world).alarm == "new"
            async with at_home(flat, await joined(flat, None)) as home:
                config = load(home.world.flat.config)
                way = config.uplinks[0]
                assert (config.hub, way.host, way.address) == ("hub-42", there.name, "127.0.0.1")  # by our proxy
                assert not any(step.key == "hub:durable" for step in home.world.story.steps(0))  # that was yesterday
                since = len(home.world.story)
                assert flat.joinpath("flat", "hub.log.before").exists()
                assert await home.do("burn-toast") == 202
                await home.world.story.wait_for(lambda step: step.key == "hub:durable", after=since, within_s=10)
        async with at_home(flat, await joined(flat, None)) as home:  # the centre is away, and a hub is a hub
            assert shown(home.world).line == "connecting"


async def _shows_what_is_its_own(home: Home) -> None:
    page = (await home.client.get("")).text
    offered = {deed.name for deed in DEEDS if f'<button type="button" data-do="{deed.name}"' in page}
    assert offered == {deed.name for deed in DEEDS} - NEVER
    assert "hub-42" in page
    assert "a home of <strong>Demonstration</strong>" in page
    assert "nothing leaves it" not in page
    assert "Freeze the centre" not in page
    for name in NEVER:
        assert await home.do(name) == 404
    assert (await home.client.get("console")).status_code == 404
    with pytest.raises(OSError, match="is elsewhere"):
        home.world.silence_centre(silent=True)


async def _seen(home: Home, key: str) -> None:
    await home.world.story.wait_for(lambda step: step.key == key, within_s=20)


async def _cases(centre: RealCentre, count: int = 0) -> list[str]:
    async with asyncio.timeout(20):
        while len(cases := await asyncio.to_thread(centre.services.desk.standing)) < count:
            await asyncio.sleep(0.05)
    return [case.hub for case in cases]
