"""What a hub holds in memory, at its start and after many thousand events that came in by its radio."""

import asyncio
import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from agent.ask import ask
from simulators.bench.footprint import compile_once, start
from simulators.bench.stage import PENDANTS, Line, Stage, frame

FRAMES_PER_S = 250
CHUNK = 25
ALARM_EVERY = 1_000
"""Of so many frames one is a press, which staff then resolve; the rest are batteries that fail and are replaced."""

_END_OF_PANIC, _PANIC = 0x07, 0x06
_SETTLED_S = 60
LARGEST = 5
MODULE = "simulators.bench.hub"


class Held(msgspec.Struct, frozen=True):
    """What a process holds after so many events, in KiB.

    `alone`: the most its proportional set size can be without this benchmark: a page of a file that the benchmark or
    the centre, which are Python too, have mapped as well, counts whole. `private`: what nobody shares. `largest`: the
    files that make up most of `alone`, and what belongs to no file.
    """

    events: int
    alone: int
    private: int
    largest: list[tuple[str, int]]


async def grow(stage: Stage, line: Line, config: Path, marks: list[int]) -> list[Held]:
    """Start a hub, let as many events come in by its radio as the last of `marks` says; look at it at each mark."""
    await asyncio.to_thread(compile_once, config, MODULE)
    process, _ = await asyncio.to_thread(start, config, stage.folder / "notify-memory", MODULE)
    try:
        others = (os.getpid(), stage.centre_pid)
        await _until(config, lambda status: bool(status["links"][0]["up"] and status["drivers"][0]["listening"]))
        await asyncio.sleep(3)  # through its first reports
        held = [look(process.pid, 0, others)]
        sent, frames = 0, _frames()
        for mark in marks:
            while sent < mark:
                for _ in range(min(CHUNK, mark - sent)):
                    line.write(next(frames))
                    sent += 1
                    if sent > ALARM_EVERY and sent % ALARM_EVERY == ALARM_EVERY // 2:
                        stage.resolve("last")
                await asyncio.sleep(CHUNK / FRAMES_PER_S)
            status = await _until(config, lambda status: status["outbox"].get("a", 0) == 0)
            lost = {what: count for what, count in status["counters"].items() if what.startswith(("dropped", "noise"))}
            if lost or (journalled := _journalled(config)) < mark:
                raise RuntimeError(f"not every event was taken, so this measures nothing: {lost or journalled}")
            held.append(look(process.pid, mark, others))
        return held
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 10)


def _journalled(config: Path) -> int:
    """Count what the hub has ever written into its journal."""
    with contextlib.closing(sqlite3.connect(config.with_suffix("") / "hub.db")) as store:
        (number,) = store.execute("SELECT max(number) FROM journal").fetchone()
    return int(number)


def _frames() -> Iterator[bytes]:
    """Batteries failing and replaced, remote by remote, and now and then a press: each is an event to be delivered."""
    number = 0
    while True:
        for low in (True, False):
            for remote in range(PENDANTS):
                number += 1
                if number % ALARM_EVERY == 0:
                    yield frame(remote, _PANIC)
                else:
                    yield frame(remote, _END_OF_PANIC, battery=0 if low else 9)


async def _until(config: Path, condition: Any) -> dict[str, Any]:  # noqa: ANN401 -- a predicate over the hub's status
    async with asyncio.timeout(_SETTLED_S):
        while True:
            status: dict[str, Any] = msgspec.json.decode(await asyncio.to_thread(ask, config.with_suffix(".sock")))
            if condition(status):
                return status
            await asyncio.sleep(0.25)


def look(pid: int, events: int, others: tuple[int, ...]) -> Held:
    """Read what a process holds. `others` are ours, and would not be there on a hub's box."""
    ours = {path for other in others for path, _ in _mappings(other)} - {""}
    alone, private = Counter[str](), 0
    for path, kib in _mappings(pid):
        alone[Path(path).name or "data"] += kib["Rss"] if path in ours else kib["Pss"]
        private += kib["Private_Clean"] + kib["Private_Dirty"]
    return Held(events, alone.total(), private, alone.most_common(LARGEST))


def _mappings(pid: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Give each mapping's file ("" for none) and its figures in KiB (proc(5), smaps)."""
    path, kib = "", dict[str, int]()
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if words[0].endswith(":"):
            if words[-1] == "kB":
                kib[words[0][:-1]] = int(words[1])
            continue
        if kib:
            yield path, kib
        path, kib = words[5] if len(words) > 5 and words[5].startswith("/") else "", {}  # noqa: PLR2004 -- its file
    yield path, kib
