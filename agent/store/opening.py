"""Opens the store's file: a corrupt one is put aside and a fresh one begun; a disk that merely fails is reported."""

import contextlib
import logging
import os
import sqlite3
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from agent.store.errors import ForeignSchemaError, StoreError, is_corrupt, reason, remedy
from agent.store.store import Store

_log = logging.getLogger(__name__)

_COMPANIONS = ("", "-wal", "-shm")
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


class Opened(NamedTuple):
    """An open store. `quarantined`: what was there could not be read, and lies beside it under another name."""

    store: Store
    quarantined: bool


def open_store(path: Path, *, vfs: str = "") -> Opened:
    """Open the store at `path`, making folder and file if need be, for the hub's user alone.

    Reads the whole file once (`quick_check`). `vfs` names the SQLite file system to go through: a test's.
    Raises StoreError, with path and remedy, when the disk is full, read-only or failing, or the store newer than this
    code. The file is then left as it was: what cannot be read today is not yet corrupt.
    """
    quarantined = False
    try:
        _prepare_folder(path.parent)
        if _is_orphaned(path):  # a cut came between two renames, or the file was lost under its log
            _put_aside(path)
            quarantined = True
        store = _try_open(path, vfs)
        if store is None:
            store, quarantined = _try_open(path, vfs), True
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"{where}: {error.strerror}: give the hub's user a writable folder for its store") from None
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {reason(error)}: {remedy(error)}; nothing was changed") from error
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from None
    if store is None:
        raise StoreError(f"{path}: a fresh store is unreadable at once: check the disk or card, and replace it")
    return Opened(store, quarantined)


def _try_open(path: Path, vfs: str) -> Store | None:
    """Open and check; None when it was corrupt and has been put aside."""
    _create(path)
    uri = f"file:{quote(str(path.absolute()))}?mode=rw" + (f"&vfs={quote(vfs)}" if vfs else "")
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=2.0)
    try:
        _check(connection)
        return Store(connection)
    except (sqlite3.Error, ForeignSchemaError) as error:
        if not is_corrupt(error):
            connection.close()
            raise
        # Renamed while still open: closing would write the log into the file, and delete the log.
        aside = _put_aside(path)
        _log.critical("the store was unreadable (%s); it is kept as %s, and a fresh one begun", reason(error), aside)
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise ForeignSchemaError("the file's structure is damaged")


def _is_orphaned(path: Path) -> bool:
    """Whether a log lies there without the file it belongs to. SQLite would delete it."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0 and not (path.exists() and path.stat().st_size > 0)


def _put_aside(path: Path) -> Path:
    """Rename file, log and index to the next free `…quarantine-<n>`. Nothing is ever deleted."""
    for number in count(1):
        aside = path.with_name(f"{path.name}.quarantine-{number}")
        if not any(_beside(aside, suffix).exists() for suffix in _COMPANIONS):
            break
    for suffix in _COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    _sync_folder(path.parent)
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _prepare_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _create(path: Path) -> None:
    """Make the file ours alone before SQLite writes into it; log and index take their mode from it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))
    except FileExistsError:
        for suffix in _COMPANIONS:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                _beside(path, suffix).chmod(_FILE_MODE)
        return
    _sync_folder(path.parent)  # SQLite syncs what is in the file, not that there is one


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
