"""What a device probably is, from what it said; and what a signal's strength means in words. Pure."""

import re
from collections.abc import Iterable

from rules.kinds import SENSES, SENSOR_KINDS

WEAK, FAIR, STRONG = 20, 35, 60
"""Per cent from which a signal is fair, good, strong; below the first it is weak. (Our own figures.)"""

KINDS: dict[str, str] = {
    "pendant": "a pendant or wristband that calls for help",
    "button": "a button on a wall that calls for help",
    "pull-cord": "a cord that calls for help",
    "fall": "a fall detector",
    "smoke": "a smoke alarm: always a real alarm, even in engineer mode",
    "carbon-monoxide": "a carbon monoxide alarm: always real, like smoke",
    "flood": "a water sensor",
    "door-button": "a silent call at the door: nothing in the home shows it",
    "motion": "somebody moves (watched)",
    "door": "a door or window is open (watched)",
    "bed": "somebody is in bed (watched)",
    "chair": "somebody sits (watched)",
    "temperature": "a thermometer (watched)",
    "visit": "a carer's button: somebody came (watched)",
    "lid": "a pill dispenser's lid (answers a reminder)",
    "reading": "a scale or the like: what it measures goes to the centre",
}
"""Every kind of sensor there is, in an installer's words."""

ALARMING = frozenset(kind.name for kind in SENSOR_KINDS)
"""Kinds that call the centre; the others are only watched."""

ALWAYS_REAL = frozenset(kind.name for kind in SENSOR_KINDS if kind.always_real)
"""Kinds that are no test, even in engineer mode."""

PRESSED = ALARMING | (SENSES - {"temperature", "reading"})
"""Kinds that an installer can set off by hand at once."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r"water leak|\bdry\b|\bwet\b|flood", "flood"),
    (r"smoke", "smoke"),
    (r"carbon monoxide", "carbon-monoxide"),
    (r"\bfall(ing|en)?\b", "fall"),
    (r"\bbed\b", "bed"),
    (r"contact|\bopen\b|\bclosed\b|\bnormal\b|\balarm\b", "door"),
    (r"occupancy|presence|motion|\bpresent\b|\babsent\b", "motion"),
    (r"^trigger .*(emergency|panic|sos|help)", "pendant"),
    (r"^trigger", "button"),
    (r"weight|systolic|diastolic|pulse|oxygen|glucose|humidity|co2", "reading"),
    (r"temperature", "temperature"),
)
"""What is said, and what says so; the first that fits. Alarms before what is watched: a radar that sees falls sees
somebody walk about as well."""

_ACTIVE = ("trigger", "active")
_TELLING = (*_ACTIVE, "clear")


def suggest(said: Iterable[str]) -> str:
    """Give the kind that fits what was said ("active water_leak", "trigger emergency"), "" when nothing does.

    What is active counts before what is at rest: a device that tells of smoke and carbon monoxide is asked by what it
    told when it was set off.
    """
    words = [each.replace("_", " ").lower() for each in said]
    for starts in (_ACTIVE, _TELLING, ("",)):
        chosen = [each for each in words if each.startswith(starts)]
        for pattern, kind in _WORDS:
            if any(re.search(pattern, each) for each in chosen):
                return kind
    return ""


def strength(percent: int | None) -> str:
    """Say how strong a signal is, in words and per cent."""
    if percent is None:
        return "not told"
    word = "weak" if percent < WEAK else "fair" if percent < FAIR else "good" if percent < STRONG else "strong"
    return f"{word}, {percent} %"
