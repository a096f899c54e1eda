"""The store's logic, synchronous over one SQLite connection: a thread carries it, or a simulated world calls it."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from agent.store.errors import ConflictError, DamagedError, StoreError
from agent.store.files import StoreFile, put_aside
from agent.store.retention import Limits, prune
from agent.store.rows import IMPORTANT, RAISED, TELEMETRY, Batch, Lane, Row, place
from agent.store.schema import check, upgrade
from rules.events import Dropped

_BUSY_MS = 2_000
_WAL_PAGES_MAX = 4_000  # a backstop of 16 MiB: `prune` checkpoints long before, so that no alarm's commit has to
_CHANGES_PER_CHECKPOINT = 250  # some three of them, and five pages, in an event's commit: the log stays near 2 MiB
_CONFLICTS_MAX = 100

_COLUMNS = "epoch, lane, seq, rank, body, digest"
_WAITING, _RECEIPTED, _REJECTED = 0, 1, 2
_NUMBER_MAX = 2**63 - 1  # of a row, in SQLite

Ranges = list[tuple[int, int]]
"""Ranges of sequence numbers, first and last included."""


class Glance(NamedTuple):
    """What one step of looking back found, newest first; `spoilt` counts rows that are not as they were committed.

    `before` is where the next step goes on, None when there is nothing more.
    """

    bodies: list[bytes]
    spoilt: int
    before: int | None


class Store:
    """Journal, house and outbox in one SQLite file. Not thread-safe: one caller at a time, on any thread.

    Methods raise `sqlite3.Error` when the disk does not do its part; nothing is then changed.
    """

    def __init__(self, connection: sqlite3.Connection, file: StoreFile | None = None) -> None:
        """Take over an open connection, and bring its schema up to date. `file` is where it leads.

        Raises StoreError when it is newer than this code, ForeignSchemaError when it is not a hub's.
        """
        self.connection = connection
        self.file = file
        connection.isolation_level = None  # transactions are begun and ended here, and nowhere else
        connection.row_factory = None
        check(connection)  # first, so that a file which is not for us is left as it is
        _configure(connection)
        upgrade(connection)
        self._checkpointed = connection.total_changes
        self._numbers: dict[str, int] = {}  # of rows given out lately: where they lie
        self._proposed = 0  # outbox rows up to this number were proposed for dropping already

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self.connection.close()

    def condemn(self) -> None:
        """Put a file that was found damaged aside, and close the connection. Raises OSError when it could not be."""
        try:
            if self.file is not None:
                put_aside(self.file.path)  # while it is open: closing would write the log into it
        finally:
            self.connection.close()

    def move_in(self, house: bytes) -> None:
        """Take over a house from another store."""
        with self._transaction():
            self._put_house(house)

    def load(self) -> bytes | None:
        """Give the house as last committed; None when the store is new. Raises DamagedError."""
        found = self.connection.execute("SELECT body FROM house").fetchone()
        if found is not None and not isinstance(found[0], bytes):
            raise DamagedError(
                "its house is not as it was committed"
            )  # the column may not be NULL, but SQLite does not look when it reads
        return None if found is None else found[0]

    def commit(self, batch: Batch) -> None:
        """Commit a batch in one transaction, durable when this returns (S1). Committing it twice adds no row twice.

        Raises ConflictError, *after* all else is durable, when a row's id is taken by another content: committed
        bytes never change, so the first stays in the outbox and the second is kept aside in `conflict`.
        """
        with self._transaction():
            self.connection.executemany(
                "INSERT INTO journal (ms, wall_ms, synced, event) VALUES (?, ?, ?, ?)",
                [(each.now.ms, each.now.wall_ms, each.now.synced, each.event) for each in batch.entries],
            )
            self._put_house(batch.house)
            conflicts = tuple(each.id for each in batch.rows if not self._insert(each))
            # After the rows, as they may be settled in the batch that brings them. Settled beats rejected, whatever
            # their order: merging batches loses it, and what the centre has once taken stays taken.
            self._mark(batch.settled, "state = 1 WHERE state <> 1")
            self._mark(batch.rejected, "state = 2 WHERE state = 0")
            for dropped in batch.dropped:
                self._drop(dropped)
        if conflicts:
            raise ConflictError(conflicts)

    def waiting(self, limit: int, exclude: Collection[str] = ()) -> list[Row]:
        """Give up to `limit` rows without a receipt, in the order to offer them (S5), leaving out the ids excluded.

        Raised alarms newest first, so that a live one overtakes a backlog; then other alarm events, the rest of
        lane a, and telemetry, each oldest first. Raises DamagedError for a row whose bytes are not those committed.
        """
        held = {number for ref in exclude if (number := self._numbers.get(ref)) is not None}
        numbers: dict[str, int] = {}
        rows: list[Row] = []
        for rank in range(TELEMETRY + 1):
            order = "DESC" if rank == RAISED else "ASC"
            found = self.connection.execute(
                f"SELECT number FROM outbox WHERE state = 0 AND rank = ? ORDER BY number {order}",  # noqa: S608 -- constants
                (rank,),
            )
            with contextlib.closing(found):  # an open cursor would hold the log back
                for (number,) in found:
                    if len(rows) >= limit:
                        break
                    if number in held:  # thousands, perhaps, that the uplink has already: not worth reading
                        continue
                    row = self._at("number = ?", (number,))
                    if row is not None:
                        numbers[row.id] = number
                        if row.id not in exclude:
                            rows.append(row)
        self._numbers = {ref: number for ref in exclude if (number := self._numbers.get(ref)) is not None} | numbers
        return rows

    def row(self, ref: str) -> Row | None:
        """Give a row by its id, whether it waits or not."""
        where = place(ref)
        if where is None:
            return None
        return self._at("epoch = ? AND lane = ? AND seq = ?", where)

    def look_back(self, kind: str, count: int, before: int | None = None) -> Glance:
        """Look through the `count` newest rows, of those before `before`, for events whose type begins with `kind`.

        Whether they wait or not. There is no index of types: every alarm's commit would pay for it. So it goes by
        small steps, and commits come in between. Finds nothing in rows ranked as alarms or telemetry.
        """
        found = self.connection.execute(
            "SELECT number, digest, CASE WHEN rank = ? AND instr(body, ?) THEN body END"
            " FROM outbox WHERE number < ? ORDER BY number DESC LIMIT ?",
            (IMPORTANT, f'"type":"{kind}'.encode(), _NUMBER_MAX if before is None else before, count),
        ).fetchall()
        bodies = [(digest, body) for _, digest, body in found if body is not None]
        sound = [
            body for digest, body in bodies if isinstance(body, bytes) and hashlib.sha256(body).hexdigest() == digest
        ]
        return Glance(sound, len(bodies) - len(sound), found[-1][0] if len(found) == count else None)

    def oldest_kept(self) -> bytes | None:
        """Give the oldest event that the centre has receipted, else the oldest of all: none newer was let go (S12)."""
        for where in ("state > 0 AND state = 1", "true"):
            found = self.connection.execute(
                f"SELECT body FROM outbox WHERE {where} ORDER BY number LIMIT 1"  # noqa: S608 -- constants
            ).fetchone()
            if found is not None and isinstance(found[0], bytes):
                return found[0]
        return None

    def waiting_count(self) -> dict[Lane, int]:
        """Count the rows without a receipt in each lane."""
        counts = dict(self.connection.execute("SELECT rank, count(*) FROM outbox WHERE state = 0 GROUP BY rank"))
        return {"a": sum(count for rank, count in counts.items() if rank != TELEMETRY), "t": counts.get(TELEMETRY, 0)}

    def oldest_waiting(self) -> dict[Lane, str | None]:
        """Give the id of the oldest row without a receipt in each lane; None where nothing waits."""
        firsts = [self._first_of(rank) for rank in range(TELEMETRY + 1)]
        oldest = min((each for each in firsts[:TELEMETRY] if each is not None), default=None)
        telemetry = firsts[TELEMETRY]
        return {"a": oldest and oldest[1], "t": telemetry and telemetry[1]}

    def reoffer(self, epoch: str, lane: Lane, first: int, last: int, held: Collection[int] = ()) -> Ranges:
        """Let the rows `first` to `last` wait again, as the centre says it lacks them.

        Gives the ranges that the store does not hold, to be reported as gaps; numbers in `held` count as held.
        """
        first, last = max(first, 0), min(last, 2**63 - 1)
        place_range = (epoch, lane, first, last)
        with self._transaction():
            there = [
                seq
                for (seq,) in self.connection.execute(
                    "SELECT seq FROM outbox WHERE epoch = ? AND lane = ? AND seq BETWEEN ? AND ?", place_range
                )
            ]
            self.connection.execute(
                "UPDATE outbox SET state = 0 WHERE epoch = ? AND lane = ? AND seq BETWEEN ? AND ? AND state <> 0",
                place_range,
            )
        return missing(first, last, {*there, *held})

    def prune(self, limits: Limits, wall_ms: int | None = None) -> list[Dropped]:
        """Do a bounded piece of retention; call it every few minutes.

        Receipted and rejected rows and journal entries beyond their limits leave at once. Waiting telemetry beyond
        its limit is only *named*: it leaves with the batch that commits these `Dropped` events (`Batch.dropped`).
        Lane a is never named (S12). `wall_ms` is the wall clock if it is trusted, else None: nothing is then too old.
        """
        if self.connection.total_changes - self._checkpointed >= _CHANGES_PER_CHECKPOINT:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._checkpointed = self.connection.total_changes
        named, self._proposed = prune(self.connection, self._transaction, limits, wall_ms, self._proposed)
        return named

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # on some errors SQLite has rolled back by itself
                with contextlib.suppress(sqlite3.Error):  # what matters is the first error
                    self.connection.execute("ROLLBACK")
            raise

    def _put_house(self, house: bytes) -> None:
        self.connection.execute(
            "INSERT INTO house (one, body) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET body = excluded.body", (house,)
        )

    def _insert(self, row: Row) -> bool:
        """Insert a row; False when its id is taken by another content."""
        added = self.connection.execute(
            f"INSERT INTO outbox ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",  # noqa: S608 -- constants
            (row.epoch, row.lane, row.seq, row.rank, row.body, row.digest),
        ).rowcount
        there = row if added else self.row(row.id)
        if there is not None and there.digest == row.digest:
            return True
        self.connection.execute(
            "INSERT INTO conflict (id, digest, body) VALUES (?, ?, ?)", (row.id, row.digest, row.body)
        )
        self.connection.execute(
            "DELETE FROM conflict WHERE number <= (SELECT max(number) FROM conflict) - ?", (_CONFLICTS_MAX,)
        )
        return False

    def _at(self, where: str, place: tuple[object, ...]) -> Row | None:
        found = self.connection.execute(f"SELECT {_COLUMNS} FROM outbox WHERE {where}", place).fetchone()  # noqa: S608 -- constants
        return None if found is None else _row(found)

    def _mark(self, refs: Iterable[str], change: str) -> None:
        self.connection.executemany(
            f"UPDATE outbox SET {change} AND epoch = ? AND lane = ? AND seq = ?",  # noqa: S608 -- constants
            [where for ref in refs if (where := place(ref)) is not None],
        )

    def _drop(self, dropped: Dropped) -> None:
        # S12: the lane is not taken from the event: telemetry may be dropped, lane a never.
        self.connection.execute(
            "DELETE FROM outbox WHERE epoch = ? AND lane = 't' AND seq BETWEEN ? AND ? AND state = 0",
            (dropped.epoch, dropped.first, dropped.last),
        )

    def _first_of(self, rank: int) -> tuple[int, str] | None:
        found = self.connection.execute(
            "SELECT number, epoch, lane, seq FROM outbox WHERE state = 0 AND rank = ? ORDER BY number LIMIT 1", (rank,)
        ).fetchone()
        return None if found is None else (found[0], f"{found[1]}-{found[2]}-{found[3]}")


def missing(first: int, last: int, held: Collection[int]) -> Ranges:
    """Give the ranges of `first` to `last` that lie between the numbers held."""
    ranges: Ranges = []
    start = first
    for seq in [*sorted(each for each in held if first <= each <= last), last + 1]:
        if seq > start:
            ranges.append((start, seq - 1))
        start = seq + 1
    return ranges


def _row(values: tuple[str, Lane, int, int, bytes, str]) -> Row:
    epoch, lane, seq, rank, body, digest = values
    if hashlib.sha256(body).hexdigest() != digest:  # S2: the centre's receipt could never match it
        raise DamagedError("a row is not as it was committed")
    return Row(f"{epoch}-{lane}-{seq}", epoch, lane, seq, rank, body, digest)


class _Pragma(NamedTuple):
    name: str
    value: str | int


def _configure(connection: sqlite3.Connection) -> None:
    """Set what durability and bounds rest on. Raises StoreError where the file system cannot carry it."""
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute(
            "PRAGMA auto_vacuum = INCREMENTAL"
        )  # possible in an empty file only, before its log is begun
    for name, value in (
        _Pragma("busy_timeout", _BUSY_MS),
        _Pragma("journal_mode", "WAL"),
        _Pragma("synchronous", "FULL"),  # S1: NORMAL lost committed rows at power cuts, 200 times in 200
        _Pragma("wal_autocheckpoint", _WAL_PAGES_MAX),
        _Pragma("journal_size_limit", 1 << 20),
        _Pragma("foreign_keys", "ON"),
        _Pragma("trusted_schema", "OFF"),
        _Pragma("cell_size_check", "ON"),  # damage is noticed where it is, not where it has spread to
        _Pragma("mmap_size", 0),  # a mapped page that cannot be read kills the process
        _Pragma("temp_store", "MEMORY"),
    ):
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    if mode not in ("wal", "memory") or level != 2:  # noqa: PLR2004 -- 2 is FULL
        raise StoreError(
            f"SQLite runs with journal_mode {mode} and synchronous {level}, expected wal and 2: "
            "keep the store on a local file system"
        )
