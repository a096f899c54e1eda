"""What was promised before a power cut, held against what is found after it."""

import random
import shutil
import sqlite3
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from agent.hub import Hub
from agent.inbox import Arrival
from agent.store.errors import ConflictError
from agent.store.opening import open_store
from agent.store.rows import Batch, Row, place
from agent.store.store import Store
from rules.events import Config, Sensor, Started, Triggered
from rules.values import Now
from simulators.disk import Keep, Moment, RecordingDisk
from simulators.trials.trial import Figures, Violation

STORE = Path("home") / "hub.db"
"""Where the store lies on its disk: in a folder that the hub itself has to make."""

HOME = Config(
    hub="hub-1",
    sensors=(
        Sensor("pendant-1", "pendant", "worn", "p1"),
        Sensor("pendant-2", "pendant", "worn", "p2"),
        Sensor("cord-1", "pull-cord", "bathroom", "p1"),
        Sensor("fall-1", "fall", "worn", "p1"),
        Sensor("flood-1", "flood", "kitchen"),
        Sensor("smoke-1", "smoke", "hall", heartbeat_ms=12 * 3_600_000),
        Sensor("door-1", "door-button", "hall"),
        Sensor("smoke-2", "smoke", "loft"),
    ),
)
"""The home of the trial. `smoke-2` is kept for the hub that starts after a cut."""

WAITING, RECEIPTED, REJECTED = range(3)
LOST, BROKEN, DAMAGED = "images that lost what was promised", "images broken otherwise", "images found corrupt"


class Kept(NamedTuple):
    """An outbox row, as far as it must never change, and its state, which may."""

    rank: int
    state: int
    digest: str
    body: bytes


Entries = tuple[tuple[int, int, int, bytes], ...]


class Ledger(NamedTuple):
    """What a store must hold, kept beside it in plain Python: house, journal, outbox."""

    house: bytes | None = None
    entries: Entries = ()
    rows: Mapping[str, Kept] = MappingProxyType({})

    @classmethod
    def read(cls, store: Store) -> "Ledger":
        """Give what a store does hold."""
        connection = store.connection
        rows = connection.execute("SELECT epoch, lane, seq, rank, state, digest, body FROM outbox")
        entries = connection.execute("SELECT ms, wall_ms, synced, event FROM journal ORDER BY number")
        return cls(
            store.load(),
            tuple(entries.fetchall()),
            {f"{epoch}-{lane}-{seq}": Kept(*rest) for epoch, lane, seq, *rest in rows},
        )

    def after(self, batch: Batch) -> "Ledger":
        """Give what the store must hold once a batch is committed."""
        entries = ((each.now.ms, each.now.wall_ms, int(each.now.synced), each.event) for each in batch.entries)
        rows = {**self.rows, **{row.id: Kept(row.rank, WAITING, row.digest, row.body) for row in batch.rows}}
        for ref in batch.settled:
            if ref in rows:
                rows[ref] = rows[ref]._replace(state=RECEIPTED)
        for ref in batch.rejected:
            if ref in rows and rows[ref].state == WAITING:
                rows[ref] = rows[ref]._replace(state=REJECTED)
        for dropped in batch.dropped:
            for seq in range(dropped.first, dropped.last + 1):
                ref = f"{dropped.epoch}-t-{seq}"
                if ref in rows and rows[ref].state == WAITING:
                    del rows[ref]
        return Ledger(batch.house, (*self.entries, *entries), rows)

    def after_reoffer(self, epoch: str, lane: str, first: int, last: int) -> "Ledger":
        """Give what the store must hold once rows wait again."""
        rows = dict(self.rows)
        for ref, kept in self.rows.items():
            where = place(ref)
            if where is not None and where[:2] == (epoch, lane) and first <= where[2] <= last:
                rows[ref] = kept._replace(state=WAITING)
        return self._replace(rows=rows)

    def check_pruned(self, pruned: "Ledger") -> None:
        """See that retention took nothing that still waits, and changed nothing. Raises Violation."""
        gone = self.rows.keys() - pruned.rows.keys()
        waited = sorted(ref for ref in gone if self.rows[ref].state == WAITING)
        if waited:
            raise Violation(f"S3: retention deleted rows that wait: {waited[:5]}")
        kept = {ref: row for ref, row in self.rows.items() if ref not in gone}
        if pruned != Ledger(self.house, self.entries[len(self.entries) - len(pruned.entries) :], kept):
            raise Violation("S12: retention changed what it was to keep")


