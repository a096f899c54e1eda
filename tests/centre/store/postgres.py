"""A real PostgreSQL for tests: a server of their own in a temporary folder, reached by a socket that lies in it."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg

from centre.store.database import VERSION, Database
from centre.store.schema import METADATA

WHERE = "/usr/lib/postgresql"
"""Where Debian keeps the servers, one folder for each version."""

READY_S = 30.0
_SETTINGS = {
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


def binaries() -> Path | None:
    """Find the newest server there is."""
    found = [path.parent for path in Path(WHERE).glob("*/bin/initdb")]
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).parent)
    return max(found, key=lambda path: [int(each) for each in str(path).split("/") if each.isdigit()], default=None)


class Postgres:
    """A server that runs. It refuses to run as root, so root runs it as somebody who may do nothing else."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        self._data = folder / "data"
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user, self._group = nobody.pw_uid, nobody.pw_gid
            os.chown(folder, self._user, self._group)
        self._numbers = count(1)
        self._store = ""
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

    def store(self) -> str:
        """Give the address of a store without a row: the one of the last test, unless that broke it."""
        if not self._store or not self._emptied(self._store):
            self._store = self.new()
            Database(self._store).close()
        return self._store

    def _emptied(self, url: str) -> bool:
        names = [f'"{table.name}"' for table in reversed(METADATA.sorted_tables) if table.name != "floor"]
        empty = [
            *("SET session_replication_role = replica", "SET lock_timeout = 1000"),  # no triggers, and no patience
            *(f"DELETE FROM {name}" for name in names),  # noqa: S608 -- names of ours
            *("UPDATE floor SET before_ms = 0", "SELECT 1 / count(*) FROM floor WHERE name IN ('audit', 'look')"),
            *(f"ALTER SEQUENCE {name}_number_seq RESTART" for name in ("event", "quarantine", "audit", "look")),
            f"SELECT 1 / count(*) FROM alembic_version WHERE version_num = '{VERSION}'",  # noqa: S608 -- likewise
        ]
        try:
            with psycopg.connect(url) as connection:
                connection.execute(";".join(empty).encode())
        except psycopg.Error:
            return False
        return True

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
        settings = [each for name, value in _SETTINGS.items() for each in ("-c", f"{name}={value}")]
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
                raise AssertionError((self._folder / "log").read_text())
            time.sleep(0.05)


@contextlib.contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """Run a server for as long as this lasts. Its socket's path must be short, so not below pytest's folder."""
    with tempfile.TemporaryDirectory(prefix="hearthline-pg-") as folder:
        server = Postgres(programs, Path(folder))
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)
