"""A new installer's hour, by docs/installer.md to the letter: what its practice section says is typed, and no more."""

import asyncio
import contextlib
import os
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from simulators.practice import Practice
from tests.support.house import ROOT
from tests.support.typist import Typist

HEARTHLINE = "from provisioning.cli import main; main()"
TYPED_MAX = 20
ARMED_S = 30.0


def by_the_book() -> list[list[str]]:
    """The commands of the practice section, in order: each as the words of one line."""
    page = (ROOT / "docs" / "installer.md").read_text()
    section = page.split("## Practise at a desk")[1]
    blocks = re.findall(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [shlex.split(line.removeprefix("$ ")) for block in blocks for line in block.splitlines()]


class Desk:
    """A desk: an empty folder, two terminals, and what was typed at them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed: list[str] = []
        self.told = ""
        self.commands: Iterator[list[str]] = iter(by_the_book())

    def next(self, *begins: str) -> list[str]:
        """Take the next command of the page, which must begin so; give its words, the shell's part done."""
        words = next(self.commands)
        assert words[: len(begins)] == list(begins), f"the page says {words}, and not {begins}"
        return [each.replace("$PWD", str(self.folder)) for each in words]

    @contextlib.asynccontextmanager
    async def types(self, *begins: str) -> AsyncIterator[Typist]:
        words = self.next("hearthline", *begins)
        async with Typist(HEARTHLINE, *words[1:], cwd=self.folder) as typist:
            yield typist
            await asyncio.wait_for(typist.process.wait(), 60)
            await asyncio.sleep(0)
            self.typed += [" ".join(words), *typist.typed]
            self.told += typist.said

    @contextlib.asynccontextmanager
    async def runs_a_hub(self) -> AsyncIterator[None]:
        words = self.next("hearthline", "run")
        log = self.folder / words[words.index("2>") + 1]
        self.typed.append(" ".join(words))
        with log.open("wb") as file:
            hub = await asyncio.create_subprocess_exec(
                sys.executable, "-c", HEARTHLINE, "run", cwd=self.folder, stderr=file, start_new_session=True
            )
        try:
            async with asyncio.timeout(ARMED_S):
                while b"armed" not in log.read_bytes():
                    await asyncio.sleep(0.05)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(hub.pid, signal.SIGKILL)
            await hub.wait()


async def learns(
    typist: Typist, press: Callable[[], Awaitable[None]], offered: str, where: str, kind: str = ""
) -> None:
    name = f"{kind or offered}-1"
    await typist.until("Press the device now")
    await press()
    await typist.until(f"and what is it? [{offered}]")
    typist.type(kind)
    await typist.until("Where is it?")
    typist.type(where)
    await typist.until(f"to hear it as {name}")
    await press()
    await typist.until(f"{name} is heard")


@pytest.mark.slow
async def test_an_installers_hour_by_the_page_to_the_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    desk = Desk(tmp_path)
    desk.next(".", ".venv/bin/activate")
    async with desk.types("provision", "init-site"):
        pass
    desk.next("make", "practice")
    async with Practice(tmp_path / "practice") as there:
        desk.next(".", ".venv/bin/activate")
        name, _, value = desk.next("export")[1].partition("=")
        monkeypatch.setenv(name, value)
        async with desk.types("provision", "issue") as typist:
            code = re.search(r"Code +(\S+)", await typist.until("Good "))
        assert code is not None
        async with desk.types("provision", "enrol") as typist:
            await typist.until("nrolment code")
            typist.type(code[1])
        async with desk.runs_a_hub():
            await the_sensors(desk, there)
            async with desk.types("doctor"):
                pass
            async with desk.types("report") as typist:
                await typist.until("sent")
        assert next(desk.commands, None) is None, "the page says more than was typed"
        (hub,) = there.site.site.hubs()
        assert (hub.state, hub.reports) == ("enrolled", 2), "the report, as data and as a page"
    assert "Nothing is wrong" in desk.told, desk.told[-6000:]
    assert len(list((tmp_path / "practice" / "state" / "commissioning").glob("report-*.pdf"))) == 1
    assert len(desk.typed) < TYPED_MAX, desk.typed


async def the_sensors(desk: Desk, there: Practice) -> None:
    async with desk.types("sensors", "adapters") as typist:
        await typist.until("The hub hears radio, zigbee")
    async with desk.types("sensors", "learn") as typist:
        await learns(typist, there.press, "pendant", "flat")
        await learns(typist, there.wet, "flood", "kitchen")
        await learns(typist, there.call, "pendant", "bedroom", "button")
        await typist.until("Press the device now")
        typist.type()
        await typist.until("3 added: pendant-1, flood-1, button-1")
    async with desk.types("sensors", "test") as typist:
        await typist.until("Set off every sensor")
        for press in (there.press, there.wet, there.call):
            await press()
        await typist.until("Every sensor is heard, and every call arrived.")
