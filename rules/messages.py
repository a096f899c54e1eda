"""Messages from family and centre, said at a civil hour until somebody has heard them; and what a resident may ask for.

A press confirms the message that was said last, and only while it may still be in somebody's ear: nothing counts as
heard that nobody heard. Their texts stay with the agent (S11).
"""

from datetime import UTC

from msgspec.structs import replace

from rules import calendar
from rules.actions import Say
from rules.events import AnswerHeld, AnswerPressed
from rules.plan import Window
from rules.preempting import preempted
from rules.reports import MessageExpired, MessageHeard
from rules.state import House
from rules.turn import Turn
from rules.watched import Message

WAITING_MAX = 16
"""S12: how many may wait at once."""

REPEAT_MS = 15 * 60_000
"""How often a message is said until it is heard; and for how long after it a press means that message."""

GAP_MS = 60_000
"""Several that wait are said so far apart: nobody takes in two at once. (Our own figure.)"""

HEARD_MS = 5_000
"""A press that began sooner after a message began to be said is not about it: three seconds pass before its own words
come. (Our own figure.)"""

CIVIL = Window(begin=8 * 60, to=21 * 60)
"""When a message may be said in a home whose plan has neither night nor quiet hours. (Our own figure.)"""

HOUR_MS = 3_600_000


def take(turn: Turn, message: str, text: str, person: str, hours: int) -> bool:
    """Have a message wait until it is heard, for so many hours; an empty `text` is one that the agent keeps.

    False when there is no room for it.
    """
    if len(turn.house.messages) >= WAITING_MAX:
        return False
    new = Message(
        id=message,
        text=text,
        person=person,
        sealed=not text,
        hours=hours,
        next_ms=turn.now.ms,
        expires_ms=turn.now.ms + hours * HOUR_MS,
    )
    turn.update(messages=(*turn.house.messages, new))
    return True


def after_reboot(turn: Turn) -> None:
    """S6: how long the hub was off is unknown: it is good for its whole time again, rather than never said."""
    now_ms = turn.now.ms
    anew = (replace(each, next_ms=now_ms, expires_ms=now_ms + each.hours * HOUR_MS) for each in turn.house.messages)
    turn.update(messages=tuple(anew))


# --- time -------------------------------------------------------------------------------------------


def message_due_ms(house: House) -> int | None:
    """When a message is over, or to be said."""
    if not house.messages:
        return None
    if _broken_into(house) and _last_said(house, house.now_ms) is not None:
        return house.now_ms
    over_ms = min(each.expires_ms for each in house.messages)
    civil_ms = None if _broken_into(house) or house.mode == "away" else _civil_ms(house)
    return over_ms if civil_ms is None else min(over_ms, max(civil_ms, _next_ms(house)))


def on_message_due(turn: Turn) -> None:
    """Say a message, or give up what nobody has heard. What something broke into is said again once that is over."""
    house, now_ms = turn.house, turn.now.ms
    over = [each for each in house.messages if each.expires_ms <= now_ms]
    if _broken_into(house):
        _say_anew(turn)
    elif not over:
        _say(turn, min(house.messages, key=lambda each: each.next_ms))
    for each in over:
        _drop(turn, each)
        turn.send(MessageExpired(clock=turn.clock, message=each.id, times=each.times))


def _broken_into(house: House) -> bool:
    """Whether something else comes first: an alarm, or a reminder that waits for its answer."""
    return preempted(house) or any(each.state == "prompting" for each in house.prompts)


def _next_ms(house: House) -> int:
    """When the next is said, if nothing is against it."""
    said = [_said_ms(each) + GAP_MS for each in house.messages if each.times]
    return max(min(each.next_ms for each in house.messages), *said, 0)


def _civil_ms(house: House) -> int | None:
    """When a message may be said, from now on; None: when a window of the plan ends, which is a deadline of its own."""
    plan = house.plan
    if plan.night is not None or plan.quiet is not None:
        return None if house.night or house.quiet else house.now_ms
    wall_ms = house.now_ms + house.wall_offset_ms
    found = calendar.at(CIVIL, calendar.zone_of(plan.time_zone) or UTC, wall_ms)
    if found.open or found.until_ms is None:
        return house.now_ms
    return house.now_ms + max(found.until_ms - wall_ms, 1)


def _say(turn: Turn, message: Message) -> None:
    woken_ms = turn.woken.ms  # nobody hears what was due while the hub slept; nor what is over by now
    said = message.expires_ms > woken_ms
    _put(turn, replace(message, times=message.times + said, next_ms=woken_ms + REPEAT_MS))
    if said:
        turn.chirp("message")
        turn.do(Say(message.text, "message", message.person, message.id if message.sealed else ""))


def _put(turn: Turn, message: Message) -> None:
    turn.update(messages=tuple(message if each.id == message.id else each for each in turn.house.messages))


def _say_anew(turn: Turn) -> None:
    """Have whatever waits said as soon as it may be."""
    anew = (replace(each, next_ms=min(each.next_ms, turn.now.ms)) for each in turn.house.messages)
    turn.update(messages=tuple(anew))


def _drop(turn: Turn, message: Message) -> None:
    turn.update(messages=tuple(each for each in turn.house.messages if each.id != message.id))


# --- the button that answers ------------------------------------------------------------------------


def on_answer_pressed(turn: Turn, event: AnswerPressed) -> None:
    """Somebody has heard a message; or wants to hear the one that waits, whatever the hour. Reminders come first."""
    if turn.house.press_used or preempted(turn.house) or not turn.house.messages:
        return
    said = _last_said(turn.house, turn.now.ms)
    if said is None:
        _say(turn, min(turn.house.messages, key=lambda each: each.next_ms))
    elif turn.now.ms - event.for_ms - _said_ms(said) >= HEARD_MS:
        _drop(turn, said)
        _say_anew(turn)  # whoever hears one is there for the next
        turn.chirp("taken")
        turn.send(MessageHeard(clock=turn.clock, message=said.id, times=said.times))


def on_answer_held(turn: Turn, _event: AnswerHeld) -> None:
    """Later: a message that was just said is put off. Otherwise: tell me something."""
    house = turn.house
    if house.press_used or preempted(house):
        return
    said = _last_said(house, turn.now.ms)
    if said is not None:
        _put(turn, replace(said, next_ms=turn.now.ms + REPEAT_MS))
        turn.chirp("later")
    elif house.plan.information:
        told = house.plan.information[house.informed % len(house.plan.information)]
        turn.update(informed=(house.informed + 1) % len(house.plan.information))
        turn.do(Say(told.text))
    else:
        turn.do(Say(prompt="no-information"))


def _last_said(house: House, now_ms: int) -> Message | None:
    """Give the message that may still be in somebody's ear."""
    said = [each for each in house.messages if each.times and each.next_ms > now_ms]
    return max(said, key=_said_ms, default=None)


def _said_ms(message: Message) -> int:
    """When it was last said, or put off."""
    return message.next_ms - REPEAT_MS
