"""Sees what Python code itself does to the names in a folder: SQLite makes, renames and syncs only some of them."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Protocol


class Names(Protocol):
    """Is told of changes below `folder`, by the paths that the code used."""

    folder: Path

    def made(self, path: str, *, folder: bool) -> None:
        """Take note of a file or folder that was made."""

    def renamed(self, source: str, target: str) -> None:
        """Take note of a file that has another name."""

    def removed(self, path: str) -> None:
        """Take note of a file that was deleted."""

    def synced(self, path: str) -> None:
        """Make a file's writes, or a folder's names, durable: a sync was asked for, and is not really done."""


_watching: list[Names] = []
_really: dict[str, Callable[..., Any]] = {}


def watch(names: Names) -> None:
    """Tell `names` of what is done through `os` (and so through pathlib) from now on."""
    _watching.append(names)
    if not _really:
        for name, seen in _SEEN.items():
            _wrap(name, seen)


def unwatch(names: Names) -> None:
    """Tell it no more, and give `os` its own functions back when nobody listens."""
    if names in _watching:
        _watching.remove(names)
    if not _watching:
        for name, really in _really.items():
            setattr(os, name, really)
        _really.clear()


def _wrap(name: str, seen: Callable[..., Any]) -> None:
    really = _really[name] = getattr(os, name)

    @wraps(really)
    def wrapper(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 -- as `os` has it
        return seen(really, *arguments, **named)

    setattr(os, name, wrapper)


def _owner(path: str) -> Names | None:
    return next((each for each in _watching if Path(path).is_relative_to(each.folder)), None)


def _full(path: Any) -> str:  # noqa: ANN401 -- str, bytes or PathLike
    """Give the path with its folder's links followed, as SQLite does."""
    folder, name = os.path.split(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 -- pathlib would come back here
    return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118 -- likewise


def _open(really: Any, path: Any, flags: int, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 -- as `os` has it
    if not flags & os.O_CREAT or named.get("dir_fd") is not None:
        return really(path, flags, *rest, **named)
    full = _full(path)
    new = not os.path.lexists(full)
    handle = really(path, flags, *rest, **named)
    if new and (owner := _owner(full)) is not None:
        owner.made(full, folder=False)
    return handle


def _mkdir(really: Any, path: Any, *rest: Any, **named: Any) -> None:  # noqa: ANN401 -- likewise
    really(path, *rest, **named)
    if (owner := _owner(full := _full(path))) is not None:
        owner.made(full, folder=True)


def _rename(really: Any, source: Any, target: Any, **named: Any) -> None:  # noqa: ANN401 -- likewise
    really(source, target, **named)
    full = _full(source)
    if (owner := _owner(full)) is not None:
        owner.renamed(full, _full(target))


def _remove(really: Any, path: Any, **named: Any) -> None:  # noqa: ANN401 -- likewise
    really(path, **named)
    if named.get("dir_fd") is None and (owner := _owner(full := _full(path))) is not None:
        owner.removed(full)


def _fsync(really: Any, handle: Any) -> None:  # noqa: ANN401 -- likewise
    path = os.readlink(f"/proc/self/fd/{handle if isinstance(handle, int) else handle.fileno()}")  # noqa: PTH115
    owner = _owner(path)
    if owner is None:
        really(handle)
    else:
        owner.synced(path)


_SEEN: dict[str, Callable[..., Any]] = {
    "open": _open,
    "mkdir": _mkdir,
    "rename": _rename,
    "replace": _rename,
    "unlink": _remove,
    "remove": _remove,
    "fsync": _fsync,
}
