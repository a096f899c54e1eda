"""Deletes what `periods` says is to go: a thousand rows at a time, so that no alarm waits behind it.

What retention deletes of a lane is noted as accounted for: or the centre would ask the hub for it again.
"""

from collections.abc import Callable, Iterable

import msgspec
import sqlalchemy as sa
from msgspec.structs import asdict

from centre.lanes import Span
from centre.store.cases import AuditRow
from centre.store.database import Database
from centre.store.periods import Deletion, Progress, What
from centre.store.resealing import DRAFT
from centre.store.schema import (
    AUDIT,
    CASE,
    CLAIM,
    COMMAND,
    CONSENT,
    DROPPED,
    EVENT,
    FLOOR,
    FOLLOWER,
    HOME,
    HOME_RECORD,
    KEPT,
    LEAVING,
    LOOK,
    PLAN,
    QUARANTINE,
    SEEN,
    STATE,
)

READING = "hearthline.reading"
AT_ONCE = 1_000

_NUMBERED = {"audit": AUDIT, "look": LOOK, "quarantine": QUARANTINE}
_WAY_IN = ("access", "contacts", "hazards", "key_safe", "telephone")
_OF_HOME = (HOME_RECORD, HOME, STATE, SEEN, CLAIM, DROPPED, PLAN)
_UNDER_WAY = ("waiting", "sent")
_PROGRESS = "retention"


def carry_out(database: Database, deletions: Iterable[Deletion], at_ms: int) -> dict[str, int]:
    """Delete what is planned; give how many rows of each kind went, which the audit has too. Raises LedgerDownError.

    Cut off anywhere, it goes on the next time. The disk is given back to the database, which uses it again.
    """
    for deletion in deletions:
        while step(database, deletion):
            pass
    return close(database, at_ms, at_ms)


def step(database: Database, deletion: Deletion) -> int:
    """Delete some of what is planned, in one short transaction; give how many rows went, 0 when there are no more."""
    with database.writing() as connection:
        count = _HOW[deletion.what](connection, deletion)
        if count:  # counted in the same commit: the audit will have it, whoever is killed
            held = _progress(connection) or Progress()
            gone = held.gone | {deletion.what: held.gone.get(deletion.what, 0) + count}
            _keep(database, connection, msgspec.structs.replace(held, gone=gone))
    return count


def close(database: Database, at_ms: int, counted_ms: int) -> dict[str, int]:
    """Note in the audit what has gone since the last time, and give it. `counted_ms` is kept for the next time."""
    with database.writing() as connection:
        gone = (_progress(connection) or Progress()).gone
        if gone:
            row = AuditRow(at_ms=at_ms, who="retention", what="deleted", body=msgspec.json.encode(gone))
            connection.execute(sa.insert(AUDIT).values(asdict(row)))
        _keep(database, connection, Progress(ended_ms=at_ms, counted_ms=counted_ms))
    return gone


def progress(database: Database) -> Progress | None:
    """Say how far it has come; None before the first time."""
    with database.reading() as connection:
        return _progress(connection)


def _progress(connection: sa.Connection) -> Progress | None:
    body = connection.scalar(sa.select(KEPT.c.body).where(KEPT.c.name == _PROGRESS))
    return None if body is None else msgspec.json.decode(body, type=Progress)


def _keep(database: Database, connection: sa.Connection, now: Progress) -> None:
    connection.execute(database.upsert(KEPT, {"name": _PROGRESS, "body": msgspec.json.encode(now)}))


def _numbered(connection: sa.Connection, deletion: Deletion) -> int:
    table = _NUMBERED[deletion.what]
    _raise_floor(connection, deletion)
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


def _raise_floor(connection: sa.Connection, deletion: Deletion) -> None:
    floor = (FLOOR.c.name == deletion.what, FLOOR.c.before_ms < deletion.before_ms)
    connection.execute(sa.update(FLOOR).where(*floor).values(before_ms=deletion.before_ms))


