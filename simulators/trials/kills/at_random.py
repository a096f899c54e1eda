"""Kills at random: SIGKILL while alarms, receipts, commands, check-ins and resends are under way, over a bad line."""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from centre.issue import TooManyCommandsError
from rules.events import Triggered
from simulators.centre import UnknownAlarmError
from simulators.hub_process import HubStartError
from simulators.proxy import Proxy
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.trials import accounts
from simulators.trials.trial import Figures, Round, Trial, Violation

KILLS = 10
PENDANTS = 128

HANDS_MS = 1_000
"""A press that the hub could hear so long before a kill must be in its store: 250 ms for the disk (S1), and room."""

AMID_S = 0.03
"""Within this time a press goes from the radio to the disk and on to the line."""

_CALLS_MIN, _EPOCHS_MIN = 20, 5  # with fewer, a round says nothing
_LOW, _FINE = 0x16, 0x00
_TRIGGERED = b'"event":"triggered"'


class Life(NamedTuple):
    """One process: when it began to listen (None: killed before) and when it was killed, on the loop's clock."""

    armed_at: float | None
    killed_at: float


async def play(this: Round) -> Figures:
    """Play a round: ten lives of a hub, each killed, while every pendant of a large house is pressed once."""
    figures = Figures()
    async with _house(this) as house:
        lives = await house.live(KILLS)
        house.settle_down()
        await house.rig.hub.start()
        house.listening = True
        armed_at = asyncio.get_running_loop().time()
        await house.pressed_all()
        await house.staff_done()
        await accounts.settle(house.rig, figures)
        _count(house, [*lives, Life(armed_at, math.inf)], figures)
    return figures


@contextlib.asynccontextmanager
async def _house(this: Round) -> AsyncIterator["_House"]:
    with SerialAdapter(this.folder / "radio") as adapter:
        rig = Rig(this.folder, radio(adapter.path) + pendants(range(PENDANTS)) + NO_WINDOW)
        async with Proxy(0, ("127.0.0.1", rig.broker.port)) as line:
            rig.port = line.port
            async with rig:
                house = _House(rig, line, adapter, random.Random(this.seed))
                try:
                    yield house
                finally:
                    await house.end()


