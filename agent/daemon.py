"""The daemon: the parts of the hub, wired; started in order, kept alive, stopped in order."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from agent.answering import Answering
from agent.buttons import ButtonBoard
from agent.certificates import Certificates
from agent.clock import Clock
from agent.config import HubConfig, rules_config
from agent.config import Uplink as UplinkConfig
from agent.documents import Documents
from agent.health import Health
from agent.housekeeping import prune, watch_clock
from agent.hub import Hub, Turned
from agent.inbox import Inbox
from agent.keeping import keep
from agent.maintenance import LOOK_EVERY_S, Maintenance
from agent.pins import Board
from agent.planning import make_messages, make_plans
from agent.power import PowerWatch
from agent.pump import Pump
from agent.roundtrips import Roundtrips
from agent.seams import Seams
from agent.sensing import Sensing
from agent.speaking import Speaking
from agent.status import RENEWAL_FILE
from agent.store.errors import StoreError
from agent.store.mending import Mending
from agent.store.rescue import Rescue
from agent.store.writer import Writer
from agent.uplink.inward import Inward
from agent.uplink.presence import Presence
from agent.uplink.tls import tls_context
from agent.uplink.uplink import Uplink
from rules.actions import (
    Action,
    Chirp,
    Postpone,
    PublishState,
    Reject,
    Resend,
    Restart,
    Say,
    Send,
    SendCheckIn,
    SendText,
    Settle,
)
from rules.events import Dropped, Started
from rules.links import wanted
from rules.reports import TYPE_OF, AlarmFacts

log = logging.getLogger(__name__)

RECOUNT_EVERY_S = 1.0
STOP_S = 3.0
ARMED_S = 2.0
"""How long the drivers have to open their adapters before the hub says that it is armed without them."""
EPOCH_BYTES = 5


def software() -> str:
    """Give this software's version."""
    try:
        return version("hearthline")
    except PackageNotFoundError:
        return "unpackaged"


