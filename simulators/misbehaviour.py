"""What a simulated response centre does wrong on request: its faults, and what they make of a receipt. Pure."""

from typing import Any

import msgspec
from msgspec.structs import replace

from agent.wire.messages import Receipt

STALE_S = 3_600
"""How far back a stale receipt is dated: beyond any hub's tolerance for clocks that differ."""


class UnknownFaultError(Exception):
    """There is no such fault, or it takes another value; the text lists what there is."""


class Faults(msgspec.Struct):
    """The switches. `late` is in seconds; every other is on or off.

    `silent` loses events before they are kept, as a dead worker does; `retry` is a ledger that is down; `reorder`
    sends receipts in reverse, two at a time; `forged` signs with a key that is not the centre's.
    """

    late: float = 0
    retry: bool = False
    rejected: bool = False
    silent: bool = False
    duplicate: bool = False
    reorder: bool = False
    forged: bool = False
    stale_nonce: bool = False
    wrong_audience: bool = False
    wrong_digest: bool = False

    def turn(self, name: str, value: str) -> None:
        """Turn a fault `on` or `off`, or give its seconds. Raises UnknownFaultError."""
        field = name.replace("-", "_")
        if field not in self.__struct_fields__:
            known = ", ".join(each.replace("_", "-") for each in self.__struct_fields__)
            raise UnknownFaultError(f"no fault {name!r}: there are {known}")
        setattr(self, field, _seconds(value) if field == "late" else _switch(name, value))

    def on(self) -> dict[str, Any]:
        """Give the faults that are on."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}

    def distort(self, receipt: Receipt) -> list[Receipt]:
        """Give what is sent instead of an honest receipt."""
        if self.silent:
            return []
        if self.rejected:
            receipt = replace(receipt, result="rejected", reason="simulated")
        if self.stale_nonce:
            receipt = replace(receipt, nonce="stale-nonce-0000", iat=receipt.iat - STALE_S)
        if self.wrong_audience:
            receipt = replace(receipt, aud="some-other-hub")
        if self.wrong_digest:
            receipt = replace(receipt, digest="0" * 64)
        return [receipt, receipt] if self.duplicate else [receipt]


def _switch(name: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise UnknownFaultError(f"fault {name} is on or off, not {value!r}")
    return value == "on"


def _seconds(value: str) -> float:
    if value == "off":
        return 0
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= STALE_S:
        raise UnknownFaultError(f"fault late takes seconds from 0 to {STALE_S}, or off, not {value!r}")
    return seconds
