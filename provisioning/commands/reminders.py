"""What `hearthline status --reminders` shows: how each reminder of the last days was answered, as a picture."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import msgspec
from rich.columns import Columns
from rich.console import Console
from rich.text import Text

from agent.status import OpenReminder, RemindersStatus
from agent.wire.adherence import Adherence, Reminded, Told, adherence
from agent.wire.messages import decode_event, decode_report
from provisioning.commands.tables import Row, bad, table
from rules.values import utc

MARKS = {
    "on time": ("+", "green", "taken"),
    "late": ("~", "yellow", "taken late"),
    "unanswered": ("x", "bold red", "nobody answered"),
    "away": ("a", "yellow", "nobody at home"),
    "alarm": ("!", "yellow", "an alarm was open"),
    "hub": ("h", "yellow", "the hub was off or had no clock"),
    "open": ("o", "cyan", "still open"),
    "unknown": ("?", "bold red", "no outcome told"),
}
"""One for each thing that may become of an occasion: its mark, told apart without colour, and what it means."""

NONE_DUE, NOT_KEPT = ".", " "

RECENT_MS = 24 * 3_600_000
"""What was missed within a day still wants somebody."""


class RemindersDocument(msgspec.Struct, frozen=True, kw_only=True):
    """`hearthline status --reminders --json`: the hub's word, and its events counted."""

    hub: str
    wall: str
    synced: bool
    zone: str
    since: str
    trouble: str
    open: tuple[OpenReminder, ...]
    missed_lately: int
    adherence: Adherence


def count(status: RemindersStatus) -> RemindersDocument:
    """Count the hub's events. Raises UnreadableError, ValueError."""
    reports = (decode_report(decode_event(bytes(each))) for each in status.events)
    wall_ms = int(datetime.fromisoformat(status.wall).timestamp() * 1_000)
    last = date.fromisoformat(status.today)
    found = adherence(
        (each for each in reports if each is not None),
        first=last - timedelta(status.days - 1),
        last=last,
        wall_ms=wall_ms,
        open_now=status.open,
    )
    recent = utc(wall_ms - RECENT_MS)
    missed = (each for each in _occasions(found) if each.outcome == "missed" and each.due >= recent)
    return RemindersDocument(
        hub=status.hub,
        wall=status.wall,
        synced=status.synced,
        zone=status.zone,
        since=status.since,
        trouble=status.trouble,
        open=status.open,
        missed_lately=sum(1 for _ in missed),
        adherence=found,
    )


def show(told: RemindersDocument, console: Console) -> None:
    """Show it: a line for each time of day, a mark for each occasion."""
    found = told.adherence
    console.print(Text(f"Reminders of {told.hub} from {found.first} to {found.last}, by the clock of {told.zone}"))
    if found.reminders:
        days = "".join(f"{date.fromisoformat(each.date):%a}"[0] for each in found.reminders[0].days)
        rows = [row for each in found.reminders for row in _lines(each, told.since[:10])]
        console.print(table("", ("reminder", "at", days, "taken", "median"), rows))
        _say_marks(console)
    else:
        console.print("None was due.")
    for line in _notes(told):
        console.print(line)
    if told.open:
        heads = ("reminder", "date", "at", "state", "because of", "said")
        console.print(table("Open now", heads, (_open(each) for each in told.open)))


def _lines(reminder: Reminded, since: str) -> Iterator[Row]:
    """Give a reminder's lines, one for each of its times."""
    slots = {each.slot: each.due for day in reminder.days for each in day.occasions}
    tally = reminder.tally
    percent = "" if tally.percent is None else f"{tally.percent} %"
    median = "" if tally.median_ms is None else f"{round(tally.median_ms / 60_000)} min"
    name, figures = reminder.reminder, (percent, median)
    for slot in sorted(slots, key=lambda each: (slots[each][11:], each)):
        marks = Text()
        for day in reminder.days:
            told = next((each for each in day.occasions if each.slot == slot), None)
            marks.append_text(_mark(told) if told else Text(NOT_KEPT if day.date < since else NONE_DUE, "dim"))
        yield name, slot, marks, *figures
        name, figures = "", ("", "")


def _mark(told: Told) -> Text:
    match told.outcome:
        case "taken":
            mark, style, _ = MARKS["late" if told.late else "on time"]
        case "missed":
            mark, style, _ = MARKS.get(told.why, MARKS["unanswered"])
        case _:
            mark, style, _ = MARKS[told.outcome]
    return Text(mark, style)


def _say_marks(console: Console) -> None:
    marks = (*MARKS.values(), (NONE_DUE, "dim", "none due"))
    console.print(Columns((Text.assemble((mark, style), f" {words}") for mark, style, words in marks), padding=(0, 3)))
    console.print("A column is a day, the last one today. What is still open counts neither way.")


def _notes(told: RemindersDocument) -> Iterator[Text]:
    if told.since[:10] > told.adherence.first:
        yield Text(f"Kept here since {told.since[:10]}; what was before, the centre knows.")
    for reminder in told.adherence.reminders:
        for day in reminder.days:
            for each in day.occasions:
                if each.disputed:
                    outcome = f"taken by {each.how}" if each.how else f"missed, {each.why}"
                    yield bad(f"{reminder.reminder}, {day.date} {each.slot}: different outcomes; counted as {outcome}")
    if told.adherence.unreadable:
        yield bad(f"{told.adherence.unreadable} events have no date that can be read, and are left out")
    if not told.synced:
        yield bad("The hub's clock is not synchronised: the days are as it claims.")
    if told.trouble:
        yield bad(f"This is not all: {told.trouble}")


def _open(each: OpenReminder) -> Row:
    return each.reminder, each.date, each.slot, each.state, each.why, f"{each.prompts} times"


def _occasions(found: Adherence) -> Iterator[Told]:
    return (each for reminder in found.reminders for day in reminder.days for each in day.occasions)