class Examiner:
    """Cuts the power at a moment in several ways, and looks at what each cut leaves.

    `subsets` is how many cuts by dice are made beside the two extremes. A `lenient` examiner counts what it finds
    instead of raising: for the control, a disk set up wrongly.
    """

    def __init__(
        self, folder: Path, dice: random.Random, figures: Figures, *, subsets: int, lenient: bool = False
    ) -> None:
        self.figures = figures
        self._folder = folder
        self._dice = dice
        self._subsets = subsets
        self._lenient = lenient
        self._numbers = count(1)
        self._again = False

    def boundary(self, moment: Moment, allowed: tuple[Ledger, ...], issued: set[str]) -> None:
        """Examine a boundary. `allowed` is what may be found, `issued` every id ever given. Raises Violation."""
        self.figures.count("boundaries")
        keeps: tuple[Keep, ...] = ("none", "all", *[self._dice] * self._subsets)
        for keep in keeps[:1] if moment.certain else keeps:
            self._image(moment, keep, allowed, issued)

    def _image(self, moment: Moment, keep: Keep, allowed: tuple[Ledger, ...], issued: set[str]) -> None:
        folder = self._folder / f"image-{next(self._numbers)}"
        moment.cut(folder, keep)
        self.figures.count("images")
        try:
            self._examine(folder, allowed, issued)
        except _Found as found:
            if not self._lenient:
                how = keep if isinstance(keep, str) else "a random subset"
                raise Violation(f"{found} (kept of the unsynced writes: {how}; image: {folder})") from None
            self.figures.count(found.what)
        shutil.rmtree(folder)

    def _examine(self, folder: Path, allowed: tuple[Ledger, ...], issued: set[str]) -> None:
        disk = RecordingDisk(folder)
        moments: list[Moment] = []
        if not self._again:
            disk.before_sync = lambda _number: moments.append(disk.moment())
        try:
            store, quarantined = open_store(folder / STORE, vfs=disk.name)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the hub has no store
            disk.close()
            raise _Found(BROKEN, f"S7: the store does not open: {type(error).__name__}: {error}") from None
        try:
            if quarantined:
                raise _Found(DAMAGED, "S1: the store was found corrupt")
            (verdict,) = store.connection.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise _Found(DAMAGED, f"S1: the store is damaged: {verdict}")
            ledger = Ledger.read(store)
            if ledger not in allowed:
                raise _Found(LOST, f"S1: {_difference(ledger, allowed)}")
            if ledger != allowed[0]:
                self.figures.count("images with the batch under way, whole")
            batch = self._restarted(store, ledger, issued)
        except sqlite3.DatabaseError as error:
            raise _Found(DAMAGED, f"S1: the store cannot be read: {error}") from None
        finally:
            store.close()
            disk.close()
        if moments:  # and the power fails once more, while the hub comes back
            self._again = True
            self._image(self._dice.choice(moments), self._dice, (ledger, ledger.after(batch)), issued)
            self._again = False

    def _restarted(self, store: Store, ledger: Ledger, issued: set[str]) -> Batch:
        """Start a hub on the image, as another boot of the machine, and see that it does what was promised."""
        hub = Hub.restore(store.load())
        open_before = [alarm.id for alarm in hub.house.alarms]
        now = Now(15_000, 0)
        epoch = f"{self._dice.getrandbits(40):010x}"
        started = Started(f"boot-{epoch}", epoch, HOME)
        turned = hub.turn([Arrival(now, started), Arrival(now, Triggered("smoke-2"))])
        try:
            store.commit(turned.batch)
        except ConflictError as error:
            raise _Found(BROKEN, f"S1: {error}") from None
        fresh = {row.id for row in turned.rows} | {alarm.id for alarm in hub.house.alarms} - set(open_before)
        if hub.house.epoch != epoch or not fresh or fresh & issued:
            raise _Found(BROKEN, f"S1: ids used again after the cut: {sorted(fresh & issued)}")
        waiting = {row.id: row for row in store.waiting(limit=1_000_000)}
        self._check_offered(ledger, waiting)
        for alarm in (alarm for alarm_id in open_before if (alarm := hub.house.alarm(alarm_id)) is not None):
            if alarm.stage == "pending":
                raise _Found(BROKEN, f"S6: {alarm.id} is still pending after a reboot")
            if alarm.delivery not in ("received", "rejected") and alarm.raised_ref not in waiting:
                raise _Found(LOST, f"S3: {alarm.id} is open and undelivered, and its event is not offered")
        return turned.batch

    def _check_offered(self, ledger: Ledger, waiting: dict[str, Row]) -> None:
        for ref, kept in ledger.rows.items():
            row = waiting.get(ref)
            if (row is not None) != (kept.state == WAITING):
                raise _Found(LOST, f"S3: {ref} {'waits' if row is None else 'is answered'}, and is not so offered")
            if row is not None and (row.body, row.digest, row.rank) != (kept.body, kept.digest, kept.rank):
                raise _Found(LOST, f"S1: {ref} is offered with another content")


class _Found(Exception):  # noqa: N818 -- not an error of ours
    """What an image shows, and how to count it."""

    def __init__(self, what: str, words: str) -> None:
        super().__init__(words)
        self.what = what


def _difference(found: Ledger, allowed: tuple[Ledger, ...]) -> str:
    """Say how a store differs from what it had to hold at least."""
    promised = allowed[0]
    missing = [ref for ref in promised.rows if ref not in found.rows]
    changed = [ref for ref, kept in promised.rows.items() if ref in found.rows and found.rows[ref] != kept]
    lost = len(promised.entries) - len(found.entries)
    house = "as promised" if found.house == promised.house else "another"
    return (
        f"{len(missing)} rows missing {missing[:3]}, {len(changed)} in another state {changed[:3]}, "
        f"{lost} journal entries missing, the house {house}"
    )
