"""A plain dry contact: which level means "needs help", over debounce; and one that finds no rest. Pure."""

import re
from typing import Literal

import msgspec

from sensors.debounce import Debounce
from sensors.driver import Observation

Rest = Literal["no", "nc"]

PIN_MIN, PIN_MAX = 2, 27  # the header's GPIOs; 0 and 1 belong to the identification of add-on boards

RESTLESS_MS = 10_000
REST_MS = 250
"""A contact that never stands for `REST_MS` within `RESTLESS_MS` chatters: a loose or wet wire, on which a call could
be lost. No hand is so quick for so long. (Our own figures.)"""

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
    opened while the hub was off clears. One that chatters is told as `unavailable` until it rests; what settles all
    the same counts. `spikes` counts levels that did not stand.
    """

    def __init__(self, address: str, rest: Rest, window_ms: int) -> None:
        self.address = address
        self.spikes = 0
        self.chatters = False
        self._active_when_closed = rest == "no"
        self._debounce = Debounce(window_ms)
        self._closed: bool | None = None
        self._moved_ms = self._restless_ms = 0

    def feed(self, closed: bool, at_ms: int) -> list[Observation]:  # noqa: FBT001 -- the contact's level
        """See the contact at `at_ms`."""
        rested = self._rested(at_ms)
        waited = self._debounce.due() is not None
        told = self._told(self._debounce.feed(closed, at_ms))
        self.spikes += waited and not told and self._debounce.due() is None
        return rested + told + self._moved(closed, at_ms)

    def due(self) -> int | None:
        """When to call `settle`; None: not at all."""
        rests_ms = self._moved_ms + REST_MS if self.chatters else None
        return min((due for due in (self._debounce.due(), rests_ms) if due is not None), default=None)

    def settle(self, now_ms: int) -> list[Observation]:
        """Tell the level that has stood long enough by `now_ms`."""
        return self._rested(now_ms) + self._told(self._debounce.settle(now_ms))

    def _moved(self, closed: bool, at_ms: int) -> list[Observation]:  # noqa: FBT001 -- likewise
        """S7: notice a contact that never stands still."""
        if closed == self._closed:
            return []
        first = self._closed is None
        self._closed = closed
        if first or at_ms - self._moved_ms >= REST_MS:
            self._restless_ms = at_ms
        self._moved_ms = at_ms
        if self.chatters or at_ms - self._restless_ms < RESTLESS_MS:
            return []
        self.chatters = True
        return [Observation(self.address, "unavailable", f"chatters, for {RESTLESS_MS // 1000} s: is a wire loose?")]

    def _rested(self, now_ms: int) -> list[Observation]:
        if not self.chatters or now_ms - self._moved_ms < REST_MS:
            return []
        self.chatters = False
        return [Observation(self.address, "unavailable", on=False)]

    def _told(self, closed: bool | None) -> list[Observation]:  # noqa: FBT001 -- likewise
        if closed is None:
            return []
        detail = "closed" if closed else "open"
        return [Observation(self.address, "active" if closed == self._active_when_closed else "clear", detail)]
