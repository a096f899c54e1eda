"""`hearthline demo`: Hearthline on this machine, to try by hand in a terminal, or as a scenario without one."""

import sys
from pathlib import Path

import click

DEFAULT_SCENARIO = "press"
SIREN_S_MIN, SIREN_S_MAX = 12, 60
"""Later than the 10 s after which a centre is silent, and as late as it really is."""
EVENTS_MIN, EVENTS_MAX = 1_000, 50_000
"""Enough to be killed in, and as many as a store may hold."""

LANGUAGES = ("cy", "en", "pl", "ur")
"""Those of `agent.voice.phrases`, which is not loaded for `--help`."""

NO_TERMINAL = f"""\
This is no terminal, so the scenario {DEFAULT_SCENARIO!r} is played; in a terminal you can try everything by hand.
`hearthline demo --list` lists the scenarios, `--scenario NAME` plays one.
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--scenario", "name", metavar="NAME", help="Play a scenario to its end; needs no terminal.")
@click.option("--list", "listing", is_flag=True, help="List the scenarios.")
@click.option("--json", "as_json", is_flag=True, help="Tell a scenario as one JSON document.")
@click.option("--plain", is_flag=True, help="By hand, but line by line: for screen readers and simple terminals.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Work in this new or empty folder, and leave hub.toml, hub.log, the hub's store and the centre's ledger.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    help="Let the centre misbehave from the start: silent, retry, late=3, ... May be repeated.",
)
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    help="What the resident is spoken to in: Welsh, English, Polish or Urdu. What is told stays English.",
)
@click.option(
    "--sound/--no-sound",
    "sounds",
    default=None,
    help="Sound on this machine's sound card, if it has one. By default only in a terminal.",
)
@click.option(
    "--siren",
    "siren_s",
    type=click.IntRange(SIREN_S_MIN, SIREN_S_MAX),
    metavar="SECONDS",
    help=f"To be quick: let the siren sound after so many seconds, not {SIREN_S_MAX}.",
)
@click.option(
    "--events",
    "backlog",
    type=click.IntRange(EVENTS_MIN, EVENTS_MAX),
    metavar="NUMBER",
    help="How many events wait in week-of-backlog.",
)
def demo(  # noqa: PLR0913 -- what can be asked for
    name: str | None,
    keep: Path | None,
    faults: tuple[str, ...],
    siren_s: int | None,
    backlog: int | None,
    language: str | None,
    *,
    sounds: bool | None,
    listing: bool,
    as_json: bool,
    plain: bool,
) -> None:
    """Show a home, its hub and a response centre on this machine.

    Without options, in a terminal: press the pendant, cut the line, kill the hub, and watch what happens. The hub is
    the real one, in a process of its own; around it are simulated devices, a line and a centre. Nothing leaves this
    machine, and nothing stays behind.

    \b
    Exits with
      0  the scenario went as it should
      1  it did not: the reason is the last line
      2  there is no such scenario, fault or folder
    """  # noqa: D301 -- click's mark for lines kept as they are
    from simulators.demo import running  # noqa: PLC0415 -- `hearthline --help` need not load broker and centre

    if listing:
        click.echo(running.listing())
        return
    told = name is not None or as_json or siren_s is not None or backlog is not None
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    by_hand, sounds = terminal and not told, terminal if sounds is None else sounds
    name = name or DEFAULT_SCENARIO
    setting = running.check(
        name, faults, siren_s=siren_s, backlog=backlog, language=None if by_hand else language, sounds=sounds
    )
    with running.working_folder(keep) as folder:
        if by_hand:
            sys.exit(running.by_hand(folder, faults, plain=plain, language=language or "en", sounds=sounds))
        if not told:
            click.echo(NO_TERMINAL)
        sys.exit(running.play(name, folder, faults, setting, as_json=as_json))
