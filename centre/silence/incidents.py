"""Many homes with one trouble: how an incident forms, is announced, and ends. Pure."""

from msgspec.structs import replace

from centre.silence.bursts import WINDOW_MS, dense
from centre.silence.troubles import Trouble
from rules.values import Value

ANNOUNCED_MS = 75_000
"""An incident is announced so long after its first loss, if it still is one: a broker's restart is nobody's alarm."""

OVER_MS = 600_000
"""Who is not back so long after an incident was over is a case of their own."""

Troubles = dict[str, tuple[Trouble, ...]]
"""By hub."""


class Incident(Value, frozen=True, kw_only=True):
    """Many homes with the same trouble at once. `hubs` names all that ever were part of it.

    `first_ms` and `last_ms`: the losses it consists of. `announced_ms`: None while it may yet pass. `over_ms`: since
    when most are back. `lost`: how many are not.
    """

    id: str
    what: str
    first_ms: int
    last_ms: int
    hubs: tuple[str, ...] = ()
    announced_ms: int | None = None
    over_ms: int | None = None
    lost: int = 0


def gather(
    before: tuple[Incident, ...], numbered: int, troubles: Troubles, most: int, now_ms: int
) -> tuple[list[Incident], int]:
    """Make what was lost together one incident, or part of one that goes on: in `troubles`, in place.

    `most` may be lost together by chance. Gives the incidents, and how many were ever `numbered`.
    """
    incidents = list(before)
    joining: dict[int, list[Trouble]] = {}
    for what, lost in _unjudged(troubles, now_ms).items():
        for trouble, many in zip(lost, dense([each.lost_ms for each in lost], most), strict=True):
            if not many or trouble.incident:
                continue
            place = _place(incidents, what, trouble.lost_ms)
            if place is None:
                numbered += 1
                place = len(incidents)
                moment = trouble.lost_ms
                incidents.append(Incident(id=f"incident-{numbered}", what=what, first_ms=moment, last_ms=moment))
            incidents[place] = replace(incidents[place], last_ms=max(incidents[place].last_ms, trouble.lost_ms))
            joining.setdefault(place, []).append(trouble)
    for place, joined in joining.items():
        incident = incidents[place]
        hubs = dict.fromkeys((*incident.hubs, *(each.hub for each in joined)))
        incidents[place] = replace(incident, hubs=tuple(hubs))
        for trouble in joined:
            _put(troubles, trouble, replace(trouble, incident=incident.id))
    return incidents, numbered


def _unjudged(troubles: Troubles, now_ms: int) -> dict[str, list[Trouble]]:
    """Sort what is lost, by trouble and moment, but for cases that were judged when they were new."""
    found: dict[str, list[Trouble]] = {}
    for several in troubles.values():
        for each in several:
            judged = each.own and each.lost_ms <= now_ms - 2 * WINDOW_MS
            if each.back_ms is None and not judged:
                found.setdefault(each.what, []).append(each)
    for lost in found.values():
        lost.sort(key=lambda each: (each.lost_ms, each.hub))
    return found


def _place(incidents: list[Incident], what: str, lost_ms: int) -> int | None:
    for place, each in enumerate(incidents):
        if each.what == what and each.first_ms - WINDOW_MS <= lost_ms <= each.last_ms + WINDOW_MS:
            return place
    return None


def _put(troubles: Troubles, old: Trouble, new: Trouble) -> None:
    troubles[old.hub] = tuple(new if each is old else each for each in troubles[old.hub])


def passed(incident: Incident, lost: int, most: int, now_ms: int, listening_ms: int) -> Incident | None:
    """Give the incident as it is now, with so many `lost`; None at its end, or when it was none before it was told."""
    if incident.announced_ms is None:
        first_ms = incident.first_ms if incident.first_ms <= now_ms else listening_ms  # our clock was set back
        if lost and now_ms < max(first_ms, listening_ms) + ANNOUNCED_MS:
            return replace(incident, lost=lost)
        return replace(incident, lost=lost, announced_ms=now_ms) if lost > most else None
    over_ms = incident.over_ms
    if lost > most or 2 * lost > len(incident.hubs):
        over_ms = None
    elif over_ms is None:
        over_ms = now_ms
    elif now_ms - over_ms >= OVER_MS:
        return None
    return replace(incident, lost=lost, over_ms=over_ms)
