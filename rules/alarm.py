"""An alarm's life: one table holds every lawful transition, and anything else raises."""

from typing import Literal

from rules.plan import Step
from rules.values import Now, Value

OpenStage = Literal["pending", "raised", "acknowledged"]
EndStage = Literal["resolved", "cancelled"]
Stage = OpenStage | EndStage
Move = Literal["raise", "cancel", "acknowledge", "lapse", "resolve"]
Delivery = Literal["unsent", "waiting", "received", "rejected"]
Holder = Literal["centre", "contact", "home"]

TRANSITIONS: dict[tuple[OpenStage, Move], Stage] = {
    ("pending", "raise"): "raised",
    ("pending", "cancel"): "cancelled",
    ("raised", "acknowledge"): "acknowledged",
    ("raised", "resolve"): "resolved",
    ("acknowledged", "acknowledge"): "acknowledged",  # renewal
    ("acknowledged", "lapse"): "raised",
    ("acknowledged", "resolve"): "resolved",
}


class IllegalTransitionError(Exception):
    """An alarm was asked to do what its stage does not allow."""


class Alarm(Value, frozen=True, kw_only=True):
    """One alarm, from its trigger to its resolution.

    Delivery is a fact beside its life, not a stage of it (S2). `..._ms` fields are moments on the
    boot-relative clock. It keeps its own copy of what its kind said, so that a later plan cannot
    change an alarm that is under way (S9).

    `raise_at_ms` ends the cancel window; `late` means no receipt came in time, or there is no line; `held_ms` is
    when the acknowledgement began, and `lapse_at_ms` when it ends; `joined_ms` and `cancel_ms` are when a joining
    trigger and a press of cancel were last reported; `contact` is which one has it; `siren_until_ms`,
    `light_until_ms` and `relay_until_ms` end what a step switched on. `announced`: a test that the centre had
    announced; unless somebody has it by `real_at_ms`, a real alarm follows it.

    `plan_rule` is the rule of the plan that raised it, such as `kind.pendant`, `inactivity.morning`, `door.front`.
    `steps` is the ladder it began with, of care plan `plan_version`, and `taken` are the places of those steps that
    have had their turn in this `round`. They count from `ladder_from_ms`, which an acknowledgement puts off; steps
    that go on until the alarm is resolved count from `steady_from_ms`, which none does. `repeat_ms` after its last
    step the ladder begins anew; 0: never.
    """

    id: str
    kind: str
    priority: int
    silent: bool
    test: bool
    sensor: str
    location: str
    person: str
    detail: str = ""
    plan_rule: str = ""
    linked: str | None = None
    boot: str
    triggered: Now
    triggers: int = 1
    stage: OpenStage = "pending"
    raise_at_ms: int | None = None
    raised_ms: int | None = None
    raised_ref: str | None = None
    delivery: Delivery = "unsent"
    receipt_due_ms: int | None = None
    late: bool = False
    plan_version: int = 0
    steps: tuple[Step, ...] = ()
    repeat_ms: int = 0
    round: int = 1
    taken: tuple[int, ...] = ()
    ladder_from_ms: int | None = None
    steady_from_ms: int | None = None
    siren_until_ms: int | None = None
    light_until_ms: int | None = None
    relay_until_ms: int | None = None
    holder: Holder | None = None
    contact: str = ""
    held_ms: int | None = None
    lapse_at_ms: int | None = None
    silenced: bool = False
    joined_ms: int | None = None
    cancel_ms: int | None = None
    announced: bool = False
    real_at_ms: int | None = None


def moved(stage: OpenStage, move: Move) -> Stage:
    """Give the stage after a move. Raises IllegalTransitionError when the table does not have it."""
    try:
        return TRANSITIONS[stage, move]
    except KeyError:
        raise IllegalTransitionError(f"an alarm that is {stage} cannot {move}") from None
