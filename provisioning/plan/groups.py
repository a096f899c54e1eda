"""The alarms of a plan, those that do the same together: what the sentences and the picture are made of."""

from provisioning.plan.phrases import listed, short_name
from rules.kinds import KINDS, WATCH_KINDS, Kind
from rules.ladder import NIGHTLESS_PRIORITY
from rules.plan import Ladder, Plan, Step, kind_of, ladder_of
from rules.values import Value

SEEN_OR_HEARD = ("siren", "say", "light")
"""What a silent alarm never does (S1)."""

HEARD = ("siren", "say")
"""What quiet hours hold back from small alarms."""


class Group(Value, frozen=True):
    """Kinds of alarm that go about the same ladder alike."""

    kinds: tuple[Kind, ...]
    ladder: Ladder
    silent: bool
    quietened: bool
    """Whether quiet hours hold back what can be heard."""
    nightless: bool
    """Whether the plan has no night, so that a step of the night never comes."""

    @property
    def title(self) -> str:
        """Give the kinds' short names, as a list."""
        return listed(short_name(kind.name) for kind in self.kinds)

    def never(self, step: Step) -> bool:
        """Whether a step can not come about: the alarm is silent (S1), or there is no night."""
        return (self.silent and step.means in SEEN_OR_HEARD) or (self.nightless and step.only == "night")

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the steps that can come about, in the order of time, without the centre's being told at the raise."""
        told = [step for step in self.ladder.steps if step.means == "centre" and step.after_ms == 0]
        found = (step for step in self.ladder.steps if not self.never(step) and step not in told)
        return tuple(sorted(found, key=lambda step: step.after_ms))

    @property
    def repeat_ms(self) -> int:
        """Give how long after its last step the ladder begins anew; 0 for never."""
        waits = any(step.unless != "resolved" for step in self.ladder.steps)
        return self.ladder.repeat_ms if waits else 0


def groups(plan: Plan) -> tuple[Group, ...]:
    """Give the alarms of a home with this plan: all that a sensor may raise, and those that the plan watches for."""
    unseen = {kind.name for kind in WATCH_KINDS} - _watched(plan) - {rule.kind for rule in plan.kinds}
    names = [kind.name for kind in KINDS if kind.name not in unseen]
    found: dict[Group, list[Kind]] = {}
    for name in dict.fromkeys([*names, *(rule.kind for rule in plan.kinds)]):
        kind = kind_of(plan, (), name)
        ladder = ladder_of(plan, kind)
        heard = any(step.means in HEARD for step in ladder.steps)
        quietened = plan.quiet is not None and heard and not kind.silent and kind.priority > NIGHTLESS_PRIORITY
        alike = Group((), ladder, kind.silent, quietened, nightless=plan.night is None)
        found.setdefault(alike, []).append(kind)
    return tuple(
        Group(tuple(kinds), alike.ladder, alike.silent, alike.quietened, alike.nightless)
        for alike, kinds in found.items()
    )


def _watched(plan: Plan) -> set[str]:
    """Give the kinds that the plan has the hub look for. A bed and a chair differ by their sensor alone."""
    return {
        *(["inactivity"] if plan.inactivity else []),
        *(["bed", "chair"] if plan.absences else []),
        *("door-open" for door in plan.doors if door.open_ms is not None),
        *("leaving" for door in plan.doors if door.leaving is not None),
        *("cold" for room in plan.temperatures if room.low is not None),
        *("heat" for room in plan.temperatures if room.high is not None),
        *(["visit-missed"] if plan.visits else []),
        *("reminder-missed" for reminder in plan.reminders if reminder.alarm),
        *(["reading"] if plan.thresholds else []),
    }
