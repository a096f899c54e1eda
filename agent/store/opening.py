"""Opens the store's file: a corrupt one is put aside and a fresh one begun; a disk that merely fails is reported."""

import contextlib
import hashlib
import logging
import sqlite3
from pathlib import Path
from typing import NamedTuple

from agent.store.errors import DamagedError, ForeignSchemaError, StoreError, is_corrupt, reason, remedy
from agent.store.files import StoreFile, create, is_orphaned, prepare_folder, put_aside, put_aside_before, sync_log
from agent.store.log import has_lost_commits
from agent.store.rescue import Rescue
from agent.store.store import Store

_log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """An open store. `quarantined`: what was there could not be read, and lies beside it under another name."""

    store: Store
    quarantined: bool


def open_store(path: Path, *, vfs: str = "") -> Opened:
    """Open the store at `path`, making folder and file if need be, for the hub's user alone.

    Looks at no more than it must, so that a long backlog makes no hub wait: at header, tables and house; `inspect`
    looks at the rest, later. A fresh store takes over the house of the one put aside, if that can be read; its rows are
    taken over later too (`agent.store.mending`). `vfs` names the SQLite file system to go through: a test's.

    Raises StoreError, with path and remedy, when the disk is full, read-only or failing, or the store newer than this
    code. The file is then left as it was: what cannot be read today is not yet corrupt.
    """
    file = StoreFile(path, vfs)
    quarantined = False
    try:
        prepare_folder(path.parent)
        if is_orphaned(path):  # a cut came between two renames, or the file was lost under its log
            put_aside(path)
            quarantined = True
        store = _try_open(file)
        if store is None:
            store, quarantined = _try_open(file), True
        if store is not None:
            _furnish(store, path)
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


def _try_open(file: StoreFile) -> Store | None:
    """Open and look; None when it was corrupt and has been put aside."""
    create(file.path)
    connection = file.connect()
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # SQLite takes what it can from the log
        sync_log(file.path)
        if has_lost_commits(file.path):  # now: the first write would be where the rest of it lies
            raise DamagedError("its log is damaged")  # noqa: TRY301 -- as whatever SQLite finds
        store = Store(connection, file)
        store.load()
    except (sqlite3.Error, ForeignSchemaError, DamagedError) as error:
        if not is_corrupt(error):
            connection.close()
            raise
        # Renamed while still open: closing would write the log into the file, and delete the log.
        aside = put_aside(file.path)
        _log.critical("the store was unreadable (%s); it is kept as %s, and a fresh one begun", reason(error), aside)
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return store


def _furnish(store: Store, path: Path) -> None:
    """Give a store without a house that of the newest one put aside, if it can be read and was not taken over."""
    try:
        if store.load() is None:
            for aside in put_aside_before(path):
                if (house := Rescue(aside).house()) is not None:
                    store.move_in(house)
                    return
    except BaseException:
        store.close()
        raise


def inspect(file: StoreFile) -> None:
    """Read the whole store, through a connection of its own, on any thread; the hub may go on using it meanwhile.

    Proves the structure of every page and the bytes of every row that waits. Raises sqlite3.Error or
    DamagedError: what `errors.is_corrupt` confirms is damage.
    """
    with contextlib.closing(file.connect("ro")) as connection:
        connection.execute("PRAGMA cell_size_check = ON")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError("its structure is damaged")
        for digest, body in connection.execute("SELECT digest, body FROM outbox WHERE state = 0"):
            if hashlib.sha256(body).hexdigest() != digest:
                raise DamagedError("a row is not as it was committed")
