"""Crashes of the real process: what was acknowledged is there, and a hung disk does not keep a process from ending."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.store.opening import open_store
from simulators.disk import Disk

ROOT = Path(__file__).parents[3]

COMMITTING = """
import asyncio, sys
from pathlib import Path
from agent.store.opening import open_store
from agent.store.writer import Writer
from tests.agent.store.making import batch, row

async def main() -> None:
    store, _ = open_store(Path(sys.argv[1]))
    first = int(sys.argv[2])
    writer = Writer(store, print)
    await writer.start()
    for start in range(first, first + 1_000_000, 5):
        seqs = range(start, start + 5)
        futures = [writer.submit(batch(row(seq, body=b"x" * 600), house=b"%d" % seq)) for seq in seqs]
        for future in futures:
            await future
        sys.stdout.write(f"{start + 4}\\n")
        sys.stdout.flush()

asyncio.run(main())
"""

HUNG = """
import asyncio, sys, threading
from pathlib import Path
from agent.store.opening import open_store
from agent.store.writer import Writer
from simulators.disk import DISK, VFS, available
from tests.agent.store.making import batch, row

async def main() -> None:
    assert available()
    store, _ = open_store(Path(sys.argv[1]), vfs=VFS)
    writer = Writer(store, lambda event: None)
    await writer.start()
    DISK.stall()
    assert not await writer.durable(writer.submit(batch(row(1))))
    assert not await writer.close(0.2)
    print("closed", flush=True)

asyncio.run(main())
"""


def started(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_s1_what_was_acknowledged_survives_sigkill(path: Path) -> None:
    dice, first = random.Random(1), 0
    for _ in range(5):
        process = started(COMMITTING, str(path), str(first))
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(dice.randrange(5, 60))]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines(keepends=True)
        acknowledged += [int(line) for line in rest if line.endswith("\n")]
        process.wait(10)
        process.stdout.close()
        store, quarantined = open_store(path)
        held = {seq for (seq,) in store.connection.execute("SELECT seq FROM outbox")}
        house = int(store.load() or -1)
        store.close()
        assert not quarantined
        assert set(range(acknowledged[-1] + 1)) <= held
        assert house == max(held)  # house and rows are of one transaction
        assert held == set(range(house + 1))
        first = house + 1


def test_s1_a_hung_disk_does_not_keep_the_process_from_ending(path: Path, disk: Disk) -> None:
    process = started(HUNG, str(path))
    began = time.monotonic()
    try:
        out, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail("the process hung at its end")
    assert (out, process.returncode) == ("closed\n", 0)
    assert time.monotonic() - began < 15
