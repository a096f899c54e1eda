"""Makes rows, entries and batches for the tests of the store."""

import hashlib

from agent.store.rows import RAISED, TELEMETRY, Batch, Entry, Row
from rules.events import Dropped
from rules.values import Now


def row(seq: int, rank: int = RAISED, epoch: str = "e1", body: bytes | None = None) -> Row:
    lane = "t" if rank == TELEMETRY else "a"
    ref = f"{epoch}-{lane}-{seq}"
    body = b'{"id":"%s"}' % ref.encode() if body is None else body
    return Row(ref, epoch, "t" if rank == TELEMETRY else "a", seq, rank, body, hashlib.sha256(body).hexdigest())


def entry(event: str = "tick", ms: int = 0, wall_ms: int = 0, *, synced: bool = True) -> Entry:
    return Entry(Now(ms, wall_ms, synced), b'{"event":"%s"}' % event.encode())


def batch(
    *rows: Row,
    house: bytes = b"{}",
    event: str = "triggered",
    settled: tuple[str, ...] = (),
    rejected: tuple[str, ...] = (),
    dropped: tuple[Dropped, ...] = (),
) -> Batch:
    return Batch((entry(event),), house, rows, settled, rejected, dropped)
