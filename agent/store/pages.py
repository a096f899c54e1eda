"""Reads what is left of a damaged SQLite file and its log, page by page. Writes nothing, trusts nothing. No SQLite.

By SQLite's published file format (sqlite.org/fileformat2.html, sections 1.5, 1.6 and 2). What it gives must be
checked by whoever knows what belongs there: a digest, a decoder.
"""

import os
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from agent.store.files import beside
from agent.store.log import FRAME_BYTES, PAGE_BYTES, runs

Value = int | bytes | str | None

PAGES_MAX = 65_536
"""256 MiB: five times what a hub's store grows to (S12)."""

FAILURES_MAX = 64
"""Pages that the disk fails to give, before the rest of the file is given up: a dying card takes seconds for each."""

_PAYLOAD_MAX = 4 * 1024 * 1024
_HEADER = 100  # of the file, before the first page's own
_TABLE_LEAF = 0x0D
_TREE_PAGES = (0x02, 0x05, 0x0A, _TABLE_LEAF)
_BTREE = (None, 1, 5)  # the pointer map's words for pages that may hold rows; the others are free, or hold a row's rest
_MAP = 0  # none of its words: the map itself
_MAPPED = PAGE_BYTES // 5  # pages that one pointer-map page speaks for


class Record(NamedTuple):
    """One row, as it lies on a page: its number, and the columns."""

    number: int
    values: tuple[Value, ...]


class DamagedPageError(Exception):
    """What lies here is not what it should be."""


