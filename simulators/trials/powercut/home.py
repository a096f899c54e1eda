"""The home of the power-cut trial: the real hub and store, and a cut tried at every boundary of every commit."""

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Self

import msgspec

from agent.hub import Hub, Turned
from agent.inbox import Arrival
from agent.store.opening import open_store
from agent.store.retention import Limits
from agent.store.store import Store
from rules.actions import Resend, SendCheckIn
from rules.events import (
    Commanded,
    Dropped,
    Event,
    Receipted,
    ReceiptResult,
    Started,
    Tick,
    Triggered,
)
from rules.values import Now
from simulators.disk import IOERR, Moment, RecordingDisk
from simulators.trials.powercut.account import HOME, STORE, WAITING, Examiner, Ledger
from simulators.trials.trial import Violation

WALL_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z: when the first boot began."""

SMALL = Limits(journal=40, receipted=6, rejected=1, telemetry=4)
"""Limits so tight that a day reaches them."""


class Household:
    """A hub on a disk that remembers what is durable. Every transaction is examined at each of its boundaries.

    `synchronous` is what SQLite is told after the store is opened: FULL is what the store itself tells it. `examined`
    may be turned off for a while, to get somewhere quickly.
    """

    def __init__(self, folder: Path, examiner: Examiner, dice: random.Random, synchronous: str = "FULL") -> None:
        self.ledger = Ledger()
        self.issued: set[str] = set()
        self.commits = 0
        self.examined = True
        self._unsure: tuple[Ledger, ...] = ()  # what may be there after a kill in the middle of a commit
        self._folder = folder
        self._examiner = examiner
        self._dice = dice
        self._synchronous = synchronous
        self._ms = 20_000
        self._boots = 1
        self._lives = count(1)
        self._check_ins: list[str] = []
        self._hub = Hub.restore(None)
        self._store: Store | None = None
        folder = self._new_folder()
        folder.mkdir(parents=True)
        self._disk = RecordingDisk(folder)

    # --- time ----------------------------------------------------------------------------------------

    def at(self, time: str) -> Self:
        """Go on to a time of day ("07:30:00"), with nobody waking the hub before it."""
        hours, minutes, seconds = (int(part) for part in time.split(":"))
        self._ms = max(self._ms, (hours * 3_600 + minutes * 60 + seconds) * 1_000)
        return self

    def after(self, seconds: float) -> Self:
        """Let time pass; the hub wakes for each of its deadlines."""
        until = self._ms + round(seconds * 1_000)
        while (due := self._hub.next_deadline()) is not None and due <= until:
            self._ms = due
            self.happens(Tick())
        self._ms = until
        return self

    def sleeps(self, seconds: float) -> None:
        """Let time pass with nobody waking the hub."""
        self._ms += round(seconds * 1_000)

    # --- the hub -------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The open store."""
        if self._store is None:
            raise RuntimeError("the hub does not run: start it first")
        return self._store

    def starts(self) -> None:
        """A process starts."""
        self._durably(self._open, self.ledger, settles=False)
        found = Ledger.read(self.store)
        if self._unsure and found not in self._unsure:
            raise Violation("S1: what a kill left is neither with nor without the commit under way")
        self.ledger = found if self._unsure else self.ledger
        self._hub = Hub.restore(self.store.load())
        self.happens(Started(f"boot-{self._boots}", f"{self._dice.getrandbits(40):010x}", HOME))

    def restarts(self) -> None:
        """The process ends in good order, and another begins."""
        self.stops()
        self.starts()

    def stops(self) -> None:
        """The process ends in good order: the log is merged and deleted."""
        self._durably(self.store.close, self.ledger)
        self._store = None

    def is_killed(self) -> None:
        """The process ends at once; what it wrote is with the kernel, and stays as it is, synced or not."""
        self._disk.fail |= dict.fromkeys(("write", "truncate", "sync", "delete"), IOERR)  # a dead one tidies nothing
        self.store.close()
        self._store = None
        self._disk.heal()

    def is_killed_in(self, *events: Event) -> None:
        """The process ends in the commit of these events, after its writes and before its sync."""
        turned, before = self._turn(*events), self.ledger
        self._disk.fail["sync"] = IOERR
        with contextlib.suppress(sqlite3.OperationalError):
            self.store.commit(turned.batch)
        self.is_killed()
        self._unsure = (before, before.after(turned.batch))
        self._examine([], before)

    def power_fails(self) -> None:
        """The power is cut, in one of the ways that it may be, and comes back."""
        image = self._new_folder()
        # A disk set up wrongly loses something here; what the control counts is found by its examiner.
        self._disk.cut(image, self._dice if self._synchronous == "FULL" else "all")
        self._leave_for(image)
        self._boots += 1
        self._ms = 15_000

    def happens(self, *events: Event) -> None:
        """Let events arrive together: one turn, one commit."""
        turned = self._turn(*events)
        self._check_ins += [action.id for action in turned.actions if isinstance(action, SendCheckIn)]
        self.commits += 1
        self._durably(lambda: self.store.commit(turned.batch), self.ledger.after(turned.batch))
        for action in turned.actions:
            if isinstance(action, Resend):
                self._offers_again(action)

    def _turn(self, *events: Event) -> Turned:
        now = Now(self._ms, WALL_MS + self._ms, synced=True)
        turned = self._hub.turn([Arrival(now, event) for event in events])
        self.issued |= {row.id for row in turned.rows} | {alarm.id for alarm in self._hub.house.alarms}
        return turned

    def _offers_again(self, resend: Resend) -> None:
        epoch, lane, first, last = resend.epoch, resend.lane, resend.first, resend.last
        after = self.ledger.after_reoffer(epoch, lane, first, last)
        self._durably(lambda: self.store.reoffer(epoch, lane, first, last), after)

    def tidies(self, limits: Limits = SMALL) -> None:
        """Do a piece of retention, and drop what it names."""
        before = self.ledger
        named: list[Dropped] = []
        moments = self._moments_of(lambda: named.extend(self.store.prune(limits, WALL_MS + self._ms)))
        self.ledger = Ledger.read(self.store)
        before.check_pruned(self.ledger)
        self._examine(moments, before)
        for dropped in named:
            self.happens(dropped)

    @property
    def pages(self) -> int:
        """How many pages the store has."""
        (pages,) = self.store.connection.execute("PRAGMA page_count").fetchone()
        return int(pages)

    def checkpoints(self) -> None:
        """Merge the log into the file, as `Store.prune` does every few hundred changes."""
        self._durably(lambda: self.store.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall(), self.ledger)

    # --- who acts on it --------------------------------------------------------------------------------

    def presses(self, sensor: str) -> Self:
        """Somebody, or something, asks for help."""
        self.happens(Triggered(sensor, "press"))
        return self

    def newest(self, kind: str) -> str:
        """Give the id of the newest open alarm of a kind."""
        return [alarm.id for alarm in self._hub.house.alarms if alarm.kind == kind][-1]

    @property
    def epoch(self) -> str:
        """The process's epoch."""
        return self._hub.house.epoch

    def commands(self, kind: str, **data: object) -> None:
        """The centre commands."""
        command = Commanded(f"command-{self.commits}", kind, msgspec.json.encode(data).decode())
        self.happens(command)

    def waiting(self) -> list[str]:
        """Give the ids without an answer, oldest first."""
        return [ref for ref, kept in self.ledger.rows.items() if kept.state == WAITING]

    def is_answered(self, result: ReceiptResult = "accepted", most: int = 64) -> Self:
        """The centre answers what waits, in one go."""
        refs = [*self._check_ins, *self.waiting()][:most]
        self._check_ins.clear()
        if refs:
            retry_ms = 20_000 if result == "retry" else 0
            self.happens(*(Receipted(ref, result, retry_ms, "because") for ref in refs))
        return self

    # --- the disk --------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._store = open_store(self._disk.folder / STORE, vfs=self._disk.name).store
        self._store.connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def _new_folder(self) -> Path:
        return self._folder / f"disk-{next(self._lives)}"

    def _leave_for(self, image: Path) -> None:
        """Go on with the disk that a cut left. The old one is let go of, with whatever is still written to it."""
        self.close()
        shutil.rmtree(self._disk.folder)
        self._disk = RecordingDisk(image)

    def close(self) -> None:
        """Let go of store and disk."""
        if self._store is not None:
            self._store.close()
            self._store = None
        self._disk.close()

    def _durably(self, operation: Callable[[], object], after: Ledger, *, settles: bool = True) -> None:
        """Do what must be wholly there once it returns, and until then wholly or not at all.

        With `settles` it ends, as every commit does, what a kill may have left unsure.
        """
        before, unsure = self.ledger, self._unsure
        moments = self._moments_of(operation)
        self.ledger = after
        if settles:
            self._unsure = ()
        self._examine(moments, before, *unsure)

    def _moments_of(self, operation: Callable[[], object]) -> list[Moment]:
        """Do it, and give the moments before each of its syncs. Raises what it raises."""
        moments: list[Moment] = []
        self._disk.before_sync = lambda _number: moments.append(self._disk.moment())
        operation()
        self._disk.before_sync = None
        return moments

    def _examine(self, moments: list[Moment], *before: Ledger) -> None:
        if not self.examined:
            return
        for moment in moments:
            self._examiner.boundary(moment, (*before, self.ledger), self.issued)
        self._examiner.boundary(self._disk.moment(), (self.ledger, *self._unsure), self.issued)
