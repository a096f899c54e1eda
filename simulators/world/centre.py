"""The response centre of the simulated world: the real intake, ledger and commands; staff who answer; and bad days."""

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Callable
from typing import Any

import msgspec
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire.envelope import Key, Verifier
from agent.wire.messages import PREFIX, Receipt, decode_event, decode_report
from agent.wire.topics import ROOT, topic
from centre.homes import Home
from centre.intake import Entry, Intake, Kept, LedgerDownError, Outcome
from centre.issue import Commands, TooManyCommandsError
from centre.ledger import SqliteLedger
from rules.commands import RESEND_ROWS_MAX
from rules.reports import AlarmLapsed, AlarmRaised, AlarmResolved, CommandDone, CommandRefused, Report
from rules.values import Now
from sensors.mqtt_link import LinkLostError
from simulators.world.broker import Message
from simulators.world.household import HUB
from simulators.world.link import Network, WorldLink
from simulators.world.signing import Signatures

RECONNECT_S = 1.0
REPEAT_S = 5.0
RESENDS_MAX = 8
NO_ALARM = "no open alarm "
"""What the hub says, before its name, of an alarm that it does not have."""

TAKEN, CLOSED = 0.8, 0.6
"""The share of alarms that staff take, and of those that they also close in good time."""


class Ledger(SqliteLedger):
    """The real ledger, and what it holds at hand: digests by id."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.down = False
        self.held: dict[str, str] = {}

    def take(self, entry: Entry) -> Kept:
        """Keep an event, unless the ledger is down."""
        if self.down:
            raise LedgerDownError("simulated: the ledger is down")
        kept = super().take(entry)
        self.held.setdefault(entry.id, entry.digest)
        return kept


class _Intake(Intake):
    """The real intake, with the world's signatures."""

    def __init__(self, ledger: Ledger, verifier: Verifier) -> None:
        self._verifier = verifier
        no_keys: dict[str, list[Key]] = {HUB: []}
        super().__init__(ledger, no_keys)

    def register(self, hub: str, keys: Any) -> None:  # noqa: ANN401 -- none here
        """Let a hub speak."""
        del keys
        self._verifiers[hub] = self._verifier
        self._homes.setdefault(hub, Home(hub=hub))


class _Case(msgspec.Struct):
    """An alarm as staff have it."""

    alarm: str
    resolves: bool = False


