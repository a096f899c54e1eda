"""What an event, or a message put aside, means for cases, commands and plans. Pure."""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Collection
from hashlib import sha256
from typing import NamedTuple

import msgspec

from agent.wire.messages import PREFIX, UnreadableError, decode_event, decode_report
from centre.cases.case import Finding
from centre.cases.events import Found, heard
from centre.intake import Aside, Entry
from centre.work.desk import Told
from rules.reports import CommandDone, CommandRefused, PlanApplied, PlanRefused, Report

AGAIN_MS = 4 * 3_600_000
"""When a message that cannot be taken, and is sent again and again, counts once more: somebody must still see to it."""

REMEMBERED = 4_096

_ANSWERS = frozenset({"command.done", "command.refused", "plan.applied", "plan.refused"})
_ALARM = f"{PREFIX}alarm."

Answer = CommandDone | CommandRefused | PlanApplied | PlanRefused


class Read(NamedTuple):
    """What was made of an event: words for cases, and what the hub answers."""

    told: tuple[Told, ...] = ()
    answer: Answer | None = None


def read_event(entry: Entry, *, conflict: bool) -> Read:
    """Read an event that was kept. An alarm that does not read, and a second content under an id, are cases too."""
    found: list[Told] = []
    ref = entry.id
    if conflict:
        # S4: both are kept. It may yet be an alarm of its own, so it counts as one under a name that is.
        ref = f"{entry.id}#{entry.digest[:8]}"
        text = "two different messages under one id: somebody must look at this hub"
        found.append(_found(entry.hub, "conflict", entry.id, 2, text, entry.at_ms))
    try:
        event = decode_event(entry.body)
        word = heard(ref, event.type, bytes(event.data), entry.at_ms)
        report = _answer(decode_report(event)) if event.type.removeprefix(PREFIX) in _ANSWERS else None
    except UnreadableError as error:
        found.append(_found(entry.hub, "unreadable", entry.id, 1, f"{entry.type}: {error}", entry.at_ms))
        return Read(tuple(found))
    if word is not None:
        found.append(Told(entry.hub, word))
    return Read(tuple(found), report)


def failed(hub: str, ref: str, error: Exception, at_ms: int) -> Told:
    """Say that we ourselves failed at something a hub said: somebody must see it all the same."""
    text = f"the centre failed at what this hub said ({type(error).__name__}): call the home, and tell an engineer"
    return _found(hub, "unreadable", ref, 1, text, at_ms)


def _answer(report: Report | None) -> Answer | None:
    return report if isinstance(report, CommandDone | CommandRefused | PlanApplied | PlanRefused) else None


def _found(hub: str, cause: Finding, subject: str, priority: int, text: str, at_ms: int) -> Told:
    return Told(hub, Found(at_ms=at_ms, cause=cause, subject=subject[:100], priority=priority, text=text))


# --- what was put aside ----------------------------------------------------------------------------


class _Peeked(msgspec.Struct):
    """What an event says of itself, proven or not."""

    id: str
    type: str


class _Aim(msgspec.Struct):
    kind: str = ""


class _Alarm(msgspec.Struct):
    data: _Aim = msgspec.field(default_factory=_Aim)


class AsideReader:
    """Reads what the intake put aside. One that comes again and again is told once in AGAIN_MS.

    What only looks like an alarm, unproven, may be one: a hub that was revoked by mistake, or whose key was lost.
    What is plainly none opens a case only for a hub of ours, and one case for all.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str], int] = OrderedDict()

    def read(self, aside: Aside, members: Collection[str], revoked: Collection[str]) -> Told | None:
        """Give the word for a case, or None if there need be none (again)."""
        if not aside.topic.endswith("/event"):
            return None
        payload = _payload(aside.token)
        type_, ref = _peek(payload)
        ours = aside.hub in members
        alarm = type_.startswith(_ALARM) or not type_
        if not (alarm or ours):
            return None  # a revoked hub that checks in: it is on the page of its home, and nobody is in need
        key = (aside.hub, sha256(payload).hexdigest() if type_.startswith(_ALARM) else "")
        if not self._news(key, aside.at_ms):
            return None
        cause: Finding = "unreadable" if ours else "unknown-hub"
        who = "a hub of ours" if ours else "a revoked hub" if aside.hub in revoked else "a hub that nobody knows"
        what = f"{type_.removeprefix(PREFIX)} {_kind(payload)}".strip()[:60] if type_ else "something unreadable"
        text = f"{who} sent {what}, which could not be taken: {aside.reason}"
        priority = 1 if type_.startswith(_ALARM) else 2 if alarm else 3
        return _found(aside.hub, cause, ref if key[1] else "", priority, text, aside.at_ms)

    def _news(self, key: tuple[str, str], at_ms: int) -> bool:
        told_ms = self._told.get(key)
        if told_ms is not None and 0 <= at_ms - told_ms < AGAIN_MS:
            return False
        self._told[key] = at_ms
        self._told.move_to_end(key)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True


def _payload(token: bytes) -> bytes:
    """Give what an envelope holds, without any proof of it."""
    parts = token.split(b".")
    middle = parts[1] if len(parts) == 3 else b""  # noqa: PLR2004 -- header, payload, signature
    try:
        return base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4))
    except (binascii.Error, ValueError):
        return b""


def _peek(payload: bytes) -> tuple[str, str]:
    try:
        seen = msgspec.json.decode(payload, type=_Peeked)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return "", ""
    return _plain(seen.type), _plain(seen.id)


def _kind(payload: bytes) -> str:
    try:
        return _plain(msgspec.json.decode(payload, type=_Alarm).data.kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""


def _plain(text: str) -> str:
    """Give a word as it may stand in a sentence of ours: printable ASCII, and short."""
    return "".join(each for each in text if each.isascii() and each.isprintable())[:100]
