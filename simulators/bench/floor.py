"""The floor: what any honest implementation must do for a press, and nothing else.

Bytes from a pty, one FULL commit through aiosqlite in one hop, one signed QoS 1 publish over TLS 1.3 from the event
loop, the centre's signed receipt verified. No rules, no decoding, no bounds, no recovery.
"""

import asyncio
import os
import secrets
import sqlite3

import aiosqlite
import msgspec
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
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
from simulators.bench.stage import FLOOR, PENDANTS, Line, Probe, Stage

_SCHEMA = "CREATE TABLE outbox (id TEXT PRIMARY KEY, body BLOB NOT NULL, digest TEXT NOT NULL)"


class Floor:
    """The barest hub."""

    def __init__(self, stage: Stage, probe: Probe) -> None:
        keys = stage.keys.hubs[FLOOR]
        self._probe = probe
        self._signer = Signer(read_key(keys.signing, HUB_ALGORITHM), HUB_ALGORITHM)
        self._verifier = Verifier([read_key(stage.keys.centre_public, CENTRE_ALGORITHM)], CENTRE_ALGORITHM)
        uplink = Uplink(
            name="main",
            host="localhost",
            port=stage.broker.port,
            ca=stage.keys.ca,
            certificate=keys.tls.certificate,
            key=keys.tls.key,
        )
        self._port = stage.broker.port
        self._link = MqttLink(FLOOR, self._heard, tls=tls_context(uplink), manual_ack=False)
        self._database = stage.folder / "floor.db"
        self._clock = SystemClock()
        self._epoch = secrets.token_hex(5)
        self._seq = 0
        self._received = asyncio.Event()
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.ContentType = CONTENT_TYPE

    async def run(self, line: Line, presses: int) -> None:
        """Press so many times, one after the other."""
        connection = aiosqlite.connect(self._database, isolation_level=None)
        async with connection as self._db:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", _SCHEMA):
                await self._db.execute(statement)
            await self._link.connect("localhost", self._port)
            await self._link.subscribe((topic(FLOOR, "receipt"), SubscribeOptions(qos=1)))
            status = Status(
                aud=CENTRE,
                iat=self._clock.now().wall_ms // 1000,
                online=True,
                nonce=secrets.token_urlsafe(12),
                boot="bench",
                epoch=self._epoch,
            )
            await self._publish("status", msgspec.json.encode(status), retain=True)
            loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

            def readable() -> None:
                os.read(line.slave, 64)
                self._probe.reached("output")
                task = asyncio.create_task(self._raise())
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            loop.add_reader(line.slave, readable)
            for number in range(presses):
                self._received.clear()
                self._probe.press()
                line.press(number % PENDANTS)
                async with asyncio.timeout(10):
                    await self._received.wait()
            loop.remove_reader(line.slave)
            await self._link.close()

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
        await self._publish("event", body)
        self._probe.reached("puback")

    async def _publish(self, channel: str, body: bytes, *, retain: bool = False) -> None:
        name = topic(FLOOR, "status" if channel == "status" else "event")
        await self._link.publish(name, self._signer.seal(body), retain=retain, properties=self._properties)

    def _heard(self, message: MQTTMessage) -> None:
        receipt = read(self._verifier.open(bytes(message.payload)), Receipt)
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
    )
