"""What comes from outside is hostile: whatever the centre did not mean changes nothing at the hub, and is counted."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from agent.clock import SystemClock
from agent.uplink.inward import FRESH_S
from agent.wire.envelope import CENTRE_ALGORITHM, Signer, read_key
from agent.wire.messages import Command, Receipt
from agent.wire.topics import Channel
from simulators.rig import HUB, Rig
from simulators.trials.accounts import settle
from simulators.trials.hostile.intruder import JUNK, UNREADABLE, Intruder, forgeries
from simulators.trials.line.home import Home, home
from simulators.trials.trial import Figures, Round, Trial, Violation

RESENT_S = 31.0
STEADY_S = 1.2
_OTHER = "hub-of-somebody"
_ANY_COUNTER = "refused "
_MOVING = frozenset({"counters", "started", "uptime_s", "for_s", "age_s", "heard_s", "clock", "pressed", "sent"})
"""What a status says differently every time: ages, and moments reckoned from them to the millisecond."""


class Attack(NamedTuple):
    """A message that must change nothing, and the counter that must tell of it; none if the broker keeps it."""

    name: str
    channel: Channel
    payload: bytes
    counter: str
    retain: bool = False


class Target(NamedTuple):
    """The alarm that waits, and what an intruder can know of it."""

    ref: str
    alarm: str
    digest: str
    nonce: str


class Arsenal:
    """Makes attacks on a waiting alarm. `signer` is the centre's own: for what it signed for others, or long ago."""

    def __init__(self, rig: Rig, target: Target, genuine: dict[Channel, bytes], *, synced: bool) -> None:
        self._rig, self._target, self._genuine, self._synced = rig, target, genuine, synced
        self._signer = Signer(read_key(rig.keys.centre, CENTRE_ALGORITHM), CENTRE_ALGORITHM)
        self._at_s = SystemClock().now().wall_ms // 1000
        self._given = 0

    def receipt(self) -> Receipt:
        """Give the very receipt that the hub waits for."""
        target = self._target
        return Receipt(
            aud=HUB, iat=self._at_s, ref=target.ref, digest=target.digest, nonce=target.nonce, result="accepted"
        )

    def command(self) -> Command:
        """Give a command, each time a new one, that would take the alarm off the centre's screen."""
        self._given += 1
        data = msgspec.Raw(msgspec.json.encode({"alarm": self._target.alarm}))
        return Command(
            aud=HUB,
            iat=self._at_s,
            id=f"hostile-{self._given}",
            type="resolve",
            expires=self._at_s + 600,
            nonce=self._target.nonce,
            data=data,
        )

    def seal(self, message: Receipt | Command | bytes) -> bytes:
        """Sign as the centre does."""
        return self._signer.seal(message if isinstance(message, bytes) else msgspec.json.encode(message))

    def all(self) -> Iterator[Attack]:
        """Give every attack there is."""
        channels: tuple[tuple[Channel, Receipt | Command], ...] = (
            ("receipt", self.receipt()),
            ("command", self.command()),
        )
        for channel, wanted in channels:
            yield from self._unproven(channel, wanted)
            yield from self._meant_for_others(channel, wanted)
            for name, payload in UNREADABLE.items():
                yield self._refused(channel, f"signed, {name}", self.seal(payload), "not of the contract")
        yield from self._wrong_receipts()
        yield from self._wrong_commands()

    def _unproven(self, channel: Channel, wanted: Receipt | Command) -> Iterator[Attack]:
        forged = forgeries(self._rig, msgspec.json.encode(wanted), self._genuine[channel])
        for name, payload in (forged | JUNK).items():
            yield Attack(name, channel, payload, f"{_ANY_COUNTER}{channel}: ")
        yield Attack("more than the line may carry", channel, b"x" * 200_000, "")

    def _meant_for_others(self, channel: Channel, wanted: Receipt | Command) -> Iterator[Attack]:
        past = {"nonce": "an-older-connection", "iat": self._at_s - FRESH_S - 60}
        future = past | {"iat": self._at_s + FRESH_S + 60}
        yield self._refused(channel, "for another hub", self.seal(replace(wanted, aud=_OTHER)), "for another hub")
        yield self._refused(channel, "for every hub", self.seal(replace(wanted, aud="*")), "for another hub")
        yield self._refused(channel, "of last week", self.seal(replace(wanted, **past)), "not fresh")
        yield self._refused(channel, "of tomorrow", self.seal(replace(wanted, **future)), "not fresh")
        yield Attack("retained", channel, self.seal(wanted), f"{_ANY_COUNTER}{channel}: retained", retain=True)
        yield Attack("retained nothing", channel, b"", f"{_ANY_COUNTER}{channel}: retained", retain=True)

    def _wrong_receipts(self) -> Iterator[Attack]:
        wanted = self.receipt()
        yield self._refused("receipt", "for other content", self.seal(replace(wanted, digest="0" * 64)))
        nothing = "main: receipts for nothing that waits"
        for ref in ("0000000000-a-1", "0000000000-c-1", f"{wanted.ref}0", "x"):
            yield Attack(f"for {ref}", "receipt", self.seal(replace(wanted, ref=ref)), nothing)
        wrong: dict[str, dict[str, Any]] = {
            "an unknown result": {"result": "fine"},
            "no digest": {"digest": "short"},
            "a reason without end": {"reason": "x" * 600},
            "never again": {"result": "retry", "retry_after": 1e9},
            "again before now": {"result": "retry", "retry_after": -1},
        }
        for name, changes in wrong.items():
            payload = self.seal(replace(wanted, **changes))
            yield self._refused("receipt", name, payload, "not of the contract")

    def _wrong_commands(self) -> Iterator[Attack]:
        wanted = self.command()
        if self._synced:  # without a clock nobody can tell: the nonce decides
            expired = replace(wanted, expires=self._at_s - 1)
            yield self._refused("command", "expired", self.seal(expired), "expired")
        for name, kind in (("no name of a command", "Resolve!"), ("no command", "")):
            yield self._refused("command", name, self.seal(replace(wanted, type=kind)), "not of the contract")

    def _refused(self, channel: Channel, name: str, payload: bytes, reason: str = "") -> Attack:
        return Attack(name, channel, payload, f"{_ANY_COUNTER}{channel}: {reason or name}")


