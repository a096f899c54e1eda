"""Keeps commissioning reports in the hub's state directory: for its user alone, whole or not at all, the last few."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from agent.files import sync_folder, write_whole
from provisioning.report.facts import Commissioning
from provisioning.sensors.records import FOLDER

KEPT_MAX = 12
"""S12: how many are kept here; the centre keeps all that it was sent."""

_FOLDER_MODE = 0o700
_PREFIX = "report-"
_SENT = ".sent"


class Kept(NamedTuple):
    """A report that was kept: `report-2026-11-22-1345` with `.json`, `.pdf`, `.html`, and `.sent` once it was."""

    folder: Path
    name: str

    def file(self, suffix: str) -> Path:
        """Name one of its files."""
        return self.folder / f"{self.name}{suffix}"

    @property
    def sent(self) -> bool:
        """Whether the centre has it."""
        return self.file(_SENT).exists()

    def mark_sent(self) -> None:
        """Note that the centre has it. Raises OSError."""
        _put(self.file(_SENT), b"")


def keep(state_dir: Path, report: Commissioning, html: str, pdf: bytes) -> Kept:
    """Keep a report. Its JSON comes last: cut off before, there is none. Raises OSError."""
    folder = state_dir / FOLDER
    _make(folder)
    moment = report.made[:16].replace("T", "-").replace(":", "")
    kept = Kept(folder, f"{_PREFIX}{moment}")
    for suffix in (_SENT, ".json"):  # the same minute's: what is there now was never sent
        kept.file(suffix).unlink(missing_ok=True)
    _put(kept.file(".pdf"), pdf)
    _put(kept.file(".html"), html.encode())
    _put(kept.file(".json"), msgspec.json.encode(report))
    _tidy(folder)
    return kept


def all_kept(state_dir: Path) -> list[Kept]:
    """Give every report that is whole, oldest first. Raises OSError."""
    folder = state_dir / FOLDER
    return [Kept(folder, each.stem) for each in sorted(folder.glob(f"{_PREFIX}*.json"))]


def _tidy(folder: Path) -> None:
    kept = all_kept(folder.parent)
    for each in kept[: max(0, len(kept) - KEPT_MAX)]:
        for suffix in (".json", ".pdf", ".html", _SENT):
            each.file(suffix).unlink(missing_ok=True)


def _make(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(_FOLDER_MODE)
        owner = _owner(folder.parent)
        if owner is not None:
            os.chown(folder, *owner)
        sync_folder(folder.parent)


def _put(path: Path, content: bytes) -> None:
    write_whole(path, content, new=path.with_name(f"{path.name}.new"), owner=_owner(path.parent))


def _owner(folder: Path) -> tuple[int, int] | None:
    """Give whose a new file is to be: root writes for whom the folder belongs to."""
    found = folder.stat()
    return (found.st_uid, found.st_gid) if os.geteuid() == 0 else None
