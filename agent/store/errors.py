"""What can go wrong with the store, and how it is said: in plain words, without a byte of what is stored (S11)."""

import sqlite3


class StoreError(Exception):
    """The store cannot be used as things are. The text names the file and the remedy; nothing was changed or lost."""


class ForeignSchemaError(Exception):
    """The database is sound, but its tables are not those of a hub's store."""


class DamagedError(Exception):
    """The store is not as it was committed."""


class ConflictError(Exception):
    """Two contents under one id: a defect of ours. The first stays, the second is kept aside, all else is committed."""

    def __init__(self, ids: tuple[str, ...]) -> None:
        """Take the ids in question."""
        super().__init__(f"another content already has the id of {', '.join(ids)}")
        self.ids = ids


_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an input/output error",
    sqlite3.SQLITE_READONLY: "the disk is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_PERM: "access is denied",
    sqlite3.SQLITE_BUSY: "another process holds the store",
    sqlite3.SQLITE_LOCKED: "another process holds the store",
    sqlite3.SQLITE_NOMEM: "memory is short",
    sqlite3.SQLITE_CORRUPT: "the store is corrupt",
    sqlite3.SQLITE_NOTADB: "the store is corrupt",
}

_REMEDIES = {
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_IOERR: "check the disk or card, and replace it if the kernel's log names it",
    sqlite3.SQLITE_READONLY: "make it writable for the hub's user; a card that turned read-only is worn out",
    sqlite3.SQLITE_CANTOPEN: "check that it is a file in a folder that the hub's user may write",
    sqlite3.SQLITE_PERM: "check that the hub's user owns it",
    sqlite3.SQLITE_BUSY: "stop the other hub process",
    sqlite3.SQLITE_LOCKED: "stop the other hub process",
}


def _primary(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code, the rest says which kind


def is_corrupt(error: BaseException) -> bool:
    """Whether the error says that the file's content is damaged, as opposed to a disk that is full or failing."""
    if isinstance(error, ForeignSchemaError | DamagedError):
        return True
    return _primary(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_unreadable(error: BaseException) -> bool:
    """Whether the disk did not give what lies on it."""
    return _primary(error) == sqlite3.SQLITE_IOERR


def reason(error: BaseException) -> str:
    """Say in plain words what failed. Never the error's own text, which may repeat what was being stored (S11)."""
    if isinstance(error, StoreError | ForeignSchemaError | DamagedError | ConflictError):
        return str(error)  # our own words
    name = getattr(error, "sqlite_errorname", "")
    words = _REASONS.get(_primary(error), "the store failed")
    return f"{words} ({name or type(error).__name__})"


def remedy(error: BaseException) -> str:
    """Say what a person can do about it."""
    return _REMEDIES.get(_primary(error), "see the hub's log")
