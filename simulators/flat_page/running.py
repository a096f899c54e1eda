"""Runs the flat in the browser, with the real centre beside it where this machine can, until a signal."""

import asyncio
import contextlib
import webbrowser
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click

from agent.voice.phrases import REVIEWED
from simulators.demo.caring import NAMES
from simulators.demo.live import WINDOWS
from simulators.demo.setting import Setting
from simulators.demo.world import World, WorldError
from simulators.flat_page.app import Notes, Stage
from simulators.flat_page.deeds import Doing
from simulators.flat_page.following import follow
from simulators.flat_page.real_centre import NoCentreError, RealCentre, can_run
from simulators.flat_page.serving import serving

HOUR = "10:00"
"""What time it is where the centre only pretends: the family may be heard. The real one keeps the real time."""

_LOOK_S = 0.5

NO_MOSQUITTO = (
    "Mosquitto is not installed here (apt install mosquitto): instead of the real centre and its console, a simulated"
    " one answers, on the page."
)


async def both(folder: Path, faults: Sequence[str], *, language: str, sounds: bool, opens: bool) -> int:
    """Run until cancelled. Raises what World raises."""
    notes = Notes()
    async with AsyncExitStack() as stack:
        centre = await _real_centre(stack, folder, faults)
        at = HOUR if centre is None else ""
        setting = Setting(at=at, language=language, sounds=sounds, spoken_to=True, battery=True)
        click.echo("Starting a home and its hub ...")
        world = await stack.enter_async_context(
            World(folder, cancel_s=WINDOWS, faults=faults, setting=setting, far_end=centre, felt=notes.felt)
        )
        following = None
        if centre is not None:
            following = asyncio.create_task(follow(world, centre.services))
            stack.push_async_callback(_ended, following)
        if language != REVIEWED:
            click.echo(f"Rendering what the box says in {NAMES[language]}: up to a minute ...")
            if not await world.care.give_plan():  # its language is the plan's
                raise WorldError("the hub did not take its care plan: --keep its log to see why")
        doing = Doing(world)
        stack.push_async_callback(doing.stop)
        stage = Stage(
            world=world, notes=notes, doing=doing, link=centre.link if centre else None, since=len(world.story)
        )
        address = await stack.enter_async_context(serving(stage))
        _tell(address, centre)
        pages = [address] if centre is None else [f"{address}console", address]  # the flat last: it is seen first
        for each in pages if opens else ():
            await asyncio.to_thread(webbrowser.open, each)
        while not (broken := world.broken() or _died(following) or _gone(centre)):
            await asyncio.sleep(_LOOK_S)
        raise WorldError(f"a part of the demonstration itself failed: {broken}")


async def _real_centre(stack: AsyncExitStack, folder: Path, faults: Sequence[str]) -> RealCentre | None:
    if faults:
        click.echo("With --fault, a simulated centre answers: the real one does not misbehave on request.")
        return None
    if not can_run():
        click.echo(NO_MOSQUITTO)
        return None
    click.echo("Starting the response centre: its broker, its enrolment service, its workers, its console ...")
    try:
        return await stack.enter_async_context(RealCentre(folder / "centre"))
    except NoCentreError as error:
        click.echo(f"{error}\nInstead of it, a simulated one answers, on the page.")
        return None


def _tell(address: str, centre: RealCentre | None) -> None:
    click.echo(f"\n  the flat     {address}")
    if centre is not None:
        click.echo(f"  the centre   {centre.console}")
        click.echo(f"               signed in as Sam, by this link, once, within 15 minutes: {centre.link()}")
        click.echo("               the flat's page has a button that makes another")
    click.echo("\nOpen both side by side, and press the pendant. Ctrl-C ends it.")


def _died(task: "asyncio.Task[None] | None") -> str:
    if task is None or not task.done() or task.cancelled():
        return ""
    return repr(task.exception())


def _gone(centre: RealCentre | None) -> str:
    return "" if centre is None or centre.running else f"the centre has ended: {centre.log}"


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
