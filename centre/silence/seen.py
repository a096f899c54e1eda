"""What the centre has seen of one home: when its lines began and ended, its check-ins, its faults. Pure.

`centre.homes.Home` says how a hub is; this keeps since when. All moments are the centre's Unix time in ms.
"""

from msgspec.structs import replace

from agent.wire.messages import State, Status
from centre.homes import Home
from centre.intake import Outcome
from rules.reports import (
    AlarmCancelled,
    AlarmFacts,
    AlarmResolved,
    CheckIn,
    Clock,
    FaultCleared,
    FaultNote,
    FaultRaised,
    Report,
)
from rules.values import Value

CHECK_IN_MS = 240_000
"""How often a hub checks in, unless the centre has set another interval (DESIGN §4)."""

UNPLANNED = frozenset({"", "lost", "closed: it is not wanted"})
"""Reasons of an `offline` that nobody meant: a will's, and a standby's that closed when no other line was left.

Any other reason is a planned stop's: `stopped`, `restarting` (docs/wire.md).
"""

DROPS_MAX = 6
"""How many of a home's latest losses of its line are remembered (S12)."""

FAULTS_MAX = 500
"""More than a hub can have (128 sensors, decision 0008); what one says beyond that is not kept (S12)."""

ALARMS_MAX = 100

WORD_CHARS_MAX, REASON_CHARS_MAX = 128, 500
"""What is remembered of a fault's words: lists of all homes show them, and a hub may send kilobytes (S12)."""

CROSSED_MS = 5_000
"""The check-in of a new connection may come so long before its status: they are not of one queue."""

_TOLD = frozenset({"accepted", "retry", "conflict"})
"""What a hub says is so, whether or not our ledger could keep it. S8: what is played again is no news."""


class Standing(Value, frozen=True, kw_only=True):
    """A fault that stands. `known_ms` is when the centre first heard of it (its `again`-th telling is the same one)."""

    fault: str
    subject: str
    priority: int
    known_ms: int
    reason: str = ""


class Seen(Value, frozen=True, kw_only=True):
    """One home, as far as its presence goes.

    `enrolled_ms`: when the hub was registered. `every_ms`: its check-in interval. `online_ms`: when it last came to
    have a line; None for never. `gone_ms`: when it lost its last line *and has not checked in since*: a hub that is
    connected and says nothing is not back. `planned`: it had announced that. `checked_in_ms`: its last check-in.
    `drops`: the last times its line was lost unplanned. `alarms`: its open alarms, tests left out.
    `boot`: its present boot, by its status; `state_boot` and `state_ms`: of when its last whole state document was.
    """

    hub: str
    enrolled_ms: int
    every_ms: int = CHECK_IN_MS
    online: bool = False
    online_ms: int | None = None
    gone_ms: int | None = None
    planned: bool = False
    checked_in_ms: int | None = None
    drops: tuple[int, ...] = ()
    alarms: tuple[str, ...] = ()
    faults: tuple[Standing, ...] = ()
    boot: str = ""
    state_boot: str = ""
    state_ms: int = -1

    @property
    def known(self) -> bool:
        """Whether this hub was ever heard of."""
        return self.online_ms is not None or self.gone_ms is not None or self.checked_in_ms is not None

    @property
    def last_ms(self) -> int | None:
        """When it last proved that it lives: its check-in, or before the first one its connection."""
        return self.online_ms if self.checked_in_ms is None else self.checked_in_ms


def learn(seen: Seen, home: Home, outcome: Outcome, at_ms: int) -> Seen:
    """Learn from one message: `home` is the intake's view after it, `outcome` what the intake made of it."""
    if outcome.status is not None and outcome.verdict == "status":
        return _status(seen, home, outcome.status, at_ms)
    if outcome.state is not None and outcome.verdict == "state":
        return _state(seen, outcome.state, at_ms)
    if isinstance(outcome.report, CheckIn):
        # A check-in that our ledger could not keep is as good a sign of life: a store that is down silences nobody.
        return _checked_in(seen, home, at_ms) if outcome.verdict in ("accepted", "retry") else seen
    if outcome.report is not None and outcome.verdict in _TOLD:
        return _report(seen, outcome.report, at_ms)
    return seen


def _checked_in(seen: Seen, home: Home, at_ms: int) -> Seen:
    """A check-in ends an absence, unless it was said before the will and has come after it."""
    if home.online:
        return replace(seen, checked_in_ms=at_ms, gone_ms=None, planned=False)
    return replace(seen, checked_in_ms=at_ms)


