"""A hub with nothing in it but its line: the daemon's own uplink over an outbox in memory. One process has 500.

What it says and believes is the real thing: the uplink, its window and its gate are the daemon's (`agent.uplink`).
"""

import asyncio
import random
import ssl
from collections import Counter

import msgspec

from agent.clock import Clock
from agent.config import Uplink as UplinkConfig
from agent.hub import rank_of
from agent.inbox import Arrival, Inbox
from agent.store.rows import Row
from agent.uplink.inward import Inward
from agent.uplink.presence import Presence
from agent.uplink.uplink import Uplink
from agent.wire.envelope import HUB_ALGORITHM, Key, Signer, Verifier
from agent.wire.messages import CENTRE, AlarmNote, LaneNote, LinkNote, State, Status, digest, encode_event
from rules.actions import Send, SendCheckIn
from rules.commands import Acknowledge, ResendRows, Resolve
from rules.delivery import ALARM_RETRY_MS_MAX, RETRY_MS_MAX, RETRY_MS_MIN
from rules.events import Commanded, LinkUp, Receipted
from rules.reports import (
    AlarmAcknowledged,
    AlarmRaised,
    AlarmResolved,
    CheckIn,
    CommandDone,
    CommandRefused,
    Lane,
    Report,
)
from rules.reports import Clock as ClockReading
from rules.values import utc
from sensors.mqtt_link import MqttLink

CHECK_IN_S = 240.0
ACKNOWLEDGED_MS = 30 * 60_000
SOFTWARE = "light"
_EPOCH_BYTES = 6
_TAKEN_AT_ONCE = 64


class Raised(msgspec.Struct):
    """An alarm that was raised here. Moments are on the machine's steady clock, in ms; None for not yet."""

    alarm: str
    ref: str
    at_ms: int
    receipted_ms: int | None = None
    stage: str = "raised"


