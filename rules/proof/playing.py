"""Plays every alarm of a plan through every case, and keeps the worst of each."""

from collections.abc import Iterator

from rules.events import Config
from rules.kinds import Kind
from rules.plan import Ladder, Plan, ladder_of
from rules.proof.cases import DEAF, Case
from rules.proof.home import RESTART_MS, Began, Incident, begin
from rules.proof.sources import Source
from rules.proof.times import hours
from rules.proof.values import Fittings, Row
from rules.values import Value

AFTER_MS = 10 * 60_000
"""How long after the last step there is still something to see: a text that is sent at the third attempt."""

FORGOTTEN_MS = 2 * 45 * 60_000
"""As long as two acknowledgements may last."""


class Played(Value, frozen=True, kw_only=True):
    """What one alarm came to: its worst rows, and the places of the ladder's steps that were ever taken."""

    source: Source
    ladder: Ladder
    rows: tuple[Row, ...]
    taken: tuple[int, ...]
    broken: bool


class Player:
    """Plays incidents. Hubs that run and are well are started once for each hour, and used again: they are values."""

    def __init__(self, plan: Plan, config: Config, fittings: Fittings) -> None:
        self.plan, self.config, self.fittings = plan, config, fittings
        self.plays = 0
        self._began: dict[int, Began] = {}

    def play(self, source: Source, cases: tuple[Case, ...]) -> Played:
        """Play one kind of alarm through every case, at every hour that matters."""
        ladder = ladder_of(self.plan, source.kind)
        taken: set[int] = set()
        broken = False
        rows = []
        for case in cases:
            outcomes = []
            for incident, label in self._incidents(source, case, ladder):
                taken |= incident.places
                broken = broken or any(fault.fault == "engine" for fault in incident.house.faults)
                if incident.forgotten or not incident.forgets:
                    outcomes.append((incident, label))
            if outcomes:  # where no contact ever takes an alarm, none forgets it
                rows.append(_worst(case, outcomes))
        return Played(source=source, ladder=ladder, rows=tuple(rows), taken=tuple(sorted(taken)), broken=broken)

    def _incidents(self, source: Source, case: Case, ladder: Ladder) -> Iterator[tuple[Incident, str]]:
        for wall_ms, hour in hours(self.plan, source.kind, ladder, edges=not case.upset):
            if wall_ms not in self._began:
                self._began[wall_ms] = begin(self.plan, self.config, wall_ms, hour)
            began = self._began[wall_ms]
            for forgets in case.forgets:
                if forgets == "home" and source.kind.silent:
                    continue  # nobody at home is told of a silent alarm, so nobody there takes it
                for upset_ms, label in upsets(case, source.kind, ladder):
                    incident = Incident(began, self.plan, self.config, self.fittings, case, forgets)
                    if upset_ms is not None:
                        incident.upset_at(upset_ms)
                    self._run(incident, source, case, ladder)
                    yield incident, ", ".join(filter(None, (hour, forgets and f"forgotten by {forgets}", label)))

    def _run(self, incident: Incident, source: Source, case: Case, ladder: Ladder) -> None:
        last_ms = max((step.after_ms for step in ladder.steps), default=0)
        end_ms = source.kind.cancel_ms + last_ms + ladder.repeat_ms + AFTER_MS
        if incident.forgets:
            end_ms += FORGOTTEN_MS

        def known() -> bool:
            if case.name == DEAF or incident.human_ms is None:
                return False
            return incident.centre_ms is not None or incident.hopeless

        incident.trigger(source.sensor)
        incident.run(end_ms, known)
        self.plays += 1


def upsets(case: Case, kind: Kind, ladder: Ladder) -> tuple[tuple[int | None, str], ...]:
    """Give the moments at which the hub ends: in the cancel window, at the raise, before and after each step."""
    if not case.upset:
        return ((None, ""),)
    found = {kind.cancel_ms + 1: "at the raise"}
    if kind.cancel_ms > 1:
        found[kind.cancel_ms // 2] = "in the window"
        found[kind.cancel_ms - 1] = "as the window ends"
    for number, step in enumerate(ladder.steps, start=1):
        due_ms = kind.cancel_ms + step.after_ms
        found.setdefault(max(1, due_ms - 1), f"before step {number}")
        found.setdefault(due_ms + RESTART_MS, f"after step {number}")
    return tuple(found.items())


def _worst(case: Case, outcomes: list[tuple[Incident, str]]) -> Row:
    """Give the worst of each figure; a time that never comes is the worst there is."""
    human, label = max(outcomes, key=lambda each: _rank(each[0].human_ms))
    locals_ms = [incident.local_ms for incident, _ in outcomes]
    centres_ms = [incident.centre_ms for incident, _ in outcomes]
    return Row(
        case=case.name,
        faults=case.faults,
        local_ms=max(locals_ms, key=_rank),
        centre_ms=max(centres_ms, key=_rank),
        human_ms=human.human_ms,
        by=human.by,
        worst=label,
    )


def _rank(ms: int | None) -> float:
    return float("inf") if ms is None else ms
