"""The messages, as types. JSON Schemas and the AsyncAPI document are made from these.

Unknown fields are ignored, so that either side may be newer. Every message is signed, names whom it
is for (`aud`) and when it was made (`iat`, Unix seconds).
"""

import hashlib
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from rules.actions import Send, SendCheckIn
from rules.events import Mode, ReceiptResult
from rules.reports import REPORTS, TYPE_OF, Clock, FaultNote, Report
from rules.values import utc

PREFIX = "hearthline."
CENTRE = "centre"
"""The audience of everything a hub sends."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time", "pattern": _MOMENT})]
"""UTC, milliseconds, `Z`. Published, but not enforced: no alarm is refused for the way its time is written."""
Nonce = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{8,64}$")]


T = TypeVar("T")


class UnreadableError(Exception):
    """A message does not fit the contract; the text says where."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every message."""

    aud: str
    iat: int


class CloudEvent(Message, frozen=True, kw_only=True):
    """An event on its way to the centre: CloudEvents 1.0, with `data` left raw until its type is known."""

    specversion: Literal["1.0"] = "1.0"
    id: Id
    source: str
    type: str
    time: Moment
    sequence: Annotated[str, msgspec.Meta(pattern="^[0-9]{20}$")]
    datacontenttype: Literal["application/json"] = "application/json"
    data: msgspec.Raw


class Status(Message, frozen=True, kw_only=True):
    """Whether the hub is connected, over one connection: retained, and the will.

    The newest `online` names every connection that lives: its own `nonce`, and `also`. What it does not name has
    ended. A will, or a planned end, ends the connection it names, and the hub is gone when the last has ended.
    `monotonic_ms` is when it was said, since `boot`: one that was overtaken on another connection is void.
    """

    online: bool
    nonce: Nonce
    boot: str
    epoch: str
    also: Annotated[tuple[Nonce, ...], msgspec.Meta(max_length=16)] = ()
    monotonic_ms: int = 0
    reason: str = ""


class SensorNote(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor in the state document."""

    sensor: str
    kind: str
    location: str
    heard: Moment | None
    active: bool


class AlarmNote(msgspec.Struct, frozen=True, kw_only=True):
    """One open alarm in the state document."""

    alarm: str
    kind: str
    priority: int
    stage: str
    delivery: str
    test: bool


class LinkNote(msgspec.Struct, frozen=True, kw_only=True):
    """One uplink in the state document. A `standby` that is not up is well, unless a fault says otherwise."""

    uplink: str
    up: bool
    standby: bool = False


class LaneNote(msgspec.Struct, frozen=True, kw_only=True):
    """One lane of the outbox: the last number given in this epoch, how many wait, and the oldest one's id."""

    last: int
    waiting: int
    oldest: str | None


class State(Message, frozen=True, kw_only=True):
    """What is true at the hub now: retained, so that whoever connects sees it at once.

    `faults` lists the most urgent of `faults_total`. `battery` is in percent; `hours_left` is told while the mains is
    off.
    """

    time: Moment
    clock: Clock
    epoch: str
    software: str
    plan_version: int
    mode: Mode
    sensors: tuple[SensorNote, ...]
    links: tuple[LinkNote, ...]
    alarms: tuple[AlarmNote, ...]
    faults: tuple[FaultNote, ...]
    faults_total: int
    lanes: dict[str, LaneNote]
    counters: dict[str, int]
    power: Literal["unknown", "mains", "battery"] = "unknown"
    battery: int | None = None
    hours_left: float | None = None


class Receipt(Message, frozen=True, kw_only=True):
    """The centre's word on one event: it alone lets the event leave the hub's outbox (S2)."""

    ref: Id
    digest: Digest
    nonce: Nonce
    result: ReceiptResult
    retry_after: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0
    reason: Text = ""


class Command(Message, frozen=True, kw_only=True):
    """What the centre wants done. Never retained; void after `expires` (Unix seconds)."""

    id: Id
    type: Annotated[str, msgspec.Meta(pattern="^[a-z-]{1,40}$")]
    expires: int
    nonce: Nonce
    data: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))


_Tables = dict[str, dict[str, Any]]
_COMPACT_JWE = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){4}$"


class CarePlan(Message, frozen=True, kw_only=True):
    """A care plan for one hub: retained, and taken if it is proven and its version is higher than the one in force.

    The tables are those of the file that people write, in its units and with its keys. A hub refuses a plan whole for a
    key that it does not know, unlike any other message: what a plan says is done, or its author hears why not.
    `private` is encrypted to the hub's key for plans: a compact JWE (ECDH-ES+A256KW, A256GCM) over the JSON of
    `numbers`, by contact, and `texts`, by reference.
    """

    version: Annotated[int, msgspec.Meta(ge=1)]
    language: str = "en"
    time_zone: str = "UTC"
    contact: _Tables = {}
    kind: _Tables = {}
    ladder: _Tables = {}
    night: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    quiet: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    inactivity: tuple[dict[str, Any], ...] = ()
    absence: tuple[dict[str, Any], ...] = ()
    door: tuple[dict[str, Any], ...] = ()
    temperature: tuple[dict[str, Any], ...] = ()
    visit: tuple[dict[str, Any], ...] = ()
    person: _Tables = {}
    reminder: tuple[dict[str, Any], ...] = ()
    information: tuple[dict[str, Any], ...] = ()
    threshold: tuple[dict[str, Any], ...] = ()
    voice: dict[str, Any] = {}
    supervision: dict[str, Any] = {}
    power_cut: dict[str, Any] = {}
    accepted_gaps: tuple[str, ...] = ()
    private: Annotated[str, msgspec.Meta(pattern=_COMPACT_JWE)] | msgspec.UnsetType = msgspec.UNSET


def digest(body: bytes) -> str:
    """Give the SHA-256 of committed bytes, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def encode_event(hub: str, action: Send | SendCheckIn) -> bytes:
    """Write a report as the CloudEvent whose bytes are committed, and never change after."""
    match action:
        case Send():
            ref, epoch, kind = action.id, action.epoch, TYPE_OF[type(action.report)]
            lane: str = action.lane
        case SendCheckIn():
            ref, epoch, lane, kind = action.id, action.id.split("-", 1)[0], "c", "check-in"
    event = CloudEvent(
        aud=CENTRE,
        iat=action.wall_ms // 1000,
        id=ref,
        source=f"/hearthline/v1/{hub}/{epoch}/{lane}",
        type=PREFIX + kind,
        time=utc(action.wall_ms),
        sequence=f"{action.seq:020d}",
        data=msgspec.Raw(msgspec.json.encode(action.report)),
    )
    return msgspec.json.encode(event)


def decode_event(payload: bytes) -> CloudEvent:
    """Read a CloudEvent. Raises UnreadableError."""
    return read(payload, CloudEvent)


def decode_report(event: CloudEvent) -> Report | None:
    """Read an event's `data`; None when its type is not known to this version. Raises UnreadableError."""
    report = REPORTS.get(event.type.removeprefix(PREFIX)) if event.type.startswith(PREFIX) else None
    return None if report is None else read(bytes(event.data), report)


def read(payload: bytes, message: type[T]) -> T:
    """Read JSON as one of the contract's types. Raises UnreadableError, which says where it does not fit."""
    try:
        return msgspec.json.decode(payload, type=message)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnreadableError(f"{message.__name__}: {error}") from None
