"""S9: a care plan gives way only to a newer one, whole; what is refused, or comes again, changes nothing."""

from rules.actions import Postpone, Reject, Resend, Send, Settle
from rules.events import PlanOffered, PlanRefused
from rules.plan import Plan
from rules.reports import PlanApplied
from rules.reports import PlanRefused as Refused
from rules.state import House
from simulators.world.promises.judge import Judge, Stepped

_OUTBOX = (Settle, Reject, Postpone, Resend)


class OnlyNewer(Judge):
    """Versions only rise; each change is told; no open alarm's ladder and no row of the outbox is touched by one."""

    name = "only a newer plan takes another's place (S9)"

    def stepped(self, step: Stepped) -> None:
        """Set what became of the plan against what was offered."""
        if not isinstance(step.event, PlanOffered):
            if step.after.plan != step.before.plan:
                self.broken(f"the plan changed, though none was offered: {type(step.event).__name__}")
        else:
            self._offered(step, step.event.plan)
        if isinstance(step.event, PlanOffered | PlanRefused):
            if any(isinstance(action, _OUTBOX) for action in step.actions):
                self.broken("a plan that came touched the outbox")
            after = _ladders(step.after)  # what the new plan has watched may be due at once
            if any(after.get(alarm) != ladder for alarm, ladder in _ladders(step.before).items()):
                self.broken("a plan that came changed an open alarm")

    def _offered(self, step: Stepped, plan: Plan) -> None:
        before, told = step.before.plan, [each.report for each in step.actions if isinstance(each, Send)]
        applied = [each for each in told if isinstance(each, PlanApplied)]
        refused = [each for each in told if isinstance(each, Refused)]
        if plan.version > before.version:
            self.scene.counted["plans applied"] += 1
            if step.after.plan != plan or len(applied) != 1 or refused:
                self.broken(f"plan {plan.version} is newer than {before.version}, and was not taken")
            return
        if step.after.plan != before or applied:
            self.broken(f"plan {plan.version} took the place of {before.version}")
        if plan != before:
            self.scene.counted["plans refused"] += 1
            if not refused:
                self.broken(f"plan {plan.version} was refused, and nobody was told")

    def settled(self) -> None:
        """In the end the newest is in force."""
        newest = self.scene.plan.version
        if self.scene.house.plan != self.scene.plan:
            self.broken(f"plan {newest} was never taken: {self.scene.house.plan.version} is in force")


def _ladders(house: House) -> dict[str, object]:
    return {alarm.id: (alarm.plan_version, alarm.steps, alarm.kind, alarm.priority) for alarm in house.alarms}
