"""Notices a driver that hears far too much: a jammed radio, a device gone mad, a neighbour's storm. Pure."""

from typing import Final

SLOT_S: Final = 5.0
"""How often to look, in seconds."""

SLOTS_FULL: Final = 6
"""So many looks in a row that were full are interference: 30 s (EN 50134-3: a radio jammed for more than 30 s)."""

SLOTS_CALM: Final = 2
"""So many that were not end it."""

NOISE_FULL: Final = 50
"""From this much noise in a look on it is full: ten meaningless bursts a second leave a press of one little room."""

HEARD_FULL: Final = 2_500
"""Likewise for what means something: 500 a second, far more than all devices of a large home together."""


class Interference:
    """`look` every `SLOT_S`, with what was counted since the driver was made."""

    def __init__(self) -> None:
        self.standing = False
        self._noise = self._heard = 0
        self._slots = 0

    @property
    def calm(self) -> bool:
        """Whether the next look can only tell something new if more was heard by then."""
        return not self.standing and not self._slots

    def look(self, noise: int, heard: int) -> bool | None:
        """Give True when interference has begun, False when it is over, None when nothing changed."""
        full = noise - self._noise >= NOISE_FULL or heard - self._heard >= HEARD_FULL
        self._noise, self._heard = noise, heard
        self._slots = self._slots + 1 if full is not self.standing else 0
        if self._slots < (SLOTS_CALM if self.standing else SLOTS_FULL):
            return None
        self._slots = 0
        self.standing = not self.standing
        return self.standing
