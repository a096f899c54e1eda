"""An alarm's life: one table holds every lawful transition, and anything else raises."""

from typing import Literal

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

    `raise_at_ms` ends the cancel window; `late` means no receipt came in time, or there is no line;
    `step_taken` counts the ladder's steps already taken, from `ladder_from_ms`; `held_ms` is when the
    acknowledgement began, and `lapse_at_ms` when it ends; `joined_ms` and `cancel_ms` are when a joining
    trigger and a press of cancel were last reported.
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
    step_taken: int = 0
    ladder_from_ms: int | None = None
    siren_until_ms: int | None = None
    holder: Holder | None = None
    held_ms: int | None = None
    lapse_at_ms: int | None = None
    silenced: bool = False
    joined_ms: int | None = None
    cancel_ms: int | None = None


def moved(stage: OpenStage, move: Move) -> Stage:
    """Give the stage after a move. Raises IllegalTransitionError when the table does not have it."""
    try:
        return TRANSITIONS[stage, move]
    except KeyError:
        raise IllegalTransitionError(f"an alarm that is {stage} cannot {move}") from None
