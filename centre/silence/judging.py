"""What is wrong with one home at this moment, and when that becomes somebody's case. Pure.

A hub that is silent, and the few faults with which a home can no more call for help than a silent one.
"""

from centre.silence.seen import Seen, Standing
from rules.values import Value

SILENCE = "silence"

LOST_MS = 10_000
"""How long after its will a hub may still come back unnoticed.

Broker and will take 75 s at most to tell that a hub is gone (keepalive 30 s, given up after half as much again, will
delay 15 s). With this and a tick every `TICK_MS` it is a case 90 s after the line was cut.
"""

TICK_MS = 5_000
"""How often `watch` must be called, at least."""

PLANNED_MS = 600_000
"""How long a planned stop may last. With an alarm open none is granted: the hub itself would not stop then (S10)."""

WORD_MS = 90_000
"""How long a hub that is connected again may take to check in. It does so at once on every line."""

MISSED = 2
"""So many check-in intervals without one, and a hub that is connected is silent all the same."""

RETURN_MS = 75_000
"""How long after the centre itself began to hear (again) nobody's absence counts.

A hub whose broker was gone tries again after 30 s at most, jittered, and connects within seconds.
"""

AHEAD_MS = 60_000
"""So far a message may be stamped ahead of the tick."""

NOW: dict[str, int] = {"battery": 1, "alarm-rejected": 1, "engine": 1, "driver": 2}
"""Faults that are an operator's at once, by day and night, with the case's priority.

`battery`: the hub is about to fall silent. `alarm-rejected`: an alarm that the centre would not take. `engine`: a rule
fails, and it may be the one that raises alarms. `driver`: sensors are not heard. All others wait for the day team.
"""

RECEPTION, RECEPTION_PRIORITY = "reception-", 2
"""The fault `part` of a jammed receiver: a pendant may not be heard."""


class Loss(Value, frozen=True):
    """What is wrong with a home: `why` for people, since `lost_ms`, and a case from `due_ms` on.

    `alarm`: an alarm of this home is open, so that it stays a case of its own whatever else is lost.
    """

    what: str
    priority: int
    lost_ms: int
    due_ms: int
    why: str
    alarm: bool = False


def judge(seen: Seen, now_ms: int, listening_ms: int) -> tuple[Loss, ...]:
    """Say what is wrong; nothing, as a rule. `listening_ms`: since when the centre has heard without a break."""
    silent = _silence(seen, now_ms, listening_ms) if seen.known else None  # S7: one never heard of is on the worklist
    if not seen.faults:
        return () if silent is None else (silent,)
    found = {} if silent is None else {SILENCE: silent}
    for fault in seen.faults:
        loss = _urgent(fault, alarm=bool(seen.alarms))
        if loss is not None:
            found.setdefault(loss.what, loss)  # two deaf drivers are one case of this home
    return tuple(found.values())


def _silence(seen: Seen, now_ms: int, listening_ms: int) -> Loss | None:
    if seen.gone_ms is not None:
        return _gone(seen, _moment(seen.gone_ms, now_ms, listening_ms), listening_ms)
    last_ms = _moment(seen.last_ms or 0, now_ms, listening_ms)
    # What was sent while the centre heard nothing is not missed; a hub that lives checks in once more in an interval.
    overdue_ms = max(last_ms + MISSED * seen.every_ms, listening_ms + seen.every_ms + LOST_MS)
    return _silent(seen, overdue_ms, overdue_ms, "no-check-in") if overdue_ms <= now_ms else None


def _gone(seen: Seen, gone_ms: int, listening_ms: int) -> Loss:
    planned = seen.planned and not seen.alarms
    lost_ms = gone_ms + PLANNED_MS if planned else gone_ms
    due_ms = lost_ms if planned else lost_ms + LOST_MS
    if seen.online:
        lost_ms = due_ms = lost_ms + WORD_MS
    why = "no-check-in" if seen.online else "not-back" if seen.planned else "lost"
    return _silent(seen, lost_ms, max(due_ms, listening_ms + RETURN_MS), why)


def _silent(seen: Seen, lost_ms: int, due_ms: int, why: str) -> Loss:
    return Loss(SILENCE, 1 if seen.alarms else 2, lost_ms, due_ms, why, alarm=bool(seen.alarms))


def _moment(ms: int, now_ms: int, listening_ms: int) -> int:
    """Give a moment; one in the future is of before the centre's clock was set back, at which listening began anew."""
    return ms if ms <= now_ms + AHEAD_MS else listening_ms


def _urgent(fault: Standing, *, alarm: bool) -> Loss | None:
    what, priority = fault.fault, NOW.get(fault.fault)
    if fault.fault == "part" and fault.subject.startswith(RECEPTION):
        what, priority = "reception", RECEPTION_PRIORITY
    if priority is None:
        return None
    return Loss(what, priority, fault.known_ms, fault.known_ms, f"{fault.subject} {fault.reason}".strip(), alarm=alarm)
