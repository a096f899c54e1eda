"""`hearthline run`: checks the configuration, then becomes the daemon, so that no command-line library stays loaded."""

import os
import sys
from pathlib import Path

import click

from agent.config import ConfigError, load
from provisioning.commands.options import config_option

EXIT_CONFIG = 2


@click.command()
@config_option("path")
def run(path: Path) -> None:
    """Run the hub in the foreground, until it is stopped.

    Exits with 2, and says what to mend, when the configuration cannot be used.
    """
    try:
        load(path)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CONFIG)
    os.execv(sys.executable, [sys.executable, "-m", "agent", "--config", str(path)])  # noqa: S606 -- becomes the daemon
