"""What is deleted when: a pure plan, and its carrying out a thousand rows at a time, so that no alarm waits behind it.

What retention deletes of a lane is noted as accounted for: or the centre would ask the hub for it again.
"""

from collections.abc import Collection, Iterable
from typing import Literal

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.lanes import Span
from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.schema import (
    AUDIT,
    CASE,
    CLAIM,
    DROPPED,
    EVENT,
    FLOOR,
    FOLLOWER,
    HOME,
    HOME_RECORD,
    LEAVING,
    LOOK,
    QUARANTINE,
    STATE,
)
from rules.values import Value

READING = "hearthline.reading"
DAY_MS = 86_400_000
AT_ONCE = 1_000

What = Literal["reading", "event", "case", "audit", "look", "quarantine", "way-in", "home"]
"""`way-in` is what lets somebody into a home that has left; `home` all else that is kept of such a home."""

_NUMBERED = {"audit": AUDIT, "look": LOOK, "quarantine": QUARANTINE}
_WAY_IN = ("access", "contacts", "hazards", "key_safe", "telephone")


class Policy(Value, frozen=True, kw_only=True):
    """How many days each thing is kept. The service's own retention schedule decides; these are where to begin.

    Every figure is our own proposal, and no rule's. Homes count from when they left, cases from their last change, the
    rest from when it came.
    """

    reading_days: int = 92
    event_days: int = 2_922
    case_days: int = 2_922
    audit_days: int = 2_922
    look_days: int = 2_922
    quarantine_days: int = 92
    way_in_days: int = 30
    home_days: int = 2_922


class Deletion(Value, frozen=True):
    """What is to go: all of a kind from before a moment (Unix ms), but not of the homes on hold."""

    what: What
    before_ms: int
    holds: frozenset[str] = frozenset()


def plan(policy: Policy, now_ms: int, holds: Collection[str] = ()) -> tuple[Deletion, ...]:
    """Say what is to go now. `holds` names hubs of which nothing goes: an inquest, a complaint. Pure.

    Raises ValueError for a policy that keeps something for less than a day, or the proof of what was done with a case
    for less long than the case.
    """
    kept = {name.removesuffix("_days").replace("_", "-"): days for name, days in asdict(policy).items()}
    if short := [name for name, days in kept.items() if days < 1]:
        raise ValueError(f"{', '.join(short)}: keep it for a day at least")
    if policy.audit_days < policy.case_days or policy.event_days < policy.case_days:
        raise ValueError("audit, event: keep them as long as case: they are its proof")
    order: tuple[What, ...] = ("way-in", "reading", "event", "case", "audit", "look", "quarantine", "home")
    return tuple(Deletion(what, now_ms - kept[what] * DAY_MS, frozenset(holds)) for what in order)


def carry_out(database: Database, deletions: Iterable[Deletion], at_ms: int) -> dict[What, int]:
    """Delete what is planned; give how many rows of each kind went, which the audit has too. Raises LedgerDownError.

    Cut off anywhere, it goes on the next time. The disk is given back to the database, which uses it again.
    """
    gone: dict[What, int] = {}
    for deletion in deletions:
        while count := _some(database, deletion):
            gone[deletion.what] = gone.get(deletion.what, 0) + count
    if gone:
        row = AuditRow(at_ms=at_ms, who="retention", what="deleted", body=msgspec.json.encode(gone))
        with database.writing() as connection:
            connection.execute(sa.insert(AUDIT).values(asdict(row)))
    return gone


def _some(database: Database, deletion: Deletion) -> int:
    with database.writing() as connection:
        match deletion.what:
            case "reading" | "event":
                return _events(connection, deletion)
            case "case":
                return _cases(connection, deletion)
            case "way-in" | "home":
                return _homes(connection, deletion)
            case _:
                return _numbered(connection, deletion)


def _numbered(connection: sa.Connection, deletion: Deletion) -> int:
    table = _NUMBERED[deletion.what]
    floor = (FLOOR.c.name == deletion.what, FLOOR.c.before_ms < deletion.before_ms)
    connection.execute(sa.update(FLOOR).where(*floor).values(before_ms=deletion.before_ms))
    old = sa.select(table.c.number).where(table.c.at_ms < deletion.before_ms, table.c.hub.not_in(deletion.holds))
    numbers = connection.scalars(old.order_by(table.c.number).limit(AT_ONCE)).all()
    connection.execute(sa.delete(table).where(table.c.number.in_(numbers)))
    return len(numbers)


def _cases(connection: sa.Connection, deletion: Deletion) -> int:
    old = sa.select(CASE.c.id).where(
        CASE.c.open == 0, CASE.c.changed_ms < deletion.before_ms, CASE.c.hub.not_in(deletion.holds)
    )
    ids = connection.scalars(old.order_by(CASE.c.changed_ms).limit(AT_ONCE)).all()
    connection.execute(sa.delete(CASE).where(CASE.c.id.in_(ids)))
    return len(ids)


def _homes(connection: sa.Connection, deletion: Deletion) -> int:
    c = HOME_RECORD.c
    left = sa.select(LEAVING.c.hub).where(LEAVING.c.at_ms < deletion.before_ms, LEAVING.c.hub.not_in(deletion.holds))
    if deletion.what == "way-in":
        ways = (c.hub.in_(left), c.field.in_(_WAY_IN))
        return len(connection.execute(sa.delete(HOME_RECORD).where(*ways).returning(c.field)).all())
    hubs = connection.scalars(left.order_by(LEAVING.c.hub).limit(AT_ONCE)).all()
    for table in (HOME_RECORD, HOME, STATE, CLAIM, DROPPED, LEAVING):
        connection.execute(sa.delete(table).where(table.c.hub.in_(hubs)))
    return len(hubs)


def _events(connection: sa.Connection, deletion: Deletion) -> int:
    c = EVENT.c
    kind = c.type == READING if deletion.what == "reading" else c.type != READING
    old = [kind, c.at_ms < deletion.before_ms, c.hub.not_in(deletion.holds)]
    slowest = connection.scalar(sa.select(sa.func.min(FOLLOWER.c.number)))
    if slowest is not None:
        old.append(c.number <= slowest)  # S2: nothing goes before it was looked at
    asked = sa.select(c.number, c.hub, c.epoch, c.lane, c.seq).where(*old).order_by(c.number).limit(AT_ONCE)
    rows = connection.execute(asked).all()
    lanes: dict[tuple[str, str, str], list[Span]] = {}
    for _, hub, epoch, lane, seq in rows:
        if seq is not None:
            lanes.setdefault((hub, epoch, lane), []).append(Span(seq, seq))
    for key, spans in lanes.items():
        _account(connection, key, spans)
    connection.execute(sa.delete(EVENT).where(c.number.in_([number for number, *_ in rows])))
    return len(rows)


def _account(connection: sa.Connection, lane: tuple[str, str, str], spans: list[Span]) -> None:
    """Note that these numbers need no event any more, in as few rows as there are runs (S12)."""
    d = DROPPED.c
    mine = [column == value for column, value in zip((d.hub, d.epoch, d.lane), lane, strict=True)]
    held = [Span(first, last) for first, last in connection.execute(sa.select(d.first, d.last).where(*mine))]
    connection.execute(sa.delete(DROPPED).where(*mine))
    names = dict(zip(("hub", "epoch", "lane"), lane, strict=True))
    values = [{**names, "first": span.first, "last": span.last} for span in merged([*held, *spans])]
    connection.execute(sa.insert(DROPPED), values)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Give the same numbers in as few spans as can be, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if found and span.first <= found[-1].last + 1:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return found
