"""Keeps the last walk test on the hub, for the commissioning report."""

import os
from pathlib import Path

import msgspec

from agent.files import write_whole
from provisioning.sensors.walk import RangeTest, WalkTest

FOLDER, FILE = "commissioning", "walk-test.json"
"""Where it lies, in the hub's state directory."""


class RecordError(Exception):
    """It cannot be kept; the text says what to do."""


def read_walk(state_dir: Path) -> WalkTest | None:
    """Give the walk test that was kept last; None when there is none that can be read."""
    try:
        return msgspec.json.decode((state_dir / FOLDER / FILE).read_bytes(), type=WalkTest)
    except (OSError, msgspec.DecodeError):
        return None


def keep_walk(state_dir: Path, test: WalkTest) -> None:
    """Keep it, for the hub's user alone. Raises RecordError."""
    folder = state_dir / FOLDER
    try:
        above = state_dir.stat()  # root keeps it for the hub's user
        owner = (above.st_uid, above.st_gid) if os.geteuid() == 0 else None
        folder.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            os.chown(folder, *owner)
        write_whole(folder / FILE, msgspec.json.encode(test), new=folder / f"{FILE}.new", owner=owner)
    except OSError as error:
        remedy = "run this as root or as the hub's user"
        raise RecordError(f"the result could not be kept: {folder}: {error.strerror}: {remedy}") from None


def with_range(test: WalkTest, ranged: RangeTest) -> WalkTest:
    """Put a range test in the place of an earlier one of the same sensor."""
    others = (each for each in test.ranges if each.sensor != ranged.sensor)
    return msgspec.structs.replace(test, ranges=(*others, ranged))


def with_ranges_of(test: WalkTest, before: WalkTest | None) -> WalkTest:
    """Let a new walk test keep the range tests of sensors that there still are."""
    known = {each.id for each in test.sensors}
    kept = tuple(each for each in (before.ranges if before else ()) if each.sensor in known)
    return msgspec.structs.replace(test, ranges=kept)
