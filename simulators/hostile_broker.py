"""A broker in hostile hands: it acknowledges everything, and does with each message what it likes.

Hubs connect to one real Mosquitto and the centre to another, with every certificate in order; all that passes between
the two passes a hand that sees, drops, delays, repeats, reorders, swaps between hubs, truncates, alters and forges.
"""

import asyncio
import contextlib
import random
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire.envelope import CONTENT_TYPE
from agent.wire.topics import ROOT, Channel, hub_of, topic
from sensors.mqtt_link import LinkLostError, MqttLink
from simulators.mosquitto import Mosquitto

FROM_HUBS: tuple[Channel, ...] = ("event", "status", "state")
FROM_CENTRE: tuple[Channel, ...] = ("receipt", "command", "plan")
SEEN_MAX = 100_000
_WINDOW = 16


class Passing(NamedTuple):
    """A message on its way: whose topic, which channel, what it says, and whether it is to be kept."""

    hub: str
    channel: Channel
    payload: bytes
    retain: bool = False


class Later(NamedTuple):
    """A message that goes on, after so long."""

    passing: Passing
    after_s: float = 0.0


Only = Callable[[Passing], bool]
Meddler = Callable[[Passing], Iterable[Later]]
"""What is done with a message that passes: it goes on as it is, otherwise, several times, later, or never."""


def honest(passing: Passing) -> list[Later]:
    """Pass everything on."""
    return [Later(passing)]


def anything(_: Passing) -> bool:
    """Mean every message."""
    return True


def on(*channels: Channel, hub: str = "") -> Only:
    """Mean messages on these channels, of one hub or of all."""
    return lambda passing: passing.channel in channels and hub in ("", passing.hub)


def dropped(only: Only = anything) -> Meddler:
    """Keep messages back; whoever sent them has the broker's word that it has them."""
    return lambda passing: [] if only(passing) else honest(passing)


def delayed(longest_s: float, dice: random.Random, only: Only = anything) -> Meddler:
    """Hold each message up, by chance up to `longest_s`: so they overtake one another, too."""
    return lambda passing: [Later(passing, dice.uniform(0, longest_s) if only(passing) else 0.0)]


def repeated(times: int, every_s: float, only: Only = anything) -> Meddler:
    """Deliver each message so many times more."""
    return lambda passing: [Later(passing, n * every_s) for n in range(times + 1 if only(passing) else 1)]


def truncated(dice: random.Random, only: Only = anything) -> Meddler:
    """Deliver a message without its end, and then as it was: what was cut off is not what decides."""

    def cut(passing: Passing) -> list[Later]:
        if not only(passing) or not passing.payload:
            return honest(passing)
        kept = passing.payload[: dice.randrange(len(passing.payload))]
        return [Later(passing._replace(payload=kept)), Later(passing)]

    return cut


def altered(dice: random.Random, only: Only = anything) -> Meddler:
    """Deliver a message with one bit turned, and then as it was."""

    def turned(passing: Passing) -> list[Later]:
        if not only(passing) or not passing.payload:
            return honest(passing)
        changed = bytearray(passing.payload)
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        return [Later(passing._replace(payload=bytes(changed))), Later(passing)]

    return turned


def swapped(hubs: Mapping[str, str], only: Only = anything) -> Meddler:
    """Deliver each message to another hub, or as another's, besides where it belongs."""

    def both(passing: Passing) -> list[Later]:
        other = hubs.get(passing.hub)
        elsewhere = [Later(passing._replace(hub=other))] if other is not None and only(passing) else []
        return [*elsewhere, Later(passing)]

    return both


def kept(only: Only = anything) -> Meddler:
    """Have what was said once lie there for whoever comes."""
    return lambda passing: [Later(passing._replace(retain=passing.retain or only(passing)))]


def one_after_another(*meddlers: Meddler) -> Meddler:
    """Give each message through all of these hands."""

    def through(passing: Passing) -> list[Later]:
        going = [Later(passing)]
        for meddler in meddlers:
            going = [
                Later(after.passing, before.after_s + after.after_s)
                for before in going
                for after in meddler(before.passing)
            ]
        return going

    return through


class HostileBroker:
    """The hand between `homes`, where hubs connect, and `beyond`, where the centre does.

    `meddle` is what it does with each message now; `seen` is everything it ever saw. `tls` makes a context with which
    it may do anything at both. Entering starts `homes`; `beyond` must run.
    """

    def __init__(self, homes: Mosquitto, beyond: Mosquitto, tls: Callable[[], ssl.SSLContext]) -> None:
        self.homes, self.beyond = homes, beyond
        self.meddle: Meddler = honest
        self.seen: deque[Passing] = deque(maxlen=SEEN_MAX)
        self.passed = 0
        self._tls = tls
        self._links: dict[bool, MqttLink] = {}
        self._going: dict[bool, asyncio.Queue[Passing]] = {True: asyncio.Queue(), False: asyncio.Queue()}
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.homes.start()
        for homeward, broker in ((True, self.homes), (False, self.beyond)):
            link = MqttLink("middle", self._heard, tls=self._tls(), session_expiry_s=0)
            await link.connect("localhost", broker.port)
            self._links[homeward] = link
            self._tasks.append(asyncio.create_task(self._send(link, self._going[homeward])))
        # Retain as published: what a hub or the centre had kept for later is kept on the other side too.
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        for homeward, channels in ((True, FROM_HUBS), (False, FROM_CENTRE)):
            await self._links[homeward].subscribe(*((f"{ROOT}/+/{channel}", options) for channel in channels))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self._links.values():
            await link.close()
        self.homes.stop()

    def say(self, passing: Passing) -> None:
        """Deliver a message that nobody sent, or sent at another time."""
        self._going[passing.channel in FROM_CENTRE].put_nowait(passing)

    def _heard(self, message: MQTTMessage) -> None:
        channel = message.topic.rpartition("/")[2]
        passing = Passing(hub_of(message.topic), channel, bytes(message.payload), message.retain)  # type: ignore[arg-type]
        self.seen.append(passing)
        for later in self.meddle(passing):
            self._after(later.after_s, later.passing)

    def _after(self, seconds: float, passing: Passing) -> None:
        if not seconds:
            self.say(passing)
            return

        def go() -> None:
            self._timers.discard(timer)
            self.say(passing)

        timer = asyncio.get_running_loop().call_later(seconds, go)
        self._timers.add(timer)

    async def _send(self, link: MqttLink, going: "asyncio.Queue[Passing]") -> None:
        """Publish what goes this way, never more at once than the broker takes."""
        places = asyncio.Semaphore(min(link.receive_maximum, _WINDOW))
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ContentType = CONTENT_TYPE
        while True:
            await places.acquire()
            passing = await going.get()
            with contextlib.suppress(LinkLostError):
                name = topic(passing.hub, passing.channel)
                sent = link.publish(name, passing.payload, retain=passing.retain, properties=properties)
                sent.add_done_callback(lambda _: places.release())
                self.passed += 1
