"""A disk that remembers what was synced, so that the power can be cut at any moment: in as many ways as a cut has."""

import ctypes
import os
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

from simulators.disk import names
from simulators.disk.frail import Disk
from simulators.disk.moment import Change, File, Keep, Moment, parent
from simulators.disk.vfs import OPEN_CREATE, OPEN_JOURNAL, WatchedVfs

_numbers = count(1)


class _Open:
    """An open file. `dirsync`: its first sync makes its name durable too."""

    __slots__ = ("dirsync", "file", "name")

    def __init__(self, name: str, file: File, *, dirsync: bool) -> None:
        self.name, self.file, self.dirsync = name, file, dirsync


class RecordingDisk(Disk):
    """The files below `folder`, what of them is durable, and what is not: a Disk, so it also counts, stalls and fails.

    `name` is the SQLite file system to open them through. What is there already is durable. Nothing is really synced:
    the files themselves are as the running process sees them, and `cut` gives what a power cut would leave of them.
    In memory: the durable bytes of each file that was opened, and the writes since its last sync. A file's name is
    durable once its *folder* was synced, as POSIX has it; ext4 is kinder. The index (`-shm`) is not part of it: SQLite
    makes it anew.

    Raises OSError where sqlite3 cannot be wrapped. Close it when the connections are closed.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder.resolve()
        self.name = f"hearthline-recording-{next(_numbers)}"
        self._lock = threading.RLock()  # SQLite is on a thread of its own, the power is cut from another
        self._durable: dict[str, File | None] = {}
        self._changes: list[Change] = []
        self._take_in()
        self._live = dict(self._durable)
        self._vfs = WatchedVfs(self.name, self)
        self._vfs.register()
        names.watch(self)

    def close(self) -> None:
        """Let nothing more be opened or seen."""
        names.unwatch(self)
        self._vfs.unregister()

    def moment(self) -> Moment:
        """Give the disk as it is now, for cuts to be made of it later. Raises what went wrong in recording."""
        if self.error is not None:
            raise self.error
        with self._lock:
            files = [*self._durable.values(), *(change.file for change in self._changes)]
            copies = {id(file): file.copy() for file in files if file is not None}
            return Moment(
                {name: file and copies[id(file)] for name, file in self._durable.items()},
                tuple(change._replace(file=change.file and copies[id(change.file)]) for change in self._changes),
            )

    def cut(self, into: Path, keep: Keep) -> None:
        """Write into an empty folder what a power cut now would leave. This disk goes on as if nothing had happened."""
        self.moment().cut(into, keep)

    def _take_in(self) -> None:
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_dir():
                self._durable[name] = None
            elif path.is_file() and not name.endswith("-shm"):
                self._durable[name] = File(path.read_bytes())

    def _name(self, path: str) -> str:
        """Give the name relative to our folder. Raises ValueError for a file elsewhere."""
        name = os.path.relpath(path, self.folder)
        if name.startswith(".."):
            raise ValueError(f"{path}: expected a file below {self.folder}, whose disk this is")
        return name

    def _change(self, source: str | None, target: str | None, file: File | None) -> None:
        change = Change(source, target, file)
        change.apply(self._live)
        self._changes.append(change)

    # --- what SQLite does --------------------------------------------------------------------------

    def opened(self, path: str, flags: int) -> object:
        """Take note of a file opened, and of one that was made by that."""
        name = self._name(path)
        with self._lock:
            if name not in self._live:
                file = File(Path(path).read_bytes())
                if flags & OPEN_CREATE:
                    self._change(None, name, file)
                else:  # made by other means than we see: we know no better than to call it durable
                    self._live[name] = self._durable[name] = file
            # As SQLite's `unixOpen` has it: the first sync of a journal or log that may be new syncs its folder too.
            return _Open(name, self._file(name), dirsync=bool(flags & OPEN_CREATE and flags & OPEN_JOURNAL))

    def _file(self, name: str) -> File:
        file = self._live[name]
        if file is None:
            raise IsADirectoryError(name)
        return file

    def wrote(self, handle: _Open, at: int, data: int, size: int) -> None:
        """Keep what was written until it is synced."""
        written = ctypes.string_at(data, size)
        with self._lock:
            handle.file.pending.append((at, written))

    def truncated(self, handle: _Open, size: int) -> None:
        """Keep the new size until it is synced."""
        with self._lock:
            handle.file.pending.append((size, None))

    def make_durable(self, handle: "_Open | str", _really: Callable[[], int]) -> int:
        """Make a file's writes, or a folder's names, durable. That it is really so matters to nobody."""
        with self._lock:
            if isinstance(handle, str):
                file = self._live.get(handle)
                if file is None:
                    self._names_durable(handle)
                else:
                    file.sync()
                return 0
            handle.file.sync()
            if handle.dirsync:
                handle.dirsync = False
                self._names_durable(parent(handle.name))
        return 0

    def deleted(self, path: str, *, durably: bool) -> None:
        """Take note of a file deleted."""
        with self._lock:
            self.removed(path)
            if durably:
                self._names_durable(parent(self._name(path)))

    # --- what others do ----------------------------------------------------------------------------

    def made(self, path: str, *, folder: bool) -> None:
        """Take note of a file or folder that was made, empty."""
        with self._lock:
            self._change(None, self._name(path), None if folder else File())

    def renamed(self, source: str, target: str) -> None:
        """Take note of a file that has another name."""
        with self._lock:
            name = self._name(source)
            if name not in self._live:  # made by other means than we see
                self._live[name] = self._durable[name] = File(Path(target).read_bytes())
            self._change(name, self._name(target), self._live[name])

    def removed(self, path: str) -> None:
        """Take note of a file that was deleted."""
        with self._lock:
            name = self._name(path)
            if name in self._live:
                self._change(name, None, self._live[name])

    def synced(self, path: str) -> None:
        """Make a file, or the names in a folder, durable; counted and called back for as a sync. Raises OSError."""
        if self.sync(self._name(path), lambda: 0) != 0:
            raise OSError(5, "the disk reports an input/output error", path)

    def _names_durable(self, folder: str) -> None:
        for change in self._changes:
            if change.folder == folder:
                change.apply(self._durable)
        self._changes = [change for change in self._changes if change.folder != folder]
