"""What a tick changed: for the queue, the audit and whoever sounds the alarm. Pure."""

from typing import Literal

from centre.silence.incidents import Incident
from centre.silence.troubles import Trouble
from centre.silence.watching import Silence
from rules.values import Value

Kind = Literal[
    "opened",  # a home is a case of its own
    "joined",  # its case is part of an incident now, and no more one of its own
    "returned",  # it is well; its case goes on until it has been for ten minutes
    "lost-again",
    "urgent",  # an alarm of it is open
    "ended",  # it was well for ten minutes, or is not ours any more
    "incident",  # many homes are one case
    "incident-grew",
    "incident-over",  # most are back; who is not in ten minutes becomes a case
    "incident-again",
    "incident-ended",
    "deaf",  # the centre hears nobody: its own case, and a loud one
    "hearing",
]


class Change(Value, frozen=True, kw_only=True):
    """One thing that changed at `at_ms`, with what it is about, as it is now; at its end, as it was last."""

    kind: Kind
    at_ms: int
    trouble: Trouble | None = None
    incident: Incident | None = None


def changes(before: Silence, after: Silence) -> list[Change]:
    """Tell what a tick changed. From nothing, everything there is."""
    at_ms = after.at_ms or 0
    found = [] if before.deaf == after.deaf else [Change(kind="deaf" if after.deaf else "hearing", at_ms=at_ms)]
    was = {each.id: each for each in before.announced()}
    now = {each.id: each for each in after.announced()}
    for name in dict.fromkeys((*now, *was)):
        kind = _incident(was.get(name), now.get(name))
        if kind is not None:
            found.append(Change(kind=kind, at_ms=at_ms, incident=now.get(name) or was[name]))
    for hub in dict.fromkeys((*after.troubles, *before.troubles)):
        old, new = before.troubles.get(hub, ()), after.troubles.get(hub, ())
        if old is not new:
            found += _home(old, new, at_ms)
    return found


def _incident(was: Incident | None, now: Incident | None) -> Kind | None:
    if was is None or now is None:
        return "incident" if was is None else "incident-ended"
    if (was.over_ms is None) != (now.over_ms is None):
        return "incident-over" if was.over_ms is None else "incident-again"
    return "incident-grew" if len(now.hubs) > len(was.hubs) else None


def _home(old: tuple[Trouble, ...], new: tuple[Trouble, ...], at_ms: int) -> list[Change]:
    was = {each.what: each for each in old}
    now = {each.what: each for each in new}
    found = []
    for what in dict.fromkeys((*now, *was)):
        kind = _trouble(was.get(what), now.get(what))
        if kind is not None:
            found.append(Change(kind=kind, at_ms=at_ms, trouble=now.get(what) or was[what]))
    return found


def _trouble(was: Trouble | None, now: Trouble | None) -> Kind | None:
    """What became of a home's own case. In an incident it has none, and the incident tells."""
    if was is None or not was.own:
        return "opened" if now is not None and now.own else None
    if now is None:
        return "ended"
    if not now.own:
        return "joined"
    if (was.back_ms is None) != (now.back_ms is None):
        return "returned" if was.back_ms is None else "lost-again"
    return "urgent" if now.alarm and not was.alarm else None
