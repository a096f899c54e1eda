"""Runs a command again and again, and kills it (SIGKILL) one step later each time.

A job is a line of JSON on standard input: `target` is `module:command`, a click command, `arguments` what it gets. Each
run is a process of its own, in a copy of the folder `start` under `out`, for which `{}` stands: `001` was killed before
its first step, `002` before its second; the last one was not killed, and its exit code is answered. A step is whatever
another process can see: a name made, renamed or removed, a statement of SQL that writes.
"""

import importlib
import json
import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

STEPS_MAX = 400
_NAMES = frozenset({"os.rename", "os.mkdir", "os.link", "os.truncate"})


class Cutter:
    """Counts the steps of this process, and ends it before one of them."""

    def __init__(self, at: int) -> None:
        self.left = at
        sys.addaudithook(self.audit)
        connect = sqlite3.connect

        def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **options)
            connection.set_trace_callback(self.statement)
            return connection

        sqlite3.connect = connected  # type: ignore[assignment]

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        made = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_CREAT | os.O_TRUNC)
        gone = event == "os.remove" and Path(arguments[0]).exists()
        if made or gone or event in _NAMES:
            self.step()

    def statement(self, sql: str) -> None:
        if not sql.startswith(("SELECT", "PRAGMA", "BEGIN")):
            self.step()


def cut(target: str, start: str, out: str, arguments: list[str]) -> int:
    """Do a job; give the exit code of the run that was not killed."""
    module, _, name = target.partition(":")
    command = getattr(importlib.import_module(module), name)
    for at in range(1, STEPS_MAX):
        copy = Path(out) / f"{at:03}"
        shutil.copytree(start, copy)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            Cutter(at)
            command([each.replace("{}", str(copy)) for each in arguments])
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return os.waitstatus_to_exitcode(status)
    raise RuntimeError(f"more than {STEPS_MAX} steps")


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{cut(**json.loads(line))}\n")
        sys.stdout.flush()
