"""A small card of its own for a hub's store: filled, out of names, read-only, damaged. A real tmpfs; needs root."""

import contextlib
import errno
import os
import random
import sqlite3
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.trials.trial import NotHereError

BYTES = 6 * 1024 * 1024
NAMES = 40
PAGE = 4_096

_BLOCK = bytes(16_384)
_LEAF, _INDEX = 0x0D, 0x0A


class Card:
    """A tmpfs mounted at `path` while it is entered. Raises NotHereError where it cannot be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_dir = path / "state"

    def __enter__(self) -> Self:
        self.path.mkdir()
        if os.geteuid() != 0:
            raise NotHereError("a small tmpfs must be mounted, and we are not root")
        said = _mount(
            "-t", "tmpfs", "-o", f"size={BYTES},nr_inodes={NAMES},mode=700", "hearthline-card", str(self.path)
        )
        if said:
            raise NotHereError(f"a small tmpfs cannot be mounted: {said}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)  # noqa: S607 -- wherever it is

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.path / "ballast").open("ab", buffering=0) as file:
            for block in (_BLOCK, b"x"):
                try:
                    while True:
                        file.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def use_up_names(self) -> None:
        """Leave room for no other file."""
        for number in range(NAMES):
            try:
                (self.path / f"name-{number}").touch()
            except OSError:
                return

    def free(self) -> None:
        """Give back all that was taken."""
        for each in (self.path / "ballast", *self.path.glob("name-*")):
            each.unlink(missing_ok=True)

    def read_only(self, *, on: bool) -> None:
        """Remount. The kernel does so only while nobody writes: with the hub down."""
        said = _mount("-o", f"remount,{'ro' if on else 'rw'}", str(self.path))
        if said:
            raise NotHereError(f"the tmpfs cannot be remounted: {said}")

    # --- the store on it -------------------------------------------------------------------------

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.state_dir / "hub.db"

    def holds(self, word: bytes) -> bool:
        """Tell whether this is committed: written to the store that is in use, in a transaction that has ended."""
        with contextlib.closing(sqlite3.connect(f"file:{self.store}?mode=ro", uri=True)) as store:
            try:
                bodies = store.execute("SELECT body FROM outbox ORDER BY number DESC LIMIT 20").fetchall()
            except sqlite3.Error:  # damaged, or about to be put aside
                return any(word in each.read_bytes() for each in self.state_dir.glob("hub.db*"))
        return any(word in body for (body,) in bodies)

    def ruin(self, dice: random.Random, pages: int, *, spare: list[bytes]) -> int:
        """Overwrite pages of the store that hold rows or lead to them, but none that holds any of these words.

        Gives how many; 0 when every page does. In the file and in its log; but not the log's last two transactions, as
        damage there cannot be told from a write torn by a power cut.
        """
        ruined = 0
        for path, start, size in ((self.store, 0, PAGE), (self.store.with_name("hub.db-wal"), 32 + 24, PAGE + 24)):
            if not path.exists():
                continue
            with path.open("r+b") as file:
                data = file.read()
                end = len(data) if size == PAGE else _last_but_two(data)
                places = [at for at in range(start, end - PAGE + 1, size) if _used(data, at, spare)]
                for at in dice.sample(places, min(pages, len(places))):
                    file.seek(at)
                    file.write(dice.randbytes(PAGE))
                    ruined += 1
        return ruined

    def lose_header(self) -> None:
        """Overwrite the first page, on which all others depend; an index or a log would not be it."""
        with self.store.open("r+b") as file:
            file.write(bytes(PAGE))


def _used(data: bytes, at: int, spare: list[bytes]) -> bool:
    page = data[at : at + PAGE]
    return page[0] in (_LEAF, _INDEX) and not any(word in page for word in spare)


def _last_but_two(log: bytes) -> int:
    """Give where the last transaction but two ends."""
    size, salt = PAGE + 24, log[16:24]
    frames = [at for at in range(32, len(log) - size + 1, size) if log[at + 8 : at + 16] == salt]
    ends = [at + size for at in frames if any(log[at + 4 : at + 8])]
    return ends[-3] if len(ends) > 2 else 0  # noqa: PLR2004 -- three


def _mount(*arguments: str) -> str:
    """Give what mount says when it refuses."""
    result = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 -- likewise
    return result.stderr.strip() or (f"code {result.returncode}" if result.returncode else "")
