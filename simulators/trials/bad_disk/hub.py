"""Runs the hub on a disk that can be told to stall or fail: SIGUSR1 makes it as `--disk` says, SIGUSR2 well again.

The rest is `python -m simulators.pins`, whose arguments follow. `--steady` and `--inspect` shorten, in seconds, what
trials would have to wait for: how long a disk must be well to be called so, and when the store is read through.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from functools import partial

from agent.seams import Seams
from agent.store.mending import INSPECT_AFTER_S, Mending
from agent.store.opening import open_store
from agent.store.steady import STEADY_S
from agent.store.writer import Writer
from simulators import pins
from simulators.disk import DISK, IOERR_FSYNC, IOERR_WRITE, VFS, available

ILLS = {"stall": {}, "no-write": {"write": IOERR_WRITE}, "no-sync": {"sync": IOERR_FSYNC}}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the hub; give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulators.trials.bad_disk.hub", description=__doc__)
    parser.add_argument("--disk", choices=ILLS, default="stall")
    parser.add_argument("--steady", type=float, default=STEADY_S)
    parser.add_argument("--inspect", type=float, default=INSPECT_AFTER_S)
    options, rest = parser.parse_known_args(argv)
    _set(Writer.__init__, "steady_s", options.steady)
    _set(Mending.__init__, "inspect_after_s", options.inspect)
    seams = Seams(open_store=partial(open_store, vfs=VFS)) if available() else None

    def fall_ill(*_: object) -> None:
        if options.disk == "stall":
            DISK.stall()
        DISK.fail.update(ILLS[options.disk])

    signal.signal(signal.SIGUSR1, fall_ill)
    signal.signal(signal.SIGUSR2, lambda *_: DISK.heal())
    return pins.main(rest, seams=seams)


def _set(function: object, name: str, value: object) -> None:
    """Change a default of the real thing, so that nothing but the default is not the real thing."""
    getattr(function, "__kwdefaults__")[name] = value  # noqa: B009 -- functions have it, `object` does not


if __name__ == "__main__":
    sys.exit(main())
