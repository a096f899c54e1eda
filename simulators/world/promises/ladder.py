"""S3, S6, S9: every step of every ladder on time, by the plan in force when its alarm began; no other, and none early.

Written from the plan's words, not from the rules': what an alarm's reports say is set against a reckoning of its own.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from agent.hub import Turned
from rules.actions import Send
from rules.events import Receipted, Started
from rules.plan import Plan, Step, Window
from rules.reports import AlarmAcknowledged, AlarmEscalated, AlarmFacts, AlarmLapsed, AlarmRaised, AlarmResolved
from rules.values import Now
from simulators.world.promises.judge import Judge, Scene, Stepped
from simulators.world.promises.speech import SET_MS

WOKEN_MS = 600
"""Two commits that each waited for their 250 ms (S1), and a step."""

SIREN_MS = 60_000
"""When it sounds where no plan says (DESIGN §5: once nobody answers), unless the alarm was received."""

HEARD_AT_NIGHT = 2
"""Quiet hours quieten nothing that is as urgent as this."""

_AUDIBLE = ("siren", "say")
_SEEN_OR_HEARD = ("siren", "say", "light")


def ladder_for(plan: Plan, kind: str, *, silent: bool) -> tuple[tuple[Step, ...], int]:
    """Give what a plan wants done for a kind: the steps, and when they begin anew."""
    named = next((rule.ladder for rule in plan.kinds if rule.kind == kind and rule.ladder), "")
    if silent and not named:
        return (), 0
    found = [each for each in plan.ladders if each.name == (named or "default")]
    if found:
        return found[0].steps, found[0].repeat_ms
    return ((), 0) if silent else ((Step(after_ms=SIREN_MS, means="siren", unless="received"),), 0)


def ahead_ms(now: Now) -> int:
    """Give by how much a moment's wall clock is ahead of its time since boot."""
    return now.wall_ms - now.ms


class Reckoning:
    """One alarm, and what its ladder says is due. `zero_ms` and `steady_ms`: when its two clocks read nought."""

    def __init__(self, raised: AlarmRaised, ref: str, steps: tuple[Step, ...], repeat_ms: int) -> None:
        self.alarm, self.ref, self.steps, self.repeat_ms = raised, ref, steps, repeat_ms
        self.zero_ms = self.steady_ms = raised.clock.monotonic_ms
        self.held_ms: int | None = None
        self.received = False
        self.round = 1
        self.taken: set[int] = set()
        """The places of the steps that have had their turn in this round."""

    def next_due(self) -> tuple[int, int] | None:
        """Give when the next step is due, and its place; a held alarm's steps wait, unless only its end ends them."""
        dues = []
        for place, step in enumerate(self.steps):
            if place in self.taken:
                continue
            if step.unless == "resolved":
                dues.append((self.steady_ms + step.after_ms, place))
            elif self.held_ms is None:
                dues.append((self.zero_ms + step.after_ms, place))
        return min(dues, default=None)

    def anew_ms(self) -> int | None:
        """Give when it begins anew: so long after the last of the steps that it repeats, while nobody has it."""
        waits = [step.after_ms for step in self.steps if step.unless != "resolved"]
        if not self.repeat_ms or not waits or self.held_ms is not None:
            return None
        return self.zero_ms + max(waits) + self.repeat_ms

    def begin_anew(self, at_ms: int) -> None:
        """Begin the next round."""
        self.round += 1
        self.zero_ms = at_ms
        self.taken = {place for place in self.taken if self.steps[place].unless == "resolved"}

    def lapse(self, at_ms: int) -> None:
        """Nobody has it any more: the time it was held does not count."""
        if self.held_ms is not None:
            self.zero_ms += at_ms - self.held_ms
            self.held_ms = None

    def reboot(self, before_ms: int, now_ms: int) -> None:
        """S6: the time the machine was off is unknown: what is next is due at once, and the rest keeps its spacing."""
        ladder_ms = (before_ms if self.held_ms is None else self.held_ms) - self.zero_ms
        steady_ms = before_ms - self.steady_ms
        self.held_ms = None
        self.zero_ms, self.steady_ms = -ladder_ms, -steady_ms
        due, anew_ms = self.next_due(), self.anew_ms()
        wait_ms = min((each for each in (due and due[0], anew_ms) if each is not None), default=0)
        self.zero_ms += now_ms - wait_ms
        self.steady_ms += now_ms - wait_ms


