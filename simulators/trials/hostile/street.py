"""Two homes in one street, one centre, and between them a broker in hostile hands; each home has a second line."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from agent.ask import AskError, ask
from agent.clock import SystemClock
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, read_key
from agent.wire.messages import decode_event, decode_report
from rules.reports import AlarmRaised, PlanApplied, Report
from simulators.centre import SimulatedCentre
from simulators.hostile_broker import HostileBroker
from simulators.hub_process import HubProcess
from simulators.keys import KeySet, make_keys
from simulators.mosquitto import Mosquitto, ServerFiles
from simulators.rig import LEDGER_MAX, NO_WINDOW, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials.trial import Violation

LEFT, RIGHT = "hub-left", "hub-right"
PENDANTS = 40
PATIENCE_S = 45.0
_POLL_S = 0.05


class Home:
    """One of the homes: pendants in rooms of their own, none of which has a cancel window."""

    def __init__(self, hub: str, folder: Path, keys: KeySet, adapter: SerialAdapter) -> None:
        self.name, self.adapter = hub, adapter
        self.process = HubProcess(folder / "hub.toml", pins=False)
        self._folder, self._keys = folder, keys
        self._pressed = 0

    def write_config(self, main: int, standby: int) -> None:
        """Write hub.toml: the first line leads to the hostile broker, the second past it."""
        mine = self._keys.hubs[self.name]
        files = f'ca = "{self._keys.ca}"\ncertificate = "{mine.tls.certificate}"\nkey = "{mine.tls.key}"\n'
        lines = "".join(
            f'[[uplink]]\nname = "{name}"\nhost = "127.0.0.1"\nport = {port}\n{more}{files}'
            for name, port, more in (("main", main, ""), ("4g", standby, "standby = true\n"))
        )
        self.process.config.write_text(
            f'hub = "{self.name}"\nstate_dir = "state"\nsocket = "{self._folder}/ask"\noutputs = "log"\n'
            f'[keys]\nhub = "{mine.signing}"\ncentre = ["{self._keys.centre_public}"]\nplan = "{mine.plan}"\n'
            f"{lines}{radio(self.adapter.path)}{pendants(range(PENDANTS))}{NO_WINDOW}"
        )

    def press(self) -> str:
        """Press a pendant nobody has pressed yet; give its sensor."""
        self.adapter.say(x10(self._pressed))
        self._pressed += 1
        return f"pendant-{self._pressed - 1}"

    async def status(self) -> dict[str, Any]:
        """Ask the hub how it is. Raises AskError."""
        answer: dict[str, Any] = json.loads(await asyncio.to_thread(ask, self._folder / "ask"))
        return answer

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], otherwise: str, timeout_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Ask until the answer is as wanted, and give it. Raises Violation."""
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    with contextlib.suppress(AskError):
                        status = await self.status()
                        if wanted(status):
                            return status
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            told = {name: status.get(name) for name in ("alarms", "links", "faults", "counters")}
            raise Violation(f"{self.name}: {otherwise} in {timeout_s:g} s: {told}") from None


class Street:
    """The homes, the centre beyond, and the hand between."""

    def __init__(self, homes: dict[str, Home], centre: SimulatedCentre, between: HostileBroker, keys: KeySet) -> None:
        self.homes, self.centre, self.between, self.keys = homes, centre, between, keys

    def raised(self) -> dict[tuple[str, str], list[str]]:
        """Give the alarms that the centre holds, by hub and sensor."""
        found: dict[tuple[str, str], list[str]] = {}
        for hub, report in self._held():
            if isinstance(report, AlarmRaised):
                found.setdefault((hub, report.sensor), []).append(report.alarm)
        return found

    def applied(self) -> list[tuple[str, int]]:
        """Give the plans that hubs have told of as applied: the hub, and the version."""
        return sorted((hub, report.version) for hub, report in self._held() if isinstance(report, PlanApplied))

    def _held(self) -> Iterator[tuple[str, Report | None]]:
        for _, entry, _ in self.centre.ledger.events(limit=LEDGER_MAX):
            yield entry.hub, decode_report(decode_event(entry.body))


@contextlib.asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    """Set the street up: both hubs online through hands that are honest yet."""
    keys = make_keys(folder / "keys", SystemClock().now().wall_ms, [LEFT, RIGHT])
    files = ServerFiles(keys.ca, keys.broker.certificate, keys.broker.key)

    def tls() -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=keys.ca)
        context.load_cert_chain(keys.centre_tls.certificate, keys.centre_tls.key)
        return context

    async with contextlib.AsyncExitStack() as stack:
        beyond = stack.enter_context(Mosquitto(folder / "beyond", tls=files))
        between = HostileBroker(Mosquitto(folder / "between", tls=files), beyond, tls)
        await stack.enter_async_context(between)
        centre = SimulatedCentre(
            "localhost",
            beyond.port,
            read_key(keys.centre, CENTRE_ALGORITHM),
            {hub: [read_key(mine.public, HUB_ALGORITHM)] for hub, mine in keys.hubs.items()},
            SystemClock(),
            tls=tls(),
        )
        await centre.start()
        stack.push_async_callback(centre.stop)
        homes: dict[str, Home] = {}
        for hub in (LEFT, RIGHT):
            place = folder / hub
            place.mkdir(parents=True)
            home = homes[hub] = Home(hub, place, keys, stack.enter_context(SerialAdapter(place / "radio")))
            home.write_config(between.homes.port, beyond.port)
            stack.push_async_callback(home.process.kill)
            await home.process.start()
        for home in homes.values():
            await home.until(_listens, "S7: it does not listen, or has no line")
        yield Street(homes, centre, between, keys)


def _listens(status: dict[str, Any]) -> bool:
    return all(each["listening"] for each in status["drivers"]) and status["links"][0]["up"]
