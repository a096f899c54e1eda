"""Tells the repeats of one press from the next press: radios and bridges say one thing several times. Pure."""

from collections import OrderedDict
from collections.abc import Hashable

_KEYS_MAX = 256


class Repeats:
    """Remembers the last time of each key; what comes within `window_ms` of the one before is its repeat.

    The window slides, so a button held down is one press for as long as it is held.
    """

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last_ms: OrderedDict[Hashable, int] = OrderedDict()

    def repeats(self, key: Hashable, at_ms: int) -> bool:
        """Note `key` at `at_ms`; say whether it repeats an earlier one."""
        before_ms = self._last_ms.pop(key, None)
        self._last_ms[key] = at_ms
        if len(self._last_ms) > _KEYS_MAX:
            self._last_ms.popitem(last=False)
        return before_ms is not None and at_ms - before_ms < self._window_ms