class Escalated(Judge):
    """What is on the disk, stepped again: each step of each ladder at its very millisecond on the hub's clock."""

    name = "every step on time, by the plan it began with (S3, S6, S9)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.plans: dict[int, Plan] = {0: Plan()}
        self.open: dict[str, Reckoning] = {}
        self.first_turn = False
        self.clock, self.plan = Now(0, 0), Plan()
        """The moment that is judged, and the plan in force up to it."""
        self.leads: tuple[int, ...] = (0,)
        """By how much the wall clock is ahead of the time since boot; and was, when a step finds that it was set: what
        is due in that step may go by the hours of either."""

    # --- what is seen ------------------------------------------------------------------------------

    def forgot(self) -> None:
        """The hub began with an empty house: its alarms are none of ours any more."""
        self.open.clear()
        self.plans[self.scene.house.plan.version] = self.scene.house.plan

    def stepped(self, step: Stepped) -> None:
        """Set what the hub did against what was due."""
        now_ms = step.now.ms
        if step.after.plan.version != step.before.plan.version:
            self.plans[step.after.plan.version] = step.after.plan
        rebooted = isinstance(step.event, Started) and step.event.boot != step.before.boot
        lead_ms, last_ms = ahead_ms(step.now), ahead_ms(self.clock)
        self.leads = (lead_ms,) if rebooted or abs(lead_ms - last_ms) < SET_MS else (lead_ms, last_ms)
        self.clock, self.plan = step.now, step.before.plan
        if rebooted:
            for each in self.open.values():
                each.reboot(step.before.now_ms, now_ms)
        for action in step.actions:
            if isinstance(action, Send) and isinstance(action.report, AlarmFacts):
                self._report(action)
        self._until(now_ms, None)
        if isinstance(step.event, Receipted) and step.event.result in ("accepted", "conflict"):
            for each in self.open.values():
                each.received = each.received or each.ref == step.event.ref

    def _report(self, action: Send) -> None:
        report = action.report
        if isinstance(report, AlarmRaised):
            plan = self.plans.get(report.plan_version)
            if plan is None:
                self.broken(f"{report.alarm} was raised by plan {report.plan_version}, which was never in force")
                return
            steps, repeat_ms = ladder_for(plan, report.kind, silent=report.silent)
            if report.rule == "announced-test":  # a test reaches the centre, and troubles nobody else
                steps, repeat_ms = tuple(step for step in steps if step.means == "centre"), 0
            self.open[report.alarm] = Reckoning(report, action.id, steps, repeat_ms)
            return
        known = self.open.get(report.alarm) if isinstance(report, AlarmFacts) else None
        if known is None:
            return
        at_ms = report.clock.monotonic_ms
        match report:
            case AlarmEscalated():
                self._escalated(known, report)
            case AlarmAcknowledged():
                self._until(at_ms, known)
                known.held_ms = at_ms if known.held_ms is None else known.held_ms
            case AlarmLapsed(why="time"):
                known.lapse(at_ms)
            case AlarmResolved():
                self._until(at_ms, known)
                del self.open[report.alarm]

    def turned(self, turned: Turned) -> None:
        """A hub that lives acts when it is time, not when something else wakes it."""
        first, self.first_turn = self.first_turn, False
        clock = self.scene.box.clock
        for action in turned.actions:
            if isinstance(action, Send) and isinstance(action.report, AlarmEscalated):
                late_ms = self.scene.now_ms() - clock.world_ms(action.report.clock.monotonic_ms)
                self.scene.counted["steps of ladders taken"] += 1
                if late_ms > WOKEN_MS and not first:
                    self.broken(f"a step of {action.report.alarm} was taken {late_ms} ms late")

    def started(self) -> None:
        """What fell due while no process ran is done first."""
        self.first_turn = True

    # --- what is judged ----------------------------------------------------------------------------

    def _escalated(self, known: Reckoning, report: AlarmEscalated) -> None:
        at_ms, place = report.clock.monotonic_ms, report.step - 1
        what = f"step {report.step} ({report.means}) of {report.alarm}, round {report.round},"
        while True:
            anew_ms, due = known.anew_ms(), known.next_due()
            if anew_ms is not None and anew_ms <= at_ms:
                known.begin_anew(anew_ms)
            elif due is None or due[0] > at_ms:
                when = "was not due at all" if due is None else f"came {due[0] - at_ms} ms before its time"
                self.broken(f"{what} {when}")
                return
            elif due == (at_ms, place) and known.round == report.round:
                break
            else:
                self._passed(known, due)
        known.taken.add(place)
        step = known.steps[place]
        if all(spared := [self._spared(known, step, at_ms, lead_ms) for lead_ms in self.leads]):
            self.broken(f"{what} was taken although {spared[0]}")
        if (report.means, report.to, report.text) != (step.means, step.to, step.text):
            self.broken(f"{what} is not the plan's: {step}")
        self.scene.counted["steps of ladders judged"] += 1

    def _until(self, now_ms: int, only: Reckoning | None) -> None:
        """Whatever was due by now, and was not told, must have been spared."""
        for known in [only] if only is not None else list(self.open.values()):
            while True:
                anew_ms, due = known.anew_ms(), known.next_due()
                if anew_ms is not None and anew_ms <= now_ms:
                    known.begin_anew(anew_ms)
                elif due is not None and due[0] <= now_ms:
                    self._passed(known, due)
                else:
                    break

    def _passed(self, known: Reckoning, due: tuple[int, int]) -> None:
        due_ms, place = due
        known.taken.add(place)
        if any(self._spared(known, known.steps[place], due_ms, lead_ms) for lead_ms in self.leads):
            self.scene.counted["steps of ladders spared"] += 1
        else:
            report = known.alarm
            self.broken(f"step {place + 1} of {report.alarm} ({report.kind}), due at {due_ms} ms, was not taken")

    def _spared(self, known: Reckoning, step: Step, at_ms: int, lead_ms: int) -> str:
        """Say why a step is not for now, by a wall clock so far ahead; "" if it is."""
        if known.alarm.silent and step.means in _SEEN_OR_HEARD:
            return "the alarm is silent"
        if step.unless == "received" and known.received:
            return "the centre has the alarm"
        if step.only is not None and (step.only == "night") is not self._within(self.plan.night, at_ms + lead_ms):
            return f"it is not {step.only}"
        if step.means == "centre" and not step.after_ms and known.round == 1:
            return "the raise has told the centre just now"
        loud = step.means in _AUDIBLE and known.alarm.priority > HEARD_AT_NIGHT
        return "the hours are quiet" if loud and self._within(self.plan.quiet, at_ms + lead_ms) else ""

    def _within(self, window: Window | None, wall_ms: int) -> bool:
        """Tell whether the home's clocks show a time within a window then."""
        if window is None:
            return False
        moment = datetime.fromtimestamp(wall_ms / 1000, ZoneInfo(self.plan.time_zone))
        minutes = moment.hour * 60 + moment.minute
        if window.begin < window.to:
            return window.begin <= minutes < window.to
        return minutes >= window.begin or minutes < window.to
