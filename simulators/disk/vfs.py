"""SQLite's own file system under a name of ours, wrapped by ctypes: a watcher sees, and may refuse, what SQLite does.

Needs a Python whose sqlite3 uses the shared library (Debian's does). Nothing is compiled, nobody is root.
"""

import ctypes
import os
import sqlite3  # noqa: F401 -- first, so that the library found below is the one it uses
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

IOERR, FULL, CANTOPEN = 10, 13, 14
IOERR_READ, IOERR_WRITE, IOERR_FSYNC, IOERR_DELETE = 266, 778, 1034, 2570

OPEN_CREATE = 0x4
OPEN_JOURNAL = 0x800 | 0x4000 | 0x80000  # SQLITE_OPEN_MAIN_JOURNAL, _SUPER_JOURNAL, _WAL


class Watcher(Protocol):
    """Is asked before, or told after, what SQLite does; answers 0, or the error code that SQLite is to get.

    `handle` is whatever `opened` gave. Called on SQLite's thread. What it raises ends in `broken`.
    """

    def refused(self, operation: str) -> int:
        """Say whether to refuse "open", "read", "write", "truncate" or "delete"."""

    def opened(self, path: str, flags: int) -> object:
        """Take note of a file opened with SQLite's flags, and give its handle."""

    def wrote(self, handle: Any, at: int, data: int, size: int) -> None:  # noqa: ANN401 -- the watcher's own
        """Take note of `size` bytes, at address `data` in memory, written at `at` in the file."""

    def truncated(self, handle: Any, size: int) -> None:  # noqa: ANN401 -- likewise
        """Take note of a file cut to `size` bytes."""

    def sync(self, handle: Any, really: Callable[[], int]) -> int:  # noqa: ANN401 -- likewise
        """Sync a file: by `really()`, or as the watcher likes."""

    def deleted(self, path: str, *, durably: bool) -> None:
        """Take note of a file deleted; `durably` when the folder is synced as well."""

    def closed(self, handle: Any) -> None:  # noqa: ANN401 -- likewise
        """Take note of a file closed."""

    def broken(self, error: BaseException) -> None:
        """Take note of a defect in the watcher: no exception can pass through SQLite."""


def _pointers(names: str) -> tuple[tuple[str, type[ctypes.c_void_p]], ...]:
    return tuple((name, ctypes.c_void_p) for name in names.split())


class _Methods(ctypes.Structure):  # sqlite3_io_methods, version 3
    _fields_ = (
        ("iVersion", ctypes.c_int),
        *_pointers("xClose xRead xWrite xTruncate xSync xFileSize xLock xUnlock xCheckReservedLock xFileControl"),
        *_pointers("xSectorSize xDeviceCharacteristics xShmMap xShmLock xShmBarrier xShmUnmap xFetch xUnfetch"),
    )


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", ctypes.c_void_p),
        ("zName", ctypes.c_char_p),
        ("pAppData", ctypes.c_void_p),
        *_pointers("xOpen xDelete xAccess xFullPathname xDlOpen xDlError xDlSym xDlClose xRandomness xSleep"),
        *_pointers("xCurrentTime xGetLastError xCurrentTimeInt64 xSetSystemCall xGetSystemCall xNextSystemCall"),
    )


_INT, _LONG, _ANY = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p  # files as plain addresses: quick to look up
_OPEN = ctypes.CFUNCTYPE(_INT, _ANY, _ANY, _ANY, _INT, ctypes.POINTER(_INT))  # a name is more than its text: an address
_DELETE = ctypes.CFUNCTYPE(_INT, _ANY, ctypes.c_char_p, _INT)
_CLOSE = ctypes.CFUNCTYPE(_INT, _ANY)
_READ = ctypes.CFUNCTYPE(_INT, _ANY, _ANY, _INT, _LONG)  # and xWrite
_TRUNCATE = ctypes.CFUNCTYPE(_INT, _ANY, _LONG)
_SYNC = ctypes.CFUNCTYPE(_INT, _ANY, _INT)


def _address(callback: Any) -> int | None:  # noqa: ANN401 -- ctypes has no type for them
    return ctypes.cast(callback, ctypes.c_void_p).value


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libsqlite3.so.0")
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    return library


_needed: set["WatchedVfs"] = set()
"""What SQLite points to must not be collected: file systems registered, and those that still have open files."""


