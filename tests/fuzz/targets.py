"""What takes bytes from outside, each as a function that raises only when a promise is broken; and bytes to begin with.

A promise: bad input is refused with the one error that is stated for it, or counted and survived; nothing piles up.
"""

import asyncio
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from joserfc.jwk import ECKey, OKPKey

from agent.messages.arrival import Messages
from agent.messages.keeping import Keeping
from agent.plan.reading import PlanError, parse, read_plan
from agent.sms.dialogue import Dialogue
from agent.sms.pdu import PduError, submit
from agent.sms.pdu import read as read_pdu
from agent.sms.sim import PinError
from agent.uplink.inward import Inward
from agent.wire.envelope import CENTRE_ALGORITHM, EnvelopeError, Signer, Verifier
from agent.wire.messages import UnreadableError, decode_event, decode_report
from agent.wire.schema import COMMANDS
from agent.wire.sealing import AddressError, SealError, _encrypt, open_plan
from provisioning.plan.calendar import CalendarError, read_calendar
from rules.engine import step
from rules.events import Commanded, Config, LinkUp, Sensor, Started, Triggered
from rules.replies import read_reply
from rules.state import House
from rules.values import Now
from sensors.frames import PAUSE_MS
from sensors.mr60 import Mr60Decoder
from sensors.mr60fda2 import Mr60Fda2Decoder
from sensors.rfxtrx import RfxtrxDecoder
from sensors.zigbee2mqtt import Zigbee2MqttDecoder
from simulators.world.signing import cheap
from tests.sensors.vectors import FDA2_FALL, FDA2_PRESENCE, MR60_FALL, MR60_PRESENCE, RFXTRX
from tests.support.house import ROOT

SEEN_MAX = 4_096
"""More than this from one input of a few KiB, and something is made out of nothing."""


class Target(NamedTuple):
    """One of them: `take` raises when a promise is broken, `seeds` are what it is made for."""

    take: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


_LONDON = ZoneInfo("Europe/London")


# --- what is heard at home -----------------------------------------------------------------------------


def _serial(make: Callable[[], Any], data: bytes) -> None:
    """Bytes of an adapter, in pieces as long as the first one says, then a pause."""
    decoder, at_ms = make(), 0
    size = max(1, data[0] % 64) if data else 1
    for start in range(1, len(data), size):
        assert len(decoder.feed(data[start : start + size], at_ms)) <= SEEN_MAX
        at_ms += 7
    due_ms = decoder.due()
    assert due_ms is None or due_ms <= at_ms + PAUSE_MS
    decoder.settle(at_ms + PAUSE_MS)
    assert decoder.due() is None, "after a pause nothing waits"


def _whole(*frames: bytes) -> tuple[bytes, ...]:
    return tuple(b"\x3f" + frame for frame in frames)


def _zigbee(data: bytes) -> None:
    topic, _, payload = data.partition(b"\n")
    for kept in (False, True):
        seen = Zigbee2MqttDecoder().feed(topic.decode(errors="replace"), payload, kept=kept, at_ms=0)
        assert len(seen) <= SEEN_MAX


# --- what comes from the centre and from contacts --------------------------------------------------------

_SIGNS = cheap()
_CENTRE = OKPKey.generate_key("Ed25519")
_VERIFIER = Verifier([_CENTRE], CENTRE_ALGORITHM)
_AT = Now(0, 1_000_000_000, synced=True)


def _envelope(data: bytes) -> None:
    try:
        opened = _VERIFIER.open(data)
    except EnvelopeError:
        return
    assert opened == b"{}", "nobody signed this"


def _signed(data: bytes) -> None:
    """What the centre itself signed: only what it says is judged."""
    inward = Inward("hub-1", _SIGNS.centre_verifier)
    token = _SIGNS.centre.seal(data)
    taken = [
        inward.receipt(token, _AT, frozenset({"nonce"}), retained=False),
        inward.command(token, _AT, frozenset({"nonce"}), retained=False),
    ]
    assert sum(inward.refused.values()) == taken.count(None)


def _house() -> House:
    """A house with an alarm of each sort open, and a line."""
    sensors = (Sensor("pendant-1", "pendant", "worn"), Sensor("smoke-1", "smoke", "hall"))
    house, ms = House(), 1_000
    for event in (
        Started("boot", "e1", Config(hub="hub-1", sensors=sensors)),
        LinkUp("main"),
        Triggered("smoke-1"),
        Triggered("pendant-1"),
    ):
        house, _ = step(house, Now(ms, ms), event)
        ms += 1_000
    return house


