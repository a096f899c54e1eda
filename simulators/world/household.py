"""The household of the simulated world: who lives there with which devices, and how the hub is configured for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.config import HubConfig, Keys, SensorConfig, Uplink
from agent.config.tables import Buttons, Driver, OutputPins
from rules.kinds import KINDS
from sensors.driver import MonotonicMs, SensorDriver
from sensors.options import Options
from sensors.registry import HEARTBEAT_MS, DriverType

HUB = "hub-world"
MOBILE = "wwan0"
"""The network interface of the second line."""

NOWHERE = Path("nowhere")


class Device(msgspec.Struct, frozen=True):
    """A device as people speak of it. Its address is its id."""

    id: str
    kind: str
    location: str
    person: str = ""

    @property
    def silent(self) -> bool:
        """Whether its alarms make no sound at home."""
        return self.kind == "door-button"


DEVICES = (
    Device("pendant-1", "pendant", "home", "p1"),
    Device("pendant-2", "pendant", "home", "p2"),
    Device("fall-1", "fall", "home", "p1"),
    Device("cord-bath", "pull-cord", "bath"),
    Device("cord-bed", "pull-cord", "bedroom"),
    Device("flood-kitchen", "flood", "kitchen"),
    Device("flood-bath", "flood", "bath"),
    Device("smoke-hall", "smoke", "hall"),
    Device("co-kitchen", "carbon-monoxide", "kitchen"),
    Device("door-1", "door-button", "hall"),
)
SENSES = (
    Device("motion-hall", "motion", "hall"),
    Device("motion-kitchen", "motion", "kitchen"),
    Device("door-front", "door", "hall"),
    Device("bed-1", "bed", "bedroom", "p1"),
    Device("chair-1", "chair", "parlour", "p1"),
    Device("room-bed", "temperature", "bedroom"),
    Device("room-bath", "temperature", "bath"),
    Device("box-1", "lid", "kitchen", "p1"),
)
"""What tells how the resident lives: nothing here calls by itself, a care plan has it watched."""

RESTLESS = Device("flood-cellar", "flood", "cellar")
"""A worn contact, for the days on which one chatters."""

BUTTON = Device("hub", "button", "hub")
"""The hub's own call button."""

CALLERS = {each.id: each for each in (*DEVICES, BUTTON)}
PLACES = CALLERS | {each.id: each for each in (*SENSES, RESTLESS)}
LEVELS = frozenset({"flood-kitchen", "flood-bath"})
"""Devices that tell of a state, which lasts until it ends."""

WINDOW_MS = {"pendant": 10_000, "button": 10_000, "pull-cord": 10_000, "fall": 30_000, "inactivity": 300_000}
"""The design's cancel windows (§4), and how long the resident is warned before inactivity calls; others have none."""

WATCHED = frozenset({"inactivity", "bed", "chair", "door-open", "leaving", "cold", "heat"})
"""The kinds of alarm that the hub finds by watching."""

UNASKED = WATCHED | {"reminder-missed"}
"""The kinds of alarm that nobody asks for."""

TEXTS = frozenset({"dinner", "visit-today", "tablets", "box", "drink", "hospital"})
"""The texts of every care plan here, by reference: the hub's own book of them is not what is tried."""


def air(make: Any) -> DriverType:  # noqa: ANN401 -- a driver's maker, as the registry has it
    """Give the type of the one driver: what devices say comes through the air."""

    def made(_options: object, _addresses: Sequence[str], _clock: MonotonicMs, _pins: object) -> SensorDriver:
        driver: SensorDriver = make()
        return driver

    return DriverType("air", Options, made, str, HEARTBEAT_MS)


def configuration(folder: Path) -> HubConfig:
    """Give the hub's configuration, as `agent.config` would have read it."""
    return HubConfig(
        path=NOWHERE,
        hub=HUB,
        state_dir=folder,
        socket=NOWHERE,
        outputs=OutputPins(),
        keys=Keys(hub=NOWHERE, centre=(NOWHERE,)),
        uplinks=(
            Uplink(name="main", host="broker", port=1883),
            Uplink(name="mobile", host="broker", port=1883, interface=MOBILE, standby=True),
        ),
        pins=None,
        buttons=Buttons(),
        drivers=(Driver("air", "air", Options()),),
        sensors=tuple(
            SensorConfig(
                id=each.id,
                driver="air",
                address=each.id,
                kind=each.kind,
                location=each.location,
                person=each.person,
                silent_after_s="never" if each.kind == "door-button" else None,
            )
            for each in (*DEVICES, *SENSES, RESTLESS)
        ),
        kinds=KINDS,
    )
