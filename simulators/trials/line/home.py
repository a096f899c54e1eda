"""A home whose line can be broken in every way: the hub, a proxy before its broker, and what both must keep to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from agent.uplink.uplink import BACKOFF_ALARM_S, BACKOFF_S
from simulators.proxy import Proxy
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials.line.front import Front
from simulators.trials.trial import Figures, Violation

NOTICED_S = 10.0
"""How soon somebody at home must be told that an alarm has not got through (DESIGN §4, S7)."""

RECEIPTED_S = 15.0
"""How soon an alarm that waits has its receipt once the line carries again (DESIGN §5)."""

WATCHING_S = 0.5
"""How much later than it happened we may see something: the hub is asked 20 times a second, on a busy machine."""

PENDANTS = 40
_PATIENCE_S = 45.0


class Home:
    """A hub with forty pendants in rooms of their own, none of which has a cancel window; its line is `line`.

    With a `front`, what the proxy carries ends there, and the front talks to the broker.
    """

    def __init__(self, rig: Rig, line: Proxy, adapter: SerialAdapter, front: Front | None) -> None:
        self.rig, self.line, self.adapter, self.front = rig, line, adapter, front
        self._clock = asyncio.get_running_loop().time
        self._pressed = 0

    def press(self) -> str:
        """Press a pendant nobody has pressed yet; give its sensor."""
        self.adapter.say(x10(self._pressed))
        self._pressed += 1
        return f"pendant-{self._pressed - 1}"

    def nonce(self) -> str:
        """Give the nonce of the hub's newest connection, as the centre knows it."""
        return self.rig.centre.home(HUB).nonce

    async def lost(self) -> int:
        """Give how many connections the hub says it lost or could not make."""
        return int((await self.rig.status())["counters"].get("main: connections lost or not made", 0))

    async def noticed(self, sensor: str, timeout_s: float = _PATIENCE_S) -> float | None:
        """Wait until the home is told that this alarm is late, and give the moment; None once it has its receipt."""

        def over(status: dict[str, Any]) -> bool:
            return any(each["late"] or each["delivery"] == "received" for each in _alarms(status, sensor))

        status = await _seen(self.rig, over, timeout_s, f"S7: nobody was told that the alarm of {sensor} is late")
        now = self._clock()
        if not _alarms(status, sensor)[0]["late"]:
            return None
        if status["display"]["tone"] != "no-line":
            raise Violation(f"S7: an alarm is late and the home hears {status['display']['tone']!r}, not that it is")
        return now

    async def received(self, sensor: str, timeout_s: float = _PATIENCE_S) -> float:
        """Wait until the hub believes the centre's receipt for this sensor's alarm; give the moment."""

        def over(status: dict[str, Any]) -> bool:
            return any(each["delivery"] == "received" for each in _alarms(status, sensor))

        await _seen(self.rig, over, timeout_s, f"S3: no receipt for the alarm of {sensor}")
        return self._clock()

    async def receipted(self, sensor: str, back_at: float, figures: Figures) -> None:
        """Wait for the receipt and hold the time since the line carries again against the promise."""
        took_s = await self.received(sensor) - back_at
        figures.measure("receipted after the line carried again, s", max(0.0, took_s), at_most=RECEIPTED_S, rule="S3")


def attempts_max(seconds: float) -> int:
    """Give how many connections may be tried in so long while an alarm waits: each pause is half of its longest.

    The first few are short, and one more may have begun already, and one just now.
    """
    short = 2
    pause_s, longest_s = BACKOFF_S[0], BACKOFF_ALARM_S
    while pause_s < longest_s:
        short += 1
        pause_s *= 2
    return short + int(seconds / (longest_s / 2))


async def _seen(rig: Rig, over: Any, timeout_s: float, otherwise: str) -> dict[str, Any]:  # noqa: ANN401 -- a predicate
    try:
        return await rig.until_status(over, timeout_s)
    except TimeoutError:
        raise Violation(f"{otherwise} in {timeout_s:g} s") from None


def _alarms(status: dict[str, Any], sensor: str) -> list[dict[str, Any]]:
    return [alarm for alarm in status["alarms"] if alarm["sensor"] == sensor]


@contextlib.asynccontextmanager
async def home(
    folder: Path,
    tables: str = NO_WINDOW,
    *,
    fronted: bool = False,
    begin: Callable[["Home"], Awaitable[None]] | None = None,
    **choices: Any,  # noqa: ANN401 -- the rig's own
) -> AsyncIterator[Home]:
    """Set a home up in `folder`: online and hearing its radio. `begin` is awaited before its hub starts."""
    async with contextlib.AsyncExitStack() as stack:
        adapter = stack.enter_context(SerialAdapter(folder / "radio"))
        rig = Rig(folder, radio(adapter.path) + pendants(range(PENDANTS)) + tables, **choices)
        front = await stack.enter_async_context(Front(rig)) if fronted else None
        target = rig.broker.port if front is None else front.port
        line = await stack.enter_async_context(Proxy(0, ("127.0.0.1", target)))
        rig.port = line.port
        await stack.enter_async_context(rig)
        it = Home(rig, line, adapter, front)
        if begin is not None:
            await begin(it)
        await rig.hub.start()
        await rig.online()
        await rig.listening()
        await rig.until_status(lambda status: all(link["up"] for link in status["links"]))
        yield it
