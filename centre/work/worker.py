"""A worker: hears its share of the events, keeps them, and only then signs and sends their receipts.

Several share the load by the broker's shared subscription, in as many processes. The store is asked on a thread of the
worker's own; the loop only carries.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import NamedTuple, NoReturn, Protocol, TypeVar

from agent.clock import Clock
from agent.wire.topics import ROOT, hub_of, topic
from centre.homes import Home
from centre.intake import Aside, Entry, Intake, Kept, Ledger, LedgerDownError, Outcome, Verdict
from centre.issue import Issuer
from centre.lanes import Lane
from centre.settings import LineSettings
from centre.site.settings import SiteError
from centre.work.bell import Bell
from centre.work.line import Line, Note
from centre.work.members import Members, Roll
from rules.values import Now

LOOK_EVERY_S = 2.0
"""How often the roll is looked at; for a hub that nobody knows at once."""

DOWN_MS = 1_000
"""How long a store that failed is not asked again: each hub is told `retry` at once, rather than in its turn."""

_STIRRING: frozenset[Verdict] = frozenset({"accepted", "conflict", "rejected", "quarantined"})
"""What the follower wants to see."""

TOGETHER_MAX = 50
"""Messages in one commit. What waits goes together: a busy centre is not held up by its disk's syncs."""

OWED_MAX = 500
"""Events that wait for their hub's nonce; beyond it the oldest is left: its hub offers it again (S12)."""

log = logging.getLogger(__name__)
_T = TypeVar("_T")


class JointLedger(Ledger, Protocol):
    """A ledger that can keep several things in one commit."""

    def together(self) -> AbstractContextManager[None]:
        """Keep what is done within in one commit, or nothing of it. Raises LedgerDownError."""


class Heard(NamedTuple):
    """A message, when it came, and what to call (on the loop) once it was dealt with."""

    note: Note
    at: Now
    done: Callable[[], None]


class Worked(NamedTuple):
    """What a message came to; None for a bug. `token` is its receipt, signed; empty for none."""

    outcome: Outcome | None
    token: bytes
    done: Callable[[], None]


