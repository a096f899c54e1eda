"""A hub's messages without the daemon: real opening, keeping and rules over a real folder; the centre is played."""

from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey

from agent.hub import Hub
from agent.inbox import Inbox
from agent.messages.arrival import Messages
from agent.messages.keeping import Keeping
from agent.wire.envelope import Key
from centre.issue import message
from rules.actions import Action, Send
from rules.events import Commanded, Config, Event, PlanOffered, Sensor, Started
from rules.plan import Person, Plan
from rules.reports import Report
from rules.state import House
from rules.values import Now

KEY = ECKey.generate_key("P-256")
CONFIG = Config(hub="hub-1", sensors=(Sensor("pendant-1", "pendant", "worn", "p1"),))
PLAN = Plan(version=1, language="de", people=(Person(person="p2", language="pl"),))
NOON = 1_767_614_400_000  # 2026-01-05T12:00Z
TEXT = "Der Zahnarzt um zehn."
TEXTS = {"dinner": "Das Essen ist fertig."}


class Watch:
    """A clock that is moved by hand."""

    boot = "boot"

    def __init__(self) -> None:
        self.ms = 1_000

    def now(self) -> Now:
        return Now(self.ms, NOON + self.ms, synced=True)


class Home:
    """Started over `folder`, with the house as it was committed last: None for a lost one.

    `full`: the inbox takes nothing from the messages.
    """

    def __init__(self, folder: Path, house: bytes | None = None, key: Key | None = KEY) -> None:
        self.folder = folder
        self.hub = Hub.restore(house)
        self.clock = Watch()
        self.inbox = Inbox(self.clock)
        self.full = False
        self.actions: list[Action] = []
        self.journal: list[bytes] = []
        self.rows: list[bytes] = []
        self.keeping = Keeping(folder / "messages")
        self.messages = Messages(
            self.keeping, key, house=lambda: self.hub.house, put=self._put, text=TEXTS.get, look_every_s=0.01
        )
        self.inbox.put(Started("boot", f"epoch-{len(self.hub.house.commands)}", CONFIG))
        if house is None:
            self.inbox.put(PlanOffered(PLAN))
        self.turn()
        self.messages.at_start()
        self.turn()

    def _put(self, event: Commanded) -> bool:
        return not self.full and self.inbox.put(event)

    async def hear(self, *commands: Commanded) -> None:
        """Take commands as the uplink gives them, and open what is sealed in them."""
        for command in commands:
            self.messages.arrived(command, self._put)
        await self.messages.turn()

    async def say(self, ident: str, data: Any, *, turned: bool = True) -> None:
        await self.hear(said(ident, data))
        if turned:
            self.turn()

    async def rests(self) -> None:
        """Two looks at what is still needed, as they come by themselves."""
        for _ in range(3):
            await self.messages.turn()

    def turn(self) -> bytes:
        """Turn the hub over what arrived; give the house as it is committed."""
        turned = self.hub.turn(self.inbox.take(64))
        self.journal += [entry.event for entry in turned.batch.entries]
        self.rows += [row.body for row in turned.rows]
        self.actions += turned.actions
        return turned.batch.house

    def happens(self, event: Event, after_ms: int = 5_000) -> bytes:
        self.clock.ms += after_ms
        self.inbox.put(event)
        return self.turn()

    def told(self, kind: type[Report]) -> list[Any]:
        sent = (action.report for action in self.actions if isinstance(action, Send))
        return [each for each in sent if isinstance(each, kind)]

    @property
    def house(self) -> House:
        return self.hub.house

    @property
    def kept(self) -> list[Path]:
        folder = self.folder / "messages"
        return sorted(folder.iterdir()) if folder.exists() else []

    def written(self) -> bytes:
        """Everything that the hub writes down or sends, but for the messages' own folder."""
        return b"\n".join([*self.journal, *self.rows, self.turn(), repr(self.actions).encode()])


def said(ident: str, data: Any) -> Commanded:
    return Commanded(ident, "say", msgspec.json.encode(data).decode())


def sealed(text: str = TEXT, language: str = "de", **more: Any) -> Any:
    return message(text, language, KEY, **more)
