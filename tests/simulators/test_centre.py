"""The simulated response centre over a real Mosquitto, spoken to by a hub that signs as hubs do."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from joserfc.jwk import OKPKey
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import SystemClock
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, EnvelopeError, Verifier, read_key
from agent.wire.messages import Command, Receipt, digest, read
from rules.reports import CommandDone, CommandRefused, Report
from sensors.mqtt_link import LinkLostError, MqttLink
from simulators import timeline
from simulators.broker import DemoBroker
from simulators.centre import SimulatedCentre, UnknownAlarmError
from simulators.centre_command import obey
from simulators.keys import make_keys
from simulators.mosquitto import Mosquitto, ServerFiles
from simulators.timeline import Entry
from tests.support.voice import CLOCK, RAISED, READING, Voice

CENTRE = OKPKey.generate_key("Ed25519")
VERIFIER = Verifier([CENTRE], CENTRE_ALGORITHM)
ROOT = Path(__file__).parents[2]
M = TypeVar("M", Receipt, Command)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "broker") as running:
        yield running


class HubLink:
    """A hub of the simplest kind: it says what it is told to, and keeps what it hears."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.heard: dict[str, asyncio.Queue[MQTTMessage]] = {"receipt": asyncio.Queue(), "command": asyncio.Queue()}
        self.link = MqttLink(voice.hub, self._hear)

    def _hear(self, message: MQTTMessage) -> None:
        self.heard[message.topic.rpartition("/")[2]].put_nowait(message)

    async def connect(self, broker: Mosquitto, nonce: str = "nonce-0001") -> None:
        await self.link.connect(broker.host, broker.port)
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        await self.link.subscribe(*((self.voice.topic(channel), options) for channel in self.heard))
        await self.publish("status", self.voice.status(nonce), retain=True)

    async def publish(self, channel: str, token: bytes, *, retain: bool = False) -> None:
        reason = await asyncio.wait_for(self.link.publish(self.voice.topic(channel), token, retain=retain), 5)
        assert not reason.is_failure

    async def event(self, report: Report, seq: int = 1) -> None:
        await self.publish("event", self.voice.event(report, seq))

    async def token(self, channel: str) -> bytes:
        message = await asyncio.wait_for(self.heard[channel].get(), 5)
        assert not message.retain
        assert getattr(message.properties, "ContentType", "") == "application/jose"
        return bytes(message.payload)

    async def receipt(self, verifier: Verifier = VERIFIER) -> Receipt:
        return read(verifier.open(await self.token("receipt")), Receipt)

    async def command(self) -> Command:
        return read(VERIFIER.open(await self.token("command")), Command)


@contextlib.asynccontextmanager
async def centred(
    broker: Mosquitto, voice: Voice, *, nonce: str = "nonce-0001", **options: Any
) -> AsyncIterator[tuple[SimulatedCentre, HubLink]]:
    """A centre and a hub, both connected, the centre knowing the hub's nonce."""
    centre = SimulatedCentre(broker.host, broker.port, CENTRE, {voice.hub: [voice.public]}, SystemClock(), **options)
    await centre.start()
    hub = HubLink(voice)
    try:
        await hub.connect(broker, nonce)
        await centre.timeline.wait_for(lambda entry: entry.type == "online")
        yield centre, hub
    finally:
        await hub.link.close()
        await centre.stop()


def of(kind: str, verdict: str = "") -> Any:
    return lambda entry: entry.type == kind and (not verdict or entry.verdict == verdict)


# --- the honest centre ---------------------------------------------------------------------------------


