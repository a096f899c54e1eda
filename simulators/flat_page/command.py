"""`hearthline demo`: in the browser where there is one to see it in, in the terminal where there is not."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulators.demo.command import demo as terminal

if TYPE_CHECKING:
    from agent.wire.enrolment import Code

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

DATA = Path("hearthline-flat")
"""Where a flat that joins a centre is kept, unless somewhere else is named."""

_JOIN = click.Option(
    ["--join"],
    metavar="CODE",
    help="Make the flat in the browser a home of a centre that runs elsewhere, by this enrolment code; - asks for it.",
)

JOIN_ALONE = "--join is for the flat in the browser, and the real centre there: it goes with --keep and --sound alone."

HELP = """Show a home, its hub and a response centre on this machine.

On a machine with a screen it opens the flat in the browser: press the pendant, fall, cut the line, and see what the
resident sees and hears. Beside it runs the real response centre, and its console shows the other side. Without a
screen, or with --no-browser, it is played in the terminal. The hub is the real one, in a process of its own; the
devices and the line around it are simulated. Nothing leaves this machine, and nothing stays behind.

With --join, and an enrolment code that a supervisor has issued at a centre, the flat is a home of that centre instead:
what happens in it arrives there, as from any home. It is kept in a folder, ./hearthline-flat unless --keep names one;
hearthline demo --keep FOLDER starts it again as the same home. To end it for good, revoke it in the centre's console.

\b
Exits with
  0  it was ended, or the scenario went as it should
  1  it did not: the reason is the last line
  2  there is no such scenario, fault or folder
"""


@click.command(
    "demo",
    params=[_BROWSER, _JOIN, *terminal.params],
    help=HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def demo(*, browser: bool | None, join: str | None, **asked: Any) -> None:  # noqa: ANN401 -- what click read for the other command
    """Choose between the two."""
    told = [name for name in TOLD if asked[name]]
    if join is not None or _joined_before(asked["keep"]):
        if told or browser is False or asked["faults"] or asked["language"]:
            raise click.UsageError(JOIN_ALONE)
        sys.exit(_by_joining(join, asked["keep"] or DATA, sounds=bool(asked["sounds"])))
    if browser and told:
        raise click.UsageError("--browser is for trying things by hand: scenarios and --plain are for the terminal.")
    if browser or (browser is None and not told and _display()):
        sys.exit(_by_browser(**asked))
    assert terminal.callback is not None  # noqa: S101 -- it is a command
    terminal.callback(**asked)


def _joined_before(keep: Path | None) -> bool:
    if keep is None:
        return False
    from simulators.flat_page.joining import is_home  # noqa: PLC0415 -- as below

    return is_home(keep)


def _by_joining(text: str | None, keep: Path, *, sounds: bool) -> int:
    from agent.clock import SystemClock  # noqa: PLC0415 -- as below
    from simulators.demo import running  # noqa: PLC0415
    from simulators.flat_page.joined import joined  # noqa: PLC0415
    from simulators.flat_page.joining import JoinError, held, is_home, join, look_for_news, move_in_again  # noqa: PLC0415

    folder, clock = keep.absolute(), SystemClock()
    running.check_length(folder)
    try:
        code = None if text is None else _code(text)
        with held(folder):
            known = is_home(folder)
            centre = join(folder, code, clock)
            click.echo(f"This flat is {centre.hub}, a home of {centre.site}. What happens in it arrives there.")
            click.echo(f"It is kept in {keep}; `hearthline demo --keep {keep}` starts it again.")
            if known:
                click.echo(
                    f"Asking the site whether its certificate or keys are due ... {look_for_news(folder, clock)}"
                )
                centre = join(folder, None, clock)
            move_in_again(folder)
            return running.run(joined(folder, centre, sounds=sounds, opens=_display()))
    except JoinError as error:
        raise click.ClickException(str(error)) from None


def _code(text: str) -> "Code":
    """Read a code; `-` asks for it, where others could see the command. Raises click.UsageError."""
    from agent.wire.enrolment import CodeError, parse_code  # noqa: PLC0415 -- as below

    if text == "-":
        text = click.prompt("Enrolment code", err=True) if sys.stdin.isatty() else sys.stdin.readline()
    try:
        return parse_code(text)
    except CodeError as error:
        raise click.UsageError(str(error)) from None


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