def _status(seen: Seen, home: Home, status: Status, at_ms: int) -> Seen:
    seen = seen if seen.boot == status.boot else replace(seen, boot=status.boot)
    if home.online:
        if seen.online:
            return seen
        back = replace(seen, online=True, online_ms=at_ms)
        gone_ms, spoke_ms = seen.gone_ms, seen.checked_in_ms
        crossed = gone_ms is not None and spoke_ms is not None and spoke_ms > max(gone_ms, at_ms - CROSSED_MS)
        return _checked_in(back, home, at_ms) if crossed else back
    if not seen.online and seen.known:
        return seen  # gone already
    planned = status.reason not in UNPLANNED
    drops = seen.drops if planned else (*seen.drops, at_ms)[-DROPS_MAX:]
    if seen.gone_ms is not None and (planned or not seen.planned):
        return replace(seen, online=False, drops=drops)  # it never was properly back: it counts from the first time
    return replace(seen, online=False, gone_ms=at_ms, planned=planned, drops=drops)


# --- alarms and faults ----------------------------------------------------------------------------------


def _state(seen: Seen, state: State, at_ms: int) -> Seen:
    """Take what is true now. A list that was cut short (`faults_total`) ends no fault."""
    known = {(each.fault, each.subject): each for each in seen.faults}
    listed = tuple(_noted(known.get(_name(note.fault, note.subject)), note, at_ms) for note in state.faults)
    names = {(each.fault, each.subject) for each in listed}
    whole = state.faults_total <= len(state.faults)
    kept = () if whole else tuple(each for name, each in known.items() if name not in names)
    return replace(
        seen,
        alarms=tuple(note.alarm[:WORD_CHARS_MAX] for note in state.alarms if not note.test)[:ALARMS_MAX],
        faults=(*listed, *kept)[:FAULTS_MAX],
        state_boot=state.clock.boot if whole else seen.state_boot,
        state_ms=state.clock.monotonic_ms if whole else seen.state_ms,
    )


def _noted(known: Standing | None, note: FaultNote, at_ms: int) -> Standing:
    if known is None:
        fault, subject = _name(note.fault, note.subject)
        return Standing(fault=fault, subject=subject, priority=note.priority, known_ms=at_ms)
    return known if known.priority == note.priority else replace(known, priority=note.priority)


def _report(seen: Seen, report: Report, at_ms: int) -> Seen:
    match report:
        case FaultRaised():
            return _raised(seen, report, at_ms)
        case FaultCleared() if not _overtaken(seen, report.clock):
            name = _name(report.fault, report.subject)
            return replace(seen, faults=tuple(each for each in seen.faults if (each.fault, each.subject) != name))
        case AlarmFacts() if not report.test and not _overtaken(seen, report.clock):
            return replace(seen, alarms=_alarms(seen, report))
        case _:
            return seen


def _raised(seen: Seen, report: FaultRaised, at_ms: int) -> Seen:
    standing = {(each.fault, each.subject): each for each in seen.faults}
    name = _name(report.fault, report.subject)
    known = standing.get(name)
    if known is None and (_overtaken(seen, report.clock) or len(standing) >= FAULTS_MAX):
        return seen
    new = known or Standing(fault=name[0], subject=name[1], priority=report.priority, known_ms=at_ms)
    standing[name] = replace(new, priority=report.priority, reason=report.reason[:REASON_CHARS_MAX])
    return replace(seen, faults=tuple(standing.values()))


def _name(fault: str, subject: str) -> tuple[str, str]:
    return fault[:WORD_CHARS_MAX], subject[:WORD_CHARS_MAX]


def _alarms(seen: Seen, report: AlarmFacts) -> tuple[str, ...]:
    alarm = report.alarm[:WORD_CHARS_MAX]
    others = tuple(each for each in seen.alarms if each != alarm)
    over = isinstance(report, AlarmResolved) or (isinstance(report, AlarmCancelled) and report.stage == "pending")
    return others if over else (*others, alarm)[-ALARMS_MAX:]


def _overtaken(seen: Seen, clock: Clock) -> bool:
    """Whether the state document, which comes before any backlog, has told already how that ended."""
    if clock.boot == seen.state_boot:
        return clock.monotonic_ms <= seen.state_ms
    return seen.state_boot == seen.boot != ""  # said in an earlier boot
