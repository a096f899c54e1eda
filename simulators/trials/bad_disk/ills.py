"""Bad disks: full, out of names, read-only, stalled, refusing, damaged, with kills in between. The hub helps anyway."""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from rules.reports import FaultCleared, FaultRaised
from simulators.disk import available
from simulators.rig import NO_WINDOW
from simulators.trials import accounts
from simulators.trials.bad_disk.card import Card
from simulators.trials.eyes import CALL, HEARD_HZ, OUTPUTS, SOUNDER, Eyes, told, until_told
from simulators.trials.line.home import Home, home
from simulators.trials.trial import Figures, NotHereError, Round, Trial, Violation
from simulators.watched_pins import boot_ms

BUDGET_MS = 250
"""How long an action waits for its commit (S1)."""

HUB_MS = 150
"""What the hub itself may take from a frame on the wire to a sound, on a machine busy with other things."""

STEADY_S, INSPECT_S = 1.0, 0.5
"""Shortened from a minute and from ten seconds, for the trial."""

_FLAPS = 6
_CALLED_S = 10.0


class Ill:
    """One round: a home, its card, and what has been pressed."""

    def __init__(self, at_home: Home, card: Card, dice: random.Random, figures: Figures) -> None:
        self.home, self.card, self.dice, self.figures = at_home, card, dice, figures
        self.rig, self.hub = at_home.rig, at_home.rig.hub
        self.pressed = 0

    async def press(self, *, rule: str = "S1") -> None:
        """Press, and see that the hub is heard at once, and calls within its budget, whatever the disk does."""
        async with Eyes(self.hub.pins) as eyes:
            async with asyncio.timeout(_CALLED_S):
                while _sounding(eyes) == HEARD_HZ:  # of the press before: the same note again would be no change
                    await asyncio.sleep(0.01)
            shown, calls, from_ms = len(eyes.changes), len(self.hub.logged(accounts.CALLING)), boot_ms()
            self.home.press()
            self.pressed += 1
            heard_ms = await eyes.note(HEARD_HZ, from_ms=from_ms, after=shown)
            self.figures.measure("press to sound, ms", heard_ms - from_ms, at_most=BUDGET_MS + HUB_MS, rule=rule)
            async with asyncio.timeout(_CALLED_S):
                while len(self.hub.logged(accounts.CALLING)) == calls:
                    await asyncio.sleep(0.005)
            took_ms = boot_ms() - from_ms
            self.figures.measure("press to call on a bad disk, ms", took_ms, at_most=BUDGET_MS + HUB_MS, rule=rule)
            with contextlib.suppress(TimeoutError):  # it blinks: lit now, or soon
                await eyes.until(lambda change: change.pin == CALL and change.value > 0, timeout_s=2)
                return
            raise Violation(f"{rule}: an alarm was raised and the call light is dark")

    async def received(self) -> None:
        """Wait until the centre has answered for the last press."""
        await self.home.received(f"pendant-{self.pressed - 1}")

    async def fault(self, name: str, *, times: int = 1) -> None:
        """Wait until the centre was told of this fault so many times."""
        async with asyncio.timeout(20):
            while sum(each.report.fault == name for each in told(self.rig, FaultRaised)) < times:
                await asyncio.sleep(0.05)

    async def recovered(self) -> None:
        """Wait until the hub has told the centre that its storage is well."""
        await until_told(self.rig, FaultCleared, lambda report: report.fault == "storage")

    async def kept(self) -> None:
        """Wait until the last call is on the card: one that went ahead of its commit (S1) may die with the process."""
        alarm = self.hub.logged(accounts.CALLING)[-1].encode()
        async with asyncio.timeout(20):
            while not self.card.holds(alarm):
                await asyncio.sleep(0.05)

    async def killed(self) -> None:
        """Kill the hub in the middle of things and start it again."""
        await self.hub.kill()
        self.figures.count("kills")
        await self.start()

    async def start(self) -> None:
        """Start the hub, and wait until its radio listens."""
        self.figures.measure("armed, s", await self.hub.start())
        await self.rig.listening()

    async def perhaps_killed(self) -> None:
        """Kill it or not, as the dice fall; only when nothing is on no disk."""
        if self.dice.random() < 1 / 2:
            await self.received()
            await self.killed()

    def disk(self, *, ill: bool) -> None:
        """Let the disk under SQLite fall ill, or be well again."""
        os.kill(self.hub.pid, signal.SIGUSR1 if ill else signal.SIGUSR2)


def _sounding(eyes: Eyes) -> float | None:
    """Give the pitch that sounds now, if any. Until the sounder was seen it may be the one that must not."""
    seen = (change.hz if change.value else None for change in reversed(eyes.changes) if change.pin == SOUNDER)
    return next(seen, HEARD_HZ)


# --- the ills ------------------------------------------------------------------------------------------


async def full(it: Ill, *, use_up: Callable[[Card], None], restart: bool) -> None:
    """The disk takes nothing more, under way or before the hub starts."""
    if restart:
        await it.hub.stop()
    use_up(it.card)
    if restart:
        await it.start()
    await it.press()
    await it.received()
    await it.fault("storage")
    await it.press()
    await it.perhaps_killed()
    await it.press()
    it.card.free()
    await it.received()
    await it.recovered()


async def read_only(it: Ill) -> None:
    """The card turned read-only while the hub was down, with an alarm on it that nobody has heard of."""
    it.home.line.cut()
    await it.press()
    await it.hub.kill()
    it.card.read_only(on=True)
    await it.start()
    it.home.line.forward()
    await it.received()  # S3: it was on the card alone
    await it.press()
    await it.fault("storage")
    await it.perhaps_killed()
    it.card.read_only(on=False)
    await it.recovered()


