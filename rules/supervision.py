"""Supervision: every part whose death nobody would notice is watched, and its trouble is a fault (S7)."""

from collections.abc import Mapping
from math import isfinite

from msgspec.structs import replace

from rules.events import (
    CertificateChanged,
    ClockChanged,
    Config,
    DriverFailed,
    DriverRecovered,
    Dropped,
    Heard,
    LinkDown,
    LinkUp,
    Measured,
    PartChanged,
    PlanOffered,
    StorageChanged,
    StoreQuarantined,
    Troubled,
)
from rules.faults import clear_fault, raise_fault, set_fault, standing, tell_again
from rules.links import missing_since_ms
from rules.plan import Supervision
from rules.recall import recalled
from rules.reports import Gap, Reading
from rules.state import Fault, House, Link, SensorLife
from rules.turn import Turn

LINK_GRACE_MS = 120_000
"""How long a line may be down, with no alarm waiting, before that is reported."""

NEAR_DAYS, URGENT_DAYS = 30, 7
"""An uplink's certificate with so few days left is a fault, and then an urgent one: expired, nothing would leave.

At most a quarter and a tenth of its life: one that is made for weeks is renewed with fewer days left.
"""

UNRENEWED_DAYS = 7
"""Renewing that fails for so long is a fault: that is no bad day any more, and most of the margin is left."""

_TROUBLE_PRIORITY = {"tamper": 3, "battery-low": 4, "unavailable": 3}


def on_link_up(turn: Turn, event: LinkUp) -> None:
    """A line came up."""
    _put_link(turn, Link(name=event.uplink, up=True, since_ms=turn.now.ms))
    if turn.house.standby(event.uplink) is None:  # a standby must prove itself: see `links.on_receipted`
        clear_fault(turn, "link", event.uplink)


def on_link_down(turn: Turn, event: LinkDown) -> None:
    """A line went down, or could not be opened again: the time it has been down goes on counting."""
    known = next((each for each in turn.house.links if each.name == event.uplink), None)
    since_ms = known.since_ms if known is not None and not known.up else turn.now.ms
    _put_link(turn, Link(name=event.uplink, up=False, since_ms=since_ms, reason=event.reason))


def _put_link(turn: Turn, link: Link) -> None:
    links = turn.house.links
    turn.update(
        links=tuple(replace(link, proven_ms=each.proven_ms) if each.name == link.name else each for each in links)
    )


def link_due_ms(house: House) -> int | None:
    """When the next line has been down too long."""
    missing = ((each, missing_since_ms(house, each)) for each in house.links)
    unreported = (since for each, since in missing if since is not None and not standing(house, "link", each.name))
    return min((since_ms + LINK_GRACE_MS for since_ms in unreported), default=None)


def on_link_due(turn: Turn) -> None:
    """Report every line that has been down too long."""
    for link in turn.house.links:
        since_ms = missing_since_ms(turn.house, link)
        if since_ms is not None and since_ms + LINK_GRACE_MS <= turn.now.ms:
            raise_fault(turn, "link", link.name, 2, link.reason or "no line")


def hear(turn: Turn, sensor: str) -> None:
    """Note a sign of life of a sensor."""
    life = turn.house.sensor(sensor)
    turn.put_sensor(replace(life, heard_ms=turn.now.ms, heard_wall_ms=turn.now.wall_ms))
    clear_fault(turn, "sensor-silent", sensor)


def on_heard(turn: Turn, event: Heard) -> None:
    """A sensor lives."""
    if _configured(turn.house, event.sensor):
        hear(turn, event.sensor)


def on_measured(turn: Turn, event: Measured) -> None:
    """A sensor measured something: telemetry, and a sign of life."""
    if _configured(turn.house, event.sensor):
        hear(turn, event.sensor)
        if not isfinite(event.value):
            return  # JSON has no word for it
        turn.send(
            Reading(
                clock=turn.clock,
                sensor=event.sensor,
                quantity=event.quantity,
                value=event.value,
                unit=event.unit,
            )
        )


def on_troubled(turn: Turn, event: Troubled) -> None:
    """A sensor is unwell, or well again. "Unavailable" is a fault, never an alarm."""
    if _configured(turn.house, event.sensor):
        priority = _TROUBLE_PRIORITY[event.trouble]
        set_fault(turn, f"sensor-{event.trouble}", event.sensor, priority, active=event.active)


def _configured(house: House, sensor: str) -> bool:
    return any(each.id == sensor for each in house.config.sensors)


def silences(house: House) -> Mapping[str, int]:
    """Give how long each supervised sensor may be silent: by the care plan, else as configured.

    Home or not, a sensor is heard by its radio; but away mode is for a flat that is shut up, its sensors put away.
    """
    return _limits(house.config, house.plan.supervision)


