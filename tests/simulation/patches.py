"""Planted bugs: small unified diffs, applied to a copy of the packages by their content, not by line numbers."""

import re
import shutil
from pathlib import Path

from tests.support.house import PACKAGES, ROOT

PLANTED = Path(__file__).with_name("planted")


class StaleError(Exception):
    """A patch does not fit the code any more: mend the patch, so that the promise stays tried."""


def copied(folder: Path) -> Path:
    """Copy the packages into a folder, with what is compiled of them already; give it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("*.pyc.*"))  # being written
    return folder


def apply(patch: Path, folder: Path) -> None:
    """Apply a patch below a folder. Every hunk must fit exactly once. Raises StaleError."""
    text = patch.read_text()
    found = re.split(r"^--- a/(.+)\n\+\+\+ b/.+\n", text, flags=re.MULTILINE)
    if len(found) < 3:
        raise StaleError(f"{patch.name}: no file named in it")
    for name, hunks in zip(found[1::2], found[2::2], strict=True):
        path = folder / name
        content = path.read_text()
        for hunk in re.split(r"^@@.*@@.*\n", hunks, flags=re.MULTILINE)[1:]:
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            if old == new or content.count(old) != 1:
                raise StaleError(f"{patch.name}: a hunk fits {content.count(old)} times in {name}")
            content = content.replace(old, new)
        path.write_text(content)
