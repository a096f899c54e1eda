"""Copies a centre's folder while it runs, whole or not at all: its databases by SQLite's own backup."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent.files import sync_folder
from centre.running.folder import BROKER, KEYRING, SITE, STORE, DataFolder
from centre.running.settings import FILE, SetUpError
from centre.site.folder import REGISTRY
from centre.store.sealing import Keyring, SealError

_DATABASES = (STORE, f"{SITE}/{REGISTRY}")
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600


def copy_folder(data: Path, to: Path) -> list[str]:
    """Copy it; say what was copied and what was not. Raises SetUpError."""
    folder = DataFolder(data)
    if not (folder.path / FILE).exists():
        raise SetUpError(f"{folder.path}: there is no centre here: name its folder (--data)")
    choices = folder.choices()
    target = to.absolute()
    if target.exists():
        raise SetUpError(f"{target}: is there already: name a folder that is not, such as one with today's date")
    if target.is_relative_to(folder.path):
        raise SetUpError(f"{target}: lies in what is to be copied: name a folder elsewhere, best on another disk")
    half = target.with_name(f"{target.name}.half")
    try:
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(_FOLDER_MODE, parents=True)
        _copy(folder.path, half)
        half.rename(target)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error, SealError) as error:
        shutil.rmtree(half, ignore_errors=True)
        raise SetUpError(f"{target}: not copied: {error}: look at the disk, and run it again") from None
    told = [f"{target}: a copy of {folder.path}, with {KEYRING}, which opens people's data: keep it safe."]
    if choices.store:
        told.append("The store is on PostgreSQL and not in it: copy that by pg_dump.")
    return told


def _copy(source: Path, to: Path) -> None:
    keys = _keys(source)
    # The sealing keys last: what was sealed while this ran opens with a key that is in the copy.
    names = sorted(_files(source), key=lambda path: path == Path(KEYRING))
    for name in names:
        target = to / name
        target.parent.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        if str(name) in _DATABASES:
            _copy_database(source / name, target)
        else:
            _copy_file(source / name, target)
    if not keys <= _keys(to):
        raise OSError("a key of people's data was forgotten meanwhile (centre reseal --finish)")
    for path in (to, *(each for each in to.rglob("*") if each.is_dir())):
        sync_folder(path)


def _keys(folder: Path) -> frozenset[str]:
    return Keyring.load(folder / KEYRING).ids if (folder / KEYRING).exists() else frozenset()


def _files(source: Path) -> Iterator[Path]:
    """Name what is copied: not the broker's files, which are laid anew, nor locks, nor what is half written."""
    for path in source.rglob("*"):
        name = path.relative_to(source)
        beside = name.name.startswith(".") or name.name.endswith((".new", "-wal", "-shm"))
        if path.is_file() and not path.is_symlink() and name.parts[0] != BROKER and not beside:
            yield name


def _copy_database(source: Path, to: Path) -> None:
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE))
    with (
        contextlib.closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
        contextlib.closing(sqlite3.connect(to)) as new,
    ):
        old.backup(new)


def _copy_file(source: Path, to: Path) -> None:
    with (
        source.open("rb") as old,
        os.fdopen(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _FILE_MODE), "wb") as new,
    ):
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
