"""What a commissioning report says, as values: JSON for machines, and pages for people, are made of these.

S11: no name, telephone number or address of anybody is in them; there is room on the paper to write them by hand.
"""

from typing import Literal

import msgspec

from provisioning.doctor.finding import State
from provisioning.sensors.walk import Outcome, RangeTest

Result = Outcome | Literal["not tested"]


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not work, or should be looked at."""

    about: str
    found: str
    remedy: str = ""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor, as it is configured and as the hub last heard it. `signal` and `battery` are in percent, if told."""

    sensor: str
    kind: str
    location: str
    driver: str
    address: str
    heard: str | None = None
    signal: int | None = None
    battery: int | None = None


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor's walk test: `missing` says what is, "" when nothing.

    `round_trip_ms` is from the alarm's commit to the centre's receipt.
    """

    sensor: str
    kind: str
    location: str
    result: Result
    missing: str = ""
    signal: int | None = None
    round_trip_ms: int | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One of the doctor's checks: the worst state in it, and in words."""

    title: str
    state: State
    words: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the care plan in plain words; `alarm` marks those that have a picture."""

    title: str
    points: tuple[str, ...]
    alarm: bool = False


class Commissioning(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report. `made` is UTC by a clock that was `synced` or not; `walked` when the walk test ended, or "".

    `pdf_sha256` is the digest of the sheets that were signed, in hexadecimal.
    """

    hub: str
    site: str
    software: str
    made: str
    synced: bool
    not_working: tuple[Trouble, ...]
    to_look_at: tuple[Trouble, ...]
    sensors: tuple[Installed, ...]
    parts: tuple[tuple[str, str], ...]
    walked: str
    tests: tuple[Tested, ...]
    ranges: tuple[RangeTest, ...]
    checks: tuple[Checked, ...]
    round_trips_ms: tuple[int, ...]
    plan_version: int
    plan: tuple[Part, ...]
    gaps: tuple[str, ...]
    pdf_sha256: str = ""
