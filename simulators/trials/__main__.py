"""The soak: every trial, many rounds, with progress; interrupted, it goes on where it was. See `--help`."""

import asyncio
import pkgutil
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from pathlib import Path

import click

import simulators.trials
from simulators.trials.page import described, page, put, verdict
from simulators.trials.results import Line, Results, code_name, together
from simulators.trials.trial import Figures, NotHereError, Round, Trial, Violation, seed_of


def trials() -> list[Trial]:
    """Give every trial there is: the `TRIALS` of each module of this package and of the folders in it."""
    names = sorted(module.name for module in pkgutil.walk_packages(simulators.trials.__path__, "simulators.trials."))
    modules = [import_module(name) for name in names if not name.endswith(".__main__")]
    return [trial for module in modules for trial in getattr(module, "TRIALS", ())]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[TRIAL]...")
@click.option("--list", "listing", is_flag=True, help="List the trials, and how far each is.")
@click.option("--rounds", type=click.IntRange(1), help="Make so many rounds of each, not its own number.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Make so many rounds at once.")
@click.option("--round", "only", type=click.IntRange(0), help="Make this one round again, and keep its folder.")
@click.option(
    "--results",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".soak/results.jsonl"),
    show_default=True,
    help="Where each round's result is kept.",
)
@click.option(
    "--write", type=click.Path(path_type=Path, dir_okay=False), help="Put the table of results into this page."
)
def soak(
    names: tuple[str, ...],
    *,
    listing: bool,
    rounds: int | None,
    jobs: int,
    only: int | None,
    path: Path,
    write: Path | None,
) -> None:
    """Break the real hub in every way we know, and count what is kept.

    Without TRIAL every trial is made. What was made with the code as it is now is not made again, so an interrupted
    soak goes on where it was. Exit code 1: a promise was broken; the folder of that round is kept and named.
    """
    known = {trial.name: trial for trial in trials()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"no trial {unknown[0]!r}: there are {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    results = Results(path, code_name())
    if listing:
        _list(chosen, results)
        return
    if only is not None:
        sys.exit(0 if all(_again(trial, only) for trial in chosen) else 1)
    if results.others:
        click.echo(f"{results.others} results in {path} are of other code, and do not count.")
    for trial in chosen:
        _make(trial, results, trial.rounds if rounds is None else rounds, jobs)
    click.echo()
    _list(chosen, results)
    if write is not None:
        old = write.read_text() if write.exists() else ""
        write.write_text(put(page(known.values(), results), old))
        click.echo(f"Written: {write}")
    if any(line.violation for trial in chosen for line in results.of(trial)):
        sys.exit(1)


def _list(chosen: list[Trial], results: Results) -> None:
    width = max(len(trial.name) for trial in chosen)
    margin = " " * (width + 2)
    for trial in chosen:
        lines = results.of(trial)
        click.echo(f"{trial.name:<{width}}  {len(lines):>4} of {trial.rounds:<4}  {verdict(trial, results)}")
        click.echo(click.wrap_text(f"{trial.promise} ({trial.rules})", 100, margin, margin))
        for said in described(together(lines)):
            click.echo(f"{margin}  {said}")


def _make(trial: Trial, results: Results, rounds: int, jobs: int) -> None:
    left = results.left(trial, rounds)
    click.echo(f"{trial.name}: {rounds - len(left)} of {rounds} rounds are made already")
    for line in _played(trial, left, results.code, jobs):
        results.add(line)
        said = line.violation or line.not_here or "; ".join(described(together([line])))
        click.echo(f"{trial.name} {line.round + 1}/{rounds} ({line.seconds:.1f} s): {said}")
        if line.not_here:  # no other round can be made either
            return


def _played(trial: Trial, numbers: list[int], code: str, jobs: int) -> Iterator[Line]:
    """Play rounds, several at once if told so; give each as it ends."""
    if jobs == 1:
        yield from (_play(trial, number, code) for number in numbers)
        return
    pool = ProcessPoolExecutor(jobs)
    try:
        for done in as_completed([pool.submit(_play_named, trial.name, number, code) for number in numbers]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _play_named(name: str, number: int, code: str) -> Line:
    """Play a round in a process that knows no more of it than its name."""
    return _play(next(trial for trial in trials() if trial.name == name), number, code)


def _again(trial: Trial, number: int) -> bool:
    line = _play(trial, number, "", keep=True)
    click.echo(line.violation or line.not_here or "\n".join(described(together([line]))))
    return not line.violation


def _play(trial: Trial, number: int, code: str, *, keep: bool = False) -> Line:
    """Make one round in a folder of its own, which stays if a promise was broken."""
    # Not under `path`: sockets have short names.
    folder = Path(tempfile.mkdtemp(prefix=f"soak-{trial.name}-{number}-"))
    began = time.monotonic()
    figures, violation, not_here = Figures(), "", ""
    try:
        figures = asyncio.run(trial.play(Round(number, seed_of(trial, number), folder)))
    except NotHereError as error:
        not_here = str(error)
    except Violation as error:
        violation = f"VIOLATION {error}"
    except Exception as error:  # noqa: BLE001 -- a round that breaks down proves nothing, and must not look as if it did
        violation = f"BROKE DOWN {type(error).__name__}: {error}"
    if violation or keep:
        violation += f" [kept: {folder}]" if violation else ""
        click.echo(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    seconds = round(time.monotonic() - began, 1)
    return Line(code, trial.name, number, seconds, dict(figures.counted), figures.measured, violation, not_here)


if __name__ == "__main__":
    soak()
