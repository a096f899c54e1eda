"""`hearthline centre run`, `worker`, `console`, `link`, `backup`, and those of `data_commands`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from centre.running import data_commands
from centre.running.options import data_option, told


def _json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Tell where it listens as a line of JSON.")(function)


_demonstration = click.option("--demonstration", is_flag=True, hidden=True)


def _starting() -> ModuleType:
    from centre.running import starting  # noqa: PLC0415 -- it takes a second to load, and --help needs none of it

    return starting


@click.group()
def centre() -> None:
    """Run the response centre: broker, enrolment, and the console for staff."""


centre.add_command(data_commands.reseal)
centre.add_command(data_commands.export)


@centre.command()
@data_option
@_json_option
@_demonstration
def run(data: Path, *, as_json: bool, demonstration: bool) -> None:
    """Run a whole centre in one process, until it is told to stop.

    It needs no set-up: what is missing is made. The folder gets a site (who may be a hub), a store on SQLite, the key
    that people's data are sealed with, and centre.toml, in which it can all be changed: where it listens, PostgreSQL,
    another broker. Mosquitto must be installed. At the first start it shows a link, by which the first supervisor sets
    a password.

    Stop it with Ctrl-C or SIGTERM: homes notice after some minutes, and call their own contacts meanwhile.

    \b
    Exits with
      0  it was told to stop
      2  it cannot run: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        starting = _starting()
        starting.start(starting.Asked(data, as_json=as_json, demonstration=demonstration))


@centre.command()
@data_option
@_json_option
def worker(data: Path, *, as_json: bool) -> None:
    """Run one worker alone: it keeps what hubs say, and shares that with the other workers of this folder.

    For a centre on PostgreSQL: one of the workers leads, and another takes over within seconds if it dies.

    \b
    Exits with
      0  it was told to stop
      2  it cannot run: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        starting = _starting()
        starting.start(starting.Asked(data, roles=frozenset({"worker"}), as_json=as_json))


@centre.command()
@data_option
@_json_option
@_demonstration
def console(data: Path, *, as_json: bool, demonstration: bool) -> None:
    """Run the console alone, where the broker, enrolment and workers run as processes of their own.

    \b
    Exits with
      0  it was told to stop
      2  it cannot run: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        starting = _starting()
        asked = starting.Asked(data, frozenset({"console"}), as_json, demonstration)
        starting.start(asked)


@centre.command()
@data_option
@_json_option
def front(data: Path, *, as_json: bool) -> None:
    """Run the broker and enrolment alone, for workers and a console that are processes of their own.

    \b
    Exits with
      0  it was told to stop
      2  it cannot run: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        starting = _starting()
        starting.start(starting.Asked(data, frozenset({"broker", "enrolment"}), as_json))


@centre.command()
@click.argument("name")
@data_option
@click.option(
    "--role", type=click.Choice(["operator", "supervisor", "installer", "auditor"]), help="Add NAME, as this."
)
@click.option("--shown", help="How NAME is shown to colleagues, when added; NAME itself if not given.")
@click.option("--sign-in", "signs_in", is_flag=True, hidden=True)
def link(name: str, data: Path, role: str | None, shown: str | None, *, signs_in: bool) -> None:
    """Show a link by which NAME sets a password and a second factor: good once, for 15 minutes.

    For the first supervisor, and for one who has lost both; supervisors make everybody else's in the console. With
    --role, NAME is added first. Whoever has the link can sign in as NAME: show it to nobody else. It is audited.

    \b
    Exits with
      0  the link was shown
      2  it cannot be made: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        from centre.running.linking import make_link  # noqa: PLC0415 -- as above

        click.echo(make_link(data, name, role, shown, signs_in=signs_in))


@centre.command()
@click.argument("to", type=click.Path(path_type=Path))
@data_option
def backup(to: Path, data: Path) -> None:
    """Copy the centre's folder into a new folder TO, while it runs.

    The copy is whole or not there, and each database in it is of one moment. It holds everything, the key of people's
    data too: keep it as safe as the centre itself. A store on PostgreSQL is not in it: copy that by pg_dump.

    \b
    Exits with
      0  the copy is there
      2  it is not: the text says why
    """  # noqa: D301 -- click's mark for lines kept as they are
    with told():
        from centre.running.copying import copy_folder  # noqa: PLC0415 -- as above

        for line in copy_folder(data, to):
            click.echo(line)
