"""The real `hearthline demo`, as the installed command runs it, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.house import PROJECT, ROOT

LIMIT_S = 60
CODE = "from provisioning.cli import main; main(prog_name='hearthline')"


class Ran(NamedTuple):
    """How a run ended."""

    code: int
    said: str
    complaint: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON it printed."""
        read: dict[str, Any] = json.loads(self.said)
        return read


def installed(folder: Path) -> dict[str, str]:
    """Give the environment of somebody who has installed this very tree, and whose temporary files go to `folder`."""
    points = "\n".join(
        f"{name} = {value}" for name, value in PROJECT["project"]["entry-points"]["hearthline.commands"].items()
    )
    info = folder / "lib" / "hearthline_here-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hearthline-here\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[hearthline.commands]\n{points}\n")
    temporary = folder / "t"
    temporary.mkdir()
    path = os.pathsep.join([str(folder / "lib"), str(ROOT)])
    return os.environ | {
        "PYTHONPATH": path,
        "TMPDIR": str(temporary),
        "TERM": "xterm-256color",
        "NO_COLOR": "",
        "PYTHON_COLORS": "0",
        "DISPLAY": "",  # nobody looks at a screen
        "WAYLAND_DISPLAY": "",
    }


def demo(folder: Path, *arguments: str) -> Ran:
    """Run it to its end without a terminal."""
    command = [sys.executable, "-c", CODE, "demo", *arguments]
    ran = subprocess.run(
        command,
        env=installed(folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def left_behind(folder: Path, session: int = 0) -> list[str]:
    """Name the temporary files and the processes that a demonstration left."""
    files = [path.name for path in (folder / "t").iterdir()]
    mine = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal() and _belongs(entry, folder, session)]
    return files + [f"process {entry.name}" for entry in mine]


def _belongs(process: Path, folder: Path, session: int) -> bool:
    try:
        stat = (process / "stat").read_text().rpartition(")")[2].split()
        environment = (process / "environ").read_bytes()
    except OSError:
        return False
    dead = stat[0] in "ZX"
    return not dead and (
        f"TMPDIR={folder / 't'}\0".encode() in environment or (session > 0 and int(stat[3]) == session)
    )
