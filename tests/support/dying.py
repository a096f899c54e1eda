"""Runs commands in processes that kill themselves at their n-th step: before they open, rename, remove or connect.

SIGKILL at each step is what a power cut is to the order of things; that what was synced is on the disk is for
`agent.files`' own tests. The processes are forks of one that has loaded everything and has no other thread.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PATHS = ("os.rename", "os.remove", "os.rmdir")


class Dying:
    """Runs commands, each as `package.module:command`, again and again; all they say is appended to `output`."""

    def __init__(self, commands: tuple[str, ...], output: Path) -> None:
        self.output = output
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(output), *commands],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, command: str, arguments: list[str], *, within: Path, die_at: int = 0) -> int:
        """Run it; it dies at its `die_at`-th step in that folder (0: it lives). Give its exit code, or KILLED."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([command, arguments, str(within), die_at]), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def main(output: str, *commands: str) -> None:
    """Fork for each line of standard input, and say how it ended."""
    import_module("httpcore")  # which httpx loads when it first asks: once here, not in every fork
    loaded = {each: getattr(import_module(each.partition(":")[0]), each.partition(":")[2]) for each in commands}
    for line in sys.stdin:
        command, arguments, within, die_at = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(loaded[command], arguments, within, die_at, output)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def _become(command: Any, arguments: list[str], within: str, die_at: int, output: str) -> None:
    code = 99
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 -- for the process's life
    sys.stdout = sys.stderr = open(log, "w", closefd=False)  # noqa: SIM115 -- likewise
    _watch(_killer(die_at), within)
    try:
        command.main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _killer(die_at: int) -> Callable[[], None]:
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def _watch(step: Callable[[], None], within: str) -> None:
    """Call `step` before each operation that changes something there or goes out to the network."""

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            step()
        elif event in ("open", "os.mkdir", *_PATHS) and (path := _whole(event, arguments)).startswith(within):
            changes = (arguments[2] or 0) & _WRITES if event == "open" else os.path.lexists(path)
            if changes or event == "os.mkdir":
                step()

    sys.addaudithook(heard)


def _whole(event: str, arguments: tuple[Any, ...]) -> str:
    """Give the path of what is done, also where it is removed by its name in an open folder."""
    path = str(arguments[0])
    in_open_folder = event in ("os.remove", "os.rmdir") and arguments[1] >= 0
    return os.path.join(os.readlink(f"/proc/self/fd/{arguments[1]}"), path) if in_open_folder else path  # noqa: PTH115, PTH118 -- within an audit


if __name__ == "__main__":
    main(*sys.argv[1:])
