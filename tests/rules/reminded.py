"""Homes that are reminded of something, and what they told of it, in short words."""

from typing import Any

from rules.actions import Say, Send
from rules.answers import REACT_MS
from rules.events import AnswerHeld, AnswerPressed, ClockChanged, Measured, Sensor
from rules.plan import Reminder
from rules.reports import ReminderFacts, ReminderMissed, ReminderPrompted, ReminderSnoozed, ReminderTaken
from tests.rules.home import ROOMS, Home, watched

LID = Sensor("lid-1", "lid", "kitchen", "p1")
SCALES = Sensor("scales-1", "reading", "bathroom", "p1")
SENSORS = (*ROOMS, LID, SCALES)


def reminder(*times: str, **rest: Any) -> Reminder:
    """A reminder, at times such as `08:00`; of tablets of `p1`, unless told otherwise."""
    minutes = tuple(int(each[:2]) * 60 + int(each[3:]) for each in times)
    return Reminder(**({"name": "pills", "times": minutes, "person": "p1", "text": "pills"} | rest))


def reminded(begins: str, *reminders: Reminder, **rules: Any) -> Home:
    """A home with reminders in its plan, when its trusted clock shows `begins`."""
    return watched(begins, *SENSORS, reminders=reminders, **rules)


def told(home: Home) -> list[str]:
    """What was told of reminders since the last `forget`: `08:00:00 prompted 08:00`, in UTC."""
    sent = [each.report for each in home.actions if isinstance(each, Send)]
    return [_word(each) for each in sent if isinstance(each, ReminderFacts)]


def _word(report: ReminderFacts) -> str:
    wall = report.clock.wall[11:].removesuffix("Z").removesuffix(".000")
    match report:
        case ReminderPrompted():
            what = "prompted"
        case ReminderTaken():
            what = f"taken by {report.how} after {report.prompts}"
        case ReminderSnoozed():
            what = "snoozed"
        case ReminderMissed():
            what = f"missed ({report.why}) after {report.prompts}"
        case _:
            what = type(report).__name__
    return f"{wall} {what} {report.slot}"


def said(home: Home) -> list[str | None]:
    """What was said since the last `forget`: what about."""
    return [each.prompt for each in home.actions if isinstance(each, Say)]


def _once_heard(home: Home) -> Home:
    just_now = any(each.said_ms is not None and home.ms - each.said_ms < REACT_MS for each in home.house.prompts)
    return home.after(REACT_MS / 1_000) if just_now else home


def press(home: Home) -> Home:
    """Press the button that answers, and let go; nobody does within a second of what is said."""
    _once_heard(home).happens(AnswerPressed())
    return home


def hold(home: Home) -> Home:
    """Hold the button that answers; nobody does within a second of what is said."""
    _once_heard(home).happens(AnswerHeld())
    return home


def weigh(home: Home, value: float = 71.5, quantity: str = "weight") -> Home:
    """Step on the scales."""
    home.happens(Measured("scales-1", quantity, value, "kg"))
    return home


def off(home: Home, until: str, *, synced: bool = True) -> Home:
    """A power cut, until the wall clock shows a moment; the hub starts with that clock, vouched for or not."""
    home.set_clock(until, synced=synced).wall_from_boot_ms += home.ms - 15_000
    home.reboot(booted=15)
    return home


def clock_known(home: Home, moment: str) -> Home:
    """Somebody sets the clock, and it is vouched for."""
    home.set_clock(moment)
    home.happens(ClockChanged(synced=True))
    return home