class Pages:
    """The pages of a file as its log has them: of each, the newest image, and behind it those that it replaced."""

    def __init__(self, path: Path) -> None:
        """Open file and log, as far as they are there. A file that cannot be read at all has no pages."""
        self._file = _Part.open(path)
        self._log = _Part.open(beside(path, "-wal"))
        self.failures = 0
        self.torn: set[int] = set()
        """Pages whose newest image, as far as it was read, is not what it should be."""
        self.count = 0
        self._maps: dict[int, bytes | None] = {}
        self._frames: dict[int, list[int]] = {}
        self._read_log()
        self.count = max(min(self._file.size // PAGE_BYTES, PAGES_MAX), *self._frames, 0)
        first = next(self._images(1), b"")
        self._mapped = not first.startswith(b"SQLite format 3") or any(first[52:56])  # how it was made, if it says

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def records(self, number: int, *, older: bool = False) -> Iterator[Record]:
        """Give the rows of a page, if it is one that holds rows and was not deleted.

        `older`: those of the images that its newest has replaced, newest first: for a page that is `torn`. Of a sound
        one they would bring back what was deleted since.
        """
        if self._kind(number) not in _BTREE:
            return
        for image in islice(self._images(number), 1, None) if older else islice(self._images(number), 1):
            yield from self._rows(number, image)

    # --- pages ---------------------------------------------------------------------------------

    def _images(self, number: int) -> Iterator[bytes]:
        for at in reversed(self._frames.get(number, [])):
            if (image := self._read(self._log, at)) is not None:
                yield image
        if (image := self._read(self._file, (number - 1) * PAGE_BYTES)) is not None:
            yield image

    def _read(self, part: "_Part", at: int, size: int = PAGE_BYTES) -> bytes | None:
        if self.failures >= FAILURES_MAX:
            return None
        try:
            found = part.read(at, size)
        except OSError:
            self.failures += 1
            return None
        return found if len(found) == size else None

    def _read_log(self) -> None:
        """Note where in the log each page's images are, oldest first; before them those that nobody was promised."""
        found = list(runs(partial(self._read, self._log), min(self._log.size, PAGES_MAX * FRAME_BYTES)))
        for run in sorted(found, key=lambda run: run.first or run.promised):
            for frame in run.frames:
                if 1 <= frame.page <= PAGES_MAX:
                    self._frames.setdefault(frame.page, []).append(frame.at)
                    if not (run.first or run.promised):
                        self.torn.add(frame.page)  # there may be something in them all the same

    def _kind(self, number: int) -> int | None:
        """Say what the pointer map knows of a page; None when there is no map, or it is no sound one."""
        if number == 1 or not self._mapped:
            return None
        at = (number - 2) // (_MAPPED + 1) * (_MAPPED + 1) + 2
        if at == number:
            return _MAP
        if at not in self._maps:
            self._maps[at] = self._map(at)
        found = self._maps[at]
        return None if found is None else found[5 * (number - at - 1)]

    def _map(self, at: int) -> bytes | None:
        image = next(self._images(at), None)
        if image is None:
            return None
        for entry in range(min(_MAPPED, self.count - at)):
            kind, parent = image[5 * entry], int.from_bytes(image[5 * entry + 1 : 5 * entry + 5], "big")
            if not 1 <= kind <= 5 or parent > self.count:  # noqa: PLR2004 -- five kinds
                return None
        return image

    # --- rows ----------------------------------------------------------------------------------

    def _rows(self, number: int, page: bytes) -> Iterator[Record]:
        start = _HEADER if number == 1 else 0
        if page[start] not in _TREE_PAGES:
            self.torn.add(number)
        if page[start] != _TABLE_LEAF:
            return
        cells = int.from_bytes(page[start + 3 : start + 5], "big")
        for at in range(start + 8, min(start + 8 + 2 * cells, PAGE_BYTES - 1), 2):
            try:
                yield self._row(page, int.from_bytes(page[at : at + 2], "big"))
            except (DamagedPageError, IndexError, UnicodeDecodeError):
                self.torn.add(number)  # and nothing unreadable stops the rest

    def _row(self, page: bytes, at: int) -> Record:
        size, at = _varint(page, at)
        number, at = _varint(page, at)
        if not 0 <= size <= _PAYLOAD_MAX:
            raise DamagedPageError
        most = PAGE_BYTES - 35
        if size <= most:
            return Record(number, _columns(page[at : at + size]))
        least = (PAGE_BYTES - 12) * 32 // 255 - 23
        local = least + (size - least) % (PAGE_BYTES - 4)
        local = local if local <= most else least
        payload = bytearray(page[at : at + local])
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        while len(payload) < size:
            image = next(self._images(following), None) if 1 <= following <= self.count else None
            if image is None:
                raise DamagedPageError
            payload += image[4 : 4 + size - len(payload)]
            following = int.from_bytes(image[:4], "big")
        return Record(number, _columns(bytes(payload)))


class _Part:
    """A file open for reading, or none."""

    def __init__(self, handle: int | None, size: int) -> None:
        self._handle, self.size = handle, size

    @classmethod
    def open(cls, path: Path) -> Self:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return cls(None, 0)
        return cls(handle, os.fstat(handle).st_size)

    def read(self, at: int, size: int) -> bytes:
        return b"" if self._handle is None else os.pread(self._handle, size, at)

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of 1 to 9 bytes; give it and where it ends."""
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 -- the bit that says that more follow
            return value, at + step + 1
    return _signed(value << 8 | data[at + 8], 8), at + 9


def _signed(value: int, size: int) -> int:
    return value - (1 << 8 * size) if value >> 8 * size - 1 else value


_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)


def _columns(payload: bytes) -> tuple[Value, ...]:
    """Take a record apart. Raises DamagedPageError, IndexError, UnicodeDecodeError."""
    header, at = _varint(payload, 0)
    where = header
    values: list[Value] = []
    while at < header:
        kind, at = _varint(payload, at)
        if 0 <= kind < len(_INTEGER_BYTES):
            size = _INTEGER_BYTES[kind]
            found = payload[where : where + size]
            values.append(None if kind == 0 else int.from_bytes(found, "big", signed=True))
        elif kind in (8, 9):
            size = 0
            values.append(kind - 8)
        elif kind >= 12:  # noqa: PLR2004 -- even: bytes; odd: text
            size = (kind - 12) // 2
            found = payload[where : where + size]
            values.append(found if kind % 2 == 0 else found.decode())
        else:
            raise DamagedPageError
        where += size
    if where != len(payload):
        raise DamagedPageError
    return tuple(values)
