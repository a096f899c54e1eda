"""Writes files that hold what is private: whole or not at all, durable, and for their owner alone (S11).

And reads small ones, which others may have laid there.
"""

import os
from pathlib import Path

_MODE = 0o600


def write_whole(path: Path, content: bytes, *, new: Path, owner: tuple[int, int] | None = None) -> None:
    """Write a file in place of another, if there is one, under the name `new` until it is whole.

    What a killed writer left under that name is gone with the next. `owner` is whose the file is to be, as user and
    group id. Raises OSError.
    """
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def read_small(path: Path, most: int) -> tuple[tuple[int, int], bytes]:
    """Give which file it is (it changes with every writing), and its first `most` bytes.

    Never waits for a writer. Raises OSError, also for what is no file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        return (found.st_ino, found.st_mtime_ns), os.read(handle, most)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make durable what names a folder holds. Raises OSError."""
    sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync(path: Path, flags: int) -> None:
    """Make durable what is at `path`, opened so. Raises OSError."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
