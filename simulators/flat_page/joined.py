"""Runs a flat that is a home of a centre elsewhere, in the browser, until a signal."""

import asyncio
import socket
import webbrowser
from contextlib import AsyncExitStack
from pathlib import Path

import click

from simulators.demo.live import WINDOWS
from simulators.demo.setting import Setting
from simulators.demo.world import World, WorldError
from simulators.flat_page.app import Notes, Stage
from simulators.flat_page.deeds import Doing
from simulators.flat_page.joining import Elsewhere, unresolved
from simulators.flat_page.serving import serving

_LOOK_S = 0.5
_PROBE_S = 3.0


async def joined(folder: Path, centre: Elsewhere, *, sounds: bool, opens: bool) -> int:
    """Run a flat that is a home of a centre elsewhere, until cancelled. Raises what World raises."""
    notes = Notes()
    setting = Setting(sounds=sounds, spoken_to=True, battery=True)
    async with AsyncExitStack() as stack:
        click.echo("Starting the home and its hub ...")
        world = await stack.enter_async_context(
            World(folder, cancel_s=WINDOWS, setting=setting, far_end=centre, felt=notes.felt)
        )
        doing = Doing(world)
        stack.push_async_callback(doing.stop)
        stage = Stage(world=world, notes=notes, doing=doing, elsewhere=centre, since=len(world.story))
        address = await stack.enter_async_context(serving(stage))
        click.echo(f"\n  the flat     {address}")
        if world.status is None or not world.status.links[0].up:
            await _tell_of_no_line(world, centre)
        click.echo("\nPress the pendant, and answer at the centre. Ctrl-C ends it; the flat is kept.")
        if opens:
            await asyncio.to_thread(webbrowser.open, address)
        while not (broken := world.broken()):
            await asyncio.sleep(_LOOK_S)
        raise WorldError(f"a part of the demonstration itself failed: {broken}")


async def _tell_of_no_line(world: World, centre: Elsewhere) -> None:
    click.echo(
        f"\nThe hub has no line to its centre's broker, {':'.join(map(str, centre.place))}:"
        f" {await asyncio.to_thread(_why, world, centre)}\nIt goes on trying, and keeps every call. Does {centre.site}"
        f" run, can this computer reach it, and has it not revoked {centre.hub}?"
    )


def _why(world: World, centre: Elsewhere) -> str:
    """Say why: the hub itself sees no further than the line that can be cut here."""
    if unknown := unresolved(centre.place[0]):
        return unknown
    try:
        socket.create_connection(centre.place, _PROBE_S).close()
    except OSError as error:
        return f"nobody answers there ({error.strerror or error})."
    reason = world.status.links[0].reason if world.status is not None else "it does not say why"
    return f"somebody answers there, and the hub does not get in ({reason})."
