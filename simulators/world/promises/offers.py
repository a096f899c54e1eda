"""DESIGN §5, S3, S5: an undelivered alarm is offered at once, again every 30 s, and before everything else."""

from agent.hub import Turned
from agent.store.rows import place
from agent.wire.messages import PREFIX, CloudEvent
from rules.events import Event, Receipted
from rules.values import Now
from simulators.world.link import WorldLink
from simulators.world.promises.judge import Judge, Scene

MAIN = "main"
AGAIN_MS = 30_000
AT_ONCE_MS = 1_500
"""Some packets there and back."""

SLACK_MS = 1_500


class _Waiting(Judge):
    """Which raised alarms the hub must still deliver, and when each was offered last, over which link."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.durable: dict[str, None] = {}
        self.waiting: dict[str, int] = {}
        """Id, and since when it waits; 0 for what an earlier process left on the disk."""
        self.offered: dict[str, tuple[WorldLink, int]] = {}
        self.answered: set[str] = set()
        self.link: WorldLink | None = None
        self.linked_ms = 0

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """It outlives the process."""
        del digest
        if rank == 0 and ref not in self.answered:
            self.durable[ref] = None

    def turned(self, turned: Turned) -> None:
        """New ones, and those that need nothing any more."""
        for row in turned.rows:
            if row.rank == 0:
                self.waiting[row.id] = self.scene.now_ms()
                self.begins(row.id)
        for ref in (*turned.batch.settled, *turned.batch.rejected):
            self.waiting.pop(ref, None)
            self.durable.pop(ref, None)
            self.answered.add(ref)

    def journalled(self, now: Now, event: Event) -> None:
        """A receipt that is on the disk counts, even if the process died before it could act on it."""
        del now
        if isinstance(event, Receipted) and event.result != "retry":
            self.durable.pop(event.ref, None)
            self.answered.add(event.ref)

    def died(self) -> None:
        """What was not durable is gone, and everything else must be offered anew."""
        self.waiting = dict.fromkeys(self.durable, 0)
        self.link = None

    def link_up(self, link: WorldLink) -> None:
        """A new connection."""
        if link.uplink != MAIN:
            return  # `standby` judges the other
        self.link, self.linked_ms = link, self.scene.now_ms()

    def published(self, link: WorldLink, event: CloudEvent) -> None:
        """Note an offer."""
        if event.id in self.waiting and link.uplink == MAIN:
            self.offered[event.id] = link, self.scene.now_ms()

    def offered_on(self, ref: str, link: WorldLink | None) -> bool:
        """Tell whether it was offered over this link."""
        return ref in self.offered and self.offered[ref][0] is link

    def begins(self, ref: str) -> None:
        """An alarm begins to wait."""


class Resent(_Waiting):
    """At once on a line that carries, at once on a new one, and at most 30 s apart."""

    name = "offered at once, and every 30 s (S3)"

    def begins(self, ref: str) -> None:
        """It is offered at once if there is a line."""
        link, at_ms = self.link, self.scene.now_ms()

        def check() -> None:
            waits = ref in self.waiting and link is self.link and link is not None and not link.closed.done()
            if waits and self.scene.line_well_ms <= at_ms and not self.offered_on(ref, link):
                self.broken(f"{ref} was not offered at once on an open line")

        if link is not None and link.up:
            self.scene.later(AT_ONCE_MS, check)

    def link_up(self, link: WorldLink) -> None:
        """Whatever waits is offered at once on a new line."""
        super().link_up(link)
        if link is not self.link:
            return
        at_ms, waiting = self.linked_ms, list(self.waiting)

        def check() -> None:
            well = max(self.scene.line_well_ms, self.scene.disk_well_ms) <= at_ms
            if not well or link is not self.link or link.closed.done():
                return
            late = [ref for ref in waiting if ref in self.waiting and not self.offered_on(ref, link)]
            if late:
                self.broken(f"{late[:3]} were not offered at once on a new line")

        self.scene.later(AT_ONCE_MS, check)

    def published(self, link: WorldLink, event: CloudEvent) -> None:
        """An offer is repeated in half a minute at the latest."""
        super().published(link, event)
        ref, at_ms = event.id, self.scene.now_ms()
        if ref not in self.waiting or link.uplink != MAIN:
            return
        self.scene.counted["offers of alarms"] += 1

        def check() -> None:
            if ref not in self.waiting or link is not self.link or link.closed.done():
                return
            if self.scene.line_well_ms <= at_ms and self.offered[ref] == (link, at_ms):
                self.broken(f"{ref} was offered once, and not again for more than 30 s on an open line")

        self.scene.later(AGAIN_MS + SLACK_MS, check)


class AlarmsFirst(_Waiting):
    """Nothing but alarms is published while a raised alarm waits that this line was not offered yet."""

    name = "alarms overtake everything (S5)"

    def published(self, link: WorldLink, event: CloudEvent) -> None:
        """See who goes first."""
        super().published(link, event)
        kind = event.type.removeprefix(PREFIX)
        if link.uplink != MAIN or kind.startswith("alarm.") or place(event.id) is None:
            return
        overtaken = [
            ref for ref, since_ms in self.waiting.items() if not self.offered_on(ref, link) and self._due(since_ms)
        ]
        if overtaken:
            self.broken(f"{kind} {event.id} was published while {overtaken[:3]} waited")

    def _due(self, since_ms: int) -> bool:
        """What an earlier process left must first be read from the disk."""
        now_ms = self.scene.now_ms()
        if since_ms:
            return True
        return now_ms - self.linked_ms > SLACK_MS and self.scene.disk_well_ms <= self.linked_ms
