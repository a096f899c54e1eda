"""Brokers and centres that stop, die, forget, lie or are replaced while alarms wait: none is lost, none doubled."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire.topics import ROOT
from centre.issue import TooManyCommandsError
from sensors.mqtt_link import MqttLink
from simulators.mosquitto import Mosquitto
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials import accounts
from simulators.trials.trial import Figures, Round, Trial, Violation

ARRIVED_S = 90.0
"""Three resends 30 s apart, should the first two go where nobody keeps them."""

_PENDANTS = 24
_COMMITTED_S = 10.0


async def play(this: Round) -> Figures:
    """Play one mishap; the number of the round says which."""
    names = tuple(MISHAPS)
    return await play_mishap(this, names[this.number % len(names)])


async def play_mishap(this: Round, name: str) -> Figures:
    """Let alarms go well, let the mishap happen while others wait, and see all of them arrive once."""
    figures = Figures()
    with SerialAdapter(this.folder / "radio") as adapter:
        rig = Rig(this.folder, radio(adapter.path) + pendants(range(_PENDANTS)) + NO_WINDOW)
        async with rig:
            await rig.centre.stop()
            rig.centre = rig.make_centre(str(this.folder / "ledger"))
            await rig.centre.start()
            scene = Scene(this, rig, adapter)
            await rig.hub.start()
            await rig.online()
            await rig.listening()
            await scene.press()
            await accounts.emptied(rig, quiet_s=0.3)
            try:
                mended_at = await MISHAPS[name](scene)
                await scene.press()
                await scene.all_arrived(mended_at, figures)
                await accounts.settle(rig, figures, timeout_s=120, quiet_s=0.5)
            finally:
                await scene.end()
            figures.count(f"mishaps: {name}")
    return figures


class Scene:
    """A hub with alarms, its broker and its centre. Presses come by themselves; every pendant is pressed once."""

    def __init__(self, this: Round, rig: Rig, adapter: SerialAdapter) -> None:
        self.rig, self.adapter, self.folder = rig, adapter, this.folder
        self.dice = random.Random(this.seed)
        self.pressed = 0
        self.clock = asyncio.get_running_loop().time
        self.asking: asyncio.Task[None] | None = None

    async def press(self) -> None:
        """Press a few pendants, and wait until the hub calls for each."""
        for _ in range(self.dice.randrange(1, 5)):
            self.adapter.say(x10(self.pressed))
            self.pressed += 1
            await asyncio.sleep(self.dice.uniform(0, 0.05))
        async with asyncio.timeout(_COMMITTED_S):
            while len(set(self.rig.hub.logged(accounts.CALLING))) < self.pressed:
                await asyncio.sleep(0.02)

    async def all_arrived(self, since: float, figures: Figures) -> None:
        """Wait until the ledger has every press; measure from the mishap's end."""
        while (came := len(accounts.raised(self.rig))) < self.pressed:
            if self.clock() > since + ARRIVED_S:
                raise Violation(f"S2: {self.pressed - came} alarms had not arrived {ARRIVED_S:g} s after the mishap")
            await asyncio.sleep(0.05)
        figures.measure("from the mishap's end to the last alarm, s", self.clock() - since)
        while self.asking is not None and (lacking := accounts.absent(self.rig)):
            if self.clock() > since + ARRIVED_S:
                raise Violation(f"S2: {len(lacking)} rows that a new centre could have asked for had not arrived")
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        """Leave nothing running."""
        if self.asking is not None:
            self.asking.cancel()
            await asyncio.gather(self.asking, return_exceptions=True)

    async def some_time(self) -> None:
        """Let it last."""
        await asyncio.sleep(self.dice.uniform(0.2, 3))

    # --- brokers -------------------------------------------------------------------------------------

    async def _without_broker(self, end: Callable[[], None], begin: Callable[[], object]) -> float:
        await asyncio.to_thread(end)
        await self.press()
        await self.some_time()
        await asyncio.to_thread(begin)
        return self.clock()

    async def broker_restarted(self) -> float:
        """Stopped in good order, and started: it knows what it knew."""
        return await self._without_broker(self.rig.broker.stop, self.rig.broker.start)

    async def broker_killed(self) -> float:
        """Killed in the middle of a press, and started."""
        self.adapter.say(x10(self.pressed))
        self.pressed += 1
        return await self._without_broker(self.rig.broker.kill, self.rig.broker.start)

    async def broker_replaced(self) -> float:
        """Killed, and another in its place that knows no session and nothing retained."""
        old = self.rig.broker
        self.rig.broker = Mosquitto(self.folder / "another-broker", tls=old.tls, port=old.port)
        return await self._without_broker(old.kill, self.rig.broker.start)

    async def broker_frozen(self) -> float:
        """Takes everything and answers nothing, for longer than a PUBACK may take; then goes on as if nothing were."""
        await asyncio.to_thread(self.rig.broker.freeze)
        await self.press()
        await asyncio.sleep(self.dice.uniform(5, 8))
        await asyncio.to_thread(self.rig.broker.thaw)
        return self.clock()

    async def broker_drops(self) -> float:
        """Acknowledges and drops: the centre is away, and left no session. Mosquitto says so in its PUBACK, and may."""
        await self.rig.centre.stop()
        await self.press()
        await self.some_time()
        await self._new_centre("ledger")
        return self.clock()

    async def broker_feeds_the_dead(self) -> float:
        """Gives every other event to a worker that died and left a session behind, with room for two messages."""
        dead = MqttLink("centre-dead", lambda _: None, tls=self.rig.centre_tls(), session_expiry_s=3_600)
        await dead.connect("localhost", self.rig.broker.port)
        await dead.subscribe((f"$share/centre/{ROOT}/+/event", SubscribeOptions(qos=1)))
        dead.abort("died")
        await self.press()
        await self.press()
        return self.clock()

    # --- centres -------------------------------------------------------------------------------------

    async def centre_restarted(self) -> float:
        """Another process takes over the ledger."""
        self.adapter.say(x10(self.pressed))
        self.pressed += 1
        await self.rig.centre.stop()
        await self.press()
        await self._new_centre("ledger")
        return self.clock()

    async def centre_silent_then_replaced(self) -> float:
        """Takes everything, keeps nothing; then another takes over."""
        self.rig.centre.faults.silent = True
        await self.press()
        await self.some_time()
        await self.rig.centre.stop()
        await self._new_centre("ledger")
        return self.clock()

    async def centre_forgot(self) -> float:
        """Another takes over with an empty ledger, and asks for what the hub says it gave out: all of it is kept.

        Of the hub's present life: a hub does not tell of earlier ones, but for the alarms still open, in its state.
        """
        await self.rig.centre.stop()
        await self._new_centre("empty-ledger")
        self.asking = asyncio.create_task(self._ask_on())
        return self.clock()

    async def _ask_on(self) -> None:
        """Ask as a centre does: each state and check-in may show that more is missing."""
        while True:
            with contextlib.suppress(TooManyCommandsError):  # later
                self.rig.centre.ask_for_missing(HUB)
            await asyncio.sleep(1)

    async def _new_centre(self, ledger: str) -> None:
        self.rig.centre = self.rig.make_centre(str(self.folder / ledger))
        await self.rig.centre.start()


MISHAPS: dict[str, Callable[[Scene], Awaitable[float]]] = {
    mishap.__name__.replace("_", " "): mishap
    for mishap in (
        Scene.broker_restarted,
        Scene.broker_killed,
        Scene.broker_replaced,
        Scene.broker_frozen,
        Scene.broker_drops,
        Scene.broker_feeds_the_dead,
        Scene.centre_restarted,
        Scene.centre_silent_then_replaced,
        Scene.centre_forgot,
    )
}
"""Each happens while alarms wait, and gives when it was over, on the loop's clock."""

TRIALS = (
    Trial(
        "broker-and-centre",
        "S2 S3 S4",
        "Whatever broker and centre lose, forget, or have acknowledged, the centre's ledger gets every alarm once",
        3 * len(MISHAPS),
        play,
    ),
)
