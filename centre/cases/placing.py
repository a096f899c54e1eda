"""Which case a home's word belongs to: its whole story in one, and no alarm in two."""

from collections.abc import Iterable

from centre.cases.case import Case
from centre.cases.effects import AnyEffect
from centre.cases.events import Ended, Found, Heard
from centre.cases.lifecycle import blank, step
from centre.cases.words import is_over

RELATED_MS = 30 * 60_000
"""A further alarm of a home this soon after the last is of the same story: a fall, and then the pendant."""

ALARMS_MAX = 100
"""A case of so many alarms takes no further ones; they open the next (S12)."""

Word = Heard | Found | Ended


def take_in(cases: Iterable[Case], hub: str, word: Word, new_id: str) -> tuple[Case, tuple[AnyEffect, ...]] | None:
    """Give the case that this word changes or opens, and what follows; None if it needs none and changes none.

    `cases` are those of this hub that are open, and any that holds the same alarm, resolved or not. `new_id` is for a
    new one. Words of one hub must be taken one after the other.
    """
    mine = sorted((each for each in cases if each.hub == hub), key=lambda each: (each.last_ms, each.id))
    case = _holding(mine, word)
    if case is None and not isinstance(word, Ended):
        case = _related(mine, word)
        if case is None and not (isinstance(word, Heard) and is_over(word)):
            case = blank(new_id, hub, word.at_ms)
    if case is None:
        return None
    after, effects = step(case, word)
    return (after, effects) if effects else None


def _holding(cases: list[Case], word: Word) -> Case | None:
    """The case that has this alarm; of what comes and goes, such as silence, the one where it stands, or is open."""
    found = not isinstance(word, Heard)
    for case in reversed(cases):
        alarm = case.alarm(word.alarm, found=found)
        if alarm is not None and (case.open or not found or not alarm.over):
            return case
    return None


def _related(cases: list[Case], word: Heard | Found) -> Case | None:
    """The open case of the same story: linked by the hub, or soon after, of the same person or of nobody known."""
    test = isinstance(word, Heard) and word.test
    linked = word.more.get("linked") if isinstance(word, Heard) else None
    mates = [
        case
        for case in cases
        if case.hub and case.open and (case.cause == "test") == test and len(case.alarms) < ALARMS_MAX
    ]
    for case in reversed(mates):
        if isinstance(linked, str) and case.alarm(linked) is not None:
            return case
    for case in reversed(mates):
        if word.at_ms - case.last_ms <= RELATED_MS and _same_person(case, word.person):
            return case
    return None


def _same_person(case: Case, person: str) -> bool:
    known = {each.person for each in case.alarms if each.person}
    return not person or not known or person in known
