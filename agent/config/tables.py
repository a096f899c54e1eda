"""What `hub.toml` may say, as types: every table of the file, and the whole configuration made of them."""

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agent.ask import DEFAULT_SOCKET
from agent.pins import FactoryName
from agent.wire.topics import HUB_ID
from rules.kinds import Kind
from sensors.options import Options

_REFERENCE = r"^[a-z0-9-]{1,40}\Z"
_REFERENCE_WORDS = "a reference of 1 to 40 of a-z, 0-9 and -, never a name"

HubId = Annotated[
    str, Meta(pattern=rf"^{HUB_ID.pattern}\Z", description="a pseudonym of 3 to 40 of a-z, 0-9 and -, such as hub-3f9a")
]
Name = Annotated[str, Meta(pattern=_REFERENCE, description="1 to 40 of a-z, 0-9 and -")]
Reference = Annotated[str, Meta(pattern=_REFERENCE, description=_REFERENCE_WORDS, extra={"private": True})]  # S11
Person = Annotated[
    str, Meta(pattern=r"^[a-z0-9-]{0,40}\Z", description=_REFERENCE_WORDS, extra={"private": True})
]  # S11
Host = Annotated[str, Meta(pattern=r"^[^\s/]{1,253}\Z", description="a host name or an address")]
Ip = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]{2,45}\Z", description="an IP address")]
Interface = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,15}\Z", description="a network interface of 1 to 15 characters, as wwan0")
]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Address = Annotated[str, Meta(min_length=1, max_length=200, description="the device's address, 1 to 200 characters")]
Pin = Annotated[int, Meta(ge=2, le=27, description="a Broadcom (BCM) pin number from 2 to 27")]
Baud = Annotated[int, Meta(ge=9_600, le=3_000_000, description="a speed from 9600 to 3000000 baud")]
Silence = (
    Annotated[int, Meta(ge=60, le=604_800, description="seconds from 60 to 604800 (a week)")] | Literal["never"] | None
)
Device = Annotated[
    str, Meta(pattern=r"^[^\s-][^\s]{0,99}\Z", description='a sound device as aplay -L names it, such as "default"')
]
Volume = Annotated[int, Meta(ge=10, le=100, description="percent from 10 to 100")]
CancelSeconds = Annotated[int, Meta(ge=0, le=300, description="seconds from 0 to 300")]
Priority = Annotated[int, Meta(ge=1, le=4, description="a priority from 1 (life) to 4 (housekeeping)")]


ButtonName = Literal["call", "cancel", "arrived", "answer"]


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """`hub`: our private key (PKCS#8 PEM, P-256). `centre`: its public keys (PEM, Ed25519), one or two at once.

    `plan`: the private key that opens what a care plan keeps from others (PKCS#8 PEM, P-256, not the same as `hub`).
    """

    hub: Path
    centre: Annotated[tuple[Path, ...], Meta(min_length=1, max_length=2, description="a list of one or two paths")]
    plan: Path | None = None


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """A way to the response centre's broker. The three files go together; only a loopback broker does without.

    `interface` is the only network interface it may go by; `host` is then an IP address, or `address` is given beside
    it: no name server is asked. A `standby` is kept closed until it is wanted; the first uplink never is one.
    """

    name: Name
    host: Host
    address: Ip | None = None
    port: Port = 8883
    interface: Interface | None = None
    standby: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class OutputPins(msgspec.Struct, frozen=True, kw_only=True):
    """Broadcom pin numbers of lights (`call`, `arrived`, `someone`, `fault`), `siren` and `sounder`; each optional.

    `beacon` and `relay` are what a care plan's ladder may switch: a flashing light, a door's release. `prompt` is lit
    while a reminder or a message waits; `alert` tells the stages of a call to who does not hear, by a lamp or a pad.
    """

    call: Pin | None = None
    arrived: Pin | None = None
    someone: Pin | None = None
    fault: Pin | None = None
    siren: Pin | None = None
    sounder: Pin | None = None
    beacon: Pin | None = None
    relay: Pin | None = None
    prompt: Pin | None = None
    alert: Pin | None = None

    @property
    def by_part(self) -> dict[str, int]:
        """The pins there are, by part."""
        return {part: pin for part in self.__struct_fields__ if (pin := getattr(self, part)) is not None}


class Buttons(msgspec.Struct, frozen=True, kw_only=True):
    """Broadcom pin numbers of the hub's own buttons; each optional. `arrived` is held.

    `answer` answers reminders and messages, as `cancel` does besides: pressed "yes", held "later".
    """

    call: Pin | None = None
    cancel: Pin | None = None
    arrived: Pin | None = None
    answer: Pin | None = None

    @property
    def by_name(self) -> dict[ButtonName, int]:
        """The buttons there are."""
        pins: dict[ButtonName, int | None] = {
            "call": self.call,
            "cancel": self.cancel,
            "arrived": self.arrived,
            "answer": self.answer,
        }
        return {name: pin for name, pin in pins.items() if pin is not None}


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    """A loudspeaker: ALSA's name of the `device`, such as `default` or `plughw:CARD=Headphones`.

    Calls are as loud as `volume_max`, in percent: where this box begins to distort. A care plan's volumes are kept
    within it and `volume_min`.
    """

    device: Device
    volume_max: Volume = 100
    volume_min: Volume = 20


class SensorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A sensor: heard by `driver` at `address`. `silent_after_s` overrides what the driver's type says."""

    id: Reference
    driver: Name
    address: Address
    kind: str
    location: Reference
    person: Person = ""
    silent_after_s: Silence = None


class Driver(msgspec.Struct, frozen=True):
    """A configured driver: its name in this file, its type in `sensors.registry`, and that type's options."""

    name: str
    type: str
    options: Options


class ModemConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The 4G modem that texts go by: its AT port (a SIM7600's is its third), and the file that holds the SIM's PIN."""

    port: Path
    baud: Baud = 115_200
    pin_file: Path | None = None


class HubConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration, checked. `outputs` is None for `outputs = "log"`, `pins` where no pin is used."""

    path: Path
    hub: str
    state_dir: Path
    socket: Path
    outputs: OutputPins | None
    keys: Keys
    uplinks: tuple[Uplink, ...]
    pins: FactoryName | None
    buttons: Buttons
    drivers: tuple[Driver, ...]
    sensors: tuple[SensorConfig, ...]
    kinds: tuple[Kind, ...]
    modem: ModemConfig | None = None
    sound: Sound | None = None

    def driver(self, name: str) -> Driver:
        """Give a configured driver; a sensor's always is."""
        return next(driver for driver in self.drivers if driver.name == name)


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The file's first level; its tables are read one by one, so that all their problems are found."""

    hub: HubId
    state_dir: Path = Path("/var/lib/hearthline")
    socket: Path = DEFAULT_SOCKET
    outputs: Annotated[Any, Meta(description='"log" or a table [outputs]')]
    keys: Annotated[Any, Meta(description="a table [keys]")]
    uplink: Annotated[Any, Meta(description="at least one table [[uplink]]")]
    pins: Any = None
    buttons: Any = msgspec.field(default_factory=dict)
    driver: Any = msgspec.field(default_factory=dict)
    sensor: Any = msgspec.field(default_factory=list)
    kind: Any = msgspec.field(default_factory=dict)
    modem: Any = None
    sound: Any = None


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """How pins are reached: `mock` pretends, for tests and simulators."""

    factory: FactoryName


class KindRule(msgspec.Struct, frozen=True, kw_only=True):
    """What is different from the kind's default."""

    cancel_s: CancelSeconds | None = None
    priority: Priority | None = None
    silent: bool | None = None
