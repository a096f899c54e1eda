"""What operators do to a case: only who has it moves it, one has it at a time, and nobody closes it unseen."""

from msgspec.structs import replace

from centre.cases.case import MOMENTS, Case, CaseAlarm, IllegalMoveError, TakenError, UnseenError, WordsError, moved
from centre.cases.effects import Command, Resolve
from centre.cases.events import (
    OPERATOR_CHARS_MAX,
    TEXT_CHARS_MAX,
    AnyAct,
    Began,
    HandedOver,
    LetGo,
    Noted,
    Reopened,
    Resolved,
    Took,
    Waits,
)
from centre.cases.holding import SEE_MS, freed, spoken
from centre.cases.outcomes import NOTE_NEEDED, OUTCOMES

WAIT_MS_MAX = 4 * 3_600_000
"""The longest that a case may wait for somebody before its owner must look at it again."""

NOBODY = frozenset({"", "hub", "centre"})
"""No operator is called so: the audit means others by it."""


def on_act(case: Case, event: AnyAct) -> tuple[Case, list[Command]]:
    """Take what an operator did. Raises CaseError."""
    _operator(event.by)
    if event.seen > case.version:
        raise WordsError(f"version {event.seen} of this case was never on anybody's screen: reload it")
    match event:
        case Took():
            return _took(case, event)
        case Reopened():
            _text(event.why, "why it is opened again")
            return reopened(case, event.at_ms), []
        case Noted():
            _text(event.text, "a note")
            return spoken(case, event.at_ms, event.seen) if event.by == case.owner else (case, [])
        case _:
            return _own_act(case, event)


def _own_act(case: Case, event: Began | Waits | HandedOver | LetGo | Resolved) -> tuple[Case, list[Command]]:
    """Take what only the owner may do."""
    if not case.open:
        raise IllegalMoveError("the case is resolved: reopen it first")
    if case.owner != event.by:
        raise TakenError(case.owner)
    match event:
        case Began():
            began = replace(case, state=moved(case.state, "begin"), waiting_for="", until_ms=None)
            return spoken(began, event.at_ms, event.seen)
        case Waits():
            return _waits(case, event)
        case HandedOver():
            return _handed_over(case, event)
        case LetGo():
            return freed(case, event.at_ms), []  # nothing is renewed: whoever comes next tells the hub
        case Resolved():
            return _resolved(case, event)


def reopened(case: Case, at_ms: int) -> Case:
    """Open a resolved case again; its alarms are answered anew, as far as they still stand at the hub."""
    return replace(
        case,
        state=moved(case.state, "reopen"),
        since_ms=at_ms,
        resolved_ms=None,
        outcome="",
        reopened=case.reopened + 1,
        alarms=tuple(replace(each, outcome="", told_ms=None) for each in case.alarms),
    )


def _took(case: Case, event: Took) -> tuple[Case, list[Command]]:
    state = moved(case.state, "take")
    if case.owner not in ("", event.by, event.over):
        raise TakenError(case.owner)  # S4: one wins, the other is told who
    if case.owner != event.by:
        case = replace(case, owner=event.by, taken_ms=None, ask_ms=None, free_ms=None)
    return spoken(replace(case, state=state), event.at_ms, event.seen)


def _waits(case: Case, event: Waits) -> tuple[Case, list[Command]]:
    _text(event.for_whom, "for whom")
    if not event.at_ms < event.until_ms <= event.at_ms + WAIT_MS_MAX:
        raise WordsError(f"until when is a moment within the next {WAIT_MS_MAX // 3_600_000} hours")
    state = moved(case.state, "wait")
    case = replace(case, state=state, waiting_for=event.for_whom, until_ms=event.until_ms)
    return spoken(case, event.at_ms, event.seen)


def _handed_over(case: Case, event: HandedOver) -> tuple[Case, list[Command]]:
    _operator(event.to)
    if event.to == event.by:
        raise WordsError("a case is handed over to somebody else")
    case, commands = spoken(case, event.at_ms, event.seen)
    state = moved(case.state, "hand-over")
    free_ms = min(event.at_ms + SEE_MS, case.free_ms or event.at_ms + SEE_MS)
    return replace(case, state=state, owner=event.to, taken_ms=None, ask_ms=event.at_ms, free_ms=free_ms), commands


def _resolved(case: Case, event: Resolved) -> tuple[Case, list[Command]]:
    if event.outcome not in OUTCOMES:
        raise WordsError(f"an outcome is one of: {', '.join(OUTCOMES)}")
    if event.outcome in NOTE_NEEDED or event.note:
        _text(event.note, f"the note of the outcome {event.outcome!r}")
    state = moved(case.state, "resolve")
    if any(each.unseen and each.version > event.seen for each in case.alarms):
        raise UnseenError("another alarm came while you were closing this case: look at it first")
    case, _ = spoken(case, event.at_ms, event.seen)
    commands: list[Command] = [
        Resolve(case.hub, each.alarm, event.outcome) for each in case.alarms if not (each.found or each.over)
    ]
    case = replace(freed(case, case.since_ms), taken_ms=case.taken_ms)
    alarms = tuple(_dealt_with(replace(each, outcome=event.outcome, told_ms=event.at_ms)) for each in case.alarms)
    return replace(case, state=state, outcome=event.outcome, resolved_ms=event.at_ms, alarms=alarms), commands


def _dealt_with(alarm: CaseAlarm) -> CaseAlarm:
    return replace(alarm, stage="ended") if alarm.found and alarm.kind in MOMENTS else alarm


def _operator(by: str) -> None:
    if by in NOBODY or len(by) > OPERATOR_CHARS_MAX:
        raise WordsError(f"{by[:OPERATOR_CHARS_MAX]!r} is no operator")


def _text(text: str, what: str) -> None:
    if not text.strip() or len(text) > TEXT_CHARS_MAX:
        raise WordsError(f"{what} has 1 to {TEXT_CHARS_MAX} characters")
