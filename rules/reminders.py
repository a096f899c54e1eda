"""Reminders: what is due is said, and again, until somebody answers or it counts as missed; each exactly once (S4).

An occasion begins only by a wall clock that is known (S6), and is said only while that does no harm; whatever happens,
it ends in one outcome that the centre is told: taken (`rules.answers`) or missed. Alarms come first.
"""

from msgspec.structs import replace

from rules import triggers
from rules.actions import PromptName, Say
from rules.events import Sensor
from rules.occasions import EVENING, Due, between, late_ms, next_due_ms
from rules.plan import Reminder
from rules.prompts import (
    SPENT_MS,
    blocked,
    drop,
    facts,
    forget,
    in_time,
    put,
    reminder_of,
    spend,
    unspend,
    wall_ms_of,
)
from rules.reports import ReminderMissed, ReminderPrompted
from rules.state import House
from rules.turn import Turn
from rules.watched import Occasion, Prompt

LOOK_BACK_MS = 7 * 24 * 3_600_000
"""What fell due longer ago, while the hub was off, is not told: the centre knows that it was off."""

LOOK_MS = 30 * 60_000
"""How often to look at least: a wall clock that is set wakes nobody, and without a line little else does."""

AWAKE_MS = 10_000
"""A hub that is so late for a deadline was asleep; one that is awake is late by some milliseconds, always."""

PROMPTS_MAX = 64
"""S12: while so many are open, a further one is told as missed at once."""


# --- what falls due -----------------------------------------------------------------------------------


def occasion_due_ms(house: House) -> int | None:
    """When to look for occasions next."""
    return house.remind_at_ms


def look_again(turn: Turn) -> None:
    """Look for occasions at once: the wall clock, what is known of it, the plan or the process is another."""
    turn.update(remind_at_ms=turn.now.ms)


def on_occasion_due(turn: Turn) -> None:
    """Begin all that fell due, also while the hub was off or had no clock.

    That is when the hub is awake: nobody heard what a sleeping one might have said.
    """
    if turn.now.ms < turn.woken.ms:
        turn.update(remind_at_ms=turn.woken.ms)
        return
    house, wall_ms = turn.house, wall_ms_of(turn)
    if not house.clock_known or not house.plan.reminders:
        turn.update(remind_at_ms=None)  # S6: until the clock is known; or until there is another plan
        return
    mark_ms = wall_ms if house.reminded_wall_ms is None else house.reminded_wall_ms
    _judge_open(turn)
    if wall_ms < mark_ms:
        _judge_again(turn)
    begun = {each.occasion for each in turn.house.spent}
    for due in between(house.plan, max(min(mark_ms, wall_ms), wall_ms - LOOK_BACK_MS), wall_ms):
        reminder = reminder_of(turn.house, due.occasion)
        if due.occasion not in begun and reminder is not None:  # S4
            begin(turn, due, reminder)
    forget(turn)
    ahead_ms = next_due_ms(house.plan, wall_ms, LOOK_MS) - wall_ms
    turn.update(reminded_wall_ms=wall_ms, remind_at_ms=turn.now.ms + ahead_ms)


def begin(turn: Turn, due: Due, reminder: Reminder) -> None:
    """Begin an occasion of a reminder: it is said at once; or waits to be told as missed, if too late: a clock may lie.

    The `reminder` is as its plan has it, which may not be in force yet.
    """
    now_ms = turn.now.ms
    prompt = Prompt(
        occasion=due.occasion, due_wall_ms=due.due_wall_ms, next_ms=now_ms, missed_ms=now_ms + reminder.missed_ms
    )
    late = not in_time(turn, reminder, prompt)
    if late:
        prompt = replace(prompt, state="waiting", why="hub", next_ms=None)
    if len(turn.house.prompts) >= PROMPTS_MAX:
        _miss(turn, replace(prompt, why="hub"))  # S12: not silently
        return
    turn.update(prompts=(*turn.house.prompts, prompt))
    spend(turn, due.occasion, due.due_wall_ms, "late" if late else "held")


def _judge_open(turn: Turn) -> None:
    """Judge what is open and held back by the clock as it is now.

    What nobody has heard of and is not due yet comes at its time; what waited for a clock, or came too late for one
    that was wrong, is said if it may be.
    """
    for prompt in turn.house.prompts:
        reminder = reminder_of(turn.house, prompt.occasion)
        if reminder is None:
            continue
        if not prompt.prompts and prompt.due_wall_ms > wall_ms_of(turn):
            drop(turn, prompt)
            unspend(turn, prompt.occasion)
        elif prompt.state == "waiting" and prompt.why == "hub":
            if _may_go_on(turn, reminder, prompt):
                put(turn, _resumed(turn, reminder, prompt))
        elif prompt.state == "waiting" and not prompt.prompts:
            put(turn, replace(prompt, missed_ms=_held_until_ms(turn, reminder, prompt)))


def _may_go_on(turn: Turn, reminder: Reminder, prompt: Prompt) -> bool:
    """Whether it may be said; again, after a reboot, as late as it would have been without one."""
    if not prompt.prompts:
        return in_time(turn, reminder, prompt)
    late = wall_ms_of(turn) - prompt.due_wall_ms
    return late <= max(late_ms(reminder, prompt.occasion.slot), reminder.missed_ms)


