"""A disk under SQLite that counts its syncs, stalls and fails as told: SQLite's own file system, wrapped by ctypes.

Needs a Python whose sqlite3 uses the shared library (Debian's does); `available()` says whether it is so.
"""

import ctypes
import sqlite3
import threading
from typing import Any

VFS = "hearthline-test-disk"

FULL, IOERR_READ, IOERR_WRITE, IOERR_FSYNC = 13, 266, 778, 1034


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


_PFile = ctypes.POINTER(_File)
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(_Vfs), ctypes.c_void_p, _PFile, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)
_READ = ctypes.CFUNCTYPE(ctypes.c_int, _PFile, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _PFile, ctypes.c_int)


class Disk:
    """The disk's condition: `fail` maps "read", "write" or "sync" to the SQLite error code to answer with."""

    def __init__(self) -> None:
        self.fail: dict[str, int] = {}
        self.syncs = 0
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

    def sync(self) -> int:
        self.syncs += 1
        if not self._flowing.is_set():
            self.stalled.set()
            self._flowing.wait(60)
        return self.fail.get("sync", 0)


DISK = Disk()
_alive: list[Any] = []  # what SQLite points to must not be collected
_tables: dict[int, _Methods] = {}


def _methods(original: _Methods) -> _Methods:
    key = ctypes.addressof(original)
    if key in _tables:
        return _tables[key]
    table = _Methods()
    ctypes.memmove(ctypes.byref(table), ctypes.byref(original), ctypes.sizeof(_Methods))
    read, write, sync = _READ(original.xRead), _READ(original.xWrite), _SYNC(original.xSync)
    callbacks = (
        _READ(lambda file, data, size, at: DISK.fail.get("read") or read(file, data, size, at)),
        _READ(lambda file, data, size, at: DISK.fail.get("write") or write(file, data, size, at)),
        _SYNC(lambda file, flags: DISK.sync() or sync(file, flags)),
    )
    _alive.extend((read, write, sync, *callbacks))
    table.xRead, table.xWrite, table.xSync = (ctypes.cast(each, ctypes.c_void_p).value for each in callbacks)
    _tables[key] = table
    return table


def _register() -> None:
    library = ctypes.CDLL("libsqlite3.so.0")
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    base = library.sqlite3_vfs_find(b"unix").contents
    original = _OPEN(base.xOpen)

    def opened(_vfs: Any, name: Any, file: Any, flags: int, out: Any) -> int:
        code: int = original(ctypes.pointer(base), name, file, flags, out)
        if code == 0 and file.contents.methods and file.contents.methods.contents.iVersion >= 3:
            file.contents.methods = ctypes.pointer(_methods(file.contents.methods.contents))
        return code

    vfs = _Vfs()
    ctypes.memmove(ctypes.byref(vfs), ctypes.byref(base), ctypes.sizeof(_Vfs))
    callback = _OPEN(opened)
    vfs.pNext, vfs.zName, vfs.xOpen = None, VFS.encode(), ctypes.cast(callback, ctypes.c_void_p).value
    _alive.extend((library, base, original, vfs, callback))
    if library.sqlite3_vfs_register(ctypes.byref(vfs), 0) != 0:
        raise OSError("SQLite refused the file system")


def available() -> bool:
    """Register the disk once; False where sqlite3 is not linked to the shared library."""
    try:
        if not _alive:
            _register()
        sqlite3.connect(f"file:none?mode=memory&vfs={VFS}", uri=True).close()
    except (OSError, sqlite3.Error):
        return False
    return True
