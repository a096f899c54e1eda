"""The store's files: their names, whose they are, and how a damaged one is put aside. Nothing is ever deleted."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from agent.files import sync, sync_folder

_COMPANIONS = ("", "-wal", "-shm")
_RESCUED = ".rescued"
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_LOCK_S = 2.0


class StoreFile(NamedTuple):
    """Where a store is. `vfs` names the SQLite file system to go through: a test's."""

    path: Path
    vfs: str = ""

    def connect(self, mode: str = "rw") -> sqlite3.Connection:
        """Open a connection, to be used on any one thread at a time. Raises sqlite3.Error."""
        uri = f"file:{quote(str(self.path.absolute()))}?mode={mode}" + (f"&vfs={quote(self.vfs)}" if self.vfs else "")
        return sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=_LOCK_S)


def beside(path: Path, suffix: str) -> Path:
    """Give the name of what lies beside a file."""
    return path.with_name(path.name + suffix)


def is_orphaned(path: Path) -> bool:
    """Whether a log lies there without the file it belongs to. SQLite would delete it."""
    log = beside(path, "-wal")
    return log.exists() and log.stat().st_size > 0 and not (path.exists() and path.stat().st_size > 0)


def put_aside(path: Path) -> Path:
    """Rename file, log and index to the next free `…quarantine-<n>`. Raises OSError."""
    for number in count(1):
        aside = path.with_name(f"{path.name}.quarantine-{number}")
        if not any(beside(aside, suffix).exists() for suffix in _COMPANIONS):
            break
    for suffix in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            beside(path, suffix).rename(beside(aside, suffix))
    sync_folder(path.parent)
    return aside


def put_aside_before(path: Path) -> Iterator[Path]:
    """Give the files put aside whose content has not been taken over yet, newest first."""
    for number in reversed(list(_numbers(path))):
        aside = path.with_name(f"{path.name}.quarantine-{number}")
        if not beside(aside, _RESCUED).exists():
            yield aside


def _numbers(path: Path) -> list[int]:
    prefix = f"{path.name}.quarantine-"
    found = {each.name.removeprefix(prefix).removesuffix("-wal") for each in path.parent.glob(f"{prefix}*")}
    return sorted(int(each) for each in found if each.isascii() and each.isdigit())


def mark_rescued(aside: Path) -> None:
    """Note beside a file that what could be read of it has been taken over. Raises OSError."""
    beside(aside, _RESCUED).touch(_FILE_MODE)
    sync_folder(aside.parent)


def prepare_folder(folder: Path, mode: int = _FOLDER_MODE) -> None:
    """Make the store's folder, and those above it, if they are not there. Raises OSError."""
    if not folder.is_dir():
        prepare_folder(folder.parent, 0o755)  # one by one: each name is durable once the folder it is in was synced
        folder.mkdir(mode, exist_ok=True)
        sync_folder(folder.parent)


def create(path: Path) -> None:
    """Make the file ours alone before SQLite writes into it; log and index take their mode from it. Raises OSError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))
    except FileExistsError:
        for suffix in _COMPANIONS:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                beside(path, suffix).chmod(_FILE_MODE)
        return
    sync_folder(path.parent)  # SQLite syncs what is in the file, not that there is one


def sync_log(path: Path) -> None:
    """Make durable what the log holds: a process that was killed between a write and its sync may have left it there.

    What is read from it is acted on, so it must not go at the next cut; and a commit that follows it would make it look
    like one that had been promised. Raises OSError.
    """
    log = beside(path, "-wal")
    if log.exists():
        sync(log, os.O_RDONLY)
