"""`hearthline plan check`: proves a care plan before it is trusted, and shows the worst that can come of it."""

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from time import monotonic

import click
import msgspec
from msgspec.structs import replace
from rich.console import Console

from agent.config import ConfigError
from agent.plan.hub import plan_config
from agent.plan.reading import PlanError, read_plan
from agent.plan.today import today as today_in
from provisioning.plan.notes import notes
from provisioning.plan.tables import show
from rules.proof import Proof, prove

EXIT_REFUSED = 1
EXIT_CANNOT_CHECK = 2

PATIENCE_S = 1.0
"""Whoever waits longer than this is told how far it is."""


class Checked(msgspec.Struct, kw_only=True):
    """What `--json` prints. `problems` are lines of the file that cannot be read; then there is no `proof`."""

    file: str
    ok: bool
    problems: tuple[str, ...] = ()
    proof: Proof | None = None


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--hub", "hub_toml", type=click.Path(path_type=Path), help="The configuration of the hub it is for.")
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The day from which dates and reminders are looked at.  [default: today]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the proof as JSON, for machines.")
def check(file: Path, hub_toml: Path | None, today: datetime | None, *, as_json: bool) -> None:
    """Prove the care plan FILE: play every alarm through everything that may fail.

    Shows for each alarm the worst time to a sound or light at home, to the centre, and to a human. Without --hub it is
    proven for a home with one sensor of each kind, one line, and a modem.

    \b
    Exits with
      0  the plan may be trusted; gaps that it accepts are shown in red
      1  the plan is refused
      2  it cannot be checked: no such file, or a hub.toml that cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    if not file.is_file():
        click.echo(f"{file}: no such file: name the file with the care plan", err=True)
        sys.exit(EXIT_CANNOT_CHECK)
    try:
        checked = _checked(file, hub_toml, today and today.date(), _progress())
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT_CHECK)
    if as_json:
        click.echo(msgspec.json.encode(checked))
    else:
        _show(checked)
    sys.exit(0 if checked.ok else EXIT_REFUSED)


def _checked(file: Path, hub_toml: Path | None, today: date | None, progress: Callable[[int, int], None]) -> Checked:
    """Read the plan, prove it, and note what is odd about it. Raises ConfigError."""
    hub = None if hub_toml is None else plan_config(hub_toml)
    try:
        plan = read_plan(file, hub and hub[0]).plan
    except PlanError as error:
        return Checked(file=str(file), ok=False, problems=tuple(str(problem) for problem in error.problems))
    proof = prove(plan, *(hub or ()), progress=progress)
    odd = notes(plan, today or today_in(plan.time_zone))
    proof = replace(proof, findings=(*proof.findings, *odd))
    return Checked(file=str(file), ok=proof.ok, proof=proof)


def _show(checked: Checked) -> None:
    for problem in checked.problems:
        click.echo(f"{checked.file}: {problem}", err=True)
    if checked.proof is not None:
        show(checked.proof, Console())


def _progress() -> Callable[[int, int], None]:
    """Say how far it is, to somebody who watches and has waited a while."""
    began = monotonic()

    def tell(done: int, of: int) -> None:
        if sys.stderr.isatty() and monotonic() - began > PATIENCE_S:
            click.echo(f"\rproving: {done} of {of} alarms ", nl=done == of, err=True)

    return tell
