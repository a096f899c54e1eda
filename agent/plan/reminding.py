"""Reads who lives in the home, what they are reminded of, what they may ask to hear, and how the hub speaks to them."""

from itertools import pairwise

from agent.config.strict import Problem, Reader
from agent.plan.parts import MIN, days_of, idle, lack, minutes, named
from agent.plan.recurring import days_fit, occurs
from agent.plan.tables import DAYS, InformationTable, PersonTable, ReminderTable, VoiceTable
from rules.plan import INFO_MAX, PEOPLE_MAX, REMINDERS_MAX, Information, Person, Reminder, Voice

APPOINTMENTS_ALONE = ("evening", "leave_min")
ANSWERED_ALONE = ("sensor", "reading", "early_min", "late_min")
"""Keys that only an appointment has, and those that it does not have: nobody takes one early, or after its time."""

_SPANS = ("leave", "repeat", "snooze", "missed", "late", "early")
_DAY_MIN = 24 * 60
_NO_DAY = "no day that ever comes"


def read_people(reader: Reader, raw: object) -> tuple[Person, ...]:
    """Read `[person.…]`."""
    tables = named(reader, raw, PersonTable, "person", PEOPLE_MAX)
    return tuple(
        Person(person=name, language=each.language or "", needs=tuple(dict.fromkeys(each.needs)))
        for name, each in tables.items()
    )


def read_information(reader: Reader, raw: object) -> tuple[Information, ...]:
    """Read `[[information]]`."""
    found = reader.tables(raw, InformationTable, "information", INFO_MAX)
    reader.unique(found, "information", "name", lambda each: each.name)
    return tuple(Information(name=each.name, text=each.text) for each in found.values())


def read_voice(reader: Reader, raw: object) -> Voice:
    """Read `[voice]`."""
    table = reader.table(raw, VoiceTable, "voice") or VoiceTable()
    given = {key: value for key in table.__struct_fields__ if (value := getattr(table, key)) is not None}
    return Voice(**given)


def read_reminders(reader: Reader, raw: object) -> tuple[Reminder, ...]:
    """Read `[[reminder]]`."""
    found = reader.tables(raw, ReminderTable, "reminder", REMINDERS_MAX)
    reader.unique(found, "reminder", "name", lambda each: each.name)
    return tuple(_reminder(reader, at, table) for at, table in found.items())


def _reminder(reader: Reader, at: str, table: ReminderTable) -> Reminder:
    given = {f"{key}_ms": getattr(table, f"{key}_min") for key in _SPANS}
    reminder = Reminder(
        name=table.name,
        kind=table.kind,
        person=table.person,
        text=table.text,
        times=tuple(minutes(time) for time in table.at),
        days=days_of(table.days or DAYS),
        dates=tuple(sorted(each.isoformat() for each in table.dates or ())),
        skipped=tuple(sorted(each.isoformat() for each in table.skipped)),
        rule=table.rule or "",
        begin=table.begin.isoformat() if table.begin else "",
        until=table.until.isoformat() if table.until else "",
        evening=_evening(reader, at, table),
        sensor=table.sensor,
        reading=table.reading,
        alarm=table.alarm,
        **{key: each * MIN for key, each in given.items() if each is not None},
    )
    _fits(reader, at, table)
    if days_fit(reader, at, table) and not any(each.found == _NO_DAY for each in reader.problems):
        _occurs(reader, at, reminder)
    _apart(reader, at, reminder)
    return reminder


def _occurs(reader: Reader, at: str, reminder: Reminder) -> None:
    """Refuse a reminder that never comes. One is enough: to find that out of a rule takes a while (S12)."""
    if not occurs(reminder):
        expected = "at least one day, when what is skipped is left out"
        key = "dates" if reminder.dates else "rule" if reminder.rule else "days"
        reader.problems.append(Problem(f"{at}.{key}", _NO_DAY, expected, "correct it, or remove the reminder"))


def _evening(reader: Reader, at: str, table: ReminderTable) -> int | None:
    """Give when an appointment is announced on the day before; None for not at all."""
    if table.evening is True:
        expected = 'a time of day in quotes, such as "19:00", or false'
        reader.problems.append(Problem(f"{at}.evening", "true", expected, "correct it"))
    if isinstance(table.evening, bool):
        return None
    return Reminder(name="").evening if table.evening is None else minutes(table.evening)


def _fits(reader: Reader, at: str, table: ReminderTable) -> None:
    """Refuse what does not go with the kind or with what else is said: it would be left undone."""
    appointment = table.kind == "appointment"
    alone = ANSWERED_ALONE if appointment else APPOINTMENTS_ALONE
    for key in (key for key in alone if getattr(table, key) not in (None, "")):
        idle(reader, f"{at}.{key}", f'kind = "{table.kind}"')
    if appointment and len(table.at) > 1:
        reader.refuse(f"{at}.at", list(table.at), "one time: when it is", "write a reminder for each")
    if len(set(table.at)) < len(table.at):
        reader.refuse(f"{at}.at", list(table.at), "each time once", "remove the second")
    for key in () if appointment or table.sensor else ("reading", "early_min"):
        if getattr(table, key) not in (None, ""):
            lack(reader, f"{at}.sensor", f"a sensor, as {key} is given", f"add it, or remove {key}")


def _apart(reader: Reader, at: str, reminder: Reminder) -> None:
    """Refuse what would have two doses taken at once, or one opened lid stand for two."""
    if len(set(reminder.times)) < 2 or reminder.kind == "appointment":  # noqa: PLR2004 -- a pair
        return
    times = sorted(set(reminder.times))
    half = min(later - time for time, later in pairwise([*times, times[0] + _DAY_MIN])) // 2
    for key, each_ms, harms, why in (
        ("late_min", reminder.late_ms, reminder.kind == "medication", "two doses come close together"),
        ("early_min", reminder.early_ms, bool(reminder.sensor), "one answer is two"),
    ):
        if harms and each_ms > half * MIN:
            expected = f"at most {half}, half the time from one of its times to the next: else {why}"
            reader.refuse(f"{at}.{key}", each_ms // MIN, expected, f"set {key} = {half}")
