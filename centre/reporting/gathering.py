"""Reads the store for reports: page by page and all of one moment, so that a year of many homes fits in memory."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta, tzinfo
from heapq import merge
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from agent.wire.messages import PREFIX
from centre.cases.audit import Entry
from centre.cases.case import Case
from centre.cases.events import Ended, Found
from centre.reporting.answering import Answering, Reckoning
from centre.reporting.faring import AlarmCount, Counted, Faring, FaultCount, OurHome, faring
from centre.reporting.presence import EAR, SERVICE, Presence, Turn
from centre.reporting.reminded import SETTLED_DAYS, Reminded
from centre.silence.seen import Seen
from centre.silence.watching import Silence
from centre.store.database import Database
from centre.store.schema import AUDIT, CASE, EVENT, FLOOR, KEPT, SEEN
from centre.work.finding import DEAF
from rules.reports import FaultCleared, FaultRaised, ReminderMissed, ReminderPrompted, ReminderTaken
from rules.values import Value

SPAN_DAYS_MAX = 400
"""S12: a year and a month."""

BY_WEEKS_DAYS = 35
"""Longer spans are drawn by weeks."""

TURN_S = 20.0
PAGE = 1_000
DAY_MS = 86_400_000
SLACK_MS = DAY_MS
"""A clock that was set puts rows out of order by less than this."""

_REMINDERS: dict[str, Any] = {
    "reminder.prompted": ReminderPrompted,
    "reminder.taken": ReminderTaken,
    "reminder.missed": ReminderMissed,
}
_FAULTS: dict[str, Any] = {"fault.raised": FaultRaised, "fault.cleared": FaultCleared}


class SpanError(ValueError):
    """These days are no span that can be reported on; the text says why."""


class BusyError(Exception):
    """Another report is being made, and that takes long."""


class Span(NamedTuple):
    """Days of the centre's own calendar, the first and the last counted. `zone`: None for this computer's own."""

    first: date
    last: date
    zone: tzinfo | None

    @property
    def edges(self) -> tuple[int, ...]:
        """Where the stretches of the span begin, and where the last ends, in Unix ms: days, or weeks if it is long."""
        days = (self.last - self.first).days + 1
        step = 1 if days <= BY_WEEKS_DAYS else 7
        starts = [self.first + timedelta(each) for each in range(0, days, step)]
        return tuple(_begins(day, self.zone) for day in (*starts, self.last + timedelta(1)))


def span(first: str, last: str, zone: tzinfo | None, now_ms: int) -> Span:
    """Read two days (`2026-11-22`); empty ones are the last 28 days. Raises SpanError."""
    today = day_of(now_ms, zone)
    try:
        ends = date.fromisoformat(last) if last else today
        begins = date.fromisoformat(first) if first else ends - timedelta(27)
    except (ValueError, OverflowError):
        raise SpanError("a day is written like 2026-11-22") from None
    if not date(1990, 1, 1) <= begins <= ends <= date(9990, 1, 1):
        raise SpanError("the first day comes before the last, and both are of our time")
    if (ends - begins).days >= SPAN_DAYS_MAX:
        raise SpanError(f"a report is of {SPAN_DAYS_MAX} days at most: ask for a shorter span")
    return Span(begins, ends, zone)


def day_of(at_ms: int, zone: tzinfo | None) -> date:
    """Give the centre's day of a moment."""
    return datetime.fromtimestamp(at_ms / 1000, zone).date()


def _begins(day: date, zone: tzinfo | None) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


_turn = threading.Lock()


@contextmanager
def _alone() -> Iterator[None]:
    """One report at a time in a process: who answers alarms has it for themselves. Raises BusyError."""
    if not _turn.acquire(timeout=TURN_S):
        raise BusyError("another report is being made: ask again in a minute")
    try:
        yield
    finally:
        _turn.release()


# --- the reports -----------------------------------------------------------------------------------


