"""Occasions of reminders that are open or over, as the house keeps them; and what every report of one repeats."""

from typing import Literal, TypedDict

from rules.occasions import Due, late_ms
from rules.plan import Reminder
from rules.preempting import preempted
from rules.reports import Clock
from rules.state import House
from rules.turn import Turn
from rules.values import utc
from rules.watched import Occasion, Prompt, Spent

SPENT_MS = 48 * 3_600_000
"""How long an occasion is remembered at least: clocks are put back by hours, and forward by a wrong day."""

SPENT_MAX = 128
"""S12: beyond so many, the oldest are forgotten."""


class Facts(TypedDict):
    """What every report of a reminder repeats."""

    clock: Clock
    reminder: str
    kind: str
    person: str
    date: str
    slot: str
    due: str


def facts(turn: Turn, prompt: Prompt) -> Facts:
    """Give what every report of this occasion repeats."""
    reminder = reminder_of(turn.house, prompt.occasion) or Reminder(name=prompt.occasion.reminder, kind="other")
    return Facts(
        clock=turn.clock,
        reminder=reminder.name,
        kind=reminder.kind,
        person=reminder.person,
        date=prompt.occasion.date,
        slot=prompt.occasion.slot,
        due=utc(prompt.due_wall_ms),
    )


def reminder_of(house: House, occasion: Occasion) -> Reminder | None:
    """Give the plan's reminder of an occasion; None when the plan has it no more."""
    return next((each for each in house.plan.reminders if each.name == occasion.reminder), None)


def wall_ms_of(turn: Turn) -> int:
    """Give the wall clock's moment, as deadlines count it."""
    return turn.now.ms + turn.house.wall_offset_ms


def in_time(turn: Turn, reminder: Reminder, open_or_due: Prompt | Due) -> bool:
    """Whether an occasion is due, and may still be said for the first time."""
    return 0 <= wall_ms_of(turn) - open_or_due.due_wall_ms <= late_ms(reminder, open_or_due.occasion.slot)


def blocked(house: House) -> Literal["alarm", "away"] | None:
    """What holds every prompt back now."""
    return "alarm" if preempted(house) else "away" if house.mode == "away" else None


def put(turn: Turn, prompt: Prompt) -> None:
    """Remember an open occasion as it is now."""
    prompts = (prompt if each.occasion == prompt.occasion else each for each in turn.house.prompts)
    turn.update(prompts=tuple(prompts))


def drop(turn: Turn, prompt: Prompt) -> None:
    """Forget that an occasion is open: it is over, or not due yet."""
    turn.update(prompts=tuple(each for each in turn.house.prompts if each.occasion != prompt.occasion))


def spend(turn: Turn, occasion: Occasion, due_wall_ms: int, state: Literal["said", "held", "late"]) -> None:
    """Remember that an occasion has begun, and what came of it so far."""
    unspend(turn, occasion)
    new = Spent(occasion=occasion, due_wall_ms=due_wall_ms, state=state, until_ms=turn.now.ms + SPENT_MS)
    turn.update(spent=(*turn.house.spent, new)[-SPENT_MAX:])


def unspend(turn: Turn, occasion: Occasion) -> None:
    """Let an occasion begin when it is due."""
    turn.update(spent=tuple(each for each in turn.house.spent if each.occasion != occasion))


def forget(turn: Turn) -> None:
    """S12: what cannot come again, by either clock, needs no remembering."""
    now_ms, long_ago_ms = turn.now.ms, wall_ms_of(turn) - SPENT_MS
    kept = (each for each in turn.house.spent if each.until_ms > now_ms or each.due_wall_ms > long_ago_ms)
    turn.update(spent=tuple(kept))
