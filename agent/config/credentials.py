"""Configuration and keys as systemd hands them over (`LoadCredential=`): copies that this service alone can read.

What lies in `keys/` beside hub.toml, and hub.toml itself, belongs to root: the hub's user need not be able to read it,
and cannot change it. systemd/hearthline.service lists what is handed over.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import fields, replace

KEYS = "keys"
"""The folder beside hub.toml. A file elsewhere is read where it is: another `ca.pem` must not be taken for it."""

ABSENT = b"absent"
"""What the unit gives instead of a file that is not there, as systemd knows no optional credentials."""

S = TypeVar("S", bound=msgspec.Struct)


class Credentials:
    """What was handed over for the configuration at `path`; nothing outside a service that has any."""

    def __init__(self, path: Path, environ: Mapping[str, str] = os.environ) -> None:
        folder = environ.get("CREDENTIALS_DIRECTORY", "")
        self._folder = Path(folder) if folder.startswith("/") else None
        self._path = path

    @property
    def configuration(self) -> Path:
        """Where hub.toml is read."""
        return self._handed(self._path.name) or self._path

    @property
    def handed_ns(self) -> int | None:
        """When the first of them was copied, in Unix ns: later than that, files at their own place may be newer."""
        try:
            return None if self._folder is None else min(each.stat().st_mtime_ns for each in self._folder.iterdir())
        except (OSError, ValueError):
            return None

    def table(self, table: S) -> S:
        """Give a table of the configuration with the paths at which its files are read."""
        values = {field.name: getattr(table, field.name) for field in fields(table)}
        return replace(table, **{name: self._at(value) for name, value in values.items() if self._at(value) != value})

    def others(self, path: Path, mode: int) -> int:
        """Give what a file's mode allows to others than its owner.

        systemd lets the service's user in by an access list, whose mask stat(2) shows as the group's right to read.
        """
        ours = self._folder is not None and path.parent == self._folder
        return mode & (stat.S_IRWXG | stat.S_IRWXO) & ~(stat.S_IRGRP if ours else 0)

    def _at(self, value: Any) -> Any:  # noqa: ANN401 -- whatever a table's field is
        if isinstance(value, tuple):
            return tuple(self._at(each) for each in value)
        if isinstance(value, Path) and value.parent == self._path.parent / KEYS:
            return self._handed(value.name) or value
        return value

    def _handed(self, name: str) -> Path | None:
        if self._folder is None:
            return None
        path = self._folder / name
        try:
            with path.open("rb") as file:
                return None if file.read(len(ABSENT) + 1) == ABSENT else path
        except OSError:
            return None
