"""The hub itself, in this process so that its inside can be timed: press after press, each received and resolved."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.config import load
from agent.daemon import Daemon
from agent.hub import Turned
from agent.seams import Seams
from rules.events import Receipted
from simulators.bench.stage import WARM_UP, Line, Pace, Probe, Stage
from simulators.watched_pins import WatchedFactory


class TimedDaemon(Daemon):
    """A hub that tells a probe how far each press has got, and nothing else differently."""

    probe: Probe
    turned: Callable[[], None]

    def watch(self, probe: Probe, turned: Callable[[], None]) -> None:
        """Note when things happen."""
        self.probe, self.turned = probe, turned
        outputs, uplink, put = self.outputs, self.uplinks[0], self.inbox.put
        sound = outputs.chirp

        def chirp(name: Any) -> None:  # noqa: ANN401 -- a chirp's name
            sound(name)
            probe.reached("output")

        def arrive(event: Any, durable: Any = None) -> bool:  # noqa: ANN401 -- as it comes
            if isinstance(event, Receipted) and event.ref == self._awaited:
                probe.reached("receipt")
            return put(event, durable)

        self._awaited = ""
        outputs.chirp = chirp  # type: ignore[method-assign]
        self.inbox.put = arrive  # type: ignore[method-assign]
        uplink.on_puback = lambda ref: probe.reached("puback") if ref == self._awaited else None

    def _act(self, turned: Turned) -> None:
        for row in turned.rows:
            if row.rank == 0 and hasattr(self, "probe"):
                self._awaited = row.id
                self.probe.reached("durable")
        super()._act(turned)
        if hasattr(self, "turned"):
            self.turned()


async def press(stage: Stage, line: Line, config: Path, presses: int, probe: Probe) -> None:
    """Start a hub on the stage and press its pendants one after the other; the probe gets the moments."""
    daemon = TimedDaemon(load(config), SystemClock(), Seams(pin_factory=WatchedFactory()))
    stop, moved = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(daemon.run(stop))
    try:
        async with asyncio.timeout(30):
            while not (daemon.uplinks and daemon.hub.house.connected and _listens(daemon)):
                await asyncio.sleep(0.05)
        daemon.watch(probe, moved.set)
        pace = Pace()
        for number in range(presses + WARM_UP):
            pendant = await pace.next()
            probe.press(counts=number >= WARM_UP)
            line.press(pendant)
            await _until(moved, lambda: any(each.delivery == "received" for each in daemon.hub.house.alarms))
            stage.resolve(daemon.hub.house.alarms[0].id)
            await _until(moved, lambda: not daemon.hub.house.alarms)
            await _until(moved, lambda: not len(daemon.uplinks[0].window))
    finally:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def _listens(daemon: Daemon) -> bool:
    return all(each.listening for each in daemon.sensing.listening.status.values())


async def _until(moved: asyncio.Event, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            moved.clear()
            await moved.wait()
