"""A hub in a namespace with two interfaces, its broker and centre outside; and what is watched of it all the while."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials.second_line.space import MAIN, SPARE, Space
from simulators.trials.trial import Violation

PENDANTS = 20
STANDBY = "4g"
_PATIENCE_S = 45.0


class Home:
    """A hub with pendants in rooms of their own, none of which has a cancel window, and its two lines."""

    def __init__(self, rig: Rig, space: Space, adapter: SerialAdapter) -> None:
        self.rig, self.space = rig, space
        self._adapter = adapter
        self._pressed = 0
        self.clock = asyncio.get_running_loop().time

    def press(self) -> str:
        """Press a pendant nobody has pressed yet; give its sensor."""
        self._adapter.say(x10(self._pressed))
        self._pressed += 1
        return f"pendant-{self._pressed - 1}"

    async def received(self, sensor: str) -> float:
        """Wait until the hub believes the centre's receipt for this sensor's alarm; give the moment."""

        def over(status: dict[str, Any]) -> bool:
            return any(each["sensor"] == sensor and each["delivery"] == "received" for each in status["alarms"])

        try:
            await self.rig.until_status(over, _PATIENCE_S)
        except TimeoutError:
            raise Violation(f"S3: no receipt for the alarm of {sensor} in {_PATIENCE_S:g} s") from None
        return self.clock()

    async def line(self, name: str, *, up: bool, timeout_s: float = _PATIENCE_S) -> float:
        """Wait until a line is up, or is not; give the moment."""

        def over(status: dict[str, Any]) -> bool:
            return any(each["name"] == name and each["up"] is up for each in status["links"])

        try:
            await self.rig.until_status(over, timeout_s)
        except TimeoutError:
            raise Violation(f"S7: the line {name} was not {'up' if up else 'down'} in {timeout_s:g} s") from None
        return self.clock()

    async def tested(self) -> None:
        """Have the centre ask for a test, and wait until the standby has passed it and is closed again."""
        began_s = self.clock()
        self.rig.centre.command(HUB, "test")

        def over(status: dict[str, Any]) -> bool:
            (standby,) = (each for each in status["links"] if each["name"] == STANDBY)
            fresh = standby["tested_s"] is not None and standby["tested_s"] <= self.clock() - began_s
            return fresh and standby["passed"] and not standby["up"] and not standby["wanted"]

        try:
            await self.rig.until_status(over, _PATIENCE_S)
        except TimeoutError:
            raise Violation(f"S7: the standby did not pass its test: {(await self.rig.status())['links']}") from None

    @contextlib.asynccontextmanager
    async def never_gone(self) -> AsyncIterator[None]:
        """See that the centre does not take the hub for gone, not for a moment. Raises Violation."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if watching.done() and not watching.cancelled():
            watching.result()

    async def _watch(self) -> None:
        timeline = self.rig.centre.timeline
        async for entry in timeline.follow(len(timeline)):
            if not self.rig.centre.home(HUB).online:
                raise Violation(f"S7: the hub has a line, and the centre takes it for gone: {entry.line()}")


@contextlib.asynccontextmanager
async def home(folder: Path, *, bound: bool) -> AsyncIterator[Home]:
    """Set a home up in `folder`, online and hearing its radio; its main uplink too is bound to its interface, or not.

    Raises NotHereError.
    """
    with Space() as space, SerialAdapter(folder / "radio") as adapter:
        rig = Rig(folder, radio(adapter.path) + pendants(range(PENDANTS)) + NO_WINDOW)
        tls = rig.broker.tls
        assert tls is not None  # noqa: S101 -- for the type checker: a rig's broker has it
        rig.broker.extra = f"listener {rig.broker.port} {space.address}\n" + "\n".join(
            (
                f"cafile {tls.ca}\ncertfile {tls.certificate}\nkeyfile {tls.key}",
                "require_certificate true\nuse_identity_as_username true",
            )
        )
        way = f'host = "localhost"\naddress = "{space.address}"'  # the broker's certificate knows that name
        rig.way = f'{way}\ninterface = "{MAIN}"' if bound else way
        rig.standby = f'{way}\nport = {rig.port}\ninterface = "{SPARE}"'
        rig.hub.through = (*space.through(), *rig.hub.through)
        async with rig:
            await rig.hub.start()
            await rig.online()
            await rig.listening()
            it = Home(rig, space, adapter)
            await it.line("main", up=True)
            yield it
