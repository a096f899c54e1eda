"""What a home says about its alarms, and what the centre finds, as it changes a case.

A hub's word never closes a real alarm's case: people do.
"""

from datetime import datetime

from msgspec.structs import replace

from centre.cases.acts import reopened
from centre.cases.case import MOMENTS, Case, CaseAlarm, moved
from centre.cases.effects import Acknowledge, Command, Resolve
from centre.cases.events import REFERENCE_CHARS_MAX, Ended, Found, Heard
from centre.cases.holding import RENEW_MS, expecting, renewed, told_lately
from rules.reports import Clock
from rules.values import TEXT_CHARS_MAX

REFS_MAX = 64
"""How many events a case remembers, so that one taken twice counts once: more than come again after a crash."""

TELL_AGAIN_MS = 9 * 60_000
"""When a hub that knows nothing of a command is told anew: just before that is given up by itself (`centre.issue`)."""

OLD_MS_MAX = 30 * 24 * 3_600_000
"""A hub cut off for longer is not believed when it says since when somebody has waited."""


def is_over(event: Heard) -> bool:
    """Whether this word alone says that nobody is needed: it has ended, or was taken back before it was sent."""
    return event.what == "resolved" or (event.what == "cancelled" and event.more.get("stage") == "pending")


def on_heard(case: Case, event: Heard) -> tuple[Case, list[Command]] | None:
    """Take a word of the hub about an alarm of this case, or one that belongs here; None if it says nothing new."""
    if event.ref and event.ref in case.refs:
        return None  # S4: a message received twice changes nothing
    known = case.alarm(event.alarm)
    if known is not None and event.what == "listed":
        return _told_again(case, event)
    if event.ref:
        case = replace(case, refs=(*case.refs, event.ref)[-REFS_MAX:])
    if known is None:
        return (case, []) if is_over(event) else (_added(case, _alarm(case, event), event.at_ms), [])
    alarm = _staged(_filled(known, event), event)
    if _is_news(case, known, event):
        alarm = replace(alarm, unseen=True, version=case.version + 1)
        case = _with_news(case, alarm, event.at_ms)
    else:
        case = replace(case.with_alarm(alarm), priority=min(case.priority, alarm.priority))
    return _answered(case, alarm, event)


def _answered(case: Case, alarm: CaseAlarm, event: Heard) -> tuple[Case, list[Command]]:
    """Give the case with what the hub must be told now that it said this."""
    if not case.open:
        return _told_again(case, event) or (case, [])
    if case.cause == "test" and all(each.over for each in case.alarms):
        return _closed(case, "test", event.at_ms), []
    if event.what == "lapsed" and alarm.stage == "raised" and case.held:
        case = case.with_alarm(replace(alarm, told_ms=None))  # S3: a reboot made the hub forget that somebody has it
        if case.ask_ms is not None and event.at_ms < case.ask_ms:
            return renewed(case, event.at_ms, RENEW_MS)
    return case, []


def _told_again(case: Case, event: Heard) -> tuple[Case, list[Command]] | None:
    """Tell a hub once more what it should long know: that an alarm is closed here, or that somebody has it.

    It was cut off for longer than its command was good. S3: for an owner who is being asked, and may be gone, no home
    is kept quiet.
    """
    alarm = case.alarm(event.alarm)
    if alarm is None or alarm.over or told_lately(alarm, event.at_ms, TELL_AGAIN_MS):
        return None
    told = case.with_alarm(replace(alarm, told_ms=event.at_ms))
    if not case.open:
        return told, [Resolve(case.hub, alarm.alarm, case.outcome)]
    waits = event.more.get("stage") == "raised" and not alarm.unseen
    if waits and case.held and case.ask_ms is not None and event.at_ms < case.ask_ms:
        return told, [Acknowledge(case.hub, alarm.alarm)]
    return None


def _is_news(case: Case, known: CaseAlarm, event: Heard) -> bool:
    """Whether somebody must look: it was pressed again, or what was taken for a test is none.

    A press that comes late, and was made before somebody last took the case, is no news once that is resolved.
    """
    if known.test and not event.test:
        return True
    if event.what != "joined" or _triggers(event) <= known.triggers:
        return False
    return case.open or case.taken_ms is None or _raised_ms(event) >= case.taken_ms


def _with_news(case: Case, alarm: CaseAlarm, at_ms: int) -> Case:
    """Put an alarm into the case that somebody must look at, whoever has the case, and whether or not it was closed."""
    if not case.open:
        case = reopened(case, at_ms)
        alarm = replace(alarm, outcome="", told_ms=None)
    case = replace(
        case.with_alarm(alarm),
        priority=min(case.priority, alarm.priority),
        cause="alarm" if not (alarm.found or alarm.test) else case.cause,
    )
    return expecting(case, at_ms) if case.held else case


def _added(case: Case, alarm: CaseAlarm, at_ms: int) -> Case:
    if not case.alarms and alarm.test:
        case = replace(case, cause="test")
    case = _with_news(case, alarm, at_ms)
    return case if case.held else replace(case, since_ms=min(case.since_ms, alarm.raised_ms))


