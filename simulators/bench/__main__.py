"""`python -m simulators.bench [--write FILE]`: the table, on this machine, now."""

import argparse
import asyncio
import gc
import sys
import tempfile
from pathlib import Path

from simulators.bench.drain import drain_floor, drain_hub
from simulators.bench.floor import Floor
from simulators.bench.footprint import IDLE_S, measure, sync_ms
from simulators.bench.memory import grow
from simulators.bench.page import Results, page, table
from simulators.bench.press import press
from simulators.bench.signing import signing
from simulators.bench.speaking import speaking
from simulators.bench.stage import Line, Probe, Stage
from simulators.trials.syncs import count_syncs
from simulators.world.engine import year

ROUNDS = 4
"""Hub and floor take turns, so that what else the machine does meanwhile meets both."""

ROWS, ROWS_LONG = 10_000, 20_000
EVENTS, EVENTS_LONG = [2_500, 10_000], [10_000, 50_000, 100_000]


class Bench:
    """One run, in `folder`, whose disk is the one that counts."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self._folder = folder
        self._stage = stage
        self._lines = 0

    async def run(self, presses: int, rows: int, events: list[int]) -> Results:
        """Measure everything."""
        floor, hub = Probe(), Probe()
        for number in range(ROUNDS):
            await self._press(floor, hub, presses // ROUNDS, f"{number + 1} of {ROUNDS}")
        say(f"presses while the hub speaks: {presses // ROUNDS}")
        line = self._line()
        spoken = await speaking(self._stage, line, self._stage.config(line.path), presses // ROUNDS)
        line.close()
        drains = []
        for number in range(ROUNDS):
            say(f"drain {number + 1} of {ROUNDS}: {rows // ROUNDS} events, floor and hub")
            drains.append(await self._drain(rows // ROUNDS))
        say(f"footprint: starts, and {IDLE_S:.0f} s of nothing")
        line = self._line()
        footprint = await asyncio.to_thread(measure, self._stage.config(line.path))
        say(f"memory: {events[-1]} events")
        held = await grow(self._stage, line, self._stage.config(line.path), events)
        line.close()
        say("the engine alone: a year of a household")
        made = await asyncio.to_thread(year, seed=1)
        return Results(
            floor=floor,
            hub=hub,
            drains=drains,
            rows=rows,
            footprint=footprint,
            held=held,
            syncs=await self._syncs(),
            years_a_minute=made.years_a_minute,
            sync_ms=sync_ms(self._folder),
            spoken=spoken,
            signing=signing(),
        )

    async def _press(self, floor: Probe, hub: Probe, presses: int, which: str) -> None:
        say(f"presses {which}: {presses} of the floor, {presses} of the hub")
        line = self._line()
        await Floor(self._stage, floor).run(line, presses)
        await press(self._stage, line, self._stage.config(line.path), presses, hub)
        line.close()
        gc.collect()
        gc.freeze()  # as the hub does once it has loaded: what earlier rounds left behind is no part of the next

    async def _drain(self, rows: int) -> tuple[float, float]:
        line = self._line()
        config = self._stage.config(line.path)
        rates = await drain_floor(self._stage, config, rows), await drain_hub(config, rows)
        line.close()
        return rates

    async def _syncs(self) -> dict[str, tuple[int, int, int]] | None:
        counted = {}
        for kind in ("pendant", "smoke"):
            folder = self._folder / f"syncs-{kind}"
            folder.mkdir()
            try:
                counted[kind] = (await count_syncs(folder, kind))[:3]
            except OSError as error:
                say(f"syncs are not counted: {error}")
                return None
        return counted

    def _line(self) -> Line:
        self._lines += 1
        return Line(self._folder / f"line-{self._lines}")


async def run(folder: Path, options: argparse.Namespace) -> Results:
    """Set the stage, and measure."""
    with Stage(folder) as stage:
        rows, events = (ROWS_LONG, EVENTS_LONG) if options.long else (ROWS, EVENTS)
        return await Bench(folder, stage).run(options.presses, rows, events)


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the table, and write the page if asked."""
    parser = argparse.ArgumentParser(prog="python -m simulators.bench", description=__doc__)
    parser.add_argument("--presses", type=int, default=800)
    long = f"drain {ROWS_LONG:,} events, and watch memory over {EVENTS_LONG[-1]:,}: eight minutes more"
    parser.add_argument("--long", action="store_true", help=long)
    parser.add_argument("--write", type=Path, help="write the page here")
    parser.add_argument("--folder", type=Path, help="measure on this folder's disk (default: the temporary folder's)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench", dir=options.folder) as folder:
        results = asyncio.run(run(Path(folder), options))
    print(table(results))
    if options.write:
        options.write.write_text(page(results))


if __name__ == "__main__":
    main()