def _judge_again(turn: Turn) -> None:
    """The clock was put back: what came too late by the wrong one, and was told as missed, may be in time after all."""
    plan, wall_ms = turn.house.plan, wall_ms_of(turn)
    still_open = {each.occasion for each in turn.house.prompts}
    late = [each for each in turn.house.spent if each.state == "late" and each.occasion not in still_open]
    for each in late:
        if each.due_wall_ms > wall_ms:
            unspend(turn, each.occasion)
    again = {each.occasion for each in late}
    for due in between(plan, wall_ms - max(each.late_ms for each in plan.reminders), wall_ms):
        reminder = reminder_of(turn.house, due.occasion)
        if due.occasion in again and reminder is not None and in_time(turn, reminder, due):
            begin(turn, due, reminder)


# --- the dialogue -------------------------------------------------------------------------------------


def prompt_due_ms(house: House) -> int | None:
    """When something is said again, counts as missed, is held back, or goes on."""
    if not house.prompts:
        return None
    held = blocked(house)
    return min(_turn_ms(house, each, held) for each in house.prompts)


def _turn_ms(house: House, prompt: Prompt, held: str | None) -> int:
    if prompt.state == "waiting":
        return prompt.missed_ms if prompt.why in ("hub", held) else house.now_ms
    next_ms = prompt.missed_ms if prompt.next_ms is None else min(prompt.next_ms, prompt.missed_ms)
    return next_ms if held is None else house.now_ms


def on_prompt_due(turn: Turn) -> None:
    """Say what is to be said, hold it back, let it go on, or give it up: every open occasion by itself."""
    held = blocked(turn.house)
    for prompt in turn.house.prompts:
        reminder = reminder_of(turn.house, prompt.occasion)
        if reminder is None or prompt.missed_ms <= turn.now.ms:
            _miss(turn, prompt)
        elif prompt.state == "waiting":
            if prompt.why not in ("hub", held):
                put(turn, _resumed(turn, reminder, prompt) if held is None else replace(prompt, why=held))
        elif held is not None:
            missed_ms = _held_until_ms(turn, reminder, prompt)
            put(turn, replace(prompt, state="waiting", why=held, next_ms=None, missed_ms=missed_ms))
        elif prompt.next_ms is not None and prompt.next_ms <= turn.now.ms:
            _say(turn, reminder, prompt)


def _held_until_ms(turn: Turn, reminder: Reminder, prompt: Prompt) -> int:
    """Give until when what is held back may still be said; what was said before, at least as long as without that."""
    if not turn.house.clock_known:
        return prompt.missed_ms
    left_ms = prompt.due_wall_ms + late_ms(reminder, prompt.occasion.slot) - wall_ms_of(turn)
    until_ms = turn.now.ms + max(left_ms, 0)
    return max(until_ms, prompt.missed_ms) if prompt.prompts else until_ms


def _resumed(turn: Turn, reminder: Reminder, prompt: Prompt) -> Prompt:
    """Give an occasion that nothing holds back any more: said at once, and its time to be missed begins anew."""
    now_ms = turn.now.ms
    return replace(prompt, state="prompting", next_ms=now_ms, missed_ms=now_ms + reminder.missed_ms)


def _say(turn: Turn, reminder: Reminder, prompt: Prompt) -> None:
    if turn.now.ms < turn.woken.ms:
        put(turn, replace(prompt, next_ms=turn.woken.ms))
        return
    if not prompt.prompts:
        if not turn.house.clock_known:
            put(turn, replace(prompt, state="waiting", why="hub", next_ms=None))  # S6: until it is known
            return
        spend(turn, prompt.occasion, prompt.due_wall_ms, "said")
        turn.send(ReminderPrompted(**facts(turn, prompt), late_ms=wall_ms_of(turn) - prompt.due_wall_ms))
    now_ms = turn.now.ms
    said = replace(prompt, why="unanswered", prompts=prompt.prompts + 1, said_ms=now_ms)
    put(turn, replace(said, next_ms=now_ms + reminder.repeat_ms))
    turn.chirp("reminder")
    turn.do(Say(reminder.text, _about(reminder, prompt.occasion), reminder.person))


def _about(reminder: Reminder, occasion: Occasion) -> PromptName:
    return "appointment-tomorrow" if occasion.slot == EVENING else reminder.kind


def _miss(turn: Turn, prompt: Prompt) -> None:
    """Tell that an occasion was missed; and call, if the plan says so, unless everybody is away."""
    drop(turn, prompt)
    turn.send(ReminderMissed(**facts(turn, prompt), why=prompt.why, prompts=prompt.prompts))
    house, reminder = turn.house, reminder_of(turn.house, prompt.occasion)
    if reminder is None:
        return
    heard = turn.woken.ms - turn.now.ms < AWAKE_MS and not house.night and blocked(house) is None
    if prompt.why == "unanswered" and heard:
        turn.do(Say(prompt="missed", person=reminder.person))
    if reminder.alarm and prompt.why != "away":
        sensor = house.config.sensor(reminder.sensor) or triggers.HUB_BUTTON
        asks = Sensor(sensor.id, "reminder-missed", "", reminder.person)
        triggers.begin(turn, asks, reminder.name, f"reminder.{reminder.name}")


def after_reboot(turn: Turn) -> None:
    """S6: how long the hub was off is known when its clock is: until then nothing is said of what was open."""
    now_ms = turn.now.ms
    for prompt in turn.house.prompts:
        reminder = reminder_of(turn.house, prompt.occasion)
        missed_ms = now_ms + (0 if reminder is None else reminder.missed_ms)
        why = "hub" if prompt.state == "prompting" else prompt.why
        put(turn, replace(prompt, state="waiting", why=why, said_ms=None, next_ms=None, missed_ms=missed_ms))
    spent = (replace(each, until_ms=now_ms + SPENT_MS) for each in turn.house.spent)
    turn.update(spent=tuple(spent))
