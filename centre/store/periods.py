"""How long the centre keeps what, and what is therefore to go on a day: pure, and of no database."""

from collections.abc import Collection
from typing import Literal, get_args

import msgspec

from rules.values import Value

DAY_MS = 86_400_000
_STEP_MS = 2 * DAY_MS

What = Literal[
    "reading", "event", "case", "audit", "look", "quarantine", "command", "plan", "consent", "way-in", "home"
]
"""In the order in which it goes: a home's leaving is what its consents count from, and goes last.

`plan`: care plans that another has long replaced. `consent`: what was agreed to once and holds no more. `way-in` is
what lets somebody into a home that has left, or calls its people; `home` all else that is kept of such a home.
"""


class Policy(Value, frozen=True, kw_only=True):
    """How many days each thing is kept. The service's own retention schedule decides; these are where to begin.

    Every figure is our own proposal, and no rule's. Homes count from when they left, cases and commands from their
    last change, plans from when another came into force, consents from when they held no more, the rest from when it
    came.
    """

    reading_days: int = 92
    event_days: int = 2_922
    case_days: int = 2_922
    audit_days: int = 2_922
    look_days: int = 2_922
    quarantine_days: int = 92
    command_days: int = 366
    plan_days: int = 2_922
    consent_days: int = 2_922
    way_in_days: int = 30
    home_days: int = 2_922


class Deletion(Value, frozen=True):
    """What is to go: all of a kind from before a moment (Unix ms), but not of the homes on hold."""

    what: What
    before_ms: int
    holds: frozenset[str] = frozenset()


class Progress(Value, frozen=True, kw_only=True):
    """What has gone since it was last audited, when that was, and the moment that was then counted back from."""

    gone: dict[str, int] = msgspec.field(default_factory=dict)
    ended_ms: int = 0
    counted_ms: int = 0


def plan(policy: Policy, now_ms: int, holds: Collection[str] = ()) -> tuple[Deletion, ...]:
    """Say what is to go now. `holds` names hubs of which nothing goes: an inquest, a complaint. Pure.

    Raises ValueError for a policy that keeps something for less than a day, or the proof of what was done with a case
    for less long than the case.
    """
    kept = {name.removesuffix("_days").replace("_", "-"): getattr(policy, name) for name in Policy.__struct_fields__}
    if short := [name for name, days in kept.items() if days < 1]:
        raise ValueError(f"{', '.join(short)}: keep it for a day at least")
    if policy.audit_days < policy.case_days or policy.event_days < policy.case_days:
        raise ValueError("audit, event: keep them as long as case: they are its proof")
    return tuple(Deletion(what, now_ms - kept[what] * DAY_MS, frozenset(holds)) for what in get_args(What))


def counted(progress: Progress | None, now_ms: int) -> int | None:
    """Give the moment to count back from today; None for nothing yet, the first time. Pure.

    What is deleted is gone, and clocks go wrong: it moves by two days at most each time, so that a clock that says 2040
    for a week costs a fortnight and not everybody's record.
    """
    if progress is None or not progress.counted_ms:
        return None
    return min(now_ms, progress.counted_ms + _STEP_MS)
