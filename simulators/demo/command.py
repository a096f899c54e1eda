"""`hearthline demo`: Hearthline on this machine, to try by hand in a terminal, or as a scenario without one."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from centre.intake import LedgerDownError
from sensors.mqtt_link import LinkLostError
from simulators.broker import BrokerStartError
from simulators.demo.scenarios import SCENARIOS
from simulators.demo.world import WorldError
from simulators.hub_process import HubStartError
from simulators.misbehaviour import Faults, UnknownFaultError

EXIT_SIGNAL = 128
FOLDER_BYTES_MAX = 80
"""Sockets lie in the folder, and their paths may have 107 bytes."""

DEFAULT_SCENARIO = "press"

NO_TERMINAL = f"""\
This is no terminal, so the scenario {DEFAULT_SCENARIO!r} is played; in a terminal you can try everything by hand.
`hearthline demo --list` lists the scenarios, `--scenario NAME` plays one.
"""

CANNOT_START = (WorldError, HubStartError, BrokerStartError, LinkLostError, LedgerDownError, OSError)


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
def demo(
    name: str | None, keep: Path | None, faults: tuple[str, ...], *, listing: bool, as_json: bool, plain: bool
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
    if listing:
        click.echo("\n".join(f"{each:15} {scenario.story}" for each, scenario in SCENARIOS.items()))
        return
    _check(name, faults)
    by_hand = name is None and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    if name is None and not by_hand:
        name = DEFAULT_SCENARIO
        if not as_json:
            click.echo(NO_TERMINAL)
    with _working_folder(keep) as folder:
        try:
            sys.exit(_run(_by_hand(folder, faults, plain=plain) if name is None else _played(name, folder, faults, as_json=as_json)))
        except CANNOT_START as error:
            raise click.ClickException(f"the demonstration cannot start: {error}") from error


def _by_hand(folder: Path, faults: Sequence[str], *, plain: bool) -> Coroutine[Any, Any, int]:
    from simulators.demo.live import live  # noqa: PLC0415 -- only what is used is loaded

    return live(folder, faults, plain=plain)


def _played(name: str, folder: Path, faults: Sequence[str], *, as_json: bool) -> Coroutine[Any, Any, int]:
    from simulators.demo.telling import tell  # noqa: PLC0415 -- likewise

    return tell(name, folder, faults, as_json=as_json)


def _check(name: str | None, faults: Sequence[str]) -> None:
    if name is not None and name not in SCENARIOS:
        raise click.UsageError(f"there is no scenario {name!r}. There are: {', '.join(SCENARIOS)}.")
    for fault in faults:
        switch, _, value = fault.partition("=")
        try:
            Faults().turn(switch, value or "on")
        except UnknownFaultError as error:
            raise click.UsageError(str(error)) from None


@contextlib.contextmanager
def _working_folder(keep: Path | None) -> Iterator[Path]:
    """Give a folder of our own, gone afterwards, or the one that is to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="hearthline-demo-", ignore_cleanup_errors=True) as folder:
            _check_length(Path(folder))
            yield Path(folder)
        return
    _check_length(keep.absolute())
    try:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(keep.iterdir()):
            raise click.UsageError(f"{keep} is not empty: name a new folder to keep this run in.")
    except OSError as error:
        raise click.UsageError(f"{keep} cannot be used: {error.strerror}") from None
    yield keep.absolute()


def _check_length(folder: Path) -> None:
    if len(os.fsencode(folder)) > FOLDER_BYTES_MAX:
        raise click.UsageError(
            f"{folder} is too long a path: sockets lie in it. Name one of at most {FOLDER_BYTES_MAX} bytes with --keep,"
            " or set TMPDIR."
        )


def _run(work: Coroutine[Any, Any, int]) -> int:
    """Run to the end, or until a signal ends it in good order; give the exit code. A terminal that closes is one."""
    ended_by: list[int] = []

    async def guarded() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 -- we are in it

        def end(number: int) -> None:
            if not ended_by:
                task.cancel()
            ended_by.append(number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, end, number)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        return EXIT_SIGNAL + ended_by[0]
