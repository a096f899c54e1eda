"""How the console puts things: kinds, states, moments and durations in plain English. Pure."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from babel import Locale, UnknownLocaleError

from centre.cases.case import Case, CaseAlarm
from centre.console.home_words import fault
from centre.silence.incidents import Incident
from centre.silence.judging import SILENCE
from centre.store.records import Role
from centre.work.finding import DEAF

KINDS: dict[str, str] = {
    "pendant": "Pendant pressed",
    "button": "Call button pressed",
    "pull-cord": "Pull cord pulled",
    "fall": "Fall detected",
    "smoke": "Smoke",
    "carbon-monoxide": "Carbon monoxide",
    "flood": "Water on the floor",
    "door-button": "Unwanted caller at the door",
    "inactivity": "No sign of life",
    "bed": "Out of bed for long",
    "chair": "Out of the chair for long",
    "door-open": "Door left open",
    "leaving": "Left the home",
    "cold": "Too cold",
    "heat": "Too hot",
    "visit-missed": "A carer did not come",
    "reminder-missed": "A reminder was not answered",
    "reading": "A reading out of its range",
    "test": "Installer's test",
    "silence": "Home is silent",
    "outage": "Many homes have one trouble",
    "unreadable": "A message that cannot be read",
    "unknown-hub": "A box that is not ours called",
    "conflict": "Two messages under one number",
    "fault": "Equipment fault",
}
"""An alarm's kind, or what the centre found."""

PRIORITIES: dict[int, str] = {1: "Urgent", 2: "High", 3: "Medium", 4: "Low"}

STATES: dict[str, str] = {
    "new": "Nobody has it",
    "taken": "Taken",
    "in-progress": "In progress",
    "waiting": "Waiting",
    "resolved": "Resolved",
}

STAGES: dict[str, str] = {
    "raised": "open at the home",
    "acknowledged": "the home knows that it is being answered",
    "resolved": "closed at the home",
    "ended": "over",
}

COMMANDS: dict[str, str] = {
    "acknowledge": "Tell the home that somebody has it",
    "resolve": "Close it at the home",
    "silence": "Quiet the sounds",
    "set-mode": "Set the mode",
    "resend": "Send again what is missing",
    "test": "Test itself",
    "report": "Report its state",
    "locate": "Pip, to be found",
    "say": "Say something",
}

COMMAND_STATES: dict[str, str] = {
    "waiting": "not sent yet",
    "sent": "sent, no answer yet",
    "done": "done",
    "refused": "refused by the box",
    "unanswered": "no answer",
    "superseded": "not sent any more",
}

MARKS = ("", "over 1 minute", "over 3 minutes")
"""How long somebody has waited, by the field's two figures."""

DONE: dict[str, str] = {
    "take": "You have this case.",
    "begin": "In progress.",
    "wait": "Kept: you will be asked again then.",
    "note": "The note is kept.",
    "hand-over": "Handed over.",
    "let-go": "Put back into the queue.",
    "resolve": "Resolved.",
    "reopen": "Open again.",
}
"""What a page says of what was just done."""

_DIGITS_MIN, _DIGITS_MAX = 3, 20
_S, _MIN, _H, _DAY = 1_000, 60_000, 3_600_000, 86_400_000


def kind(name: str) -> str:
    """Put an alarm's kind into words; one that is not known, as its hub called it."""
    return KINDS.get(name, name)


def priority(number: int) -> str:
    """Put a priority into a word."""
    return PRIORITIES.get(number, "Low")


def state(name: str) -> str:
    """Put a case's state into words."""
    return STATES.get(name, name)


def place(reference: str) -> str:
    """Put a place's reference as people read it."""
    return reference.replace("-", " ").replace("_", " ")


# --- cases -------------------------------------------------------------------------------------------


def foremost(case: Case) -> CaseAlarm | None:
    """Give the alarm that a case is called by: one that still stands, the most urgent, the first."""
    return min(case.alarms, key=lambda each: (each.over, each.test, each.priority, each.arrived_ms), default=None)


def heading(case: Case) -> str:
    """Say what a case is about: "Fall detected, bathroom"."""
    alarm = foremost(case)
    if alarm is None:
        return kind(case.cause)
    where = place(alarm.location)
    return f"{about(alarm)}, {where}" if where else about(alarm)


def about(alarm: CaseAlarm) -> str:
    """Say what an alarm is, or what the centre found."""
    return subject(alarm.kind, alarm.alarm.partition(":")[2]) if alarm.found else kind(alarm.kind)


