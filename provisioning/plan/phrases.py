"""The short words of a plan's explanation: what starts an alarm, durations, times of day, lists, references."""

import unicodedata
from collections.abc import Iterable

from rules.plan import Window

NAMED_CHARS_MAX = 40
"""A reference longer than this is cut: it must fit a page, whoever wrote it (S12)."""

KINDS: dict[str, tuple[str, str]] = {
    "pendant": ("pendant", "somebody presses the pendant"),
    "button": ("help button", "somebody presses a help button"),
    "pull-cord": ("pull cord", "somebody pulls a cord"),
    "fall": ("fall", "somebody falls"),
    "smoke": ("smoke", "there is smoke"),
    "carbon-monoxide": ("bad gas", "there is bad gas in the air (carbon monoxide)"),
    "flood": ("water", "there is water on the floor"),
    "door-button": ("hidden button", "somebody presses the hidden button by the door"),
    "inactivity": ("no movement", "nobody moves for too long"),
    "bed": ("bed", "somebody leaves the bed and does not come back to it"),
    "chair": ("chair", "somebody leaves the chair and does not come back to it"),
    "door-open": ("open door", "a door stays open for too long"),
    "leaving": ("going out", "somebody goes out when they should be in, and does not come back"),
    "cold": ("cold", "a room is too cold"),
    "heat": ("heat", "a room is too hot"),
    "visit-missed": ("missed visit", "a carer does not come"),
    "reminder-missed": ("missed reminder", "nobody answers what the hub reminds of"),
    "reading": ("reading", "what is measured is too low or too high"),
}
"""Of each kind of alarm, the short name and what starts it."""

CASES: dict[str, str] = {
    "all-well": "all is well",
    "line-down": "the line is down",
    "half-open": "the line seems up, but is not",
    "line-lying": "the line seems up, but is not",
    "centre-silent": "the centre does not answer",
    "centre-idle": "nobody at the centre takes it",
    "modem-down": "the part for texts is broken",
    "mains-off": "the power is cut, and the router with it",
    "mains-off-router-on": "the power is cut for long",
    "restarted": "the hub starts anew",
    "rebooted": "the hub starts anew",
    "forgotten": "who has it forgets it",
    "no-line": "no line is up",
    "*": "this or that fails",
}
"""Each case that `plan check` plays, as what goes wrong; two of them at once are joined by a plus sign there."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

LANGUAGES = {
    "cy": "Welsh",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "pl": "Polish",
    "ur": "Urdu",
}
"""Those that have an everyday name here; any other is said as the plan writes it."""


def named(reference: str, chars_max: int = NAMED_CHARS_MAX) -> str:
    """Give a reference as it can be shown: on one line, without control or direction marks, not too long.

    A plan is from outside: a reference must not move the cursor, turn the line round, or break the picture.
    """
    shown = "".join(each for each in reference if unicodedata.category(each)[0] not in "CZ" or each == " ")
    return shown if len(shown) <= chars_max else shown[: chars_max - 1] + "…"


def short_name(kind: str) -> str:
    """Give the short name of a kind of alarm."""
    return KINDS[kind][0] if kind in KINDS else named(kind)


def cause(kind: str) -> str:
    """Give what starts an alarm of this kind."""
    return KINDS[kind][1] if kind in KINDS else f"there is an alarm of the kind {named(kind)}"


def listed(words: Iterable[str]) -> str:
    """Give "one, two and three"."""
    *firsts, last = words
    return f"{', '.join(firsts)} and {last}" if firsts else last


def long_time(ms: int) -> str:
    """Say a duration exactly, in words; hours are the largest unit."""
    return listed(f"{count} {unit}{'' if count == '1' else 's'}" for count, unit, _ in _parts(ms))


def short_time(ms: int) -> str:
    """Write a duration exactly, for a time-line; a number stays with its unit."""
    return " ".join(f"{count}\u00a0{unit}" for count, _, unit in _parts(ms))


def _parts(ms: int) -> list[tuple[str, str, str]]:
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds = f"{rest / 1000:g}"
    parts = [(str(hours), "hour", "h"), (str(minutes), "minute", "min"), (seconds, "second", "s")]
    return [part for part in parts if part[0] != "0"] or [parts[-1]]


def clock(minute: int) -> str:
    """Write minutes after midnight as a time of day."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def hours_of(window: Window) -> str:
    """Say when a window is, such as "from 22:00 to 07:00"."""
    when = "all day and all night" if window.begin == window.to else f"from {clock(window.begin)} to {clock(window.to)}"
    if not window.days:
        return f"{when}, but on no day"
    words = days_words(window.days)
    return when if words == EACH_DAY else f"{when}, {words}"


EACH_DAY = "each day"


def days_words(those: Iterable[int]) -> str:
    """Say days of the week, such as "on Monday to Friday"; 0 is Monday."""
    days = sorted({day % 7 for day in those})
    if len(days) == len(DAYS):
        return EACH_DAY
    if days == list(range(5)):
        return "on Monday to Friday"
    return f"on {listed(DAYS[day] for day in days)}" if days else "on no day"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def date_words(iso: str) -> str:
    """Say a date, such as "3 May 2026"; anything else as it stands."""
    year, _, rest = iso.partition("-")
    month, _, day = rest.partition("-")
    if not (year.isdecimal() and month.isdecimal() and day.isdecimal() and 1 <= int(month) <= len(_MONTHS)):
        return named(iso)
    return f"{int(day)} {_MONTHS[int(month) - 1]} {year}"


def language(code: str) -> str:
    """Give a language's everyday name."""
    return LANGUAGES.get(code.partition("-")[0], named(code))


def place(time_zone: str) -> str:
    """Give the place of a time zone."""
    return "the world clock (UTC)" if time_zone == "UTC" else named(time_zone.rpartition("/")[2].replace("_", " "))
