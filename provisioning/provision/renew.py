"""`hearthline provision renew`: what the timer runs some times a day, and a person when told to."""

import sys
from pathlib import Path

import click
import msgspec

from agent.clock import SystemClock
from provisioning.commands.options import config_option
from provisioning.provision.answers import AnswerError
from provisioning.provision.folder import FolderError, HubFolder
from provisioning.provision.renewing import Renewal, Result
from provisioning.provision.stick import StickError
from provisioning.provision.takeover import TakeOverError
from rules.values import utc

EXIT_FAILED, EXIT_CANNOT = 1, 2

_RESTART = "The running hub starts anew by itself, as soon as no alarm is open and no reminder is due."


@click.command()
@config_option("config")
@click.option("--force", is_flag=True, help="Renew now, whether it is due or not, however the last attempt ended.")
@click.option(
    "--stick",
    "by_stick",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write the request to this folder, and take the answer from it, where there is no way to the service.",
)
@click.option("--json", "as_json", is_flag=True, help="Tell what it came to as JSON.")
def renew(config: Path, by_stick: Path | None, *, force: bool, as_json: bool) -> None:
    """Renew this hub's certificate if it is due, and take over what the site says anew.

    A timer runs it some times a day; most runs do nothing. It is due three times the longest time that this hub may be
    cut off before the certificate ends. The new one is tried at the broker first: one that is not taken is not used,
    and the old one stays. Keys that the centre has changed and ways to its broker come with it. Alarms go on meanwhile.

    Without a way to the service: run it with --stick and the folder of a USB stick, take the stick to the site
    (hearthline provision sign), bring it back, and run the same again.

    It may be cut off at any moment: the next run goes on.

    \b
    Exits with
      0  the certificate is new, or nothing is due, or the request lies on the stick
      1  it is due and could not be done now: the text says why; it is tried again
      2  this box is no hub, another command is changing it, or its files cannot be used
    """  # noqa: D301 -- click's mark for lines kept as they are
    folder = HubFolder(config)
    try:
        with folder.held():
            result = Renewal(folder, SystemClock()).run(force=force, by_stick=by_stick)
    except (AnswerError, FolderError, StickError, TakeOverError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
    except OSError as error:
        click.echo(f"{error.filename or config}: {error.strerror}: run this as root", err=True)
        sys.exit(EXIT_CANNOT)
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        _tell(result)
    sys.exit(EXIT_FAILED if result.outcome == "failed" else 0)


def _tell(result: Result) -> None:
    click.echo(result.told, err=result.outcome == "failed")
    click.echo(f"The certificate of {result.hub} ends {_day(result.ends_ms)}; renewing begins {_day(result.due_ms)}.")
    if result.again_ms is not None and result.outcome in ("failed", "waiting"):
        click.echo(f"It is tried again from {utc(result.again_ms)} on; --force tries now.")
    if result.outcome == "asked":
        click.echo("Take it to your site, run `hearthline provision sign` on it there, bring it back, run this again.")
    if result.restart:
        click.echo(_RESTART)


def _day(wall_ms: int) -> str:
    return utc(wall_ms)[:10]
