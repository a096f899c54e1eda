"""The centre's desk: the cases its staff see, and the story of what comes and goes there, read from its ledger."""

from collections import OrderedDict
from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from agent.wire.messages import PREFIX, UnreadableError, decode_event, decode_report
from centre.intake import Entry as LedgerEntry
from rules.reports import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmEscalated,
    AlarmFacts,
    AlarmJoined,
    AlarmLapsed,
    AlarmRaised,
    AlarmResolved,
    CommandRefused,
    FaultCleared,
    FaultRaised,
    MessageExpired,
    MessageHeard,
    PlanApplied,
    ReminderMissed,
    ReminderPrompted,
    ReminderSnoozed,
    ReminderTaken,
    Report,
)
from simulators.demo.story import Story
from simulators.demo.words import place
from simulators.misbehaviour import Faults
from simulators.timeline import Entry

OPEN_MAX = 100
REFS_MAX = 1_000

_TAKEN = {"centre": "taken", "contact": "a contact", "home": "help there"}
_HOLDERS = {"centre": "the centre", "contact": "a contact", "home": "somebody at the home"}

_MISSED = {"unanswered": "no answer", "away": "nobody at home", "alarm": "an alarm was open", "hub": "the hub was off"}

_REFUSED = {
    "unheard": "loses an event, and says nothing (silent)",
    "retry": "cannot keep an event just now: asks the hub to try again",
    "rejected": "refuses an event for good",
}


class Kept(Protocol):
    """A centre's ledger, as far as its events go."""

    def events(self, *, after: int = 0, limit: int = 1_000) -> list[tuple[int, LedgerEntry, bool]]:
        """Give the events after a number, with theirs, and whether each conflicts with an earlier one."""


class Case(Struct, frozen=True, kw_only=True):
    """An open alarm, as staff know it: since when, and what they have asked of the hub that it has not confirmed."""

    alarm: str
    name: str
    since_ms: int
    stage: Literal["new", "taken"] = "new"
    note: str = ""
    asked: Literal["", "acknowledge", "resolve"] = ""


