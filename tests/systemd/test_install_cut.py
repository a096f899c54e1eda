"""An installation killed at every write it makes, each time gone on with: the end is always the same, and whole."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provisioning.provision.carrying_out import CarryOut, look
from provisioning.provision.installing import PLACES, SOFTWARE, STAGED, VENV, Wanted, steps, under

ROOT = Path(__file__).resolve().parents[2]
FILES = {name: f"{name}\n".encode() * 100 for name in PLACES}
CUTS_MAX = 100
"""More writes than an installation makes."""


class SmallSource:
    """Something to install that is copied in no time."""

    def read(self, name: str) -> bytes:
        return name.encode()

    def digest(self) -> bytes:
        return b"small"

    def stage(self, folder: Path) -> Path:
        (folder / "small.whl").write_bytes(b"small")
        return folder / "small.whl"


def carry_out(root: Path) -> None:
    wanted = Wanted(digest="new", files=FILES, root=root, packages=False)
    CarryOut(wanted, SmallSource(), Path("python3"), lambda _: None, lambda command: ran(root, command)).all(
        steps(look(wanted), wanted)
    )


def ran(root: Path, command: Any) -> None:
    """Stand in for pip and venv: they fill the environment, file by file."""
    if "venv" in command or "pip" in command:
        folder = under(root, SOFTWARE / "new")
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        name = "pip" if "pip" in command else "venv"
        with (folder / "bin" / name).open("a") as file:
            file.write(f"{'hashes' if '--require-hashes' in command else name}\n")
            file.flush()
            os.fsync(file.fileno())


def cut_at(number: int) -> None:
    """Have this process killed at its n-th write."""
    left = number

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    os.fsync, os.sync = counted(os.fsync), counted(os.sync)
    Path.replace = counted(Path.replace)  # type: ignore[method-assign]
    Path.symlink_to = counted(Path.symlink_to)  # type: ignore[method-assign]
    shutil.rmtree = counted(shutil.rmtree)  # type: ignore[assignment]


def tree(root: Path) -> dict[str, str]:
    def what(path: Path) -> str:
        return f"-> {path.readlink()}" if path.is_symlink() else path.read_text() if path.is_file() else "folder"

    return {str(path.relative_to(root)): what(path) for path in sorted(root.rglob("*"))}


def main(folder: Path) -> None:
    """Kill and go on, for each write there is; in a process of its own, which may fork."""
    os.fsync, os.sync = (lambda fd: None), (lambda: None)  # a killed process loses nothing that it wrote
    carry_out(folder / "whole")
    wanted = tree(folder / "whole")
    for number in range(1, CUTS_MAX):
        root = folder / str(number)
        root.mkdir()
        child = os.fork()
        if child == 0:
            cut_at(number)
            carry_out(root)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        half = tree(root)
        if f"{SOFTWARE / 'new'}"[1:] in half and VENV.name in half:
            assert (under(root, SOFTWARE / "new") / ".whole").exists(), f"cut {number}: led to half an environment"
        carry_out(root)
        assert tree(root) == wanted, f"cut {number}"
        assert not under(root, STAGED).exists()
        if status == 0:
            print(f"{number - 1} cuts")  # noqa: T201 -- what the test reads
            return
    raise AssertionError("never ran to its end")


def test_killed_at_every_write_and_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    command = [sys.executable, str(Path(__file__)), str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 25


if __name__ == "__main__":
    main(Path(sys.argv[1]))
