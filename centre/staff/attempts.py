"""How often somebody may fail to prove who they are: five times, then fifteen minutes nothing of theirs is good.

A lock is for those who try, not for who is tried: a browser that somebody has signed in by before counts by itself, so
that nobody can lock the staff out of their own desks (OWASP's device cookies).
"""

import hashlib

import sqlalchemy as sa

from centre.store.database import Database
from centre.store.schema import ATTEMPT

FAILURES = 5
LOCK_MS = 15 * 60_000
FORGET_MS = 24 * 3_600_000
_NOBODIES = 16


def bucket(name: str, *, there: bool, desk: str = "") -> str:
    """Say under which name failures count. Names that nobody has share a few: rows are bounded (S12)."""
    if not there:
        name = f"?{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).digest()[0] % _NOBODIES}"
    return f"desk {desk} {name}" if desk and there else f"account {name}"


def take(connection: sa.Connection, database: Database, name: str, at_ms: int) -> tuple[bool, int]:
    """Count a failure before it is one, so that many at once gain nothing; say whether it is open, and which it is.

    While it is locked nothing counts, or somebody could keep it locked for ever.
    """
    row = connection.execute(sa.select(ATTEMPT).where(ATTEMPT.c.name == name)).mappings().first()
    if row is not None and at_ms < row["until_ms"] <= at_ms + LOCK_MS:  # a clock that was set back locks nobody longer
        return False, 0
    recent = row is not None and row["count"] < FAILURES and 0 <= at_ms - row["since_ms"] < LOCK_MS
    count = row["count"] + 1 if row is not None and recent else 1
    since = row["since_ms"] if row is not None and recent else at_ms
    until = at_ms + LOCK_MS if count >= FAILURES else 0
    values = {"name": name, "count": count, "since_ms": since, "until_ms": until}
    connection.execute(database.upsert(ATTEMPT, values))
    return True, count


def forgive(connection: sa.Connection, name: str, at_ms: int) -> None:
    """Forget failures: this one was none. And those of long ago."""
    old = ATTEMPT.c.since_ms < at_ms - FORGET_MS
    connection.execute(sa.delete(ATTEMPT).where((ATTEMPT.c.name == name) | old))


def forget(connection: sa.Connection, operator: str) -> None:
    """Forget all failures of one of the staff, whatever the browser: they have proved themselves by a link."""
    names = (ATTEMPT.c.name == f"account {operator}") | ATTEMPT.c.name.like(f"desk % {operator}")
    connection.execute(sa.delete(ATTEMPT).where(names))
