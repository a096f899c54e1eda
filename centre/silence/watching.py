"""The watch: from tick to tick, which homes are a case of their own, which are one incident, and whether we hear. Pure.

A trouble begins when a home is lost, before it is due. When due it is the home's own case, unless it is one of many.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from centre.silence.bursts import usual
from centre.silence.incidents import Incident, Troubles, gather, passed
from centre.silence.judging import RETURN_MS, judge
from centre.silence.seen import Seen
from centre.silence.troubles import Trouble, lived
from rules.values import Value

DEAF_MS = 60_000
"""The centre's own line may be gone so long before that is announced."""

ASLEEP_MS = 60_000
"""A tick so late means that the watch itself was away, or that a clock was set: nobody else was."""


class Silence(Value, frozen=True, kw_only=True):
    """What the watch knows. `troubles` by hub. `deaf_ms`: since when the centre does not hear well, `deaf`: announced.

    `at_ms` is the last tick, `listening_ms` since when the centre hears without a break.
    """

    at_ms: int | None = None
    hearing: bool = True
    listening_ms: int = 0
    deaf_ms: int | None = None
    deaf: bool = False
    troubles: Troubles = msgspec.field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    numbered: int = 0

    def cases(self) -> list[Trouble]:
        """Give the homes that are cases of their own, the most urgent first, then the longest lost."""
        own = (each for troubles in self.troubles.values() for each in troubles if each.own)
        return sorted(own, key=lambda each: (each.priority, each.since_ms, each.hub, each.what))

    def announced(self) -> list[Incident]:
        """Give the incidents that staff see."""
        return [each for each in self.incidents if each.announced_ms is not None]


def watch(before: Silence, homes: Iterable[Seen], now_ms: int, *, hearing: bool = True) -> Silence:
    """Look at every home of the registry once, at least every 5 s (`judging.TICK_MS`).

    A hub that is not among `homes` is not ours any more. `hearing` says whether the centre's own line to the broker is
    up. While it is not, nobody is judged: we know nothing.
    """
    ear = _listen(before, now_ms, hearing=hearing)
    if not hearing:
        return ear
    troubles, known = _look(ear, homes, now_ms)
    most = usual(known)
    incidents, numbered = gather(ear.incidents, ear.numbered, troubles, most, now_ms)
    lost = Counter(each.incident for several in troubles.values() for each in several if each.back_ms is None)
    went_on = (passed(each, lost[each.id], most, now_ms, ear.listening_ms) for each in incidents)
    standing = tuple(each for each in went_on if each is not None)
    _sort(troubles, {each.id: each.announced_ms is not None for each in standing}, now_ms)
    return replace(ear, troubles=troubles, incidents=standing, numbered=numbered)


def _listen(before: Silence, now_ms: int, *, hearing: bool) -> Silence:
    """Judge our own ear first: who does not hear must not call others silent, and must say so (S7)."""
    at_ms = before.at_ms
    asleep = at_ms is None or not 0 <= now_ms - at_ms <= ASLEEP_MS
    begun = hearing and (asleep or not before.hearing)
    listening_ms = now_ms if begun else before.listening_ms
    deaf_ms, deaf = before.deaf_ms, before.deaf
    if not hearing or (asleep and at_ms is not None):
        last_ms = now_ms if at_ms is None else at_ms
        deaf_ms = min(last_ms if deaf_ms is None else deaf_ms, now_ms)
        deaf = deaf or now_ms - deaf_ms >= DEAF_MS
    elif now_ms - listening_ms >= RETURN_MS:  # a line that comes and goes does not hear
        deaf_ms, deaf = None, False
    return replace(before, at_ms=now_ms, hearing=hearing, listening_ms=listening_ms, deaf_ms=deaf_ms, deaf=deaf)


def _look(ear: Silence, homes: Iterable[Seen], now_ms: int) -> tuple[Troubles, int]:
    """Bring every home's troubles up to now; also say how many homes were ever heard of."""
    untold = frozenset(("", *(each.id for each in ear.incidents if each.announced_ms is None)))
    found: Troubles = {}
    known = 0
    for seen in homes:
        known += seen.known
        losses = judge(seen, now_ms, ear.listening_ms)
        old = ear.troubles.get(seen.hub, ())
        if losses or old:
            new = lived(seen.hub, old, losses, now_ms, untold)
            if new:
                found[seen.hub] = new
    return found, known


def _sort(troubles: Troubles, announced: Mapping[str, bool], now_ms: int) -> None:
    """Decide of each trouble whether it is a case of its own. `announced`: the incidents there are, and which are."""
    for hub, several in troubles.items():
        after = tuple(_sorted(each, announced, now_ms) for each in several)
        if any(a is not b for a, b in zip(after, several, strict=True)):
            troubles[hub] = after


def _sorted(trouble: Trouble, announced: Mapping[str, bool], now_ms: int) -> Trouble:
    if trouble.incident and trouble.incident not in announced:
        trouble = replace(trouble, incident="")
    told = announced.get(trouble.incident, False)
    if trouble.own:
        # Opened in the seconds before it was clear that there are many: the incident has it now.
        return replace(trouble, own=False) if told and not trouble.alarm else trouble
    due = trouble.back_ms is None and trouble.due_ms <= now_ms
    return replace(trouble, own=True) if due and (trouble.alarm or not trouble.incident) else trouble
