"""What a change of a case is to a platform outside, if it is anything; and when an attempt is made again. Pure.

A message says that something happened, and to which case and home; never a name, a note or who of the staff did it.
"""

from typing import Literal, get_args

from centre.cases.audit import Entry
from centre.cases.case import Case
from centre.cases.events import Ended, Found, Took
from rules.values import Value, utc

Type = Literal[
    "case.opened", "case.taken", "case.resolved", "case.reopened", "home.silent", "home.back", "webhook.test"
]
TYPES: tuple[Type, ...] = get_args(Type)

PAUSES_S = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
"""How long after each attempt that failed the next is made: eleven in all, over 23 h 42 min."""


class Message(Value, frozen=True, omit_defaults=False):
    """What is sent, as Standard Webhooks has it. `timestamp` is when it happened."""

    type: Type
    timestamp: str
    data: dict[str, object]


def messages(entry: Entry, case: Case | None) -> list[Message]:
    """Say what a change was, in the order in which it happened. `case` is as it is now, None if it is gone."""
    types: list[Type] = []
    before = after = None
    for change in entry.changes:
        if change.field == "state":
            before, after = change.before, change.after
    if entry.version == 1:
        types.append("case.opened")
    elif before == "resolved" and after == "new":
        types.append("case.reopened")
    if isinstance(entry.event, Found | Ended) and entry.event.cause == "silence":
        types.append("home.silent" if isinstance(entry.event, Found) else "home.back")
    if isinstance(entry.event, Took) and any(each.field == "owner" and each.after for each in entry.changes):
        types.append("case.taken")
    if after == "resolved":
        types.append("case.resolved")
    return [_message(each, entry, case) for each in types]


def _message(kind: Type, entry: Entry, case: Case | None) -> Message:
    data: dict[str, object] = {"hub": entry.hub, "case": entry.case, "version": entry.version}
    if case is not None:
        data |= {"cause": case.cause, "priority": case.priority, "test": case.cause == "test"}
    if kind == "case.resolved":
        data["outcome"] = next((each.after for each in entry.changes if each.field == "outcome"), "")
    return Message(kind, utc(entry.event.at_ms), data)


def trial(at_ms: int) -> Message:
    """Make the message by which people try a webhook."""
    return Message("webhook.test", utc(at_ms), {})


def pause_ms(tries: int) -> int | None:
    """Say how long to wait after so many attempts that failed; None for ever."""
    return PAUSES_S[tries - 1] * 1_000 if tries <= len(PAUSES_S) else None
