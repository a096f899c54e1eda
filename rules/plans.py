"""A care plan takes the place of another: only a newer one, whole, in one step; open alarms keep their ladder (S9)."""

from rules import events
from rules.reports import PlanApplied, PlanRefused
from rules.turn import Turn
from rules.values import TEXT_CHARS_MAX


def on_plan_offered(turn: Turn, event: events.PlanOffered) -> None:
    """Take a plan that was proven. One that is in force already changes nothing (S4), an older one is refused."""
    before, plan = turn.house.plan, event.plan
    if plan.version <= before.version:
        if plan != before:
            reason = f"version {plan.version} is not newer than {before.version}, which is in force"
            _refuse(turn, plan.version, reason)
        return
    turn.update(plan=plan)
    turn.send(PlanApplied(clock=turn.clock, version=plan.version, before=before.version))


def on_plan_refused(turn: Turn, event: events.PlanRefused) -> None:
    """Tell the centre why a plan was not taken."""
    _refuse(turn, event.version, event.reason)


def _refuse(turn: Turn, version: int, reason: str) -> None:
    in_force = turn.house.plan.version
    turn.send(PlanRefused(clock=turn.clock, version=version, reason=reason[:TEXT_CHARS_MAX], in_force=in_force))
