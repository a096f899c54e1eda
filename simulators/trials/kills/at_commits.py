"""Kills at commits: SIGKILL around each sync of a scripted hour (before its writes, before it, after it), one a run."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from simulators.crashing import MOMENTS
from simulators.disk import available
from simulators.hub_process import HubStartError
from simulators.proxy import Proxy
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials import accounts
from simulators.trials.trial import Figures, NotHereError, Round, Trial, Violation

BOUNDARIES = 60
"""More than the script has syncs: the last runs come to its end, which is how the soak knows that it has seen all."""

_PENDANTS = 12
_LOW, _FINE = 0x16, 0x00
_STEP_S = 40.0


class KilledError(Exception):
    """The hub was killed in this step."""


async def play(this: Round) -> Figures:
    """Play the script; the number of the round says which boundary kills."""
    at, when = this.number // len(MOMENTS) + 1, MOMENTS[this.number % len(MOMENTS)]
    figures = await play_to(this, at, when)
    if not figures.counted["kills"]:
        figures.count("runs that ended before their boundary")
    elif at >= BOUNDARIES:
        raise RuntimeError(f"the script has more than {BOUNDARIES} syncs: make more rounds")
    return figures


async def play_to(this: Round, at: int, when: str) -> Figures:
    """Play the script until its `at`-th sync kills the hub, go on without the killer, and settle. 0 kills nowhere."""
    figures = Figures()
    async with script(this, at, when) as play_on:
        try:
            await play_on.all()
        except KilledError as killed:
            figures.count("kills")
            figures.count(f"kills while {killed}")
        rig = play_on.rig
        await rig.hub.kill()
        rig.hub.through = ("-m", "agent")
        play_on.line.forward()
        await rig.hub.start()
        await rig.listening()
        play_on.press(_PENDANTS - 1)
        await accounts.settle(rig, figures, quiet_s=0.5)
        if "pendant-11" not in rig.alarms_by_sensor():
            raise RuntimeError("the press after the kill is not at the centre: the account is not complete")
    return figures


@contextlib.asynccontextmanager
async def script(this: Round, at: int, when: str) -> AsyncIterator["Script"]:
    """Set the stage. Raises NotHereError where no disk can be watched."""
    if not available():
        raise NotHereError("a Python whose sqlite3 uses the shared library")
    with SerialAdapter(this.folder / "radio") as adapter:
        rig = Rig(this.folder, radio(adapter.path) + pendants(range(_PENDANTS)) + NO_WINDOW)
        count = this.folder / "syncs"
        rig.hub.through = ("-m", "simulators.crashing", "--at", str(at), "--when", when, "--count", str(count), "--")
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
            rig.port = line.port
            async with rig:
                yield Script(rig, line, adapter)


def name_of(step: Callable[[], Awaitable[None]]) -> str:
    """Give a step's name, to read after "while"."""
    return step.__name__.strip("_").replace("_", " ")


class Script:
    """An hour of a home in a few seconds, step by step. Every step raises KilledError with its name."""

    def __init__(self, rig: Rig, line: Proxy, adapter: SerialAdapter) -> None:
        self.rig, self.line, self.adapter = rig, line, adapter
        self.steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self._starting,
            self._pressing,
            self._acknowledging,
            self._a_battery_is_low,
            self._the_line_is_cut,
            self._resolving,
            self._stopping,
            self._starting,
            self._pressing_again,
        )

    async def all(self) -> None:
        """Play every step."""
        for step in self.steps:
            await self.play(step)

    async def play(self, step: Callable[[], Awaitable[None]]) -> None:
        """Play one step. Raises KilledError."""
        playing = asyncio.ensure_future(step())
        ending = asyncio.create_task(self._ended())
        try:
            await asyncio.wait([playing, ending], return_when=asyncio.FIRST_COMPLETED)
            if playing.done() and playing.exception() is None:
                return
            if ending.done():
                ending.result()
                raise KilledError(name_of(step))
            playing.result()
        except HubStartError:
            raise KilledError(name_of(step)) from None
        finally:
            for task in (playing, ending):
                task.cancel()
            await asyncio.gather(playing, ending, return_exceptions=True)

    async def _ended(self) -> None:
        while not self.rig.hub.running:  # not started yet
            await asyncio.sleep(0.01)
        code = await self.rig.hub.ended(_STEP_S)
        if code == 0:  # as it was asked to
            await asyncio.Event().wait()
        if code != -signal.SIGKILL:
            raise Violation(f"S1: the hub ended by itself, with {code}")

    def press(self, *numbers: int) -> None:
        """Press pendants, each once in its life."""
        for number in numbers:
            self.adapter.say(x10(number))

    # --- the steps ---------------------------------------------------------------------------------

    async def _starting(self) -> None:
        place = len(self.rig.centre.timeline)
        await self.rig.hub.start()
        await self.rig.online(after=place)
        await self.rig.listening()
        await self._quiet()

    async def _pressing(self) -> None:
        self.press(0)
        await self._arrived(1)
        self.press(1, 2, 3)
        await self._arrived(4)
        await self._quiet()

    async def _acknowledging(self) -> None:
        self.rig.centre.acknowledge(self.rig.centre.alarms[0])
        await self.rig.event("command.done")
        await self._quiet()

    async def _a_battery_is_low(self) -> None:
        place = len(self.rig.centre.timeline)
        self.adapter.say(x10(9, _LOW))
        await self.rig.event("fault.raised", after=place)
        self.adapter.say(x10(9, _FINE))
        await self.rig.event("fault.cleared")
        await self._quiet()

    async def _the_line_is_cut(self) -> None:
        self.line.cut()
        self.press(4)
        await self._called(5)
        self.press(5)
        await self._called(6)
        self.line.forward()
        await self._arrived(6)
        await self._quiet()

    async def _resolving(self) -> None:
        self.rig.centre.resolve(self.rig.centre.alarms[0], "visited")
        self.rig.centre.command(HUB, "test")
        await self.rig.event("command.done", count=3)
        await self._quiet()

    async def _stopping(self) -> None:
        await self.rig.hub.stop()

    async def _pressing_again(self) -> None:
        self.press(6, 7)
        await self._arrived(8)
        await self._quiet()

    async def _called(self, count: int) -> None:
        await self._until(lambda: len(set(self.rig.hub.logged(accounts.CALLING))) == count)

    async def _arrived(self, count: int) -> None:
        await self.rig.event("alarm.raised", count=count)

    async def _quiet(self) -> None:
        """Wait until the hub has every receipt, so that each step's syncs are its own."""
        await self._until(lambda: accounts.waiting(self.rig) == 0)

    async def _until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(_STEP_S):
            while not so():
                await asyncio.sleep(0.02)


TRIALS = (
    Trial(
        "kills-at-commits",
        "S1 S2 S4",
        "Killed around any sync of its disk, the hub loses no alarm whose call had begun, and doubles none",
        len(MOMENTS) * BOUNDARIES,
        play,
    ),
)
