"""What the hub tells of its reminders, at the box: the events that it keeps of them, and what is open now."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, date, timedelta
from functools import partial

import msgspec

from agent.clock import Clock
from agent.status import RemindersStatus, open_reminders
from agent.store.errors import StoreError
from agent.store.store import Store
from agent.store.writer import Writer
from agent.wire.messages import PREFIX
from rules.calendar import DAY, at, zone_of
from rules.state import House
from rules.values import utc

KIND = f"{PREFIX}reminder."

DAYS = 14
"""Days that are told of, with today: the store of an ordinary home keeps a little more (agent.store.retention)."""

STEP_ROWS = 100
"""Rows looked through at a time: a commit, and so an alarm, waits behind one such step at most."""

ROWS_MAX, EVENTS_MAX, BYTES_MAX = 20_000, 1_200, 900_000
"""S12: a hub that was offline for months keeps more. Two people with ten reminders a day each have 700 events here."""

LOOK_S = 1.0
"""How long the disk has. What it has given by then is told, with what is in memory."""


class _Event(msgspec.Struct):
    """As much of an event as it takes to see whether it is told."""

    class Data(msgspec.Struct, frozen=True):
        date: str = ""

    type: str = ""
    time: str = ""
    data: Data = Data()


class _Look:
    """One look back, newest first. `events` may be used before it is over; `trouble` says that it is not, or why."""

    def __init__(self, first: date, since: str) -> None:
        self.events: dict[bytes, None] = {}  # in order, each once
        self.since = since
        self.trouble = "the disk did not answer in time"
        self._first = str(first)
        self._bytes = 0

    def take(self, body: bytes) -> bool:
        """Take an event, if it is of a day that is told; False when there is no room for it."""
        event = msgspec.json.decode(body, type=_Event)
        if not event.type.startswith(KIND) or event.data.date < self._first:
            return True
        if len(self.events) >= EVENTS_MAX or self._bytes + len(body) > BYTES_MAX:
            return False
        self.events[body] = None
        self._bytes += len(body)
        self.since = event.time
        return True

    def over(self, spoilt: int, oldest: bytes | None = None) -> None:
        """Take note that there is nothing more, or no room. `oldest` is the oldest event of any type, if it was met."""
        self.trouble = f"{spoilt} events are not as they were stored, and left out" if spoilt else ""
        with contextlib.suppress(msgspec.DecodeError):  # one that is not as it was stored: then what was taken says
            self.since = msgspec.json.decode(oldest, type=_Event).time if oldest else self.since


class Reminders:
    """Answers `{"ask": "reminders"}`. However many ask, they look through the store one after the other.

    A disk that hangs keeps nobody waiting: what is in memory is told, and that it is not all.
    """

    def __init__(self, house: Callable[[], House], writer: Writer, clock: Clock) -> None:
        self._house = house
        self._writer = writer
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None

    async def answer(self) -> bytes:
        """Give a RemindersStatus, as JSON."""
        house, now = self._house(), self._clock.now()
        zone = zone_of(house.plan.time_zone)
        today = date.fromisoformat(at(DAY, zone or UTC, now.wall_ms).date)
        look = await self._look_back(_Look(today - timedelta(DAYS - 1), utc(now.wall_ms)))
        return msgspec.json.encode(
            RemindersStatus(
                hub=house.config.hub,
                wall=utc(now.wall_ms),
                synced=now.synced,
                zone=house.plan.time_zone if zone else "UTC",
                today=str(today),
                days=DAYS,
                since=look.since,
                trouble=look.trouble,
                open=open_reminders(house),
                events=tuple(map(msgspec.Raw, look.events)),
            )
        )

    async def _look_back(self, look: _Look) -> _Look:
        """Look through what is in memory, then, in the time there is, through the store."""
        if not all(look.take(row.body) for row in reversed(self._writer.unwritten)):
            look.over(0)
            return look
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                while self._looking is not None and not self._looking.done():
                    await asyncio.wait({self._looking})  # whoever was before; on a disk that hangs, nobody joins it
                self._looking = asyncio.create_task(self._look_through_store(look), name="reminders")
                await asyncio.shield(self._looking)
        return look

    async def _look_through_store(self, look: _Look) -> None:
        spoilt, before = 0, None
        try:
            for _ in range(ROWS_MAX // STEP_ROWS):
                glance = await self._writer.read(partial(Store.look_back, kind=KIND, count=STEP_ROWS, before=before))
                spoilt, before = spoilt + glance.spoilt, glance.before
                if not all(map(look.take, glance.bodies)):
                    break
                if before is None:
                    look.over(spoilt, await self._writer.read(Store.oldest_kept))
                    return
            look.over(spoilt)
        except StoreError as error:
            look.trouble = str(error)
