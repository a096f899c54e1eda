"""Carries out the steps of an installation, and looks at what is there. Every step may be cut off and made again."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from agent.files import sync_folder
from agent.maintenance import lay_wanted
from provisioning.provision.installing import (
    COMMAND,
    PACKAGES,
    PLACES,
    PREFIX,
    SOFTWARE,
    STAGED,
    VENV,
    AnyStep,
    AskRestart,
    Build,
    Facts,
    Install,
    Link,
    PutFile,
    Run,
    Sweep,
    Wanted,
    under,
)
from provisioning.provision.source import REQUIREMENTS, Source

WHOLE = ".whole"
"""In an environment that was finished: what is not whole is made anew."""

LAST_WORDS = 15
"""So many lines of what a failed command said are told."""

_NOT_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
"""What a shell happens to have set must not reach into the environment."""

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")


class CarryOutError(Exception):
    """A step failed; the text says which, and what to do."""


@contextlib.contextmanager
def held(root: Path) -> Iterator[None]:
    """Keep other installations away meanwhile. Raises CarryOutError."""
    if os.geteuid() != 0:
        raise CarryOutError("only root may install: sudo hearthline provision install (or look first: --dry-run)")
    os.umask(0o022)  # the hub's user must be able to read what is installed, however careful root's shell is
    folder = under(root, PREFIX)
    folder.mkdir(0o755, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CarryOutError(f"{folder}: another installation is running: let it end first") from None
    finally:
        os.close(handle)


# --- what is there -------------------------------------------------------------------------------------


def look(wanted: Wanted) -> Facts:
    """See what is there."""
    used = _digests(_programs()) if wanted.live else frozenset()
    running = _digests([_program(_main_pid())]) if wanted.live else frozenset()
    links = {path: _link(under(wanted.root, path)) for path in (VENV, COMMAND)}
    files = {path: _content(under(wanted.root, path)) for path in PLACES.values()}
    software = under(wanted.root, SOFTWARE)
    return Facts(
        packages=_installed(wanted) if wanted.packages else frozenset(),
        files={path: content for path, content in files.items() if content is not None},
        links={path: to for path, to in links.items() if to is not None},
        whole=frozenset(each.parent.name for each in software.glob(f"*/{WHOLE}")),
        used=used,
        running=next(iter(running), None),
    )


def _installed(wanted: Wanted) -> frozenset[str]:
    asked = [
        "dpkg-query",
        f"--root={wanted.root}",
        "--show",
        "--showformat=${Package} ${db:Status-Status}\\n",
        *PACKAGES,
    ]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # those it lacks are an error
    except OSError:
        raise CarryOutError("this is not Debian (there is no dpkg): --no-packages leaves that to you") from None
    return frozenset(name for name, state in (line.split() for line in told.splitlines()) if state == "installed")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _link(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError:
        return None


def _main_pid() -> str:
    """Give the hub's process, "0" where there is none, or no systemd."""
    asked = ["systemctl", "show", "--property=MainPID", "--value", "hearthline.service"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "0"
    except OSError:
        return "0"


def _program(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace")
    except OSError:
        return ""


def _programs() -> list[str]:
    return [_program(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()]


def _digests(programs: Iterable[str]) -> frozenset[str]:
    """Give the environments that these programs are from."""
    paths = [Path(program) for program in programs]
    return frozenset(path.relative_to(SOFTWARE).parts[0] for path in paths if path.is_relative_to(SOFTWARE))


# --- doing ---------------------------------------------------------------------------------------------


class CarryOut:
    """Carries out steps, and tells of each. `run` runs a command, and raises CarryOutError when that fails."""

    def __init__(
        self,
        wanted: Wanted,
        source: Source,
        python: Path,
        tell: Callable[[str], object],
        run: "Callable[[Sequence[str]], object] | None" = None,
    ) -> None:
        self._wanted, self._source, self._python, self._tell = wanted, source, python, tell
        self._run = run or run_command

    def all(self, todo: Iterable[AnyStep]) -> None:
        """Carry out what is needed, in order. Raises CarryOutError."""
        for step in todo:
            if step.needed:
                self._tell(f"{step.why} ...")
                try:
                    self._one(step)
                except OSError as error:
                    where = error.filename or "the disk"
                    raise CarryOutError(f"{step.why}: {where}: {error.strerror}: then type this again") from None

    def _one(self, step: AnyStep) -> None:
        match step:
            case Install(names=names):
                self._inside("apt-get", "update", "--quiet")
                self._inside("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *names)
            case PutFile(path=path, mode=mode):
                content = next(self._wanted.files[name] for name, place in PLACES.items() if place == path)
                put_file(under(self._wanted.root, path), content, mode)
            case Build(path=path):
                self._build(path)
            case Link(path=path, to=to):
                lead(under(self._wanted.root, path), to)
            case Run(command=command):
                self._run(command)
            case AskRestart(state_dir=state_dir):
                lay_wanted(state_dir, "software")  # S10: the hub decides when
            case Sweep(paths=paths):
                for path in paths:
                    shutil.rmtree(under(self._wanted.root, path))

    def _build(self, folder: Path) -> None:
        """Make the environment where nobody uses it yet, and mark it as whole when it is on the disk."""
        here, staged = under(self._wanted.root, folder), under(self._wanted.root, STAGED)
        for left in (here, staged):
            if left.exists():
                shutil.rmtree(left)
        staged.mkdir(parents=True)
        (staged / "run.txt").write_bytes(self._source.read(REQUIREMENTS))
        source = STAGED / self._source.stage(staged).relative_to(staged)
        self._inside(str(self._python), "-m", "venv", str(folder))
        python = str(folder / "bin/python")
        locked = ("--require-hashes", "--only-binary", ":all:", "-r", str(STAGED / "run.txt"))
        self._inside(python, *_PIP, *locked)
        self._inside(python, *_PIP, "--no-deps", "--no-build-isolation", str(source))
        shutil.rmtree(staged)
        os.sync()  # the whole environment is on the disk before anything says so
        put_file(here / WHOLE, b"", 0o644)

    def _inside(self, *command: str) -> None:
        """Run a command on the system that is installed on."""
        self._run(command if self._wanted.live else ("chroot", str(self._wanted.root), *command))


def put_file(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place of another, whole or not at all. It is root's, and no secret. Raises OSError."""
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def lead(path: Path, to: Path) -> None:
    """Lead a path to another, instead of wherever it led. Raises OSError."""
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(to)
    new.replace(path)
    sync_folder(path.parent)


def run_command(command: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Run a command to its end. Raises CarryOutError with its last words."""
    ours = {name: value for name, value in environ.items() if name not in _NOT_OURS}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=ours | {"DEBIAN_FRONTEND": "noninteractive"},
            check=False,
        )
    except OSError as error:
        raise CarryOutError(f"{command[0]}: {error.strerror}: is this Debian, with systemd?") from None
    if done.returncode != 0:
        last = "\n".join(f"  {line}" for line in done.stdout.splitlines()[-LAST_WORDS:])
        remedy = "mend that, and type this again: it goes on from here"
        raise CarryOutError(f"{' '.join(command)} ended with {done.returncode}: {remedy}\n{last}")
