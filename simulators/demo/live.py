"""The demonstration by hand: a full screen, or lines of text where a screen is of no use."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from agent.voice.phrases import REVIEWED
from simulators.demo.hands import Hands
from simulators.demo.picture import Picture, take
from simulators.demo.screen import LEDE, TITLE, draw, keys_in_words, symbols
from simulators.demo.telling import Teller
from simulators.demo.terminal import BorrowedTerminal
from simulators.demo.world import Setting, World, WorldError

WINDOWS: Mapping[str, int] = {"pendant": 6, "button": 6, "pull-cord": 6, "fall": 10}
"""Cancel windows by hand, in seconds: long enough to press cancel, short enough to wait for."""

WINDOWS_SAID = "time to cancel, shortened: 6 s (really 10), a fall 10 s (30)"

REFRESH_S = 0.1
PLAIN_LAG_MS = 500
"""How long a line waits for others that happened before it, where somebody is waiting for it."""


class View(Protocol):
    """Shows the world."""

    def say(self, text: str) -> None:
        """Say one thing: there is no world yet, or no longer."""

    def show(self, world: World) -> None:
        """Show the world as it is now."""

    def asked(self, world: World) -> None:
        """Show it in words: `?` was pressed."""


class ScreenView:
    """The whole terminal, drawn anew when something changed. Use as `with`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._marks = symbols(os.environ.get("TERM", ""))
        self._drawn: tuple[Picture, int, int] | None = None
        self._since: int | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._live.stop()

    def say(self, text: str) -> None:
        """Say one thing."""
        self._live.update(Text(f"\n {TITLE}\n\n {text}"), refresh=True)

    def show(self, world: World) -> None:
        """Draw the world, if it looks different."""
        if self._since is None:
            self._since = len(world.story)
        size = self._console.size
        wanted = (take(world, self._since), size.width, size.height)
        if wanted != self._drawn:
            self._drawn = wanted
            self._live.update(draw(wanted[0], self._marks, WINDOWS_SAID, size.width, size.height), refresh=True)

    def asked(self, world: World) -> None:
        """Everything is on the screen already."""


class PlainView:
    """Lines of text, for screen readers and terminals that know nothing else."""

    def __init__(self) -> None:
        self._teller: Teller | None = None

    def say(self, text: str) -> None:
        """Say one thing."""
        click.echo(text)

    def show(self, world: World) -> None:
        """Tell what is new."""
        if self._teller is None:
            click.echo("\n".join((TITLE, *LEDE, f"({WINDOWS_SAID})", "", keys_in_words(), "? says how all is now", "")))
            self._teller = Teller(world)
        self._teller.print_until(world.now_ms() - PLAIN_LAG_MS)

    def asked(self, world: World) -> None:
        """Say how all is now."""
        picture = take(world, len(world.story))
        lamps = "; ".join(f"{lamp.name} {lamp.words}" for lamp in picture.lamps)
        cases = "; ".join(f"{name}: {note}" for name, note, _ in picture.cases) or "no open alarm"
        click.echo(
            f"At home: {lamps}; sound: {picture.sound} {picture.said}.\nAt the centre: {cases}.\n"
            f"Hub {picture.hub[0]}, line {picture.line[0]}, centre {picture.centre[0]},"
            f" not yet receipted: {picture.outbox}.\n{keys_in_words()}"
        )


async def live(folder: Path, faults: Sequence[str], setting: Setting, *, plain: bool) -> int:
    """Run until the user quits; give the exit code. Raises what World raises."""
    console = Console()
    loop, task, fd = asyncio.get_running_loop(), asyncio.current_task(), sys.stdin.fileno()
    assert task is not None  # noqa: S101 -- we are in it
    hands = Hands(task.cancel)
    with ExitStack() as stack:
        terminal = stack.enter_context(BorrowedTerminal(fd))
        simple = plain or console.is_dumb_terminal or not console.encoding.startswith("utf")
        view: View = PlainView() if simple else stack.enter_context(ScreenView(console))
        loop.add_reader(fd, lambda: hands.press(terminal.keys()))
        stack.callback(loop.remove_reader, fd)
        try:
            await _lived(folder, faults, setting, hands, view)
        except asyncio.CancelledError:
            if not hands.quitting:
                raise
    return 0


async def _lived(folder: Path, faults: Sequence[str], setting: Setting, hands: Hands, view: View) -> None:
    view.say("Starting a broker, a response centre, a home and its hub ...")
    async with World(folder, cancel_s=WINDOWS, faults=faults, setting=setting) as world:
        if setting.language != REVIEWED and not await world.care.give_plan():  # its language is the plan's
            raise WorldError("the hub did not take its care plan: --keep its log to see why")
        hands.take(world, lambda: view.asked(world))
        try:
            while not (broken := world.broken()):
                view.show(world)
                await asyncio.sleep(REFRESH_S)
            raise WorldError(f"a part of the demonstration itself failed: {broken}")
        finally:
            await hands.drop()
            with contextlib.suppress(OSError):  # the terminal may be gone
                view.say("Ending ...")
