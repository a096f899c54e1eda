"""What is not yet durable: batches in order, bounded in telemetry only, and how they look to the uplink. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from agent.store.rows import RAISED, Batch, Row, merge
from rules.events import Dropped


class Pending:
    """Batches waiting for the disk, oldest first, and those that a transaction under way is carrying.

    When the disk does not recover, telemetry beyond `telemetry_max` rows, and as many journal entries of telemetry,
    is dropped oldest first and counted; everything else is kept for as long as the process lives (S5, S12).
    """

    def __init__(self, telemetry_max: int) -> None:
        """Start with nothing pending."""
        self._telemetry_max = telemetry_max
        self._queued: list[Batch] = []
        self._carried: Batch | None = None
        self._lost: list[Dropped] = []
        self.entries_dropped = 0

    def __bool__(self) -> bool:
        return bool(self._queued)

    def add(self, batch: Batch) -> None:
        """Queue a batch behind the others."""
        self._queued.append(batch)
        self._bound()

    def take(self) -> Batch:
        """Give everything queued as one batch, to be committed; `done` or `failed` must follow."""
        self._carried, self._queued = merge(self._queued), []
        return self._carried

    def done(self) -> list[Dropped]:
        """Take note that what was taken is durable. Gives the telemetry dropped before that, as ranges to report.

        Not sooner: each report is itself something to commit, and would only lengthen the queue.
        """
        self._carried = None
        dropped, self._lost = [each for each in self._lost if each.count], []
        return dropped

    def failed(self) -> None:
        """Take note that what was taken is not durable: it goes first again, in one piece with all that came since."""
        if self._carried is not None:
            self._queued = [merge([self._carried, *self._queued])]
            self._carried = None
            self._bound()

    @property
    def rows(self) -> list[Row]:
        """The rows not yet durable, oldest first."""
        return [row for batch in self._all() for row in batch.rows]

    @property
    def answered(self) -> set[str]:
        """The ids that the centre has answered for good, though the store does not know yet."""
        return {ref for batch in self._all() for ref in (*batch.settled, *batch.rejected)}

    def _all(self) -> Iterable[Batch]:
        return (*((self._carried,) if self._carried else ()), *self._queued)

    def _bound(self) -> None:
        rows = sum(row.lane == "t" for batch in self._queued for row in batch.rows)
        entries = sum(len(batch.entries) for batch in self._queued)
        if rows > self._telemetry_max or entries > self._telemetry_max:
            batch = merge(self._queued)
            self._queued = [self._without_oldest_entries(self._without_oldest_rows(batch))]

    def _without_oldest_rows(self, batch: Batch) -> Batch:
        telemetry = [row for row in batch.rows if row.lane == "t"]
        going = {row.id: row for row in telemetry[: max(0, len(telemetry) - self._telemetry_max)]}
        if not going:
            return batch
        answered = {*batch.settled, *batch.rejected}
        # The centre has seen those it answered: they leave without being counted.
        leaving = [Dropped(row.epoch, "t", row.seq, row.seq, int(row.id not in answered)) for row in going.values()]
        self._lost = _joined([*self._lost, *leaving])
        return replace(
            batch,
            rows=tuple(row for row in batch.rows if row.id not in going),
            settled=tuple(ref for ref in batch.settled if ref not in going),
            rejected=tuple(ref for ref in batch.rejected if ref not in going),
        )

    def _without_oldest_entries(self, batch: Batch) -> Batch:
        telemetry = [index for index, entry in enumerate(batch.entries) if entry.telemetry]
        going = set(telemetry[: max(0, len(telemetry) - self._telemetry_max)])
        self.entries_dropped += len(going)
        return replace(batch, entries=tuple(each for index, each in enumerate(batch.entries) if index not in going))


def _joined(ranges: list[Dropped]) -> list[Dropped]:
    """Join ranges that touch. Never across a hole: what is there may be in the store by now, and is not lost."""
    joined: list[Dropped] = []
    for each in sorted(ranges, key=lambda each: (each.epoch, each.first)):
        if joined and joined[-1].epoch == each.epoch and joined[-1].last + 1 == each.first:
            before = joined.pop()
            joined.append(replace(before, last=each.last, count=before.count + each.count))
        else:
            joined.append(each)
    return joined


def in_offer_order(stored: list[Row], pending: list[Row]) -> list[Row]:
    """Join stored rows (in the store's order) with newer ones (oldest first) into the order of `Store.waiting` (S5)."""
    raised = [row for row in (*reversed(pending), *stored) if row.rank == RAISED]
    return raised + sorted((row for row in (*stored, *pending) if row.rank != RAISED), key=lambda row: row.rank)
