"""The audit of a case: every change, who made it, and what it changed. A case is what its entries say, and no more."""

from typing import Any

from centre.cases.case import Case
from centre.cases.events import Act, AnyEvent, Heard
from rules.values import Value

FIELDS = ("state", "cause", "priority", "owner", "waiting_for", "until_ms", "outcome")
"""What an auditor asks about; the event tells the rest."""


class Change(Value, frozen=True):
    """A field of the case, before and after."""

    field: str
    before: Any
    after: Any


class Entry(Value, frozen=True, kw_only=True):
    """One change of a case: the `version` it made, and why: the event, whole.

    `by` is an operator's reference, `hub`, or `centre`. Entries are only ever added; they are a case's time-line.
    """

    case: str
    hub: str
    version: int
    by: str
    event: AnyEvent
    changes: tuple[Change, ...] = ()


def entry(before: Case, after: Case, event: AnyEvent) -> Entry:
    """Write down a change."""
    match event:
        case Act():
            by = event.by
        case Heard():
            by = "hub"
        case _:
            by = "centre"
    changes = tuple(
        Change(field, getattr(before, field), getattr(after, field))
        for field in FIELDS
        if getattr(before, field) != getattr(after, field)
    )
    return Entry(case=after.id, hub=after.hub, version=after.version, by=by, event=event, changes=changes)
