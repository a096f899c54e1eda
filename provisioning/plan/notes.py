"""What is odd about a plan but breaks nothing: told by `plan check`, which knows what day it is, unlike the hub."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

from rules import occasions
from rules.calendar import at, instant, zone_of
from rules.plan import Plan, Reminder
from rules.proof import Finding

AHEAD_DAYS = 28
"""How far ahead reminders are looked at: once round every week, and nearly every month."""

CLOSE_MS = 5 * 60_000
"""What comes so soon after another is easily taken for it."""


def notes(plan: Plan, today: date) -> tuple[Finding, ...]:
    """Give everything that is odd about a plan, seen from a day."""
    return (*_consents(plan, today), *_reminders(plan, today), *_due(plan, today))


def _note(code: str, where: str, words: str) -> Finding:
    return Finding("warning", code, where, words)


def _consents(plan: Plan, today: date) -> Iterator[Finding]:
    for contact in plan.contacts:
        if contact.consent > today.isoformat():
            words = f"they agree on {contact.consent}, which has not come yet: is the date right?"
            yield _note("consent-to-come", contact.contact, words)


def _reminders(plan: Plan, today: date) -> Iterator[Finding]:
    for reminder in plan.reminders:
        if not reminder.text:
            words = "it has no text of its own, so the hub says what it says for its kind: write one, in familiar words"
            yield _note("no-text", f"reminder {reminder.name}", words)
        last = reminder.until or (max(reminder.dates) if reminder.dates else "")
        if last and last < today.isoformat():
            yield _note("over", f"reminder {reminder.name}", f"its last day was {last}: remove it")


def _due(plan: Plan, today: date) -> Iterator[Finding]:
    """Look at what will be due, as the hub reckons it: whatever the days, the zone and an appointment's prompts."""
    zone = zone_of(plan.time_zone) or UTC
    begin_ms = instant(zone, today, 0, last=False)
    end_ms = instant(zone, today + timedelta(days=AHEAD_DAYS), 0, last=False)
    found = occasions.between(plan, begin_ms - 1, end_ms)
    reminders = {each.name: each for each in plan.reminders}
    loud, close = set[str](), set[str]()
    for place, due in enumerate(found):
        name = due.occasion.reminder
        if plan.quiet is not None and name not in loud and at(plan.quiet, zone, due.due_wall_ms).open:
            loud.add(name)
            words = f"it is said in quiet hours ({_when(zone, due)}), and not as loud as by day: is that meant?"
            yield _note("in-quiet-hours", f"reminder {name}", words)
        for other in found[place + 1 :]:
            if name in close or other.due_wall_ms - due.due_wall_ms >= CLOSE_MS:
                break
            if _same_ear(reminders[name], reminders[other.occasion.reminder]):
                close.add(name)
                near = f"{other.occasion.reminder} ({_when(zone, due)})"
                words = f"it is said within 5 minutes of {near}: set them further apart, or make them one"
                yield _note("close-together", f"reminder {name}", words)


def _same_ear(one: Reminder, other: Reminder) -> bool:
    return one.person == other.person or not (one.person and other.person)


def _when(zone: tzinfo, due: occasions.Due) -> str:
    return f"{datetime.fromtimestamp(due.due_wall_ms / 1000, zone):%Y-%m-%d at %H:%M}"