class LightHub:
    """A hub of the name `hub`. `centre` are the centre's public keys; `config` says where its broker is.

    `raised` are its alarms, by their ids; `counters` tell what went on. Nothing leaves the outbox but by a receipt that
    the daemon would have believed.
    """

    def __init__(
        self, hub: str, key: Key, centre: Verifier, config: UplinkConfig, tls: ssl.SSLContext | None, clock: Clock
    ) -> None:
        self.hub = hub
        self.raised: dict[str, Raised] = {}
        self.counters: Counter[str] = Counter()
        self.inward = Inward(hub, centre)
        self._clock = clock
        self._dice = random.SystemRandom()
        self._epoch = self._dice.randbytes(_EPOCH_BYTES).hex()
        self._seq: Counter[str] = Counter()
        self._outbox: dict[str, Row] = {}
        self._settled: dict[str, Row] = {}
        self._answered: dict[str, str] = {}
        signer = Signer(key, HUB_ALGORITHM)
        self._inbox = Inbox(clock)
        self.uplink = Uplink(
            config,
            hub,
            client_id=f"{hub}.{signer.mark('client id')}.{config.name}",
            presence=Presence(),
            signer=signer,
            inward=self.inward,
            inbox=self._inbox,
            clock=clock,
            documents=self,
            tls=tls,
            make_link=MqttLink,
            dice=self._dice,
        )

    # --- what happens here -------------------------------------------------------------------------

    def raise_alarm(self, sensor: str = "pendant-1", kind: str = "pendant", priority: int = 1) -> Raised:
        """Somebody presses: an alarm is committed, and offered until the centre's receipt."""
        now = self._clock.now()
        alarm = f"{self._epoch}-alarm-{len(self.raised) + 1}"
        report = AlarmRaised(
            alarm=alarm,
            kind=kind,
            priority=priority,
            sensor=sensor,
            location="home",
            person="p1",
            test=False,
            silent=False,
            rule="immediate",
            detail="",
            triggers=1,
            triggered=self._reading(),
            clock=self._reading(),
            linked=None,
            plan_version=0,
        )
        self.raised[alarm] = Raised(alarm, self._tell(report, "a"), now.ms)
        self.uplink.want_state()
        return self.raised[alarm]

    @property
    def unreceipted(self) -> frozenset[str]:
        """The ids of what has no receipt."""
        return frozenset(self._outbox)

    @property
    def settled(self) -> frozenset[str]:
        """The ids of what was receipted."""
        return frozenset(self._settled)

    def _tell(self, report: Report, lane: Lane) -> str:
        self._seq[lane] += 1
        action = Send(self._epoch, lane, self._seq[lane], self._clock.now().wall_ms, report)
        body = encode_event(self.hub, action)
        row = Row(action.id, self._epoch, lane, action.seq, rank_of(action), body, digest(body))
        self._outbox[row.id] = row
        self.uplink.offer(row)
        return row.id

    def _reading(self) -> ClockReading:
        return ClockReading.read(self._clock.boot, self._clock.now())

    # --- living --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.uplink.run())
            tasks.create_task(self._check_in_for_ever())
            tasks.create_task(self._hear())

    async def _check_in_for_ever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_IN_S * self._dice.uniform(0.9, 1.0))
            self._check_in()

    async def _hear(self) -> None:
        while True:
            await self._inbox.wait(CHECK_IN_S)
            for arrival in self._inbox.take(_TAKEN_AT_ONCE):
                self._take(arrival)

    def _take(self, arrival: Arrival) -> None:
        match arrival.event:
            case LinkUp():
                self.counters["connections"] += 1
                self._check_in()
            case Receipted() as receipt:
                self._receipted(receipt, arrival.now.ms)
            case Commanded() as command:
                self._obey(command)
        if arrival.durable is not None:
            arrival.durable()

    def _receipted(self, receipt: Receipted, at_ms: int) -> None:
        self.counters[f"receipts: {receipt.result}"] += 1
        if receipt.result == "retry":
            alarm = any(each.ref == receipt.ref for each in self.raised.values())
            most = ALARM_RETRY_MS_MAX if alarm else RETRY_MS_MAX
            self.uplink.postpone(receipt.ref, min(max(RETRY_MS_MIN, receipt.retry_after_ms), most))
            return
        row = self._outbox.pop(receipt.ref, None)
        self.uplink.settle(receipt.ref)
        if row is not None:
            self._settled[row.id] = row
        for each in self.raised.values():
            if each.ref == receipt.ref and each.receipted_ms is None:
                each.receipted_ms = at_ms

    def _obey(self, command: Commanded) -> None:
        if command.id in self._answered:  # carried out once, answered by its own row
            self.counters["commands again"] += 1
            return
        self.counters[f"commands: {command.type}"] += 1
        self._answered[command.id] = command.type
        refused = self._carry_out(command)
        if refused:
            self._tell(
                CommandRefused(command=command.id, type=command.type, reason=refused, clock=self._reading()), "a"
            )
        else:
            self._tell(CommandDone(command=command.id, type=command.type, clock=self._reading()), "a")

    def _carry_out(self, command: Commanded) -> str:
        body = command.body.encode()
        match command.type:
            case "acknowledge":
                return self._acknowledge(msgspec.json.decode(body, type=Acknowledge).alarm)
            case "resolve":
                asked = msgspec.json.decode(body, type=Resolve)
                return self._resolve(asked.alarm, asked.outcome)
            case "resend":
                rows = msgspec.json.decode(body, type=ResendRows)
                for seq in range(rows.first, rows.last + 1):
                    row = self._settled.pop(f"{rows.epoch}-{rows.lane}-{seq}", None)
                    if row is not None:
                        self._outbox[row.id] = row
                        self.uplink.offer(row)
        return ""

    def _facts(self, alarm: Raised) -> dict[str, object]:
        raised = msgspec.json.decode(self._row(alarm.ref).body)["data"]
        names = ("alarm", "kind", "priority", "sensor", "location", "person", "test", "silent")
        return {name: raised[name] for name in names} | {"clock": self._reading()}

    def _row(self, ref: str) -> Row:
        return self._outbox.get(ref) or self._settled[ref]

    def _acknowledge(self, alarm: str) -> str:
        held = self.raised.get(alarm)
        if held is None or held.stage == "resolved":
            return "no such alarm is open"
        renewed, held.stage = held.stage == "acknowledged", "acknowledged"
        rest = {"by": "centre", "renewed": renewed, "lapses_in_ms": ACKNOWLEDGED_MS, "contact": ""}
        self._tell(msgspec.convert(self._facts(held) | rest, AlarmAcknowledged), "a")
        return ""

    def _resolve(self, alarm: str, outcome: str) -> str:
        held = self.raised.get(alarm)
        if held is None or held.stage == "resolved":
            return "no such alarm is open"
        held.stage = "resolved"
        self._tell(msgspec.convert(self._facts(held) | {"by": "centre", "outcome": outcome}, AlarmResolved), "a")
        return ""

    # --- documents -----------------------------------------------------------------------------------

    def _check_in(self) -> None:
        self._seq["c"] += 1
        last = {lane: self._seq[lane] for lane in ("a", "t")}
        oldest = {"a": next(iter(self._outbox), None), "t": None}
        report = CheckIn(last=last, oldest_unreceipted=oldest, clock=self._reading())
        ref = f"{self._epoch}-c-{self._seq['c']}"
        action = SendCheckIn(ref, self._seq["c"], self._clock.now().wall_ms, report)
        self.uplink.check_in(ref, encode_event(self.hub, action))

    def status(self, nonce: str, *, online: bool, also: tuple[str, ...] = (), reason: str = "") -> bytes:
        """Give the status document of a connection."""
        now = self._clock.now()
        return msgspec.json.encode(
            Status(
                aud=CENTRE,
                iat=now.wall_ms // 1000,
                online=online,
                nonce=nonce,
                also=also,
                monotonic_ms=now.ms,
                boot=self._clock.boot,
                epoch=self._epoch,
                reason=reason,
            )
        )

    def state(self) -> bytes:
        """Give the state document."""
        now = self._clock.now()
        waiting = {lane: [ref for ref, row in self._outbox.items() if row.lane == lane] for lane in ("a", "t")}
        return msgspec.json.encode(
            State(
                aud=CENTRE,
                iat=now.wall_ms // 1000,
                time=utc(now.wall_ms),
                clock=self._reading(),
                epoch=self._epoch,
                software=SOFTWARE,
                plan_version=0,
                mode="home",
                sensors=(),
                links=(LinkNote(uplink=self.uplink.name, up=True),),
                alarms=tuple(
                    AlarmNote(
                        alarm=each.alarm,
                        kind="pendant",
                        priority=1,
                        stage=each.stage,
                        delivery="waiting" if each.receipted_ms is None else "received",
                        test=False,
                    )
                    for each in self.raised.values()
                    if each.stage != "resolved"
                ),
                faults=(),
                faults_total=0,
                lanes={
                    lane: LaneNote(last=self._seq[lane], waiting=len(refs), oldest=next(iter(refs), None))
                    for lane, refs in waiting.items()
                },
                counters={},
            )
        )

    async def waiting(self, limit: int, exclude: frozenset[str]) -> list[Row]:
        """Give rows that wait in the outbox."""
        return [row for ref, row in self._outbox.items() if ref not in exclude][:limit]
