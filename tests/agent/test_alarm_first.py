"""An alarm leaves with the call that offers it: before any document, and whatever the line does, the hub goes on."""

import asyncio
import random
from typing import Any, cast

import pytest
from joserfc.jwk import ECKey, OKPKey

from agent.clock import SystemClock
from agent.config import Uplink as UplinkConfig
from agent.inbox import Inbox
from agent.store.rows import Row
from agent.uplink.inward import Inward
from agent.uplink.presence import Presence
from agent.uplink.uplink import Uplink
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Signer, Verifier
from agent.wire.messages import digest
from sensors.mqtt_link import LinkLostError, MqttLink

CONFIG = UplinkConfig(name="main", host="localhost", port=1)


class Line:
    """A line that writes down what is published over it, and breaks when told to."""

    receive_maximum = 20

    def __init__(self, breaks: Exception | None) -> None:
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.published: list[str] = []
        self.pubacks: list[asyncio.Future[Any]] = []
        self.up = asyncio.Event()
        self._breaks = breaks

    @property
    def unanswered(self) -> int:
        return sum(not puback.done() for puback in self.pubacks)

    async def connect(self, *_: Any, **__: Any) -> None:
        return

    async def subscribe(self, *_: Any) -> None:
        return

    def publish(self, topic: str, _payload: bytes, **_: Any) -> "asyncio.Future[Any]":
        channel = topic.rpartition("/")[2]
        if channel == "event" and self._breaks is not None:
            raise self._breaks
        self.published.append(channel)
        self.pubacks.append(asyncio.get_running_loop().create_future())
        self.up.set()
        return self.pubacks[-1]

    def abort(self, why: str) -> None:
        if not self.closed.done():
            self.closed.set_result(why)


class Documents:
    def status(self, _nonce: str, *, online: bool, also: tuple[str, ...] = (), reason: str = "") -> bytes:
        return b"{}"

    def state(self) -> bytes:
        return b"{}"

    async def waiting(self, _limit: int, _exclude: frozenset[str]) -> list[Row]:
        return []


class Lines:
    """An uplink over lines of our own, one for each connection."""

    def __init__(self, *breaks: Exception | None) -> None:
        self.made: list[Line] = []
        self._breaks = list(breaks)
        clock = SystemClock()
        self.uplink = Uplink(
            CONFIG,
            "hub-1",
            client_id="hub-1",
            presence=Presence(),
            signer=Signer(ECKey.generate_key("P-256"), HUB_ALGORITHM),
            inward=Inward("hub-1", Verifier([OKPKey.generate_key("Ed25519")], CENTRE_ALGORITHM)),
            inbox=Inbox(clock),
            clock=clock,
            documents=Documents(),
            tls=None,
            make_link=self._make,
            dice=random.Random(1),
        )

    def _make(self, *_: Any, **__: Any) -> MqttLink:
        self.made.append(Line(self._breaks.pop(0) if self._breaks else None))
        return cast("MqttLink", self.made[-1])

    async def until(self, *published: str) -> None:
        """Wait until the newest line has carried these, in this order."""
        async with asyncio.timeout(5):
            while not self.made or self.made[-1].published != list(published):
                await asyncio.sleep(0.005)

    async def answer_status(self) -> None:
        """Have the broker acknowledge the status, so that the line serves."""
        await self.until("status")
        self.made[-1].pubacks[0].set_result(None)


def alarm(number: int) -> Row:
    body = b"help"
    return Row(f"epoch-a-{number}", "epoch", "a", number, 0, body, digest(body))


async def test_s5_an_alarm_is_published_in_the_call_that_offers_it_and_before_the_state() -> None:
    lines = Lines()
    running = asyncio.create_task(lines.uplink.run())
    await lines.answer_status()
    await lines.until("status", "state")
    line = lines.made[-1]
    lines.uplink.want_state()
    lines.uplink.offer(alarm(1))
    assert line.published == ["status", "state", "event"], "no round of the event loop has passed"
    running.cancel()


async def test_no_alarm_goes_before_the_centre_knows_of_the_connection() -> None:
    lines = Lines()
    running = asyncio.create_task(lines.uplink.run())
    await lines.until("status")
    lines.uplink.offer(alarm(1))
    assert lines.made[-1].published == ["status"], "its receipt would name a nonce that nobody has been told"
    lines.made[-1].pubacks[0].set_result(None)
    await lines.until("status", "event", "state")
    running.cancel()


@pytest.mark.parametrize("breaks", [LinkLostError("gone"), ValueError("a defect of the library's")])
async def test_s7_a_line_that_breaks_at_an_alarm_stops_nobody_and_the_next_one_carries_it(breaks: Exception) -> None:
    lines = Lines(breaks)
    running = asyncio.create_task(lines.uplink.run())
    await lines.answer_status()
    await lines.until("status", "state")
    lines.uplink.offer(alarm(1))  # does not raise: whoever offers has more to do
    assert lines.made[0].closed.done()
    async with asyncio.timeout(5):
        while len(lines.made) < 2:
            await asyncio.sleep(0.005)
    await lines.answer_status()
    await lines.until("status", "event", "state")
    running.cancel()


async def test_s12_documents_never_take_more_than_their_places_of_what_the_broker_takes_at_once() -> None:
    lines = Lines()
    running = asyncio.create_task(lines.uplink.run())
    await lines.answer_status()
    await lines.until("status", "state")
    line = lines.made[-1]
    for number in range(20):
        lines.uplink.offer(alarm(number))
    for number in range(5):  # one at every connection, at every test of a standby, and when it is time
        lines.uplink.check_in(f"epoch-c-{number}", b"{}")
    assert line.unanswered <= line.receive_maximum
    assert lines.uplink.counters["check-ins not sent"] == 3
    for puback in line.pubacks:
        if not puback.done():
            puback.set_result(None)
    lines.uplink.check_in("epoch-c-9", b"{}")
    assert line.published[-2:] == ["status", "event"]
    running.cancel()
