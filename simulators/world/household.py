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
BUTTON = Device("hub", "button", "hub")
"""The hub's own call button."""

PLACES = {each.id: each for each in (*DEVICES, BUTTON)}
LEVELS = frozenset({"flood-kitchen", "flood-bath"})
"""Devices that tell of a state, which lasts until it ends."""

WINDOW_MS = {"pendant": 10_000, "button": 10_000, "pull-cord": 10_000, "fall": 30_000}
"""The design's cancel windows (§4); others have none."""


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
        uplinks=(Uplink(name="main", host="broker", port=1883),),
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
            for each in DEVICES
        ),
        kinds=KINDS,
    )
