"""`hearthline doctor`: looks at everything an installer could get wrong, and says what to do about it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console

from agent.clock import SystemClock
from agent.config import ConfigError
from provisioning.commands.options import config_option
from provisioning.doctor.all import CHECKS
from provisioning.doctor.checks import alarm
from provisioning.doctor.finding import Check, Looked
from provisioning.doctor.running import run
from provisioning.doctor.scene import Scene, scene
from provisioning.doctor.show import findings, show

EXIT_WRONG, EXIT_CANNOT = 1, 2


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints, and the commissioning report keeps."""

    hub: str
    version: str
    wrong: int
    warnings: int
    checks: tuple[Looked, ...]


@click.command()
@config_option("path")
@click.option("--no-alarm", is_flag=True, help="Send no test alarm.")
@click.option("--json", "as_json", is_flag=True, help="Print it as one line of JSON.")
def doctor(path: Path, *, no_alarm: bool, as_json: bool) -> None:
    """Look at everything that could be wrong with this hub, and say what to do about it.

    Safe while the hub runs: nothing that it holds is opened, and nothing of its is written. A hub that runs is also
    asked to send a test alarm to the centre: silent at home, over as soon as the centre's receipt is there. Run it with
    sudo, or as the hub's user, so that it may look at everything.

    \b
    Exits with
      0  nothing is wrong; there may be things to look at
      1  something is wrong: each thing is told with its remedy
      2  the doctor cannot look: there is no configuration that could be read
    """  # noqa: D301 -- click's mark for lines kept as they are
    try:
        told = examine(path, alarm_too=not no_alarm, progress=sys.stderr.isatty() and not as_json)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        show(told.checks, Console())
    sys.exit(EXIT_WRONG if told.wrong else 0)


def examine(path: Path, *, alarm_too: bool, progress: bool = False) -> Told:
    """Look at everything. Raises ConfigError for a configuration that cannot be read at all."""
    here = scene(path, SystemClock())
    checks = [each for each in CHECKS if alarm_too or each is not alarm.CHECK]
    looked = _run(checks, here, progress=progress)
    status = here.hub.status
    return Told(
        hub=here.config.hub if here.config else "",
        version=status.version if status else "",
        wrong=len(findings(looked, "wrong")),
        warnings=len(findings(looked, "warning")),
        checks=tuple(looked),
    )


def _run(checks: Sequence[Check], here: Scene, *, progress: bool) -> list[Looked]:
    """Run the checks, and tell somebody who watches what is still waited for."""
    waiting = {each.name: each.title for each in checks}
    order = list(waiting)
    looked = []
    with Console(stderr=True, quiet=not progress).status("looking") as status:
        for one in run(checks, here):
            looked.append(one)
            waiting.pop(one.check)
            status.update(f"looking: {', '.join(waiting.values())}")
    return sorted(looked, key=lambda one: order.index(one.check))
