"""The watch: hears every home for itself, so that silence is judged when the store is down, and whoever took the event.

It has a line and an intake of its own, over a ledger that forgets: it keeps nothing but who was heard, and when.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, NoReturn

from msgspec.structs import replace

from agent.clock import Clock
from agent.wire.messages import UnreadableError
from agent.wire.topics import ROOT
from centre.cases.events import listed
from centre.homes import Home
from centre.intake import Aside, Entry, Intake, Kept, LedgerDownError, Outcome
from centre.lanes import Lane
from centre.settings import LineSettings
from centre.silence import Seen, Silence, changes, learn, watch
from centre.silence.judging import TICK_MS
from centre.site.settings import SiteError
from centre.store.ledger import StoredLedger
from centre.work.bell import Bell
from centre.work.clocks import OFF_MS, Clocks
from centre.work.desk import Desk, Told
from centre.work.finding import told, told_of_clock
from centre.work.gaps import Heads
from centre.work.keeping import WatchBook
from centre.work.line import Line, Note
from centre.work.members import Members, Roll
from rules.values import Now

REMEMBERED = 20_000
"""Events whose ids are remembered, so that one that comes again is no news."""

TOLD_AT_ONCE = 200
"""Words for cases in one commit."""

log = logging.getLogger(__name__)


class ForgetfulLedger:
    """A ledger that keeps nothing but which of the latest events it has seen. It is never down."""

    def __init__(self, homes: Iterable[Home]) -> None:
        self._homes = tuple(homes)
        self._digests: OrderedDict[tuple[str, str], str] = OrderedDict()

    def take(self, entry: Entry) -> Kept:
        """Say whether an event is new."""
        key = (entry.hub, entry.id)
        known = self._digests.get(key)
        if known is not None:
            return "same" if known == entry.digest else "conflict"
        self._digests[key] = entry.digest
        if len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)
        return "new"

    def keep_home(self, home: Home, claims: Mapping[str, int]) -> None:
        """Keep nothing."""

    def keep_state(self, home: Home, body: bytes, claims: Mapping[str, int]) -> None:
        """Keep nothing."""

    def put_aside(self, aside: Aside) -> None:
        """Keep nothing: the workers do."""

    def homes(self) -> Iterable[Home]:
        """Give the homes it was made with."""
        return self._homes

    def lanes(self, hub: str) -> list[Lane]:  # noqa: ARG002 -- the protocol's
        """Give nothing."""
        return []


class _Snapshot(NamedTuple):
    """What one tick leaves to be kept."""

    silence: Silence
    told: list[Told]
    seen: list[Seen]
    listed: dict[str, list[Told]]
    off: bool | None


class Watch:
    """The leader's watch. Make it on the running loop. `arrived` is rung when a hub comes (again)."""

    def __init__(
        self,
        settings: LineSettings,
        name: str,
        ledger: StoredLedger,
        members: Members,
        desk: Desk,
        book: WatchBook,
        clock: Clock,
        *,
        tick_s: float = TICK_MS / 1000,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger, self._members, self._desk, self._book = ledger, members, desk, book
        self._clock, self._tick_s = clock, tick_s
        self._thread: ThreadPoolExecutor | None = None
        self.line = Line(settings, name, ((f"{ROOT}/+/status", f"{ROOT}/+/state", f"{ROOT}/+/event"),), self._heard)
        self.arrived = Bell()
        self.heads = Heads()
        self.bugs = 0
        self._intake = Intake(ForgetfulLedger(()), {})
        self._roll = Roll(0, {}, frozenset())
        self._seen: dict[str, Seen] = {}
        self._changed: set[str] = set()
        self._listed: dict[str, list[Told]] = {}
        self._silence = self._told = Silence()
        self._clocks = Clocks()
        self._off: bool | None = None  # what was told of our clock; None for nothing yet

    def home(self, hub: str) -> Home | None:
        """Give how a hub is connected, as it said itself."""
        try:
            return self._intake.home(hub)
        except KeyError:
            return None

    def nonce_of(self, hub: str) -> str:
        """Give the nonce of a hub's newest connection while it is online, else an empty text."""
        home = self.home(hub)
        return home.nonce if home is not None and home.online else ""

    async def run(self) -> NoReturn:
        """Watch until cancelled. Raises LedgerDownError and SiteError when they cannot be read at the start."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watch")
        try:
            await self._loop.run_in_executor(self._thread, self._open)
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self.line.run())
                parts.create_task(self._keep_watch())
        finally:
            await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        raise AssertionError("unreachable")

    async def _keep_watch(self) -> NoReturn:
        """Tick every 5 s, whatever the store does; keep what came of it as soon as the store lets us."""
        keeping: asyncio.Task[None] | None = None
        try:
            while True:
                snapshot = await self._loop.run_in_executor(self._thread, self._tick, self.line.up)
                if keeping is not None and keeping.done():
                    keeping.result()  # a bug of ours ends the watch, and it is begun anew
                    keeping = None
                if keeping is None:
                    keeping = asyncio.create_task(self._keep(snapshot))
                else:
                    await self._loop.run_in_executor(self._thread, self._put_back, snapshot)
                await asyncio.sleep(self._tick_s)
        finally:
            if keeping is not None:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    async def _keep(self, snapshot: _Snapshot) -> None:
        try:
            await asyncio.to_thread(self._kept, snapshot)
        except LedgerDownError as error:
            log.warning("what the watch found waits for the store: %s", error)
            await self._loop.run_in_executor(self._thread, self._put_back, snapshot)
        else:
            await self._loop.run_in_executor(self._thread, self._was_kept, snapshot)

    def _kept(self, snapshot: _Snapshot) -> None:
        """Tell the cases first: what is told twice changes nothing, and what was never told nobody would miss."""
        words = [*snapshot.told, *(each for several in snapshot.listed.values() for each in several)]
        for first in range(0, len(words), TOLD_AT_ONCE):
            self._tell(words[first : first + TOLD_AT_ONCE])
        self._book.keep(snapshot.silence, snapshot.seen)

    def _tell(self, words: Sequence[Told]) -> None:
        """Tell the cases; what we fail at of one home must not keep the others from being told."""
        try:
            self._desk.take_all(words)
        except LedgerDownError:
            raise
        except Exception:
            self.bugs += 1
            log.exception("what was found at %s could not be told", words[0].hub if len(words) == 1 else "some homes")
            if len(words) > 1:
                for each in words:
                    self._tell([each])

    # --- on the thread ---------------------------------------------------------------------------------

    def _open(self) -> None:
        """Go on where the last leader stood; whoever was connected then says so again, by what the broker retains."""
        homes = [replace(each, lines=(), nonce="", past=()) for each in self._ledger.homes()]
        self._intake = Intake(ForgetfulLedger(homes), {})
        self._seen = {each.hub: each for each in self._book.seen()}
        self._silence = self._told = self._book.silence() or Silence()
        self._roll = Roll(0, {}, frozenset())
        self._learn_roll(self._members.look())

    def _look(self) -> None:
        """Learn who belongs to us, and who does no more. A registry that cannot be read changes nothing."""
        try:
            roll = self._members.look()
        except SiteError as error:
            log.warning("whose hubs these are cannot be read: %s", error)
            return
        self._learn_roll(roll)

    def _learn_roll(self, roll: Roll) -> None:
        before = self._roll
        if roll is before:
            return
        for hub, member in roll.members.items():
            if member != before.members.get(hub):
                self._intake.register(hub, [member.signing])
            if hub not in self._seen:
                self._seen[hub] = Seen(hub=hub, enrolled_ms=member.enrolled_ms)
                self._changed.add(hub)
        for hub in before.members.keys() - roll.members.keys():
            self._intake.forget(hub)
        self._roll = roll

    def _work(self, note: Note, at: Now, done: Callable[[], None]) -> None:
        new_line = False
        try:
            new_line = self._learn(note, at)
        except Exception:
            self.bugs += 1
            log.exception("a message of %s could not be watched", note.topic[:100])
        self._loop.call_soon_threadsafe(self._worked, new_line, done)

    def _learn(self, note: Note, at: Now) -> bool:
        """Learn from a message; say whether a hub has come by it."""
        outcome = self._intake.receive(note.topic, note.payload, at, retained=note.retained)
        if not outcome.hub and outcome.verdict == "quarantined":
            return False
        hub = outcome.hub
        if hub not in self._roll.members:
            if outcome.verdict != "quarantined":
                return False
            self._look()
            if hub not in self._roll.members:
                return False
            outcome = self._intake.receive(note.topic, note.payload, at, retained=note.retained)
        before, home = self._seen[hub], self._intake.home(hub)
        seen = learn(before, home, outcome, at.wall_ms)
        if seen is not before:
            self._seen[hub] = seen
            self._changed.add(hub)
        self.heads.heard(outcome, at.ms)
        self._clocks.heard(outcome, at)
        self._list(hub, outcome, at.wall_ms)
        return outcome.verdict == "status" and home.online

    def _list(self, hub: str, outcome: Outcome, at_ms: int) -> None:
        """Note the alarms that a hub says it has open: none stays out of sight, whatever became of its event."""
        if outcome.verdict != "state" or outcome.state is None:
            return
        words = []
        for note in outcome.state.alarms:
            try:
                word = listed(note, at_ms)
            except UnreadableError as error:
                log.warning("an alarm in the state of %s cannot be named: %s", hub, error)
                continue
            if word is not None:
                words.append(Told(hub, word))
        self._listed[hub] = words

    def _tick(self, hearing: bool) -> _Snapshot:  # noqa: FBT001 -- called through an executor
        self._look()
        homes = [self._seen[hub] for hub in self._roll.members]
        now = self._clock.now()
        self._silence = watch(self._silence, homes, now.wall_ms, hearing=hearing)
        words = [word for change in changes(self._told, self._silence) if (word := told(change)) is not None]
        ahead_ms = self._clocks.ahead_ms(now.ms)
        off = self._off if ahead_ms is None else abs(ahead_ms) > OFF_MS
        if ahead_ms is not None and off is not None and off != self._off:
            words.append(told_of_clock(ahead_ms, now.wall_ms, off=off))
        changed, self._changed = self._changed, set()
        several, self._listed = self._listed, {}
        return _Snapshot(self._silence, words, [self._seen[hub] for hub in sorted(changed)], several, off)

    def _was_kept(self, snapshot: _Snapshot) -> None:
        self._told, self._off = snapshot.silence, snapshot.off

    def _put_back(self, snapshot: _Snapshot) -> None:
        """Keep what the store did not take for the next time."""
        self._changed.update(each.hub for each in snapshot.seen)
        self._listed = {**snapshot.listed, **self._listed}

    # --- on the loop -----------------------------------------------------------------------------------

    def _heard(self, note: Note, done: Callable[[], None]) -> None:
        assert self._thread is not None  # noqa: S101 -- there before the line
        self._thread.submit(self._work, note, self._clock.now(), done)

    def _worked(self, new_line: bool, done: Callable[[], None]) -> None:  # noqa: FBT001 -- called by the thread
        done()
        if new_line:
            self.arrived.ring()
