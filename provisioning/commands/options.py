"""Options that several commands have."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agent.ask import DEFAULT_SOCKET
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


def socket_of(path: Path) -> Path:
    """Give the local socket that a configuration names; the usual one if it names none, or is not ours to read.

    Nothing else of it need be right: a hub that runs can be asked, whatever became of the file since it started.
    """
    try:
        named = tomllib.loads(path.read_text(encoding="utf-8")).get("socket")
    except (OSError, ValueError, RecursionError):
        named = None
    return path.parent / named if isinstance(named, str) else DEFAULT_SOCKET