def at_rest(status: Any) -> Any:  # noqa: ANN401 -- JSON
    """Give what a status says, without what moves by itself."""
    if isinstance(status, dict):
        return {name: at_rest(value) for name, value in status.items() if name not in _MOVING}
    return [at_rest(each) for each in status] if isinstance(status, list) else status


async def steady(rig: Rig) -> dict[str, Any]:
    """Wait until the hub says the same for a while (it recounts its outbox once a second), and give it."""
    before = await rig.status()
    while True:
        await asyncio.sleep(STEADY_S)
        now = await rig.status()
        if at_rest(now) == at_rest(before):
            return now
        before = now


def counted(status: dict[str, Any], prefix: str) -> int:
    """Add up the counters whose names begin so."""
    return sum(count for name, count in status["counters"].items() if name.startswith(prefix))


async def strike(it: Home, intruder: Intruder, attack: Attack, figures: Figures) -> None:
    """Make one attack, and see that it is counted, once. What the broker keeps must not be."""
    before = await it.rig.status()
    await intruder.say(attack.channel, attack.payload, retain=attack.retain)
    figures.count("hostile messages")
    if not attack.counter:
        return
    wanted = counted(before, attack.counter) + 1
    try:
        await it.rig.until_status(lambda status: counted(status, attack.counter) >= wanted, 5)
    except TimeoutError:
        after = (await it.rig.status())["counters"]
        raise Violation(f"S8: {attack.channel} {attack.name!r} is not counted as {attack.counter!r}: {after}") from None


@asynccontextmanager
async def besieged(this: Round, *, synced: bool) -> Any:  # noqa: ANN401 -- a home and its intruder
    """Set up a home with an intruder at its broker; with `synced` its clock is vouched for."""

    async def vouch(it: Home) -> None:
        it.rig.hub.through = ("-m", "simulators.trials.hostile.vouched") if synced else it.rig.hub.through

    async with home(this.folder, begin=vouch) as it, Intruder(it.rig) as intruder:
        yield it, intruder


