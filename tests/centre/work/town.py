"""A town for the centre's tests: a real broker, a real store, hubs that speak the real wire, and workers."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from joserfc.jwk import ECKey, OKPKey

from agent.clock import SystemClock
from agent.config import Uplink
from agent.wire.envelope import CENTRE_ALGORITHM, Key, Verifier
from centre.cases.case import Case
from centre.settings import LineSettings, Settings
from centre.store.cases import Cases
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.sealing import Keyring
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.keeping import WatchBook
from centre.work.members import Member, Roll
from centre.work.plans import PlanBook
from centre.work.running import Working
from simulators.mosquitto import Mosquitto
from simulators.trials.storm.hub import LightHub

T = TypeVar("T")
WAIT_S = 20.0
OPERATORS = frozenset({"ann", "bob", "operator-1", "operator-2"})


@dataclass
class Site:
    """Hubs that belong to the centre, as a test says."""

    keys: dict[str, ECKey] = field(default_factory=dict)
    plan_keys: dict[str, ECKey] = field(default_factory=dict)
    roll: Roll = field(default_factory=lambda: Roll(0, {}, frozenset()))

    def look(self) -> Roll:
        return self.roll

    def enrol(self, hub: str) -> ECKey:
        key = self.keys.setdefault(hub, ECKey.generate_key("P-256"))
        plan = self.plan_keys.setdefault(hub, ECKey.generate_key("P-256"))
        member = Member(hub, _public(key), _public(plan), 0)
        self.roll = Roll(self.roll.number + 1, {**self.roll.members, hub: member}, self.roll.revoked)
        return key

    def revoke(self, hub: str) -> None:
        members = {name: member for name, member in self.roll.members.items() if name != hub}
        self.roll = Roll(self.roll.number + 1, members, self.roll.revoked | {hub})


class Office:
    """What a process of the centre's stands on: the store, and everything that works over it."""

    def __init__(self, url: str, folder: Path, roster: Callable[[str], bool] = OPERATORS.__contains__) -> None:
        self.clock = SystemClock(synced=lambda: True)
        self.database = Database(url)
        self.ledger = StoredLedger(self.database)
        self.cases = Cases(self.database)
        self.commands = CommandBook(self.database, self.clock)
        self.desk = Desk(self.database, self.cases, self.commands, self.clock, roster)
        path = folder / "keyring"
        self.keyring = Keyring.load(path) if path.exists() else Keyring.make(path)
        self.plans = PlanBook(self.database, self.keyring, self.clock)
        self.book = WatchBook(self.database)
        self.site = None

    def now_ms(self) -> int:
        return self.clock.now().wall_ms

    def close(self) -> None:
        self.database.close()


class Town:
    """A broker, a store at `url`, and hubs. `working` begins a worker of the centre."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.broker = Mosquitto(folder / "broker")
        self.centre_key = OKPKey.generate_key("Ed25519")
        self.site = Site()
        self.office = Office(url, folder)
        self.clock = self.office.clock

    def line(self, *, port: int | None = None) -> LineSettings:
        return LineSettings(host="127.0.0.1", port=port or self.broker.port, group="g1", key=self.centre_key)

    def settings(self, worker: str = "worker-1") -> Settings:
        return Settings(data=self.folder, worker=worker, line=self.line())

    def hub(self, name: str = "hub-1", *, key: ECKey | None = None, enrol: bool = True) -> LightHub:
        key = key or (self.site.enrol(name) if enrol else ECKey.generate_key("P-256"))
        centre: Key = OKPKey.import_key(self.centre_key.as_dict(private=False))
        config = Uplink(name="main", host="127.0.0.1", port=self.broker.port)
        return LightHub(name, key, Verifier([centre], CENTRE_ALGORITHM), config, None, self.clock)

    @contextlib.asynccontextmanager
    async def working(self, worker: str = "worker-1", office: Office | None = None) -> AsyncIterator[Working]:
        """Run a worker, until its line is up."""
        working = Working(worker, self.line(), office or self.office, self.site, {})
        async with running(working.run()):
            await until(lambda: working.hears, "the worker's line is up")
            yield working

    async def case(self, holds: Callable[[Case], bool] = lambda _: True, what: str = "a case") -> Case:
        """Wait for an open case that is as wanted."""

        def found() -> Case | None:
            return next((case for case in self.office.desk.standing() if holds(case)), None)

        return await until(found, what)


@contextlib.asynccontextmanager
async def running(*works: Any) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Run coroutines for as long as this lasts; what one dies of is raised at its end."""
    tasks = [asyncio.create_task(each) for each in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each


async def until(holds: Callable[[], T | None], what: str, timeout_s: float = WAIT_S) -> T:
    """Ask until the answer is true, and give it."""
    asked: T | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while not (asked := holds()):
                await asyncio.sleep(0.02)
    if not asked:
        raise AssertionError(f"not within {timeout_s} s: {what}")
    return asked


def names(many: int) -> Iterable[str]:
    return (f"hub-{number:03}" for number in range(1, many + 1))


def token() -> str:
    return secrets.token_hex(4)


def _public(key: ECKey) -> ECKey:
    return ECKey.import_key(key.as_dict(private=False))
