"""A response centre to pretend with: the real intake behind a real MQTT connection, and every way to fail on request.

`python -m simulators.centre --key centre.pem --hub-key HUB=public.pem`; `simulators.centre_command` has the rest.
Its ledger commits on the event loop: a real centre gives it a thread.
"""

import asyncio
import contextlib
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import OKPKey
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import Clock
from agent.wire.envelope import CENTRE_ALGORITHM, CONTENT_TYPE, Key
from agent.wire.messages import PREFIX, Command, Receipt
from agent.wire.topics import ROOT, Channel, hub_of, topic
from centre.homes import Home
from centre.intake import Entry as LedgerEntry
from centre.intake import Intake, Kept, LedgerDownError, Outcome
from centre.issue import Commands, Issuer
from centre.lanes import Missing
from centre.ledger import SqliteLedger
from rules.commands import RESEND_ROWS_MAX
from rules.reports import AlarmFacts, AlarmRaised, CommandDone, CommandRefused, Report
from sensors.mqtt_link import LinkLostError, MqttLink
from simulators.misbehaviour import Faults
from simulators.timeline import Entry, Timeline

RECEIVE_MAXIMUM = 16
"""Small, so that a worker that dies takes little with it (DESIGN §6)."""

OUTGOING_MAX = 1_000
"""Receipts and commands waiting for a place on the line; beyond it they are dropped: hubs and commands repeat (S12)."""

RESENDS_MAX = 8
"""Ranges asked for at once."""

ALARMS_MAX = 10_000
REORDER_S = 0.3
"""How long a receipt waits for another to be sent before it."""

_RECONNECT_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_TICK_S = 0.5


class UnknownAlarmError(Exception):
    """No alarm of this name was ever reported here."""


class _SwitchedLedger(SqliteLedger):
    """A ledger that is down while the fault `retry` is on."""

    faults: Faults

    def take(self, entry: LedgerEntry) -> Kept:
        """Keep an event, unless told to fail."""
        if self.faults.retry:
            raise LedgerDownError("simulated: the ledger is down")
        return super().take(entry)


