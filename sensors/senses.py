"""Which parts of a device a kind of sensor hears, when it is configured as the whole device. Pure.

A radar that sees falls sees somebody walk about as well: what is only watched must never call for help.
"""

from collections.abc import Mapping

_WATCHED: Mapping[str, frozenset[str]] = {
    "motion": frozenset({"occupancy", "presence"}),
    "door": frozenset({"contact"}),
    "bed": frozenset({"bed", "occupancy"}),
    "chair": frozenset({"occupancy"}),
    "temperature": frozenset(),
    "visit": frozenset(),
}
"""The levels that each of the `rules.kinds.SENSES` is about."""

_ONLY_WATCHED = frozenset({"occupancy", "presence", "bed"})


def hears(kind: str, part: str) -> bool:
    """Say whether a level of this part means anything to a sensor of this kind."""
    watched = _WATCHED.get(kind)
    return part not in _ONLY_WATCHED if watched is None else part in watched
