"""A home with two network interfaces: a network namespace of its own, joined to ours by two cables. Needs root.

`python -m simulators.trials.second_line.space PID ...` runs a Python program, given by its arguments, in there.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from simulators.trials.trial import NotHereError

MAIN, SPARE = "eth0", "wwan0"
"""The home's interfaces. Both lead to the same place, and the first is preferred, as broadband is to 4G."""

_METRICS = {MAIN: "100", SPARE: "600"}
_NET = "198.18.{}.{}"
"""Addresses that nobody has: RFC 2544 keeps them for trials."""

_SPACES_MAX = 200
_CLONE_NEWNET = 0x4000_0000
_DROP_ALL = ("root", "pfifo", "limit", "0")
_CALL_S = 10


class _CommandError(Exception):
    """A command of the network's failed; the text is what it said."""


class Cable(NamedTuple):
    """`there` is the home's end, `here` ours; `gateway` is our address on it."""

    there: str
    here: str
    gateway: str


class Space:
    """The namespace, while it is entered. `address` is what both interfaces lead to: a broker may listen there.

    A process holds it that ends when ours does, however ours ends, and the kernel then takes all of it away.
    """

    def __init__(self) -> None:
        self.address = ""
        self._holder: subprocess.Popen[bytes] | None = None
        self._cables: dict[str, Cable] = {}

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise NotHereError("a network namespace with two interfaces needs root")
        for command in ("ip", "tc", "unshare", "nsenter"):
            if shutil.which(command) is None:
                raise NotHereError(f"a network namespace needs the command {command}")
        hold = ("unshare", "--net", "sh", "-c", "echo; exec cat")  # says when it is there; ends with its input
        self._holder = subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self._lay()
        except (_CommandError, OSError) as error:
            self.__exit__(None, None, None)
            raise NotHereError(f"no network namespace: {error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._holder is not None:
            self._holder.communicate()

    def _lay(self) -> None:
        """Lay both cables, with an address of their own each, and one besides that both lead to."""
        holder = self._holder
        if holder is None or holder.stdout is None or not holder.stdout.read(1):
            raise _CommandError("unshare --net is not permitted")
        number = self._lay_first()
        self._lay_cable(SPARE, number, 2)
        self.address = _NET.format(number, 9)
        _run("ip", "address", "add", f"{self.address}/32", "dev", self._cables[SPARE].here)
        self.inside("ip", "link", "set", "lo", "up")

    def _lay_first(self) -> int:
        """Find a number that no other trial has; give it."""
        for number in range(1, _SPACES_MAX):
            with contextlib.suppress(_CommandError):
                self._lay_cable(MAIN, number, 1)
                return number
        raise _CommandError("no pair of interfaces can be made")

    def _lay_cable(self, there: str, number: int, which: int) -> None:
        here, gateway, home = f"hl{number}-{which}", _NET.format(number, which * 64 + 1), which * 64 + 2
        holder = self._holder.pid if self._holder is not None else 0
        _run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", str(holder))
        _run("ip", "address", "add", f"{gateway}/30", "dev", here)
        _run("ip", "link", "set", here, "up")
        self._cables[there] = Cable(there, here, gateway)
        self.inside("ip", "address", "add", f"{_NET.format(number, home)}/30", "dev", there)
        self._connect(there)

    def _connect(self, there: str) -> None:
        self.inside("ip", "link", "set", there, "up")
        gateway = self._cables[there].gateway
        self.inside("ip", "route", "replace", "default", "via", gateway, "dev", there, "metric", _METRICS[there])

    def inside(self, *command: str) -> None:
        """Run a command in the namespace."""
        holder = self._holder.pid if self._holder is not None else 0
        _run("nsenter", "--target", str(holder), "--net", *command)

    def through(self) -> tuple[str, ...]:
        """Give the Python arguments that a program's own follow, so that it runs in there."""
        holder = self._holder.pid if self._holder is not None else 0
        return ("-m", "simulators.trials.second_line.space", str(holder))

    # --- what becomes of a line ------------------------------------------------------------------------

    def drop(self, there: str) -> None:
        """Lose everything on a line, both ways, and say nothing: it looks as open as before."""
        self.inside("tc", "qdisc", "replace", "dev", there, *_DROP_ALL)
        _run("tc", "qdisc", "replace", "dev", self._cables[there].here, *_DROP_ALL)

    def down(self, there: str) -> None:
        """Switch the home's interface off."""
        self.inside("ip", "link", "set", there, "down")

    def unplug(self, there: str) -> None:
        """Switch our end off: the home's interface is there, and has no carrier."""
        _run("ip", "link", "set", self._cables[there].here, "down")

    def mend(self, there: str) -> None:
        """Have the line carry again, whatever was done to it."""
        here = self._cables[there].here
        with contextlib.suppress(_CommandError):  # it never dropped anything
            self.inside("tc", "qdisc", "delete", "dev", there, "root")
            _run("tc", "qdisc", "delete", "dev", here, "root")
        _run("ip", "link", "set", here, "up")
        self._connect(there)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_CALL_S, check=False)
    if done.returncode:
        raise _CommandError(f"{' '.join(command)}: {done.stderr.strip()}")


def main(arguments: Sequence[str]) -> int:
    """Run a Python program, given by its arguments, in the network namespace of the process PID."""
    holder, *program = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{holder}/ns/net").open() as space:
        if libc.setns(space.fileno(), _CLONE_NEWNET):
            print(f"no network namespace: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
            return 1
    # The very same process, so that it can be killed. It never returns.
    return os.execv(sys.executable, [sys.executable, *program])  # noqa: S606 -- starts the hub, as told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
