"""Which parts of a device a kind of sensor hears, when it is configured as the whole device, and what counts. Pure.

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
    "lid": frozenset({"contact"}),
    "reading": frozenset(),
}
"""The levels that each of the `rules.kinds.SENSES` is about."""

OF_ANY: Mapping[str, str] = {"battery": "%", "temperature": "°C"}
"""Quantities that any device may tell of itself or its room, with their units."""

MEASURED: Mapping[str, str] = {
    "weight": "kg",
    "systolic": "mmHg",
    "diastolic": "mmHg",
    "pulse": "/min",
    "oxygen": "%",
    "glucose": "mmol/L",
    "humidity": "%",
    "co2": "ppm",
}
"""Quantities that a sensor of the kind `reading` is there for, with their units. No others leave the home (S11)."""

_UPKEEP = frozenset({"battery", "signal"})

_ONLY_WATCHED = frozenset({"occupancy", "presence", "bed"})


def hears(kind: str, part: str) -> bool:
    """Say whether a level of this part means anything to a sensor of this kind."""
    watched = _WATCHED.get(kind)
    return part not in _ONLY_WATCHED if watched is None else part in watched


def measures(kind: str, quantity: str) -> bool:
    """Say whether a quantity means anything of a sensor of this kind."""
    return kind == "reading" or quantity not in MEASURED


def matters(kind: str, quantity: str) -> bool:
    """Say whether a quantity is what a sensor of this kind is there for: every measurement counts."""
    return kind == "reading" and quantity not in _UPKEEP
