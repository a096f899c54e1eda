"""`hearthline sim`: seeded days of a household in which everything fails; what it finds, shrunk and told."""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import msgspec

from simulators.world.engine import year
from simulators.world.script import Incident, Script, generate
from simulators.world.shrink import shrink
from simulators.world.story import story_of, summary
from simulators.world.world import Played, play

SEEDS = 1_000_000_000


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=click.IntRange(0), help="The (first) world's seed; without it, one is drawn and printed.")
@click.option("--days", type=click.IntRange(1), default=7, show_default=True, help="How long each world lasts.")
@click.option(
    "--worlds", type=click.IntRange(1), default=1, show_default=True, help="How many, from seed to seed + 1 …"
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="How many at a time.")
@click.option("--story", is_flag=True, help="Tell what happens, even if no promise is broken.")
@click.option("--shrink/--no-shrink", "shrinks", default=True, help="Find the few incidents that break a promise.")
@click.option("--keep", type=click.Path(path_type=Path, dir_okay=False), help="Write the (shrunk) script here.")
@click.option(
    "--script", "path", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Play a kept script instead."
)
@click.option("--engine-only", is_flag=True, help="A year of the rules alone, for its speed.")
def sim(  # noqa: PLR0913 -- options, all named
    *,
    seed: int | None,
    days: int,
    worlds: int,
    jobs: int,
    story: bool,
    shrinks: bool,
    keep: Path | None,
    path: Path | None,
    engine_only: bool,
) -> None:
    """Live seeded days of a household, with every fault we know, and judge every promise after every step.

    The real daemon runs under a virtual clock. The same seed gives the same world. Exit code 1: a promise was broken.
    """
    first = random.SystemRandom().randrange(SEEDS) if seed is None else seed
    if engine_only:
        click.echo(str(year(first)))
        return
    if path is not None:
        _judge(
            first, msgspec.json.decode(path.read_bytes(), type=tuple[Incident, ...]), f"--script {path}", shrinks, keep
        )
        return
    click.echo(f"{worlds} world{'s' if worlds > 1 else ''} of {days} days, from seed {first}")
    began, counted, lived = time.perf_counter(), Counter[str](), 0.0
    for number, played in enumerate(_play(first, worlds, days, jobs)):
        lived += played.lasted_ms / 86_400_000
        counted.update(played.counted)
        how = "a promise was broken" if played.broken else "every promise was kept"
        click.echo(f"seed {first + number} ({number + 1}/{worlds}): {how}")
        if played.broken is not None:
            _judge(first + number, generate(first + number, days), f"--days {days}", shrinks, keep)
    click.echo(f"{lived:.1f} household-days in {time.perf_counter() - began:.0f} s: {described(counted)}")
    if story:
        click.echo("\n".join(story_of(first, generate(first, days))[1]))


def described(counted: Counter[str]) -> str:
    """Say what was counted."""
    return "; ".join(f"{count:,} {what}" for what, count in sorted(counted.items()))


def _play(first: int, worlds: int, days: int, jobs: int) -> Iterator[Played]:
    if jobs == 1:
        for number in range(worlds):
            yield one_world(first + number, days)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one_world, range(first, first + worlds), [days] * worlds)


def one_world(seed: int, days: int) -> Played:
    """Play the world of a seed."""
    return play(seed, generate(seed, days))


def _judge(seed: int, script: Script, options: str, shrinks: bool, keep: Path | None) -> None:  # noqa: FBT001 -- an option
    """Tell how a promise was broken, and end with exit code 1; come back if it was not."""
    played, lines = story_of(seed, script)
    if played.broken is None:
        click.echo("every promise was kept")
        return
    if shrinks:
        click.echo(f"shrinking {len(script)} incidents …")
        promise = played.broken.promise
        small = shrink(script, lambda some: (found := play(seed, some).broken) is not None and found.promise == promise)
        played, lines = story_of(seed, small.script)
        script = small.script
        click.echo(f"{len(script)} incidents are left after {small.trials} trials:")
        for each in script:
            click.echo(f"  {msgspec.json.encode(each).decode()}")
    click.echo("\n".join(lines))
    if played.broken is not None:
        click.echo(summary(played.broken))
    if keep is not None:
        keep.write_bytes(msgspec.json.format(msgspec.json.encode(script)))
        click.echo(f"the script is kept: hearthline sim --seed {seed} --script {keep}")
    click.echo(f"again: hearthline sim --seed {seed} {options}")
    sys.exit(1)
