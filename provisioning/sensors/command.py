"""The command `hearthline sensors`, which loads only what is used of it."""

from importlib import import_module

import click

from provisioning.cli import Commands

COMMANDS = {
    "adapters": "adapters",
    "learn": "learn",
    "list": "listing",
    "remove": "removing",
    "replace": "replacing",
    "test": "testing",
}
"""Each command, and its module here; the module has it under its own name."""


class SensorCommands(Commands):
    """Each command stands in a module of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name the commands, without loading them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- likewise
        """Load a command."""
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"{__package__}.{module}"), module)
        return command


@click.command(cls=SensorCommands)
def sensors() -> None:
    """Sensors: find adapters, learn devices, list them, and walk the home to test them.

    \b
    The order of an installer's hour:
      hearthline sensors adapters   what is plugged in becomes a driver
      hearthline sensors learn      press each device once; say what it is and where
      hearthline sensors list       look it over
      hearthline sensors test       walk the home: each call must arrive at the centre

    Later: `replace` when a pendant is lost, `remove` when one is not needed. All of them go through the hub that runs
    (`systemctl start hearthline`), and none opens a port that it uses.
    """  # noqa: D301 -- click's mark for lines kept as they are
