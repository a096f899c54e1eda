"""The box in the home: its disk, clock, ears and lamps, and the process of the hub, which may die at any moment."""

import asyncio
import contextvars
import random
import sqlite3
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from agent.ask import Answer, AskServer
from agent.daemon import Daemon
from agent.hub import Turned
from agent.outputs import Outputs
from agent.power import Supply
from agent.seams import Seams
from agent.store.errors import StoreError
from agent.store.opening import Opened, open_store
from rules.actions import ChirpName, Say
from rules.projection import Display
from sensors.driver import Ear, Observation
from simulators.disk import IOERR_WRITE, Keep, Moment, RecordingDisk
from simulators.world import household
from simulators.world.clock import BoxClock, world_ms
from simulators.world.disk import Disk, InlineCarrier
from simulators.world.link import Network, WorldLink
from simulators.world.modem import Modem, WorldTexting
from simulators.world.signing import Signatures

OPERATIONS = ("open", "read", "write", "truncate", "sync", "delete")
FOREVER_S = 1e9

_process: "contextvars.ContextVar[Process | None]" = contextvars.ContextVar("process", default=None)


def task_of_a_process(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    **options: Any,  # noqa: ANN401 -- asyncio's own
) -> "asyncio.Task[Any]":
    """Make a task that ends with the simulated process whose code made it: the loop's task factory."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    context: contextvars.Context | None = options.get("context")
    process = context.get(_process) if context is not None else _process.get()
    if process is not None:
        process.adopt(task)
    return task


class Process:
    """One life of the hub's process: whether it lives, and what is to be cut off when it dies."""

    def __init__(self) -> None:
        self.alive = True
        self.connections: list[sqlite3.Connection] = []
        self.links: list[WorldLink] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def adopt(self, task: "asyncio.Task[Any]") -> None:
        """Take a task in; a dead process has none."""
        if self.alive:
            self._tasks[task] = None
            task.add_done_callback(lambda done: self._tasks.pop(done, None))
        else:
            task.cancel()

    def die(self) -> None:
        """Cut it off from everything, then drop it: its code may still unwind, and touches nothing any more."""
        self.alive = False
        for link in self.links:
            link.drop_dead()
        for task in list(self._tasks):
            task.cancel()


class Watcher:
    """What a world wants to know of the box. Does nothing by itself."""

    def shown(self, display: Display) -> None:
        """The lamps and sounds are so from now on."""

    def chirped(self, name: ChirpName) -> None:
        """A short sound."""

    def said(self, say: Say) -> None:
        """Something is said."""

    def turned(self, turned: Turned) -> None:
        """The hub turned, and acts."""

    def touched(self, connection: sqlite3.Connection) -> None:
        """Something was done on the disk."""

    def started(self) -> None:
        """A process of the hub has turned for the first time."""

    def died(self) -> None:
        """A process of the hub is gone."""

    def link_made(self, link: WorldLink) -> None:
        """The hub makes a connection."""


class Mains:
    """What the box runs on: the mains, and a battery that outlasts every cut here. A look waits until it changes."""

    def __init__(self) -> None:
        self.there = True
        self.percent = 90
        self._changed = asyncio.Event()

    def switch(self, *, there: bool) -> None:
        """The mains fails, or is back."""
        self.there = there
        self._changed.set()

    def charge(self, percent: int) -> None:
        """The battery has so much left."""
        self.percent = percent
        self._changed.set()

    async def see(self, told: list[tuple[bool, int]]) -> list[Supply]:
        """Look once it is otherwise than a process has `told`."""
        while told and told[-1] == (self.there, self.percent):
            self._changed.clear()
            await self._changed.wait()
        told[:] = [(self.there, self.percent)]
        adapter = Supply(battery=False, online=self.there)
        return [adapter, Supply(battery=True, draining=not self.there, percent=self.percent)]


class _Lamps(Outputs):
    """Lamps and sounder, as long as the process lives."""

    def __init__(self, watcher: Watcher, process: Process) -> None:
        self._watcher, self._process = watcher, process

    def show(self, display: Display) -> None:
        if self._process.alive:
            self._watcher.shown(display)

    def chirp(self, name: ChirpName) -> None:
        if self._process.alive:
            self._watcher.chirped(name)

    def say(self, say: Say) -> None:
        if self._process.alive:
            self._watcher.said(say)

    async def close(self) -> None:
        pass


class _Air:
    """The one driver: hears what devices say while its adapter lives."""

    def __init__(self, box: "Box") -> None:
        self._box = box

    async def run(self, ear: Ear) -> None:
        self._box.adapter = asyncio.get_running_loop().create_future()
        self._box.ear = ear
        ear.listening()
        try:
            await self._box.adapter
        finally:
            self._box.ear = None


