"""What goes next over an uplink. Pure: rows and moments in, rows out; nothing here waits, reads or writes.

A row is offered until the centre's receipt settles it (S2, S3). Two limits hold at once: how many
messages may be without the broker's PUBACK (never more than its Receive Maximum, two places kept
for alarms, S5), and how many rows other than alarms may be without the centre's receipt, so that a
silent centre is not flooded. Alarms are not held back by the second.
"""

import heapq
from collections.abc import Iterable

from agent.store.rows import Row
from rules.delivery import ALARM_RETRY_MS_MAX, resend_after_ms

PLACES = 16
"""Messages without a PUBACK, at most."""

ALARM_PLACES = 2
"""Of those, places that only alarms may take (S5)."""

DOCUMENT_PLACES = 3
"""Left of the broker's Receive Maximum for what is not a row: status, state, check-in."""

UNRECEIPTED_MAX = 64
"""Rows other than alarms without a receipt, at most."""

HELD_MAX = 512
"""Rows other than alarms held in memory; the rest wait on disk."""

PUBACK_MS = 5_000
"""A PUBACK later than this means that the line is lying (DESIGN §4)."""

_ALARM_RANK_MAX = 1


class _Offer:
    """A row and how far its delivery is."""

    __slots__ = ("alarm", "attempts", "in_flight", "key", "offered_ms", "ready", "row", "wake_ms")

    def __init__(self, row: Row, order: int) -> None:
        self.row = row
        self.alarm = row.rank <= _ALARM_RANK_MAX
        # S5: the newest raised alarm goes first, then what belongs to alarms, then the rest as it happened.
        self.key = (row.rank, -order if row.rank == 0 else order)
        self.attempts = 0
        self.offered_ms = 0
        self.ready = True
        self.in_flight = False
        self.wake_ms: int | None = None


