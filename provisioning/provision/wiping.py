"""Wipes a hub's files by name: overwritten, then removed. What a hub does not make is never touched.

Overwriting is no promise on an SD card or a flash disk, which write elsewhere: only its destruction is.
"""

import contextlib
import fcntl
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from agent.ask import DEFAULT_SOCKET
from provisioning.provision.folder import ATTEMPT, HUB_KEY, KEYS

STATE = (
    ".lgd-nfy*",
    "commissioning",
    "house.quarantine-*.json",
    "hub.db*",
    "messages",
    "plan.outcome.json*",
    "plan.toml*",
    "plans",
    "renewal.json*",
    "restart.wanted*",
    "sim-pin-tried*",
    "voice",
)
"""What a hub and its commands make in the state directory: journal, plans, messages, speech, reports, small notes."""

DEFAULT_STATE = Path("/var/lib/hearthline")
_CHUNK = 1024 * 1024


class RunningError(Exception):
    """The hub runs; the text says how to stop it."""


class Places:
    """Where a hub's files are, read from a hub.toml that may be damaged, or lack the keys it names."""

    def __init__(self, config: Path) -> None:
        raw = _raw(config)
        folder = config.absolute().parent
        keys, uplinks = raw.get("keys"), raw.get("uplink")
        named = [keys] if isinstance(keys, dict) else []
        named += [each for each in uplinks if isinstance(each, dict)] if isinstance(uplinks, list) else []
        self.hub = _text(raw, "hub")
        self.state_dir = folder / (_text(raw, "state_dir") or DEFAULT_STATE)
        self.socket = folder / (_text(raw, "socket") or DEFAULT_SOCKET)
        self.signing = folder / (_text(keys, "hub") or f"{KEYS}/{HUB_KEY}")
        secret = [folder / _text(each, key) for each in named for key in ("hub", "plan", "key") if _text(each, key)]
        self.keys = tuple(dict.fromkeys(secret))
        self.folders = (folder / KEYS, folder / ATTEMPT)

    def state(self) -> list[Path]:
        """Give what there is of the hub's in the state directory."""
        return sorted({each for pattern in STATE for each in self.state_dir.glob(pattern)})

    def others(self) -> list[str]:
        """Name what else there is in the state directory, which is not the hub's."""
        return sorted(each.name for each in self.state_dir.iterdir()) if self.state_dir.is_dir() else []


@contextlib.contextmanager
def stopped(state_dir: Path) -> Iterator[None]:
    """See that no hub runs on this directory, and that none begins to. Raises RunningError, OSError."""
    if not state_dir.is_dir():
        yield
        return
    handle = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunningError(
            "this hub is running: stop it first (systemctl stop hearthline), and run this again"
        ) from None


def wipe(paths: Iterable[Path]) -> None:
    """Wipe files, and folders with all that is in them. What is gone already is no matter. Raises OSError."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            for _, folders, files, place in os.fwalk(path, topdown=False):
                for name in files:
                    _wipe_file(name, place)
                for name in folders:
                    inner = os.stat(name, dir_fd=place, follow_symlinks=False)
                    os.rmdir(name, dir_fd=place) if stat.S_ISDIR(inner.st_mode) else os.unlink(name, dir_fd=place)
            path.rmdir()
        else:
            _wipe_file(path)


def _wipe_file(path: Path | str, place: int | None = None) -> None:
    """Wipe what has this name in an open folder: whoever may write there leads root nowhere else by a link."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISREG(os.stat(path, dir_fd=place, follow_symlinks=False).st_mode):
            _overwrite(path, place)
        os.unlink(path, dir_fd=place)


def _overwrite(path: Path | str, place: int | None) -> None:
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, dir_fd=place)
    except PermissionError:  # not for root: one's own file, that nobody was to write
        os.chmod(path, 0o600, dir_fd=place)
        handle = os.open(path, flags, dir_fd=place)
    with os.fdopen(handle, "wb") as file:
        left = file.seek(0, os.SEEK_END)
        file.seek(0)
        while left > 0:
            left -= file.write(bytes(min(left, _CHUNK)))
        file.flush()
        os.fsync(file.fileno())


def _raw(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}


def _text(table: object, key: str) -> str:
    value = table.get(key) if isinstance(table, dict) else None
    return value if isinstance(value, str) and "\0" not in value else ""
