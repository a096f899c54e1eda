"""Runs a worker of the centre's: it takes its share of events always, and leads whenever nobody else does."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import NoReturn, Protocol

from agent.clock import Clock
from centre.intake import LedgerDownError
from centre.issue import Issuer
from centre.settings import LineSettings, Settings
from centre.site.site import Site
from centre.store.cases import Cases
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.work.bell import Bell
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.follower import Follower
from centre.work.gaps import Gaps
from centre.work.keeping import Health, WatchBook
from centre.work.leading import RENEW_S, Lease
from centre.work.members import Members, SiteMembers
from centre.work.parts import Part, Parts
from centre.work.plans import PlanBook
from centre.work.sender import Sender
from centre.work.watch import Watch
from centre.work.worker import Worker

HEALTH_EVERY_S = 5.0
TICK_EVERY_S = 1.0

log = logging.getLogger(__name__)


class Services(Protocol):
    """What a worker stands on; the console's are such. In one process, each hears of the other at once."""

    @property
    def clock(self) -> Clock:
        """The clock."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def ledger(self) -> StoredLedger:
        """What the intake keeps in."""

    @property
    def cases(self) -> Cases:
        """The cases, as they are kept."""

    @property
    def desk(self) -> Desk:
        """The one way a case changes."""

    @property
    def commands(self) -> CommandBook:
        """The commands."""

    @property
    def plans(self) -> PlanBook:
        """The care plans."""

    @property
    def site(self) -> Site | None:
        """Whose hubs these are."""


async def work(
    settings: Settings,
    services: Services,
    *,
    members: Members | None = None,
    leading_too: Mapping[str, Part] | None = None,
) -> NoReturn:
    """Work until cancelled. `leading_too` are further parts that one process need have: the leader.

    `members` says whose hubs these are, if not the site. Raises ValueError when it is not said where the broker is, or
    whose hubs these are.
    """
    if members is None:
        if services.site is None:
            raise ValueError("a worker needs the site: its registry says whose hubs these are")
        members = SiteMembers(services.site)
    if settings.line is None:
        raise ValueError("a worker needs to know where the broker is")
    await Working(settings.worker, settings.line, services, members, leading_too or {}).run()


class Working:
    """A worker's parts."""

    def __init__(
        self, name: str, line: LineSettings, services: Services, members: Members, leading_too: Mapping[str, Part]
    ) -> None:
        self._name, self._settings, self._services, self._members = name, line, services, members
        self._leading_too = leading_too
        self._parts = Parts(services.clock)
        self._kept = Bell()
        self._book = WatchBook(services.database)
        self._lease = Lease(services.database, name, services.clock)
        self._worker: Worker | None = None
        self.leading = False

    @property
    def hears(self) -> bool:
        """Whether it takes events now."""
        return self._worker is not None and self._worker.line.up

    async def run(self) -> NoReturn:
        """Run until cancelled."""
        await self._parts.run({"worker": self._work, "leader": self._lead, "health": self._say})

    async def _work(self) -> None:
        services = self._services
        self._worker = Worker(self._settings, self._name, services.ledger, self._members, services.clock, self._kept)
        await self._worker.run()

    # --- leading -------------------------------------------------------------------------------------

    async def _lead(self) -> None:
        """Lead while the lease is ours. A store that is down changes nothing: nobody else could take it either."""
        duties: asyncio.Task[NoReturn] | None = None
        try:
            while True:
                with contextlib.suppress(LedgerDownError):
                    self.leading = await asyncio.to_thread(self._lease.take)
                if duties is not None and duties.done():
                    await duties  # it died of a bug, for duties never end: begun again, and counted
                if self.leading and duties is None:
                    log.info("%s leads", self._name)
                    duties = asyncio.create_task(self._duties(), name="leading")
                if not self.leading and duties is not None:
                    log.info("%s leads no more", self._name)
                    await _end(duties)
                    duties = None
                await asyncio.sleep(RENEW_S)
        finally:
            self.leading = False
            await _end(duties)
            with contextlib.suppress(LedgerDownError):
                await asyncio.to_thread(self._lease.give_up)

    async def _duties(self) -> NoReturn:
        services, clock = self._services, self._services.clock
        watch = Watch(
            self._settings,
            f"{self._name}-watch",
            services.ledger,
            self._members,
            services.desk,
            self._book,
            clock,
        )
        follower = Follower(
            services.database,
            services.ledger,
            services.cases,
            services.desk,
            services.commands,
            services.plans,
            self._members,
        )
        issuer = Issuer(self._settings.key)
        sender = Sender(services.commands, services.plans, self._members, issuer, watch.line, watch.nonce_of, clock)
        gaps = Gaps(services.ledger, services.desk, services.commands, watch.heads, watch.home, clock)
        await self._parts.run(
            {
                "watch": watch.run,
                "follower": lambda: follower.run(self._kept),
                "ticker": self._tick,
                "sender": lambda: sender.run(watch.arrived),
                "gaps": gaps.run,
                **self._leading_too,
            }
        )

    async def _tick(self) -> None:
        """Let time act on the cases, every second."""
        while True:
            try:
                await asyncio.to_thread(self._services.desk.tick)
            except LedgerDownError as error:
                log.warning("time waits for the store: %s", error)
            await asyncio.sleep(TICK_EVERY_S)

    # --- being seen ----------------------------------------------------------------------------------

    async def _say(self) -> None:
        """Say how this process is, every 5 s."""
        while True:
            with contextlib.suppress(LedgerDownError):
                await asyncio.to_thread(self._book.say, self.health)
            await asyncio.sleep(HEALTH_EVERY_S)

    @property
    def health(self) -> Health:
        """How this process is."""
        worker = self._worker
        return Health(
            worker=self._name,
            at_ms=self._services.clock.now().wall_ms,
            leading=self.leading,
            line="not begun" if worker is None else "" if worker.line.up else worker.line.why or "not connected",
            counters={} if worker is None else worker.counters,
            parts=dict(self._parts.health),
        )


async def _end(task: "asyncio.Task[NoReturn] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