@recalled
def _limits(config: Config, supervision: Supervision) -> Mapping[str, int]:
    named = {each.sensor: each.after_ms for each in supervision.silences}
    asked = {sensor.id: named.get(sensor.id, sensor.heartbeat_ms) for sensor in config.sensors}
    return {sensor: after_ms for sensor, after_ms in asked.items() if after_ms}


def silence_due_ms(house: House) -> int | None:
    """When the next supervised sensor has been silent too long; in away mode none is."""
    if house.mode == "away":
        return None
    return _silence_due_ms(house.config, house.plan.supervision, house.sensors, house.faults)


@recalled
def _silence_due_ms(
    config: Config, supervision: Supervision, sensors: tuple[SensorLife, ...], faults: tuple[Fault, ...]
) -> int | None:
    heard_ms = {life.sensor: life.heard_ms for life in sensors}
    silent = {fault.subject for fault in faults if fault.fault == "sensor-silent"}
    limits = _limits(config, supervision).items()
    return min((heard_ms.get(name, 0) + limit for name, limit in limits if name not in silent), default=None)


def on_silence_due(turn: Turn) -> None:
    """Report every supervised sensor that has been silent too long."""
    for sensor, after_ms in silences(turn.house).items():
        silent_ms = turn.now.ms - turn.house.sensor(sensor).heard_ms
        if silent_ms >= after_ms:
            raise_fault(turn, "sensor-silent", sensor, 3, f"nothing heard for {silent_ms // 60_000} min")


def on_home_again(turn: Turn) -> None:
    """Away mode ends: what was not watched meanwhile has its whole time again."""
    turn.update(sensors=tuple(replace(life, heard_ms=turn.now.ms) for life in turn.house.sensors))


def on_plan_offered(turn: Turn, _event: PlanOffered) -> None:
    """A plan that allows a sensor more silence, or asks nothing of it any more, ends its fault."""
    limits = silences(turn.house)
    for fault in turn.house.faults:
        if fault.fault == "sensor-silent":
            silent_ms = turn.now.ms - turn.house.sensor(fault.subject).heard_ms
            if silent_ms < limits.get(fault.subject, silent_ms + 1):
                clear_fault(turn, "sensor-silent", fault.subject)


def on_driver_failed(turn: Turn, event: DriverFailed) -> None:
    """A driver hears nothing any more."""
    raise_fault(turn, "driver", event.driver, 2, event.reason)


def on_driver_recovered(turn: Turn, event: DriverRecovered) -> None:
    """A driver hears again."""
    clear_fault(turn, "driver", event.driver)


def on_storage_changed(turn: Turn, event: StorageChanged) -> None:
    """The store fails or stalls: action goes on without it (S1), and somebody must know."""
    set_fault(turn, "storage", "", 1, active=not event.ok, reason=event.reason)


def on_store_quarantined(turn: Turn, event: StoreQuarantined) -> None:
    """The old store was unreadable; each time is told, with what was saved of it."""
    said = f"the old store was unreadable: {event.rescued} messages that still waited in it were saved"
    lost = f", {event.unreadable} were not" if event.unreadable else ""
    clear_fault(turn, "store-quarantined", "")
    raise_fault(turn, "store-quarantined", "", 1, said + lost)


def on_clock_changed(turn: Turn, event: ClockChanged) -> None:
    """The wall clock is trusted, or not any more (S6)."""
    turn.update(synced=event.synced)
    set_fault(turn, "clock", "", 4, active=not event.synced, reason="" if event.synced else "not synchronised")


def on_part_changed(turn: Turn, event: PartChanged) -> None:
    """A part of the hub itself failed or recovered."""
    set_fault(turn, "part", event.part, 2, active=not event.ok, reason=event.reason)


def on_certificate_changed(turn: Turn, event: CertificateChanged) -> None:
    """Warn while there is time to make a new certificate, and once more when there hardly is.

    Renewing begins with months left: that it fails is told long before the days run out.
    """
    fails = event.unrenewed_days >= UNRENEWED_DAYS
    if event.days_left > min(NEAR_DAYS, event.valid_days // 4) and not fails:
        clear_fault(turn, "certificate", event.subject)
        return
    priority = 1 if event.days_left <= min(URGENT_DAYS, event.valid_days // 10) else 3
    said = f"expired {-event.days_left} days ago" if event.days_left < 0 else f"{event.days_left} days left"
    if fails:
        said += f", not renewed for {event.unrenewed_days} days: {event.why}"
    known = standing(turn.house, "certificate", event.subject)
    if known is not None and known.priority > priority:
        tell_again(turn, known, priority=priority, reason=said)
    else:
        raise_fault(turn, "certificate", event.subject, priority, said)


def on_dropped(turn: Turn, event: Dropped) -> None:
    """S12: what is dropped is named."""
    turn.send(
        Gap(
            clock=turn.clock,
            epoch=event.epoch,
            lane=event.lane,
            first=event.first,
            last=event.last,
            count=event.count,
        )
    )
