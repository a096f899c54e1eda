"""What the watch's changes mean for cases, in words that staff read. Pure."""

from centre.cases.events import Ended, Found
from centre.cases.holding import MINUTE_MS
from centre.cases.placing import Word
from centre.silence import Change, Incident, Trouble
from centre.silence.judging import SILENCE
from centre.work.desk import Told

CENTRE_HUB = ""
"""Cases that are about no single home have no hub."""

DEAF = "deaf"
OUTAGE_PRIORITY = 2
"""Below an alarm of one person: nobody of an outage has called, and who has is a case of their own."""

_WHY = {
    "lost": "its line was lost",
    "not-back": "it said that it would stop for a moment, and has not come back",
    "no-check-in": "it is connected, and does not check in",
}
_DEAF = "the centre hears nobody: its line to the broker is gone, or it was not running; alarms wait at the homes"


CLOCK = "clock"


def told_of_clock(ahead_ms: int, at_ms: int, *, off: bool) -> Told:
    """Give the word for a clock of ours that hubs' network time speaks against, or does not any more."""
    if not off:
        return Told(CENTRE_HUB, Ended(at_ms=at_ms, cause="outage", subject=CLOCK, text="the clocks agree again"))
    how = f"{abs(ahead_ms) // MINUTE_MS} min {'behind' if ahead_ms > 0 else 'ahead of'}"
    text = (
        f"this centre's clock is {how} the network time of its hubs: they may refuse commands, and times shown are"
        " wrong; set it, and keep it on network time"
    )
    return Told(CENTRE_HUB, Found(at_ms=at_ms, cause="outage", subject=CLOCK, priority=OUTAGE_PRIORITY, text=text))


def told(change: Change) -> Told | None:
    """Give the word for a change; None for one that changes no case: it is seen on the home's page."""
    if change.trouble is not None:
        word = _of_home(change, change.trouble)
        return None if word is None else Told(change.trouble.hub, word)
    word = _of_many(change, change.incident) if change.incident is not None else _of_us(change)
    return None if word is None else Told(CENTRE_HUB, word)


def _of_home(change: Change, trouble: Trouble) -> Word | None:
    match change.kind:
        case "opened" | "urgent" | "lost-again":
            return _lost(trouble, change.at_ms)
        case "ended":
            return _over(trouble, change.at_ms, "well again for ten minutes")
        case "joined":
            return _over(trouble, change.at_ms, f"part of {trouble.incident} now")
        case _:
            return None


def _of_many(change: Change, incident: Incident) -> Word | None:
    match change.kind:
        case "incident" | "incident-grew" | "incident-again":
            return _incident(incident, change.at_ms)
        case "incident-ended":
            return Ended(at_ms=change.at_ms, cause="outage", subject=incident.id, text="over")
        case _:
            return None


def _of_us(change: Change) -> Word:
    if change.kind == "deaf":
        return Found(at_ms=change.at_ms, cause="outage", subject=DEAF, priority=1, text=_DEAF)
    return Ended(at_ms=change.at_ms, cause="outage", subject=DEAF, text="the centre hears again")


def _lost(trouble: Trouble, at_ms: int) -> Word:
    text = _WHY.get(trouble.why, trouble.why)
    if trouble.what == SILENCE:
        return Found(at_ms=at_ms, cause="silence", priority=trouble.priority, text=text)
    return Found(at_ms=at_ms, cause="fault", subject=trouble.what, priority=trouble.priority, text=text)


def _over(trouble: Trouble, at_ms: int, text: str) -> Word:
    if trouble.what == SILENCE:
        return Ended(at_ms=at_ms, cause="silence", text=text)
    return Ended(at_ms=at_ms, cause="fault", subject=trouble.what, text=text)


def _incident(incident: Incident, at_ms: int) -> Word:
    what = "are silent" if incident.what == SILENCE else f"have the fault {incident.what}"
    text = f"{len(incident.hubs)} homes {what}, lost within minutes of each other: one cause is likely"
    return Found(at_ms=at_ms, cause="outage", subject=incident.id, priority=OUTAGE_PRIORITY, text=text)