async def refusing(it: Ill) -> None:
    """Syncs hang, or writes are refused, for a while; then again and again, as of a card about to die."""
    it.disk(ill=True)
    await it.press()
    await it.received()
    await it.fault("storage")
    if it.dice.random() < 1 / 2:
        await it.killed()
        it.disk(ill=True)
        await it.press()
        await it.received()
        await it.fault("storage", times=2)
    before = sum(each.report.fault == "storage" for each in told(it.rig, FaultRaised))
    for _ in range(_FLAPS):
        it.disk(ill=False)
        await asyncio.sleep(it.dice.uniform(0.05, STEADY_S / 2))
        it.disk(ill=True)
        await it.press()
    it.disk(ill=False)
    await it.recovered()
    after = sum(each.report.fault == "storage" for each in told(it.rig, FaultRaised))
    if after != before:
        raise Violation(f"S7: a disk that failed {_FLAPS} times in a few seconds was {after - before + 1} faults")


async def damaged(it: Ill, *, under_way: bool) -> None:
    """Pages of the store are overwritten while alarms wait in it: all but those the alarms lie on."""
    it.home.line.cut()
    for _ in range(it.dice.randrange(2, 6)):
        await it.press()
    if not under_way:
        await (it.hub.kill() if it.dice.random() < 1 / 3 else it.hub.stop())
    alarms = [alarm.encode() for alarm in it.hub.logged(accounts.CALLING)]
    log = it.card.store.with_name("hub.db-wal")
    if it.dice.random() < 1 / 3 and not log.exists():
        it.card.lose_header()
        ruined = 1
    else:
        ruined = it.card.ruin(it.dice, it.dice.randrange(1, 5), spare=alarms)
    it.figures.count("pages overwritten", ruined)
    if under_way:
        await it.press()
        await it.kept()
        await it.killed()  # what SQLite has in memory hides the damage from it, for as long as the process lives
    else:
        await it.start()
    if it.dice.random() < 1 / 3:
        await it.killed()  # while it takes over what can be read, perhaps
    it.home.line.forward()
    await it.received()
    if ruined and not under_way and not log.exists():
        await it.fault("store-quarantined")


ILLS: tuple[tuple[str, str, Callable[[Ill], Awaitable[None]]], ...] = (
    ("full", "stall", partial(full, use_up=Card.fill, restart=False)),
    ("read-only", "stall", read_only),
    ("stalled", "stall", refusing),
    ("damaged while down", "stall", partial(damaged, under_way=False)),
    ("damaged under way", "stall", partial(damaged, under_way=True)),
    ("refusing writes", "no-write", refusing),
    ("full at the start", "stall", partial(full, use_up=Card.fill, restart=True)),
    ("out of names", "stall", partial(full, use_up=Card.use_up_names, restart=True)),
    ("refusing syncs", "no-sync", refusing),
)
"""What befalls the disk, one after the other from round to round."""


async def play(this: Round) -> Figures:
    """Play a round: one ill, and the account when the disk is well."""
    figures, dice = Figures(), random.Random(this.seed)
    name, disk, befall = ILLS[this.number % len(ILLS)]
    async with _ill(this, disk, dice, figures) as it:
        await it.press()
        await it.received()
        try:
            await befall(it)
        except TimeoutError as error:
            raise Violation(f"S3 S7: {name}: what was promised did not happen in time") from error
        await _account(it, figures)
    figures.count(name)
    return figures


@contextlib.asynccontextmanager
async def _ill(this: Round, disk: str, dice: random.Random, figures: Figures) -> AsyncIterator[Ill]:
    if not available():
        raise NotHereError("this Python's sqlite3 is not linked to the shared libsqlite3: its disk cannot be wrapped")
    wrapper = ("-m", "simulators.trials.bad_disk.hub", "--disk", disk)
    shortened = ("--steady", str(STEADY_S), "--inspect", str(INSPECT_S))

    async def through_a_bad_disk(at_home: Home) -> None:
        hub = at_home.rig.hub
        hub.through = (*wrapper, *shortened, *hub.through[2:])  # for `-m simulators.pins`, whose arguments remain

    with Card(this.folder / "card") as card:
        async with home(
            this.folder,
            OUTPUTS + NO_WINDOW,
            begin=through_a_bad_disk,
            pins=True,
            outputs="",
            state_dir=card.state_dir,
        ) as at_home:
            yield Ill(at_home, card, dice, figures)


async def _account(it: Ill, figures: Figures) -> None:
    """On the disk that is well again, hold what the centre has against what began; then look at the store."""
    if it.dice.random() < 1 / 2:
        await it.killed()
    await it.press()
    await it.received()
    await accounts.settle(it.rig, figures)
    if len(it.rig.alarms_by_sensor()) != it.pressed:
        raise Violation(f"S3: {it.pressed} pendants were pressed, {len(it.rig.alarms_by_sensor())} alarms arrived")
    await it.hub.stop()
    with contextlib.closing(sqlite3.connect(it.card.store)) as store:
        (verdict,) = store.execute("PRAGMA integrity_check(1)").fetchone()
        (twice,) = store.execute("SELECT count(*) FROM conflict").fetchone()
        (waiting,) = store.execute("SELECT count(*) FROM outbox WHERE state = 0 AND rank < 2").fetchone()
    if verdict != "ok" or twice or waiting:
        raise Violation(f"S1: the store afterwards: {verdict}, {twice} ids with two contents, {waiting} alarms waiting")


TRIALS = (
    Trial(
        "bad-disk",
        "S1 S3 S7",
        "Whatever the disk does, the sounds sound, the alarm goes, the fault is reported, no id has two contents, and"
        " the hub recovers by itself when the disk does",
        rounds=180,
        play=play,
    ),
)
