"""How a home is, at a glance: from what the registry, the hub and the watch say of it. Pure."""

from datetime import datetime
from typing import Literal

from agent.wire.messages import State
from centre.homes import Home
from centre.silence.seen import Seen, Standing
from centre.silence.troubles import Trouble
from centre.site.registry import HubRecord
from rules.values import Value

Mark = Literal["silent", "unwell", "notes", "unheard", "awaited", "lapsed", "well", "left", "revoked"]
"""What stands before a home's name; in the order of urgency."""

MARKS: dict[Mark, str] = {
    "silent": "Silent",
    "unwell": "Needs somebody today",
    "notes": "Something to see to",
    "unheard": "Never heard of",
    "awaited": "Waiting for its box",
    "lapsed": "Its code has ended",
    "well": "Well",
    "left": "Has left",
    "revoked": "Shut out",
}

ORDER: tuple[Mark, ...] = tuple(MARKS)

TODAY_PRIORITY = 2
"""Faults of this priority or a more urgent one make a home `unwell`."""

LINE_MS = 90_000
"""A home whose line is gone for less long may be back before anybody has read this."""


class Known(Value, frozen=True, kw_only=True):
    """All that there is about one home, each None where nobody has said anything."""

    hub: str
    record: HubRecord | None = None
    home: Home | None = None
    seen: Seen | None = None
    troubles: tuple[Trouble, ...] = ()
    left_ms: int | None = None


class Glance(Value, frozen=True, kw_only=True):
    """A home's line in a list. `since_ms`: since when it is so. `heard_ms`: its last sign of life."""

    hub: str
    mark: Mark
    words: str
    online: bool = False
    since_ms: int | None = None
    heard_ms: int | None = None
    faults: tuple[Standing, ...] = ()
    alarms: int = 0


def glance(known: Known, now_ms: int) -> Glance:
    """Say how a home is."""
    seen = known.seen
    faults = tuple(sorted(seen.faults, key=lambda each: (each.priority, each.known_ms))) if seen else ()
    mark, since_ms = _mark(known, faults, now_ms)
    return Glance(
        hub=known.hub,
        mark=mark,
        words=MARKS[mark],
        online=online(known),
        since_ms=since_ms,
        heard_ms=heard_ms(known),
        faults=faults,
        alarms=len(seen.alarms) if seen else 0,
    )


def online(known: Known) -> bool:
    """Whether a connection of it lives, and it has checked in over it."""
    if known.seen is not None and known.seen.known:
        return known.seen.online and known.seen.gone_ms is None
    return known.home is not None and known.home.online


def heard_ms(known: Known) -> int | None:
    """Give its last sign of life."""
    told = (known.home.heard_ms if known.home else None, known.seen.last_ms if known.seen else None)
    return max((each for each in told if each is not None), default=None)


def _mark(known: Known, faults: tuple[Standing, ...], now_ms: int) -> tuple[Mark, int | None]:
    record = known.record
    if record is not None and record.state == "revoked":
        return "revoked", record.revoked_ms
    if known.left_ms is not None:
        return "left", known.left_ms
    if record is not None and record.state == "waiting":
        open_still = record.token_ends_ms > now_ms
        return ("awaited", record.issued_ms) if open_still else ("lapsed", record.token_ends_ms or record.issued_ms)
    return _living(known, faults, now_ms)


def _living(known: Known, faults: tuple[Standing, ...], now_ms: int) -> tuple[Mark, int | None]:
    if silent := next((each for each in known.troubles if each.what == "silence" and each.back_ms is None), None):
        return "silent", silent.since_ms
    if not online(known):
        last_ms = known.seen.gone_ms if known.seen and known.seen.gone_ms is not None else heard_ms(known)
        if last_ms is None:
            return "unheard", known.record.enrolled_ms if known.record else None
        if now_ms - last_ms >= LINE_MS:
            return "silent", last_ms
    if not faults:
        return "well", None
    return ("unwell" if faults[0].priority <= TODAY_PRIORITY else "notes"), faults[0].known_ms


class SensorLine(Value, frozen=True, kw_only=True):
    """A sensor, with what is wrong with it. `heard_ms` is by the hub's clock; None for never."""

    sensor: str
    kind: str
    location: str
    heard_ms: int | None
    active: bool
    faults: tuple[Standing, ...] = ()


def sensors(state: State, faults: tuple[Standing, ...]) -> tuple[SensorLine, ...]:
    """Give a home's sensors, those that are unwell first."""
    lines = [
        SensorLine(
            sensor=each.sensor,
            kind=each.kind,
            location=each.location,
            heard_ms=moment_ms(each.heard),
            active=each.active,
            faults=tuple(one for one in faults if one.fault.startswith("sensor-") and one.subject == each.sensor),
        )
        for each in state.sensors
    ]
    return tuple(sorted(lines, key=lambda line: (not line.faults, line.location, line.kind, line.sensor)))


LAST_MS = 253_370_764_800_000
"""The year 9999 begins: what is written of later is nobody's moment, and in some time zone no date at all."""


def moment_ms(written: str | None) -> int | None:
    """Read a moment as a hub wrote it; None for one that cannot be."""
    if written is None:
        return None
    try:
        ms = int(datetime.fromisoformat(written).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return ms if 0 < ms < LAST_MS else None
