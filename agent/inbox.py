"""The one inbox: whatever can change the hub's mind waits here, stamped and bounded, alarms in a lane of their own."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from agent.clock import Clock
from rules.events import (
    AnswerHeld,
    AnswerPressed,
    CallPressed,
    CancelPressed,
    Cleared,
    Event,
    Heard,
    HelpArrived,
    Measured,
    Started,
    Triggered,
)
from rules.values import Now

ALARM_PLACES = 512
"""Beyond this many waiting alarm events, one that waits already is not queued again: alarms are never dropped (S5)."""

PLACES = 2_048
"""Waiting receipts, commands and faults. A receipt or command that finds no place is sent again by the centre."""

TELEMETRY_PLACES = 512
"""Waiting readings and signs of life; the oldest goes first (S12)."""

_ALARM_LANE = (Triggered, Cleared, CallPressed, CancelPressed, HelpArrived, AnswerPressed, AnswerHeld)
"""With the presses that answer: the one button cancels as it goes down and answers as it comes up, in that order."""

_TELEMETRY = (Heard, Measured)


class Arrival(NamedTuple):
    """An event with the moment it came, and whom to tell once it is durable."""

    now: Now
    event: Event
    durable: Callable[[], None] | None = None


class Inbox:
    """Three bounded queues and one bell. Used from the event loop's thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alarms: deque[Arrival] = deque()
        self._others: deque[Arrival] = deque()
        self._telemetry: deque[Arrival] = deque()
        self._bell = asyncio.Event()
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._alarms) + len(self._others) + len(self._telemetry)

    def put(self, event: Event, durable: Callable[[], None] | None = None) -> bool:
        """Stamp an event and let it wait its turn; False when there was no place for it, which is counted."""
        arrival = Arrival(self._clock.now(), self._writable(event), durable)
        if isinstance(event, Started):
            kept = True
            self._alarms.appendleft(arrival)  # S1: no id is given before its epoch is open, whatever came first
        elif isinstance(event, _ALARM_LANE):
            kept = self._put_alarm(arrival)
        elif isinstance(event, _TELEMETRY):
            kept = True
            if len(self._telemetry) >= TELEMETRY_PLACES:
                self._telemetry.popleft()
                self.dropped["telemetry"] += 1
            self._telemetry.append(arrival)
        else:
            kept = len(self._others) < PLACES
            if kept:
                self._others.append(arrival)
            else:
                self.dropped["others"] += 1
        self._bell.set()
        return kept

    def _writable(self, event: Event) -> Event:
        """Make sure that the journal can hold the event: text from outside may be no text at all."""
        try:
            msgspec.json.encode(event)
        except (UnicodeError, msgspec.EncodeError):
            self.dropped["characters that are none"] += 1
            texts = {name: text for name in event.__struct_fields__ if isinstance(text := getattr(event, name), str)}
            return replace(event, **{name: text.encode(errors="replace").decode() for name, text in texts.items()})
        return event

    def tell(self, event: Event) -> None:
        """Put an event for somebody who need not know whether there was a place."""
        self.put(event)

    def _put_alarm(self, arrival: Arrival) -> bool:
        """S5: always a place; only an event that waits already is not queued twice, so the lane stays bounded."""
        if len(self._alarms) >= ALARM_PLACES and any(_alike(waiting.event, arrival.event) for waiting in self._alarms):
            self.dropped["alarm-repeats"] += 1
            return False
        self._alarms.append(arrival)
        return True

    def take(self, most: int) -> list[Arrival]:
        """Take up to `most` arrivals, alarms first."""
        taken: list[Arrival] = []
        for lane in (self._alarms, self._others, self._telemetry):
            while lane and len(taken) < most:
                taken.append(lane.popleft())
        return taken

    async def wait(self, timeout_s: float) -> None:
        """Wait until something is here, or the time is up."""
        if len(self) == 0:
            self._bell.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._bell.wait()
            except TimeoutError:
                return


def _alike(one: Event, other: Event) -> bool:
    return type(one) is type(other) and getattr(one, "sensor", "") == getattr(other, "sensor", "")
