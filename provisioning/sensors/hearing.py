"""What is heard and not configured, device by device, and which of it answers to a press. Pure.

The hub's status names every address, and a bridge's device has several, one for each part: `kitchen`,
`kitchen/water_leak`. Here they are one device.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from agent.status import HubStatus, StrangerStatus
from provisioning.sensors.hub import deaf
from provisioning.sensors.suggesting import WEAK, suggest

_SAYS_NOTHING = ("unavailable", "battery-low", "tamper")
_UPKEEP = ("reading signal", "reading battery")
_PRESSES = ("trigger", "active")


class Address(NamedTuple):
    """Where a device is heard: the driver's name, and the device's address without a part."""

    driver: str
    address: str


class Device(msgspec.Struct, frozen=True):
    """A device that is heard and not configured. `said` are the words of all its parts, `signal` per cent."""

    at: Address
    count: int
    heard_s: int
    signal: int | None
    said: tuple[str, ...]
    parts: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What it said, for people."""
        said = [each for each in self.tells if not each.startswith("alive")]
        plain = (each.partition(" ")[2] or each for each in said)
        return ", ".join(dict.fromkeys(plain)) or "nothing but a sign of life"

    @property
    def tells(self) -> tuple[str, ...]:
        """What it said that is more than a bridge's word about it."""
        return tuple(each for each in self.said if not each.startswith(_SAYS_NOTHING) and each not in _UPKEEP)


class Candidate(msgspec.Struct, frozen=True):
    """A device that was heard when somebody pressed. `known`: it had been heard before that too."""

    device: Device
    known: bool

    @property
    def kind(self) -> str:
        """The kind that it probably is."""
        return suggest((*self.device.said, *(f"active {part}" for part in self.device.parts if not self.pressed)))

    @property
    def pressed(self) -> bool:
        """Whether it told of a press, or of something that began."""
        return any(each.startswith(_PRESSES) for each in self.device.said)

    @property
    def weak(self) -> bool:
        """Whether it is heard so weakly that it may be in another home."""
        return self.device.signal is not None and self.device.signal < WEAK


def devices(strangers: Iterable[StrangerStatus]) -> dict[Address, Device]:
    """Give the devices that are heard and not configured."""
    found: dict[Address, Device] = {}
    for each in strangers:
        whole, slash, part = each.address.rpartition("/")
        at = Address(each.driver, whole if slash else each.address)
        told = Device(at, each.count, each.heard_s, each.signal, each.said, (part,) if slash else ())
        before = found.get(at)
        found[at] = told if before is None else _joined(before, told)
    return found


def _joined(one: Device, other: Device) -> Device:
    newer, older = (one, other) if one.heard_s <= other.heard_s else (other, one)
    return Device(
        one.at,
        one.count + other.count,
        newer.heard_s,
        newer.signal if newer.signal is not None else older.signal,
        tuple(dict.fromkeys((*one.said, *other.said))),
        tuple(dict.fromkeys((*one.parts, *other.parts))),
    )


def answering(before: Mapping[Address, Device], now: Mapping[Address, Device]) -> list[Candidate]:
    """Give the devices that were heard since `before`, the likeliest first.

    Likelier is what was not heard before, what told of a press, and then what is nearer.
    """
    found = [
        Candidate(device, known=at in before)
        for at, device in now.items()
        if device.tells and device.count > (before[at].count if at in before else 0)
    ]
    return sorted(found, key=_unlikely)


def _unlikely(candidate: Candidate) -> tuple[bool, bool, int]:
    return candidate.known, not candidate.pressed, -(candidate.device.signal or 0)


def ready(hub: HubStatus) -> str:
    """Say why nothing can be heard; "" when something can."""
    if not hub.drivers:
        return "The hub has no driver that hears sensors: plug an adapter in, and run hearthline sensors adapters."
    return "" if any(each.listening for each in hub.drivers) else "; ".join(deaf(hub))
