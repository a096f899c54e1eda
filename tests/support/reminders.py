"""Events of reminders: of one reminder, on a day of October 2026, in a home on UTC."""

from typing import Any

from rules.reports import ReminderMissed, ReminderPrompted, ReminderTaken
from tests.support.voice import CLOCK

MIN = 60_000


def facts(day: int = 1, slot: str = "08:00", reminder: str = "morning", **more: Any) -> dict[str, Any]:
    given = {"clock": CLOCK, "reminder": reminder, "kind": "medication", "person": "p1", "date": f"2026-10-{day:02d}"}
    due = f"2026-10-{day:02d}T{slot if ':' in slot else '19:00'}:00.000Z"
    return {**given, "slot": slot, "due": due, **more}


def prompted(day: int = 1, slot: str = "08:00", **more: Any) -> ReminderPrompted:
    return ReminderPrompted(**facts(day, slot, **more), late_ms=0)


def taken(
    day: int = 1, slot: str = "08:00", after_ms: int | None = 2 * MIN, how: Any = "button", **more: Any
) -> ReminderTaken:
    return ReminderTaken(**facts(day, slot, **more), how=how, prompts=1, after_ms=after_ms)


def missed(day: int = 1, slot: str = "08:00", why: Any = "unanswered", **more: Any) -> ReminderMissed:
    return ReminderMissed(**facts(day, slot, **more), why=why, prompts=10)
