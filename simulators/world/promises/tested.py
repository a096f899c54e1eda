"""S3: a press is a test only when the centre has announced one; a test that nobody acknowledges becomes a real call."""

import msgspec

from rules.actions import Send
from rules.events import CallPressed, Commanded, Event, Started, Triggered
from rules.faults import standing
from rules.reports import AlarmAcknowledged, AlarmFacts, AlarmJoined, AlarmRaised, AlarmResolved, CommandDone
from simulators.world.household import BUTTON, PLACES, UNASKED, Device
from simulators.world.promises.judge import Judge, Scene, Stepped

ANSWER_MS = 5 * 60_000
"""How long a test may go unacknowledged."""

USUAL_MIN = 30
"""How long one is waited for, unless the centre says."""


class Announced(msgspec.Struct, frozen=True):
    """A test that is waited for, of a sensor or a kind."""

    what: str
    until_ms: int


class _Test(msgspec.Struct):
    expect: str = ""
    minutes: int = USUAL_MIN


class Tested(Judge):
    """What is on the disk, stepped again: each press after an announcement, and each that came without."""

    name = "a test only when announced, and a call if nobody has it (S3)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.announced: Announced | None = None
        self.unanswered: dict[str, int] = {}
        """The tests at the centre that nobody has acknowledged; and until when that is well."""

    def forgot(self) -> None:
        """The hub knows of none any more."""
        self.announced = None
        self.unanswered.clear()

    def stepped(self, step: Stepped) -> None:
        """Set what the hub took for a test against what the centre had announced."""
        event, now_ms = step.event, step.now.ms
        rebooted = isinstance(event, Started) and event.boot != step.before.boot
        if rebooted:  # how long was it? no test is waited for any more, and none waits any more
            self.announced = None
            self.unanswered = dict.fromkeys(self.unanswered, now_ms)
        if self.announced is not None and now_ms >= self.announced.until_ms:
            if standing(step.after, "test-missing", self.announced.what) is None and _device(event) is None:
                self.broken(f"the announced test of {self.announced.what} did not come, and nobody knows")
            self.announced = None
            self.scene.counted["announced tests that did not come"] += 1
        self._pressed(step)
        told = [each.report for each in step.actions if isinstance(each, Send)]
        for report in told:
            if isinstance(report, AlarmFacts):
                self._told(report)
        overdue = [alarm for alarm, due_ms in self.unanswered.items() if due_ms <= now_ms]
        if overdue:
            self.broken(f"the test {overdue[0]} was acknowledged by nobody, and is no real call yet")
        if isinstance(event, Commanded) and event.type == "test":
            body = msgspec.json.decode(event.body, type=_Test)
            if body.expect and any(isinstance(each, CommandDone) and each.command == event.id for each in told):
                self.announced = Announced(body.expect, now_ms + body.minutes * 60_000)

    def _pressed(self, step: Stepped) -> None:
        """Every alarm that began with this press."""
        device, known = _device(step.event), {each.id for each in step.before.alarms}
        for alarm in step.after.alarms:
            if device is None or alarm.id in known or alarm.sensor != device.id or alarm.kind in UNASKED:
                continue
            meant = self.announced is not None and self.announced.what in (device.id, device.kind)
            if meant and not alarm.announced:
                self.broken(f"{alarm.id} of {device.id} is the announced test, and was not taken for it")
            if alarm.announced and not meant:
                self.broken(f"{alarm.id} of {device.id} was taken for a test that nobody announced")
            if meant:
                self.announced = None
                self.scene.counted["announced tests that came"] += 1
            elif alarm.test and step.before.mode != "engineer":
                self.broken(f"{alarm.id} of {device.id} counts as a test")
        if device is not None and self._joined(step, device):
            self.announced = None
            self.scene.counted["announced tests that came"] += 1

    def _joined(self, step: Stepped, device: Device) -> bool:
        """Whether this press is the announced test, and belongs to an earlier one that nobody has acknowledged yet."""
        if self.announced is None or self.announced.what not in (device.id, device.kind):
            return False
        told = (each.report for each in step.actions if isinstance(each, Send))
        return any(isinstance(each, AlarmJoined) and each.test and each.kind == device.kind for each in told)

    def _told(self, report: AlarmFacts) -> None:
        match report:
            case AlarmRaised(rule="announced-test"):
                self.unanswered[report.alarm] = report.clock.monotonic_ms + ANSWER_MS
            case AlarmRaised(rule="test-unanswered"):
                due_ms = self.unanswered.pop(report.linked or "", None)
                self.scene.counted["tests that nobody acknowledged"] += 1
                if due_ms != report.clock.monotonic_ms or report.test:
                    self.broken(f"{report.alarm} follows the test {report.linked}, due at {due_ms}")
            case AlarmAcknowledged() | AlarmResolved():
                self.unanswered.pop(report.alarm, None)


def _device(event: Event) -> Device | None:
    if isinstance(event, CallPressed):
        return BUTTON
    return PLACES.get(event.sensor) if isinstance(event, Triggered) else None