class Desk:
    """Follows a centre: give it every entry of its time-line as it is made, or say when its ledger may have grown."""

    def __init__(self, story: Story) -> None:
        self.cases: OrderedDict[str, Case] = OrderedDict()
        self.online = False
        self.ledger: Kept
        self.faults = Faults()
        self._story = story
        self._number = 0
        self._alarm_refs: OrderedDict[str, str] = OrderedDict()

    def choose(self, wanted: Literal["acknowledge", "resolve"]) -> Case | None:
        """Give the alarm that staff would take or close next, and note that they have asked; None if there is none."""
        cases = [case for case in self.cases.values() if case.asked != wanted]
        new = [case for case in cases if case.stage == "new"]
        taken = [case for case in cases if case.stage == "taken"]
        chosen = next(iter(new if wanted == "acknowledge" else taken + new), None)
        if chosen is not None:
            self.cases[chosen.alarm] = replace(chosen, asked=wanted)
        return chosen

    def note(self, entry: Entry) -> None:
        """Take an entry of the centre's time-line."""
        match entry.way, entry.channel:
            case "in", "event" if entry.verdict in ("accepted", "conflict"):
                self.read(entry.ms)
            case "in", "event" if entry.verdict == "repeated" and entry.ref in self._alarm_refs:
                self._tell(entry, "centre:repeated", "hears the same alarm again: receipted again, and nothing else")
            case "in", "event" if entry.verdict != "repeated":
                self._tell(entry, f"centre:{entry.verdict}", _REFUSED.get(entry.verdict, entry.verdict))
            case "in", "status" if entry.verdict == "status":
                self.online = entry.type == "online"
                self._tell(entry, f"centre:{entry.type}", f"sees that the hub is {entry.type}")
            case "out", "receipt":
                if entry.ref in self._alarm_refs:
                    self._tell(entry, "centre:receipt", self._receipt(entry))
            case "in" | "link", _ if entry.verdict in ("bug", "quarantined", "lost") or entry.type == "broken":
                self._tell(entry, "centre:broken", f"cannot use what came: {entry.reason}")

    def _tell(self, entry: Entry, key: str, text: str) -> None:
        self._story.add("centre", key, text, ms=entry.ms, alarm=entry.alarm)

    def _receipt(self, entry: Entry) -> str:
        verdict = "it has the alarm" if entry.verdict == "accepted" else entry.verdict
        faults = ", ".join(self.faults.on())
        return f"signs a receipt: {verdict}" + (f" (and misbehaves: {faults})" if faults else "")

    def read(self, ms: int) -> None:
        """Read what is new in the ledger, which came at this moment."""
        for number, kept, _ in self.ledger.events(after=self._number):
            self._number = number
            event = decode_event(kept.body)
            try:
                report = decode_report(event)
            except UnreadableError:
                report = None
            kind = event.type.removeprefix(PREFIX)
            if isinstance(report, AlarmRaised):
                self._alarm_refs[event.id] = report.alarm
                if len(self._alarm_refs) > REFS_MAX:
                    self._alarm_refs.popitem(last=False)
            text = self._file(report, ms) if report is not None else ""
            alarm = report.alarm if isinstance(report, AlarmFacts) else ""
            if kind != "reading":  # there may be thousands, and nobody waits for one
                self._story.add("centre", f"centre:{kind}", text, ms=ms, alarm=alarm)

    def _file(self, report: Report, ms: int) -> str:  # noqa: PLR0911 -- one sentence for each
        """Put a report into its case; give what is told of it, if anything."""
        match report:
            case AlarmRaised():
                name = place(report.kind, report.location)
                self.cases[report.alarm] = Case(alarm=report.alarm, name=name, since_ms=ms)
                if len(self.cases) > OPEN_MAX:
                    self.cases.popitem(last=False)
                return f"the alarm arrives: {name}"
            case AlarmJoined():
                self._amend(report.alarm, note=f"called {report.triggers} times")
                return f"hears that it was called again: {place(report.kind, report.location)}"
            case AlarmCancelled(stage="pending"):
                return f"hears of a {report.kind} alarm that was cancelled in time: nothing to do"
            case AlarmCancelled():
                self._amend(report.alarm, note="cancel pressed")
                return "hears that cancel was pressed afterwards: staff decide"
            case AlarmAcknowledged():
                self._amend(report.alarm, stage="taken", note=_TAKEN[report.by])
                return f"the hub confirms: {_HOLDERS[report.by]} has it"
            case AlarmLapsed():
                self._amend(report.alarm, stage="new", note="")
                return "hears that nobody has it any more: it is open again"
            case AlarmEscalated():
                self._amend(report.alarm, note=f"{report.means} at the home")
                return f"hears of the next step at the home: {report.means}"
            case AlarmResolved():
                self.cases.pop(report.alarm, None)
                return "the hub confirms: the alarm is closed"
            case _:
                return self._other(report)

    def _other(self, report: Report) -> str:
        match report:
            case CommandRefused():
                self.cases.update({alarm: replace(case, asked="") for alarm, case in self.cases.items()})
                return f"the hub refuses to {report.type}: {report.reason}"
            case FaultRaised():
                return f"hears of a fault: {report.fault} {report.subject}".rstrip()
            case FaultCleared():
                return f"hears that this is well again: {report.fault} {report.subject}".rstrip()
            case _:
                return _cared(report)

    def _amend(self, alarm: str, **changes: str) -> None:
        if alarm in self.cases:
            self.cases[alarm] = replace(self.cases[alarm], asked="", **changes)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _cared(report: Report) -> str:  # noqa: PLR0911 -- one sentence for each
    match report:
        case ReminderPrompted():
            return f"hears that the resident is reminded: {report.reminder}, {report.slot}"
        case ReminderTaken():
            after = "" if report.after_ms is None else f" {report.after_ms / 1_000:.1f} s after,"
            return f"hears that it is done: {report.reminder}, {report.slot},{after} {report.how}"
        case ReminderSnoozed():
            return f"hears that it was put off: {report.reminder}, {report.slot}"
        case ReminderMissed():
            return f"hears that it was missed: {report.reminder}, {report.slot}: {_MISSED[report.why]}"
        case MessageHeard():
            return f"hears that the message was heard, after it was said {_times(report.times)}"
        case MessageExpired():
            return "hears that nobody heard the message while it was good"
        case PlanApplied():
            return f"hears that the care plan is in force: version {report.version}"
        case _:
            return ""
