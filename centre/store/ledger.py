"""The intake's ledger over the store: every call is one transaction, on the disk when it returns."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import msgspec
import sqlalchemy as sa

from centre.homes import Home
from centre.intake import Aside, Entry, Kept
from centre.lanes import Lane, Span
from centre.store.database import Database
from centre.store.schema import CLAIM, DROPPED, EVENT, HOME, QUARANTINE, STATE

QUARANTINE_PER_HUB_MAX = 100
"""The oldest go first; one hub's rubbish cannot push another's out."""

QUARANTINE_MAX = 1_000
"""Over all hubs, known or not (S12)."""


_HELD = sa.select(EVENT.c.digest, EVENT.c.conflict).where(
    EVENT.c.hub == sa.bindparam("of_hub"), EVENT.c.id == sa.bindparam("of_id")
)
_NEW = sa.insert(EVENT)


class StoredLedger:
    """What `centre.intake.Ledger` asks for. Several workers may share a database.

    A call is a commit of its own, but within `together`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._joint = threading.local()
        # Made once: to put one together costs more than to carry it out.
        self._put_home, self._put_state = database.putting(HOME), database.putting(STATE)
        self._put_claim = _claiming(database)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep what is done within, on this thread, in one commit; or nothing of it. One that fails is to be left."""
        with self._database.writing("events") as connection:
            self._joint.connection = connection
            try:
                yield
            finally:
                self._joint.connection = None

    def _writing(self) -> AbstractContextManager[sa.Connection]:
        joint = getattr(self._joint, "connection", None)
        return self._database.writing("events") if joint is None else nullcontext(joint)

    # --- the intake's protocol -----------------------------------------------------------------------

    def take(self, entry: Entry) -> Kept:
        """Keep an event, once; a second content under the same id is kept beside the first, marked (S4)."""
        with self._writing() as connection:
            return take(self._database, connection, entry)

    def keep_home(self, home: Home, claims: Mapping[str, int]) -> None:
        """Keep what is known of a hub, and the lane heads it claims for its present epoch."""
        with self._writing() as connection:
            self._write_home(connection, home, claims)

    def keep_state(self, home: Home, body: bytes, claims: Mapping[str, int]) -> None:
        """Keep a hub's newest state document."""
        with self._writing() as connection:
            self._write_home(connection, home, claims)
            connection.execute(self._put_state, {"hub": home.hub, "body": body})

    def put_aside(self, aside: Aside) -> None:
        """Keep a message in the quarantine; its oldest entries make room (S12)."""
        number = QUARANTINE.c.number
        ours = sa.select(number).where(QUARANTINE.c.hub == aside.hub).order_by(number.desc())
        everybodys = sa.select(number).order_by(number.desc())
        with self._writing() as connection:
            connection.execute(sa.insert(QUARANTINE).values(msgspec.structs.asdict(aside)))
            for kept, most in ((ours, QUARANTINE_PER_HUB_MAX), (everybodys, QUARANTINE_MAX)):
                connection.execute(sa.delete(QUARANTINE).where(number.in_(kept.offset(most))))

    def homes(self) -> list[Home]:
        """Give every hub known."""
        with self._database.reading() as connection:
            bodies = connection.scalars(sa.select(HOME.c.body).order_by(HOME.c.hub)).all()
        return [msgspec.json.decode(body, type=Home) for body in bodies]

    def lanes(self, hub: str) -> list[Lane]:
        """Give a hub's lanes, in the order of their names."""
        claims = sa.select(CLAIM.c.epoch, CLAIM.c.lane, CLAIM.c.last).where(CLAIM.c.hub == hub)
        with self._database.reading() as connection:
            claimed = {(epoch, lane): last for epoch, lane, last in connection.execute(claims)}
            islands = connection.execute(_islands(hub)).all()
        spans: dict[tuple[str, str], list[Span]] = {key: [] for key in claimed}
        for epoch, lane, first, last in islands:
            spans.setdefault((epoch, lane), []).append(Span(first, last))
        return [
            Lane(epoch, lane, claimed.get((epoch, lane), 0), tuple(spans[epoch, lane])) for epoch, lane in sorted(spans)
        ]

    # --- for whoever looks -----------------------------------------------------------------------------

    def events(self, *, after: int = 0, limit: int = 1_000) -> list[tuple[int, Entry, bool]]:
        """Give events in the order they came: their number, the event, and whether it conflicts with an earlier one.

        Numbers rise in the order of commits, so `after` the last one read none is missed. They may have gaps.
        """
        c = EVENT.c
        asked = sa.select(c.number, c.conflict, c.hub, c.id, c.digest, c.type, c.body, c.at_ms)
        with self._database.reading() as connection:
            rows = connection.execute(asked.where(c.number > after).order_by(c.number).limit(limit)).all()
        return [(number, Entry(*rest), bool(conflict)) for number, conflict, *rest in rows]

    def quarantine(self) -> list[Aside]:
        """Give what was put aside, oldest first."""
        c = QUARANTINE.c
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(c.hub, c.topic, c.token, c.reason, c.at_ms).order_by(c.number)).all()
        return [Aside(*row) for row in rows]

    def state(self, hub: str) -> bytes | None:
        """Give a hub's newest state document."""
        with self._database.reading() as connection:
            return connection.scalar(sa.select(STATE.c.body).where(STATE.c.hub == hub))

    def _write_home(self, connection: sa.Connection, home: Home, claims: Mapping[str, int]) -> None:
        connection.execute(self._put_home, {"hub": home.hub, "body": msgspec.json.encode(home)})
        rows = [{"hub": home.hub, "epoch": home.epoch, "lane": lane, "last": last} for lane, last in claims.items()]
        if rows:
            connection.execute(self._put_claim, rows)


