"""A real PostgreSQL for trials and tests: a server of their own in a temporary folder, reached by a socket in it."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import TypeVar

import psycopg

WHERE = "/usr/lib/postgresql"
"""Where Debian keeps the servers, one folder for each version."""

READY_S = 30.0
_POLL_S = 0.05
SMALL = {
    "listen_addresses": "",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "min_wal_size": "8MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "recovery_init_sync_method": "syncfs",
}
"""A small server that nobody reaches from elsewhere. Its fsync stays on: the store refuses one that has it off."""

S = TypeVar("S", bound="Postgres")


class PostgresError(Exception):
    """The server does not run; the text is its log."""


def binaries() -> Path | None:
    """Find the newest server there is."""
    found = [path.parent for path in Path(WHERE).glob("*/bin/initdb")]
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).parent)
    return max(found, key=lambda path: [int(each) for each in str(path).split("/") if each.isdigit()], default=None)


class Postgres:
    """A server that runs. It refuses to run as root, so root runs it as somebody who may do nothing else."""

    def __init__(self, programs: Path, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._programs, self._folder = programs, folder
        self._settings = SMALL | dict(settings or {})
        self._data = folder / "data"
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user, self._group = nobody.pw_uid, nobody.pw_gid
            os.chown(folder, self._user, self._group)
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb",
            "--username=hearthline",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--wal-segsize=4",
        )
        self.start()

    def url(self, name: str = "postgres", options: str = "") -> str:
        """Give the address of one of its databases."""
        return f"postgresql://hearthline@/{name}?host={self._folder}{options}"

    def new(self) -> str:
        """Make room for a store that nobody else uses, and give its address.

        A schema of its own: a database of its own is 7 MB, and a checkpoint when it goes.
        """
        name = f"test{next(self._numbers)}"
        self._sql(f"CREATE SCHEMA {name}")
        return self.url(options=f"&options=-csearch_path%3D{name}")

    def set(self, name: str, value: str | None) -> None:
        """Change a setting of the server, or put it back."""
        self._sql(f"ALTER SYSTEM SET {name} = {value}" if value else f"ALTER SYSTEM RESET {name}")
        self._sql("SELECT pg_reload_conf()")
        self._until(lambda: value is None or self._ask(f"SHOW {name}") == value)

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [each for name, value in self._settings.items() for each in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-k", str(self._folder), *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, group=self._group, cwd=self._folder
            )
        self._until(lambda: self._ask("SELECT 1") == "1")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it. SIGINT ends every connection and tidies up, SIGQUIT is as near to a power cut as it goes."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(READY_S)
            self._process = None

    def kill(self) -> None:
        """End every process of it at once (kill -9), also those in the middle of a commit."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGSTOP)  # or it would begin others meanwhile
        children = _children(process.pid)
        for pid in (*children, process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(READY_S)
        while any(Path(f"/proc/{pid}").exists() for pid in children):  # they hold the memory that they shared
            time.sleep(_POLL_S)

    def _run(self, program: str, *options: str) -> None:
        command = [str(self._programs / program), "-D", str(self._data), *options]
        subprocess.run(command, check=True, capture_output=True, user=self._user, group=self._group, cwd=self._folder)

    def _ask(self, sql: str) -> str:
        try:
            with psycopg.connect(self.url(), autocommit=True) as connection:
                (value,) = connection.execute(sql.encode()).fetchone() or ("",)
                return str(value)
        except psycopg.OperationalError:
            return ""

    def _sql(self, sql: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.encode())

    def _until(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + READY_S
        while not holds():
            if time.monotonic() > until or not self.runs:
                raise PostgresError((self._folder / "log").read_text())
            time.sleep(_POLL_S)


def _children(pid: int) -> list[int]:
    """Name the processes that a process began and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, rest = path.read_text().rpartition(") ")
            if int(rest.split()[1]) == pid:
                found.append(int(path.parent.name))
    return found


@contextlib.contextmanager
def running(programs: Path, kind: type[S], settings: Mapping[str, str] | None = None) -> Iterator[S]:
    """Run a server for as long as this lasts. Its socket's path must be short, so not below pytest's folder."""
    with tempfile.TemporaryDirectory(prefix="hearthline-pg-") as folder:
        server = kind(programs, Path(folder), settings)
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
