"""Runs the demonstration: in a folder of its own, until its end or a signal, with nothing left behind."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from centre.intake import LedgerDownError
from sensors.mqtt_link import LinkLostError
from simulators.broker import BrokerStartError
from simulators.demo.live import live
from simulators.demo.scenarios import SCENARIOS, Scenario
from simulators.demo.telling import tell
from simulators.demo.world import Setting, WorldError
from simulators.hub_process import HubStartError
from simulators.misbehaviour import Faults, UnknownFaultError

EXIT_SIGNAL = 128
HOUR = "10:00"
"""What time it is by hand: the family may be heard."""

FOLDER_BYTES_MAX = 80
"""Sockets lie in the folder, and their paths may have 107 bytes."""

_CANNOT_START = (WorldError, HubStartError, BrokerStartError, LinkLostError, LedgerDownError, OSError)


def listing() -> str:
    """List the scenarios, with their stories."""
    return "\n".join(f"{each:22} {scenario.story}" for each, scenario in SCENARIOS.items())


def check(
    name: str,
    faults: Sequence[str],
    *,
    siren_s: int | None = None,
    backlog: int | None = None,
    language: str | None = None,
    sounds: bool = False,
) -> Setting:
    """See that the scenario and the faults exist, and give its setting, as asked for.

    Raises click.UsageError, which lists what there is.
    """
    if name not in SCENARIOS:
        raise click.UsageError(f"there is no scenario {name!r}. There are: {', '.join(SCENARIOS)}.")
    for fault in faults:
        switch, _, value = fault.partition("=")
        try:
            Faults().turn(switch, value or "on")
        except UnknownFaultError as error:
            raise click.UsageError(str(error)) from None
    usual = SCENARIOS[name].setting
    if siren_s is not None and not SCENARIOS[name].sirens:
        raise click.UsageError(f"{name} waits for no siren: --siren goes with {_named(lambda each: each.sirens)}.")
    if backlog is not None and not usual.backlog:
        raise click.UsageError(f"{name} has none: --events goes with {_named(lambda each: each.setting.backlog > 0)}.")
    if language is not None and not usual.at:
        spoken = _named(lambda each: bool(each.setting.at))
        raise click.UsageError(f"{name} needs no words: --language goes with {spoken}.")
    return usual._replace(
        siren_s=siren_s or usual.siren_s,
        backlog=backlog or usual.backlog,
        language=language or usual.language,
        sounds=sounds,
    )


def _named(fits: Callable[[Scenario], bool]) -> str:
    return ", ".join(name for name, scenario in SCENARIOS.items() if fits(scenario))


def by_hand(folder: Path, faults: Sequence[str], *, plain: bool, language: str, sounds: bool) -> int:
    """Let somebody try everything by hand; give the exit code. Raises click.ClickException."""
    setting = Setting(at=HOUR, language=language, sounds=sounds)
    return run(live(folder, faults, setting, plain=plain))


def play(name: str, folder: Path, faults: Sequence[str], setting: Setting, *, as_json: bool) -> int:
    """Play a scenario in a setting of its own; give the exit code. Raises click.ClickException."""
    return run(tell(name, folder, faults, setting, as_json=as_json))


@contextlib.contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """Give a folder of our own, gone afterwards, or the one that is to be kept. Raises click.UsageError."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="hearthline-demo-", ignore_cleanup_errors=True) as folder:
            check_length(Path(folder))
            yield Path(folder)
        return
    check_length(keep.absolute())
    try:
        keep.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(keep.iterdir()):
            raise click.UsageError(f"{keep} is not empty: name a new folder to keep this run in.")
    except OSError as error:
        raise click.UsageError(f"{keep} cannot be used: {error.strerror}") from None
    try:
        yield keep.absolute()
    finally:
        with contextlib.suppress(OSError):  # the terminal may be gone
            click.echo(f"Kept in {keep}: flat/hub.toml, flat/hub.log, flat/state/hub.db, centre.db.", err=True)


def check_length(folder: Path) -> None:
    """Refuse a folder whose sockets nobody could open. Raises click.UsageError."""
    if len(os.fsencode(folder)) > FOLDER_BYTES_MAX:
        raise click.UsageError(
            f"{folder} is too long a path: sockets lie in it. Name one of at most {FOLDER_BYTES_MAX} bytes with --keep,"
            " or set TMPDIR."
        )


def run(work: Coroutine[Any, Any, int]) -> int:
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
        if not ended_by:
            raise
        return EXIT_SIGNAL + ended_by[0]
    except BrokenPipeError:  # whoever read our lines has read enough
        raise
    except _CANNOT_START as error:
        if ended_by:  # a part that the same signal ended failed while the rest was being put away
            return EXIT_SIGNAL + ended_by[0]
        raise click.ClickException(f"the demonstration cannot go on: {error}") from error
