"""Is anybody there? Check-ins prove a living centre behind the broker, and its silence is a fault (S7)."""

from msgspec.structs import replace

from rules.actions import SendCheckIn
from rules.events import LinkUp
from rules.faults import clear_fault, raise_fault
from rules.reports import CheckIn
from rules.state import House
from rules.turn import Turn

ANSWER_MS = 10_000
"""How long a check-in may wait for its receipt."""

UNANSWERED_MAX = 2
"""This many check-ins in a row without a receipt, and the centre is silent."""


def on_link_up(turn: Turn, _event: LinkUp) -> None:
    """Check in at once on a new line."""
    check_in_now(turn)


def check_in_now(turn: Turn) -> None:
    """Check in as soon as there is a line, whatever still waits for its receipt."""
    turn.update(centre=replace(turn.house.centre, checkin_at_ms=turn.now.ms, waiting=None, receipt_due_ms=None))


def checkin_due_ms(house: House) -> int | None:
    """When the next check-in goes; never without a line."""
    return house.centre.checkin_at_ms if house.connected else None


def on_checkin_due(turn: Turn) -> None:
    """Check in. What is in the outbox is filled in when it is sent."""
    seq = turn.number("c")
    check_in = CheckIn(clock=turn.clock, last={}, oldest_unreceipted={})
    ref = f"{turn.house.epoch}-c-{seq}"
    turn.do(SendCheckIn(ref, seq, turn.now.wall_ms, check_in))
    turn.update(
        centre=replace(
            turn.house.centre,
            checkin_at_ms=turn.now.ms + turn.house.centre.checkin_every_ms,
            waiting=ref,
            receipt_due_ms=turn.now.ms + ANSWER_MS,
        )
    )


def answer_due_ms(house: House) -> int | None:
    """When the waiting check-in counts as unanswered; without a line that is the link's fault, not the centre's."""
    return house.centre.receipt_due_ms if house.connected else None


def on_answer_due(turn: Turn) -> None:
    """A check-in went unanswered; after two the centre is silent."""
    unanswered = turn.house.centre.unanswered + 1
    turn.update(centre=replace(turn.house.centre, waiting=None, receipt_due_ms=None, unanswered=unanswered))
    if unanswered >= UNANSWERED_MAX:
        raise_fault(turn, "centre", "", 1, f"{UNANSWERED_MAX} check-ins without a receipt")


def on_answered(turn: Turn) -> None:
    """The waiting check-in has its receipt."""
    turn.update(centre=replace(turn.house.centre, waiting=None, receipt_due_ms=None))
    on_alive(turn)


def on_alive(turn: Turn) -> None:
    """Any receipt that takes responsibility proves the centre; not that it hears alarms while one is overdue (S7)."""
    if turn.house.centre.unanswered:
        turn.update(centre=replace(turn.house.centre, unanswered=0))
    if not any(alarm.delivery == "waiting" and alarm.late for alarm in turn.house.alarms):
        clear_fault(turn, "centre", "")
