"""What a proof says, as values: JSON for machines is made of these, so their field names are a contract."""

from typing import Literal

from rules.values import Value

CRITICAL = 2
"""Alarms of this priority or a more urgent one must reach a human whatever single thing fails."""

Human = Literal["", "centre", "contact", "neighbour"]
GapState = Literal["", "open", "accepted"]


class Fittings(Value, frozen=True, omit_defaults=False):
    """What the hub has that the rules' configuration does not say. Everything, unless somebody knows better.

    `own_lines` are the uplinks that do not go through the home's router: what is left of them when it is dark.
    """

    modem: bool = True
    siren: bool = True
    light: bool = True
    relay: bool = True
    call_button: bool = True
    own_lines: tuple[str, ...] = ()


class Row(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One alarm in one case: the worst of all the ways it was played. Times are ms from the trigger; None is never.

    `local` is the first sound or light in the home; `centre` when the centre held the alarm; `human` when a person
    was called to act, `by` which way. `faults` is how many things are broken at once. `gap` is `open` or `accepted`
    when a critical alarm reaches no human though only one is. `worst` says which way of playing it gave the worst.
    """

    case: str
    faults: int
    local_ms: int | None
    centre_ms: int | None
    human_ms: int | None
    by: Human = ""
    gap: GapState = ""
    worst: str = ""


class AlarmProof(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One kind of alarm in every case."""

    kind: str
    priority: int
    cancel_ms: int
    silent: bool
    ladder: str
    rows: tuple[Row, ...]

    @property
    def critical(self) -> bool:
        """Whether somebody's life may hang on it."""
        return self.priority <= CRITICAL


class Gap(Value, frozen=True, omit_defaults=False):
    """A case in which a critical alarm reaches no human. `name` is `kind/case`, as `accepted_gaps` has it."""

    name: str
    accepted: bool


class Finding(Value, frozen=True, omit_defaults=False):
    """Something about the plan that is wrong (`error`) or odd (`warning`): what it is about, and what to do."""

    severity: Literal["error", "warning"]
    code: str
    where: str
    words: str


class Proof(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What was found. `ok`: the plan may be trusted: no error, and no gap that is not accepted.

    `double_faults` names, as `kind/case`, what reaches no human when two things fail at once: for information.
    `assumptions` says what the times rest on. `plays` is how many incidents were played.
    """

    ok: bool
    plan_version: int
    hub: str
    alarms: tuple[AlarmProof, ...]
    gaps: tuple[Gap, ...]
    double_faults: tuple[str, ...]
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...]
    plays: int
