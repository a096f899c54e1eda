"""Runs a centre of a demonstration in a process of its own, which ends when whoever started it does, however they end.

`python -m simulators.flat_page.centre_process FOLDER` runs `hearthline centre run` there, and tells where as JSON.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from centre.running.settings import SetUpError
from centre.running.starting import Asked, start

EXIT_CANNOT = 2


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main(folder: Path) -> int:
    """Run it; give the exit code."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        start(Asked(folder, as_json=True, demonstration=True))
    except SetUpError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CANNOT
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