class _House:
    """What goes on around the hub while it is killed: presses, a bad line, a centre with moods, staff."""

    def __init__(self, rig: Rig, line: Proxy, adapter: SerialAdapter, dice: random.Random) -> None:
        self.rig, self.line, self.adapter, self.dice = rig, line, adapter, dice
        self.pressed: dict[int, float] = {}
        self.listening = False
        self._clock = asyncio.get_running_loop().time
        self._tasks: list[asyncio.Task[None]] = []
        self._flapping: asyncio.Task[None] | None = None

    async def live(self, lives: int) -> list[Life]:
        """Start the hub and kill it, so many times; a fifth of the time before it is armed."""
        self._tasks = [asyncio.create_task(self._press_on()), asyncio.create_task(self._staff())]
        return [await self._life() for _ in range(lives)]

    async def _life(self) -> Life:
        self._new_mood()
        starting = asyncio.create_task(self.rig.hub.start())
        armed_at: float | None = None
        try:
            if self.dice.random() < 1 / 5:
                await asyncio.wait([starting], timeout=self.dice.uniform(0.2, 0.8))
            else:
                await starting
            if starting.done():
                armed_at = self._clock()
                self.listening = True
                await asyncio.sleep(self.dice.choice((0.4, 0.8, 2.0)) * self.dice.random())
                if self.dice.random() < 2 / 3:  # while an alarm is somewhere between the radio and the line
                    self._press()
                    await asyncio.sleep(self.dice.random() ** 2 * AMID_S)
            self.listening = False
            killed_at = self._clock()
            await self.rig.hub.kill()
        finally:
            with contextlib.suppress(HubStartError):  # it was killed
                await starting
        return Life(armed_at, killed_at)

    def _new_mood(self) -> None:
        """Throw the dice for this life's line and centre."""
        self.settle_down()
        faults = self.rig.centre.faults
        match self.dice.choice(("well", "late", "twice", "reordered", "ledger down", "silent")):
            case "late":
                faults.late = self.dice.uniform(0.05, 0.5)
            case "twice":
                faults.duplicate = True
            case "reordered":
                faults.reorder = faults.duplicate = True
            case "ledger down":
                faults.retry = True
            case "silent":
                faults.silent = True
        if self.dice.random() < 1 / 2:
            self._flapping = asyncio.create_task(self._flap())

    def settle_down(self) -> None:
        """Mend line and centre."""
        if self._flapping is not None:
            self._flapping.cancel()
            self._flapping = None
        self.line.forward()
        faults = self.rig.centre.faults
        faults.late, faults.duplicate, faults.reorder, faults.retry, faults.silent = 0, False, False, False, False

    async def _flap(self) -> None:
        while True:
            await asyncio.sleep(self.dice.uniform(0.1, 0.6))
            self.dice.choice((self.line.cut, self.line.swallow, self.line.stall))()
            await asyncio.sleep(self.dice.uniform(0.05, 0.4))
            self.line.forward()

    async def _press_on(self) -> None:
        """Press each pendant once; now and then several at a time; now and then one says that its battery is low."""
        while len(self.pressed) < PENDANTS:
            if self.listening or self.dice.random() < 1 / 3:
                self._press()
            if self.dice.random() < 1 / 8:
                self.adapter.say(x10(self.dice.randrange(PENDANTS), self.dice.choice((_LOW, _FINE))))
            if self.dice.random() < 3 / 4:
                await asyncio.sleep(self.dice.uniform(0.02, 0.3))

    def _press(self) -> None:
        number = len(self.pressed)
        if number < PENDANTS:
            self.pressed[number] = self._clock()
            self.adapter.say(x10(number))

    async def _staff(self) -> None:
        """Take alarms, close them, ask for rows again and for what is missing, without end."""
        while True:
            await asyncio.sleep(self.dice.uniform(0.1, 0.4))
            with contextlib.suppress(UnknownAlarmError, TooManyCommandsError):
                self._command()

    def _command(self) -> None:
        centre, alarms = self.rig.centre, self.rig.centre.alarms
        what = self.dice.choice(("acknowledge", "resolve", "resolve", "resend", "missing", "test"))
        match what:
            case "acknowledge" if alarms:
                centre.acknowledge(self.dice.choice(alarms))
            case "resolve" if alarms:
                centre.resolve(self.dice.choice(alarms))
            case "resend" if epoch := centre.home(HUB).epoch:
                last = self.dice.randrange(1, 30)
                centre.command(HUB, "resend", {"epoch": epoch, "lane": "a", "from": 1, "to": last})
            case "missing":
                centre.ask_for_missing(HUB)
            case "test":
                centre.command(HUB, "test")

    async def pressed_all(self) -> None:
        """Wait until every pendant was pressed, in the hub's last life the rest of them."""
        await self._tasks[0]

    async def staff_done(self, timeout_s: float = 60) -> None:
        """Send staff home, and see that every command was answered. Raises Violation."""
        self._tasks[1].cancel()
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.rig.centre.commands):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Violation(
                f"S8: {len(self.rig.centre.commands)} commands, repeated for {timeout_s:g} s, had no answer"
            ) from None

    async def end(self) -> None:
        """Leave nothing running."""
        tasks = [*self._tasks, *filter(None, [self._flapping])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- counting -------------------------------------------------------------------------------------------


def _count(house: _House, lives: list[Life], figures: Figures) -> None:
    """Count how far each press got, and see that none was lost that could be kept."""
    rig = house.rig
    committed = _committed(rig)
    calling, raised = len(set(rig.hub.logged(accounts.CALLING))), accounts.raised(rig)
    epochs = {ref.split("-")[0] for ref in raised}
    if calling < _CALLS_MIN or len(epochs) < _EPOCHS_MIN:
        raise RuntimeError(f"{calling} calls in {len(epochs)} epochs: this round says nothing about kills")
    if kept := sorted(committed - set(rig.alarms_by_sensor())):
        raise Violation(f"S1: {len(kept)} presses were committed and never arrived: {kept[:5]}")
    figures.count("kills", len(lives) - 1)
    figures.count("kills before it was armed", sum(life.armed_at is None for life in lives))
    figures.count("epochs with alarms", len(epochs))
    figures.count("presses", len(house.pressed))
    figures.count("alarms killed between commit and call", len(committed) - calling)
    for number, at in house.pressed.items():
        if f"pendant-{number}" not in committed:
            count_lost(at, lives, figures)


def count_lost(at: float, lives: list[Life], figures: Figures) -> None:
    """Say how far a press got that was lost before its commit, which nobody can promise to prevent. Raises Violation.

    Nothing had sounded for it but perhaps the "heard you" chirp, so whoever pressed knows, and presses again.
    """
    life = next((life for life in lives if life.armed_at is not None and life.armed_at <= at <= life.killed_at), None)
    if life is None:
        figures.count("presses while no hub listened")
        return
    if life is lives[-1]:
        raise Violation("S1: a press was lost that nothing had killed")
    figures.count("presses lost in the hub's hands")
    figures.measure("from a lost press to the kill, ms", (life.killed_at - at) * 1_000, at_most=HANDS_MS, rule="S1")


def _committed(rig: Rig) -> set[str]:
    """Give the sensors whose triggers the hub's journal has."""
    with accounts.store(rig) as connection:
        events = connection.execute("SELECT event FROM journal WHERE instr(event, ?)", (_TRIGGERED,)).fetchall()
    return {msgspec.json.decode(event, type=Triggered).sensor for (event,) in events}


TRIALS = (
    Trial(
        "kills-random",
        "S1 S2 S3 S4 S8",
        "Killed at any moment, over any line, the hub loses no alarm whose call had begun, and doubles none",
        30,
        play,
    ),
)