class SimulatedCentre:
    """A centre in this process. `timeline` tells what came and went, `faults` are its switches, `intake` what it knows.

    `key` is the centre's private key, `hubs` each hub's public keys. With `acknowledge_after_s` every alarm is
    acknowledged by itself that many seconds after it came. Workers of one `group` share the load. `ledger` is a path;
    by default nothing outlives `stop`.
    """

    def __init__(  # noqa: PLR0913 -- every one is a choice of the demonstration's, named at the call
        self,
        host: str,
        port: int,
        key: Key,
        hubs: Mapping[str, Iterable[Key]],
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        name: str = "centre-1",
        group: str = "centre",
        ledger: str = ":memory:",
        acknowledge_after_s: float | None = None,
        on_entry: Callable[[Entry], None] | None = None,
    ) -> None:
        """Raises LedgerDownError and KeyFileError."""
        self.faults = Faults()
        self.timeline = Timeline(on_entry)
        self.ledger = _SwitchedLedger(ledger)
        self.ledger.faults = self.faults
        self.intake = Intake(self.ledger, hubs)
        self.commands = Commands(lambda: secrets.token_hex(8))
        self.dropped = 0
        self._host, self._port, self._tls, self._name, self._group = host, port, tls, name, group
        self._clock = clock
        self._key = key
        self._issuer = Issuer(key)
        self._acknowledge_after_s = acknowledge_after_s
        self._alarms: OrderedDict[str, str] = OrderedDict()
        self._outgoing: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(OUTGOING_MAX)
        self._held: list[tuple[str, Receipt]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()
        self._why = "not started"

    # --- starting and stopping -----------------------------------------------------------------------

    async def start(self, *, timeout_s: float = 10) -> None:
        """Connect and subscribe. Raises LinkLostError after `timeout_s`; it is then stopped again."""
        self._tasks = [asyncio.create_task(self._stay_connected()), asyncio.create_task(self._tick())]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            await self.stop()
            raise LinkLostError(f"the centre has no broker: {self._why}") from None

    async def stop(self) -> None:
        """Disconnect, and forget what was still to be sent."""
        for timer in self._timers:
            timer.cancel()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.ledger.close()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Show a part of the centre that died of a bug: nobody else would."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._add(way="link", type="broken", reason=repr(error))

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            try:
                self._why = await self._live()
                failures = 0
            except LinkLostError as error:
                self._why = str(error)
                failures = min(failures + 1, len(_RECONNECT_S) - 1)
            if self._ready.is_set():
                self._ready.clear()
                self._add(way="link", type="down", reason=self._why)
            await asyncio.sleep(_RECONNECT_S[failures])

    async def _live(self) -> str:
        """Live through one connection. No session outlives it: hubs resend what it loses (S2)."""
        link = MqttLink(
            self._name,
            self._heard,
            tls=self._tls,
            session_expiry_s=0,
            receive_maximum=RECEIVE_MAXIMUM,
            on_poison=lambda message, error: self._add(
                way="in", channel=message.topic, verdict="bug", reason=repr(error)
            ),
        )
        try:
            await link.connect(self._host, self._port)
            at_least_once = SubscribeOptions(qos=1)
            # Plain ones first: an event can only be receipted once its hub's nonce is known.
            await link.subscribe((f"{ROOT}/+/status", at_least_once), (f"{ROOT}/+/state", at_least_once))
            await link.subscribe((f"$share/{self._group}/{ROOT}/+/event", at_least_once))
            self._ready.set()
            self._add(way="link", type="up")
            sender = asyncio.create_task(self._send(link))
            try:
                return await asyncio.shield(link.closed)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
        finally:
            await link.close()

    async def _send(self, link: MqttLink) -> None:
        """Publish what is outgoing, never more at once than the broker takes."""
        places = asyncio.Semaphore(min(link.receive_maximum, RECEIVE_MAXIMUM))
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = CONTENT_TYPE
        while True:
            await places.acquire()
            name, token = await self._outgoing.get()
            with contextlib.suppress(LinkLostError):
                kept = name.endswith("/plan")
                link.publish(name, token, retain=kept, properties=properties).add_done_callback(
                    lambda _: places.release()
                )

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._send_commands()

    # --- what comes ------------------------------------------------------------------------------------

    def _heard(self, message: MQTTMessage) -> None:
        if self.faults.silent and message.topic.endswith("/event"):
            self._add(way="in", hub=hub_of(message.topic), channel="event", verdict="unheard")
            return
        outcome = self.intake.receive(message.topic, bytes(message.payload), self._clock.now(), retained=message.retain)
        self._note(outcome)
        if outcome.report is not None:
            self._learn(outcome.hub, outcome.report, outcome.verdict)
        for note in outcome.state.alarms if outcome.state is not None else ():
            self._remember(note.alarm, outcome.hub)
        if outcome.receipt is not None:
            self._answer(outcome.hub, outcome.receipt)
        if outcome.status is not None:
            self._send_commands()  # a new connection: what waits for this hub goes now

    def _note(self, outcome: Outcome) -> None:
        event, report, status = outcome.event, outcome.report, outcome.status
        facts = report if isinstance(report, AlarmFacts) else None
        kind = event.type.removeprefix(PREFIX) if event is not None else ""
        if status is not None:
            kind = "online" if status.online else "offline"
        self._add(
            way="in",
            hub=outcome.hub,
            channel=outcome.channel,
            type=kind,
            ref=event.id if event is not None else "",
            alarm=facts.alarm if facts is not None else "",
            verdict=outcome.verdict,
            time=event.time if event is not None else "",
            reason=outcome.reason or (status.reason if status is not None else ""),
            test=facts is not None and facts.test,
        )

    def _learn(self, hub: str, report: Report, verdict: str) -> None:
        match report:
            case CommandDone() | CommandRefused():
                self.commands.answered(hub, report.command)
            case AlarmFacts():
                self._remember(report.alarm, hub)
                fresh = isinstance(report, AlarmRaised) and verdict in ("accepted", "conflict")
                if fresh and self._acknowledge_after_s is not None:
                    self._later(self._acknowledge_after_s, lambda: self.acknowledge(report.alarm))

    def _remember(self, alarm: str, hub: str) -> None:
        self._alarms[alarm] = hub
        self._alarms.move_to_end(alarm)
        if len(self._alarms) > ALARMS_MAX:
            self._alarms.popitem(last=False)

    # --- what goes -------------------------------------------------------------------------------------

    def _answer(self, hub: str, receipt: Receipt) -> None:
        if self.faults.late:
            self._later(self.faults.late, lambda: self._send_receipt(hub, receipt))
        else:
            self._send_receipt(hub, receipt)

    def _send_receipt(self, hub: str, receipt: Receipt) -> None:
        going = [(hub, each) for each in self.faults.distort(receipt)]
        if not self.faults.reorder:
            self._publish_receipts(going)
            return
        self._held += going
        if len(self._held) == len(going):
            self._later(REORDER_S, self._release)
        else:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        self._publish_receipts(reversed(held))

    def _publish_receipts(self, receipts: Iterable[tuple[str, Receipt]]) -> None:
        for hub, receipt in receipts:
            token = self._forge(receipt) if self.faults.forged else self._issuer.seal(receipt)
            self._publish(hub, "receipt", token)
            self._add(way="out", hub=hub, channel="receipt", ref=receipt.ref, verdict=receipt.result)

    def _forge(self, message: Receipt) -> bytes:
        """Sign as somebody who knows the centre's key id, and not its key."""
        header = {"alg": CENTRE_ALGORITHM, "kid": self._key.thumbprint()}
        key = OKPKey.generate_key("Ed25519")
        return jws.serialize_compact(header, msgspec.json.encode(message), key, algorithms=[CENTRE_ALGORITHM]).encode()

    def _send_commands(self) -> None:
        now = self._clock.now()
        for over in self.commands.expired(now):
            self._add(way="out", hub=over.hub, channel="command", type=over.type, ref=over.id, verdict="unanswered")
        if self.faults.silent or not self._ready.is_set():
            return
        for hub, command in self.commands.due(now, self._nonce_of):
            self._publish(hub, "command", self._issuer.seal(command))
            self._add(
                way="out", hub=hub, channel="command", type=command.type, ref=command.id, alarm=_alarm_of(command)
            )

    def _nonce_of(self, hub: str) -> str:
        home = self.intake.home(hub)
        return home.nonce if home.online else ""

    def _publish(self, hub: str, channel: Channel, token: bytes) -> None:
        try:
            self._outgoing.put_nowait((topic(hub, channel), token))
        except asyncio.QueueFull:
            self.dropped += 1

    # --- what staff do -----------------------------------------------------------------------------------

    def acknowledge(self, alarm: str) -> str:
        """Take an alarm; give the command's id. Raises UnknownAlarmError, TooManyCommandsError."""
        return self.command(self._hub_of(alarm), "acknowledge", {"alarm": alarm})

    def resolve(self, alarm: str, outcome: str = "") -> str:
        """Close an alarm; give the command's id. Raises UnknownAlarmError, TooManyCommandsError."""
        return self.command(self._hub_of(alarm), "resolve", {"alarm": alarm, "outcome": outcome})

    def command(self, hub: str, kind: str, data: object = None) -> str:
        """Command a hub, and repeat until it answers; give the command's id. Raises KeyError, TooManyCommandsError."""
        self.intake.home(hub)
        given = self.commands.give(hub, kind, {} if data is None else data, self._clock.now())
        self._send_commands()
        return given

    def plan(self, hub: str, document: Mapping[str, Any], key: Key | None = None) -> None:
        """Give a hub a care plan: retained, its private part encrypted to `key`. Raises KeyError and ValueError."""
        self.intake.home(hub)
        self._publish(hub, "plan", self._issuer.seal_plan(document, hub, self._clock.now(), key))
        self._add(way="out", hub=hub, channel="plan", ref=str(document.get("version", "")))

    def ask_for_missing(self, hub: str) -> list[Missing]:
        """Ask a hub to send again what is missing; give what that is. Raises KeyError, TooManyCommandsError.

        Asks for a few ranges, and the beginning of each: when they have come, ask again.
        """
        self.intake.home(hub)
        lacking = self.intake.missing(hub)
        for each in lacking[:RESENDS_MAX]:
            last = min(each.last, each.first + RESEND_ROWS_MAX - 1)
            data = {"epoch": each.epoch, "lane": each.lane, "from": each.first, "to": last}
            self.command(hub, "resend", data)
        return lacking

    def home(self, hub: str) -> Home:
        """Give what is known of a hub. Raises KeyError."""
        return self.intake.home(hub)

    @property
    def alarms(self) -> list[str]:
        """Every alarm heard of, the one heard of last at the end."""
        return list(self._alarms)

    def _hub_of(self, alarm: str) -> str:
        try:
            return self._alarms[alarm]
        except KeyError:
            raise UnknownAlarmError(f"no alarm {alarm!r} was reported here") from None

    # --- small things ------------------------------------------------------------------------------------

    def _later(self, seconds: float, work: Callable[[], object]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            work()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)

    def _add(self, **facts: object) -> None:
        now = self._clock.now()
        self.timeline.add(Entry(ms=now.ms, wall_ms=now.wall_ms, **facts))  # type: ignore[arg-type]


def _alarm_of(command: Command) -> str:
    data = msgspec.json.decode(command.data)
    return str(data.get("alarm", "")) if isinstance(data, dict) else ""


if __name__ == "__main__":
    from simulators.centre_command import main

    main()
