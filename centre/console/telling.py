"""The time-line of a case: every entry of its audit as a sentence. Pure."""

from collections.abc import Mapping

from centre.cases.audit import Entry
from centre.cases.events import (
    Act,
    Began,
    Ended,
    Found,
    HandedOver,
    Heard,
    LetGo,
    Noted,
    Reopened,
    Resolved,
    Took,
    Waits,
)
from centre.cases.outcomes import OUTCOMES
from centre.console.words import kind, lower, place, subject
from rules.values import Value

_MINUTE_MS = 60_000
_RULES = {
    "window-ended": "nobody cancelled it",
    "second-press": "pressed a second time",
    "immediate": "sent at once",
    "reboot": "the box had restarted in the middle of it",
}
_MEANS = {
    "centre": "now it is ours to act",
    "siren": "the siren sounds at the home",
    "light": "the light flashes at the home",
    "relay": "the door or lamp was switched",
    "say": "it was said aloud at the home",
    "sms": "contacts were asked by text",
}
_HOLDERS = {"centre": "we have", "home": "a helper at the home has", "contact": "a contact has"}


class Told(Value, frozen=True, kw_only=True):
    """One line of a case's time-line. `side` is who speaks: `home`, `centre`, `staff`. `note` is free text, apart.

    `loud`: somebody in need was heard of by it.
    """

    at_ms: int
    version: int
    side: str
    who: str
    text: str
    note: str = ""
    loud: bool = False


def told(entry: Entry, shown: Mapping[str, str]) -> Told:
    """Put an entry of the audit into a sentence. `shown` is what colleagues call each operator."""
    event = entry.event
    loud, note = False, ""
    match event:
        case Heard():
            side, who, text = "home", "The home", _heard(event)
            loud = event.what in ("raised", "joined", "listed", "lapsed") and not event.test
        case Found():
            side, who, text, note, loud = (
                "centre",
                "The centre",
                f"found: {lower(subject(event.cause, event.subject))}",
                event.text,
                True,
            )
        case Ended():
            side, who, text, note = (
                "centre",
                "The centre",
                f"over: {lower(subject(event.cause, event.subject))}",
                event.text,
            )
        case Act():
            side, who = "staff", shown.get(event.by, event.by)
            text, note = _did(event, shown)
        case _:
            side, who, text = "centre", "The centre", _ticked(entry)
    at_ms, version = event.at_ms, entry.version
    return Told(at_ms=at_ms, version=version, side=side, who=who, text=text, note=note, loud=loud)


def _heard(event: Heard) -> str:
    what, where = lower(kind(event.kind)), f", {place(event.location)}" if event.location else ""
    test = " (a test)" if event.test else ""
    more = event.more
    match event.what:
        case "raised":
            why = _RULES.get(str(more.get("rule", "")), "")
            text = f"called: {what}{where}{test}{f' ({why})' if why else ''}"
        case "joined":
            text = f"called again: {what}{where}{test}, {_count(more.get('triggers'))}"
        case "cancelled":
            taken_back = "before it was sent" if more.get("stage") == "pending" else "after it was sent: you decide"
            text = f"the resident pressed cancel, {taken_back} ({what})"
        case "acknowledged":
            still = "still " if more.get("renewed") is True else ""
            text = f"{still}knows that {_HOLDERS.get(str(more.get('by', '')), 'somebody has')} it ({what})"
        case "lapsed":
            why = "it restarted" if more.get("why") == "reboot" else "it had no further word from us"
            text = f"calls again, for {why} ({what}{where}{test})"
        case "escalated":
            means = _MEANS.get(str(more.get("means", "")), "a step was taken")
            text = f"step {_whole(more.get('step'))}: {means} ({what})"
        case "texted":
            text = f"text to the contact {_reference(more.get('contact'))}: {_reference(more.get('state'))}"
        case "resolved":
            text = f"has closed it ({what})"
        case "listed":
            text = f"has it open: {what}{test}"
        case other:
            text = f"{_reference(other)}: {what}{where}{test}"
    return text


def _count(triggers: object) -> str:
    return f"{triggers} times by now" if isinstance(triggers, int) else "once more"


def _whole(number: object) -> str:
    return str(number) if isinstance(number, int) else "?"


def _reference(value: object) -> str:
    return str(value)[:64]


def _did(event: Act, shown: Mapping[str, str]) -> tuple[str, str]:
    text, note = "did something", ""
    match event:
        case Took():
            text = f"took it over from {shown.get(event.over, event.over)}" if event.over else "has it"
        case Began():
            text = "works on it"
        case Waits():
            minutes = max(1, round((event.until_ms - event.at_ms) / _MINUTE_MS))
            text = f"waits for {event.for_whom}, {minutes} min at most"
        case Noted():
            text, note = "noted", event.text
        case HandedOver():
            text = f"handed it over to {shown.get(event.to, event.to)}"
        case LetGo():
            text, note = "put it back into the queue", event.why
        case Resolved():
            text, note = f"resolved it: {OUTCOMES.get(event.outcome, event.outcome)}", event.note
        case Reopened():
            text, note = "opened it again", event.why
    return text, note


def _ticked(entry: Entry) -> str:
    if any(each.field == "owner" and not each.after for each in entry.changes):
        return "put it back into the queue: its owner said nothing"
    return "told the home again that somebody has it"
