"""The other way: what a hub did not say, or said before, or to somebody else, changes nothing at the centre."""

import msgspec
from joserfc.jwk import ECKey

from agent.clock import SystemClock
from agent.wire.envelope import HUB_ALGORITHM, Signer, read_key
from agent.wire.messages import CENTRE, CloudEvent, Status
from agent.wire.topics import Channel
from rules.values import utc
from simulators.rig import HUB
from simulators.timeline import Entry
from simulators.trials.accounts import settle
from simulators.trials.hostile.intruder import Intruder, opened
from simulators.trials.hostile.to_the_hub import besieged
from simulators.trials.line.home import Home
from simulators.trials.trial import Figures, Round, Trial, Violation

_OTHER = "hub-of-somebody"
_NOT_OURS = {"quarantined", "rejected", "repeated", "stale"}


async def _hostile_to_the_centre(this: Round) -> Figures:
    """Speak as the hub, without its key and with its own old words; its next press must arrive as ever."""
    figures = Figures()
    async with besieged(this, synced=False) as (it, intruder):
        sensor = it.press()
        raised = await intruder.event("alarm.raised")
        await it.received(sensor)
        mark = len(it.rig.centre.timeline)
        it.line.cut()  # so that the first connection's words are of the past
        it.line.forward()
        await it.rig.online(after=mark)
        await it.rig.settled()
        home, alarms = it.rig.centre.home(HUB), it.rig.alarms_by_sensor()
        for number, (channel, payload, hub) in enumerate(_attacks(it, intruder, raised)):
            mark = len(it.rig.centre.timeline)
            await intruder.say(channel, payload, hub=hub)
            entry = await it.rig.centre.timeline.wait_for(_from_outside, after=mark)
            if entry.verdict not in _NOT_OURS:
                raise Violation(f"S8: the centre took a hostile {channel} (attack {number}) as {entry.verdict}")
            figures.count(f"hostile messages at the centre that were {entry.verdict}")
        now = it.rig.centre.home(HUB)
        if (now.online, now.nonce, now.past, now.boot, now.epoch) != (
            *(home.online, home.nonce, home.past),
            *(home.boot, home.epoch),
        ):
            raise Violation(f"S8: hostile messages changed what the centre knows of a hub: {home} became {now}")
        if it.rig.alarms_by_sensor() != alarms:
            raise Violation("S8: hostile messages changed the alarms that the centre holds")
        sensor = it.press()
        await it.received(sensor)
        await settle(it.rig, figures)
    return figures


def _from_outside(entry: Entry) -> bool:
    return entry.way == "in" and entry.hub in (HUB, _OTHER)


def _attacks(it: Home, intruder: Intruder, raised: CloudEvent) -> list[tuple[Channel, bytes, str]]:
    """Give channel, payload and the hub whose topic it is said on."""
    own = Signer(ECKey.generate_key("P-256"), HUB_ALGORITHM)
    true = Signer(read_key(it.rig.keys.hubs[HUB].signing, HUB_ALGORITHM), HUB_ALGORITHM)
    at = SystemClock().now().wall_ms
    event = CloudEvent(
        aud=CENTRE,
        iat=at // 1000,
        id="ffffffffff-a-1",
        source=f"/hearthline/v1/{HUB}/ffffffffff/a",
        type="hearthline.alarm.raised",
        time=utc(at),
        sequence=f"{1:020d}",
        data=raised.data,
    )
    gone = Status(aud=CENTRE, iat=at // 1000, online=False, nonce=it.nonce(), boot="x", epoch="x", reason="lost")
    body, away = msgspec.json.encode(event), msgspec.json.encode(gone)
    misaddressed = msgspec.json.encode(msgspec.structs.replace(event, aud="somebody-else"))
    kid_of_hub = intruder.heard["event"][-1].split(b".")[0]
    forged = own.seal(body).split(b".")
    first_status = next(token for token in intruder.heard["status"] if b'"online":true' in opened(token))
    attacks: list[tuple[Channel, bytes, str]] = [
        ("event", own.seal(body), HUB),
        ("event", b".".join((kid_of_hub, *forged[1:])), HUB),
        ("event", true.seal(misaddressed), HUB),
        ("event", true.seal(msgspec.json.encode(msgspec.structs.replace(event, source="/hearthline/v1/x/y/a"))), HUB),
        ("event", true.seal(body), _OTHER),
        ("event", intruder.heard["receipt"][-1], HUB),
        ("event", b"", HUB),
        ("event", b"\xff" * 1_000, HUB),
        ("event", true.seal(b"[" * 5_000), HUB),
        ("status", own.seal(away), HUB),
        ("status", true.seal(body), HUB),
        ("status", first_status, HUB),
        ("status", b"", HUB),
        ("state", own.seal(body), HUB),
        ("state", intruder.heard["state"][0], HUB),
    ]
    again: list[tuple[Channel, bytes, str]] = [("event", token, HUB) for token in intruder.heard["event"][:5]]
    return attacks + again


TRIALS: tuple[Trial, ...] = (
    Trial(
        "hostile-to-the-centre",
        "S8",
        "Forged, replayed and misaddressed events, status and state change nothing at the centre and are counted",
        10,
        _hostile_to_the_centre,
    ),
)