def subject(cause: str, what: str) -> str:
    """Say what the centre found."""
    if cause == "fault" and what:
        return fault(what)
    return "The centre hears no home" if (cause, what) == ("outage", DEAF) else kind(cause)


def others(case: Case) -> str:
    """Say what else is in it: "and 2 more"."""
    more = len(case.alarms) - 1
    return f"and {more} more" if more > 0 else ""


def home(hub: str) -> str:
    """Name a home as the queue does: by its box. What the centre found about many, or itself, has none."""
    return hub or "no single home"


def outage(incident: Incident) -> str:
    """Say what many homes have in common."""
    what = "are silent" if incident.what == SILENCE else f"have one fault, {lower(fault(incident.what))}"
    return f"{len(incident.hubs)} homes {what}; {incident.lost} are not well again yet"


def dialled(number: str) -> str:
    """Give what a telephone dials; empty for what is no number."""
    number = number.replace("(0)", "") if number.lstrip().startswith("+") else number
    digits = "".join(each for each in number if each.isascii() and (each.isdigit() or each == "+"))
    plain = all(each in "0123456789+ -()./" for each in number)
    return digits if plain and _DIGITS_MIN <= len(digits) <= _DIGITS_MAX else ""


def language(tag: str) -> str:
    """Name a language, such as `ur`, as it is called here; one that is not known by its tag."""
    try:
        return Locale.parse(tag, sep="-").get_display_name("en") or tag
    except (ValueError, UnknownLocaleError):
        return tag


def lower(text: str) -> str:
    """Put words into a sentence."""
    return text[:1].lower() + text[1:]


# --- time --------------------------------------------------------------------------------------------


def duration(ms: int) -> str:
    """Put a time span into words: "42 s", "3 min 05 s", "2 h 10 min", "4 days"."""
    ms = max(0, ms)
    if ms < _MIN:
        return f"{ms // _S} s"
    if ms < _H:
        return f"{ms // _MIN} min {ms % _MIN // _S:02} s"
    if ms < 2 * _DAY:
        return f"{ms // _H} h {ms % _H // _MIN:02} min"
    return f"{ms // _DAY} days"


def iso(ms: int) -> str:
    """Give a moment (Unix ms) as machines read it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(ms: int, zone: tzinfo | None) -> str:
    """Give a moment's time of day, to the second. `zone` None is this computer's own."""
    return f"{_at(ms, zone):%H:%M:%S}"


def moment(ms: int, zone: tzinfo | None, now_ms: int) -> str:
    """Give a moment for people: its time if it is of today, else its date too."""
    then, now = _at(ms, zone), _at(now_ms, zone)
    if then.date() == now.date():
        return f"{then:%H:%M:%S}"
    return f"{then.day} {then:%b}{f' {then.year}' if then.year != now.year else ''}, {then:%H:%M:%S}"


def _at(ms: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


# --- the pages themselves ----------------------------------------------------------------------------

DESK: frozenset[Role] = frozenset({"operator", "supervisor"})
"""Who answers alarms, and so hears them."""

NAVIGATION: tuple[tuple[str, str, str, frozenset[Role]], ...] = (
    ("/", "Queue", "q", DESK),
    ("/homes", "Homes", "h", DESK | {"installer"}),
    ("/worklist", "Worklist", "w", DESK | {"installer"}),
    ("/tests", "Tests", "t", DESK | {"installer"}),
    ("/reports", "Reports", "r", frozenset({"supervisor", "auditor"})),
    ("/audit", "Audit", "a", frozenset({"supervisor", "auditor"})),
    ("/staff", "Staff", "s", frozenset({"supervisor"})),
    ("/integrations", "Integrations", "i", frozenset({"supervisor"})),
)
"""Where to go: address, name, the key after `g`, and whose it is."""

_ERRORS = {
    400: "That could not be understood",
    401: "Sign in first",
    403: "Not yours to do",
    404: "There is nothing here",
    405: "Not done this way",
    409: "Somebody else was first",
    413: "That is too long",
    421: "Not over this line",
    429: "Too many at once",
    503: "Not now",
}


def error(status: int) -> str:
    """Give the heading of a page that says what went wrong."""
    return _ERRORS.get(status, "Something went wrong here")


def bounded(value: Any, most: int) -> str:  # noqa: ANN401 -- whatever a form brought
    """Give a form's text, no longer than that."""
    return value[:most] if isinstance(value, str) else ""
