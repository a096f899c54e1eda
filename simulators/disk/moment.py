"""What a power cut leaves of a folder: what was synced, and of the rest nothing, all, or as the dice fall."""

import random
from collections.abc import Iterator, Sequence
from itertools import compress, product
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

Keep = Literal["none", "all"] | random.Random
"""Which of the unsynced writes and names survive. Dice choose any subset, or a prefix; writes are torn at sectors."""

SECTOR_BYTES = 512

Write = tuple[int, bytes | None]
"""Where, and what was written there; without bytes, the file was cut to that size."""


class File:
    """A file's durable bytes, and the writes not yet synced, in order."""

    __slots__ = ("pending", "synced")

    def __init__(self, synced: bytes | bytearray = b"", pending: Sequence[Write] = ()) -> None:
        self.synced = bytearray(synced)
        self.pending = list(pending)

    def sync(self) -> None:
        """Make every write durable."""
        for write in self.pending:
            _apply(self.synced, write)
        self.pending.clear()

    def copy(self) -> "File":
        """Give the file as it is now."""
        return File(self.synced, self.pending)


class Change(NamedTuple):
    """A change of names: a file made (no source), removed (no target) or renamed. A folder is a change without file."""

    source: str | None
    target: str | None
    file: File | None

    @property
    def folder(self) -> str:
        """The folder whose sync makes the change durable."""
        return parent(self.target or self.source or "")

    def apply(self, names: dict[str, File | None]) -> None:
        """Change the names. One that is no longer the file's is left alone: another change has it."""
        if self.source is not None and names.get(self.source) is self.file:
            names.pop(self.source, None)
        if self.target is not None:
            names[self.target] = self.file


def parent(name: str) -> str:
    """Give the folder of a name, both relative to the disk's own folder, which is `.`."""
    return str(PurePosixPath(name).parent)


class Moment(NamedTuple):
    """A folder at one moment: the durable names with their files, and the changes of names not yet durable."""

    names: dict[str, File | None]
    changes: tuple[Change, ...]

    @property
    def certain(self) -> bool:
        """Whether nothing is unsynced, so that every cut leaves the same."""
        return not self.changes and not any(file and file.pending for file in self.names.values())

    def namings(self) -> Iterator["Moment"]:
        """Give the moment once for each subset of its changes of names, with that subset durable: 2 to their number."""
        for chosen in product((False, True), repeat=len(self.changes)):
            names = dict(self.names)
            for change in compress(self.changes, chosen):
                change.apply(names)
            yield Moment(names, ())

    def cut(self, into: Path, keep: Keep) -> None:
        """Write into an empty folder what a power cut now would leave."""
        chance = keep.choice((0.1, 0.5, 0.9)) if isinstance(keep, random.Random) else float(keep == "all")
        names = dict(self.names)
        for change in self.changes:
            if _survives(keep, chance):
                change.apply(names)
        into.mkdir(parents=True, exist_ok=True)
        for name in sorted(names):  # folders before what is in them
            file = names[name]
            if not (into / name).parent.is_dir():
                continue  # its folder's own name was lost
            if file is None:
                (into / name).mkdir(exist_ok=True)
            else:
                (into / name).write_bytes(_content(file, keep, chance))


def _survives(keep: Keep, chance: float) -> bool:
    return keep.random() < chance if isinstance(keep, random.Random) else keep == "all"


def _content(file: File, keep: Keep, chance: float) -> bytearray:
    content = bytearray(file.synced)
    if keep == "none" or not file.pending:
        return content
    if keep == "all":
        for write in file.pending:
            _apply(content, write)
        return content
    for write in _fallen(file.pending, keep, chance):
        _apply(content, write)
    if keep.random() < 1 / 4:  # the file's new length was written, what is in it was not
        length = len(_content(file, "all", 1.0))
        content[len(content) :] = bytes(max(0, length - len(content)))
    return content


def _fallen(pending: Sequence[Write], dice: random.Random, chance: float) -> Iterator[Write]:
    """Give the writes that reached the disk: a third of the time in order up to a point, else here and there."""
    until = dice.randrange(len(pending) + 1) if dice.random() < 1 / 3 else None
    for place, write in enumerate(pending):
        if until is not None and place < until:
            yield write
        elif place == until or (until is None and dice.random() < chance):
            yield from _torn(write, dice) if place == until or dice.random() < 1 / 4 else (write,)


def _torn(write: Write, dice: random.Random) -> Iterator[Write]:
    at, data = write
    if data is None:
        yield write
        return
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR_BYTES - (at + start) % SECTOR_BYTES)
        if dice.random() < 1 / 2:
            yield at + start, data[start:end]
        start = end


def _apply(content: bytearray, write: Write) -> None:
    at, data = write
    if data is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
    else:
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(data)] = data
