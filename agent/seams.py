"""Where the daemon touches the outside: network, disk, dice, sounds, adapters as a home has them."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.ask import AskServer
from agent.config import HubConfig
from agent.hub import Turned
from agent.outputs import Outputs
from agent.plan.proving import Prove, prove
from agent.power import Supply, SystemSupplies
from agent.pump import BEAT_S
from agent.sms.book import Book
from agent.sms.texting import NoModem, Texting, make_texting
from agent.sound.sink import aplay
from agent.store.carrier import Carrier
from agent.store.opening import Opened, open_store
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Key, Signer, Verifier, read_key
from agent.wire.sealing import require_plan_key
from sensors.mqtt_link import MqttLink
from sensors.registry import DriverType, driver_type


def _signer(config: HubConfig) -> Signer:
    return Signer(read_key(config.keys.hub, HUB_ALGORITHM), HUB_ALGORITHM)


def _verifier(config: HubConfig) -> Verifier:
    return Verifier([read_key(path, CENTRE_ALGORITHM) for path in config.keys.centre], CENTRE_ALGORITHM)


def _plan_key(config: HubConfig) -> Key | None:
    if config.keys.plan is None:
        return None
    key = read_key(config.keys.plan, HUB_ALGORITHM)
    require_plan_key(key, config.keys.plan)
    return key


@dataclass(frozen=True, kw_only=True)
class Seams:
    """The daemon's seams; the clock is the one it has besides. The defaults are production's.

    `dice` gives what must be new or spread: epochs, nonces, pauses. `make_link` and `make_carrier` make what MqttLink
    and Carrier are. `outputs` replaces what the configuration names; `sink` is the command that plays on a
    sound device. `turned` is told of every turn as it is acted on. `book` replaces the care plans' address book.
    `beat_s` is the longest the pump sleeps.
    """

    dice: random.Random = field(default_factory=random.SystemRandom)
    make_link: Callable[..., MqttLink] = MqttLink
    open_store: Callable[[Path], Opened] = open_store
    make_carrier: Callable[..., Carrier] = Carrier
    signer: Callable[[HubConfig], Signer] = _signer
    verifier: Callable[[HubConfig], Verifier] = _verifier
    plan_key: Callable[[HubConfig], Key | None] = _plan_key
    prove: Prove = prove
    carry: Callable[..., Awaitable[Any]] = asyncio.to_thread
    outputs: Callable[[], Outputs] | None = None
    sink: Callable[[str], Sequence[str]] = aplay
    ask_server: Callable[..., AskServer] = AskServer
    driver_type: Callable[[str], DriverType] = driver_type
    pin_factory: Any = None
    make_texting: Callable[..., Texting | NoModem] = make_texting
    book: Book | None = None
    supplies: Callable[[], Awaitable[list[Supply]]] = field(default_factory=SystemSupplies)
    turned: Callable[[Turned], None] = lambda _: None
    beat_s: float = BEAT_S
