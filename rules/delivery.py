"""Delivered means the centre said so (S2): receipts, their deadlines, and what is done when none comes."""

from msgspec.structs import replace

from rules import centre
from rules.actions import Postpone, Reject, Settle
from rules.alarm import Alarm
from rules.events import LinkDown, LinkUp, Receipted
from rules.faults import clear_fault, raise_fault
from rules.state import House
from rules.triggers import RECEIPT_MS
from rules.turn import Turn

RESEND_MS = (8_000, 20_000, 30_000)
"""Pauses before the first, second and every later resend on an open link: 30 s at most, for ever (DESIGN §5).

The first must find out that the line died between PUBACK and receipt. With 10 s an alarm was receipted up to 15.5 s
after such a line was good again: resend, 5 s without a PUBACK, connect. 15 s are promised.
"""

ALARM_RETRY_MS_MAX = 30_000
"""The longest an alarm is put off when the centre's store is down (DESIGN §5: at most 30 s on an open link)."""

RETRY_MS_MAX = 300_000
"""The longest any other event is put off."""

RETRY_MS_MIN = 1_000
"""The shortest any event is put off: "again, at once" would have hub and centre chase each other (S12)."""


def resend_after_ms(attempts: int) -> int:
    """Give the pause after the `attempts`-th sending (1 or more) of an event that gets no receipt (S3)."""
    return RESEND_MS[min(attempts, len(RESEND_MS)) - 1]


def on_receipted(turn: Turn, event: Receipted) -> None:
    """Take the centre's word on one of our events."""
    alarm = next((each for each in turn.house.alarms if each.raised_ref == event.ref), None)
    if event.ref == turn.house.centre.waiting:
        _checked_in(turn, event)
        return
    match event.result:
        case "accepted" | "conflict":
            turn.do(Settle(event.ref))
            if event.result == "conflict":
                # S12: one fault, not one for each id: reporting it may be answered with a conflict too
                raise_fault(turn, "conflict", "centre", 3, f"the centre holds other content under {event.ref}")
            if alarm is not None:
                _received(turn, alarm)
            centre.on_alive(turn)
        case "retry":
            most = ALARM_RETRY_MS_MAX if alarm is not None else RETRY_MS_MAX
            turn.do(Postpone(event.ref, min(max(RETRY_MS_MIN, event.retry_after_ms), most)))
        case "rejected":
            turn.do(Reject(event.ref))
            if alarm is not None:
                _rejected(turn, alarm, event.reason)
            else:
                raise_fault(turn, "event-rejected", "centre", 3, event.reason)


def _checked_in(turn: Turn, event: Receipted) -> None:
    """A centre that cannot keep a check-in, or refuses it, answers but receives nothing: that is silence (S7)."""
    if event.result in ("accepted", "conflict"):
        centre.on_answered(turn)
    elif event.result == "rejected":
        raise_fault(turn, "event-rejected", "centre", 3, event.reason)


def _received(turn: Turn, alarm: Alarm) -> None:
    if alarm.delivery == "received":
        return  # S4: a receipt that comes twice changes nothing
    clear_fault(turn, "alarm-rejected", alarm.id)
    turn.put_alarm(replace(alarm, delivery="received", receipt_due_ms=None, late=False, siren_until_ms=None))
    if not alarm.silent:
        turn.chirp("arrived")


def _rejected(turn: Turn, alarm: Alarm, reason: str) -> None:
    if alarm.delivery == "received":
        return  # S2: the centre has taken it, and cannot give it back
    turn.put_alarm(replace(alarm, delivery="rejected", receipt_due_ms=None, late=True))
    raise_fault(turn, "alarm-rejected", alarm.id, 1, reason)


def receipt_due_ms(house: House) -> int | None:
    """When the next alarm's receipt is overdue."""
    return min((each.receipt_due_ms for each in house.alarms if each.receipt_due_ms is not None), default=None)


def on_receipt_due(turn: Turn) -> None:
    """No receipt in time: say so at home, and report whichever part is to blame. Resending goes on (S3)."""
    for alarm in turn.house.alarms:
        if alarm.receipt_due_ms is None or alarm.receipt_due_ms > turn.now.ms:
            continue
        turn.put_alarm(replace(alarm, receipt_due_ms=None, late=True))
        if alarm.silent:
            continue  # S1: a fault lamp that comes on just now would give it away; supervision finds the same soon
        if turn.house.connected:
            raise_fault(turn, "centre", "", 1, "no receipt for an alarm in 10 s")
        for link in turn.house.links:
            if not link.up and turn.house.standby(link.name) is None:  # a standby is given its time to come up
                raise_fault(turn, "link", link.name, 1, link.reason or "no line while an alarm waits")


def on_link_up(turn: Turn, _event: LinkUp) -> None:
    """A line again, after none: waiting alarms are sent at once, and their receipts have a new deadline."""
    if turn.house.connected:
        return  # another line that comes and goes must not put the deadline off
    for alarm in turn.house.alarms:
        if alarm.delivery == "waiting":
            turn.put_alarm(replace(alarm, receipt_due_ms=turn.now.ms + RECEIPT_MS))


def on_link_down(turn: Turn, _event: LinkDown) -> None:
    """No line at all: whoever waits is told at once."""
    if turn.house.connected:
        return
    for alarm in turn.house.alarms:
        if alarm.delivery == "waiting":
            turn.put_alarm(replace(alarm, late=True))
