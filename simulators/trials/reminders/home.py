"""A hub for the year of reminders: real rules, hub and store in a process that is killed; and a centre with a ledger.

Its clocks are set by the trial, and the line to the centre loses receipts. Nothing waits: a year takes seconds.
"""

import random
from collections import Counter
from pathlib import Path

from agent.hub import Hub
from agent.inbox import Arrival
from agent.store.opening import open_store
from agent.store.store import Store
from agent.wire.messages import decode_event, decode_report
from rules.events import ClockChanged, Config, Event, LinkDown, LinkUp, PlanOffered, Receipted, Sensor, Started, Tick
from rules.plan import Plan, Reminder
from rules.reports import ReminderFacts, Report
from rules.values import Now
from simulators.trials.trial import Violation

BOOTED_MS = 15_000
LOST_RECEIPTS = 0.05
"""How many receipts get lost: the hub then offers what the centre has already."""

_MANY = 1_000


class Home:
    """The hub, the clock on its wall, and what the centre was told. Moments are true time, in Unix milliseconds."""

    def __init__(self, folder: Path, dice: random.Random, zone: str, begin_ms: int) -> None:
        self.dice, self.zone, self.true_ms = dice, zone, begin_ms
        self.wrong_ms = 0
        """How far the hub's trusted clock is ahead of the true time."""
        self.ledger: dict[str, Report] = {}
        self.offers: Counter[str] = Counter()
        self.kill = ""
        """Where the process is killed in its next turn: `before` it is committed, or `after`."""
        self.killed = False
        self._path = folder / "hub.db"
        self._starts, self._boots, self._version = 0, 1, 0
        self._boot_ms = begin_ms - BOOTED_MS
        self._told: dict[str, bytes] = {}
        self._store: Store
        self._hub: Hub
        self.start()

    # --- the process -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process, from what was committed."""
        self._store = open_store(self._path).store
        self._store.connection.execute("PRAGMA synchronous = OFF")  # processes die here; power cuts have their trials
        self._hub = Hub.restore(self._store.load())
        self._starts += 1
        sensors = (Sensor("lid", "lid", "kitchen", "p1"),)
        self.killed = False
        self.happens(Started(f"boot{self._boots}", f"e{self._starts}", Config("hub-1", sensors)))

    def die(self) -> None:
        """SIGKILL."""
        self._store.close()
        self.killed = True

    def reboot(self, off_ms: int) -> None:
        """No power for so long; the clock is known at once, as with a battery of its own."""
        self.die()
        self.true_ms += off_ms
        self._boots += 1
        self._boot_ms = self.true_ms - BOOTED_MS
        self.start()

    def restart(self, down_ms: int) -> None:
        """The process is gone, and comes back after so long."""
        if not self.killed:
            self.die()
        self.true_ms += down_ms
        self.start()

    # --- time and events -----------------------------------------------------------------------------

    @property
    def wall_ms(self) -> int:
        """What the hub's clock shows."""
        return self.true_ms + self.wrong_ms

    def until(self, true_ms: int) -> None:
        """Let time pass; the hub wakes for its deadlines. Stops early when the process is killed."""
        while not self.killed:
            due_ms = self._hub.next_deadline()
            at_ms = true_ms if due_ms is None else max(self._boot_ms + due_ms, self.true_ms)
            if at_ms > true_ms:
                break
            self.true_ms = at_ms
            self.happens(Tick())
            if due_ms is None:
                break
        if not self.killed:
            self.true_ms = max(self.true_ms, true_ms)

    def happens(self, event: Event) -> None:
        """One turn: stepped, committed (S1), and left to wait for the line."""
        if self.killed:
            return
        turned = self._hub.turn([Arrival(Now(self.true_ms - self._boot_ms, self.wall_ms, synced=True), event)])
        if self.kill == "before":
            self.kill = ""
            self.die()
            return
        self._store.commit(turned.batch)
        if self.kill == "after":
            self.kill = ""
            self.die()
            return

    def set_clock(self, wrong_ms: int) -> None:
        """Somebody who is trusted sets the clock."""
        self.wrong_ms = wrong_ms
        self.happens(ClockChanged(synced=True))

    def plan(self, reminders: tuple[Reminder, ...]) -> None:
        """A newer plan."""
        self._version += 1
        self.happens(PlanOffered(Plan(version=self._version, time_zone=self.zone, reminders=reminders)))

    # --- the centre ------------------------------------------------------------------------------------

    def connect(self) -> int:
        """Let the line be there for a moment: what waits is offered to the centre; give what still waits."""
        self.happens(LinkUp("main"))
        self._deliver()
        self.happens(LinkDown("main", "the end of the moment"))
        return 0 if self.killed else len(self._store.waiting(_MANY))

    def _deliver(self) -> None:
        if self.killed:
            return
        for row in self._store.waiting(_MANY):
            if self._told.setdefault(row.id, row.body) != row.body:
                raise Violation(f"S2: {row.id} came with other bytes")
            self.offers[row.id] += 1
            report = decode_report(decode_event(row.body))
            if report is not None:
                self.ledger[row.id] = report
            if self.dice.random() >= LOST_RECEIPTS:
                self.happens(Receipted(row.id, "accepted"))

    @property
    def reminded(self) -> list[ReminderFacts]:
        """What the centre knows of reminders, in the order in which it learnt it."""
        return [each for each in self.ledger.values() if isinstance(each, ReminderFacts)]

    @property
    def unwell(self) -> list[str]:
        """Rules that failed."""
        return [each.reason for each in self._hub.house.faults if each.fault == "engine"]

    def end(self) -> None:
        """Let go of the disk."""
        self._store.close()
