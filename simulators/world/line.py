"""The line from a client to its broker: late, cut, frozen, or open to the eye and dead. Packets keep their order."""

import asyncio
import random
from collections.abc import Callable
from typing import Literal, Protocol

Work = Callable[[], None]
Way = Literal["there", "back"]

DEAD_CLIENT_S = 60.0
"""When a client gives up a dead connection: twice its keepalive of 30 s (paho, measured: DESIGN §5)."""

DEAD_BROKER_S = 45.0
"""When a broker does: one and a half times (MQTT 5 §3.1.2.10)."""


NEXT_S = 1e-6
"""Between two packets everybody who waited for the first has his turn, as on a real event loop."""


class End(Protocol):
    """One end of a connection."""

    def ended(self, why: str) -> None:
        """Take note that the connection is gone."""


class Line:
    """A home's way to the broker, which everything its clients send and hear must take."""

    def __init__(self, dice: random.Random, latency_s: tuple[float, float] = (0.004, 0.06)) -> None:
        self._dice = dice
        self._latency_s = latency_s
        self._loop = asyncio.get_running_loop()
        self.connections: list[Connection] = []
        self.cut = False
        self.deaf = False
        """New connections get no answer at all."""
        self.frozen = False
        self._held: list[tuple[Connection, Way, Work]] = []

    @property
    def carries(self) -> bool:
        """Whether a new connection would be carried."""
        return not (self.cut or self.deaf or self.frozen)

    def latency_s(self) -> float:
        """Draw how long the next packet takes."""
        return self._dice.uniform(*self._latency_s)

    def fall(self, why: str) -> None:
        """End every connection, so that both ends notice at once."""
        for connection in list(self.connections):
            connection.reset(why)

    def die(self) -> None:
        """Let every connection look open and carry nothing, for ever."""
        for connection in self.connections:
            connection.die()

    def freeze(self) -> None:
        """Hold every packet back until `thaw`."""
        self.frozen = True

    def thaw(self) -> None:
        """Let what was held back arrive."""
        self.frozen = False
        held, self._held = self._held, []
        for connection, way, work in held:
            connection.carry(way, work)

    def hold(self, connection: "Connection", way: Way, work: Work) -> None:
        """Keep a packet until `thaw`."""
        self._held.append((connection, way, work))


class Connection:
    """One TCP connection."""

    def __init__(self, line: Line, client: End, broker: End) -> None:
        self.line = line
        self._ends: dict[Way, End] = {"there": broker, "back": client}
        self._last_s: dict[Way, float] = {"there": 0.0, "back": 0.0}
        self._open: dict[Way, bool] = {"there": True, "back": True}
        self._loop = asyncio.get_running_loop()
        self.dead = False
        line.connections.append(self)

    def carry(self, way: Way, work: Work) -> None:
        """Let a packet arrive later, after those before it; never at an end that has closed."""
        if self.dead or not self._open[way]:
            return
        if self.line.frozen:
            self.line.hold(self, way, work)
            return
        at = max(self._last_s[way] + NEXT_S, self._loop.time() + self.line.latency_s())
        self._last_s[way] = at
        self._loop.call_at(at, self._arrive, way, work)

    def _arrive(self, way: Way, work: Work) -> None:
        if self._open[way] and not self.dead:
            if self.line.frozen:
                self.line.hold(self, way, work)
            else:
                work()

    def close(self, end: Way, why: str) -> None:
        """Close one end: `there` the broker's, `back` the client's. The other hears of it if the line carries."""
        if not self._open[end]:
            return
        self._open[end] = False
        other: Way = "back" if end == "there" else "there"
        if self.dead:
            return  # it finds out by its keepalive
        self.carry(other, lambda: self._end(other, why))

    def reset(self, why: str) -> None:
        """End it at both ends now."""
        for way in ("there", "back"):
            self._end(way, why)

    def die(self) -> None:
        """Carry nothing from now on; each end finds out by its keepalive."""
        if not self.dead:
            self.dead = True
            self._loop.call_later(DEAD_CLIENT_S, self._end, "back", "keepalive timeout")
            self._loop.call_later(DEAD_BROKER_S, self._end, "there", "keepalive timeout")

    def _end(self, way: Way, why: str) -> None:
        if self._open[way]:
            self._open[way] = False
            self._ends[way].ended(why)
        if not any(self._open.values()) and self in self.line.connections:
            self.line.connections.remove(self)
