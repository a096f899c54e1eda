"""Plays a scenario and tells it: line by line as it happens, or as one JSON document at its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import click
import msgspec

from agent.voice.phrases import REVIEWED
from simulators.demo.card import can_speak
from simulators.demo.caring import NAMES
from simulators.demo.playing import FALL_WINDOW_S, SHORT, WINDOW_S
from simulators.demo.scenarios import SCENARIOS, Result, play
from simulators.demo.senses import STEADY_MS
from simulators.demo.story import Step, told, when
from simulators.demo.world import SIREN_S, Setting, World

EXIT_OK, EXIT_FAILED = 0, 1

LAG_MS = STEADY_MS + 900
"""How long a line waits for others that happened before it: what a lamp or the alert says is known only later."""

_LOOK_S = 0.1


async def tell(name: str, folder: Path, faults: Sequence[str], setting: Setting, *, as_json: bool) -> int:
    """Play a scenario; give the exit code. Raises what World raises."""
    if not as_json:
        minute = setting.minute_ms
        tablets = f" The tablets' own minutes last {minute / 1_000:g} s." if minute else ""
        siren = "" if setting.siren_s == SIREN_S else f" The siren sounds after {setting.siren_s} s, not {SIREN_S}."
        click.echo(f"{name}: {SCENARIOS[name].story}.")
        click.echo(
            f"(To be quick, one can cancel for {WINDOW_S} s here, not 10; after a fall {FALL_WINDOW_S} s, not 30."
            f"{siren}{tablets}{_voice(setting)})\n"
        )
    async with World(folder, cancel_s=SHORT, faults=faults, setting=setting) as world, _told(world, as_json=as_json):
        result = await play(name, world)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result)).decode())
    else:
        click.echo(f"\n{verdict(result)}")
    return EXIT_OK if result.ok else EXIT_FAILED


def _voice(setting: Setting) -> str:
    """Say who speaks, where the resident is spoken to."""
    if not setting.at:
        return ""
    if not can_speak():
        return " espeak-ng is not installed here: what the hub would say is told from its log."
    english = (
        "" if setting.language == REVIEWED else f" The home speaks {NAMES[setting.language]}: English is beside it."
    )
    return f"{english} What it says is told from the samples that its loudspeaker was given."


def _told(world: World, *, as_json: bool) -> contextlib.AbstractAsyncContextManager[None]:
    return contextlib.nullcontext() if as_json else Teller(world).telling()


def line(step: Step) -> str:
    """Write a step as a line of text: seconds since the trigger, who, what."""
    return f"{when(step):>8}  {step.who:7} {step.text}"


def verdict(result: Result) -> str:
    """Sum a run up: what was measured, beside what is promised."""
    if not result.ok:
        return f"NOT OK: {result.reason}."
    lines = [f"OK. Measured{', beside what is promised' if result.promised else ''}:"]
    for name, value in result.measured.items():
        said = f"  {name.removesuffix('_s').replace('_', ' '):24} {value:7.3f} s"
        lines.append(f"{said}   {result.promised.get(name, '')}".rstrip())
    return "\n".join(lines)


class Teller:
    """Prints a world's story as lines, from now on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._place = len(world.story)
        self._held: list[Step] = []

    @contextlib.asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Print while the block runs; all that is left at its end."""
        task = asyncio.create_task(self._keep_printing())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.print_until(None)

    async def _keep_printing(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.print_until(self._world.now_ms() - LAG_MS)

    def print_until(self, ms: int | None) -> None:
        """Print the steps up to a moment, in order; None: all of them."""
        fresh, self._place = self._world.story.steps(self._place), len(self._world.story)
        held = told([*self._held, *fresh])
        self._held = [step for step in held if ms is not None and step.ms > ms]
        for step in held[: len(held) - len(self._held)]:
            click.echo(line(step))
