"""How long each home could be reached: from the moments at which the watch called it silent, and called it back. Pure.

Time counts as silent from when the watch opened the home's case, at most 90 s after its line was cut, until the case of
the silence was over. Homes lost together in a regional outage have no case of their own: the outage is counted, once
for the service, and in no home's uptime. What is before a hub was enrolled counts neither way.
"""

from collections.abc import Iterable

from rules.values import Value

SERVICE, EAR = "", "!ear"
"""Turns that are no home's: of the outages there are, and of the centre's own hearing. No hub can be called so."""


class Uptime(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Of `known_ms` of the span in which the home was ours, `silent_ms` were in `silences` silences.

    `percent` is rounded down to a hundredth; None where no time is known.
    """

    known_ms: int = 0
    silent_ms: int = 0
    silences: int = 0
    percent: float | None = None


class Turn(Value, frozen=True):
    """At `at_ms` (the centre's Unix time) a home (or SERVICE, or EAR) was found silent, or was back."""

    hub: str
    at_ms: int
    silent: bool


def uptime(known_ms: int, silent_ms: int, silences: int) -> Uptime:
    """Make the figures."""
    share = (known_ms - silent_ms) * 10_000 // known_ms / 100 if known_ms else None
    return Uptime(known_ms=known_ms, silent_ms=silent_ms, silences=silences, percent=share)


class Presence:
    """Takes the turns after the beginning of a span, in order, and gives what each home's silence comes to.

    Turns after its end count too: the first one of a home after the beginning says how it was before. A home without
    any is as it is now.
    """

    def __init__(self, from_ms: int, until_ms: int, now_ms: int, silent_now: Iterable[str]) -> None:
        self._from_ms, self._until_ms = from_ms, max(from_ms, min(until_ms, now_ms))
        self._silent_now = frozenset(silent_now)
        self._since: dict[str, int | None] = {}
        self._silent: dict[str, int] = {}
        self._times: dict[str, int] = {}

    def turn(self, turn: Turn) -> None:
        """Take a turn. One that says what is known already changes nothing."""
        since = self._since.get(turn.hub, None if turn.silent else self._from_ms)
        if turn.silent:
            self._since[turn.hub] = turn.at_ms if since is None else since
        else:
            self._since[turn.hub] = None
            if since is not None:
                self._add(turn.hub, since, turn.at_ms)

    def of(self, hub: str, enrolled_ms: int) -> Uptime:
        """Give a home's figures, or those of SERVICE or EAR."""
        since = self._since.get(hub, self._from_ms if hub in self._silent_now else None)
        silent_ms, silences = self._silent.get(hub, 0), self._times.get(hub, 0)
        begin_ms = min(max(self._from_ms, enrolled_ms), self._until_ms)
        if since is not None and since < self._until_ms:
            silent_ms, silences = silent_ms + self._until_ms - max(since, self._from_ms), silences + 1
        known_ms = self._until_ms - begin_ms
        return uptime(known_ms, min(silent_ms, known_ms), silences)

    def _add(self, hub: str, since_ms: int, back_ms: int) -> None:
        begin_ms, end_ms = max(since_ms, self._from_ms), min(back_ms, self._until_ms)
        if since_ms < self._until_ms and end_ms >= begin_ms:
            self._silent[hub] = self._silent.get(hub, 0) + end_ms - begin_ms
            self._times[hub] = self._times.get(hub, 0) + 1