class WatchedVfs:
    """A file system registered with SQLite as `name`, whose files `watcher` watches.

    Raises OSError where sqlite3 is not linked to the shared library, or SQLite refuses the file system.
    """

    def __init__(self, name: str, watcher: Watcher) -> None:
        self.name = name
        self._watcher = watcher
        self._base = _library().sqlite3_vfs_find(b"unix").contents
        self._base_at = ctypes.addressof(self._base)
        self._really_open, self._really_delete = _OPEN(self._base.xOpen), _DELETE(self._base.xDelete)
        self._tables: dict[int, tuple[_Methods, Any]] = {}
        self._handles: dict[int, object] = {}
        self._vfs = _Vfs()
        ctypes.memmove(ctypes.byref(self._vfs), ctypes.byref(self._base), ctypes.sizeof(_Vfs))
        self._callbacks = _OPEN(self._guarded(self._open)), _DELETE(self._guarded(self._delete))
        self._vfs.pNext, self._vfs.zName = None, name.encode()
        self._vfs.xOpen, self._vfs.xDelete = (_address(each) for each in self._callbacks)
        self._registered = False

    def register(self, *, default: bool = False) -> None:
        """Let connections use it by `vfs=name`; with `default`, those that name none too."""
        _needed.add(self)
        if _library().sqlite3_vfs_register(ctypes.byref(self._vfs), int(default)) != 0:
            raise OSError("SQLite refused the file system")
        self._registered = True

    def unregister(self) -> None:
        """Let no more connections use it. Those that are open go on."""
        _library().sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self._registered = False
        self._let_go()

    def _let_go(self) -> None:
        if not self._registered and not self._handles:
            _needed.discard(self)

    def _guarded(self, function: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:  # noqa: ANN401 -- as SQLite calls
            try:
                return function(*arguments)
            except BaseException as error:  # noqa: BLE001 -- there is nobody above to catch it
                self._watcher.broken(error)
                return IOERR

        return call

    def _open(self, _vfs: int, name: int | None, file: int, flags: int, out: Any) -> int:  # noqa: ANN401 -- ctypes
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        code = self._watcher.refused("open") or self._really_open(self._base_at, name, file, flags, out)
        methods = _File.from_address(file).methods
        if code == 0 and path and methods and methods.contents.iVersion >= 3:  # noqa: PLR2004 -- the newest
            self._handles[file] = self._watcher.opened(path, flags)
            _File.from_address(file).methods = ctypes.pointer(self._table(methods.contents))
        return code

    def _delete(self, _vfs: int, name: bytes, sync_folder: int) -> int:
        code = self._watcher.refused("delete") or self._really_delete(self._base_at, name, sync_folder)
        if code == 0:
            self._watcher.deleted(os.fsdecode(name), durably=bool(sync_folder))
        return code

    def _table(self, original: _Methods) -> _Methods:
        """Give the methods for files that SQLite would give `original`."""
        key = ctypes.addressof(original)
        if key not in self._tables:
            table = _Methods()
            ctypes.memmove(ctypes.byref(table), ctypes.byref(original), ctypes.sizeof(_Methods))
            callbacks = self._file_callbacks(original)
            for name, callback in callbacks.items():
                setattr(table, name, _address(callback))
            self._tables[key] = table, callbacks
        return self._tables[key][0]

    def _file_callbacks(self, original: _Methods) -> dict[str, Any]:
        handles, watcher, refused = self._handles, self._watcher, self._watcher.refused
        really_close, really_read, really_write = _CLOSE(original.xClose), _READ(original.xRead), _READ(original.xWrite)
        really_truncate, really_sync = _TRUNCATE(original.xTruncate), _SYNC(original.xSync)

        def close(file: int) -> int:
            watcher.closed(handles.pop(file))
            code: int = really_close(file)
            self._let_go()
            return code

        def read(file: int, data: int, size: int, at: int) -> int:
            return refused("read") or really_read(file, data, size, at)

        def write(file: int, data: int, size: int, at: int) -> int:
            code = refused("write") or really_write(file, data, size, at)
            if code == 0:
                watcher.wrote(handles[file], at, data, size)
            return code

        def truncate(file: int, size: int) -> int:
            code = refused("truncate") or really_truncate(file, size)
            if code == 0:
                watcher.truncated(handles[file], size)
            return code

        def sync(file: int, flags: int) -> int:
            return watcher.sync(handles[file], lambda: int(really_sync(file, flags)))

        kinds = {"xClose": _CLOSE, "xRead": _READ, "xWrite": _READ, "xTruncate": _TRUNCATE, "xSync": _SYNC}
        functions: dict[str, Callable[..., int]] = {
            "xClose": close,
            "xRead": read,
            "xWrite": write,
            "xTruncate": truncate,
            "xSync": sync,
        }
        return {name: kinds[name](self._guarded(function)) for name, function in functions.items()}
