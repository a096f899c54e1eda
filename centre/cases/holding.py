"""Having a case: what an owner's word renews, when the owner is asked for one, and when the case is free again (S3).

The hub is quiet for 30 min after each `acknowledge` (`rules.acknowledgement`). So it is told again only on an owner's
word, or while the owner waits for somebody as was said: a hub whose operator fell asleep takes up its ladder when, or
soon after, the case is back in the queue, and never before.
"""

from msgspec.structs import replace

from centre.cases.case import Case, CaseAlarm, moved
from centre.cases.effects import Acknowledge, Command

MINUTE_MS = 60_000
ASK_MS = 15 * MINUTE_MS
"""How long an owner may say nothing before being asked."""

ANSWER_MS = 10 * MINUTE_MS
"""How long an owner who is asked may leave it unanswered: with ASK_MS less than a hub's 30 min."""

SEE_MS = 3 * MINUTE_MS
"""How long an alarm that joins a case, or a case that was handed over, may wait for the owner: the field's 180 s."""

RENEW_MS = 20 * MINUTE_MS
"""When a hub is told again while the owner waits for somebody."""

RENEW_ON_WORD_MS = 5 * MINUTE_MS
"""An owner's word is passed on if the last was so long ago: ASK_MS + ANSWER_MS + this is what a hub gives."""


def spoken(case: Case, at_ms: int, seen: int) -> tuple[Case, list[Command]]:
    """Take a word of the owner, who had version `seen` on the screen: what it shows is answered, its hub is told."""
    alarms = tuple(_answered(each, at_ms) if each.version <= seen else each for each in case.alarms)
    case = replace(
        case,
        alarms=alarms,
        taken_ms=at_ms if case.taken_ms is None else case.taken_ms,
        answered_ms=at_ms if case.answered_ms is None else case.answered_ms,
    )
    case, commands = renewed(case, at_ms, RENEW_ON_WORD_MS)
    return expecting(case, at_ms), commands


def _answered(alarm: CaseAlarm, at_ms: int) -> CaseAlarm:
    return replace(alarm, unseen=False, answered_ms=at_ms if alarm.answered_ms is None else alarm.answered_ms)


def renewed(case: Case, at_ms: int, after_ms: int) -> tuple[Case, list[Command]]:
    """Tell the hub of each alarm that somebody has seen, unless it was told less than `after_ms` ago."""
    commands: list[Command] = []
    for each in case.alarms:
        if each.found or each.over or each.unseen or told_lately(each, at_ms, after_ms):
            continue
        case = case.with_alarm(replace(each, told_ms=at_ms))
        commands.append(Acknowledge(case.hub, each.alarm))
    return case, commands


def told_lately(alarm: CaseAlarm, at_ms: int, within_ms: int) -> bool:
    """Whether its hub was told so lately. S6: what seems to be told in the future was told before a clock was set."""
    return alarm.told_ms is not None and 0 <= at_ms - alarm.told_ms < within_ms


def expecting(case: Case, at_ms: int) -> Case:
    """Set when the owner is asked, and when the case is free: from a word just spoken, or an alarm just come."""
    if case.unseen:
        ask_ms = at_ms if case.ask_ms is None else min(case.ask_ms, at_ms)
        free_ms = at_ms + SEE_MS if case.free_ms is None else min(case.free_ms, at_ms + SEE_MS)
        return replace(case, ask_ms=ask_ms, free_ms=free_ms)
    ask_ms = case.until_ms if case.until_ms is not None and case.until_ms > at_ms else at_ms + ASK_MS
    return replace(case, ask_ms=ask_ms, free_ms=ask_ms + ANSWER_MS)


def freed(case: Case, since_ms: int) -> Case:
    """Put a case back into the queue, where it has waited since `since_ms`."""
    return replace(
        case,
        state=moved(case.state, "let-go"),
        owner="",
        since_ms=since_ms,
        taken_ms=None,
        ask_ms=None,
        free_ms=None,
        waiting_for="",
        until_ms=None,
    )


def on_tick(case: Case, at_ms: int) -> tuple[Case, list[Command]] | None:
    """Free a case whose owner is silent; renew what an owner who waits has. None if nothing is due."""
    if not case.held or case.ask_ms is None or case.free_ms is None:
        return None
    if at_ms >= case.free_ms:
        return freed(case, min(case.ask_ms, at_ms)), []  # S3: nothing is silently kept
    if case.ask_ms > at_ms + ASK_MS and case.ask_ms != case.until_ms:
        return expecting(case, at_ms), []  # S6: the centre's clock was set back: nobody gains time by that
    if at_ms >= case.ask_ms:
        return None
    case, commands = renewed(case, at_ms, RENEW_MS)
    return (case, commands) if commands else None


def next_deadline(case: Case) -> int | None:
    """When a tick next changes this case; None while only people can."""
    if not case.held or case.ask_ms is None or case.free_ms is None:
        return None
    live = (each for each in case.alarms if not (each.found or each.over or each.unseen))
    dues = [0 if each.told_ms is None else each.told_ms + RENEW_MS for each in live]
    return min([case.free_ms, *(due for due in dues if due < case.ask_ms)])