def _commands(connection: sa.Connection, deletion: Deletion) -> int:
    c = COMMAND.c
    old = (c.changed_ms < deletion.before_ms, c.hub.not_in(deletion.holds), c.state.not_in(_UNDER_WAY))
    ids = connection.scalars(sa.select(c.id).where(*old).order_by(c.changed_ms).limit(AT_ONCE)).all()
    connection.execute(sa.delete(COMMAND).where(c.id.in_(ids)))
    return len(ids)


def _plans(connection: sa.Connection, deletion: Deletion) -> int:
    """A plan in force stays however old; what stood before it goes when it has been in force so long."""
    newer = PLAN.alias()
    replaced = sa.exists().where(
        newer.c.hub == PLAN.c.hub,
        newer.c.number > PLAN.c.number,
        newer.c.state == "applied",
        newer.c.changed_ms < deletion.before_ms,
    )
    return _numbers(connection, PLAN, deletion, replaced)


def _consents(connection: sa.Connection, deletion: Deletion) -> int:
    """What holds stays as long as the home is ours: what is forgotten counts as refused."""
    _raise_floor(connection, deletion)
    c, newer = CONSENT.c, CONSENT.alias()
    replaced = sa.exists().where(
        *(newer.c[name] == c[name] for name in ("hub", "person", "what")),
        newer.c.number > c.number,
        newer.c.at_ms < deletion.before_ms,
    )
    return _numbers(connection, CONSENT, deletion, c.at_ms < deletion.before_ms, replaced | c.hub.in_(_left(deletion)))


def _numbers(connection: sa.Connection, table: sa.Table, deletion: Deletion, *which: sa.ColumnElement[bool]) -> int:
    old = sa.select(table.c.number).where(table.c.hub.not_in(deletion.holds), *which)
    numbers = connection.scalars(old.order_by(table.c.number).limit(AT_ONCE)).all()
    connection.execute(sa.delete(table).where(table.c.number.in_(numbers)))
    return len(numbers)


def _left(deletion: Deletion) -> "sa.Select[tuple[str]]":
    return sa.select(LEAVING.c.hub).where(LEAVING.c.at_ms < deletion.before_ms, LEAVING.c.hub.not_in(deletion.holds))


def _ways_in(connection: sa.Connection, deletion: Deletion) -> int:
    """The drafts of plans go with them: they hold contacts and their numbers, and prove nothing."""
    left = _left(deletion)
    ways = (HOME_RECORD.c.hub.in_(left), HOME_RECORD.c.field.in_(_WAY_IN))
    fields = connection.execute(sa.delete(HOME_RECORD).where(*ways).returning(HOME_RECORD.c.field)).all()
    drafts = KEPT.c.name.in_(sa.select(sa.literal(f"{DRAFT}:") + left.subquery().c.hub))
    return len(fields) + len(connection.execute(sa.delete(KEPT).where(drafts).returning(KEPT.c.name)).all())


def _homes(connection: sa.Connection, deletion: Deletion) -> int:
    """That a home has left is known until its consents have gone too: they count from it."""
    held = [sa.exists().where(table.c.hub == LEAVING.c.hub) for table in _OF_HOME]
    agreed = sa.exists().where(CONSENT.c.hub == LEAVING.c.hub)
    gone = _left(deletion).where(sa.or_(*held, ~agreed))
    hubs = connection.scalars(gone.order_by(LEAVING.c.hub).limit(AT_ONCE)).all()
    for table in _OF_HOME:
        connection.execute(sa.delete(table).where(table.c.hub.in_(hubs)))
    connection.execute(sa.delete(LEAVING).where(LEAVING.c.hub.in_(hubs), ~agreed))
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


_HOW: dict[What, Callable[[sa.Connection, Deletion], int]] = {
    "way-in": _ways_in,
    "reading": _events,
    "event": _events,
    "case": _cases,
    "audit": _numbered,
    "look": _numbered,
    "quarantine": _numbered,
    "command": _commands,
    "plan": _plans,
    "consent": _consents,
    "home": _homes,
}
"""How some of each goes."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Give the same numbers in as few spans as can be, in order."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if found and span.first <= found[-1].last + 1:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return found