class Daemon:
    """One hub in one process. `seams` are where it touches the world.

    Raises what its parts raise when a key, a certificate or the store cannot be used.
    """

    def __init__(self, config: HubConfig, clock: Clock, seams: Seams | None = None) -> None:
        self._seams = seams = seams or Seams()
        self.config = config
        self.clock = clock
        self.inbox = Inbox(clock)
        self.health = Health()
        board = Board(config.pins, config.state_dir) if config.pins else None
        self._pins: Callable[[], Any] | None = board.factory if board else None
        if seams.pin_factory is not None:
            self._pins = lambda: seams.pin_factory
        self._board = board
        self._signer = seams.signer(config)
        verifier = seams.verifier(config)
        self.inward = Inward(config.hub, verifier)
        self.plans = make_plans(
            config, seams, verifier, house=lambda: self.hub.house, put=self.inbox.put, refuse=self.inward.refuse
        )
        self.messages = make_messages(config, seams, self.plans, house=lambda: self.hub.house, put=self.inbox.put)
        self._tls = {uplink.name: tls_context(uplink) for uplink in config.uplinks}
        self.sensing = Sensing(config, self.inbox, clock, self._pins, seams.driver_type)
        self.texting = seams.make_texting(
            config, seams.book or self.plans.keeping, self.inbox.put, clock, lambda: self.hub.house
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.power = PowerWatch(seams.supplies, self.inbox.put)
        self.uplinks: tuple[Uplink, ...] = ()
        self._presence = Presence()
        self.roundtrips = Roundtrips()
        self._recounting = False
        self._quarantined = False
        self._anew = asyncio.Event()
        look_every_s = max(LOOK_EVERY_S, seams.beat_s / 2)
        self.maintenance = Maintenance(config.state_dir, self.inbox.put, self._anew.set, look_every_s)

    # --- starting ----------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> bool:
        """Be a hub until told to stop; tell whether it is to start anew (S10). Armed once systemd is told so."""
        self.writer = await self._open_store()
        self.hub = await self._restore()
        house, texts = (lambda: self.hub.house), (self.plans.keeping, self.messages.keeping)
        self.speaking = Speaking(self.config, self._seams, self._pins, self.inbox.tell, house, *texts)
        self.outputs = self.speaking.outputs
        self.documents = Documents(self.hub, self.writer, self.clock, software(), self.counters)
        self.uplinks = tuple(self._make_uplink(each) for each in self.config.uplinks)
        self.pump = Pump(
            self.hub,
            self.inbox,
            self.writer,
            self.clock,
            chirp=lambda chirp: self.outputs.chirp(chirp.name),
            act=self._act,
            beat=lambda: self.health.turned(self.clock.now().ms),
            beat_s=self._seams.beat_s,
        )
        self._open_epoch()
        await self.pump.turn()
        pump = asyncio.create_task(self.pump.run(), name="pump")
        self._keep_all()
        with contextlib.suppress(TimeoutError):  # a driver that hangs is reported by itself, and holds nobody up
            await asyncio.wait_for(self.sensing.listening.tried(), ARMED_S)
        self.health.ready("armed")
        log.info("armed: hub %s, epoch %s", self.config.hub, self.hub.house.epoch)
        stopping = [asyncio.create_task(each.wait()) for each in (stop, self._anew)]
        await asyncio.wait([pump, *stopping], return_when=asyncio.FIRST_COMPLETED)
        for each in stopping:
            each.cancel()
        anew = self._anew.is_set() and not stop.is_set()
        await self._stop(pump, "restarting" if anew else "stopped")
        return anew

    async def _open_store(self) -> Writer:
        """Open the store. A disk that does not let us is a fault, never a reason not to be a hub (S1)."""
        path, store = self._store_path, None
        try:
            store = self._seams.open_store(path).store
        except StoreError as error:
            log.error("%s", error)  # noqa: TRY400 -- told, not traced
        writer = Writer(
            store, self.inbox.tell, reopen=lambda: self._seams.open_store(path), make_carrier=self._seams.make_carrier
        )
        await writer.start()
        return writer

    @property
    def _store_path(self) -> Path:
        return self.config.state_dir / "hub.db"

    async def _restore(self) -> Hub:
        """Take up the house; one that cannot be read is put aside, and the hub starts with an empty one."""
        if self.writer.ok:
            saved = await self.writer.read(lambda store: store.load())
        else:  # S3: a disk that takes nothing may still give what it has
            saved = Rescue(self._store_path).house()
        try:
            return Hub.restore(saved)
        except msgspec.DecodeError as error:
            aside = self.config.state_dir / f"house.quarantine-{self._seams.dice.randbytes(4).hex()}.json"
            with contextlib.suppress(OSError):  # a full disk: the hub matters more
                aside.write_bytes(saved or b"")
            log.error("the saved state cannot be read (%s): put aside as %s", error, aside.name)  # noqa: TRY400 -- told, not traced
            self._quarantined = True
            return Hub.restore(None)

    def _open_epoch(self) -> None:
        """S1: every process start opens a new id epoch, before anything else is heard."""
        config = rules_config(self.config, lambda name: self._seams.driver_type(name).heartbeat_ms, software())
        epoch = self._seams.dice.randbytes(EPOCH_BYTES).hex()
        self.inbox.put(Started(self.clock.boot, epoch, config, store_quarantined=self._quarantined))
        self.plans.at_start()

    def _make_uplink(self, config: UplinkConfig) -> Uplink:
        return Uplink(
            config,
            self.config.hub,
            # A broker ends a connection whose client id somebody else comes with: nobody may be able to guess it.
            client_id=f"{self.config.hub}.{self._signer.mark('client id')}.{config.name}",
            presence=self._presence,
            signer=self._signer,
            inward=self.inward,
            inbox=self.inbox,
            clock=self.clock,
            documents=self.documents,
            tls=self._tls[config.name],
            make_link=self._seams.make_link,
            dice=self._seams.dice,
        )

    # --- keeping alive -------------------------------------------------------------------------------

    def _keep_all(self) -> None:
        answering = self._make_answering()
        server = partial(self._seams.ask_server, self.config.socket, answering.answers, answering.verbs)
        self._keep("ask", lambda: server().run())
        if self.config.drivers:
            self._keep("sensors", self.sensing.listening.run)
        self._keep("clock", partial(watch_clock, self.clock, self.inbox.tell))
        self._keep("power", self.power.run)
        self._keep("texting", self.texting.run)
        renewal = self.config.state_dir / RENEWAL_FILE
        self._keep("certificates", Certificates(self.config.uplinks, self.clock, self.inbox.put, renewal=renewal).run)
        self._keep("store", partial(prune, self.writer, self.clock, self.inbox.tell))
        self._keep("mending", self._make_mending().run)
        if self._pins is not None and self.config.buttons.by_name:
            self._keep(
                "buttons",
                ButtonBoard(self.config.buttons.by_name, self._pins, lambda: self.clock.now().ms, self.inbox.tell).run,
            )
        self._keep("maintenance", self.maintenance.run)
        self._keep("plans", self.plans.run)
        self._keep("messages", self.messages.run)
        self.speaking.keep_all(self._keep)
        for uplink in self.uplinks:
            uplink.hearing.on_plan = self.plans.arrived
            uplink.hearing.on_message = self.messages.arrived
            self._keep(f"uplink-{uplink.name}", uplink.run)

    def _make_answering(self) -> Answering:
        return Answering(
            lambda: self.hub.house,
            self.clock,
            self.inbox,
            self.writer,
            self.sensing,
            self.documents,
            self.counters,
            self.roundtrips,
        )

    def _make_mending(self) -> Mending:
        return Mending(
            self._store_path,
            self.writer,
            house=lambda: msgspec.json.encode(self.hub.house),
            tell=self.inbox.put,
            refetch=self._refetch,
            make_carrier=self._seams.make_carrier,
        )

    def _keep(self, part: str, run: Callable[[], Awaitable[None]]) -> None:
        self._tasks.add(asyncio.create_task(keep(part, run, self.inbox.tell), name=part))

    # --- acting --------------------------------------------------------------------------------------

    def _act(self, turned: Turned) -> None:
        """Carry out what a turn decided. Nothing here waits, and nothing here may stop the rest.

        What calls for help goes first, then what is shown, then everything else.
        """
        self._seams.turned(turned)
        for row in turned.rows:
            for uplink in self.uplinks:
                uplink.offer(row)
        needed = wanted(self.hub.house)
        for uplink in self.uplinks:
            uplink.want(wanted=uplink.name in needed)
        self._show(turned)
        for action in turned.actions:
            if isinstance(action, Send) and isinstance(action.report, AlarmFacts):
                log.info("%s %s", TYPE_OF[type(action.report)], action.report.alarm)
        self.roundtrips.look(turned.actions, self.clock.now().ms)
        for action in turned.actions:
            self._do(action)
        if self.documents.changed():
            for uplink in self.uplinks:
                uplink.want_state()
        self.sensing.supervise(self.hub.house)
        if turned.rows or turned.batch.settled:
            self._recount()

    def _show(self, turned: Turned) -> None:
        for action in turned.actions:
            if isinstance(action, Chirp) and not action.early:
                self.outputs.chirp(action.name)
        self.outputs.show(turned.display)
        self.speaking.look(self.hub.house)

    def _do(self, action: Action) -> None:
        match action:
            case Say():
                self.outputs.say(action)
            case SendText():
                self.texting.send(action)
            case SendCheckIn(id=ref):
                body = self.documents.check_in(action)
                for uplink in self.uplinks:
                    uplink.check_in(ref, body)
            case Resend():
                self._spawn(self._resend(action))
            case Restart():
                log.info("starting anew: it was asked for, and nobody is in need of this hub now")
                self.maintenance.restart()
            case _:
                for uplink in self.uplinks:
                    self._do_at(uplink, action)

    def _do_at(self, uplink: Uplink, action: Action) -> None:
        match action:
            case Settle(ref=ref) | Reject(ref=ref):
                uplink.settle(ref)
            case Postpone(ref=ref, after_ms=after_ms):
                uplink.postpone(ref, after_ms)
            case PublishState():
                uplink.want_state()

    async def _resend(self, resend: Resend) -> None:
        """Offer kept rows again; name those that are no longer held (S12)."""
        epoch, lane, first, last = resend.epoch, resend.lane, resend.first, resend.last
        missing = await self.writer.reoffer(epoch, lane, first, last)
        for gap_first, gap_last in missing:
            self.inbox.put(Dropped(epoch, lane, gap_first, gap_last, gap_last - gap_first + 1))
        self._refetch()

    def _refetch(self) -> None:
        for uplink in self.uplinks:
            uplink.refetch()

    def _recount(self) -> None:
        if not self._recounting:
            self._recounting = True
            self._spawn(self._recount_soon())

    async def _recount_soon(self) -> None:
        await asyncio.sleep(RECOUNT_EVERY_S)
        self._recounting = False
        await self.documents.refresh()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("left undone: %r", task.exception())

    # --- telling and stopping ----------------------------------------------------------------------

    def counters(self) -> dict[str, int]:
        """Give what is counted: noise survived, messages refused, things dropped."""
        counted = {f"noise of {name}": each.noise for name, each in self.sensing.listening.status.items() if each.noise}
        counted |= {f"strangers of {name}": count for name, count in self.sensing.roster.strange.items()}
        counted |= {f"refused {reason}": count for reason, count in self.inward.refused.items()}
        counted |= {f"dropped {lane}": count for lane, count in self.inbox.dropped.items()} | self.texting.counters
        counted |= {"power supply files that cannot be used": self.power.bad} if self.power.bad else {}
        for uplink in self.uplinks:
            counted |= {f"{uplink.name}: {what}": count for what, count in uplink.counters.items()}
        return counted

    async def _stop(self, pump: asyncio.Task[None], reason: str) -> None:
        self.health.stopping()
        await asyncio.gather(*(uplink.stop(reason) for uplink in self.uplinks))
        for task in (*self._tasks, pump):
            task.cancel()
        await asyncio.wait([*self._tasks, pump], timeout=STOP_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._last_turns(pump)
        await self.outputs.close()
        await self.writer.close(STOP_S)
        if self._board is not None:
            self._board.close()
        self.health.close()
        if not pump.cancelled():
            pump.result()

    async def _last_turns(self, pump: asyncio.Task[None]) -> None:
        """S1: commit what came in until the end, such as a press while another was being written: nobody says it twice.

        Not after a pump that died: whatever killed it would kill this.
        """
        while pump.cancelled() and len(self.inbox):
            await self.pump.turn()
