"""The kinds of alarm a home can raise, and what is different about each.

Cancel windows and priorities are the defaults pinned in the design; a care plan may change them.
SCAIP device types and Contact ID codes are the field's, kept for the day an alarm leaves by another
protocol (pendant and fall are 101: receivers read 120 as a robbery).
"""

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


_10_S = 10_000
_30_S = 30_000

KINDS: tuple[Kind, ...] = (
    Kind("pendant", 1, _10_S, scaip_device="0003", contact_id=101),
    Kind("button", 1, _10_S, scaip_device="0007", contact_id=101),
    Kind("pull-cord", 1, _10_S, scaip_device="0003", contact_id=101),
    Kind("fall", 1, _30_S, scaip_device="0005", contact_id=101),
    Kind("smoke", 1, 0, always_real=True, scaip_device="0023", contact_id=111),
    Kind("carbon-monoxide", 1, 0, always_real=True, scaip_device="0026", contact_id=162),
    Kind("flood", 2, 0, scaip_device="0033", contact_id=154),
    Kind("door-button", 2, 0, silent=True, scaip_device="0027", contact_id=122),
)
"""Every kind this version knows, with its default rule."""

KIND_NAMES: frozenset[str] = frozenset(kind.name for kind in KINDS)
