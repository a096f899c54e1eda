"""The command `hearthline plan`, which loads only what is used of it."""

from importlib import import_module
from importlib.util import find_spec

import click

from provisioning.cli import Commands

COMMANDS = ("apply", "check", "explain", "import-calendar")


class PlanCommands(Commands):
    """Each command stands in a module of its own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name the commands, without loading them."""
        return [name for name in COMMANDS if find_spec(f"{__package__}.{_module(name)}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(import_module(f"{__package__}.{_module(cmd_name)}"), _module(cmd_name))
        return command


def _module(command: str) -> str:
    return command.replace("-", "_")


@click.command(cls=PlanCommands)
def plan() -> None:
    """Care plans: prove one, explain one, give one to a hub."""
