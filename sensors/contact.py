"""A plain dry contact: which level means "needs help", over debounce. Pure."""

import re
from typing import Literal

import msgspec

from sensors.debounce import Debounce
from sensors.driver import Observation

Rest = Literal["no", "nc"]

PIN_MIN, PIN_MAX = 2, 27  # the header's GPIOs; 0 and 1 belong to the identification of add-on boards

_ADDRESS = re.compile(r"(?:GPIO)?(\d{1,2})(?::(no|nc))?", re.ASCII)


class ContactAddress(msgspec.Struct, frozen=True):
    """Where a contact is wired: the Broadcom pin number, and whether it is open (`no`) or closed (`nc`) at rest.

    `nc` makes a cut wire ask for help too.
    """

    pin: int
    rest: Rest = "no"


def parse_contact(address: str) -> ContactAddress:
    """Read `GPIO17`, `17`, `GPIO17:no` (normally open, the default) or `GPIO17:nc` (normally closed).

    Raises:
        ValueError: it is none of them.

    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(f"pin address {address!r}: expected 'GPIO17', 'GPIO17:no' or 'GPIO17:nc'")
    pin = int(match[1])
    if not PIN_MIN <= pin <= PIN_MAX:
        raise ValueError(f"pin address {address!r}: expected a Broadcom pin from {PIN_MIN} to {PIN_MAX}")
    return ContactAddress(pin, "nc" if match[2] == "nc" else "no")


class Contact:
    """Turns a contact's open and closed into `active` and `clear`, each told when it has stood for `window_ms`.

    The first level to settle is told too: a contact closed already when the hub starts counts, and one that
    opened while the hub was off clears.
    """

    def __init__(self, address: str, rest: Rest, window_ms: int) -> None:
        self.address = address
        self._active_when_closed = rest == "no"
        self._debounce = Debounce(window_ms)

    def feed(self, closed: bool, at_ms: int) -> list[Observation]:  # noqa: FBT001 -- the contact's level
        """See the contact at `at_ms`."""
        return self._told(self._debounce.feed(closed, at_ms))

    def due(self) -> int | None:
        """When to call `settle`; None: not at all."""
        return self._debounce.due()

    def settle(self, now_ms: int) -> list[Observation]:
        """Tell the level that has stood long enough by `now_ms`."""
        return self._told(self._debounce.settle(now_ms))

    def _told(self, closed: bool | None) -> list[Observation]:  # noqa: FBT001 -- likewise
        if closed is None:
            return []
        detail = "closed" if closed else "open"
        return [Observation(self.address, "active" if closed == self._active_when_closed else "clear", detail)]
