"""Starts a process of the centre: its parts, kept alive until it is told to stop, and where they are is told."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import click

from agent.clock import Clock, SystemClock
from centre.attaching.webhooks import deliver
from centre.console.app import application
from centre.running.broker import READY_S, OwnBroker
from centre.running.console import Listening, check_certificate, serve_console
from centre.running.folder import BROKER, SITE, DataFolder
from centre.running.services import opened
from centre.running.settings import FILE, Choices, SetUpError
from centre.services import Services
from centre.settings import ConsoleSettings
from centre.site.serving import answer, port_of
from centre.site.settings import FILE as SITE_FILE
from centre.staff.links import PATH
from centre.staff.values import SHELL
from centre.work.parts import Part, Parts
from centre.work.retaining import retain
from centre.work.running import work

Role = Literal["broker", "enrolment", "worker", "console"]
EVERYTHING: frozenset[Role] = frozenset({"broker", "enrolment", "worker", "console"})

FIRST = "supervisor"
"""The name of the first of the staff, made at the first start."""

log = logging.getLogger(__name__)


class Asked(NamedTuple):
    """What the command line asks for."""

    data: Path
    roles: frozenset[Role] = EVERYTHING
    as_json: bool = False
    demonstration: bool = False


class _Places(NamedTuple):
    """What this process listens on."""

    console: Listening | None
    enrolment: Listening | None


def start(asked: Asked) -> None:
    """Run until SIGTERM or SIGINT. Raises SetUpError."""
    _log()
    clock, folder = SystemClock(), DataFolder(asked.data)
    choices = folder.choices()
    with contextlib.ExitStack() as stack:
        console = stack.enter_context(_console_place(choices)) if "console" in asked.roles else None
        address = choices.console.at(console.host, console.port) if console else choices.console.address
        settings = ConsoleSettings(address=address, secure=choices.console.secure)
        services = stack.enter_context(opened(folder, clock, console=settings, demonstration=asked.demonstration))
        enrols = "enrolment" in asked.roles and choices.enrolment.run
        enrolment = stack.enter_context(_enrolment_place(choices, services)) if enrols else None
        asyncio.run(_run(asked, folder, choices, services, _Places(console, enrolment)))


@contextlib.contextmanager
def _console_place(choices: Choices) -> Iterator[Listening]:
    check_certificate(choices.console)
    with contextlib.closing(Listening(*choices.console.place, "the console")) as place:
        yield place


@contextlib.contextmanager
def _enrolment_place(choices: Choices, services: Services) -> Iterator[Listening]:
    assert services.site is not None  # noqa: S101 -- opened with it
    port = port_of(services.site.settings.enrolment)
    with contextlib.closing(Listening(choices.enrolment.listen, port, "enrolment")) as place:
        yield place


async def _run(asked: Asked, folder: DataFolder, choices: Choices, services: Services, places: _Places) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = _broker(folder, choices, services) if "broker" in asked.roles and choices.broker.run else None
    parts = _parts(asked, choices, services, places, broker)
    keeping = asyncio.create_task(Parts(services.clock).run(parts))
    if broker is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await broker.ready.wait()
    _tell(asked, folder, services, places, broker)
    await stop.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def _broker(folder: DataFolder, choices: Choices, services: Services) -> OwnBroker:
    assert services.site is not None  # noqa: S101 -- opened with it
    assert services.settings.line is not None  # noqa: S101 -- likewise
    port = services.settings.line.port
    return OwnBroker(folder.path / BROKER, services.site, services.clock, listen=choices.broker.listen, port=port)


def _parts(
    asked: Asked, choices: Choices, services: Services, places: _Places, broker: OwnBroker | None
) -> Mapping[str, Part]:
    """Give the parts, in the order of their start."""
    site, clock = services.site, services.clock
    assert site is not None  # noqa: S101 -- opened with it
    parts: dict[str, Part] = {}
    if broker is not None:
        parts["broker"] = broker.keep
    if "worker" in asked.roles:
        too: dict[str, Part] = {"webhooks": lambda: _deliver(services), "retention": lambda: _retain(services)}
        parts["worker"] = lambda: work(services.settings, services, leading_too=too)
    if (enrolment := places.enrolment) is not None:
        parts["enrolment"] = lambda: answer(site, clock, enrolment.take())
    if (console := places.console) is not None:
        parts["console"] = lambda: serve_console(application(services), choices.console, console)
    return parts


async def _deliver(services: Services) -> None:
    private = services.settings.private_webhooks
    await deliver(services.database, services.keyring, services.clock, allow_private=private)


async def _retain(services: Services) -> None:
    settings = services.settings
    await retain(services.database, services.clock, settings.retention, settings.holds)


# --- what is said -------------------------------------------------------------------------------------


def _tell(asked: Asked, folder: DataFolder, services: Services, places: _Places, broker: OwnBroker | None) -> None:
    site = services.site
    assert site is not None  # noqa: S101 -- opened with it
    address = services.settings.console.address
    # Not into a log: whoever reads the link may set the first supervisor's password.
    link = first_link(services) if places.console and (asked.as_json or sys.stdout.isatty()) else None
    if asked.as_json:
        told = {
            "data": str(folder.path),
            "site": site.settings.name,
            "made": folder.made,
            "console": address if places.console else None,
            "enrolment": places.enrolment.port if places.enrolment else None,
            "broker": broker.port if broker else None,
            "link": link,
        }
        click.echo(json.dumps(told))
        return
    if SITE in folder.made:
        way = site.settings.way[0]
        click.echo(f"{folder.path}: the centre is made.")
        click.echo(
            f"  Hubs reach its broker at {way.host}:{way.port}, and enrol at {site.settings.enrolment}. If that is not"
        )
        click.echo(f"  so: stop it, change {SITE}/{SITE_FILE} there, start it again, before the first hub enrols.")
        click.echo("  Copy it to a safe place, and again every day: hearthline centre backup.")
    click.echo(f"{site.settings.name} runs, by {folder.path / FILE}. Ctrl-C ends it.")
    if broker is not None:
        click.echo(
            f"  broker     port {broker.port}{'' if broker.ready.is_set() else ': does not answer yet, see below'}"
        )
    if places.enrolment is not None:
        click.echo(f"  enrolment  port {places.enrolment.port}")
    if places.console is not None:
        click.echo(f"  console    {address}")
        _tell_staff(services, link)


def _tell_staff(services: Services, link: str | None) -> None:
    if link is not None:
        click.echo(
            f"Nobody may sign in yet. The first supervisor does so by this link, once, within 15 minutes:\n  {link}"
        )
    elif not services.roster.everybody():
        click.echo(f"Nobody may sign in yet: hearthline centre link {FIRST} --role supervisor gives the first link.")


def first_link(services: Services) -> str | None:
    """Make the first supervisor and their link, if there is nobody yet."""
    if services.roster.everybody():
        return None
    services.roster.add(SHELL, FIRST, "Supervisor", "supervisor")
    return link_of(services, services.roster.links.make(SHELL, FIRST))


def link_of(services: Services, secret: str) -> str:
    """Give a link as it is typed into a browser."""
    return f"{services.settings.console.address}{PATH}{secret}"


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    for name in ("alembic", "httpx", "httpcore"):  # the latter would log whole addresses of webhooks, which are secrets
        logging.getLogger(name).setLevel(logging.WARNING)


def open_quietly(data: Path, *, demonstration: bool = False) -> "contextlib.AbstractContextManager[Services]":
    """Open a centre that is there, for a command beside it. Raises SetUpError."""
    folder, clock = DataFolder(data), _clock()
    if not (folder.path / FILE).exists():
        raise SetUpError(f"{folder.path}: there is no centre here: name its folder (--data), or make one: centre run")
    choices = folder.choices()
    address = choices.console.at(*choices.console.place)
    settings = ConsoleSettings(address=address, secure=choices.console.secure)
    return opened(folder, clock, console=settings, demonstration=demonstration)


def _clock() -> Clock:
    return SystemClock()