class Window:
    """The rows of one uplink that have no receipt yet, and which of them goes next."""

    def __init__(self) -> None:
        self._offers: dict[str, _Offer] = {}
        self._ready: dict[bool, list[tuple[tuple[int, int], str]]] = {True: [], False: []}
        self._asleep: list[tuple[int, str]] = []
        self._order = 0
        self._places = PLACES
        self._held = 0
        self._alarms = 0
        self._unacked: dict[str, int] = {}
        self._unreceipted = 0
        self.more_on_disk = True
        """Whether the store may hold waiting rows that are not here."""

    def __len__(self) -> int:
        return len(self._offers)

    @property
    def unacked(self) -> int:
        """How many of its messages have no PUBACK yet."""
        return len(self._unacked)

    def ids(self) -> frozenset[str]:
        """Give the ids of every row held here."""
        return frozenset(self._offers)

    @property
    def alarm_waiting(self) -> bool:
        """Whether an alarm has no receipt yet."""
        return self._alarms > 0

    def digest(self, ref: str) -> str | None:
        """Give the digest of a held row, for matching a receipt."""
        offer = self._offers.get(ref)
        return None if offer is None else offer.row.digest

    # --- rows in ---------------------------------------------------------------------------------

    def add(self, row: Row) -> bool:
        """Hold a row; False when it must wait on disk because memory is full (never an alarm)."""
        if row.id in self._offers:
            return True
        offer = _Offer(row, self._order)
        if offer.alarm:
            self._alarms += 1
        else:
            if self._held >= HELD_MAX:
                self.more_on_disk = True
                return False
            self._held += 1
        self._order += 1
        self._offers[row.id] = offer
        self._make_ready(offer)
        return True

    def refill(self, rows: Iterable[Row], *, more: bool) -> None:
        """Take waiting rows from the store; `more` says whether it has others still."""
        self.more_on_disk = more
        for row in rows:
            self.add(row)

    @property
    def hungry(self) -> bool:
        """Whether rows should be fetched from the store."""
        return self.more_on_disk and self._held < HELD_MAX // 2

    # --- the line ----------------------------------------------------------------------------------

    def connected(self, receive_maximum: int) -> None:
        """A new connection: everything unreceipted is offered at once (DESIGN §5), nothing is in flight."""
        self._places = max(ALARM_PLACES + 1, min(PLACES, receive_maximum - DOCUMENT_PLACES))
        self._unacked.clear()
        self._unreceipted = 0
        self._asleep.clear()
        self._ready = {True: [], False: []}
        for offer in self._offers.values():
            offer.attempts = 0
            self._make_ready(offer)

    def next(self, now_ms: int, *, alarms_only: bool = False) -> Row | None:
        """Give the row to publish now, and count it as published; None when nothing may go."""
        self._wake(now_ms)
        offer = self._pick(alarm=True) if len(self._unacked) < self._places else None
        if offer is None and not alarms_only and len(self._unacked) < self._places - ALARM_PLACES:
            offer = self._pick(alarm=False)
        if offer is None:
            return None
        offer.ready = False
        offer.in_flight = True
        if offer.attempts == 0 and not offer.alarm:
            self._unreceipted += 1
        offer.attempts += 1
        offer.offered_ms = self._unacked[offer.row.id] = now_ms
        return offer.row

    def _pick(self, *, alarm: bool) -> _Offer | None:
        heap = self._ready[alarm]
        while heap:
            offer = self._offers.get(heap[0][1])
            if offer is None or not offer.ready:
                heapq.heappop(heap)
                continue
            if not alarm and offer.attempts == 0 and self._unreceipted >= UNRECEIPTED_MAX:
                return None
            heapq.heappop(heap)
            return offer
        return None

    def acked(self, ref: str, now_ms: int) -> None:
        """The broker has it. That is no delivery (S2): without a receipt in time it is offered again (S3)."""
        self._unacked.pop(ref, None)
        offer = self._offers.get(ref)
        if offer is not None and offer.in_flight:
            self._sleep(offer, now_ms + resend_after_ms(offer.attempts))

    def lying(self, now_ms: int) -> bool:
        """Tell whether a PUBACK is overdue: the line looks open and carries nothing."""
        oldest = next(iter(self._unacked.values()), None)
        return oldest is not None and now_ms - oldest >= PUBACK_MS

    def due_ms(self) -> int | None:
        """When this window must be asked again at the latest; None while only an arrival can change anything."""
        oldest = next(iter(self._unacked.values()), None)
        dues = [] if oldest is None else [oldest + PUBACK_MS]
        while self._asleep and self._stale(*self._asleep[0]):
            heapq.heappop(self._asleep)
        if self._asleep:
            dues.append(self._asleep[0][0])
        return min(dues, default=None)

    # --- the centre's word -------------------------------------------------------------------------

    def settle(self, ref: str) -> None:
        """Let a row go: the centre has it, or will never take it."""
        offer = self._offers.pop(ref, None)
        if offer is None:
            return
        if offer.alarm:
            self._alarms -= 1
        else:
            self._held -= 1
            if offer.attempts:
                self._unreceipted -= 1

    def postpone(self, ref: str, until_ms: int) -> None:
        """Offer a row again only then: the centre cannot keep it now.

        S3: an alarm not later than half a minute after it was offered, however late that word comes.
        """
        offer = self._offers.get(ref)
        if offer is not None:
            last_ms = offer.offered_ms + ALARM_RETRY_MS_MAX
            self._sleep(offer, min(until_ms, last_ms) if offer.alarm and offer.attempts else until_ms)

    # --- sleeping and waking -------------------------------------------------------------------------

    def _make_ready(self, offer: _Offer) -> None:
        offer.ready, offer.in_flight, offer.wake_ms = True, False, None
        heapq.heappush(self._ready[offer.alarm], (offer.key, offer.row.id))

    def _sleep(self, offer: _Offer, until_ms: int) -> None:
        offer.ready, offer.in_flight, offer.wake_ms = False, False, until_ms
        heapq.heappush(self._asleep, (until_ms, offer.row.id))

    def _stale(self, wake_ms: int, ref: str) -> bool:
        offer = self._offers.get(ref)
        return offer is None or offer.wake_ms != wake_ms

    def _wake(self, now_ms: int) -> None:
        while self._asleep and self._asleep[0][0] <= now_ms:
            wake_ms, ref = heapq.heappop(self._asleep)
            if not self._stale(wake_ms, ref):
                self._make_ready(self._offers[ref])
