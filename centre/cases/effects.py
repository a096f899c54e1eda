"""What follows from a change of a case, for whoever has the line and the store to carry out."""

from centre.cases.audit import Entry
from rules.values import Value, kebab


class Effect(Value, frozen=True, tag_field="effect", tag=kebab):
    """Something to do."""


class Acknowledge(Effect, frozen=True):
    """Tell the hub that somebody has this alarm: the command `acknowledge`."""

    hub: str
    alarm: str


class Resolve(Effect, frozen=True):
    """Tell the hub that this alarm is closed: the command `resolve`. `outcome` is one of OUTCOMES: no note (S11)."""

    hub: str
    alarm: str
    outcome: str


class Audit(Effect, frozen=True):
    """Keep this entry, in the same commit as the case."""

    entry: Entry


Command = Acknowledge | Resolve
AnyEffect = Command | Audit
