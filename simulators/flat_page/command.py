"""`hearthline demo`: in the browser where there is one to see it in, in the terminal where there is not."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from simulators.demo.command import demo as terminal

TOLD = ("name", "listing", "as_json", "siren_s", "backlog", "plain")
"""What is asked for without a browser."""


def _display() -> bool:
    """Whether somebody looks at this machine's own screen."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


_BROWSER = click.Option(
    ["--browser/--no-browser"],
    default=None,
    help="The flat and the response centre's console as two pages on this machine. By default where there is a screen.",
)

HELP = """Show a home, its hub and a response centre on this machine.

On a machine with a screen it opens the flat in the browser: press the pendant, fall, cut the line, and see what the
resident sees and hears. Beside it runs the real response centre, and its console shows the other side. Without a
screen, or with --no-browser, it is played in the terminal. The hub is the real one, in a process of its own; the
devices and the line around it are simulated. Nothing leaves this machine, and nothing stays behind.

\b
Exits with
  0  it was ended, or the scenario went as it should
  1  it did not: the reason is the last line
  2  there is no such scenario, fault or folder
"""


@click.command(
    "demo",
    params=[_BROWSER, *terminal.params],
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def demo(*, browser: bool | None, **asked: Any) -> None:  # noqa: ANN401 -- what click read for the other command
    """Choose between the two."""
    told = [name for name in TOLD if asked[name]]
    if browser and told:
        raise click.UsageError("--browser is for trying things by hand: scenarios and --plain are for the terminal.")
    if browser or (browser is None and not told and _display()):
        sys.exit(_by_browser(**asked))
    assert terminal.callback is not None  # noqa: S101 -- it is a command
    terminal.callback(**asked)


def _by_browser(
    keep: Path | None, faults: tuple[str, ...], language: str | None, *, sounds: bool | None, **_told: object
) -> int:
    from simulators.demo import running  # noqa: PLC0415 -- `hearthline --help` need not load broker, hub and centre
    from simulators.demo.command import DEFAULT_SCENARIO  # noqa: PLC0415
    from simulators.flat_page.running import both  # noqa: PLC0415

    running.check(DEFAULT_SCENARIO, faults)
    with running.working_folder(keep) as folder:
        shown = both(folder, faults, language=language or "en", sounds=bool(sounds), opens=_display())
        return running.run(shown)
