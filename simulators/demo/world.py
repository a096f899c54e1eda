"""The demonstration's world: broker, line, centre, flat and hub on this machine, and everything one can do to them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from agent.ask import AskError, ask
from agent.status import HubStatus
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, read_key
from simulators.broker import DemoBroker
from simulators.centre import SimulatedCentre
from simulators.demo import card
from simulators.demo.badluck import BadLuck
from simulators.demo.caring import Care
from simulators.demo.desk import Desk
from simulators.demo.disk import Disk, Found
from simulators.demo.far_end import FarEnd
from simulators.demo.forger import Forger
from simulators.demo.hearing import Listener, Said
from simulators.demo.levers import ASK_KERNEL, TRUSTED, Levers, TimedClock, levers
from simulators.demo.mains import SUPPLIES, Mains
from simulators.demo.people import People
from simulators.demo.senses import Senses, Sign
from simulators.demo.setting import SIREN_S, Setting
from simulators.demo.story import Story
from simulators.demo.week import live_through
from simulators.demo.words import RAISED_BECAUSE, SIGNS
from simulators.flat import Flat, Line
from simulators.hub_process import HubStartError
from simulators.keys import KeySet, make_keys
from simulators.pins import PinsSocketError
from simulators.proxy import Proxy
from simulators.watched_pins import Change

__all__ = ["HUB", "SIREN_S", "Setting", "World", "WorldError"]

HUB = "demo-hub"

RESTART_S = 1.0
"""How long after its end the hub is started again, as systemd would."""

READY_S, PATIENCE_S = 20.0, 8.0
_DISK_S, _HURRY_S, _LOOKS = 0.02, 0.001, 300
_AWAY_S = 0.02
_LISTEN_S = 0.05
_SETTLE_S = 0.1
_STATUS_S = 0.25
_ASK_S = 2.0


class WorldError(Exception):
    """The world does not come up; the message says why."""


def _refused(_hub: str, _kind: str, _data: object) -> str:
    raise OSError("commands come from the centre's console here")


class World(People):
    """Everything, in `folder`, for as long as it is entered. `story` tells what happens; the rest is there to look at.

    `cancel_s` shortens kinds' cancel windows, in seconds. `faults` are the centre's, by name: `silent` or `late=3`.
    With a `far_end` there is no `centre` here to pretend with: it answers. `felt` is told of every change of the flat's
    outputs.
    Entering raises what its parts raise: WorldError, HubStartError, BrokerStartError, UnknownFaultError, OSError.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cancel_s: Mapping[str, int],
        faults: Iterable[str] = (),
        setting: Setting = Setting(),  # noqa: B008 -- immutable
        far_end: FarEnd | None = None,
        felt: Callable[[str, Change], None] = lambda _part, _change: None,
    ) -> None:
        self.folder = folder
        self.setting = setting
        self.story = Story()
        self.senses = Senses()
        self.desk = Desk(self.story)
        self.status: HubStatus | None = None
        self.line_cut = False
        self.wet = self.smoky = False
        self.far_end = far_end
        self.centre: SimulatedCentre
        self.flat: Flat
        self.luck: BadLuck
        self.forger: Forger
        self.backlog: frozenset[str] = frozenset()
        self.clock: TimedClock
        self.care: Care
        self.said: Said | None = None
        self._lever: Levers
        self._cancel_s, self._faults, self._felt = cancel_s, tuple(faults), felt
        self._line: Proxy
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._link_up: bool | None = None
        self._called = asyncio.Event()

    # --- its life ----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _build(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lever = levers(self.folder.absolute() / "levers")
        self.clock = TimedClock(self._lever)
        if self.far_end is None:
            hub, (keys, place) = HUB, await self._pretend()
        else:
            hub, keys, place = self.far_end.hub, self.far_end.keys, self.far_end.place
        self._line = await self._stack.enter_async_context(Proxy(0, place))
        self._line.delay(self.setting.line_ms)
        flat = Flat(
            self.folder / "flat",
            keys,
            [self._way()],
            hub=hub,
            cancel_s=self._cancel_s,
            sound=await self._loudspeaker(),
        )
        self.flat = await self._stack.enter_async_context(flat)
        command = self.centre.command if self.far_end is None else _refused
        self.care = Care(
            flat, keys.hubs[hub], command, self._lever, self.clock, self.tell, language=self.setting.language
        )
        self._pull_levers()
        if self.setting.backlog:
            self.backlog = await asyncio.to_thread(
                live_through, flat.config, self.setting.backlog, self.clock.now().wall_ms
            )
        self._stack.push_async_callback(self._end_tasks)
        self._follow(self._watch)
        await self.flat.start_hub()
        await self._ready()

    async def _pretend(self) -> tuple[KeySet, tuple[str, int]]:
        """Be the centre, and its broker; give the keys, and where the broker is."""
        keys = await asyncio.to_thread(make_keys, self.folder / "keys", self.clock.now().wall_ms, [HUB])
        broker = DemoBroker()
        self._stack.push_async_callback(asyncio.to_thread, broker.stop)
        await asyncio.to_thread(broker.start)
        self.centre = SimulatedCentre(
            broker.host,
            broker.port,
            read_key(keys.centre, CENTRE_ALGORITHM),
            {HUB: [read_key(keys.hubs[HUB].public, HUB_ALGORITHM)]},
            self.clock,
            ledger=str(self.folder / "centre.db"),
            on_entry=self.desk.note,
        )
        self._stack.push_async_callback(self.centre.stop)
        self.desk.ledger, self.desk.faults = self.centre.ledger, self.centre.faults
        for fault in self._faults:
            name, _, value = fault.partition("=")
            self.centre.faults.turn(name, value or "on")
        await self.centre.start()
        if self.setting.forger:
            self.forger = Forger(broker, HUB, read_key(keys.centre, CENTRE_ALGORITHM), self.clock)
            await self._stack.enter_async_context(self.forger)
        return keys, (broker.host, broker.port)

    def _way(self) -> Line:
        """Give what the hub is told of its line."""
        port, far = self._line.port, self.far_end
        return Line(port) if far is None else Line(port, host=far.name, address=self._line.host, tls=True)

    async def _loudspeaker(self) -> str:
        """Give the device of the home's loudspeaker; "" where it has none."""
        if not self.setting.at and not self.setting.spoken_to:
            return ""
        return await asyncio.to_thread(card.device) if self.setting.sounds else card.SILENT

    def _pull_levers(self) -> None:
        """Have the hub run by the demonstration's own wrapper around the pins'."""
        lever, setting = self._lever, self.setting
        lever.siren_ms, lever.disk_wanted = setting.siren_s * 1000, int(setting.full_disk)
        trusted = setting.trusted_clock or setting.at or setting.spoken_to
        lever.clock_trust = TRUSTED if trusted else ASK_KERNEL
        lever.minute_ms = setting.minute_ms
        if setting.at:
            self.care.begin(setting.at)
        mains = Mains(self.folder / SUPPLIES) if setting.battery else None
        self.luck = BadLuck(self.tell, self._line, self.desk.faults, lever, mains)
        pins, hub = ("-m", "simulators.pins"), self.flat.hub
        assert hub.through[: len(pins)] == pins  # noqa: S101 -- it is led through them
        path = str(self.folder.absolute() / "levers")
        hub.through = ("-m", "simulators.demo.hub", path, *hub.through[len(pins) :])

    async def _ready(self) -> None:
        """Wait until a press would be heard and could arrive."""
        disk = Disk(self.flat.folder / "state" / "hub.db")
        self._stack.callback(disk.close)
        disk.skip()
        try:
            async with asyncio.timeout(READY_S):
                await self.flat.radio.started.wait()
                await (self._answered(self.far_end) if self.far_end is not None else self._online())
        except TimeoutError:
            raise WorldError(
                f"the hub runs, but was not ready after {READY_S:g} s: --keep its log to see why"
            ) from None
        self.status = await self.ask()
        self._link_up = True
        self._follow(lambda: self._look_at(disk), self._settle, self._poll, self._supervise)
        if self.setting.at or self.setting.spoken_to:
            self._follow(self._listen)

    async def _online(self) -> None:
        await self.story.wait_for(lambda step: step.key == "centre:online", within_s=READY_S)

    async def _answered(self, far: FarEnd) -> None:
        """Wait until it has given receipts for all that the hub had to say. One that is not ours may be away."""
        until_ms = self.now_ms() + PATIENCE_S * 1_000
        while far.ours or self.now_ms() < until_ms:
            status = await self.ask()
            if status is not None and status.links[0].up and not any(status.outbox.values()):
                return
            await asyncio.sleep(_SETTLE_S)

    def _follow(self, *jobs: Callable[[], Awaitable[None]]) -> None:
        async def run(job: Callable[[], Awaitable[None]]) -> None:
            await job()

        self._tasks += [asyncio.create_task(run(job)) for job in jobs]

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def broken(self) -> str:
        """Say which part of the demonstration itself has died, if any."""
        ended = (task for task in self._tasks if task.done() and not task.cancelled())
        return next((repr(error) for task in ended if (error := task.exception()) is not None), "")

    # --- looking -----------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """Tell the boot-relative time, in ms."""
        return self.clock.now().ms

    async def ask(self) -> HubStatus | None:
        """Ask the hub how it is; None while it does not answer."""
        try:
            answer = await asyncio.to_thread(ask, self.flat.folder / "hub.sock", _ASK_S)
            return msgspec.json.decode(answer, type=HubStatus)
        except (AskError, msgspec.MsgspecError):
            return None

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(PinsSocketError):  # it is not there: not yet, or not any more
                async for part, change in self.flat.seen():
                    self._felt(part, change)
                    self._notice(self.senses.feed(part, change))
            self.senses = Senses()  # without the hub's process nothing shines or sounds
            await asyncio.sleep(_AWAY_S)

    async def _settle(self) -> None:
        while True:
            await asyncio.sleep(_SETTLE_S)
            self._notice(self.senses.settle(self.now_ms()))

    def _notice(self, signs: Iterable[Sign]) -> None:
        for sign in signs:
            self.story.add("home", sign.key, SIGNS.get(sign.key, ""), ms=sign.ms)

    async def _listen(self) -> None:
        """Understand what the hub says."""
        state = self.flat.folder / "state"
        listener = Listener(self.folder / card.RECORD, state / "voice", self.flat.hub.log, self.care.texts)
        while True:
            for said in await asyncio.to_thread(lambda: list(listener.listen())):
                self.said = said
                words = self.care.beside(said.key, said.words)
                key = f"says:{'text' if said.key in self.care.texts else said.key}:{said.language.partition('-')[0]}"
                told = f"says: {words}" if said.aloud else f"has no voice here; it would say: {words}"
                self.story.add("home", key, told, ms=said.ms)
            await asyncio.sleep(_LISTEN_S)

    async def _look_at(self, disk: Disk) -> None:
        """Look again and again, and without a pause just after a call: what is told is when it was first seen."""
        while True:
            looks = _LOOKS if self._called.is_set() else 1
            self._called.clear()  # now, so that a call made while looking is not missed
            for _ in range(looks):
                self._found(disk.look())
                await asyncio.sleep(_HURRY_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DISK_S):
                    await self._called.wait()

    def _found(self, found: Found) -> None:
        for _ in found.calls_ms:
            self.tell("hub", "hub:durable", "the call is on its disk: no crash can lose it now")
        for report in found.raised:
            said = RAISED_BECAUSE.get(report.rule, "calls the centre")
            key = f"hub:raised:{report.rule}"
            self.story.add("hub", key, said, ms=report.clock.monotonic_ms, alarm=report.alarm)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_STATUS_S)
            self.status = await self.ask()
            up = self.status.links[0].up if self.status is not None else None
            if up is not None and up != self._link_up:
                self._link_up = up
                said = "" if up else "notices: no line to the centre"  # the centre tells of a hub that is back
                self.story.add("hub", "hub:link-up" if up else "hub:link-down", said, ms=self.now_ms())

    async def _supervise(self) -> None:
        """Start the hub again whenever it ends, as systemd would."""
        while True:
            if self.flat.hub.running:
                await asyncio.sleep(_SETTLE_S)
                continue
            await asyncio.sleep(RESTART_S)
            self.tell("hub", "hub:restarting", "is started again, as systemd would")
            try:
                await self.flat.start_hub()
            except HubStartError as error:
                self.tell("hub", "hub:start-failed", str(error).partition("\n")[0])
            else:
                self.tell("hub", "hub:armed", "is armed again")

    # --- what happens to things --------------------------------------------------------------------

    async def kill_hub(self) -> None:
        """Kill the hub (SIGKILL). It is started again by itself."""
        self.tell("hub", "hub:killed", "is killed (SIGKILL), in the middle of what it does")
        await self.flat.kill_hub()

    def cut_line(self) -> None:
        """Cut the line between the home and the centre."""
        self.line_cut = True
        self.tell("line", "line:cut", "is cut between the home and the centre")
        self._line.cut()

    def restore_line(self) -> None:
        """Mend it."""
        self.line_cut = False
        self.tell("line", "line:restored", "is there again")
        self._line.forward()

    @property
    def silent(self) -> bool:
        """Whether the centre answers nothing."""
        return self.centre.faults.silent if self.far_end is None else self.far_end.silent

    def silence_centre(self, *, silent: bool) -> None:
        """Have the centre lose all that comes and answer nothing, behind a line that works; or no more."""
        if self.far_end is not None:
            self.far_end.silence(silent=silent)
        else:
            self.centre.faults.silent = silent
        if silent:
            said = "falls silent: it loses what comes" if self.far_end is None else "is frozen: it answers nothing"
            self.tell("centre", "centre:asleep", said)
        else:
            self.tell("centre", "centre:awake", "listens again")

    # --- what staff do -----------------------------------------------------------------------------

    def acknowledge(self) -> bool:
        """Take the oldest alarm nobody has; False if there is none."""
        case = self.desk.choose("acknowledge")
        if case is not None:
            self.tell("staff", "staff:acknowledge", f"acknowledge: {case.name}")
            self.centre.acknowledge(case.alarm)
        return case is not None

    def resolve(self) -> bool:
        """Close the oldest open alarm; False if there is none."""
        case = self.desk.choose("resolve")
        if case is not None:
            self.tell("staff", "staff:resolve", f"close the case: {case.name}")
            self.centre.resolve(case.alarm, "demonstration")
        return case is not None
