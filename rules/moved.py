"""Reminders of one plan in the next: a time that was moved is the same dose, and what was open has its outcome.

Runs before the new plan is in force; should it fail, the plan comes into force all the same (S7, S9).
"""

from collections.abc import Iterator
from datetime import UTC, date, timedelta

from msgspec.structs import replace

from rules.calendar import date_of, zone_of
from rules.events import PlanOffered
from rules.occasions import DAY_MS, EVENING, Due, on, slot_of
from rules.plan import Plan, Reminder
from rules.prompts import drop, facts, spend, unspend, wall_ms_of
from rules.reminders import begin
from rules.reports import ReminderMissed
from rules.turn import Turn
from rules.watched import Prompt

MOVED_MIN = 3 * 60
"""A time that goes and one that comes, so close, are one that was moved: nobody takes a dose twice so soon."""

_DAY_MIN = 24 * 60

Same = tuple[str, str, int]
"""A slot of the old reminder, the slot of the new one that takes its place, and how many days later that is."""


def on_plan_offered(turn: Turn, event: PlanOffered) -> None:
    """Carry what is open or over into the newer plan; what lies before now and is new there is not due."""
    house, plan = turn.house, event.plan
    if plan.version <= house.plan.version:
        return
    names = {each.name for each in plan.reminders}
    for prompt in house.prompts:
        if prompt.occasion.reminder not in names:
            _end(turn, prompt)
    before = {each.name: each for each in house.plan.reminders}
    for reminder in plan.reminders:
        old = before.get(reminder.name)
        if old is not None and old.kind == reminder.kind:
            _carry(turn, plan, old, reminder)
        _end_gone(turn, plan, old, reminder)
    if not before:
        turn.update(reminded_wall_ms=None)
    elif house.clock_known and house.reminded_wall_ms is not None:
        turn.update(reminded_wall_ms=wall_ms_of(turn))


def _carry(turn: Turn, plan: Plan, old: Reminder, new: Reminder) -> None:
    pairs = list(_pairs(old, new))
    if new.kind != "appointment":  # an appointment that is put off deserves another word
        _spend_moved(turn, plan, new, pairs)
    if turn.house.clock_known:
        _begin_passed(turn, plan, old, new, pairs)


def _spend_moved(turn: Turn, plan: Plan, new: Reminder, pairs: list[Same]) -> None:
    """S4: what was said at the old time is not said at the new one; what nobody has heard of yet is moved there."""
    still_open = {each.occasion: each for each in turn.house.prompts}
    for spent in turn.house.spent:
        prompt = still_open.get(spent.occasion)
        if spent.occasion.reminder != new.name or (spent.state != "said" and prompt is None):
            continue
        for slot, moved_to, days in pairs:
            if slot != spent.occasion.slot or (slot, days) == (moved_to, 0):
                continue
            for due in on(plan, new, date.fromisoformat(spent.occasion.date) + timedelta(days)):
                if due.occasion.slot == moved_to:
                    spend(turn, due.occasion, due.due_wall_ms, spent.state)
                    if prompt is not None and not prompt.prompts:
                        _move(turn, prompt, due)


def _move(turn: Turn, prompt: Prompt, due: Due) -> None:
    """Have what is open be due at another time: it is judged by that as soon as the clock is known."""
    drop(turn, prompt)
    unspend(turn, prompt.occasion)
    turn.update(prompts=(*turn.house.prompts, replace(prompt, occasion=due.occasion, due_wall_ms=due.due_wall_ms)))


def _end_gone(turn: Turn, plan: Plan, old: Reminder | None, new: Reminder) -> None:
    """What is open and not in the newer plan any more is over: nobody is told to take what was struck out.

    What was said, and is moved, may still be answered.
    """
    pairs = list(_pairs(old, new)) if old is not None and old.kind == new.kind != "appointment" else []
    for prompt in turn.house.prompts:
        slot, day = prompt.occasion.slot, date.fromisoformat(prompt.occasion.date)
        places = [(slot, 0), *((to, days) for each, to, days in pairs if each == slot)]
        there = (due.occasion.slot == to for to, days in places for due in on(plan, new, day + timedelta(days)))
        if prompt.occasion.reminder == new.name and not any(there):
            _end(turn, prompt)


def _end(turn: Turn, prompt: Prompt) -> None:
    drop(turn, prompt)
    turn.send(ReminderMissed(**facts(turn, prompt), why=prompt.why, prompts=prompt.prompts))


def _begin_passed(turn: Turn, plan: Plan, old: Reminder, new: Reminder, pairs: list[Same]) -> None:
    """What was still to come, and by the new plan should have been by now, is due now: it must not vanish."""
    wall_ms = wall_ms_of(turn)
    begun = {each.occasion for each in turn.house.spent}
    first = date_of(zone_of(turn.house.plan.time_zone) or UTC, wall_ms) - timedelta(days=1)
    for ahead in range(4 + old.leave_ms // DAY_MS):
        day = first + timedelta(ahead)
        to_come = {each.occasion.slot for each in on(turn.house.plan, old, day) if each.due_wall_ms > wall_ms}
        for slot, moved_to, days in pairs:
            if slot not in to_come:
                continue
            for due in on(plan, new, day + timedelta(days)):
                passed = due.occasion.slot == moved_to and due.due_wall_ms <= wall_ms
                if passed and due.occasion not in begun:
                    begin(turn, due, new)


def _pairs(old: Reminder, new: Reminder) -> Iterator[Same]:
    """Give which slot takes the place of which: itself, or the nearest of those that come and go."""
    yield EVENING, EVENING, 0
    yield from ((slot_of(each), slot_of(each), 0) for each in old.times if each in new.times)
    gone, come = set(old.times) - set(new.times), set(new.times) - set(old.times)
    distances = sorted(
        (abs(later + days * _DAY_MIN - each), each, later, days)
        for each in gone
        for later in come
        for days in (-1, 0, 1)
    )
    for distance, each, later, days in distances:
        if distance <= MOVED_MIN and each in gone and later in come:
            gone.discard(each)
            come.discard(later)
            yield slot_of(each), slot_of(later), days