_HOUSE = _house()


def _command(data: bytes) -> None:
    """A command's `data`, to a house with open alarms: done or refused, and never the rules' own failure."""
    for kind in COMMANDS:
        body = data.decode(errors="replace")
        house, actions = step(_HOUSE, Now(9_000, 9_000), Commanded("c1", kind, body))
        assert not any(fault.fault == "engine" for fault in house.faults), kind
        assert actions, "somebody must hear of it"


def _plan(data: bytes, *, json: bool) -> None:
    """A care plan as a file: read, or refused without a word of what may be a telephone number (S11)."""
    try:
        told = repr(read_plan(parse(data, "plan", json=json)))
    except PlanError as error:
        told = str(error)
    assert b"447700900" not in told.encode(errors="replace")


def _calendar(data: bytes) -> None:
    """A calendar that somebody was sent: refused, or taken as tables that a plan takes."""
    try:
        found = read_calendar(data, _LONDON, date(2026, 11, 22), "mrs-a")
    except CalendarError:
        return
    read_plan({"person": {"mrs-a": {}}, "reminder": list(found.reminders), "private": {"texts": found.texts}})


def _sealed_plan(data: bytes) -> None:
    """What the centre itself signed, on the plan's topic."""
    try:
        document = open_plan(_SIGNS.centre.seal(data), "hub-1", _SIGNS.centre_verifier, None)
        read_plan(document)
    except (EnvelopeError, AddressError, SealError, PlanError):
        return


def _event(data: bytes) -> None:
    """What a centre reads of a hub."""
    try:
        decode_report(decode_event(data))
    except UnreadableError:
        return


def _reply(data: bytes) -> None:
    read = read_reply(data.decode(errors="replace"))
    assert read is None or (0 <= read[0] <= 99 and 0 <= read[1] <= 99)


# --- what comes from the modem -----------------------------------------------------------------------------


def _pdu(data: bytes) -> None:
    try:
        read_pdu(data.decode(errors="replace"))
    except PduError:
        return


class _NoPins:
    """A SIM that wants no PIN."""

    def offer(self) -> str:
        raise PinError("this SIM has none")

    def accepted(self) -> None:
        raise AssertionError("none was offered")


def _modem(data: bytes) -> None:
    """What a modem says, in pieces, while the hub has nothing to send."""
    dialogue, at_ms = Dialogue(_NoPins(), lambda: None, {}), 0
    dialogue.start(at_ms)
    size = max(1, data[0] % 64) if data else 1
    for start in range(1, len(data), size):
        at_ms += 50
        assert len(dialogue.feed(data[start : start + size], at_ms)) <= SEEN_MAX
    dialogue.settle(at_ms + 60_000)


_RECEIPT = {
    "aud": "hub-1",
    "iat": 1_000_000,
    "ref": "e1-a-1",
    "digest": "0" * 64,
    "nonce": "nonce",
    "result": "retry",
    "retry_after": 30,
}
_COMMAND = {
    "aud": "hub-1",
    "iat": 1_000_000,
    "id": "c1",
    "type": "resolve",
    "expires": 1_000_060,
    "nonce": "nonce",
    "data": {"alarm": "e1-alarm-1", "outcome": "fine"},
}
_HUB_KEY = ECKey.generate_key("P-256")


async def _unwritten(*_: object) -> None:
    """Keep nothing: the disk is another's matter."""


_MESSAGES = Messages(
    Keeping(Path()), _HUB_KEY, house=House, put=lambda _: True, text={"dinner": ""}.get, carry=_unwritten
)


def _message(data: bytes) -> None:
    """A `say` command as it came, and with these bytes sealed in it: nothing of it goes on to the rules (S11)."""
    bodies = data.decode(errors="replace"), msgspec.json.encode({"sealed": _encrypt(data, _HUB_KEY)}).decode()
    for body in bodies:
        opened = asyncio.run(_MESSAGES._opened(Commanded("c1", "say", body)))
        assert len(opened.body) + len(opened.refused) <= SEEN_MAX
        assert opened.body == "{}" if opened.refused else set(msgspec.json.decode(opened.body)) <= _OF_A_MESSAGE


