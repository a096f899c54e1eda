"""The world: a home with its hub, a line, a broker and a centre, played through a script and judged at every step."""

import asyncio
import logging
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from agent.hub import Turned
from agent.inbox import Arrival
from agent.wire.messages import CloudEvent, decode_event
from centre.intake import Outcome
from rules.actions import ChirpName, Say
from rules.events import AnyEvent, PlanOffered
from rules.plan import Plan
from rules.projection import Display
from rules.state import House
from rules.values import Now
from simulators.world import clock
from simulators.world.answering import Answering
from simulators.world.box import Box, Watcher, task_of_a_process
from simulators.world.broker import Broker, Message
from simulators.world.centre import Centre
from simulators.world.household import MOBILE
from simulators.world.line import Line
from simulators.world.link import Network, WorldLink
from simulators.world.loop import run_virtual
from simulators.world.promises import JUDGES, Judge
from simulators.world.promises.noticed import Proven
from simulators.world.promises.replay import Replayed
from simulators.world.script import Script
from simulators.world.signing import Signatures, cheap

SETTLE_S = 120.0
SETTLE_TIMES = 120
"""After the last fault: how often we look whether all has come to rest, and how long between."""

Tell = Callable[[int, str], None]
"""Is told when (ms of the world) and what."""

NEVER_MS = 1 << 62
RECEIVE_MAXIMA = (20, 20, 8)
"""Mosquitto's, and a small broker's."""

_JOURNAL = "SELECT number, ms, wall_ms, synced, event FROM journal WHERE number > ? ORDER BY number"
_EVENTS: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_OUTBOX = "SELECT number, epoch || '-' || lane || '-' || seq, rank, digest FROM outbox WHERE number > ? ORDER BY number"


class Broken(msgspec.Struct, frozen=True):
    """A promise that was broken: which, when, and how."""

    promise: str
    at_ms: int
    what: str


class Played(msgspec.Struct):
    """How a script went. `counted` says what was seen; `digest` stands for everything the centre received."""

    broken: Broken | None
    counted: Counter[str]
    lasted_ms: int
    digest: str


