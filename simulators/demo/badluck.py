"""Bad luck beyond a cut line: what a scenario does to the line, the centre, the hub's clock and its disk."""

from collections.abc import Callable

from simulators.demo.levers import DOUBTED, Levers
from simulators.demo.mains import Mains
from simulators.demo.story import Who
from simulators.misbehaviour import Faults
from simulators.proxy import Proxy

_DAY_MS = 86_400_000


class BadLuck:
    """Each tells what it does. A line that is no good is mended by `World.restore_line`."""

    def __init__(
        self, tell: Callable[[Who, str, str], None], line: Proxy, faults: Faults, lever: Levers, mains: Mains | None
    ) -> None:
        self._tell, self._line, self._faults, self._lever, self._mains = tell, line, faults, lever, mains

    @property
    def connections(self) -> int:
        """How many connections over the line were ever made."""
        return self._line.accepted

    def half_open(self) -> None:
        """Let the line stay open and carry nothing; new connections too."""
        self._line.swallow()
        self._tell("line", "line:half-open", "stays open and carries nothing: no end hears that the other is gone")

    def slow_centre(self, seconds: float) -> None:
        """Have the centre answer everything so much later; 0: at once again."""
        self._faults.late = seconds
        said = f"is overwhelmed: it answers {seconds:g} s late" if seconds else "answers at once again"
        self._tell("centre", "centre:slow" if seconds else "centre:prompt", said)

    def step_clock(self, days: int) -> None:
        """Set the hub's wall clock so many days wrong; nothing vouches for it from now on."""
        self._lever.wall_ms, self._lever.clock_trust = days * _DAY_MS, DOUBTED
        said = f"its clock jumps: it is {abs(days)} day {'ahead' if days > 0 else 'behind'}, and nothing vouches for it"
        self._tell("hub", "hub:clock", said)

    @property
    def plugged(self) -> bool:
        """Whether the hub's plug is in its socket."""
        return self._mains is None or self._mains.there

    def pull_plug(self) -> None:
        """Pull the hub's plug: it runs on its battery, where it has one."""
        if self._mains is not None:
            self._mains.switch(there=False)
            self._tell("hub", "hub:unplugged", "its plug is out: it runs on its battery")

    def push_plug(self) -> None:
        """Put it back."""
        if self._mains is not None:
            self._mains.switch(there=True)
            self._tell("hub", "hub:plugged", "its plug is in again")

    @property
    def disk_can_fill(self) -> bool:
        """Whether this Python's SQLite lets us put a disk of ours under the hub's store."""
        return bool(self._lever.disk_there)

    def fill_disk(self) -> None:
        """Let the disk under the hub's store take no further byte."""
        self._lever.disk_full = 1
        self._tell("hub", "hub:disk-full", "its disk is full: nothing can be written any more")

    def free_disk(self) -> None:
        """Let it take bytes again."""
        self._lever.disk_full = 0
        self._tell("hub", "hub:disk-freed", "its disk has room again")
