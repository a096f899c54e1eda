"""A disk that counts its syncs, stalls and fails as told, and calls back before and after each sync."""

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from simulators.disk.vfs import WatchedVfs

VFS = "hearthline-disk"


class Disk:
    """The disk's condition, and its syncs.

    `fail` maps "open", "read", "write", "truncate", "sync" or "delete" to the SQLite error code to answer with.
    `before_sync` and `after_sync` are called with the number of the sync, counted from 1, on SQLite's thread; what they
    raise is kept in `error`, and SQLite is told of an input/output error.
    """

    def __init__(self) -> None:
        self.fail: dict[str, int] = {}
        self.syncs = 0
        self.before_sync: Callable[[int], None] | None = None
        self.after_sync: Callable[[int], None] | None = None
        self.error: BaseException | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self.stalled = threading.Event()  # set while somebody waits in a sync

    def stall(self) -> None:
        """Let every sync hang until `heal`."""
        self._flowing.clear()

    def heal(self) -> None:
        """Let the disk work again."""
        self.fail.clear()
        self._flowing.set()
        self.stalled.clear()

    # --- what SQLite does --------------------------------------------------------------------------

    def refused(self, operation: str) -> int:
        """Give the error code to answer an operation with, or 0."""
        return self.fail.get(operation, 0)

    def sync(self, handle: Any, really: Callable[[], int]) -> int:  # noqa: ANN401 -- a subclass's own
        """Sync, when the disk lets us."""
        self.syncs += 1
        number = self.syncs
        if not self._flowing.is_set():
            self.stalled.set()
            self._flowing.wait(60)
        if self.before_sync is not None:
            self.before_sync(number)
        code = self.fail.get("sync", 0) or self.make_durable(handle, really)
        if self.after_sync is not None:
            self.after_sync(number)
        return code

    def make_durable(self, _handle: Any, really: Callable[[], int]) -> int:  # noqa: ANN401 -- likewise
        """Sync, now that the disk works."""
        return really()

    def opened(self, path: str, flags: int) -> object:
        """Nothing to note."""

    def wrote(self, handle: Any, at: int, data: int, size: int) -> None:  # noqa: ANN401 -- likewise
        """Nothing to note."""

    def truncated(self, handle: Any, size: int) -> None:  # noqa: ANN401 -- likewise
        """Nothing to note."""

    def deleted(self, path: str, *, durably: bool) -> None:
        """Nothing to note."""

    def closed(self, handle: Any) -> None:  # noqa: ANN401 -- likewise
        """Nothing to note."""

    def broken(self, error: BaseException) -> None:
        """Keep the first defect, for whoever asks."""
        self.error = self.error or error


DISK = Disk()
_registered: list[WatchedVfs] = []


def available(*, default: bool = False) -> bool:
    """Register `DISK` as the file system `VFS`; False where sqlite3 is not linked to the shared library.

    With `default`, every file that this process opens without naming a file system is on it.
    """
    try:
        if not _registered:
            _registered.append(WatchedVfs(VFS, DISK))
            _registered[0].register(default=default)
        elif default:
            _registered[0].register(default=True)
        sqlite3.connect(f"file:none?mode=memory&vfs={VFS}", uri=True).close()
    except (OSError, sqlite3.Error):
        return False
    return True