class _Nobody(AskServer):
    """The local socket, which nobody opens here; the answer is made all the same."""

    def __init__(self, _path: Path, answers: Mapping[str, Answer], verbs: Mapping[str, Answer]) -> None:
        self.answers, self.verbs = answers, verbs

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def _inline(work: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 -- asyncio.to_thread's own
    return work(*arguments)


class Box:
    """The machine. `daemon` is the hub that runs on it, if one does."""

    def __init__(
        self, folder: Path, dice: random.Random, networks: Mapping[str, Network], watcher: Watcher, signs: Signatures
    ) -> None:
        """Make one. `networks` are its ways out, by interface: "" is the home's own."""
        self.dice = dice
        self._signs = signs
        self.watcher = watcher
        self.ear: Ear | None = None
        self.adapter: asyncio.Future[None] | None = None
        self.daemon: Daemon | None = None
        self.process: Process | None = None
        self.armed = False
        self.trap = ""
        """Where the process dies next: `before` its next piece of work on the disk, `after` it, or `acted` upon it."""
        self.sprung: Callable[[], None] = lambda: None
        self.forgot = False
        """Whether the present process could not read the house, and began with an empty one."""
        self._folder, self._cuts, self._boots = folder, 0, 0
        self._networks = networks
        state = folder / "disk-0"
        state.mkdir()
        self.disk = Disk(dice, RecordingDisk(state))
        self.clock = BoxClock(self._next_boot())
        own = random.Random()
        own.setstate(dice.getstate())
        self.modem = Modem(own, world_ms)
        self.mains = Mains()
        self.mute: set[str] = set()
        """Devices that say nothing any more."""
        self.started_ms = 0
        """When the present process started."""

    def _next_boot(self) -> str:
        self._boots += 1
        return f"boot{self._boots:08d}"

    # --- its life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the hub's process."""
        process = self.process = Process()
        self.started_ms = world_ms()
        self.forgot = False
        config = household.configuration(self.disk.files.folder)
        seams = Seams(
            dice=self.dice,
            make_link=partial(self._link, process),
            open_store=partial(self._open, process),
            make_carrier=lambda connection: InlineCarrier(self.disk, lambda: process.alive, connection),
            signer=lambda _config: self._signs.hub,
            verifier=lambda _config: self._signs.centre_verifier,
            outputs=lambda: _Lamps(self.watcher, process),
            ask_server=_Nobody,
            driver_type=lambda _name: household.air(lambda: _Air(self)),
            turned=lambda turned: self._turned(process, turned),
            supplies=partial(self.mains.see, []),
            carry=_inline,
            make_texting=lambda _config, _book, put, _clock, house: WorldTexting(self.modem, process, put, house),
            beat_s=FOREVER_S,
        )
        context = contextvars.copy_context()
        context.run(_process.set, process)
        self.daemon = context.run(Daemon, config, self.clock, seams)
        self.daemon.messages._text = lambda ref: ref if ref in household.TEXTS else None  # noqa: SLF001 -- no book here
        asyncio.get_running_loop().create_task(self._run(process, self.daemon), context=context)

    async def _run(self, process: Process, daemon: Daemon) -> None:
        await daemon.run(asyncio.Event())
        if process.alive:
            raise RuntimeError("the hub ended by itself")

    def _link(self, process: Process, *arguments: Any, **named: Any) -> WorldLink:  # noqa: ANN401 -- MqttLink's own
        link = WorldLink(self._networks[named["way"].interface], *arguments, **named)
        process.links = [each for each in process.links if each.up] + [link]
        self.watcher.link_made(link)
        return link

    def _open(self, process: Process, path: Path) -> Opened:
        try:
            opened = open_store(path, vfs=self.disk.files.name)
        except StoreError:
            self.forgot = not self.armed
            raise
        process.connections.append(opened.store.connection)
        self.disk.before = lambda: self._spring("before")
        self.disk.after = lambda: self._after(opened.store.connection)
        return opened

    def _after(self, connection: sqlite3.Connection) -> None:
        if self.trap == "lost":  # the power failed within: what was done just now never was
            self._spring("lost")
            return
        self.watcher.touched(connection)
        self._spring("after")

    def _spring(self, where: str) -> None:
        if self.trap == where:
            self.trap = ""
            self.sprung()

    def _turned(self, process: Process, turned: Turned) -> None:
        if process.alive:
            if not self.armed:
                self.armed = True
                self.watcher.started()
            self.watcher.turned(turned)
            asyncio.get_running_loop().call_soon(self._spring, "acted")

    def kill(self) -> None:
        """SIGKILL: what was written stays written, synced or not."""
        process, self.process = self.process, None
        if process is None:
            return
        process.die()
        self.daemon, self.ear, self.adapter, self.armed, self.trap = None, None, None, False, ""
        self.disk.after = self.disk.before = lambda: None
        kept = dict(self.disk.files.fail)
        self.disk.files.fail |= dict.fromkeys(OPERATIONS, IOERR_WRITE)  # closing must not tidy what a dead one left
        for connection in process.connections:
            connection.close()
        self.disk.files.fail.clear()
        self.disk.files.fail |= kept
        self.watcher.died()

    def power_cut(self, keep: Keep, moment: Moment | None = None) -> None:
        """No power, now or at a moment just past: of what was not synced there stays what `keep` says."""
        before = self.disk.files
        cut = moment or before.moment()
        self.kill()
        self._cuts += 1
        folder = self._folder / f"disk-{self._cuts}"
        cut.cut(folder, keep)
        before.close()
        self.disk.files = RecordingDisk(folder)
        for file in sorted(before.folder.iterdir()):
            file.unlink()

    def boot(self) -> None:
        """Begin a new boot, and start the hub."""
        self.clock = BoxClock(self._next_boot())
        self.start()

    def end(self) -> None:
        """Let go of everything."""
        self.kill()
        self.disk.files.close()

    # --- what reaches it ---------------------------------------------------------------------------

    def hear(self, observation: Observation) -> bool:
        """A device says something; False when nobody hears it."""
        if self.ear is None or self.process is None or observation.address in self.mute:
            return False
        self.ear.heard(observation)
        return True

    def pull_adapter(self) -> None:
        """Pull the adapter out; the driver opens it again after a pause."""
        if self.adapter is not None and not self.adapter.done():
            self.adapter.set_exception(OSError("the adapter was pulled out"))
