"""Faults: each raised once, cleared once, listed until cleared (S7)."""

from msgspec.structs import replace

from rules.reports import FaultCleared, FaultNote, FaultRaised
from rules.state import Fault, House
from rules.turn import Turn
from rules.values import TEXT_CHARS_MAX

WEEK_MS = 7 * 24 * 3_600_000

TOLD_AGAIN_MS = {"sensor-battery-low": WEEK_MS}
"""Faults that are told again after so long, until they end: a battery is easily left for next week, and forgotten."""


def standing(house: House, fault: str, subject: str) -> Fault | None:
    """Give the standing fault of this kind and subject, if there is one."""
    return next((each for each in house.faults if (each.fault, each.subject) == (fault, subject)), None)


def raise_fault(
    turn: Turn, fault: str, subject: str, priority: int, reason: str = "", *, since_ms: int | None = None
) -> None:
    """Record and report a fault, unless it stands already. `priority` is 1 (life) to 4 (housekeeping).

    `since_ms` is when it began, on the boot-relative clock, if not now.
    """
    if standing(turn.house, fault, subject):
        return
    every_ms = TOLD_AGAIN_MS.get(fault)
    new = Fault(
        fault=fault,
        subject=subject,
        priority=priority,
        reason=reason[:TEXT_CHARS_MAX],  # S12
        boot=turn.house.boot,
        since_ms=turn.now.ms if since_ms is None else since_ms,
        again_ms=None if every_ms is None else turn.now.ms + every_ms,
    )
    turn.update(faults=(*turn.house.faults, new))
    _tell(turn, new)


def tell_again(turn: Turn, known: Fault, *, priority: int | None = None, reason: str | None = None) -> None:
    """Report a fault that stands once more, as the same one: it goes on, or it has become more urgent."""
    every_ms = TOLD_AGAIN_MS.get(known.fault)
    new = replace(
        known,
        priority=known.priority if priority is None else priority,
        reason=known.reason if reason is None else reason[:TEXT_CHARS_MAX],
        again=known.again + 1,
        again_ms=None if every_ms is None else turn.now.ms + every_ms,
    )
    turn.update(faults=tuple(new if each is known else each for each in turn.house.faults))
    _tell(turn, new)


def _tell(turn: Turn, fault: Fault) -> None:
    turn.send(
        FaultRaised(
            clock=turn.clock,
            fault=fault.fault,
            subject=fault.subject,
            priority=fault.priority,
            reason=fault.reason,
            again=fault.again,
        )
    )


def again_due_ms(house: House) -> int | None:
    """When the next standing fault is told again."""
    return min((each.again_ms for each in house.faults if each.again_ms is not None), default=None)


def on_again_due(turn: Turn) -> None:
    """Tell every fault again whose time has come."""
    for fault in turn.house.faults:
        if fault.again_ms is not None and fault.again_ms <= turn.now.ms:
            tell_again(turn, fault)


def after_reboot(turn: Turn) -> None:
    """S6: the time the machine was off is not counted: what is told again is late by it, and never dropped."""
    before_ms = turn.house.now_ms  # on the old boot's clock
    rebased = (
        each if each.again_ms is None else replace(each, again_ms=turn.now.ms + max(0, each.again_ms - before_ms))
        for each in turn.house.faults
    )
    turn.update(faults=tuple(rebased))


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