def take(database: Database, connection: sa.Connection, entry: Entry) -> Kept:
    """Keep an event within a transaction of `database.writing()`, in which nobody else writes."""
    rows = connection.execute(_HELD, {"of_hub": entry.hub, "of_id": entry.id}).all()
    for held, conflict in rows:
        if held == entry.digest:
            return "conflict" if conflict else "same"
    place = entry.position
    values = {
        **{name: getattr(entry, name) for name in ("hub", "id", "digest", "type", "at_ms", "body")},
        **{name: getattr(place, name, None) for name in ("epoch", "lane", "seq")},
        "conflict": int(bool(rows)),
    }
    connection.execute(_NEW, values)
    if entry.dropped is not None:
        first, last = entry.dropped
        drop(database, connection, (entry.hub, first.epoch, first.lane), Span(first.seq, last))
    return "conflict" if rows else "new"


def drop(database: Database, connection: sa.Connection, lane: tuple[str, str, str], span: Span) -> None:
    """Note that these numbers of a hub's epoch's lane need no event."""
    hub, epoch, name = lane
    values = {"hub": hub, "epoch": epoch, "lane": name, "first": span.first, "last": span.last}
    connection.execute(database.insert(DROPPED).values(values).on_conflict_do_nothing())


def claim(database: Database, connection: sa.Connection, lane: tuple[str, str, str], last: int) -> None:
    """Note how far a hub says that it has counted; never less than it said before."""
    hub, epoch, name = lane
    connection.execute(_claiming(database), {"hub": hub, "epoch": epoch, "lane": name, "last": last})


def _claiming(database: Database) -> sa.Insert:
    insert = database.insert(CLAIM)
    claimed = insert.excluded.last
    higher = sa.case((CLAIM.c.last > claimed, CLAIM.c.last), else_=claimed)
    return insert.on_conflict_do_update(index_elements=["hub", "epoch", "lane"], set_={"last": higher})


def _islands(hub: str) -> "sa.CompoundSelect[str, str, int, int]":
    """Runs of numbers without a gap: within a run, number minus rank is the same."""
    c = EVENT.c
    rank = sa.func.dense_rank().over(partition_by=(c.epoch, c.lane), order_by=c.seq)
    numbered = (
        sa.select(c.epoch, c.lane, c.seq, (c.seq - rank).label("island"))
        .where(c.hub == hub, c.seq.is_not(None))
        .subquery()
    )
    n = numbered.c
    runs = sa.select(n.epoch, n.lane, sa.func.min(n.seq), sa.func.max(n.seq)).group_by(n.epoch, n.lane, n.island)
    d = DROPPED.c
    return runs.union_all(sa.select(d.epoch, d.lane, d.first, d.last).where(d.hub == hub))