def _closed(case: Case, outcome: str, at_ms: int) -> Case:
    """Close a case that needs nobody any more: not for a real alarm."""
    alarms = tuple(replace(each, unseen=False, outcome=outcome) for each in case.alarms)
    return replace(
        case,
        state=moved(case.state, "close"),
        owner="",
        ask_ms=None,
        free_ms=None,
        waiting_for="",
        until_ms=None,
        outcome=outcome,
        resolved_ms=at_ms,
        alarms=alarms,
    )


# --- the hub's words -------------------------------------------------------------------------------


def _alarm(case: Case, event: Heard) -> CaseAlarm:
    """Make the alarm that a hub's word tells of, whichever of its words comes first."""
    alarm = CaseAlarm(
        alarm=event.alarm,
        kind=event.kind,
        priority=event.priority,
        sensor=event.sensor,
        location=event.location,
        person=event.person,
        test=event.test,
        silent=event.silent,
        raised_ms=_raised_ms(event),
        arrived_ms=event.at_ms,
        triggers=_triggers(event),
        cancelled=event.what == "cancelled",
        version=case.version + 1,
    )
    if event.what == "listed" and event.more.get("stage") == "acknowledged":
        return replace(alarm, stage="acknowledged")
    return _staged(alarm, event)


def _filled(known: CaseAlarm, event: Heard) -> CaseAlarm:
    """Add what this word knows and no earlier one did. What was ever real, urgent or silent stays so."""
    return replace(
        known,
        priority=min(known.priority, event.priority),
        sensor=known.sensor or event.sensor,
        location=known.location or event.location,
        person=known.person or event.person,
        test=known.test and event.test,
        silent=known.silent or event.silent,
        raised_ms=min(known.raised_ms, _raised_ms(event)) if event.what == "raised" else known.raised_ms,
        triggers=max(known.triggers, _triggers(event)),
        cancelled=known.cancelled or event.what == "cancelled",
    )


def _staged(known: CaseAlarm, event: Heard) -> CaseAlarm:
    """Follow the alarm's stage at its hub. What was overtaken by a later word changes nothing; an end is final."""
    if event.what == "resolved":
        return replace(known, stage="resolved", held_by="", clock=event.clock)
    if known.over or not _newer(known.clock, event.clock):
        return known
    match event.what:
        case "raised" | "lapsed":
            return replace(known, stage="raised", held_by="", clock=event.clock)
        case "acknowledged":
            return replace(
                known, stage="acknowledged", held_by=_word(event, "contact") or _word(event, "by"), clock=event.clock
            )
        case _:
            return known


def _newer(known: Clock | None, clock: Clock | None) -> bool:
    """Whether a word is later than the one known: by the hub's boot, or by its wall clock if that was good (S6)."""
    if known is None or clock is None:
        return True
    if clock.boot == known.boot:
        return clock.monotonic_ms >= known.monotonic_ms
    return not (clock.synced and known.synced) or clock.wall >= known.wall


def _raised_ms(event: Heard) -> int:
    """When the hub says this was, if its clock was good and it can be true; else when it came."""
    if event.clock is None or not event.clock.synced:
        return event.at_ms
    try:
        wall_ms = int(datetime.fromisoformat(event.clock.wall).timestamp() * 1000)
    except (ValueError, OverflowError):
        return event.at_ms
    return wall_ms if event.at_ms - OLD_MS_MAX <= wall_ms <= event.at_ms else event.at_ms


def _triggers(event: Heard) -> int:
    told = event.more.get("triggers")
    return told if isinstance(told, int) and told > 0 else 1


def _word(event: Heard, name: str) -> str:
    told = event.more.get(name)
    return told[:REFERENCE_CHARS_MAX] if isinstance(told, str) else ""


# --- what the centre finds -------------------------------------------------------------------------


def on_found(case: Case, event: Found) -> tuple[Case, list[Command]] | None:
    """Take what the centre found; None while it stands already, or nobody has looked since, and was no less urgent."""
    known = case.alarm(event.alarm, found=True)
    priority = min(max(event.priority, 1), 4)
    version, text = case.version + 1, event.text[:TEXT_CHARS_MAX]
    if known is None:
        if not case.alarms:
            case = replace(case, cause=event.cause)
        alarm = CaseAlarm(
            alarm=event.alarm,
            kind=event.cause,
            priority=priority,
            person=event.person,
            found=True,
            text=text,
            raised_ms=event.at_ms,
            arrived_ms=event.at_ms,
            version=version,
        )
        return _added(case, alarm, event.at_ms), []
    again = known.over or (event.cause in MOMENTS and not known.unseen)
    if not again and priority >= known.priority:
        return None
    known = replace(
        known, stage="raised", priority=priority, text=text, triggers=known.triggers + 1, unseen=True, version=version
    )
    return _with_news(case, known, event.at_ms), []


def on_ended(case: Case, event: Ended) -> tuple[Case, list[Command]] | None:
    """Take that what was found is over. A case of nothing else, which nobody has, needs nobody any more."""
    known = case.alarm(event.alarm, found=True)
    if known is None or known.over:
        return None
    case = case.with_alarm(replace(known, stage="ended"))
    if case.state == "new" and all(each.found and each.over for each in case.alarms):
        return _closed(case, "came-back", event.at_ms), []
    return case, []
