"""How much the store keeps, and the bounded piece of tidying that keeps it there (S12)."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from agent.store.rows import TELEMETRY
from rules.events import Dropped
from rules.values import Value

_DAY_MS = 86_400_000
_FREE_PAGES_KEPT = 1_024  # free pages are for reuse; only what a long outage left behind is given back to the disk
_FREE_PAGES_RETURNED = 256


class Limits(Value, frozen=True):
    """How much is kept. With these defaults the store of a home of 600 events a day stays under 16 MiB.

    With the telemetry backlog at its limit as well it stays under 48 MiB (with its log and 600-byte bodies; the tests
    measured 12 and 40). It is a month of journal and two weeks of receipted rows in such a home. Lane a has no limit
    while it waits. `work` bounds the rows that one call of `prune` touches.
    """

    journal: int = 20_000
    journal_age_ms: int = 90 * _DAY_MS
    receipted: int = 10_000
    rejected: int = 1_000
    telemetry: int = 20_000
    work: int = 1_000


def prune(
    connection: sqlite3.Connection,
    transaction: Callable[[], AbstractContextManager[None]],
    limits: Limits,
    wall_ms: int | None,
    proposed: int,
) -> tuple[list[Dropped], int]:
    """Do one piece of retention; see `Store.prune`. `proposed` is the newest row already named for dropping."""
    _return_space(connection)  # first, so that an error of the disk comes before anything is named
    with transaction():
        work = limits.work
        work -= _trim_kept(connection, 1, limits.receipted, work)
        work -= _trim_kept(connection, 2, limits.rejected, work)
        _trim_journal(connection, limits, wall_ms, work)
        return _name_telemetry(connection, limits, proposed)


def _return_space(connection: sqlite3.Connection) -> None:
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free > _FREE_PAGES_KEPT:
        # As a script: `execute` stops after the statement's first step, which is one page.
        connection.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES_RETURNED})")


def _trim_kept(connection: sqlite3.Connection, state: int, keep: int, work: int) -> int:
    (kept,) = connection.execute("SELECT count(*) FROM outbox WHERE state > 0 AND state = ?", (state,)).fetchone()
    return connection.execute(
        "DELETE FROM outbox WHERE number IN"
        " (SELECT number FROM outbox WHERE state > 0 AND state = ? ORDER BY number LIMIT ?)",
        (state, max(0, min(kept - keep, work))),
    ).rowcount


def _trim_journal(connection: sqlite3.Connection, limits: Limits, wall_ms: int | None, work: int) -> None:
    # Entries leave from the old end only, so the numbers between the ends are all there. Asked for both at once, SQLite
    # would go through all of them.
    (first,) = connection.execute("SELECT min(number) FROM journal").fetchone()
    (last,) = connection.execute("SELECT max(number) FROM journal").fetchone()
    if first is None:
        return
    until = last - limits.journal
    if wall_ms is not None:
        (aged,) = connection.execute(
            "SELECT max(number) FROM (SELECT number, wall_ms, synced FROM journal ORDER BY number LIMIT ?)"
            " WHERE synced AND wall_ms < ?",
            (work, wall_ms - limits.journal_age_ms),
        ).fetchone()
        until = max(until, aged or 0)
    connection.execute("DELETE FROM journal WHERE number <= ?", (min(until, first - 1 + work),))


def _name_telemetry(connection: sqlite3.Connection, limits: Limits, proposed: int) -> tuple[list[Dropped], int]:
    """Name the oldest waiting telemetry beyond the limit, one range for each epoch.

    Rows already receipted may lie within a range, rows still waiting may not: within an epoch they are in order.
    """
    beyond = "FROM outbox WHERE state = 0 AND rank = ? AND number > ?"
    (waiting,) = connection.execute(f"SELECT count(*) {beyond}", (TELEMETRY, proposed)).fetchone()
    oldest = connection.execute(
        f"SELECT number, epoch, seq {beyond} ORDER BY number LIMIT ?",
        (TELEMETRY, proposed, max(0, min(waiting - limits.telemetry, limits.work))),
    ).fetchall()
    return name_ranges((epoch, seq) for _, epoch, seq in oldest), oldest[-1][0] if oldest else proposed


def name_ranges(rows: Iterable[tuple[str, int]]) -> list[Dropped]:
    """Name telemetry rows (epoch and number, oldest first) as one range for each epoch, and count them."""
    seqs: dict[str, list[int]] = {}
    for epoch, seq in rows:
        seqs.setdefault(epoch, []).append(seq)
    return [Dropped(epoch, "t", min(each), max(each), len(each)) for epoch, each in seqs.items()]