class World(Watcher):
    """One world. Made on a virtual loop; `seed` decides whatever the script does not say."""

    def __init__(self, seed: int, folder: Path, tell: Tell | None, signs: Signatures) -> None:
        dice = random.Random(f"world {seed}")
        self.signs = signs
        self.counted: Counter[str] = Counter()
        self.found: Broken | None = None
        self.over = asyncio.Event()
        self.tell = tell
        self.broker = Broker(dice.choice(RECEIVE_MAXIMA))
        self.line = Line(dice)
        self.network = Network(self.line, self.broker)
        self.mobile = Network(Line(random.Random(f"mobile {seed}")), self.broker, "mobile")
        self.centre = Centre(Network(Line(dice), self.broker), dice, clock.true_now, signs)
        self.box = Box(folder, dice, {"": self.network, MOBILE: self.mobile}, self, signs)
        self.judges: tuple[Judge, ...] = tuple(judge(self) for judge in JUDGES)
        self._minding: dict[str, tuple[Judge, ...]] = {}
        self.plan = Plan()
        self._replayed = next(judge for judge in self.judges if isinstance(judge, Replayed))
        self.unproven: set[bytes] = set()
        self._journal_read = self._outbox_read = 0
        self._ails: dict[str, tuple[bool, int]] = {}
        self._line_ill: set[str] = set()
        self._line_since_ms = self.disk_since_ms = 0
        self._display = Display()
        for network in (self.network, self.mobile):
            network.published = self._published
            network.received = self._received
        self.centre.heard = self._kept
        self.box.sprung = lambda: None
        self.listens: Callable[[Say], None] = lambda _say: None

    # --- what judges may see -----------------------------------------------------------------------

    def now_ms(self) -> int:
        """Give the world's time."""
        return clock.world_ms()

    def later(self, after_ms: float, check: Callable[[], None]) -> None:
        """Look again later."""
        asyncio.get_running_loop().call_later(after_ms / 1000, check)

    @property
    def house(self) -> House:
        """Give the house as the hub knows it; an empty one while there is no hub."""
        daemon = self.box.daemon
        return daemon.hub.house if daemon is not None and self.box.armed else House()

    def _minds(self, what: str) -> tuple[Judge, ...]:
        """Give the judges that take note of such a thing: it happens thousands of times a day."""
        if what not in self._minding:
            self._minding[what] = tuple(
                judge for judge in self.judges if getattr(type(judge), what) is not getattr(Judge, what)
            )
        return self._minding[what]

    def broken(self, judge: Judge, what: str) -> None:
        """Take the first broken promise, and stop."""
        if self.found is None:
            self.found = Broken(judge.name, self.now_ms(), what)
            self.say(f"BROKEN: {judge.name}: {what}")
            self.over.set()

    def say(self, what: str) -> None:
        """Tell the story."""
        if self.tell is not None:
            self.tell(self.now_ms(), what)

    def ill(self, what: str, *, ill: bool) -> None:
        """The way to the centre is spoilt by something, or no longer by that."""
        if ill:
            self._line_ill.add(what)
        else:
            self._line_ill.discard(what)
        self._line_since_ms = self.now_ms()

    @property
    def line_well_ms(self) -> int:
        """Give since when the way to the centre has been open and honest."""
        return NEVER_MS if self._line_ill else self._line_since_ms

    def ails(self, what: str, *, ill: bool) -> None:
        """Something is out of order, or well again."""
        self._ails[what] = ill, self.now_ms()

    def well_ms(self, *what: str) -> int:
        """Give since when all of these have been well; far in the future while one is not."""
        known = [self._ails[each] for each in what if each in self._ails]
        return NEVER_MS if any(ill for ill, _ in known) else max((at_ms for _, at_ms in known), default=0)

    def ill_ms(self, *what: str) -> int:
        """Give since when one of these has been out of order; far in the future while none is."""
        known = [self._ails[each] for each in what if each in self._ails]
        return min((at_ms for ill, at_ms in known if ill), default=NEVER_MS)

    def disk_changed(self) -> None:
        """The disk became well."""
        self.disk_since_ms = self.now_ms()

    @property
    def disk_well_ms(self) -> int:
        """Give since when the disk has been well."""
        return self.disk_since_ms if self.box.disk.well else NEVER_MS

    # --- what the box does -------------------------------------------------------------------------

    def shown(self, display: Display) -> None:
        """Lamps and sounds."""
        if display != self._display:
            self._display = display
            self.say(f"the home shows: call {display.call}, tone {display.tone}" + (", SIREN" if display.siren else ""))
        for judge in self.judges:
            judge.shown(display)

    def chirped(self, name: ChirpName) -> None:
        """A short sound."""
        self.say(f"the home sounds: {name}")

    def said(self, say: Say) -> None:
        """Speech: whoever is at home may answer."""
        self.say(f"the home says: {say.prompt or say.text}")
        self.listens(say)

    def turned(self, turned: Turned) -> None:
        """The hub turned, and acted."""
        self.counted["turns of the hub"] += 1
        for judge in self._minds("turned"):
            judge.turned(turned)
        if self.tell is not None:
            for row in turned.rows:
                self.say(f"the hub decides: {decode_event(row.body).type} ({row.id})")

    def started(self) -> None:
        """A process turned for the first time."""
        self.say(f"the hub runs again (epoch {self.house.epoch})")
        if self.box.daemon is not None and self.plan.version:
            self.box.daemon.inbox.put(PlanOffered(self.plan))  # as it lies on the hub's disk
        for judge in self.judges:
            judge.started()

    def died(self) -> None:
        """A process is gone."""
        self._display = Display()
        for judge in self.judges:
            judge.died()

    def touched(self, connection: sqlite3.Connection) -> None:
        """Read what became durable, and let it be judged."""
        try:
            if connection.in_transaction:
                return
            entries = connection.execute(_JOURNAL, (self._journal_read,)).fetchall()
            if not entries:
                return
            rows = connection.execute(_OUTBOX, (self._outbox_read,)).fetchall()
            (house,) = connection.execute("SELECT body FROM house").fetchone()
        except sqlite3.Error:
            return  # a disk that cannot be read just now
        self._journal_read = entries[-1][0]
        self._outbox_read = rows[-1][0] if rows else self._outbox_read
        arrivals = [
            Arrival(Now(ms, wall_ms, bool(synced)), _EVENTS.decode(event)) for _, ms, wall_ms, synced, event in entries
        ]
        self._became_durable(connection, arrivals, rows)
        steps = self._replayed.committed(arrivals, {ref: digest for _, ref, _, digest in rows}, bytes(house))
        for judge in self.judges if steps is None else ():
            judge.forgot()
        for judge in self._minds("stepped"):
            for step in steps or ():
                judge.stepped(step)

    def _became_durable(
        self, connection: sqlite3.Connection, arrivals: list[Arrival], rows: list[tuple[int, str, int, str]]
    ) -> None:
        for judge in self._minds("touched"):
            judge.touched(connection)
        for judge in self._minds("journalled"):
            for arrival in arrivals:
                judge.journalled(arrival.now, arrival.event)
        for judge in self._minds("row_kept"):
            for _, ref, rank, digest in rows:
                judge.row_kept(ref, rank, digest)

    def link_made(self, link: WorldLink) -> None:
        """The hub makes a connection: tell when it is up."""

    # --- what goes over the line -------------------------------------------------------------------

    def _published(self, link: WorldLink, topic: str, token: bytes) -> None:
        if topic.endswith("/status"):
            for judge in self.judges:
                judge.link_up(link)
        if not topic.endswith("/event"):
            return
        event = msgspec.json.decode(self.signs.look(token), type=CloudEvent)
        for judge in self.judges:
            judge.published(link, event)

    def _received(self, link: WorldLink, message: Message) -> None:
        if message.payload not in self.unproven or self.box.daemon is None:
            link.take(message)
            return
        before = self._proof()
        link.take(message)
        for judge in self.judges:
            if isinstance(judge, Proven):
                judge.judged(before, self._proof())

    def _proof(self) -> tuple[int, int]:
        daemon = self.box.daemon
        return (sum(daemon.inward.refused.values()), len(daemon.inbox)) if daemon is not None else (0, 0)

    def _kept(self, outcome: Outcome) -> None:
        if outcome.event is not None and outcome.verdict == "accepted" and outcome.channel == "event":
            self.counted["events at the centre"] += 1
            if not outcome.event.type.endswith("check-in"):
                self.say(f"the centre has: {outcome.event.type} ({outcome.event.id})")
        for judge in self.judges:
            judge.kept(outcome)

    # --- its course --------------------------------------------------------------------------------

    async def play(self, script: Script) -> None:
        """Play a script to its end, and let the world come to rest; stops at the first broken promise."""
        loop = asyncio.get_running_loop()
        incidents = Answering(self)
        self.box.start()
        for incident in script:
            at_s = clock.BEGAN_S + incident.at_ms / 1000
            if await self._until(at_s - loop.time()):
                return
            incidents.play(incident)
        if await self._until((incidents.until_ms - self.now_ms()) / 1000 + 1):
            return
        await self._settle()

    async def _until(self, seconds: float) -> bool:
        """Let time pass; True when a promise was broken meanwhile."""
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self.over.wait()
            except TimeoutError:
                pass
        return self.found is not None

    async def _settle(self) -> None:
        """Every fault has ended: soon nothing may be open, waiting or missing."""
        self.say("every fault has ended")
        for _ in range(SETTLE_TIMES):
            self.centre.resolve_all()
            self.centre.ask_for_missing()
            if await self._until(SETTLE_S) or self._at_rest():
                break
        for judge in self.judges:
            if self.found is None:
                judge.settled()
        if self.found is None and not self._at_rest():
            alarms = [alarm.id for alarm in self.house.alarms]
            self.found = Broken(
                "the world comes to rest", self.now_ms(), f"open {alarms}, cases {list(self.centre.cases)}"
            )

    def _at_rest(self) -> bool:
        daemon = self.box.daemon
        return (
            daemon is not None
            and self.box.armed
            and not self.house.alarms
            and not self._open_cases()
            and not self.centre.intake.missing("hub-world")
            and not any(len(uplink.window) for uplink in daemon.uplinks)
        )

    def _open_cases(self) -> list[str]:
        """Give the cases that staff may still close. Where the centre refused events for good, it knows less."""
        cases = list(self.centre.cases)
        return [each for each in cases if self.house.alarm(each)] if self.centre.refused else cases

    def end(self) -> None:
        """Let go of everything."""
        self.over.set()
        self.centre.end()
        self.box.end()


def play(seed: int, script: Script, tell: Tell | None = None, signs: Signatures | None = None) -> Played:
    """Play a script in a world of its own. The same seed and script give the same, to the last byte."""
    logging.disable(logging.CRITICAL)  # the hub has much to say about such days
    memory = Path("/dev/shm")  # noqa: S108 -- a folder of our own within it
    try:
        with tempfile.TemporaryDirectory(prefix="world-", dir=memory if memory.is_dir() else None) as folder:
            return run_virtual(_play(seed, script, Path(folder), tell, signs or cheap()))
    finally:
        logging.disable(logging.NOTSET)


async def _play(seed: int, script: Script, folder: Path, tell: Tell | None, signs: Signatures) -> Played:
    asyncio.get_running_loop().set_task_factory(task_of_a_process)  # type: ignore[arg-type]
    world = World(seed, folder, tell, signs)
    try:
        await world.play(script)
        digest = world.centre.fingerprint()
    finally:
        world.end()
    return Played(world.found, world.counted, clock.world_ms(), digest)
