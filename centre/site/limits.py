"""How often a request may fail, from one address and from all together: token buckets, with time as an argument. Pure.

Nobody guesses a code's 80 bits; this keeps those who try, or send junk, from taking the service's time (S12).
"""

import ipaddress
from collections import OrderedDict
from typing import NamedTuple

_V6_BITS = 64  # what one customer of a provider is given, at the least


class Allowance(NamedTuple):
    """`burst` failures at once, and one more every `every_ms`."""

    burst: int
    every_ms: int


EACH = Allowance(burst=10, every_ms=30_000)
"""Of one address: an installer who mistypes is never kept waiting, and 120 guesses an hour are none."""

TOGETHER = Allowance(burst=300, every_ms=200)
"""Of all addresses: five a second for ever cost the service a few percent of one core."""

ADDRESSES_MAX = 4_096


class _Bucket:
    """What is left of an allowance. It fills by itself."""

    def __init__(self, allowance: Allowance, ms: int) -> None:
        self._allowance = allowance
        self._full_ms = ms
        """When it is, or was, full again: all that need be kept."""

    def wait_ms(self, ms: int) -> int:
        """Give how long until one can be taken; 0 for now."""
        missing_ms = max(0, self._full_ms - ms) - (self._allowance.burst - 1) * self._allowance.every_ms
        return max(0, missing_ms)

    def take(self, ms: int) -> None:
        self._full_ms = max(self._full_ms, ms) + self._allowance.every_ms

    def give_back(self) -> None:
        self._full_ms -= self._allowance.every_ms

    def is_full(self, ms: int) -> bool:
        return self._full_ms <= ms


class FailureLimit:
    """Takes a failure's place before a request is looked at, so that many at once gain nothing; success gives it back.

    Times are steady milliseconds. Remembers `addresses_max` addresses at most: when there are more, the one that is
    not heard of for the longest is forgotten, and what all may do together still holds.
    """

    def __init__(
        self, each: Allowance = EACH, together: Allowance = TOGETHER, addresses_max: int = ADDRESSES_MAX
    ) -> None:
        self._each = each
        self._addresses_max = addresses_max
        self._together = _Bucket(together, 0)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, ms: int) -> int:
        """Take a place: 0 if there was one, else how long until there is one, in ms."""
        key = network(address)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = _Bucket(self._each, ms)
        if wait_ms := max(bucket.wait_ms(ms), self._together.wait_ms(ms)):
            return wait_ms
        bucket.take(ms)
        self._together.take(ms)
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        self._forget(ms)
        return 0

    def give_back(self, address: str) -> None:
        """Give a place back: the request was a good one."""
        self._together.give_back()
        if bucket := self._buckets.get(network(address)):
            bucket.give_back()

    def _forget(self, ms: int) -> None:
        while self._buckets and (
            len(self._buckets) > self._addresses_max or next(iter(self._buckets.values())).is_full(ms)
        ):
            self._buckets.popitem(last=False)


def network(address: str) -> str:
    """Give whose an address is: itself, or its /64, of which anybody with IPv6 has all. Junk is all one address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "?"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), _V6_BITS), strict=False))
    return str(parsed)
