"""What happened in a home of late that is no alarm: reminders kept and missed, carers' visits."""

from msgspec.structs import replace

from centre.console.home_reading import told
from centre.store.database import Database
from rules.reports import ReminderMissed, ReminderTaken, VisitBegan, VisitEnded
from rules.values import Value

VISITS_SHOWN = 10

WHY_MISSED = {
    "unanswered": "nobody answered",
    "away": "nobody at home",
    "alarm": "an alarm was open",
    "hub": "the box was off or had no clock",
}


class Reminders(Value, frozen=True, kw_only=True):
    """How it went with one reminder. `last_missed` is the day of the last one missed, and `why` in words."""

    reminder: str
    kind: str
    kept: int
    missed: int
    last_missed: str = ""
    why: str = ""


def kept_and_missed(database: Database, hub: str, since_ms: int) -> list[Reminders]:
    """Count a home's reminders since a moment, the most missed first. An occasion is one or the other, once."""
    ended: dict[tuple[str, str, str], ReminderTaken | ReminderMissed] = {}
    for each in reversed(told(database, ["reminder.taken", "reminder.missed"], since_ms, hub)):
        report = each.report
        if isinstance(report, ReminderTaken | ReminderMissed):
            ended.setdefault((report.reminder, report.date, report.slot), report)
    found: dict[str, Reminders] = {}
    for (name, day, _), report in sorted(ended.items(), key=lambda each: each[0]):
        was = found.get(name, Reminders(reminder=name, kind=report.kind, kept=0, missed=0))
        if isinstance(report, ReminderTaken):
            was = replace(was, kept=was.kept + 1)
        else:
            why = WHY_MISSED.get(report.why, report.why)
            was = replace(was, missed=was.missed + 1, last_missed=day, why=why)
        found[name] = was
    return sorted(found.values(), key=lambda each: (-each.missed, each.reminder))


class Visit(Value, frozen=True, kw_only=True):
    """A carer's visit: when its check-in or check-out came, and how long it lasted (None: not told)."""

    at_ms: int
    visit: str
    began: bool
    lasted_ms: int | None = None
    forgotten: bool = False


def visits(database: Database, hub: str, since_ms: int) -> list[Visit]:
    """Give a home's latest check-ins and check-outs of carers, the newest first."""
    found = []
    for each in told(database, ["visit.began", "visit.ended"], since_ms, hub)[:VISITS_SHOWN]:
        match each.report:
            case VisitBegan(visit=name):
                found.append(Visit(at_ms=each.at_ms, visit=name, began=True))
            case VisitEnded(visit=name, lasted_ms=lasted_ms, forgotten=forgotten):
                found.append(Visit(at_ms=each.at_ms, visit=name, began=False, lasted_ms=lasted_ms, forgotten=forgotten))
            case _:
                pass
    return found
