"""How homes fared in a span: alarms, reminders, uptime and faults of each home, and faults by what they are. Pure.

`reminded` and `presence` say how the first two are reckoned. The age of a fault that stands is counted from when the
centre first heard of it; how long one lasted that was cleared in the span is the hub's own word, which knows it unless
a reboot lay between.
"""

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from centre.cases.case import Case
from centre.cases.outcomes import FALSE_ALARMS
from centre.reporting.answering import NAMES_MAX, OTHERS
from centre.reporting.measures import Times, nearest_rank, times
from centre.reporting.presence import EAR, SERVICE, Presence, Uptime, uptime
from centre.reporting.reminded import Counts, Kept, Reminded
from rules.reports import FaultCleared, FaultRaised
from rules.values import Value


class HomeFigures(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One home. `alarms` are real ones that came in the span, `false_alarms` those of them that turned out none.

    `faults` stand now, the oldest since `oldest_fault_ms` ago.
    """

    hub: str
    alarms: int
    false_alarms: int
    reminders: Kept
    uptime: Uptime
    faults: int
    oldest_fault_ms: int | None


class FaultFigures(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One kind of fault over all homes: how many `standing` now and how old, raised in the span, and cleared in it."""

    fault: str
    standing: int
    median_age_ms: int | None
    oldest_ms: int | None
    raised: int
    cleared: Times


class Outages(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Outages of many homes: how many, and how long one at least went on. For `deaf_ms` the centre heard nobody.

    While it heard nobody, nothing new is known of any home's silence: each counts as it was before.
    """

    outages: int
    lasted_ms: int
    deaf_ms: int


class Faring(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The report. `told_late`: words of reminders that came too late to be counted (`reminded.SETTLED_DAYS`)."""

    from_ms: int
    until_ms: int
    made_ms: int
    reminders: Kept
    uptime: Uptime
    outages: Outages
    homes: tuple[HomeFigures, ...]
    faults: tuple[FaultFigures, ...]
    told_late: int
    missing: tuple[str, ...] = ()


class OurHome(Value, frozen=True, kw_only=True):
    """A home as it is known now: since when, and the faults that stand, with when the centre first heard of each."""

    hub: str
    since_ms: int
    faults: tuple[tuple[str, int], ...] = ()


class AlarmCount:
    """Counts each home's real alarms of a span, and the false ones."""

    def __init__(self, from_ms: int, until_ms: int) -> None:
        self._from_ms, self._until_ms = from_ms, until_ms
        self.alarms: Counter[str] = Counter()
        self.false: Counter[str] = Counter()

    def case(self, case: Case) -> None:
        """Take a case."""
        for alarm in case.alarms:
            if not (alarm.test or alarm.found) and self._from_ms <= alarm.arrived_ms < self._until_ms:
                self.alarms[case.hub] += 1
                self.false[case.hub] += not case.open and (alarm.outcome or case.outcome) in FALSE_ALARMS


class _Fault:
    def __init__(self) -> None:
        self.raised = self.unknown = 0
        self.lasted, self.ages = array("q"), array("q")

    def figures(self, name: str) -> FaultFigures:
        ages = sorted(self.ages)
        return FaultFigures(
            fault=name,
            standing=len(ages),
            median_age_ms=nearest_rank(ages, 50) if ages else None,
            oldest_ms=ages[-1] if ages else None,
            raised=self.raised,
            cleared=times(self.lasted, self.unknown),
        )


class FaultCount:
    """Counts faults by what they are."""

    def __init__(self) -> None:
        self._faults: dict[str, _Fault] = {}

    def _of(self, name: str) -> _Fault:
        if name not in self._faults and len(self._faults) >= NAMES_MAX:
            name = OTHERS  # S12: whatever a hub calls them
        return self._faults.setdefault(name, _Fault())

    def word(self, report: FaultRaised | FaultCleared) -> None:
        """Take a word of a hub. One that is told again is still the same fault."""
        fault = self._of(report.fault)
        if isinstance(report, FaultRaised):
            fault.raised += report.again == 0
        elif report.lasted_ms is None or report.lasted_ms < 0:
            fault.unknown += 1
        else:
            fault.lasted.append(report.lasted_ms)

    def stands(self, fault: str, age_ms: int) -> None:
        """Take a fault that stands now."""
        self._of(fault).ages.append(max(0, age_ms))

    def figures(self) -> tuple[FaultFigures, ...]:
        """Give them: what stands most first, then what was raised most."""
        made = [each.figures(name) for name, each in self._faults.items()]
        return tuple(sorted(made, key=lambda each: (-each.standing, -each.raised, each.fault)))


class Counted(NamedTuple):
    """All that was counted of a span."""

    alarms: AlarmCount
    reminders: Reminded
    presence: Presence
    faults: FaultCount


def faring(
    span: tuple[int, int], now_ms: int, ours: Iterable[OurHome], counted: Counted, missing: Iterable[str] = ()
) -> Faring:
    """Put it together. Homes that are not ours any more have their alarms and reminders, and no uptime."""
    alarms, presence, faults = counted.alarms, counted.presence, counted.faults
    reminders = counted.reminders.homes()
    known = {each.hub: each for each in ours}
    homes, all_reminders = [], Counts()
    known_ms = silent_ms = silences = 0
    for hub in sorted({*known, *alarms.alarms, *reminders}):
        home = known.get(hub)
        for fault, since_ms in home.faults if home else ():
            faults.stands(fault, now_ms - since_ms)
        up = presence.of(hub, home.since_ms) if home else Uptime()
        known_ms, silent_ms, silences = known_ms + up.known_ms, silent_ms + up.silent_ms, silences + up.silences
        counts = reminders.get(hub, Counts())
        all_reminders.plus(counts)
        ages = [max(0, now_ms - since_ms) for _, since_ms in home.faults] if home else []
        homes.append(
            HomeFigures(
                hub=hub,
                alarms=alarms.alarms[hub],
                false_alarms=alarms.false[hub],
                reminders=counts.figures(),
                uptime=up,
                faults=len(ages),
                oldest_fault_ms=max(ages, default=None),
            )
        )
    out, ear = presence.of(SERVICE, 0), presence.of(EAR, 0)
    return Faring(
        from_ms=span[0],
        until_ms=span[1],
        made_ms=now_ms,
        reminders=all_reminders.figures(),
        uptime=uptime(known_ms, silent_ms, silences),
        outages=Outages(outages=out.silences, lasted_ms=out.silent_ms, deaf_ms=ear.silent_ms),
        homes=tuple(homes),
        faults=faults.figures(),
        told_late=counted.reminders.told_late,
        missing=tuple(missing),
    )
