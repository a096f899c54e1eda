"""What a plan says to those who live in the home, in sentences: who they are, reminders, messages, information."""

from collections.abc import Iterator
from datetime import date, timedelta

from provisioning.plan.phrases import clock, date_words, days_words, language, listed, long_time, named
from rules import recurrence
from rules.messages import CIVIL, REPEAT_MS
from rules.plan import Person, Plan, Reminder, ReminderKind, Threshold

_SOON_DAYS = 10 * 366
_DATES_MAX = 4

_POORLY = {
    "sight": "can not see well",
    "hearing": "can not hear well",
    "reading": "can not read well",
    "memory": "forgets things",
}

_TASKS: dict[ReminderKind, str] = {
    "medication": "to take {name}",
    "drink": "to drink ({name})",
    "weigh": "to get on the scales ({name})",
    "appointment": "of {name}",
    "other": "of {name}",
}


def people(plan: Plan) -> Iterator[str]:
    """Say who lives in the home, and how the hub speaks to them."""
    for person in plan.people:
        yield _person(plan, person)
    voice = plan.voice
    yield (
        f"The hub speaks at {voice.volume} out of 100 by day. In quiet hours it is {voice.quiet_volume}. "
        "A call for help is as loud as by day."
    )


def _person(plan: Plan, person: Person) -> str:
    name = named(person.person)
    said = f"The hub speaks {language(person.language or plan.language)} to {name}."
    if not person.needs:
        return said
    return f"{said} It is known that {name} {listed(_POORLY[need] for need in person.needs)}."


def reminders(plan: Plan) -> Iterator[str]:
    """Say what the hub reminds of, and how that is answered."""
    for reminder in plan.reminders:
        yield from _reminder(reminder)
    if not plan.reminders:
        yield "The hub reminds of nothing."
        return
    yield "A short press on the button of the hub means: it is done. Hold the button down to say: ask me later."
    yield "While somebody calls for help, the hub does not remind. It does so when that is over."
    yield "When all are out, it waits till they are home. What comes too late is not said. The centre hears of it."


def _reminder(reminder: Reminder) -> Iterator[str]:
    name = named(reminder.name)
    task = _TASKS[reminder.kind].format(name=name)
    whom = f"{named(reminder.person)} " if reminder.person else ""
    times = listed(map(clock, sorted(reminder.times))) if reminder.times else "no time"
    if reminder.kind == "appointment":
        evening = "" if reminder.evening is None else f" on the day before at {clock(reminder.evening)}, and"
        before = f"{long_time(reminder.leave_ms)} before" if reminder.leave_ms else "when it is time"
        yield f"The hub reminds {whom}{task}. It is at {times}, {_days(reminder)}. The hub speaks{evening} {before}."
    else:
        yield f"The hub reminds {whom}{task}. This is at {times}, {_days(reminder)}."
    again = f"It is said again every {long_time(reminder.repeat_ms)}."
    how = ""
    if reminder.sensor:
        act = "To be measured by" if reminder.reading else "To open"
        how = f" {act} {named(reminder.sensor)} is an answer, too."
    ends = "That is an alarm." if reminder.alarm else "The centre hears of it, with no alarm."
    yield f"{again}{how} If nobody answers for {long_time(reminder.missed_ms)}, it is missed. {ends}"


def _days(reminder: Reminder) -> str:
    bounds = [f"from {date_words(reminder.begin)} on"] if reminder.begin and not reminder.rule else []
    bounds += [f"up to {date_words(reminder.until)}"] if reminder.until else []
    bounds += [f"but not on {_dates(reminder.skipped)}"] if reminder.skipped and not reminder.rule else []
    if reminder.dates:
        days = f"on {_dates(reminder.dates)}"
    elif reminder.rule:
        days = f"on some days. The first are {_dates(_first_days(reminder))}"
    else:
        days = days_words(reminder.days)
    return ", ".join([days, *bounds])


def _dates(dates: tuple[str, ...]) -> str:
    if len(dates) <= _DATES_MAX:
        return listed(map(date_words, dates)) if dates else "no day"
    return f"{len(dates)} days from {date_words(dates[0])} to {date_words(dates[-1])}"


def _first_days(reminder: Reminder) -> tuple[str, ...]:
    """Give the first three days of a rule, in its first ten years."""
    try:
        first = recurrence.check(reminder.rule, reminder.begin)
    except ValueError:
        return ()
    found: list[str] = []
    for number in range(_SOON_DAYS) if first is not None else ():
        day = (first or date.min) + timedelta(days=number)
        if (
            day.isoformat() not in reminder.skipped
            and (not reminder.until or day.isoformat() <= reminder.until)
            and recurrence.occurs(reminder.rule, reminder.begin, day)
        ):
            found.append(day.isoformat())
            if len(found) == _DATES_MAX - 1:
                break
    return tuple(found)


def heard(plan: Plan) -> Iterator[str]:
    """Say what others may have said, and what may be asked for."""
    if plan.night is None and plan.quiet is None:
        hours = f"That is from {clock(CIVIL.begin)} to {clock(CIVIL.to)}."
    else:
        hours = "That is not at night, and not in quiet hours."
    yield "The family may have some words for those at home. The centre can send them, and the hub says them."
    yield hours
    yield f"It says them again every {long_time(REPEAT_MS)}, till somebody presses its button."
    if plan.information:
        names = listed(named(each.name) for each in plan.information)
        yield f"There is more to hear. Hold the button down for it. The hub tells one of these, in turn: {names}."


def thresholds(plan: Plan) -> Iterator[str]:
    """Say which readings are alarms."""
    for each in plan.thresholds:
        yield _threshold(each)
    if plan.thresholds:
        yield "The hub is no doctor. It only sees that a number is high or low."


def _threshold(each: Threshold) -> str:
    bounds = [f"below {each.low:g}"] if each.low is not None else []
    bounds += [f"above {each.high:g}"] if each.high is not None else []
    where = f"the {named(each.quantity)} at {named(each.sensor)}"
    return f"If {where} is {' or '.join(bounds)}, that is an alarm, once a day at most."
