"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agent.config import DEFAULT_PATH


def config_option(parameter: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `--config`, the hub's configuration, and hand it over as `parameter`."""
    return click.option(
        "--config",
        parameter,
        type=click.Path(path_type=Path),
        default=DEFAULT_PATH,
        show_default=True,
        help="The hub's configuration.",
        envvar="HEARTHLINE_CONFIG",
        show_envvar=True,
    )
