"""Keeps the texts of messages that wait to be heard, one private file each: the rules never see them (S11)."""

import contextlib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from hashlib import sha256
from pathlib import Path

import msgspec

from agent.files import write_whole
from agent.store.files import prepare_folder


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was opened: its command's `id`, its text and the text's language (BCP 47). Shows neither."""

    id: str
    text: str
    language: str
    person: str = ""
    hours: int

    def __repr__(self) -> str:
        return "Kept(a message)"


class Keeping:
    """The messages in `folder`. Its files are named by a digest: an id is whatever the centre gave."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Kept] = {}

    def keep(self, message: Kept) -> None:
        """Write a message down, whole or not at all, and wait until it is durable. Raises OSError."""
        prepare_folder(self._folder)
        write_whole(self._path(message.id), msgspec.json.encode(message), new=self._folder / "new")
        self._known[message.id] = message

    def text(self, message: str) -> tuple[str, str] | None:
        """Give a message's text and the text's language; None when it is not to be had."""
        known = self._known.get(message) or _read(self._path(message))
        return (known.text, known.language) if known is not None else None

    def all(self) -> dict[str, Kept]:
        """Give every message that is kept and can be read, by its id."""
        return {found.id: found for path in self._files() if (found := _read(path)) is not None}

    def purge(self, needed: AbstractSet[str]) -> None:
        """Delete whatever else is there, and what a killed writer left (S11). Raises nothing: it is tried again."""
        paths = {self._path(message) for message in needed}
        for path in list(self._files()):
            if path not in paths:
                with contextlib.suppress(OSError):
                    path.unlink()
        self._known = {message: kept for message, kept in self._known.items() if message in needed}

    def _path(self, message: str) -> Path:
        return self._folder / f"{sha256(message.encode(errors='replace')).hexdigest()[:32]}.json"

    def _files(self) -> Iterator[Path]:
        try:
            yield from list(self._folder.iterdir())
        except OSError:
            return


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError, UnicodeError):
        return None
