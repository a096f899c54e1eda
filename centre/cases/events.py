"""What can happen to a case: the home's words, what the centre finds, what operators do, and time.

All are plain values and stay readable by themselves: the audit keeps them, and its reader may come years later.
`at_ms` is the centre's Unix time in ms, given from outside.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from agent.wire.messages import PREFIX, AlarmNote, UnreadableError, read
from centre.cases.case import Finding
from rules.kinds import KINDS
from rules.reports import AlarmFacts, Clock
from rules.values import Value, kebab

OPERATOR_CHARS_MAX = 100
TEXT_CHARS_MAX = 4_000
"""The longest note: a page, typed at night."""

REFERENCE_CHARS_MAX = 128
MORE_MAX, MORE_CHARS_MAX = 32, 500
"""More than a kind, a place or a person of any hub needs (S12); what is longer is cut."""

_ALARM = "alarm."
_FACTS = frozenset({*AlarmFacts.__struct_fields__})

_ALWAYS_REAL = frozenset(kind.name for kind in KINDS if kind.always_real)

Operator = Annotated[str, msgspec.Meta(min_length=1, max_length=OPERATOR_CHARS_MAX)]
"""A reference, never a name (S11)."""


class Event(Value, frozen=True, kw_only=True, tag_field="event", tag=kebab):
    """Something that happened to a case."""

    at_ms: int


# --- the home ------------------------------------------------------------------------------------


class Heard(Event, frozen=True, kw_only=True):
    """One word of a hub about one of its alarms.

    `what` is the event's type after `alarm.`: `raised`, `joined`, ...; `listed` is an alarm in a state document; types
    that this version does not know are taken for alarms all the same. `ref` is the event's id, empty for `listed`.
    `more` are the facts that only this type has. `clock` is None where the hub did not say.
    """

    ref: str = ""
    what: str
    alarm: str
    kind: str
    priority: int
    sensor: str = ""
    location: str = ""
    person: str = ""
    test: bool = False
    silent: bool = False
    clock: Clock | None = None
    more: dict[str, Any] = msgspec.field(default_factory=dict)


def heard(ref: str, event_type: str, data: bytes, at_ms: int) -> Heard | None:
    """Read an event's `data` as a word about an alarm, of a type known or not; None if it is about none.

    Raises UnreadableError for an alarm's event without the facts that every one repeats, or with an alarm that cannot
    be named to anybody: open a case `unreadable`.
    """
    if not event_type.startswith(PREFIX + _ALARM):
        return None
    facts = read(data, AlarmFacts)
    _nameable(facts.alarm)
    more = _more({name: value for name, value in read(data, dict[str, Any]).items() if name not in _FACTS})
    return Heard(
        at_ms=at_ms,
        ref=ref,
        what=event_type.removeprefix(PREFIX + _ALARM)[:REFERENCE_CHARS_MAX],
        alarm=facts.alarm,
        kind=facts.kind[:REFERENCE_CHARS_MAX],
        priority=_priority(facts.priority),
        sensor=facts.sensor[:REFERENCE_CHARS_MAX],
        location=facts.location[:REFERENCE_CHARS_MAX],
        person=facts.person[:REFERENCE_CHARS_MAX],
        test=facts.test and facts.kind not in _ALWAYS_REAL,
        silent=facts.silent,
        clock=facts.clock,
        more=more,
    )


def _more(told: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of what else a hub says as much as a case has use for; the event itself is kept whole (S12)."""
    kept = {}
    for name, value in tuple(told.items())[:MORE_MAX]:
        if isinstance(value, str):
            kept[name[:REFERENCE_CHARS_MAX]] = value[:MORE_CHARS_MAX]
        elif len(msgspec.json.encode(value)) <= MORE_CHARS_MAX:
            kept[name[:REFERENCE_CHARS_MAX]] = value
    return kept


def listed(note: AlarmNote, at_ms: int) -> Heard | None:
    """Take an open alarm from a hub's state document; None while its resident may still cancel it.

    So no alarm stays out of sight that its hub has open: one that was lost here, or whose `resolve` never arrived.
    Raises UnreadableError.
    """
    if note.stage == "pending":
        return None
    _nameable(note.alarm)
    return Heard(
        at_ms=at_ms,
        what="listed",
        alarm=note.alarm,
        kind=note.kind[:REFERENCE_CHARS_MAX],
        priority=_priority(note.priority),
        test=note.test and note.kind not in _ALWAYS_REAL,
        more={"stage": note.stage, "delivery": note.delivery},
    )


def _nameable(alarm: str) -> None:
    """An alarm's id must fit a command, and any store."""
    if not (alarm.isascii() and alarm.isprintable() and 0 < len(alarm) <= REFERENCE_CHARS_MAX):
        raise UnreadableError(f"an alarm's id has 1 to {REFERENCE_CHARS_MAX} printable ASCII characters")


def _priority(claimed: int) -> int:
    return min(max(claimed, 1), 4)


# --- the centre itself ---------------------------------------------------------------------------


class Found(Event, frozen=True, kw_only=True):
    """The centre found something no hub has told: a silent home, a message it cannot read, an outage (`subject`)."""

    cause: Finding
    subject: str = ""
    priority: int = 1
    person: str = ""
    text: str = ""

    @property
    def alarm(self) -> str:
        """What it is called in a case, among what was found there."""
        return f"{self.cause}:{self.subject}"


class Ended(Event, frozen=True, kw_only=True):
    """What the centre found is over: the home is back, the fault is cleared."""

    cause: Finding
    subject: str = ""
    text: str = ""

    @property
    def alarm(self) -> str:
        """What it is called in a case, among what was found there."""
        return f"{self.cause}:{self.subject}"


class Tick(Event, frozen=True, kw_only=True):
    """Nothing happened but time: a word of the owner is overdue, or an acknowledgement to be renewed."""


# --- the operators -------------------------------------------------------------------------------


class Act(Event, frozen=True, kw_only=True):
    """What an operator did (`by`), with the version of the case that was on the screen (`seen`)."""

    by: Operator
    seen: int


class Took(Act, frozen=True, kw_only=True):
    """Takes the case; or, having it, says "I am here". `over` names whom it is taken from, knowingly."""

    over: str = ""


class Began(Act, frozen=True, kw_only=True):
    """Works on it: is speaking with the resident, is calling somebody."""


class Waits(Act, frozen=True, kw_only=True):
    """Waits for somebody (in words, or a reference) until `until_ms`, and will look again then."""

    for_whom: str
    until_ms: int


class Noted(Act, frozen=True, kw_only=True):
    """Writes something down. Anybody may; only the owner's counts as a word of the owner."""

    text: str


class HandedOver(Act, frozen=True, kw_only=True):
    """Gives the case to another operator, who must say "I am here" (Took) soon, or it goes back to the queue."""

    to: Operator


class LetGo(Act, frozen=True, kw_only=True):
    """Puts the case back into the queue."""

    why: str = ""


class Resolved(Act, frozen=True, kw_only=True):
    """Closes the case with one of OUTCOMES, having seen everything in it."""

    outcome: str
    note: str = ""


class Reopened(Act, frozen=True, kw_only=True):
    """Opens a resolved case again, with its history."""

    why: str


AnyAct = Took | Began | Waits | Noted | HandedOver | LetGo | Resolved | Reopened
AnyEvent = Heard | Found | Ended | Tick | AnyAct