class Centre:
    """`now` is the true time. `heard(outcome)` is told of every message the intake judged."""

    def __init__(self, network: Network, dice: random.Random, now: Callable[[], Now], signs: Signatures) -> None:
        self.ledger = Ledger()
        self.intake = _Intake(self.ledger, signs.hub_verifier)
        self.heard: Callable[[Outcome], None] = lambda _: None
        self.signer = signs.centre
        self._look = signs.look
        self.down = self.silent = self.rejecting = False
        self.cases: dict[str, _Case] = {}
        self.refused: dict[str, Report | None] = {}
        self.open_there: set[str] = set()
        """The alarms that are open by the hub's last state document."""
        self.last_receipt: tuple[Receipt, bytes] | None = None
        self._net, self._dice, self._now = network, dice, now
        self._ids = 0
        self.commands = Commands(self._new_id)
        self._link: WorldLink | None = None
        self._repeating: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._stay())

    def _new_id(self) -> str:
        self._ids += 1
        return f"command-{self._ids}"

    # --- its connection ----------------------------------------------------------------------------

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(LinkLostError):
                await self._live()
            await asyncio.sleep(RECONNECT_S)

    async def _live(self) -> None:
        if self.down:
            return
        link = self._link = WorldLink(self._net, "centre", self._take, receive_maximum=16)
        try:
            await link.connect("broker", 1883)
            options = SubscribeOptions(qos=1)
            await link.subscribe((f"{ROOT}/+/status", options), (f"{ROOT}/+/state", options))
            await link.subscribe((f"$share/centre/{ROOT}/+/event", options))
            await asyncio.shield(link.closed)
        finally:
            self._link = None
            link.abort("closed by us")

    def stop(self) -> None:
        """Be down: a process that died."""
        self.down = True
        if self._link is not None:
            self._link.abort("the centre died")

    def start(self) -> None:
        """Be up again."""
        self.down = False

    def end(self) -> None:
        """Let go of everything."""
        self._task.cancel()
        self.ledger.close()

    # --- hearing -----------------------------------------------------------------------------------

    def _take(self, message: Message) -> None:
        if self.silent and message.topic.endswith("/event"):
            return
        if self.rejecting and message.topic.endswith("/event"):
            self._reject(message)
            return
        outcome = self.intake.receive(message.topic, message.payload, self._now(), retained=message.retain)
        if outcome.report is not None:
            self._learn(outcome.report)
        if outcome.state is not None:
            self.open_there = {each.alarm for each in outcome.state.alarms}
        self.heard(outcome)
        if outcome.receipt is not None:
            self.answer(outcome.receipt)
        if outcome.status is not None:
            self._send_commands()

    def _reject(self, message: Message) -> None:
        """Refuse an event for good, as a centre may whose configuration lacks something."""
        payload = self._look(message.payload)
        event = msgspec.json.decode(payload)
        nonce = self.intake.home(HUB).nonce
        if not nonce or event["type"] == PREFIX + "check-in":
            return
        receipt = self.intake._receipt(HUB, event["id"], payload, "rejected", self._now(), "not known here")  # noqa: SLF001 -- the real one's making
        if receipt is not None:
            self.refused[event["id"]] = decode_report(decode_event(payload))
            self.answer(receipt)

    def _learn(self, report: Report) -> None:
        match report:
            case CommandDone():
                self.commands.answered(HUB, report.command)
            case CommandRefused():
                self.commands.answered(HUB, report.command)
                # A hub whose disk failed and that was killed may not know an alarm that it sent (S1): staff close it.
                self.cases.pop(report.reason.removeprefix(NO_ALARM), None)
            case AlarmRaised():
                if report.alarm not in self.cases:
                    self.cases[report.alarm] = _Case(report.alarm)
                    self._staff(report.alarm)
            case AlarmLapsed():
                self.cases.setdefault(report.alarm, _Case(report.alarm))  # such a hub may also reopen what was closed
                self._later(self._dice.uniform(20, 200), self._resolve, report.alarm)
            case AlarmResolved():
                self.cases.pop(report.alarm, None)

    # --- staff -------------------------------------------------------------------------------------

    def _staff(self, alarm: str) -> None:
        """Somebody takes the alarm, mostly soon; sometimes too late, and sometimes it is forgotten once taken."""
        draw = self._dice.random()
        if draw < TAKEN:
            self._later(self._dice.uniform(5, 300), self.acknowledge, alarm)
        if draw < CLOSED:
            self._later(self._dice.uniform(400, 3_000), self._resolve, alarm)
        elif draw >= TAKEN:
            self._later(self._dice.uniform(600, 5_400), self._resolve, alarm)

    def _later(self, seconds: float, work: Callable[[str], None], alarm: str) -> None:
        self._loop.call_later(seconds, work, alarm)

    def acknowledge(self, alarm: str) -> None:
        """Take an alarm."""
        if alarm in self.cases:
            self.command("acknowledge", {"alarm": alarm})

    def _resolve(self, alarm: str) -> None:
        if alarm in self.cases:
            self.command("resolve", {"alarm": alarm, "outcome": "helped"})
            self._later(700, self._resolve, alarm)  # until the hub says so: staff do not let go of it

    def fingerprint(self) -> str:
        """Give one digest for everything held, in the order it came."""
        together = hashlib.sha256()
        for ref, digest in self.ledger.held.items():
            together.update(f"{ref} {digest}\n".encode())
        return together.hexdigest()

    def resolve_all(self) -> None:
        """Close every case still open, and every alarm that the hub says is open and we have no case for."""
        for alarm in self.open_there - self.cases.keys():
            self.cases[alarm] = _Case(alarm)
        for alarm in list(self.cases):
            self._resolve(alarm)

    def command(self, kind: str, data: object) -> None:
        """Command the hub, and repeat until it answers."""
        self.commands.expired(self._now())
        try:
            self.commands.give(HUB, kind, data, self._now())
        except TooManyCommandsError:
            return
        self._send_commands()

    def ask_for_missing(self) -> int:
        """Ask for what is missing; give how many ranges are."""
        lacking = self.intake.missing(HUB)
        for each in lacking[:RESENDS_MAX]:
            last = min(each.last, each.first + RESEND_ROWS_MAX - 1)
            self.command("resend", {"epoch": each.epoch, "lane": each.lane, "from": each.first, "to": last})
        return len(lacking)

    # --- talking -----------------------------------------------------------------------------------

    def _send_commands(self) -> None:
        home = self.intake.home(HUB)
        for _, command in self.commands.due(self._now(), lambda _: home.nonce if home.online else ""):
            self.publish("command", self.signer.seal(msgspec.json.encode(command)))
        if len(self.commands) and self._repeating is None:
            self._repeating = self._loop.call_later(REPEAT_S, self._repeat)

    def _repeat(self) -> None:
        self._repeating = None
        self.commands.expired(self._now())
        self._send_commands()

    def answer(self, receipt: Receipt) -> None:
        """Send a receipt."""
        token = self.signer.seal(msgspec.json.encode(receipt))
        self.last_receipt = receipt, token
        self.publish("receipt", token)

    def publish(self, channel: str, token: bytes, *, retain: bool = False) -> None:
        """Publish to the hub, if there is a line; hubs and commands repeat what is lost."""
        link = self._link
        if link is not None and link.up:
            link.publish(topic(HUB, "receipt" if channel == "receipt" else "command"), token, retain=retain)