async def _hostile(this: Round) -> Figures:
    """Attack a hub with a waiting alarm in every way; every second round its clock is trusted."""
    dice, figures = random.Random(this.seed), Figures()
    synced = this.number % 2 == 1
    async with besieged(this, synced=synced) as (it, intruder):
        genuine = await _record(it, intruder)
        it.rig.centre.faults.silent = True
        sensor = it.press()
        raised = await intruder.event("alarm.raised", count=2)
        alarm = msgspec.json.decode(raised.data)["alarm"]
        await it.noticed(sensor)
        target = Target(raised.id, alarm, intruder.digest_of(raised.id), it.nonce())
        arsenal = Arsenal(it.rig, target, {channel: genuine[channel][-1] for channel in genuine}, synced=synced)
        attacks = [*arsenal.all(), *_replays(genuine, intruder, earlier=False, synced=synced)]
        await _attack(it, intruder, dice.sample(attacks, len(attacks)), figures)
        await _attack_while_away(it, intruder, arsenal, figures)
        await _attack(it, intruder, _replays(genuine, intruder, earlier=True, synced=synced), figures)
        sent = intruder.times_heard(raised.id)
        it.rig.centre.faults.silent = False
        await it.received(sensor, RESENT_S)
        if intruder.times_heard(raised.id) <= sent or sent < 2:  # noqa: PLR2004 -- at first, and on the new connection
            raise Violation("S3: the alarm was not sent again while it was attacked")
        figures.count("alarms that waited on, and were receipted by the centre alone")
        await settle(it.rig, figures)
    return figures


async def _record(it: Home, intruder: Intruder) -> dict[Channel, list[bytes]]:
    """Let an alarm take its course, and give what the centre said on the way."""
    sensor = it.press()
    raised = await it.rig.event("alarm.raised")
    await it.received(sensor)
    it.rig.centre.acknowledge(raised.alarm)
    await it.rig.event("alarm.acknowledged")
    it.rig.centre.resolve(raised.alarm)
    await it.rig.event("alarm.resolved")
    await it.rig.event("command.done", count=2)
    await it.rig.settled()
    return {"receipt": list(intruder.heard["receipt"]), "command": list(intruder.heard["command"])}


def _replays(genuine: dict[Channel, list[bytes]], intruder: Intruder, *, earlier: bool, synced: bool) -> list[Attack]:
    """Give what the centre said before, again; without a trusted clock an earlier connection's is not even read."""
    stale = earlier and not synced
    known: dict[Channel, str] = {
        "receipt": "main: receipts for nothing that waits",
        "command": "main: commands heard again",
    }
    attacks = [
        Attack("replayed", channel, token, f"{_ANY_COUNTER}{channel}: not fresh" if stale else known[channel])
        for channel, tokens in genuine.items()
        for token in tokens[-10:]
    ]
    unknown = "signed by an unknown key"
    mirrored: tuple[Channel, ...] = ("receipt", "command")
    return attacks + [
        Attack("the hub's own words", channel, intruder.heard[said][-1], f"{_ANY_COUNTER}{channel}: {unknown}")
        for channel in mirrored
        for said in ("event", "status", "state")
    ]


async def _attack(it: Home, intruder: Intruder, attacks: list[Attack], figures: Figures) -> None:
    """Attack, and see that nothing changed but counters."""
    before = await steady(it.rig)
    for attack in attacks:
        await strike(it, intruder, attack, figures)
    after = await it.rig.status()
    was, now = at_rest(before), at_rest(after)
    if changed := [f"{name}: {was[name]} became {now[name]}" for name in was if now[name] != was[name]]:
        raise Violation(f"S8: hostile messages changed the hub: {'; '.join(changed)}")
    made = sum(bool(attack.counter) for attack in attacks)
    told = sum(after["counters"].values()) - sum(before["counters"].values())
    if told != made:
        raise Violation(f"S8: {made} hostile messages were counted as {told}")


async def _attack_while_away(it: Home, intruder: Intruder, arsenal: Arsenal, figures: Figures) -> None:
    """Leave retained messages, as true as can be, for a hub that is away: its session keeps them for it."""
    mark, nonce = len(it.rig.centre.timeline), it.nonce()
    it.line.cut()
    await it.rig.until_status(lambda status: not status["links"][0]["up"])
    for channel, message in (("receipt", arsenal.receipt()), ("command", arsenal.command())):
        await intruder.say(channel, arsenal.seal(message), retain=True)  # type: ignore[arg-type]
        figures.count("hostile messages")
    before = await it.rig.status()
    it.line.forward()
    await it.rig.online(after=mark)
    names = [f"{_ANY_COUNTER}{channel}: retained" for channel in ("receipt", "command")]
    await it.rig.until_status(lambda status: all(counted(status, name) > counted(before, name) for name in names))
    status = await it.rig.status()
    waiting = [alarm["delivery"] for alarm in status["alarms"]]
    if waiting != ["waiting"] or it.nonce() == nonce:
        raise Violation(f"S8: what was retained changed the hub: its alarms are {status['alarms']}")


TRIALS: tuple[Trial, ...] = (
    Trial(
        "hostile",
        "S2 S3 S8 S12",
        "Forged, replayed, misaddressed, stale, retained and senseless messages change nothing and are counted",
        20,
        _hostile,
    ),
)
