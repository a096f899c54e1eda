"""The base of every value in the rules: immutable, serialisable, tagged by a kebab-case name."""

import re
from datetime import UTC, datetime

import msgspec


def kebab(name: str) -> str:
    """Turn a class name into its tag: `LinkUp` becomes `link-up`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


TEXT_CHARS_MAX = 500
"""The longest text taken over from outside (a reason, a device's word): an event must fit the wire (S12)."""

_WALL_MS_MAX = 253_402_300_799_999
"""The end of the year 9999, the last moment that can be written."""


def utc(wall_ms: int) -> str:
    """Write Unix milliseconds as the wire does: UTC, milliseconds, `Z`. A mad clock reads as the nearest end."""
    wall_ms = min(max(wall_ms, 0), _WALL_MS_MAX)
    moment = datetime.fromtimestamp(wall_ms // 1000, UTC).replace(microsecond=wall_ms % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """A plain immutable value. Defaults are left out when it is written as JSON."""


class Now(Value, frozen=True):
    """A moment as the hub knew it.

    `ms` counts milliseconds on the boot-relative clock (it never jumps); `wall_ms` is Unix time in
    milliseconds as the wall clock claimed; `synced` says whether the kernel vouched for that claim.
    """

    ms: int
    wall_ms: int
    synced: bool = False

    def at(self, ms: int) -> "Now":
        """Give the same moment's clock as it read at `ms` on the boot-relative clock."""
        return Now(ms, self.wall_ms - (self.ms - ms), self.synced)
