"""The command `hearthline`: finds its commands among the entry points, and loads only the one that is used."""

import codecs
import io
import sys
from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "hearthline.commands"

_PLAIN = {"✓": "+", "✗": "x", "·": ".", "→": "->", "…": "..."}
"""What stands for our signs on a terminal that has not got them, such as a serial console."""


class Commands(click.Group):
    """The commands that installed distributions offer as entry points of the group `points`."""

    points = GROUP

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name the commands, without loading them."""
        return sorted({point.name for point in entry_points(group=self.points)})

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under `headings`, each with the whole first sentence of its help."""
        for heading, names in self.headings(ctx):
            commands = ((name, self.get_command(ctx, name)) for name in names)
            with formatter.section(heading):
                formatter.write_dl([(name, _first_sentence(found)) for name, found in commands if found is not None])

    def headings(self, ctx: click.Context) -> list[tuple[str, list[str]]]:
        """Give the headings that `--help` has, each with its commands."""
        return [("Commands", self.list_commands(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- likewise
        """Load a command. One that cannot be loaded says why when it is used, and spoils no other."""
        point = next(iter(entry_points(group=self.points, name=cmd_name)), None)
        return None if point is None else _load(point)


def _load(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except Exception as error:  # noqa: BLE001 -- another distribution's code
        return _broken(point, f"{type(error).__name__}: {error}")
    if not isinstance(command, click.Command):
        return _broken(point, "it is not a click command")
    return command


def _first_sentence(command: click.Command) -> str:
    told = command.short_help or " ".join((command.help or "").partition("\n\n")[0].split())
    return f"{told.partition('. ')[0].rstrip('.')}."


def _broken(point: EntryPoint, why: str) -> click.Command:
    def refuse() -> None:
        raise click.ClickException(f"{point.name} cannot be loaded from {point.value}: {why}")

    context = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(point.name, callback=refuse, context_settings=context, short_help=f"Cannot be loaded: {why}")


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hearthline")
def main() -> None:
    """Hearthline: an open, offline-first telecare home hub."""
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(each, "?") for each in error.object[error.start : error.end]), error.end