class PatientLedger:
    """A ledger that, when it was down, says so at once for a while. A server that hangs costs seconds at every call."""

    def __init__(self, ledger: JointLedger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._down_until_ms: int | None = None
        self._why = ""

    def take(self, entry: Entry) -> Kept:
        """Keep an event."""
        return self._asked(lambda: self._ledger.take(entry))

    def keep_home(self, home: Home, claims: Mapping[str, int]) -> None:
        """Keep what is known of a hub."""
        self._asked(lambda: self._ledger.keep_home(home, claims))

    def keep_state(self, home: Home, body: bytes, claims: Mapping[str, int]) -> None:
        """Keep a hub's state."""
        self._asked(lambda: self._ledger.keep_state(home, body, claims))

    def put_aside(self, aside: Aside) -> None:
        """Keep a message in the quarantine."""
        self._asked(lambda: self._ledger.put_aside(aside))

    def homes(self) -> Iterable[Home]:
        """Give every hub known."""
        return self._asked(self._ledger.homes)

    def lanes(self, hub: str) -> list[Lane]:
        """Give a hub's lanes."""
        return self._asked(lambda: self._ledger.lanes(hub))

    def together(self) -> AbstractContextManager[None]:
        """Keep what is done within in one commit. What fails of it is asked for again, one by one: so this may fail."""
        return self._ledger.together()

    @property
    def down(self) -> bool:
        """Whether it is not asked at all just now."""
        return self._down_until_ms is not None and self._clock.now().ms < self._down_until_ms

    def _asked(self, ask: Callable[[], _T]) -> _T:
        if self.down:
            raise LedgerDownError(self._why)
        try:
            answer = ask()
        except LedgerDownError as error:
            self._down_until_ms, self._why = self._clock.now().ms + DOWN_MS, str(error)
            raise
        self._down_until_ms = None
        return answer


class Worker:
    """One worker. Make it on the running loop. `kept` is rung when it has kept something new."""

    def __init__(
        self, settings: LineSettings, name: str, ledger: JointLedger, members: Members, clock: Clock, kept: Bell
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = PatientLedger(ledger, clock)
        self._members, self._clock, self._kept = members, clock, kept
        self._issuer = Issuer(settings.key)
        self._intake: Intake | None = None
        self._roll = Roll(0, {}, frozenset())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="intake")
        self._waiting: deque[Heard] = deque()  # as long as the broker's window at most
        self._owed: deque[Heard] = deque(maxlen=OWED_MAX)
        # Plain ones first: an event can only be receipted once its hub's nonce is known.
        groups = (
            (f"{ROOT}/+/status", f"{ROOT}/+/state"),
            (f"$share/{settings.group}/{ROOT}/+/event",),
        )
        self.line = Line(settings, name, groups, self._heard)
        self.bugs = 0

    @property
    def counters(self) -> dict[str, int]:
        """How many messages came to what."""
        return {} if self._intake is None else {str(name): count for name, count in self._intake.counters.items()}

    async def run(self) -> NoReturn:
        """Work until cancelled. Raises LedgerDownError and SiteError when they cannot be read at the start."""
        try:
            await self._loop.run_in_executor(self._thread, self._open)
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self.line.run())
                parts.create_task(self._keep_looking())
        finally:
            # What is under way is finished: its commit is made, though no receipt will go.
            await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        raise AssertionError("unreachable")

    async def _keep_looking(self) -> NoReturn:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._loop.run_in_executor(self._thread, self._look)

    def _heard(self, note: Note, done: Callable[[], None]) -> None:
        """Hand a message to the thread; it came now. Of several that wait, the first turn takes all."""
        self._waiting.append(Heard(note, self._clock.now(), done))
        self._thread.submit(self._work)

    # --- on the thread ---------------------------------------------------------------------------------

    def _open(self) -> None:
        # Without a roll every hub would be unknown: then it does not begin, and the broker keeps what there is.
        roll = self._members.look()
        self._intake = Intake(self._ledger, {})
        self._learn_roll(self._intake, roll)

    def _look(self) -> None:
        """Learn who belongs to us, and who does no more. A registry that cannot be read changes nothing."""
        try:
            roll = self._members.look()
        except SiteError as error:
            log.warning("whose hubs these are cannot be read: %s", error)
            return
        if self._intake is not None and roll is not self._roll:
            self._learn_roll(self._intake, roll)

    def _learn_roll(self, intake: Intake, roll: Roll) -> None:
        before, self._roll = self._roll.members, roll
        for hub, member in roll.members.items():
            if member != before.get(hub):
                intake.register(hub, [member.signing])
        for hub in before.keys() - roll.members.keys():
            intake.forget(hub)

    def _work(self) -> None:
        """Take what waits; send receipts. Nothing may escape: the broker would wait for its acknowledgement."""
        heard: list[Heard] = []
        while self._waiting and len(heard) < TOGETHER_MAX:
            heard.append(self._waiting.popleft())
        if heard:
            worked = self._taken_together(heard) or [self._taken(each) for each in heard]
            worked += [self._taken(each) for each in self._owing(heard, worked)]
            self._loop.call_soon_threadsafe(self._worked, worked)

    def _owing(self, heard: Sequence[Heard], worked: Sequence[Worked]) -> list[Heard]:
        """Give the events that had no receipt for want of their hub's nonce, and whose hub has said it now.

        Without, the hub would wait for its next try. Each is asked of the store again: it is there, and receipted.
        """
        for each, (outcome, token, _) in zip(heard, worked, strict=True):
            if outcome is not None and outcome.event is not None and not token:
                self._owed.append(each._replace(done=_nothing))
        known = {outcome.hub for outcome, _, _ in worked if outcome is not None and outcome.verdict == "status"}
        now = [each for each in self._owed if hub_of(each.note.topic) in known] if known else []
        for each in now:
            self._owed.remove(each)
        return now

    def _taken_together(self, heard: Sequence[Heard]) -> list[Worked]:
        """Take several in one commit. Nothing, if that cannot be: one of them may be what stops the others."""
        assert self._intake is not None  # noqa: S101 -- opened before the line
        if len(heard) == 1 or self._ledger.down:
            return []
        try:
            with self._intake.together(), self._ledger.together():
                outcomes = [self._receive(each) for each in heard]
            # S2: after the commit there is a receipt, and not before; nor does anybody wait while it is signed.
            return [self._worked_out(each, outcome) for each, outcome in zip(heard, outcomes, strict=True)]
        except Exception as error:  # noqa: BLE001 -- each is taken by itself now, and says what is wrong with it
            log.warning("%d messages could not be kept together: %s", len(heard), error)
            return []

    def _taken(self, heard: Heard) -> Worked:
        try:
            return self._worked_out(heard, self._receive(heard))
        except Exception:
            self.bugs += 1
            log.exception("a message of %s could not be taken", heard.note.topic[:100])
            return Worked(None, b"", heard.done)

    def _receive(self, heard: Heard) -> Outcome:
        note = heard.note
        assert self._intake is not None  # noqa: S101 -- opened before the line
        hub = hub_of(note.topic)
        if hub and hub not in self._roll.members:
            self._look()  # it may have enrolled a moment ago
        return self._intake.receive(note.topic, note.payload, heard.at, retained=note.retained)

    def _worked_out(self, heard: Heard, outcome: Outcome) -> Worked:
        token = b"" if outcome.receipt is None else self._issuer.seal(outcome.receipt)
        return Worked(outcome, token, heard.done)

    # --- on the loop -----------------------------------------------------------------------------------

    def _worked(self, worked: Sequence[Worked]) -> None:
        """S2: what was kept is receipted now, after its commit."""
        for outcome, token, done in worked:
            if outcome is not None and token:
                self.line.send(topic(outcome.hub, "receipt"), token)
            done()
        if any(outcome is not None and outcome.verdict in _STIRRING for outcome, _, _ in worked):
            self._kept.ring()


def _nothing() -> None:
    """Acknowledge nothing: that was done when it came."""
