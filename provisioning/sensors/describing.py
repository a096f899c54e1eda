"""What an installer types about a device: what it is, where it is, what it is called. Pure."""

import re
from collections.abc import Collection
from typing import NamedTuple

import msgspec

from provisioning.sensors.editing import next_id
from provisioning.sensors.suggesting import KINDS

_REFERENCE = re.compile(r"[a-z0-9-]{1,40}")
REFERENCE_WORDS = "1 to 40 of a-z, 0-9 and - (a reference, never a name)"


class AnswerError(ValueError):
    """What was typed cannot be used; the text says what was expected."""


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor, as it stands in hub.toml."""

    id: str
    driver: str
    address: str
    kind: str
    location: str
    person: str = ""

    def table(self) -> dict[str, str]:
        """Give its table, without what is empty."""
        return {key: value for key, value in msgspec.structs.asdict(self).items() if value}


class Place(NamedTuple):
    """Where a sensor is; its id and whose it is, if they were said."""

    location: str
    id: str = ""
    person: str = ""


def read_kind(text: str) -> str:
    """Read a kind. Raises AnswerError."""
    kind = "-".join(text.lower().split())
    if kind in KINDS:
        return kind
    close = [each for each in KINDS if kind and each.startswith(kind)]
    if len(close) == 1:
        return close[0]
    raise AnswerError(f"there is no kind {text!r}: expected one of {', '.join(sorted(KINDS))}")


def read_place(text: str) -> Place:
    """Read `kitchen`, or `kitchen id=sink person=resident-1`. Raises AnswerError, which repeats nothing (S11)."""
    location, *rest = text.split() or [""]
    said = {"location": location}
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals or key not in ("id", "person") or key in said:
            raise AnswerError("write the place as one word, and then id=… and person=… if you like: kitchen id=sink")
        said[key] = value
    for key, value in said.items():
        if _REFERENCE.fullmatch(value) is None:
            raise AnswerError(f"the {key} is {REFERENCE_WORDS}, such as {_EXAMPLES[key]}")
    return Place(said["location"], said.get("id", ""), said.get("person", ""))


_EXAMPLES = {"location": "kitchen or bed-room", "id": "sink", "person": "resident-1"}


def described(at: tuple[str, str], kind: str, place: Place, taken: Collection[str]) -> Sensor:
    """Give the sensor that was described; its id is the next of its kind if none was said. Raises AnswerError."""
    if place.id and place.id in taken:
        raise AnswerError(f"there is a sensor {place.id} already: give this one another id")
    driver, address = at
    name = place.id or next_id(kind, set(taken))
    return Sensor(id=name, driver=driver, address=address, kind=kind, location=place.location, person=place.person)