_OF_A_MESSAGE = {"text", "sealed", "person", "hours"}
_BODIES: tuple[dict[str, object], ...] = (
    {"alarm": "e1-alarm-1", "outcome": "fine"},
    {"mode": "away"},
    {"epoch": "e1", "lane": "a", "from": 1, "to": 9},
    {},
)


_DELIVER = b"07916407058099F9040B916407950303F100008921222140140004D4E2940A"


def _json(*values: object) -> tuple[bytes, ...]:
    return tuple(msgspec.json.encode(value) for value in values)


_PLANS = tuple(path.read_bytes() for path in sorted((ROOT / "provisioning" / "examples").glob("*.toml")))

_CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:1\r
SUMMARY:Day centre\r
DTSTART;TZID=Europe/London:20261201T103000\r
RRULE:FREQ=WEEKLY;UNTIL=20271231T103000Z;BYDAY=TU,TH\r
EXDATE;TZID=Europe/London:20261224T103000,20261231T103000\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:1\r
SUMMARY:Day centre\\, moved\r
RECURRENCE-ID;RANGE=THISANDFUTURE:20261208T103000Z\r
DTSTART;VALUE=DATE:20261209\r
STATUS:CONFIRMED\r
END:VEVENT\r
END:VCALENDAR\r
"""
_CALENDARS = (_CALENDAR, _CALENDAR.replace(b"WEEKLY", b"MONTHLY").replace(b"TU,TH", b"-1TU;BYHOUR=10"))

TARGETS: Mapping[str, Target] = {
    "rfxtrx": Target(partial(_serial, RfxtrxDecoder), _whole(*(bytes.fromhex(each[0]) for each in RFXTRX.values()))),
    "mr60": Target(partial(_serial, Mr60Decoder), _whole(MR60_FALL, MR60_PRESENCE)),
    "mr60fda2": Target(partial(_serial, Mr60Fda2Decoder), _whole(FDA2_FALL, FDA2_PRESENCE)),
    "zigbee2mqtt": Target(
        _zigbee,
        (
            b'zigbee2mqtt/kitchen\n{"battery":100,"battery_low":false,"tamper":false,"water_leak":true}',
            b'zigbee2mqtt/button\n{"action":"emergency","battery":null}',
            b"zigbee2mqtt/button/action\nemergency",
            b'zigbee2mqtt/hall/availability\n{"state":"offline"}',
            b'zigbee2mqtt/bridge/state\n{"state":"online"}',
        ),
    ),
    "envelope": Target(_envelope, (Signer(_CENTRE, CENTRE_ALGORITHM).seal(b"{}"),)),
    "signed": Target(_signed, _json(_RECEIPT, _COMMAND)),
    "message": Target(_message, _json({"text": "dinner", "hours": 3}, {"text": "Dinner is ready.", "language": "en"})),
    "command": Target(_command, _json(*_BODIES)),
    "plan-toml": Target(partial(_plan, json=False), _PLANS),
    "plan-json": Target(partial(_plan, json=True), _json(*(tomllib.loads(each.decode()) for each in _PLANS))),
    "calendar": Target(_calendar, _CALENDARS),
    "plan-sealed": Target(_sealed_plan, _json({"aud": "hub-1", "iat": 1, "version": 3, "language": "en"}, _RECEIPT)),
    "event": Target(
        _event,
        _json(
            {
                "aud": "hearthline-centre",
                "iat": 1,
                "specversion": "1.0",
                "id": "e1-a-1",
                "source": "/hearthline/v1/hub-1/e1/a",
                "type": "hearthline.command.done",
                "time": "2026-11-22T00:00:00.000Z",
                "sequence": f"{1:020d}",
                "data": {"command": "c1", "type": "locate"},
            }
        ),
    ),
    "pdu": Target(_pdu, (submit("+447700900112", "1 42").hex.encode(), _DELIVER)),
    "modem": Target(_modem, (b"\x3f\r\nOK\r\n\r\n+CPIN: READY\r\n\r\nOK\r\n\r\n+CREG: 0,1\r\n\r\nOK\r\n",)),
    "reply": Target(_reply, (b"1 42", b"1, 42 Danke!")),
}
"""Every one there is, by the name that `make fuzz` takes."""
