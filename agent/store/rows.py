"""What is committed: journal entries, outbox rows, and the batch that carries them in one transaction."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from rules.events import Dropped, Heard, Measured, Tick
from rules.values import Now, Value, kebab

Lane = Literal["a", "t"]

RAISED, ALARM, IMPORTANT, TELEMETRY = range(4)
"""Ranks, in the order the uplink offers them: `alarm.raised`, other `alarm.*`, the rest of lane a, and lane t (S5)."""

_SEQ_MAX = 2**63 - 1  # the largest integer SQLite keeps
_TELEMETRY_TAGS = frozenset(kebab(event.__name__) for event in (Heard, Measured, Tick))


class _Tag(msgspec.Struct):
    event: str = ""


class Row(Value, frozen=True):
    """An outbox row: an event's committed bytes under an id that is theirs for ever.

    `body` is the CloudEvent as JSON and never changes; `digest` its SHA-256 in hexadecimal. Raises ValueError
    when the id is not `{epoch}-{lane}-{seq}`, or the rank not one of its lane.
    """

    id: str
    epoch: str
    lane: Lane
    seq: int
    rank: int
    body: bytes
    digest: str

    def __post_init__(self) -> None:
        """Refuse where it is made what could only fail at the disk, together with all that shares its transaction."""
        if place(self.id) != (self.epoch, self.lane, self.seq):
            raise ValueError(f"{self.id}: expected the id {self.epoch}-{self.lane}-{self.seq}")
        if self.rank not in ((RAISED, ALARM, IMPORTANT) if self.lane == "a" else (TELEMETRY,)):
            raise ValueError(f"{self.id}: rank {self.rank} does not belong in lane {self.lane}")


def place(ref: str) -> tuple[str, Lane, int] | None:
    """Take an id apart into epoch, lane and number; None when it is not the id of an outbox row."""
    parts = ref.rsplit("-", 2)
    if len(parts) != 3 or not parts[0] or parts[1] not in ("a", "t"):  # noqa: PLR2004 -- epoch, lane, number
        return None
    epoch, lane, number = parts
    if not (number.isascii() and number.isdigit()) or len(number) > len(str(_SEQ_MAX)):
        return None
    if int(number) > _SEQ_MAX or str(int(number)) != number:  # one spelling for each id
        return None
    return epoch, "a" if lane == "a" else "t", int(number)


class Entry(Value, frozen=True):
    """A journalled event (JSON) and the stamp it got when it entered the inbox."""

    now: Now
    event: bytes

    @property
    def telemetry(self) -> bool:
        """Whether the event is a reading, a sign of life or a tick, which may be dropped when memory is short (S12)."""
        try:
            return msgspec.json.decode(self.event, type=_Tag).event in _TELEMETRY_TAGS
        except msgspec.DecodeError:
            return False  # not understood, so not ours to drop


class Batch(Value, frozen=True):
    """What is committed in one transaction: whole, or not at all.

    `settled` and `rejected` are ids that the centre has receipted as taken, or as never to be taken; they may be
    those of rows in the same batch. `dropped` are ranges of waiting telemetry that leave the outbox in the very
    transaction that journals their `Dropped` event, so that a power cut never leaves a loss unreported (S12).
    """

    entries: tuple[Entry, ...]
    house: bytes
    rows: tuple[Row, ...] = ()
    settled: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def merge(batches: Iterable[Batch]) -> Batch:
    """Join one or more batches, oldest first, into one: everything of each, and the newest house."""
    parts = list(batches)
    if len(parts) == 1:
        return parts[0]
    return Batch(
        entries=tuple(each for part in parts for each in part.entries),
        house=parts[-1].house,
        rows=tuple(each for part in parts for each in part.rows),
        settled=tuple(dict.fromkeys(each for part in parts for each in part.settled)),
        rejected=tuple(dict.fromkeys(each for part in parts for each in part.rejected)),
        dropped=tuple(each for part in parts for each in part.dropped),
    )
