"""What the centre's commands have in common: the folder they are about, and how they tell what cannot be done."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from centre.running.settings import SetUpError

EXIT_CANNOT = 2
ENVIRONMENT = "HEARTHLINE_CENTRE"
DATA = Path("hearthline-centre")


def data_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --data."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        default=DATA,
        show_default=True,
        envvar=ENVIRONMENT,
        show_envvar=True,
        help="The centre's folder: settings, site, store, keys.",
    )(function)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell what cannot be done, and exit with 2."""
    try:
        yield
    except SetUpError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)
