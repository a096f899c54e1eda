"""A case's life: `step` takes an event and gives the case after it, and what follows. Values in, values out."""

from collections.abc import Iterable

from msgspec.structs import replace

from centre.cases.acts import on_act
from centre.cases.audit import Entry, entry
from centre.cases.case import Case, CaseError
from centre.cases.effects import AnyEffect, Audit
from centre.cases.events import Act, AnyEvent, Ended, Found, Heard, Tick
from centre.cases.holding import on_tick
from centre.cases.words import on_ended, on_found, on_heard


def blank(case: str, hub: str, at_ms: int) -> Case:
    """Give a case before its first event, which makes it version 1."""
    return Case(id=case, hub=hub, opened_ms=at_ms, since_ms=at_ms)


def step(case: Case, event: AnyEvent) -> tuple[Case, tuple[AnyEffect, ...]]:
    """Take an event: one version more and its audit entry, or nothing at all. Raises CaseError: its text is for people.

    Of two who do something at once, one commits first (by `version`); the other's is taken again to the case as it is
    then, and succeeds, or is told why not.
    """
    match event:
        case Heard():
            changed = on_heard(case, event)
        case Found():
            changed = on_found(case, event)
        case Ended():
            changed = on_ended(case, event)
        case Tick():
            changed = on_tick(case, event.at_ms)
        case Act():
            changed = on_act(case, event)
    if changed is None:
        return case, ()
    after, commands = changed
    after = replace(after, version=case.version + 1)
    return after, (Audit(entry(case, after, event)), *commands)


def replay(entries: Iterable[Entry]) -> Case:
    """Make a case from its audit alone. Raises CaseError when entries lack or do not lead to the versions named."""
    case: Case | None = None
    for each in entries:
        case = blank(each.case, each.hub, each.event.at_ms) if case is None else case
        case, _ = step(case, each.event)
        if case.version != each.version:
            raise CaseError(f"the audit of {each.case} leads to version {case.version}, and names {each.version}")
    if case is None:
        raise CaseError("a case has one entry at least")
    return case
