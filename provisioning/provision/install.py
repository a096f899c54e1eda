"""`hearthline provision install`: puts the hub in place as a service, on Raspberry Pi OS and Debian 12 and 13."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from provisioning.provision.carrying_out import CarryOut, CarryOutError, held, look
from provisioning.provision.installing import (
    PACKAGES,
    PYTHON,
    AnyStep,
    AskRestart,
    Build,
    Install,
    Link,
    PutFile,
    Run,
    Sweep,
    Wanted,
    steps,
)
from provisioning.provision.source import SourceError, digest_of, files_of, source_of

EXIT_REFUSED, EXIT_CANNOT = 1, 2


@click.command()
@click.option("--dry-run", is_flag=True, help="Show every file, user and command, and change nothing. Needs no root.")
@click.option("--yes", "-y", is_flag=True, help="Install Debian's packages without asking.")
@click.option(
    "--packages/--no-packages", default=True, help="Whether to look after Debian's packages.", show_default=True
)
@click.option(
    "--software/--no-software", default=True, help="Whether to install the software itself.", show_default=True
)
@click.option("--start/--no-start", default=True, help="Whether to start what does not run yet.", show_default=True)
@click.option(
    "--from", "origin", type=click.Path(path_type=Path, exists=True), help="A checkout or a wheel to install."
)
@click.option(
    "--python", type=click.Path(path_type=Path), default=PYTHON, show_default=True, help="Which Python to use."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=Path("/"),
    help="Install into this folder, an image's file system, instead of this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the steps as one line of JSON.")
def install(origin: Path | None, python: Path, *, dry_run: bool, yes: bool, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401 -- what `Wanted` takes
    """Make this computer run the hub, now and at every boot.

    Puts the software into an environment of its own (/opt/hearthline), and systemd's units, the user, the folders, the
    names of adapters and the settings of the log where they belong. Keys and configuration are not touched: `hearthline
    provision enrol` makes them, before or after.

    Again, it brings what has changed. A hub that runs goes on with its old software until a restart harms nobody: not
    while an alarm is open or a reminder waits. Interrupted at any point, even by the power, type it again.

    \b
    Exits with
      0  everything is in place
      1  Debian's packages were not wanted
      2  a step failed: the step, and what to do, are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    try:
        source = source_of(origin)
        wanted = Wanted(
            digest=digest_of(source, str(python)),
            files=files_of(source),
            **chosen,
        )
        if dry_run:
            _show(steps(look(wanted), wanted), _tell(as_json=as_json), as_json=as_json)
            return
        with held(wanted.root):
            todo = steps(look(wanted), wanted)
            _agree(todo, yes=yes)
            CarryOut(wanted, source, python, _tell(as_json=as_json)).all(todo)
        _show(todo if as_json else (), click.echo, as_json=as_json)
        _tell(as_json=as_json)("Installed. If this is not a hub yet: sudo hearthline provision enrol")
    except (SourceError, CarryOutError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)


def _agree(todo: Sequence[AnyStep], *, yes: bool) -> None:
    names = [name for step in todo if isinstance(step, Install) and step.needed for name in step.names]
    if not names or yes:
        return
    for name in names:
        click.echo(f"  {name}: {PACKAGES[name]}", err=True)
    if not click.confirm("Install these packages of Debian's?", default=True, err=True):
        click.echo("Nothing was changed. Install them yourself, or go on without: --no-packages", err=True)
        sys.exit(EXIT_REFUSED)


def _tell(*, as_json: bool) -> Callable[[str], None]:
    return (lambda line: click.echo(line, err=True)) if as_json else click.echo


def _show(todo: Sequence[AnyStep], tell: Callable[[str], None], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(todo, enc_hook=str))
        return
    for step in todo:
        tell(said(step))


def said(step: AnyStep) -> str:
    """Give a step as a line for people."""
    mark = " " if step.needed else "="  # = it is so already
    return f"{mark} {_what(step)}  ({step.why})"


def _what(step: AnyStep) -> str:
    match step:
        case Install(names=names):
            what = f"packages {' '.join(names)}"
        case PutFile(path=path, mode=mode):
            what = f"file {path} {mode:04o}"
        case Build(path=path):
            what = f"environment {path}"
        case Link(path=path, to=to):
            what = f"link {path} -> {to}"
        case Run(command=command):
            what = f"run {' '.join(command)}"
        case AskRestart(state_dir=state_dir):
            what = f"ask for a restart in {state_dir}"
        case Sweep(paths=paths):
            what = f"remove {' '.join(str(path) for path in paths)}"
    return what
