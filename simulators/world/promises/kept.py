"""S1, S2, S12: what is durable stays until the centre has it; no id has two contents; no number is missing."""

import sqlite3

from agent.hub import Turned
from centre.intake import Outcome
from rules.reports import Gap
from simulators.world.household import HUB
from simulators.world.promises.judge import Judge, Scene


class NoneLost(Judge):
    """A durable alarm is in the outbox or at the centre at all times, and reaches the centre in the end."""

    name = "no alarm lost (S1, S2)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.raised: dict[str, str] = {}
        """Durable rows of raised alarms without the centre's hold: id to digest."""
        self.process: object = None

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """From now on it must not be lost."""
        if rank == 0 and ref not in self.scene.centre.ledger.held:
            self.raised[ref] = digest

    def kept(self, outcome: Outcome) -> None:
        """The centre has it."""
        if outcome.event is not None and outcome.event.id in self.scene.centre.ledger.held:
            self.raised.pop(outcome.event.id, None)

    def turned(self, turned: Turned) -> None:
        """S2: what the hub lets go of, the centre has."""
        for ref in turned.batch.settled:
            if ref in self.raised and ref not in self.scene.centre.ledger.held:
                self.broken(f"the hub let go of {ref}, an alarm that the centre does not have")

    def touched(self, connection: sqlite3.Connection) -> None:
        """A new process opened the store: everything is still there."""
        if self.process is self.scene.box.process or not self.raised:
            return
        self.process = self.scene.box.process
        found = connection.execute("SELECT epoch || '-' || lane || '-' || seq FROM outbox WHERE rank = 0")
        lost = sorted(set(self.raised) - {ref for (ref,) in found})
        if lost:
            self.broken(f"durable alarms are gone from the disk, and the centre has not got them: {lost[:3]}")

    def settled(self) -> None:
        """In the end the centre has them all."""
        lost = sorted(set(self.raised) - self.scene.centre.refused.keys())
        if lost:
            self.broken(f"durable alarms never reached the centre: {lost[:3]}")


class OneContent(Judge):
    """No id has two contents, ever, whatever died in between."""

    name = "no id with two contents (S1)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.digests: dict[str, str] = {}

    def touched(self, connection: sqlite3.Connection) -> None:
        """What the store itself put aside."""
        found = connection.execute("SELECT id FROM conflict LIMIT 1").fetchone()
        if found is not None:
            self.broken(f"{found[0]} was given to a second content, which the store put aside")

    def turned(self, turned: Turned) -> None:
        """Every row the hub makes."""
        for row in turned.rows:
            if self.digests.setdefault(row.id, row.digest) != row.digest:
                self.broken(f"{row.id} was given to two contents")

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """Every row on the disk."""
        del rank
        if self.digests.setdefault(ref, digest) != digest:
            self.broken(f"{ref} has another content on the disk than was acted on")

    def kept(self, outcome: Outcome) -> None:
        """Every event at the centre."""
        if outcome.verdict == "conflict" and outcome.event is not None:
            self.broken(f"the centre holds {outcome.event.id} with two contents")


class NoneMissing(Judge):
    """No number is missing at the centre in the end; what a gap names was never durable."""

    name = "no number missing (S2, S12)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.durable: set[str] = set()

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """Nobody may call it dropped now."""
        del rank, digest
        self.durable.add(ref)

    def kept(self, outcome: Outcome) -> None:
        """A gap names only what died in a process's memory."""
        gap = outcome.report
        if outcome.verdict == "accepted" and isinstance(gap, Gap):
            self.scene.counted["numbers named by a gap"] += gap.count
            for seq in range(gap.first, gap.last + 1):
                ref = f"{gap.epoch}-{gap.lane}-{seq}"
                if ref in self.durable:
                    self.broken(f"a gap names {ref}, which was durable")

    def settled(self) -> None:
        """The centre can account for every number; what it refused itself it has seen."""
        held = self.scene.centre.ledger.held
        lacking = self.scene.centre.intake.missing(HUB)
        if lacking:
            self.broken(f"missing at the centre: {lacking[:3]}")
        self.scene.counted["rows that the centre refused for good"] += len(self.scene.centre.refused.keys() - set(held))
        absent = [ref for ref in self.durable if ref not in held and ref not in self.scene.centre.refused]
        if absent:
            self.broken(f"durable rows never reached the centre: {sorted(absent)[:3]}")
