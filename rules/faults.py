"""Faults: each raised once, cleared once, listed until cleared (S7)."""

from rules.reports import FaultCleared, FaultNote, FaultRaised
from rules.state import Fault, House
from rules.turn import Turn
from rules.values import TEXT_CHARS_MAX


def standing(house: House, fault: str, subject: str) -> Fault | None:
    """Give the standing fault of this kind and subject, if there is one."""
    return next((each for each in house.faults if (each.fault, each.subject) == (fault, subject)), None)


def raise_fault(turn: Turn, fault: str, subject: str, priority: int, reason: str = "") -> None:
    """Record and report a fault, unless it stands already. `priority` is 1 (life) to 4 (housekeeping)."""
    if standing(turn.house, fault, subject):
        return
    reason = reason[:TEXT_CHARS_MAX]  # S12
    new = Fault(
        fault=fault,
        subject=subject,
        priority=priority,
        reason=reason,
        boot=turn.house.boot,
        since_ms=turn.now.ms,
    )
    turn.update(faults=(*turn.house.faults, new))
    turn.send(FaultRaised(clock=turn.clock, fault=fault, subject=subject, priority=priority, reason=reason))


def clear_fault(turn: Turn, fault: str, subject: str) -> None:
    """Record and report that a fault is over, if it stood."""
    known = standing(turn.house, fault, subject)
    if known is None:
        return
    turn.update(faults=tuple(each for each in turn.house.faults if each is not known))
    lasted_ms = turn.now.ms - known.since_ms if known.boot == turn.house.boot else None
    turn.send(FaultCleared(clock=turn.clock, fault=fault, subject=subject, lasted_ms=lasted_ms))


def set_fault(turn: Turn, fault: str, subject: str, priority: int, *, active: bool, reason: str = "") -> None:
    """Raise or clear, as `active` says."""
    if active:
        raise_fault(turn, fault, subject, priority, reason)
    else:
        clear_fault(turn, fault, subject)


NOTES_MAX = 60
"""How many faults a report lists (S12): it must fit its message even when every sensor of a large home is unwell."""


def notes(house: House) -> tuple[FaultNote, ...]:
    """List the standing faults, most urgent first, as many as fit; whoever lists them also says how many there are."""
    ranked = sorted(house.faults, key=lambda each: (each.priority, each.fault, each.subject))
    return tuple(FaultNote(each.fault, each.subject, each.priority) for each in ranked[:NOTES_MAX])