def answering(database: Database, of: Span, now_ms: int) -> Answering:
    """Gather how soon alarms were answered. Raises LedgerDownError, BusyError."""
    edges = of.edges
    between = (edges[0], edges[-1])
    reckoning = Reckoning(edges, now_ms)
    with _alone(), database.reading() as connection:
        events = _Events(connection)
        for case in _cases(connection, edges[0]):
            reckoning.case(case)
        for raised in events.of("alarm.raised", between, _Raised):
            if not raised.data.test:
                reckoning.received(raised.data.kind, raised.data.priority, raised.data.clock.trusted_ms, raised.at_ms)
        for cancelled in events.of("alarm.cancelled", between, _Cancelled):
            if cancelled.data.stage == "pending" and not cancelled.data.test:
                reckoning.taken_back()
        for lapsed in events.of("alarm.lapsed", between, _Lapsed):
            if not lapsed.data.test:
                reckoning.lapsed(lapsed.data.by, lapsed.data.why)
        missing = _missing(events, edges, now_ms)
    return reckoning.figures(missing)


def homes(database: Database, of: Span, now_ms: int) -> Faring:
    """Gather how homes fared. Raises LedgerDownError, BusyError."""
    edges = of.edges
    between = (edges[0], edges[-1])
    reminders = Reminded(of.first, of.last, now_ms)
    with _alone(), database.reading() as connection:
        events, seen = _Events(connection), _seen(connection)
        presence = Presence(*between, now_ms, _silent_now(connection))
        counted = Counted(AlarmCount(*between), reminders, presence, FaultCount())
        for case in _cases(connection, edges[0]):
            counted.alarms.case(case)
        for turn in _turns(connection, edges[0]):
            presence.turn(turn)
        for name, fault in _FAULTS.items():
            for word in events.of(name, between, fault):
                counted.faults.word(word.data)
        # A day is the home's own, which may be in any zone; and a hub may tell of it long after.
        told = (edges[0] - 2 * DAY_MS, min(edges[-1] + SETTLED_DAYS * DAY_MS, now_ms + DAY_MS))
        for word in merge(*(events.of(name, told, kind) for name, kind in _REMINDERS.items()), key=_when):
            reminders.take(word.hub, word.data, word.at_ms)
        missing = _missing(events, edges, now_ms)
    if not seen:
        missing.append("The watch has seen no home yet: nothing is known of uptime, and of faults that stand.")
    if reminders.unreadable:
        missing.append(f"{reminders.unreadable} words about reminders are left out: their date is none.")
    return faring(between, now_ms, seen, counted, missing)


def _when(word: "_Word") -> int:
    return word.at_ms


def _missing(events: "_Events", edges: Sequence[int], now_ms: int) -> list[str]:
    """Say what these figures cannot know."""
    found = []
    before_ms = events.connection.scalar(sa.select(FLOOR.c.before_ms).where(FLOOR.c.name == "audit")) or 0
    if edges[0] < before_ms:
        found.append("A part of this span is older than what is kept: its cases and events may be gone.")
    if edges[-1] > now_ms:
        found.append("This span is not over yet.")
    if events.unread:
        found.append(f"{events.unread} events are left out: they cannot be read as this version knows them.")
    return found


# --- reading ---------------------------------------------------------------------------------------


class _Clock(msgspec.Struct):
    wall: str
    synced: bool

    @property
    def trusted_ms(self) -> int | None:
        """When it was, if the hub vouches for that."""
        if not self.synced:
            return None
        try:
            return int(datetime.fromisoformat(self.wall).timestamp() * 1000)
        except (ValueError, OverflowError):
            return None


class _Raised(msgspec.Struct):
    """What is counted of `alarm.raised`."""

    kind: str
    priority: int
    test: bool
    clock: _Clock


class _Cancelled(msgspec.Struct):
    stage: str
    test: bool


class _Lapsed(msgspec.Struct):
    by: str
    why: str
    test: bool


class _Word(Value, frozen=True):
    """A hub's word, as far as it is counted, and when it came."""

    hub: str
    at_ms: int
    data: Any