async def test_s2_an_alarm_gets_its_signed_receipt_and_stands_in_the_time_line(broker: Mosquitto) -> None:
    voice = Voice()
    async with centred(broker, voice) as (centre, hub):
        await hub.event(RAISED)
        receipt = await hub.receipt()
        assert (receipt.ref, receipt.result, receipt.nonce, receipt.aud) == (
            "e1-a-1",
            "accepted",
            "nonce-0001",
            "hub-1",
        )
        assert receipt.digest == digest(voice.payload(RAISED))
        entry = await centre.timeline.wait_for(of("alarm.raised"))
        assert (entry.way, entry.hub, entry.alarm, entry.verdict) == ("in", "hub-1", "alarm-1", "accepted")
        assert entry.time == "2026-09-21T14:13:20.123Z"
        order = [(each.way, each.type or each.channel) for each in centre.timeline.entries()]
        assert order == [("link", "up"), ("in", "online"), ("in", "alarm.raised"), ("out", "receipt")]


async def test_s4_the_same_event_twice_gives_two_receipts_and_one_alarm(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        await hub.event(RAISED)
        await hub.event(RAISED)
        assert [(await hub.receipt()).result for _ in range(2)] == ["accepted", "accepted"]
        assert [each.verdict for each in centre.timeline.entries() if each.type == "alarm.raised"] == [
            "accepted",
            "repeated",
        ]
        assert centre.alarms == ["alarm-1"]


async def test_a_burst_larger_than_every_window_is_receipted_whole(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        window = asyncio.Semaphore(hub.link.receive_maximum)
        for seq in range(1, 201):
            await window.acquire()
            published = hub.link.publish(hub.voice.topic("event"), hub.voice.event(READING, seq))
            published.add_done_callback(lambda _: window.release())
        refs = {(await hub.receipt()).ref for _ in range(200)}
        assert refs == {f"e1-t-{seq}" for seq in range(1, 201)}
        assert centre.dropped == 0


async def test_a_hub_that_died_while_the_centre_was_away_is_seen_to_be_dead(broker: Mosquitto, tmp_path: Path) -> None:
    voice = Voice()
    ledger: dict[str, Any] = {"ledger": str(tmp_path / "ledger.db")}
    async with centred(broker, voice, **ledger) as (_, hub):
        await hub.event(RAISED)
        await hub.receipt()
    hub = HubLink(voice)
    await hub.connect(broker, "nonce-0002")  # nobody listens
    await hub.publish("status", voice.status("nonce-0002", online=False, reason="lost"), retain=True)
    await hub.link.close()
    hubs = {voice.hub: [voice.public]}
    centre = SimulatedCentre(broker.host, broker.port, CENTRE, hubs, SystemClock(), **ledger)
    assert centre.home("hub-1").online  # all it can know so far
    await centre.start()
    assert (await centre.timeline.wait_for(of("offline"))).verdict == "status"
    assert not centre.home("hub-1").online
    await centre.stop()


async def test_it_works_on_the_demonstrations_broker() -> None:
    broker = await asyncio.to_thread(DemoBroker().start)
    try:
        async with centred(cast("Mosquitto", broker), Voice()) as (centre, hub):
            await hub.event(RAISED)
            assert (await hub.receipt()).result == "accepted"
            centre.acknowledge("alarm-1")
            assert (await hub.command()).type == "acknowledge"
    finally:
        await asyncio.to_thread(broker.stop)


@pytest.mark.parametrize("answer", [CommandDone, CommandRefused])
async def test_s8_an_acknowledgement_by_hand_is_repeated_until_the_hub_answers(broker: Mosquitto, answer: Any) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        await hub.event(RAISED)
        await centre.timeline.wait_for(of("alarm.raised"))
        given = centre.acknowledge("alarm-1")
        command = await hub.command()
        assert (command.id, command.type, bytes(command.data)) == (given, "acknowledge", b'{"alarm":"alarm-1"}')
        assert (command.aud, command.nonce) == ("hub-1", "nonce-0001")
        assert command.expires > command.iat
        assert len(centre.commands) == 1
        # A new connection before any answer: it comes again, for the new nonce, at once.
        await hub.publish("status", hub.voice.status("nonce-0002"), retain=True)
        again = await hub.command()
        assert (again.id, again.nonce) == (given, "nonce-0002")
        reason = {"reason": "no such alarm"} if answer is CommandRefused else {}
        await hub.event(answer(clock=CLOCK, command=given, type="acknowledge", **reason), 2)
        await centre.timeline.wait_for(lambda entry: entry.ref == "e1-a-2")
        assert len(centre.commands) == 0


async def test_s8_a_command_waits_for_a_hub_that_is_away(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.centre._TICK_S", 60)  # the new connection alone must bring it on its way
    async with centred(broker, Voice()) as (centre, hub):
        await hub.publish("status", hub.voice.status(online=False), retain=True)
        await centre.timeline.wait_for(of("offline"))
        given = centre.command("hub-1", "locate")
        assert not [each for each in centre.timeline.entries() if each.channel == "command"]
        await hub.publish("status", hub.voice.status("nonce-0002"), retain=True)
        assert (await hub.command()).id == given


async def test_every_alarm_is_acknowledged_by_itself_if_asked(broker: Mosquitto) -> None:
    async with centred(broker, Voice(), acknowledge_after_s=0.05) as (_, hub):
        await hub.event(RAISED)
        command = await hub.command()
        assert (command.type, bytes(command.data)) == ("acknowledge", b'{"alarm":"alarm-1"}')


async def test_a_new_centre_learns_nonce_and_open_alarms_from_what_is_retained(broker: Mosquitto) -> None:
    voice = Voice()
    hub = HubLink(voice)
    await hub.connect(broker, "nonce-0007")
    await hub.publish("state", voice.state(), retain=True)
    centre = SimulatedCentre(broker.host, broker.port, CENTRE, {voice.hub: [voice.public]}, SystemClock())
    await centre.start()
    await centre.timeline.wait_for(lambda entry: entry.channel == "state")
    await centre.timeline.wait_for(of("online"))
    centre.resolve("alarm-1", "helped")
    command = await hub.command()
    assert (command.type, command.nonce) == ("resolve", "nonce-0007")
    await hub.link.close()
    await centre.stop()


async def test_s2_the_centre_comes_back_after_the_broker_was_away(broker: Mosquitto) -> None:
    voice = Voice()
    async with centred(broker, voice) as (centre, hub):
        before = len(centre.timeline)
        broker.kill()
        await centre.timeline.wait_for(of("down"), after=before)
        broker.start()
        await centre.timeline.wait_for(of("up"), after=before)
        await hub.link.close()
        again = HubLink(voice)
        await again.connect(broker, "nonce-0002")
        await centre.timeline.wait_for(of("online"), after=before)
        await again.event(RAISED)
        assert (await again.receipt()).nonce == "nonce-0002"
        await again.link.close()


async def test_no_broker_is_an_error_that_says_so(broker: Mosquitto) -> None:
    broker.stop()
    centre = SimulatedCentre(broker.host, broker.port, CENTRE, {}, SystemClock())
    with pytest.raises(LinkLostError, match=r"no broker.*refused"):
        await centre.start(timeout_s=0.5)


async def test_missing_events_are_asked_for(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        await hub.event(RAISED, 3)
        await hub.receipt()
        assert obey(centre, "missing hub-1").startswith('ok [{"epoch":"e1","lane":"a","first":1,"last":2}]')
        command = await hub.command()
        assert (command.type, json.loads(bytes(command.data))) == (
            "resend",
            {"epoch": "e1", "lane": "a", "from": 1, "to": 2},
        )


# --- the faults ----------------------------------------------------------------------------------------


async def test_fault_late(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("late", "0.3")
        await hub.event(RAISED)
        came = await centre.timeline.wait_for(of("alarm.raised"))
        assert (await hub.receipt()).result == "accepted"
        went = await centre.timeline.wait_for(lambda entry: entry.channel == "receipt")
        assert went.ms - came.ms >= 290


async def test_s2_fault_retry_keeps_nothing_until_it_is_over(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("retry", "on")
        await hub.event(RAISED)
        receipt = await hub.receipt()
        assert (receipt.result, receipt.retry_after > 0) == ("retry", True)
        assert centre.ledger.events() == []
        centre.faults.turn("retry", "off")
        await hub.event(RAISED)
        assert (await hub.receipt()).result == "accepted"
        await centre.timeline.wait_for(of("alarm.raised", "accepted"))


async def test_fault_rejected(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("rejected", "on")
        await hub.event(RAISED)
        assert (await hub.receipt()).result == "rejected"


async def test_s2_fault_silent_loses_events_and_says_nothing(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("silent", "on")
        await hub.event(RAISED)
        await centre.timeline.wait_for(lambda entry: entry.verdict == "unheard")
        centre.command("hub-1", "locate")
        centre.faults.turn("silent", "off")
        await hub.event(RAISED)
        assert (await hub.receipt()).ref == "e1-a-1"
        assert hub.heard["receipt"].empty()
        assert [each.verdict for each in centre.timeline.entries() if each.channel == "event"] == [
            "unheard",
            "accepted",
        ]


async def test_fault_duplicate(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("duplicate", "on")
        await hub.event(RAISED)
        assert await hub.receipt() == await hub.receipt()


async def test_fault_reorder(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("reorder", "on")
        await hub.event(RAISED, 1)
        await hub.event(RAISED, 2)
        assert [(await hub.receipt()).ref for _ in range(2)] == ["e1-a-2", "e1-a-1"]
        await hub.event(RAISED, 3)
        assert (await hub.receipt()).ref == "e1-a-3"  # alone, after a while


async def test_s8_fault_forged_does_not_open_though_it_names_the_centres_key(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("forged", "on")
        await hub.event(RAISED)
        with pytest.raises(EnvelopeError, match="not a valid signature"):
            VERIFIER.open(await hub.token("receipt"))


async def test_s8_faults_stale_nonce_and_wrong_audience(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        centre.faults.turn("stale-nonce", "on")
        await hub.event(RAISED)
        stale = await hub.receipt()
        assert stale.nonce != "nonce-0001"
        centre.faults.turn("stale-nonce", "off")
        centre.faults.turn("wrong-audience", "on")
        await hub.event(RAISED)
        wrong = await hub.receipt()
        assert (wrong.aud != "hub-1", wrong.nonce) == (True, "nonce-0001")
        assert wrong.iat - stale.iat >= 3_600


# --- staff's lines ---------------------------------------------------------------------------------------


async def test_lines_are_obeyed_or_explained(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, hub):
        await hub.event(RAISED)
        await hub.receipt()
        given = obey(centre, "acknowledge last").split()[1]
        assert (await hub.command()).id == given
        resolved = obey(centre, "resolve alarm-1 tea and a chat").split()[1]
        command = await hub.command()
        assert (command.id, json.loads(bytes(command.data))["outcome"]) == (resolved, "tea and a chat")
        assert obey(centre, 'command hub-1 set-mode {"mode": "away"}').startswith("ok ")
        assert bytes((await hub.command()).data) == b'{"mode":"away"}'
        assert obey(centre, "fault silent on") == "ok silent"
        assert obey(centre, "fault silent off") == "ok"
        for line, words in [
            ("acknowledge alarm-9", "alarm-9"),
            ("fault asleep on", "there are late, retry"),
            ("fault silent maybe", "on or off"),
            ("fault late -1", "seconds"),
            ("command hub-9 test", "hub-9"),
            ("command hub-1 test {", "JSON"),
            ("missing hub-9", "no hub"),
            ("dance", "not understood"),
            ("acknowledge", "not understood"),
        ]:
            assert words in obey(centre, line)


async def test_an_alarm_nobody_reported_cannot_be_taken(broker: Mosquitto) -> None:
    async with centred(broker, Voice()) as (centre, _):
        with pytest.raises(UnknownAlarmError, match="alarm-1"):
            centre.acknowledge("alarm-1")


# --- as a process, over TLS --------------------------------------------------------------------------------


class Process:
    """`python -m simulators.centre --json`; gives its time-line entry by entry."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def entry(self, kind: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(15):
            while line := await self.process.stdout.readline():
                entry: dict[str, Any] = json.loads(line)
                if kind in (entry.get("type"), entry.get("channel")):
                    return entry
        raise AssertionError(f"the process ended before {kind}")

    async def tell(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.write(line.encode() + b"\n")
        return (await asyncio.wait_for(self.process.stderr.readline(), 10)).decode()


@contextlib.asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[Process]:
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "simulators.centre", "--json", *arguments),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )
    try:
        yield Process(running)
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_it_runs_as_a_process_over_tls_with_made_keys(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-1"])
    hub_keys = keys.hubs["hub-1"]
    files = ServerFiles(keys.ca, keys.broker.certificate, keys.broker.key)
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(keys.ca))
    context.load_cert_chain(hub_keys.tls.certificate, hub_keys.tls.key)
    voice = Voice("hub-1", key=read_key(hub_keys.signing, HUB_ALGORITHM))  # type: ignore[arg-type]
    hub = HubLink(voice)
    hub.link = MqttLink("hub-1", hub._hear, tls=context)
    with Mosquitto(tmp_path / "broker", tls=files) as broker:
        await hub.connect(broker)
        given = [
            *("--host", "localhost", "--port", str(broker.port), "--key", str(keys.centre)),
            *("--hub-key", f"hub-1={hub_keys.public}", "--ledger", str(tmp_path / "ledger.db")),
            *("--tls-ca", str(keys.ca), "--tls-cert", str(keys.centre_tls.certificate)),
            *("--tls-key", str(keys.centre_tls.key), "--fault", "duplicate=on"),
        ]
        async with process(*given) as centre:
            await centre.entry("up")  # which comes after the retained status, over one and the same connection
            await hub.event(RAISED)
            of_centre = Verifier([read_key(keys.centre_public, CENTRE_ALGORITHM)], CENTRE_ALGORITHM)
            assert await hub.receipt(of_centre) == await hub.receipt(of_centre)
            entry = await centre.entry("alarm.raised")
            assert (entry["hub"], entry["alarm"], entry["verdict"]) == ("hub-1", "alarm-1", "accepted")
            assert (await centre.tell("acknowledge alarm-1")).startswith("ok ")
            assert (await centre.entry("command"))["alarm"] == "alarm-1"
            assert "no alarm" in await centre.tell("resolve alarm-9")
            centre.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(centre.process.wait(), 10) == 0
        await hub.link.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--hub-key", "hub-1"], "HUB=PEM"),
        (["--hub-key", "Hub 1=x.pem"], "hub id"),
        (["--hub-key", "hub-1=nowhere.pem"], "nowhere.pem"),
        (["--fault", "asleep=on"], "no fault"),
        (["--ledger", "/nonexistent/ledger.db"], "writable folder"),
    ],
)
async def test_a_wrong_command_line_is_explained_in_one_line(tmp_path: Path, change: list[str], words: str) -> None:
    keys = make_keys(tmp_path, SystemClock().now().wall_ms)
    async with process("--key", str(keys.centre), *change) as centre:
        assert centre.process.stderr is not None
        said = (await asyncio.wait_for(centre.process.stderr.read(), 15)).decode()
        assert await centre.process.wait() == 1
    assert words in said
    assert said.count("\n") == 1


async def test_the_time_line_can_be_followed_while_it_grows_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "KEPT", 20)
    line = timeline.Timeline()
    for number in range(30):
        line.add(Entry(ms=number, wall_ms=0, way="in"))
    assert len(line.entries()) <= 20
    assert len(line) == 30
    followed = line.follow(len(line) - 2)
    assert [(await anext(followed)).ms for _ in range(2)] == [28, 29]
    waiting = asyncio.ensure_future(anext(followed))
    await asyncio.sleep(0)
    line.add(Entry(ms=30, wall_ms=0, way="in"))
    line.add(Entry(ms=31, wall_ms=0, way="in"))
    assert (await asyncio.wait_for(waiting, 5)).ms == 30
    assert (await asyncio.wait_for(anext(followed), 5)).ms == 31
    with pytest.raises(TimeoutError):
        await line.wait_for(lambda entry: entry.ms == 99, timeout_s=0.01)
