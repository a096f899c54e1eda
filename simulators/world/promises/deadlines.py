"""S3, S6: what is due happens when it is due: cancel windows, lapses, check-ins, the daily self-test."""

from collections.abc import Callable

from agent.hub import Turned
from rules.actions import Send, SendCheckIn
from rules.plan import Plan
from rules.reports import AlarmAcknowledged, AlarmLapsed, AlarmRaised, Report, TestReport
from simulators.world.household import WINDOW_MS
from simulators.world.promises.judge import Judge, Scene, Stepped

TOLERANCE_MS = 400
"""A commit that waits for its 250 ms, and a step."""

HOLD_MS = {"centre": 30 * 60_000, "contact": 45 * 60_000, "home": 45 * 60_000}
CHECK_IN_MS = 240_000
SELF_TEST_MS = 24 * 3_600_000
DOWN_MS = 20 * 60_000
"""Longer than any power cut here."""

_AGAIN_MS = 1_000


class OnTime(Judge):
    """Every deadline of the design, by the world's clock."""

    name = "deadlines are kept (S3, S6)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.watched: set[str] = set()
        self.held: dict[str, tuple[str, int]] = {}
        self.checked_in_ms = 0
        self.tested_ms = 0
        self.plans: dict[int, Plan] = {}

    # --- what is seen ------------------------------------------------------------------------------

    def turned(self, turned: Turned) -> None:
        """Take note of every deadline that begins, and see that those that ended did so on time."""
        for action in turned.actions:
            if isinstance(action, SendCheckIn):
                self._check_in()
            elif isinstance(action, Send):
                self._report(action.report)
        plan = self.scene.house.plan
        self.plans[plan.version] = plan
        for alarm in self.scene.house.alarms:
            if alarm.stage == "pending" and alarm.id not in self.watched:
                self.watched.add(alarm.id)
                due_ms = alarm.triggered.ms + self._window_ms(alarm.plan_version, alarm.kind)
                self._when_due(due_ms, lambda name=alarm.id: self._window(name))  # type: ignore[misc]

    def _report(self, report: Report) -> None:
        clock = report.clock
        match report:
            case AlarmRaised():
                self._raised(report)
            case AlarmAcknowledged():
                until = clock.monotonic_ms + HOLD_MS[report.by]
                boot, before = self.held.get(report.alarm, ("", 0))
                until = max(until, before) if boot == clock.boot else until
                self.held[report.alarm] = clock.boot, until
                self._when_due(until, lambda: self._lapse(report.alarm, clock.boot, until))
            case AlarmLapsed():
                boot, until = self.held.pop(report.alarm, ("", 0))
                if boot == clock.boot and abs(clock.monotonic_ms - until) > 1:
                    self.broken(f"{report.alarm} lapsed {clock.monotonic_ms - until} ms late")
            case TestReport():
                self._tests()

    def _raised(self, report: AlarmRaised) -> None:
        waited_ms = report.clock.monotonic_ms - report.triggered.monotonic_ms
        if report.rule == "window-ended" and waited_ms != self._window_ms(report.plan_version, report.kind):
            self.broken(f"the cancel window of {report.alarm} ({report.kind}) was {waited_ms} ms")

    def _window_ms(self, plan_version: int, kind: str) -> int:
        """Give how long a kind may be taken back, by the plan that the alarm began with."""
        plan = self.plans.get(plan_version, Plan())
        said = (rule.cancel_ms for rule in plan.kinds if rule.kind == kind and rule.cancel_ms is not None)
        return next(said, WINDOW_MS.get(kind, 0))

    # --- what is judged ----------------------------------------------------------------------------

    def _when_due(self, due_ms: int, check: Callable[[], None]) -> None:
        """Judge a little after a moment on the box's clock; while no hub runs, once one does."""

        def look() -> None:
            if self.scene.box.armed:
                check()
            else:
                self.scene.later(_AGAIN_MS, look)

        clock = self.scene.box.clock
        after_ms = clock.world_ms(due_ms) - self.scene.now_ms()
        self.scene.later(max(0, after_ms) + TOLERANCE_MS, look)

    def _window(self, name: str) -> None:
        alarm = self.scene.house.alarm(name)
        if alarm is not None and alarm.stage == "pending":
            self.broken(f"{name} is still pending though its cancel window has ended")

    def _lapse(self, name: str, boot: str, until_ms: int) -> None:
        alarm = self.scene.house.alarm(name)
        newest = self.held.get(name)
        if alarm is not None and alarm.stage == "acknowledged" and newest == (boot, until_ms):
            self.broken(f"{name} is still held though the acknowledgement has run out")

    def _check_in(self) -> None:
        at_ms = self.checked_in_ms = self.scene.now_ms()
        process = self.scene.box.process

        def check() -> None:
            links = self.scene.house.links if self.scene.box.armed else ()
            began_ms = self.scene.box.clock.world_ms(max((link.since_ms for link in links[:1]), default=0))
            steady = process is self.scene.box.process and any(link.up for link in links[:1]) and began_ms <= at_ms
            if steady and self.checked_in_ms == at_ms:
                self.broken("no check-in for more than 4 min on an open line")

        self.scene.later(CHECK_IN_MS + 10 * TOLERANCE_MS, check)  # staff count in minutes here

    def stepped(self, step: Stepped) -> None:
        """A self-test on the disk counts, though the process died before it acted: the next one sends it."""
        if any(isinstance(each, Send) and isinstance(each.report, TestReport) for each in step.actions):
            self._tests()

    def _tests(self) -> None:
        self.tested_ms = self.scene.now_ms()
        self.scene.later(SELF_TEST_MS + DOWN_MS, lambda at_ms=self.tested_ms: self._tested(at_ms))  # type: ignore[misc]

    def _tested(self, at_ms: int) -> None:
        if self.tested_ms == at_ms:
            self.broken("no self-test for a day")
