"""A town of homes as the centre sees it: scripts say what happens to them, `log` tells what the watch made of it."""

import heapq
from collections.abc import Callable, Iterable
from itertools import count

from centre.homes import Home, on_check_in, on_status
from centre.intake import Outcome
from centre.silence import Seen, Silence, changes, learn, watch
from rules.reports import Report
from rules.values import Now
from tests.support.voice import CHECK_IN, Voice

START_MS = 1_790_000_000_000
_VOICE = Voice()


class Town:
    """`homes` hubs, online and well. Times are in seconds since the beginning; those that live check in."""

    def __init__(self, homes: int = 1, *, tick_s: float = 5) -> None:
        self.now_ms, self._tick_ms = START_MS, round(tick_s * 1000)
        self.hearing = True
        self.silence = Silence(at_ms=START_MS - 1, listening_ms=START_MS - 3_600_000)
        self.log: list[tuple[float, str, str]] = []
        self.ticks = 0
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count(1)
        self.names = [f"home-{number}" for number in range(homes)]
        self.homes = {name: Home(hub=name) for name in self.names}
        self.seen = {name: Seen(hub=name, enrolled_ms=START_MS) for name in self.names}
        self.alive: dict[str, int] = {}
        self.lines: dict[str, str] = {}
        for number, name in enumerate(self.names):
            self.connect(name)
            self.alive[name] = START_MS + round((number + 1) * 240_000 / homes)  # when it checks in next
        self._tick()

    # --- what happens ----------------------------------------------------------------------------------

    def connect(self, hub: str, *, check_in: bool = True) -> None:
        self.lines[hub] = f"nonce-{next(self._numbers):06}"
        self._status(hub, online=True, reason="")
        if check_in:
            self.alive[hub] = self.now_ms + 240_000
            self.check_in(hub)

    def check_in(self, hub: str) -> None:
        home = self.homes[hub]
        newer = on_check_in(home, "e1", home.check_in + 1, {}, Now(0, self.now_ms))
        assert newer != "stale"
        self.homes[hub] = newer
        self.tell(hub, CHECK_IN)

    def will(self, hub: str, reason: str = "lost") -> None:
        self.alive.pop(hub, None)
        self._status(hub, online=False, reason=reason)

    def cut(self, hub: str, will_after_s: float = 75) -> None:
        """The hub dies, or its line: nothing more comes but its will."""
        self.alive.pop(hub, None)
        self.later(will_after_s, lambda: self.will(hub))

    def tell(self, hub: str, report: Report) -> None:
        self._learn(hub, Outcome(verdict="accepted", hub=hub, channel="event", report=report))

    def later(self, after_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self.now_ms + round(after_s * 1000), next(self._numbers), act))

    def _status(self, hub: str, *, online: bool, reason: str) -> None:
        status = _VOICE.status_of(self.lines[hub], online=online, reason=reason)
        newer = on_status(self.homes[hub], status, Now(0, self.now_ms), retained=False)
        assert newer != "stale"
        self.homes[hub] = newer
        self._learn(hub, Outcome(verdict="status", hub=hub, channel="status", status=status))

    def _learn(self, hub: str, outcome: Outcome) -> None:
        self.seen[hub] = learn(self.seen[hub], self.homes[hub], outcome, self.now_ms)

    # --- time ------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time pass, with a tick of the watch every so often."""
        until_ms = self.now_ms + round(seconds * 1000)
        while self.now_ms < until_ms:
            next_ms = min(until_ms, self.now_ms + self._tick_ms)
            while self._later and self._later[0][0] <= next_ms:
                self.now_ms, _, act = heapq.heappop(self._later)
                act()
            self.now_ms = next_ms
            self._check_ins()
            self._tick()

    def _check_ins(self) -> None:
        if not self.hearing:
            return
        for hub, due_ms in list(self.alive.items()):
            if due_ms <= self.now_ms:
                self.check_in(hub)
                self.alive[hub] = due_ms + 240_000

    def _tick(self) -> None:
        before = self.silence
        self.silence = watch(before, self.seen.values(), self.now_ms, hearing=self.hearing)
        self.ticks += 1
        for each in changes(before, self.silence):
            about = each.trouble.hub if each.trouble else each.incident.id if each.incident else ""
            self.log.append((self.seconds, each.kind, about))

    @property
    def seconds(self) -> float:
        return (self.now_ms - START_MS) / 1000

    # --- what staff see ----------------------------------------------------------------------------------

    def cases(self) -> list[str]:
        return [each.hub for each in self.silence.cases()]

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.log]


def all_of(act: Callable[[str], None], hubs: Iterable[str]) -> None:
    for hub in hubs:
        act(hub)
