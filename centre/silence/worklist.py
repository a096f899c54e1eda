"""The day team's worklist: standing faults, hubs never heard of, homes long silent, unsteady lines. Pure."""

from collections.abc import Iterable

from centre.silence.judging import NOW, RECEPTION
from centre.silence.seen import DROPS_MAX, Seen
from rules.values import Value

UNSTEADY_MS = 24 * 3_600_000
"""A home whose line was lost `DROPS_MAX` times within so long is visited before it is lost for good."""

LONG_MS = 3_600_000
"""A home that is silent for so long needs somebody to go there, whether it is a case or one of an incident's many."""

NEVER_HEARD, UNSTEADY, SILENT = "never-heard", "unsteady-line", "silent"

GROUPS: dict[str, str] = {
    "clock": "clock",
    "time-zone": "clock",
    "storage": "storage",
    "store-quarantined": "storage",
    "mains": "power",
    "battery": "power",
    "certificate": "certificate",
    "link": "line",
    UNSTEADY: "line",
    SILENT: "line",
    "centre": "line",
    "texts": "texts",
    "driver": "sensors",
    "test-missing": "sensors",
    NEVER_HEARD: "installation",
    "no-outputs": "installation",
}
"""Whose work a fault is. Those of `sensor-...` are the sensors'; what is not named here is the hub's."""

_PRIORITIES = {SILENT: 2, NEVER_HEARD: 3, UNSTEADY: 3}


class Work(Value, frozen=True, kw_only=True):
    """One thing to see to at one home. `now`: an operator has it as a case, too. Ages are in ms, by the centre's clock.

    `age_ms` counts from when the centre first heard of it.
    """

    hub: str
    fault: str
    subject: str
    priority: int
    age_ms: int
    reason: str = ""
    now: bool = False


class Group(Value, frozen=True, kw_only=True):
    """The same fault at all homes that have it: the most urgent first, then the oldest."""

    fault: str
    group: str
    priority: int
    work: tuple[Work, ...]


def worklist(homes: Iterable[Seen], now_ms: int) -> tuple[Group, ...]:
    """Group what stands by fault, the most urgent group first, then the one with the oldest work."""
    found: dict[str, list[Work]] = {}
    for seen in homes:
        for work in _of(seen, now_ms):
            found.setdefault(work.fault, []).append(work)
    groups = []
    for fault, several in found.items():
        several.sort(key=lambda each: (each.priority, -each.age_ms, each.hub, each.subject))
        groups.append(Group(fault=fault, group=_group(several[0]), priority=several[0].priority, work=tuple(several)))
    return tuple(sorted(groups, key=lambda each: (each.priority, -each.work[0].age_ms, each.fault)))


def _of(seen: Seen, now_ms: int) -> list[Work]:
    work = [
        _work(seen, each.fault, each.subject, each.priority, now_ms - each.known_ms, each.reason)
        for each in seen.faults
    ]
    if not seen.known:
        work.append(_work(seen, NEVER_HEARD, "", _PRIORITIES[NEVER_HEARD], now_ms - seen.enrolled_ms))
    quiet_ms = seen.last_ms if seen.gone_ms is None else seen.gone_ms
    if quiet_ms is not None and now_ms - quiet_ms >= LONG_MS:
        work.append(_work(seen, SILENT, "", _PRIORITIES[SILENT], now_ms - quiet_ms))
    if len(seen.drops) == DROPS_MAX and now_ms - seen.drops[0] <= UNSTEADY_MS:
        reason = f"lost {DROPS_MAX} times in a day"
        work.append(_work(seen, UNSTEADY, "", _PRIORITIES[UNSTEADY], now_ms - seen.drops[0], reason))
    return work


def _work(seen: Seen, fault: str, subject: str, priority: int, age_ms: int, reason: str = "") -> Work:
    return Work(
        hub=seen.hub,
        fault=fault,
        subject=subject,
        priority=priority,
        age_ms=max(0, age_ms),
        reason=reason,
        now=fault in NOW or fault == SILENT or _jammed(fault, subject),
    )


def _jammed(fault: str, subject: str) -> bool:
    return fault == "part" and subject.startswith(RECEPTION)


def _group(work: Work) -> str:
    if work.fault.startswith("sensor-"):
        return "sensors"
    return GROUPS.get(work.fault, "hub")
