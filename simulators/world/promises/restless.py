"""S4, S12: a sensor that finds no rest is told as a number, and takes no alarm's place; nor does anything else."""

import msgspec

from rules.actions import Send
from rules.events import Started
from rules.reports import AlarmCancelled, AlarmJoined, AlarmResolved
from simulators.world.household import PLACES
from simulators.world.promises.judge import Judge, Scene, Stepped

TOLD_EACH, TOLD_EVERY_MS = 10, 60_000
"""An alarm's first triggers are told each; further ones once in this time."""

OPEN_MAX = 50 + len(PLACES)
"""From fifty on, a place's newest alarm speaks for all that follows there."""


class _Told(msgspec.Struct):
    triggers: int
    at_ms: int


class Undisturbed(Judge):
    """Every open alarm stays until somebody takes it back or closes it; none is told more often than anybody reads."""

    name = "no alarm displaces another, and none floods the centre (S4, S12)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.joined: dict[str, _Told] = {}

    def stepped(self, step: Stepped) -> None:
        """See that whatever was open still is, and how often what was told."""
        if isinstance(step.event, Started) and step.event.boot != step.before.boot:
            self.joined.clear()
        told = [each.report for each in step.actions if isinstance(each, Send)]
        ended = {each.alarm for each in told if isinstance(each, AlarmResolved | AlarmCancelled)}
        gone = {alarm.id for alarm in step.before.alarms} - {alarm.id for alarm in step.after.alarms} - ended
        if gone:
            self.broken(f"{sorted(gone)} are gone, and nobody took them back or closed them")
        if len(step.after.alarms) > OPEN_MAX:
            self.broken(f"{len(step.after.alarms)} alarms are open")
        for report in told:
            if isinstance(report, AlarmJoined):
                self._joined(report)

    def _joined(self, report: AlarmJoined) -> None:
        before, at_ms = self.joined.get(report.alarm), report.clock.monotonic_ms
        self.joined[report.alarm] = _Told(report.triggers, at_ms)
        if report.triggers <= TOLD_EACH:
            return
        self.scene.counted["triggers of the restless, told as a number"] += 1
        if before is not None and at_ms - before.at_ms < TOLD_EVERY_MS:
            self.broken(f"{report.alarm} has {report.triggers} triggers, and the last two were told one by one")
