"""The floor: what any honest implementation must do for a press, and nothing else.

Bytes from a pty, one FULL commit through aiosqlite in one hop, one signed QoS 1 publish over TLS 1.3 from the event
loop, the centre's signed receipt verified. No rules, no decoding, no bounds, no recovery.
"""

import asyncio
import os
import secrets
import sqlite3
from collections.abc import Callable

import aiosqlite
import msgspec
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import SystemClock
from agent.config import Uplink
from agent.uplink.tls import tls_context
from agent.wire.envelope import CENTRE_ALGORITHM, CONTENT_TYPE, HUB_ALGORITHM, Signer, Verifier, read_key
from agent.wire.messages import CENTRE, Receipt, Status, digest, encode_event, read
from agent.wire.topics import topic
from rules.actions import Send
from rules.reports import AlarmRaised, Clock
from sensors.mqtt_link import MqttLink
from simulators.bench.stage import FLOOR, WARM_UP, Line, Pace, Probe, Stage

_SCHEMA = "CREATE TABLE IF NOT EXISTS outbox (id TEXT PRIMARY KEY, body BLOB NOT NULL, digest TEXT NOT NULL)"


class Speaker:
    """Says signed things to the broker as the floor's hub, and hands over what the centre says to it."""

    def __init__(self, stage: Stage, heard: Callable[[MQTTMessage], None]) -> None:
        keys = stage.keys.hubs[FLOOR]
        self._signer = Signer(read_key(keys.signing, HUB_ALGORITHM), HUB_ALGORITHM)
        self.verifier = Verifier([read_key(stage.keys.centre_public, CENTRE_ALGORITHM)], CENTRE_ALGORITHM)
        uplink = Uplink(
            name="main",
            host="localhost",
            port=stage.broker.port,
            ca=stage.keys.ca,
            certificate=keys.tls.certificate,
            key=keys.tls.key,
        )
        self._port = stage.broker.port
        self.link = MqttLink(FLOOR, heard, tls=tls_context(uplink), manual_ack=False)
        self._topics: dict[str, str] = {channel: topic(FLOOR, channel) for channel in ("status", "event")}
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.ContentType = CONTENT_TYPE

    async def connect(self) -> str:
        """Connect, and tell the centre so; give the epoch it was told."""
        epoch = secrets.token_hex(5)
        await self.link.connect("localhost", self._port)
        await self.link.subscribe((topic(FLOOR, "receipt"), SubscribeOptions(qos=1)))
        status = Status(
            aud=CENTRE,
            iat=SystemClock().now().wall_ms // 1000,
            online=True,
            nonce=secrets.token_urlsafe(12),
            boot="bench",
            epoch=epoch,
        )
        await self.say("status", msgspec.json.encode(status), retain=True)
        return epoch

    def say(self, channel: str, body: bytes, *, retain: bool = False) -> "asyncio.Future[ReasonCode]":
        """Sign and publish; give the future of the PUBACK."""
        token = self._signer.seal(body)
        return self.link.publish(self._topics[channel], token, retain=retain, properties=self._properties)

    async def close(self) -> None:
        """Disconnect."""
        await self.link.close()


class Floor:
    """The barest hub."""

    def __init__(self, stage: Stage, probe: Probe) -> None:
        self._probe = probe
        self._speaker = Speaker(stage, self._heard)
        self._database = stage.folder / "floor.db"
        self._clock = SystemClock()
        self._seq = 0
        self._received = asyncio.Event()

    async def run(self, line: Line, presses: int) -> None:
        """Press so many times, one after the other, at the pace at which a hub can be pressed."""
        connection = aiosqlite.connect(self._database, isolation_level=None)
        async with connection as self._db:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _SCHEMA):
                await self._db.execute(statement)
            self._epoch = await self._speaker.connect()
            loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

            def readable() -> None:
                os.read(line.slave, 64)
                self._probe.reached("output")
                task = asyncio.create_task(self._raise())
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            loop.add_reader(line.slave, readable)
            pace = Pace()
            for number in range(presses + WARM_UP):
                pendant = await pace.next()
                self._received.clear()
                self._probe.press(counts=number >= WARM_UP)
                line.press(pendant)
                async with asyncio.timeout(10):
                    await self._received.wait()
            loop.remove_reader(line.slave)
            await self._speaker.close()

    async def _raise(self) -> None:
        now = self._clock.now()
        self._seq += 1
        action = Send(self._epoch, "a", self._seq, now.wall_ms, _report(self._epoch, self._seq))
        body = encode_event(FLOOR, action)
        self._expected = (action.id, digest(body))

        def commit(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO outbox VALUES (?, ?, ?)", (action.id, body, self._expected[1]))

        await self._db._execute(commit, self._db._conn)  # type: ignore[no-untyped-call]  # noqa: SLF001 -- one hop, as the hub does
        self._probe.reached("durable")
        await self._speaker.say("event", body)
        self._probe.reached("puback")

    def _heard(self, message: MQTTMessage) -> None:
        receipt = read(self._speaker.verifier.open(bytes(message.payload)), Receipt)
        if (receipt.ref, receipt.digest) == self._expected:
            self._probe.reached("receipt")
            self._received.set()


def _report(epoch: str, number: int) -> AlarmRaised:
    clock = Clock(boot="bench", monotonic_ms=0, wall="2026-01-01T00:00:00.000Z", synced=True)
    return AlarmRaised(
        clock=clock,
        alarm=f"{epoch}-alarm-{number}",
        kind="pendant",
        priority=1,
        sensor="p1",
        location="room-1",
        person="",
        test=False,
        silent=False,
        rule="immediate",
        detail="panic",
        triggers=1,
        triggered=clock,
        linked=None,
        plan_version=0,
        plan_rule="kind.pendant",
    )
