"""A desk to test cases with: a response centre without lines, clocks and discs, that reads as people speak."""

from typing import Any

import msgspec

from agent.wire.messages import PREFIX, AlarmNote
from centre.cases.audit import Entry
from centre.cases.case import Case
from centre.cases.effects import AnyEffect, Audit, Command
from centre.cases.events import Act, Ended, Found, Heard, Tick, heard, listed
from centre.cases.lifecycle import replay, step
from centre.cases.placing import Word, take_in
from centre.cases.waiting import Waiting, queue, tests
from rules.reports import (
    TYPE_OF,
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmEscalated,
    AlarmFacts,
    AlarmJoined,
    AlarmLapsed,
    AlarmRaised,
    AlarmResolved,
    Clock,
)
from rules.values import utc

THREE = 1_800_000_000_000
"""Some night, at three."""

MINUTE = 60_000
BOOT_MS = THREE - 1_000_000
REPORTS: dict[str, type[AlarmFacts]] = {
    "raised": AlarmRaised,
    "joined": AlarmJoined,
    "cancelled": AlarmCancelled,
    "acknowledged": AlarmAcknowledged,
    "lapsed": AlarmLapsed,
    "escalated": AlarmEscalated,
    "resolved": AlarmResolved,
}
MORE: dict[str, dict[str, Any]] = {
    "raised": {"rule": "window-ended", "detail": "", "triggers": 1, "linked": None, "plan_version": 1},
    "joined": {"triggers": 2, "detail": ""},
    "cancelled": {"stage": "raised"},
    "acknowledged": {"by": "centre", "renewed": False, "lapses_in_ms": 1_800_000, "contact": ""},
    "lapsed": {"by": "centre", "why": "time"},
    "escalated": {"step": 1, "means": "siren", "to": (), "text": "", "round": 1},
    "resolved": {"by": "centre", "outcome": ""},
}


def clock(wall_ms: int, *, boot: str = "boot-1", synced: bool = True) -> Clock:
    return Clock(boot, max(0, wall_ms - BOOT_MS), utc(wall_ms), synced)


def said(what: str, alarm: str, at_ms: int, ref: str, *, by: Clock | None = None, **facts: Any) -> Heard:
    """Make a word of a hub the way it comes: encoded as the hub encodes it, read as the intake's caller reads it."""
    by = by or clock(at_ms)
    kind = facts.pop("kind", "pendant")
    common = {
        "clock": by,
        "alarm": alarm,
        "kind": kind,
        "priority": facts.pop("priority", 1),
        "sensor": facts.pop("sensor", f"{kind}-1"),
        "location": facts.pop("location", "living-room"),
        "person": facts.pop("person", "resident"),
        "test": facts.pop("test", False),
        "silent": facts.pop("silent", False),
    }
    more = {**MORE.get(what, {}), **facts}
    if what in REPORTS:
        if what == "raised":
            more.setdefault("triggered", by)
        report = REPORTS[what](**common, **more)
        name, data = TYPE_OF[type(report)], msgspec.json.encode(report)
    else:
        name, data = f"alarm.{what}", msgspec.json.encode({**common, **more})
    word = heard(ref, PREFIX + name, data, at_ms)
    assert word is not None
    return word


class Desk:
    """Keeps cases as a store would, and what follows; every case can at any time be made from its audit alone."""

    def __init__(self, at_ms: int = THREE) -> None:
        self.at_ms = at_ms
        self.cases: dict[str, Case] = {}
        self.audit: dict[str, list[Entry]] = {}
        self.sent: list[Command] = []
        self.refs = 0

    def wait(self, minutes: float) -> None:
        self.at_ms += int(minutes * MINUTE)

    def tick(self, minutes: float = 0) -> None:
        """Let time go by, a quarter of a minute at a time, as a centre does."""
        until_ms = self.at_ms + int(minutes * MINUTE)
        while True:
            for case in self.cases.values():
                self._keep(*step(case, Tick(at_ms=self.at_ms)))
            if self.at_ms >= until_ms:
                return
            self.at_ms = min(self.at_ms + 15_000, until_ms)

    def hear(self, what: str, alarm: str = "a-1", *, hub: str = "hub-1", **facts: Any) -> Case | None:
        self.refs += 1
        return self.take(hub, said(what, alarm, self.at_ms, facts.pop("ref", f"e-a-{self.refs}"), **facts))

    def state(self, *alarms: tuple[str, str], hub: str = "hub-1") -> Case | None:
        """Hear a state document: alarms and their stages."""
        case = None
        for alarm, stage in alarms:
            note = AlarmNote(alarm=alarm, kind="pendant", priority=1, stage=stage, delivery="waiting", test=False)
            word = listed(note, self.at_ms)
            case = self.take(hub, word) if word is not None else None
        return case

    def find(self, cause: Any, subject: str = "", *, hub: str = "hub-1", **facts: Any) -> Case | None:
        return self.take(hub, Found(at_ms=self.at_ms, cause=cause, subject=subject, **facts))

    def end(self, cause: Any, subject: str = "", *, hub: str = "hub-1") -> Case | None:
        return self.take(hub, Ended(at_ms=self.at_ms, cause=cause, subject=subject))

    def take(self, hub: str, word: Word) -> Case | None:
        taken = take_in(self.cases.values(), hub, word, f"case-{len(self.cases) + 1}")
        return None if taken is None else self._keep(*taken)

    def do(self, act: type[Act], by: str, case: str = "case-1", *, seen: int | None = None, **words: Any) -> Case:
        known = self.cases[case]
        return self._keep(
            *step(known, act(at_ms=self.at_ms, by=by, seen=known.version if seen is None else seen, **words))  # type: ignore[arg-type]
        )

    def _keep(self, case: Case, effects: tuple[AnyEffect, ...]) -> Case:
        self.cases[case.id] = case
        for effect in effects:
            if isinstance(effect, Audit):
                self.audit.setdefault(case.id, []).append(effect.entry)
            else:
                self.sent.append(effect)
        return case

    def told(self) -> list[Command]:
        """Give what was sent to hubs since last asked."""
        sent, self.sent = self.sent, []
        return sent

    def queue(self) -> tuple[Waiting, ...]:
        return queue(self.cases.values(), self.at_ms)

    def tests(self) -> tuple[Waiting, ...]:
        return tests(self.cases.values(), self.at_ms)

    def retold(self, case: str) -> Case:
        """Make a case from its audit, written down and read again."""
        written = msgspec.json.encode(self.audit[case])
        return replay(msgspec.json.decode(written, type=list[Entry]))
