"""The kinds of alarm a home can raise, and what is different about each; and the senses that raise none themselves.

Cancel windows and priorities are the defaults pinned in the design; a care plan may change them.
SCAIP device types and Contact ID codes are the field's, kept for the day an alarm leaves by another
protocol (pendant and fall are 101: receivers read 120 as a robbery).
"""

from msgspec.structs import replace

from rules.values import Value


class Kind(Value, frozen=True):
    """One kind of alarm.

    `priority` runs from 1 (life) to 4 (housekeeping). `cancel_ms` is how long the resident may take
    the alarm back before it is sent; 0 sends at once. A `silent` kind makes no sound or light at
    home. `always_real` kinds are never marked as a test, engineer mode or not.
    """

    name: str
    priority: int
    cancel_ms: int
    silent: bool = False
    always_real: bool = False
    scaip_device: str = ""
    contact_id: int = 0

    def ruled(self, priority: int | None, cancel_ms: int | None, *, silent: bool | None) -> "Kind":
        """Give the kind as a plan or a configuration wants it; None leaves what is."""
        return replace(
            self,
            priority=self.priority if priority is None else priority,
            cancel_ms=self.cancel_ms if cancel_ms is None else cancel_ms,
            silent=self.silent if silent is None else silent,
        )


_10_S = 10_000
_30_S = 30_000
_5_MIN = 300_000

SENSOR_KINDS: tuple[Kind, ...] = (
    Kind("pendant", 1, _10_S, scaip_device="0003", contact_id=101),
    Kind("button", 1, _10_S, scaip_device="0007", contact_id=101),
    Kind("pull-cord", 1, _10_S, scaip_device="0003", contact_id=101),
    Kind("fall", 1, _30_S, scaip_device="0005", contact_id=101),
    Kind("smoke", 1, 0, always_real=True, scaip_device="0023", contact_id=111),
    Kind("carbon-monoxide", 1, 0, always_real=True, scaip_device="0026", contact_id=162),
    Kind("flood", 2, 0, scaip_device="0033", contact_id=154),
    Kind("door-button", 2, 0, silent=True, scaip_device="0027", contact_id=122),
)
"""What a sensor asks for help with, with its default rule."""

WATCH_KINDS: tuple[Kind, ...] = (
    Kind("inactivity", 2, _5_MIN, scaip_device="0010", contact_id=102),
    Kind("bed", 2, 0, scaip_device="0012", contact_id=102),
    Kind("chair", 3, 0, scaip_device="0012", contact_id=102),
    Kind("door-open", 3, 0, scaip_device="0014"),
    Kind("leaving", 2, 0, scaip_device="0014"),
    Kind("cold", 2, 0),
    Kind("heat", 2, 0),
    Kind("visit-missed", 3, 0),
    Kind("reminder-missed", 3, 0, silent=True, scaip_device="0011"),
    Kind("reading", 3, 0, silent=True),
)
"""What the hub finds by watching, by a care plan's rules. The window of `inactivity` is its five minutes' warning."""

KINDS: tuple[Kind, ...] = SENSOR_KINDS + WATCH_KINDS
"""Every kind of alarm this version knows that a home may have."""

TEST = Kind("test", 4, 0, silent=True)
"""An installer's test of the way to the centre (`rules.installer`): always a test, and no sensor, plan or configuration
may have or change it, so it is not one of `KINDS`."""

SENSES: frozenset[str] = frozenset({"motion", "door", "bed", "chair", "temperature", "visit", "lid", "reading"})
"""Kinds of sensor that raise no alarm themselves: what they tell is watched."""

KIND_NAMES: frozenset[str] = frozenset(kind.name for kind in KINDS)
