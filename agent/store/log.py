"""Reads a write-ahead log by itself, and finds one that lost commits: SQLite takes a damaged frame for the log's end.

By SQLite's published formats (sqlite.org/fileformat2.html section 4, sqlite.org/walformat.html section 2).
"""

import contextlib
import errno
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from agent.store.files import beside

PAGE_BYTES = 4_096
"""SQLite's own default, and so the hub's; asked of nobody, as the header may be what is damaged."""

HEADER, FRAME = 32, 24
FRAME_BYTES = FRAME + PAGE_BYTES
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # in whose order the checksum's words are
_TAKEN_AT = 16  # in the index: how many frames SQLite takes for the log
_WORD = 0xFFFFFFFF

Sum = tuple[int, int]
Read = Callable[[int, int], bytes | None]
"""Gives so many bytes from a place on, or None if the disk does not give them."""


class Frame(NamedTuple):
    """An image of a page: where it lies in the log, which page it is, and whether it ends a transaction."""

    at: int
    page: int
    ends: bool


class Run(NamedTuple):
    """Frames that follow each other without a flaw. `first`: from the log's beginning, as SQLite takes them."""

    frames: list[Frame]
    first: bool

    @property
    def promised(self) -> bool:
        """Whether a transaction in it was followed by another: it had been synced before (S1: synchronous FULL).

        Where none was, the run may be what a power cut left of a transaction that nobody was promised.
        """
        return any(frame.ends for frame in self.frames[:-1])


def runs(read: Read, size: int, taken: int = 0) -> Iterator[Run]:
    """Give the runs of a log of this size, but not its first `taken` frames, which SQLite has found sound."""
    header = read(0, HEADER) or b""
    magic = int.from_bytes(header[:4], "big")
    order = _MAGIC.get(magic, "<" if sys.byteorder == "little" else ">")
    sound = magic in _MAGIC and len(header) == HEADER and _sum(header[:24], (0, 0), order) == _stored(header, 24)
    salt: bytes | None = header[16:24] if sound else None
    before = _stored(header, 24) if sound else None
    if taken:
        before = _stored(read(HEADER + (taken - 1) * FRAME_BYTES, FRAME) or bytes(FRAME), 16)
    frames: list[Frame] = []
    first = sound
    for at in range(HEADER + taken * FRAME_BYTES, size - FRAME_BYTES + 1, FRAME_BYTES):
        raw = read(at, FRAME_BYTES)
        if raw is None or (salt is not None and raw[8:16] != salt):  # a log used before has other frames beyond ours
            raw = None
        follows = raw is not None and before is not None and _follows(raw, before, order)
        if not follows:
            if frames:
                yield Run(frames, first)
            frames, first = [], False
        if raw is not None:
            salt = raw[8:16]
            frame = Frame(at + FRAME, int.from_bytes(raw[:4], "big"), any(raw[4:8]))
            if follows or before is None:  # the latter cannot be proven, but those that follow it can
                frames.append(frame)
            else:
                yield Run([frame], first=False)
        before = None if raw is None else _stored(raw, 16)
    if frames:
        yield Run(frames, first)


def has_lost_commits(path: Path) -> bool:
    """Tell whether the log of a store that was just opened, and read once, holds commits beyond those SQLite took.

    Damage to the very last transaction looks like one torn by a power cut, and is taken for that. Raises OSError.
    """
    log = beside(path, "-wal")
    if not log.exists() or (size := log.stat().st_size) < HEADER + FRAME_BYTES:
        return False
    with log.open("rb") as file:

        def read(at: int, count: int) -> bytes | None:
            file.seek(at)
            return file.read(count)

        taken = int.from_bytes(_peek(beside(path, "-shm"), _TAKEN_AT, 4), sys.byteorder)
        return any(run.promised for run in runs(read, size, taken))


def _peek(path: Path, at: int, count: int) -> bytes:
    """Read from a file that SQLite holds open here, through SQLite's own descriptor. Raises OSError.

    Never through one of ours: closing it would drop SQLite's locks on the file, as POSIX has it, and the next process
    to look at the store would make the index anew under us: SIGBUS, measured.
    """
    wanted = path.stat()
    for held in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the descriptor of this very listing is closed again
            if os.path.samestat(os.fstat(int(held.name)), wanted):
                return os.pread(int(held.name), count, at)
    raise FileNotFoundError(errno.ENOENT, "SQLite does not hold it open", str(path))


def _follows(raw: bytes, before: Sum, order: str) -> bool:
    return _sum(raw[FRAME:], _sum(raw[:8], before, order), order) == _stored(raw, 16)


def _sum(data: bytes, start: Sum, order: str) -> Sum:
    one, two = start
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for first, second in zip(words, words, strict=True):
        one = (one + first + two) & _WORD
        two = (two + second + one) & _WORD
    return one, two


def _stored(data: bytes, at: int) -> Sum:
    return int.from_bytes(data[at : at + 4], "big"), int.from_bytes(data[at + 4 : at + 8], "big")
