"""Answers to reminders: the button, pressed or held; the dispenser's lid; a reading. And the end of any press."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec.structs import replace

from rules.events import AnswerHeld, AnswerPressed, Measured, Sensor
from rules.occasions import between, late_ms
from rules.plan import Reminder
from rules.preempting import preempted
from rules.prompts import blocked, drop, facts, put, reminder_of, spend, wall_ms_of
from rules.reports import ReminderSnoozed, ReminderTaken
from rules.turn import Turn
from rules.watched import Prompt

SNOOZES_MAX = 3
"""How often an occasion may be put off: a fourth "later" has it said again. (Our own figure.)"""

REACT_MS = 1_000
"""A press that began sooner after a reminder began to be said is not about it: hands press twice, and for something
else. (Our own figure: nobody hears three notes, understands and presses within a second.)"""

ONE_OPENING_MS = 60_000
"""A lid that moves again within so long is the same hand at it. (Our own figure.)"""

How = Literal["button", "lid", "reading"]


def on_answer_pressed(turn: Turn, event: AnswerPressed) -> None:
    """Yes, done: answers what was said last. Of what was said with it the next is said again: nothing goes unheard."""
    prompt = _asked(turn, event)
    if prompt is None:
        return
    turn.update(press_used=True)
    _take(turn, prompt, "button")
    following = _last_said([each for each in turn.house.prompts if each.said_ms is not None])
    if following is not None:
        put(turn, replace(following, next_ms=turn.now.ms))


def on_answer_held(turn: Turn, event: AnswerHeld) -> None:
    """Later: puts off what was said last, a few times, and never until it would do harm; else it is said again."""
    prompt = _asked(turn, event)
    reminder = None if prompt is None else reminder_of(turn.house, prompt.occasion)
    if prompt is None or reminder is None:
        return
    turn.update(press_used=True)
    last_ms = prompt.due_wall_ms + late_ms(reminder, prompt.occasion.slot)
    too_late = turn.house.clock_known and wall_ms_of(turn) + reminder.snooze_ms > last_ms
    if prompt.snoozes >= SNOOZES_MAX or too_late:
        put(turn, replace(prompt, next_ms=turn.now.ms))
        return
    again_ms, missed_ms = turn.now.ms + reminder.snooze_ms, prompt.missed_ms + reminder.snooze_ms
    # What was put off is not what was said last, though a press may still mean it.
    put(turn, replace(prompt, snoozes=prompt.snoozes + 1, said_ms=None, next_ms=again_ms, missed_ms=missed_ms))
    turn.chirp("later")
    turn.send(ReminderSnoozed(**facts(turn, prompt), again_in_ms=reminder.snooze_ms))


def on_answer_over(turn: Turn, _event: AnswerPressed | AnswerHeld) -> None:
    """The press is over, after all who might take it: the next one is another, of whichever button."""
    turn.update(press_used=False)


def opened(turn: Turn, sensor: Sensor) -> None:
    """Somebody opened the dispenser: that answers what waits for it, or what is due soon, whatever else goes on."""
    life = turn.house.sensor(sensor.id)
    if life.triggered_ms is not None and turn.now.ms - life.triggered_ms < ONE_OPENING_MS:
        return  # S4
    turn.put_sensor(replace(life, triggered_ms=turn.now.ms))
    _done(turn, "lid", lambda reminder: reminder.sensor == sensor.id and not reminder.reading)


def on_measured(turn: Turn, event: Measured) -> None:
    """A reading that somebody was reminded of is the answer."""
    _done(turn, "reading", lambda each: each.reading == event.quantity and each.sensor in ("", event.sensor))


def _asked(turn: Turn, press: AnswerPressed | AnswerHeld) -> Prompt | None:
    """Give the occasion that a press of the button means: none, while an alarm comes first or has taken the press.

    Nor one that had hardly begun to be said when the button went down: that press meant nothing, and is over.
    """
    if turn.house.press_used or blocked(turn.house) is not None:
        return None
    prompt = _last_said([each for each in turn.house.prompts if each.state == "prompting" and each.prompts])
    began_ms = turn.now.ms - press.for_ms
    if prompt is not None and prompt.said_ms is not None and began_ms - prompt.said_ms < REACT_MS:
        turn.update(press_used=True)
        return None
    return prompt


def _last_said(prompts: Sequence[Prompt]) -> Prompt | None:
    """Give the one that was said last; of those said at the same moment, or not lately, the one that was due first."""
    said = [
        (-1 if each.said_ms is None else each.said_ms, -each.due_wall_ms, -place, each)
        for place, each in enumerate(prompts)
    ]
    return max(said, key=lambda each: each[:3])[3] if said else None


def _done(turn: Turn, how: How, meant: Callable[[Reminder], bool]) -> None:
    """Take what was done for what is open of each reminder that it answers; else for what is due soon."""
    reminders = [each for each in turn.house.plan.reminders if meant(each)]
    waiting = [
        _last_said([prompt for prompt in turn.house.prompts if prompt.occasion.reminder == each.name])
        for each in reminders
    ]
    for prompt in waiting:
        if prompt is not None:
            _take(turn, prompt, how)
    if reminders and not any(waiting) and turn.house.clock_known:
        _take_early(turn, reminders, how)


def _take_early(turn: Turn, reminders: Sequence[Reminder], how: How) -> None:
    """Take the next occasion as answered before it is due: it is not prompted any more, lest it be taken twice."""
    wall_ms = wall_ms_of(turn)
    early_ms = {each.name: each.early_ms for each in reminders}
    begun = {each.occasion for each in turn.house.spent}
    of_these = replace(turn.house.plan, reminders=tuple(reminders))
    soon = [
        each
        for each in between(of_these, wall_ms, wall_ms + max(early_ms.values()))
        if each.occasion not in begun and each.due_wall_ms <= wall_ms + early_ms[each.occasion.reminder]
    ]
    for due in soon:
        if due.due_wall_ms == soon[0].due_wall_ms:
            _take(turn, Prompt(occasion=due.occasion, due_wall_ms=due.due_wall_ms, missed_ms=turn.now.ms), how)


def _take(turn: Turn, prompt: Prompt, how: How) -> None:
    drop(turn, prompt)
    spend(turn, prompt.occasion, prompt.due_wall_ms, "said")
    if not preempted(turn.house):
        turn.chirp("taken")
    after_ms = wall_ms_of(turn) - prompt.due_wall_ms if turn.house.clock_known else None  # S6: nobody knows
    turn.send(ReminderTaken(**facts(turn, prompt), how=how, prompts=prompt.prompts, after_ms=after_ms))
