"""The agent on a disk that kills it: SIGKILL around the n-th sync since its script began.

`python -m simulators.crashing --at N --when unwritten|before|after --count FILE -- [the agent's own arguments]`
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simulators.disk import Disk
from simulators.disk.vfs import WatchedVfs

MOMENTS = ("unwritten", "before", "after")
"""Before the first write that the sync is for; when all is written, but not synced; when it is synced."""


class DeadlyDisk(Disk):
    """Counts syncs in a file, from one process to the next, and kills this one at the `at`-th. 0: never."""

    def __init__(self, at: int, when: str, count: Path) -> None:
        super().__init__()
        self._at, self._when, self._path = at, when, count
        self._count = int(count.read_text()) if count.exists() else 0

    def refused(self, operation: str) -> int:
        """Die before anything of it is written."""
        if operation == "write":
            self._reached("unwritten", self._count + 1)
        return super().refused(operation)

    def sync(self, handle: Any, really: Callable[[], int]) -> int:  # noqa: ANN401 -- SQLite's
        """Sync, and die before or after."""
        self._count += 1
        self._path.write_text(str(self._count))
        self._reached("before", self._count)
        code = super().sync(handle, really)
        self._reached("after", self._count)
        return code

    def _reached(self, moment: str, number: int) -> None:
        if (number, moment) == (self._at, self._when):
            os.kill(os.getpid(), signal.SIGKILL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent until then; give its exit code if it comes to an end before."""
    parser = argparse.ArgumentParser(prog="python -m simulators.crashing", description=__doc__.partition("\n")[0])
    parser.add_argument("--at", type=int, default=0, help="the sync to die at, counted from 1; 0: live")
    parser.add_argument("--when", choices=MOMENTS, default="before", help="where around it")
    parser.add_argument("--count", type=Path, required=True, help="where the syncs so far are kept")
    parser.add_argument("agent", nargs="*", help="the agent's own arguments, after --")
    options = parser.parse_args(argv)

    from agent.__main__ import main as run_agent  # noqa: PLC0415 -- only the process that runs it loads it

    disk = DeadlyDisk(options.at, options.when, options.count)
    WatchedVfs("hearthline-deadly", disk).register(default=True)
    return run_agent(options.agent)


if __name__ == "__main__":
    sys.exit(main())
