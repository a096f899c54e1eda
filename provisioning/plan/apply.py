"""`hearthline plan apply FILE`: lays a plan where the running hub takes it, and waits for what becomes of it."""

import contextlib
import hashlib
import os
import sys
import time
from pathlib import Path

import click
import msgspec

from agent.config import ConfigError, HubConfig, load
from agent.files import write_whole
from agent.plan.arrival import DROPPED, OUTCOME, Outcome
from agent.plan.hub import hub_config
from agent.plan.proving import TIMEOUT_S
from agent.plan.reading import PlanDocument, PlanError, read_plan
from provisioning.commands.options import config_option

WAIT_S = TIMEOUT_S + 30.0
"""The proof may take a minute; the hub looks every other second, and may be busy."""

LOOK_EVERY_S = 0.1
EXIT_REFUSED, EXIT_CANNOT = 1, 2


class ApplyError(Exception):
    """The plan cannot be laid, or nobody took it; the text says what to do."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option("hub_toml")
@click.option("--wait", "wait_s", type=float, default=WAIT_S, show_default=True, help="Seconds to wait for the hub.")
def apply(file: Path, hub_toml: Path, wait_s: float) -> None:
    """Give the care plan FILE to the hub on this computer.

    The hub proves it first, and alarms go on meanwhile. A plan that is refused changes nothing.

    \b
    Exits with
      0  the plan is in force
      1  it was refused, and the one before it stays: the reasons are told
      2  it could not be given to the hub, or the hub said nothing
    """  # noqa: D301 -- click's mark for lines kept as they are
    try:
        config = load(hub_toml)
        document = read_plan(file, hub_config(config))
        _ours_alone(file, document)
        outcome = lay(document, config, wait_s)
    except PlanError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_REFUSED)
    except (ConfigError, ApplyError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
    if outcome.outcome == "refused":
        click.echo(f"Refused: version {outcome.version} of the plan changes nothing.", err=True)
        for reason in outcome.reasons:
            click.echo(f"  {reason}", err=True)
        sys.exit(EXIT_REFUSED)
    told = "is in force now" if outcome.outcome == "applied" else "was in force already"
    click.echo(f"Version {outcome.version} of the plan {told}.")


def _ours_alone(file: Path, document: PlanDocument) -> None:
    """Refuse a file whose numbers others on this computer may read, as for keys (S11). Raises ApplyError."""
    mode = file.stat().st_mode & 0o777
    if mode & 0o077 and (document.private.numbers or document.private.texts):
        raise ApplyError(f"{file}: mode {mode:04o} lets others read the numbers in it: chmod 600 {file}")


def lay(document: PlanDocument, config: HubConfig, wait_s: float) -> Outcome:
    """Lay a plan in the hub's directory and wait for the outcome. Raises ApplyError."""
    content = document.to_json()
    place, outcome = config.state_dir / DROPPED, config.state_dir / OUTCOME
    try:
        with contextlib.suppress(FileNotFoundError):
            outcome.unlink()  # an earlier one: the same plan may have been refused for a reason that is gone
        folder = place.parent.stat()  # root lays it for the hub's user
        owner = (folder.st_uid, folder.st_gid) if os.geteuid() == 0 else None
        write_whole(place, content, new=place.with_name(f"{place.name}.new"), owner=owner)
    except OSError as error:
        remedy = "run this as root or as the hub's user, on the hub"
        raise ApplyError(f"{place}: {error.strerror}: {remedy}") from None
    digest = hashlib.sha256(content).hexdigest()
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found = msgspec.json.decode(outcome.read_bytes(), type=Outcome)
            if found.digest == digest:
                return found
        time.sleep(LOOK_EVERY_S)
    raise ApplyError(
        f"the hub said nothing in {wait_s:g} s: is it running (hearthline status)? "
        f"The plan lies at {place}, and is taken when the hub starts; remove it if that is not wanted"
    )