class _Events:
    """Reads events. `unread` counts those that another version wrote in another way."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection, self.unread = connection, 0

    def of(self, name: str, between: tuple[int, int], kind: object) -> Iterator[_Word]:
        """Give the events of a type that came in a span, in the order they came; of one id, only the first content."""
        c = EVENT.c
        decoder = msgspec.json.Decoder(_event(kind))
        place = (between[0], -1)
        asked = sa.select(c.number, c.hub, c.at_ms, c.conflict, c.body).where(c.type == PREFIX + name)
        asked = asked.where(c.at_ms < between[1]).order_by(c.at_ms, c.number).limit(PAGE)
        while True:
            after = sa.tuple_(c.at_ms, c.number) > sa.tuple_(*place)
            rows = self.connection.execute(asked.where(after, c.at_ms >= place[0])).all()
            for _, hub, at_ms, conflict, body in rows:
                try:
                    data = decoder.decode(body).data
                except msgspec.DecodeError:
                    self.unread += 1
                    continue
                if not conflict:
                    yield _Word(hub, at_ms, data)
            if len(rows) < PAGE:
                return
            place = (rows[-1].at_ms, rows[-1].number)


def _event(kind: Any) -> Any:  # noqa: ANN401 -- a type made for a type
    return msgspec.defstruct("_Event", [("data", kind)])


def _cases(connection: sa.Connection, from_ms: int) -> Iterator[Case]:
    """Give the cases changed since: those of the span are among them."""
    c = CASE.c
    decoder = msgspec.json.Decoder(Case)
    place = (from_ms - SLACK_MS, "")
    asked = sa.select(c.id, c.changed_ms, c.body).order_by(c.changed_ms, c.id).limit(PAGE)
    while True:
        after = sa.tuple_(c.changed_ms, c.id) > sa.tuple_(*place)
        rows = connection.execute(asked.where(after, c.changed_ms >= place[0])).all()
        for _, _, body in rows:
            yield decoder.decode(body)
        if len(rows) < PAGE:
            return
        place = (rows[-1][1], rows[-1][0])


def _turns(connection: sa.Connection, from_ms: int) -> Iterator[Turn]:
    """Give when homes were found silent and were back, from a moment on.

    And of the service: when the first outage began, and the last ended, of those that overlap; when the centre heard
    nobody itself.
    """
    decoder = msgspec.json.Decoder(Entry)
    outages: set[str] = set()
    c = AUDIT.c
    number = _first(connection, from_ms - SLACK_MS) - 1
    asked = sa.select(c.number, c.body).where(c.what.in_(("found", "ended"))).order_by(c.number).limit(PAGE)
    while True:
        rows = connection.execute(asked.where(c.number > number, c.at_ms >= from_ms)).all()
        for _, body in rows:
            entry = decoder.decode(body)
            event = entry.event
            if isinstance(event, Found | Ended) and event.cause == "silence":
                yield Turn(entry.hub, event.at_ms, isinstance(event, Found))
            elif isinstance(event, Found | Ended) and event.cause == "outage" and event.subject == DEAF:
                yield Turn(EAR, event.at_ms, isinstance(event, Found))
            elif isinstance(event, Found | Ended) and event.cause == "outage":
                was = bool(outages)
                (outages.add if isinstance(event, Found) else outages.discard)(event.subject)
                if was != bool(outages) or not was:
                    yield Turn(SERVICE, event.at_ms, bool(outages))
        if len(rows) < PAGE:
            return
        number = rows[-1][0]


def _first(connection: sa.Connection, from_ms: int) -> int:
    """Find about where the audit of a moment begins, by halves: it is in the order of time, and has no index of it."""
    low, high = connection.execute(sa.select(sa.func.min(AUDIT.c.number), sa.func.max(AUDIT.c.number))).one()
    if low is None:
        return 0
    asked = sa.select(AUDIT.c.number, AUDIT.c.at_ms).order_by(AUDIT.c.number).limit(1)
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(asked.where(AUDIT.c.number >= middle)).first()
        if row is not None and row.at_ms < from_ms:
            low = row.number + 1
        else:
            high = middle
    return int(low)


def _seen(connection: sa.Connection) -> list[OurHome]:
    """Give the homes that the watch looks after."""
    decoder = msgspec.json.Decoder(Seen)
    found = []
    for body in connection.scalars(sa.select(SEEN.c.body).order_by(SEEN.c.hub)):
        seen = decoder.decode(body)
        faults = tuple((each.fault, each.known_ms) for each in seen.faults)
        found.append(OurHome(hub=seen.hub, since_ms=seen.enrolled_ms, faults=faults))
    return found


def _silent_now(connection: sa.Connection) -> list[str]:
    body = connection.scalar(sa.select(KEPT.c.body).where(KEPT.c.name == "silence"))
    if body is None:
        return []
    troubles = msgspec.json.decode(body, type=Silence).troubles
    return [hub for hub, several in troubles.items() if any(each.own and each.what == "silence" for each in several)]
