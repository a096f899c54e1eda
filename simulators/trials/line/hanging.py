"""DNS, TCP, TLS, CONNACK or SUBACK hangs during a press: what the home hears and sees is not a moment later for it."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from simulators.rig import security1, sensor, x10
from simulators.trials.accounts import settle
from simulators.trials.line.front import CONNACK, SUBACK
from simulators.trials.line.home import PENDANTS, Home, home
from simulators.trials.line.resolver import NAME, Resolver
from simulators.trials.trial import Figures, Round, Trial, Violation, percentile
from simulators.watched_pins import Change

EXTRA_MS = 50.0
"""How much later the home may hear and see a press for a line that hangs, at p99."""

EXTRA_MS_MAX = 250.0
"""And never so much (S1)."""

OUTLIERS = 0.05
"""The share of a round's few samples that may lie above the first: other work shares the machine."""

PRESSES = 5
_CALL_LIGHT, _SOUNDER, _CANCEL = 16, 20, 6
_HEARD_HZ, _CANCELLED_HZ = 880, 784
_FALLERS = range(100, 120)
_TABLES = (
    '[pins]\nfactory = "mock"\n[buttons]\ncall = 5\ncancel = 6\narrived = 13\n[kind.fall]\ncancel_s = 0\n'
    + "".join(sensor(f"faller-{n}", "radio", security1(n), "fall", f"hall-{n}") for n in _FALLERS)
)
_OUTPUTS = "[outputs]\ncall = 16\narrived = 17\nsomeone = 18\nsiren = 19\nsounder = 20\n"


