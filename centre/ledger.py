"""The centre's ledger over SQLite: every call is one transaction, on the disk when it returns.

A stop-gap for one process; the console's database takes its place behind the same protocol.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from centre.homes import Home
from centre.intake import Aside, Entry, Kept, LedgerDownError
from centre.lanes import Lane, Span

VERSION = 1
QUARANTINE_PER_HUB_MAX = 100
"""The oldest go first; one hub's rubbish cannot push another's out."""

QUARANTINE_MAX = 1_000
"""Over all hubs, known or not (S12)."""

BUSY_MS = 2_000

_SCHEMA = """
CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    hub TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, type TEXT NOT NULL,
    epoch TEXT, lane TEXT, seq INTEGER,
    at_ms INTEGER NOT NULL, conflict INTEGER NOT NULL, body BLOB NOT NULL,
    UNIQUE (hub, id, digest)
) STRICT;
CREATE INDEX event_lane ON event (hub, epoch, lane, seq);
CREATE TABLE dropped (hub TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (hub, epoch, lane, first, last)) STRICT;
CREATE TABLE claim (hub TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY (hub, epoch, lane)) STRICT;
CREATE TABLE home (hub TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE state (hub TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE quarantine (number INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, hub TEXT NOT NULL,
    topic TEXT NOT NULL, token BLOB NOT NULL, reason TEXT NOT NULL) STRICT;
"""

_ISLANDS = """
SELECT epoch, lane, MIN(seq), MAX(seq) FROM (
    SELECT epoch, lane, seq, seq - DENSE_RANK() OVER (PARTITION BY epoch, lane ORDER BY seq) AS island
    FROM event WHERE hub = ?1 AND seq IS NOT NULL
) GROUP BY epoch, lane, island
UNION ALL SELECT epoch, lane, first, last FROM dropped WHERE hub = ?1
"""
"""Runs of numbers without a gap: within a run, number minus rank is the same."""


class SqliteLedger:
    """A ledger in one file, or in memory by the path `:memory:`."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the ledger. Raises LedgerDownError, which names the file."""
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
        except sqlite3.Error as error:
            raise LedgerDownError(f"{path}: {error}: name a file in a writable folder") from None
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise LedgerDownError(
                f"{path}: {error}: not a ledger, or damaged: move it aside, do not delete it"
            ) from None

    def _prepare(self) -> None:
        # WAL alone can lose the last commits at a power cut, and a receipt has been given for them: FULL.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            self._connection.close()
            raise LedgerDownError(f"{self._path}: written by version {version} of the ledger, this is {VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise LedgerDownError(f"the centre's ledger: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise LedgerDownError(f"the centre's ledger: {error}") from error

    # --- the intake's protocol -----------------------------------------------------------------------

    def take(self, entry: Entry) -> Kept:
        """Keep an event, once; a second content under the same id is kept beside the first, marked (S4)."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT digest, conflict FROM event WHERE hub = ? AND id = ?", (entry.hub, entry.id)
            ).fetchall()
            for held, conflict in rows:
                if held == entry.digest:
                    return "conflict" if conflict else "same"
            place = entry.position
            connection.execute(
                "INSERT INTO event (hub, id, digest, type, epoch, lane, seq, at_ms, conflict, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(entry.hub, entry.id, entry.digest, entry.type),
                    *((place.epoch, place.lane, place.seq) if place is not None else (None, None, None)),
                    *(entry.at_ms, bool(rows), entry.body),
                ),
            )
            if entry.dropped is not None:
                first, last = entry.dropped
                connection.execute(
                    "INSERT OR IGNORE INTO dropped VALUES (?, ?, ?, ?, ?)",
                    (entry.hub, first.epoch, first.lane, first.seq, last),
                )
        return "conflict" if rows else "new"

    def keep_home(self, home: Home, claims: Mapping[str, int]) -> None:
        """Keep what is known of a hub, and the lane heads it claims for its present epoch."""
        with self._transaction() as connection:
            _write_home(connection, home, claims)

    def keep_state(self, home: Home, body: bytes, claims: Mapping[str, int]) -> None:
        """Keep a hub's newest state document."""
        with self._transaction() as connection:
            _write_home(connection, home, claims)
            connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (home.hub, body))

    def put_aside(self, aside: Aside) -> None:
        """Keep a message in the quarantine; its oldest entries make room (S12)."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO quarantine (at_ms, hub, topic, token, reason) VALUES (?, ?, ?, ?, ?)",
                (aside.at_ms, aside.hub, aside.topic, aside.token, aside.reason),
            )
            connection.execute(
                "DELETE FROM quarantine WHERE number IN"
                " (SELECT number FROM quarantine WHERE hub = ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (aside.hub, QUARANTINE_PER_HUB_MAX),
            )
            connection.execute(
                "DELETE FROM quarantine WHERE number IN"
                " (SELECT number FROM quarantine ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (QUARANTINE_MAX,),
            )

    def homes(self) -> list[Home]:
        """Give every hub known."""
        with self._reading() as connection:
            rows = connection.execute("SELECT body FROM home ORDER BY hub").fetchall()
        return [msgspec.json.decode(body, type=Home) for (body,) in rows]

    def lanes(self, hub: str) -> list[Lane]:
        """Give a hub's lanes, in the order of their names."""
        with self._reading() as connection:
            islands = connection.execute(_ISLANDS, (hub,)).fetchall()
            claims = connection.execute("SELECT epoch, lane, last FROM claim WHERE hub = ?", (hub,)).fetchall()
        claimed = {(epoch, lane): last for epoch, lane, last in claims}
        spans: dict[tuple[str, str], list[Span]] = {key: [] for key in claimed}
        for epoch, lane, first, last in islands:
            spans.setdefault((epoch, lane), []).append(Span(first, last))
        return [
            Lane(epoch, lane, claimed.get((epoch, lane), 0), tuple(spans[epoch, lane])) for epoch, lane in sorted(spans)
        ]

    # --- for whoever looks -----------------------------------------------------------------------------

    def events(self, *, after: int = 0, limit: int = 1_000) -> list[tuple[int, Entry, bool]]:
        """Give events in the order they came: their number, the event, and whether it conflicts with an earlier one."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, conflict, hub, id, digest, type, body, at_ms FROM event"
                " WHERE number > ? ORDER BY number LIMIT ?",
                (after, limit),
            ).fetchall()
        return [(number, Entry(*rest), bool(conflict)) for number, conflict, *rest in rows]

    def quarantine(self) -> list[Aside]:
        """Give what was put aside, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT hub, topic, token, reason, at_ms FROM quarantine ORDER BY number"
            ).fetchall()
        return [Aside(*row) for row in rows]

    def state(self, hub: str) -> bytes | None:
        """Give a hub's newest state document."""
        with self._reading() as connection:
            row = connection.execute("SELECT body FROM state WHERE hub = ?", (hub,)).fetchone()
        return None if row is None else bytes(row[0])


def _write_home(connection: sqlite3.Connection, home: Home, claims: Mapping[str, int]) -> None:
    connection.execute("INSERT OR REPLACE INTO home VALUES (?, ?)", (home.hub, msgspec.json.encode(home)))
    for lane, last in claims.items():
        connection.execute(
            "INSERT INTO claim VALUES (?, ?, ?, ?)"
            " ON CONFLICT (hub, epoch, lane) DO UPDATE SET last = max(last, excluded.last)",
            (home.hub, home.epoch, lane, last),
        )
