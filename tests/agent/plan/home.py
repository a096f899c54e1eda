"""A hub's care plans without the daemon: real keeping and real rules over a real folder; only the proof is played."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey, OKPKey

from agent.hub import Hub
from agent.inbox import Inbox
from agent.plan.arrival import Gate, Plans
from agent.plan.keeping import Keeping
from agent.plan.proving import Verdict
from agent.wire.envelope import CENTRE_ALGORITHM, Signer, Verifier
from agent.wire.sealing import seal_plan
from rules.actions import Send
from rules.events import Config, Sensor, Started
from rules.plan import Plan
from rules.reports import Report
from rules.state import House
from rules.values import Now

HUB = "hub-1"
CENTRE = OKPKey.generate_key("Ed25519")
PLAN_KEY = ECKey.generate_key("P-256")
SIGNER = Signer(CENTRE, CENTRE_ALGORITHM)
CONFIG = Config(hub=HUB, sensors=(Sensor("p1", "pendant", "hall"),))
SON = "+447700900123"


def plan(version: int, number: str = SON, **changes: Any) -> dict[str, Any]:
    return {
        "version": version,
        "contact": {"son": {"consent": "2026-10-01"}},
        "private": {"numbers": {"son": number}, "texts": {"hi": f"Hello from {version}."}},
        **changes,
    }


def sealed(document: dict[str, Any], *, hub: str = HUB, signer: Signer = SIGNER) -> bytes:
    return seal_plan(document, hub, 1, signer, PLAN_KEY)


class Still:
    """A clock that stands."""

    boot = "boot"

    def now(self) -> Now:
        return Now(1_000, 1_000_000, synced=True)


class Home:
    """Started over `folder`, with the house as it was committed last: None for a lost one."""

    def __init__(self, folder: Path, house: bytes | None = None) -> None:
        self.folder = folder
        self.refused: Counter[str] = Counter()
        self.proven: list[int] = []
        self.verdict: Callable[[Plan], Verdict] = lambda _: Verdict(ok=True)
        self.hub = Hub.restore(house)
        self.reports: list[Report] = []
        self.events: list[bytes] = []
        self.inbox = Inbox(Still())
        self.keeping = Keeping(folder / "plans", lambda: self.hub.house)
        self.plans = Plans(
            folder,
            Gate(HUB, Verifier([CENTRE], CENTRE_ALGORITHM), PLAN_KEY),
            self.keeping,
            house=lambda: self.hub.house,
            put=self.inbox.put,
            refuse=lambda channel, reason, _: self.refused.update([f"{channel}: {reason}"]),
            prove=self._prove,
            look_every_s=0.01,
        )
        self.inbox.put(Started("boot", "epoch", CONFIG))
        self.plans.at_start()
        self.turn()

    async def _prove(self, plan: Plan) -> Verdict:
        self.proven.append(plan.version)
        return self.verdict(plan)

    def turn(self) -> bytes:
        """Turn the hub over what arrived; give the house as it is committed."""
        arrivals = self.inbox.take(64)
        turned = self.hub.turn(arrivals)
        self.events += [entry.event for entry in turned.batch.entries]
        self.reports += [action.report for action in turned.actions if isinstance(action, Send)]
        for arrival in arrivals:
            if arrival.durable is not None:
                arrival.durable()
        return turned.batch.house

    async def hear(self, *tokens: bytes) -> None:
        """Take what came on the plan's topic, one after the other."""
        for token in tokens:
            self.plans.arrived(token)
            await self.plans.turn()
            self.turn()
        await self.plans.turn()  # which tidies after the last

    async def find(self, document: dict[str, Any] | bytes, mode: int = 0o600) -> dict[str, Any]:
        """Take what was laid as a file; give the outcome."""
        laid = self.folder / "plan.toml"
        laid.write_bytes(document if isinstance(document, bytes) else msgspec.json.encode(document))
        laid.chmod(mode)
        judging = asyncio.create_task(self.plans.turn())
        while not judging.done():
            await asyncio.sleep(0)
            self.turn()
        await judging
        self.turn()
        outcome: dict[str, Any] = msgspec.json.decode((self.folder / "plan.outcome.json").read_bytes())
        return outcome

    def told(self, kind: type[Report]) -> list[Any]:
        return [each for each in self.reports if isinstance(each, kind)]

    @property
    def house(self) -> House:
        return self.hub.house

    @property
    def kept(self) -> list[str]:
        folder = self.folder / "plans"
        return sorted(each.name for each in folder.iterdir()) if folder.exists() else []