def boot_ms() -> float:
    """Tell the clock that the pins' changes are stamped with, in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e6


class Resident:
    """Presses, and notes when the home answers: the "heard you" chirp, the light that says that it is calling."""

    def __init__(self, it: Home, dice: random.Random) -> None:
        self._it, self._dice = it, dice
        self._seen: list[Change] = []
        self._changed = asyncio.Event()
        self._pressed = 0
        self._fell = _FALLERS.start

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look and listen."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        async for change in self._it.rig.hub.pins.watch():
            self._seen.append(change)
            self._changed.set()

    async def _until(self, after_ms: float, pin: int, hz: float | None = None) -> float:
        """Give when a pin first made this tone, or was on, since a moment; never earlier than it was."""
        try:
            async with asyncio.timeout(5):
                while True:
                    for change in self._seen:
                        fits = change.pin == pin and change.value > 0 and (hz is None or change.hz == hz)
                        if fits and change.ms >= int(after_ms):
                            return change.ms + 1  # stamped in whole milliseconds
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise Violation(f"S1: pin {pin} did not answer a press within 5 s") from None

    async def press_and_cancel(self) -> float:
        """Press a pendant and take it back; give how long the first sound took, in milliseconds."""
        self._seen.clear()
        at_ms = boot_ms()
        self._it.adapter.say(x10(self._pressed % PENDANTS))
        self._pressed += 1
        heard_ms = await self._until(at_ms, _SOUNDER, _HEARD_HZ)
        await self._it.rig.hub.pins.press(_CANCEL, 60)
        await self._until(at_ms, _SOUNDER, _CANCELLED_HZ)
        return heard_ms - at_ms

    async def fall(self) -> tuple[str, float, float]:
        """Raise an alarm; give its sensor, and how long the first sound and the call light took, in milliseconds."""
        await self._it.rig.until_status(lambda status: not status["alarms"])
        self._seen.clear()
        at_ms, number = boot_ms(), self._fell
        self._it.adapter.say(x10(number))
        self._fell += 1
        heard_ms = await self._until(at_ms, _SOUNDER, _HEARD_HZ)
        light_ms = await self._until(at_ms, _CALL_LIGHT)
        return f"faller-{number}", heard_ms - at_ms, light_ms - at_ms

    async def presses(self) -> tuple[str, list[float]]:
        """Press at moments by chance, and raise one alarm at last; give its sensor and every time measured."""
        took_ms = []
        for _ in range(PRESSES):
            await asyncio.sleep(self._dice.uniform(0.2, 0.5))  # no hand cancels twice within a button's debounce
            took_ms.append(await self.press_and_cancel())
        sensor_, heard_ms, light_ms = await self.fall()
        return sensor_, [*took_ms, heard_ms, light_ms]

    async def help_came(self, sensor_: str) -> None:
        """Close the alarm, as the centre does."""
        alarm = next(each["id"] for each in (await self._it.rig.status())["alarms"] if each["sensor"] == sensor_)
        self._it.rig.centre.resolve(alarm)
        await self._it.rig.until_status(lambda status: not status["alarms"])


Hang = Callable[[Home], Awaitable[None]]


async def _tcp(it: Home) -> None:
    lost = await it.lost()
    it.line.cut()
    await it.line.clog()
    await it.rig.until_status(lambda status: status["counters"]["main: connections lost or not made"] > lost)
    await asyncio.sleep(0.5)  # the first pause is not longer


async def _tls(it: Home) -> None:
    accepted = it.line.accepted
    it.line.cut()
    it.line.black_hole()
    await it.line.until(lambda: it.line.accepted > accepted, timeout_s=10)


async def _withhold(it: Home, packet: int) -> None:
    assert it.front is not None  # noqa: S101 -- for the type checker: this trial has one
    kept = it.front.kept
    it.front.withheld = frozenset({packet})
    it.line.cut()
    it.line.forward()
    await it.front.until_kept(kept + 1)


async def _connack(it: Home) -> None:
    await _withhold(it, CONNACK)


async def _suback(it: Home) -> None:
    await _withhold(it, SUBACK)


HANGS: dict[str, Hang] = {"TCP": _tcp, "TLS": _tls, "CONNACK": _connack, "SUBACK": _suback}


async def _hang(this: Round) -> Figures:
    """Press with a good line, then let a part of connecting hang, press during it, and mend it."""
    dice, figures = random.Random(this.seed), Figures()
    what = list(HANGS)[this.number % len(HANGS)]
    async with home(this.folder, _TABLES, fronted=True, pins=True, outputs=_OUTPUTS) as it:
        resident = Resident(it, dice)
        async with resident.watching():
            usual_ms = await _with_a_good_line(it, resident, figures)
            await HANGS[what](it)
            sensor_, took_ms = await resident.presses()
            _hold(_extra(figures, what, took_ms, usual_ms))
            assert it.front is not None  # noqa: S101 -- for the type checker: it was asked for
            it.front.pass_on()
            await _mended(it, resident, sensor_, figures)
        await settle(it.rig, figures)
    return figures


async def _hang_dns(this: Round) -> Figures:
    """Let the name server of the hub swallow its questions during presses."""
    dice, figures = random.Random(this.seed), Figures()
    address = f"127.{dice.randint(1, 250)}.{dice.randint(1, 250)}.{dice.randint(1, 250)}"
    async with (
        Resolver(this.folder, address) as resolver,
        home(this.folder, _TABLES, pins=True, outputs=_OUTPUTS, begin=_asking(resolver)) as it,
    ):
        resident = Resident(it, dice)
        async with resident.watching():
            usual_ms = await _with_a_good_line(it, resident, figures)
            swallowed, resolver.answering = resolver.swallowed, False
            it.line.cut()
            it.line.forward()
            await resolver.until_swallowed(swallowed + 1)
            await asyncio.sleep(dice.uniform(0, 12))  # also while a second and third attempt hang
            sensor_, took_ms = await resident.presses()
            _hold(_extra(figures, "DNS", took_ms, usual_ms))
            resolver.answering = True
            await _mended(it, resident, sensor_, figures)
        await settle(it.rig, figures)
    return figures


def _asking(resolver: Resolver) -> Callable[[Home], Awaitable[None]]:
    async def prepare(it: Home) -> None:
        it.rig.hub.through = (*resolver.through(), *it.rig.hub.through)
        text = it.rig.config.read_text()
        it.rig.config.write_text(text.replace('host = "127.0.0.1"', f'host = "{NAME}"'))

    return prepare


async def _with_a_good_line(it: Home, resident: Resident, figures: Figures) -> float:
    """Press with a good line; give the usual time in milliseconds, the median."""
    await it.rig.settled()
    sensor_, took_ms = await resident.presses()
    for each in took_ms:
        figures.measure("sound and light with a good line, ms", each)
    await it.received(sensor_)
    await resident.help_came(sensor_)
    return percentile(took_ms, 0.5)


def _extra(figures: Figures, what: str, took_ms: list[float], usual_ms: float) -> list[float]:
    for each in took_ms:
        figures.measure(f"extra while {what} hangs, ms", max(0.0, each - usual_ms), at_most=EXTRA_MS_MAX, rule="S1")
    return [each - usual_ms for each in took_ms]


def _hold(extra_ms: list[float]) -> None:
    late = [each for each in extra_ms if each > EXTRA_MS]
    if len(late) > max(1, OUTLIERS * len(extra_ms)):
        raise Violation(f"S1: {len(late)} of {len(extra_ms)} presses were answered later by {EXTRA_MS:g} ms: {late}")


async def _mended(it: Home, resident: Resident, sensor_: str, figures: Figures) -> None:
    it.line.forward()
    await it.receipted(sensor_, asyncio.get_running_loop().time(), figures)
    await resident.help_came(sensor_)


TRIALS: tuple[Trial, ...] = (
    Trial(
        "hanging-connection",
        "S1 S3",
        "TCP, TLS, CONNACK or SUBACK that hang delay no sound; the alarm is receipted 15 s after they do not",
        60,
        _hang,
    ),
    Trial(
        "hanging-dns",
        "S1 S3",
        "DNS that hangs delays no sound; the alarm is receipted 15 s after it answers",
        20,
        _hang_dns,
    ),
)
