"""How much a machine may ask for: a token bucket for each, with time as an argument. Pure."""

from collections import OrderedDict


class Pace:
    """Lets each of many take `burst` at once, and one more every `every_ms`. Times are steady milliseconds.

    It remembers `names_max`; the one that was not heard of for the longest is forgotten first (S12).
    """

    def __init__(self, burst: int, every_ms: int, names_max: int = 1_000) -> None:
        self._burst_ms, self._every_ms, self._names_max = burst * every_ms, every_ms, names_max
        self._full_ms: OrderedDict[str, int] = OrderedDict()
        """When each one's bucket is, or was, full again."""

    def take(self, name: str, ms: int) -> int:
        """Take one: 0 if there was one, else in how many ms there will be."""
        full_ms = max(self._full_ms.get(name, ms), ms) + self._every_ms
        if full_ms - ms > self._burst_ms:
            return full_ms - ms - self._burst_ms
        self._full_ms[name] = full_ms
        self._full_ms.move_to_end(name)
        if len(self._full_ms) > self._names_max:
            self._full_ms.popitem(last=False)
        return 0
