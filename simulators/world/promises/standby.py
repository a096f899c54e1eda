"""S3, DESIGN §4: with the first line out, a raised alarm is receipted over the second, and soon."""

from agent.hub import Turned
from simulators.world.promises.judge import Judge, Scene

DOWN_MS, LYING_MS = 15_000, 75_000
"""How long that may take where the first line is known to be down; and where it looks open, and lies."""

FIRST = ("line cut", "line dead")
ELSE = (
    "mobile cut",
    "mobile dead",
    "broker away",
    "broker drops",
    "broker shuffles",
    "centre down",
    "centre silent",
    "centre cannot keep",
    "centre rejects",
)
"""What else may keep a receipt away."""


class SecondLine(Judge):
    """Every alarm that is raised while the first line is out, and all that the second needs is well."""

    name = "the second line carries what the first does not (S3)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.waiting: set[str] = set()

    def died(self) -> None:
        """A new process begins anew with everything."""
        self.waiting.clear()

    def turned(self, turned: Turned) -> None:
        """Look again at every alarm that is raised now."""
        self.waiting.difference_update(turned.batch.settled, turned.batch.rejected)
        for row in turned.rows:
            if row.rank == 0:
                self.waiting.add(row.id)
                self._raised(row.id)

    def _raised(self, ref: str) -> None:
        at_ms, process = self.scene.now_ms(), self.scene.box.process
        if self.scene.ill_ms(*FIRST) > at_ms:
            return
        lies = self.scene.house.links[0].up
        within_ms = LYING_MS if lies else DOWN_MS

        def check() -> None:
            well_ms = max(self.scene.well_ms(*ELSE), self.scene.disk_well_ms)
            if process is not self.scene.box.process or self.scene.ill_ms(*FIRST) > at_ms or well_ms > at_ms:
                return
            self.scene.counted["alarms that only the second line could carry"] += 1
            if ref in self.waiting:
                first = "lies" if lies else "is down"
                self.broken(f"{ref} has no receipt {within_ms / 1000:g} s after it was raised: the first line {first}")

        self.scene.later(within_ms, check)
