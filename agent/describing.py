"""Makes the status document out of the house and what the agent knows beside it."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from agent.roundtrips import Roundtrip
from agent.status import (
    AlarmStatus,
    ClockStatus,
    DeliveryStatus,
    DriverNote,
    FaultStatus,
    HubStatus,
    LinkStatus,
    RestartStatus,
    SensorStatus,
    StorageStatus,
    StrangerStatus,
)
from rules.maintenance import LATEST_MS, waits_for
from rules.projection import project
from rules.state import House, Link, Standby
from rules.values import Now, utc
from sensors.listening import DriverStatus
from sensors.roster import Stranger, Vitals


def describe(  # noqa: PLR0913 -- what there is to say, named at the call
    house: House,
    now: Now,
    *,
    started_ms: int,
    outbox: Mapping[str, int],
    drivers: Mapping[str, DriverStatus],
    strangers: Iterable[Stranger],
    counters: Mapping[str, int],
    vitals: Mapping[str, Vitals] | None = None,
    roundtrips: Iterable[Roundtrip] = (),
) -> HubStatus:
    """Make the status. `started_ms` is when the process started, on the boot-relative clock; `outbox` is by lane."""
    storage = next((fault for fault in house.faults if fault.fault == "storage"), None)
    return HubStatus(
        hub=house.config.hub,
        version=house.config.version,
        boot=house.boot,
        epoch=house.epoch,
        uptime_s=_age_s(now, started_ms),
        started=utc(now.at(started_ms).wall_ms),
        mode=house.mode,
        clock=ClockStatus(synced=now.synced, wall=utc(now.wall_ms)),
        links=_links(house, now),
        storage=StorageStatus(ok=storage is None, reason=storage.reason if storage else ""),
        outbox=dict(outbox),
        alarms=_alarms(house, now),
        faults=_faults(house, now),
        sensors=_sensors(house, now, vitals or {}),
        unconfigured=tuple(
            StrangerStatus(
                driver=each.driver,
                address=each.address,
                count=each.count,
                heard_s=_age_s(now, each.heard_ms),
                signal=each.signal,
                said=each.said,
            )
            for each in strangers
        ),
        drivers=tuple(
            DriverNote(
                name=name, listening=each.listening, reason=each.reason, failures=each.failures, noise=each.noise
            )
            for name, each in drivers.items()
        ),
        counters=dict(counters),
        display=project(house),
        deliveries=tuple(_delivery(now, each) for each in roundtrips),
        restart=_restart(house, now),
    )


def _links(house: House, now: Now) -> tuple[LinkStatus, ...]:
    def status(link: Link, standby: Standby | None) -> LinkStatus:
        told = LinkStatus(name=link.name, up=link.up, for_s=_age_s(now, link.since_ms), reason=link.reason)
        if standby is None:
            return told
        tested_s = None if standby.tested_ms is None else _age_s(now, standby.tested_ms)
        return replace(told, standby=True, wanted=standby.open, tested_s=tested_s, passed=standby.passed)

    return tuple(status(link, house.standby(link.name)) for link in house.links)


def _alarms(house: House, now: Now) -> tuple[AlarmStatus, ...]:
    return tuple(
        AlarmStatus(
            id=alarm.id,
            kind=alarm.kind,
            priority=alarm.priority,
            stage=alarm.stage,
            delivery=alarm.delivery,
            late=alarm.late,
            test=alarm.test,
            sensor=alarm.sensor,
            location=alarm.location,
            person=alarm.person,
            age_s=_age_s(now, alarm.triggered.ms) if alarm.boot == house.boot else None,
        )
        for alarm in sorted(house.alarms, key=lambda alarm: alarm.priority)
    )


def _faults(house: House, now: Now) -> tuple[FaultStatus, ...]:
    return tuple(
        FaultStatus(
            fault=fault.fault,
            subject=fault.subject,
            priority=fault.priority,
            reason=fault.reason,
            age_s=_age_s(now, fault.since_ms) if fault.boot == house.boot else None,
        )
        for fault in sorted(house.faults, key=lambda fault: (fault.priority, fault.fault, fault.subject))
    )


def _sensors(house: House, now: Now, vitals: Mapping[str, Vitals]) -> tuple[SensorStatus, ...]:
    def status(sensor_id: str, kind: str, location: str, heartbeat_ms: int | None) -> SensorStatus:
        life, vital = house.sensor(sensor_id), vitals.get(sensor_id, Vitals())
        return SensorStatus(
            id=sensor_id,
            kind=kind,
            location=location,
            heard=None if life.heard_wall_ms is None else utc(life.heard_wall_ms),
            active=life.active,
            supervised_s=None if heartbeat_ms is None else heartbeat_ms // 1_000,
            signal=vital.signal,
            battery=vital.battery,
            pressed=None if vital.pressed_ms is None else utc(now.at(vital.pressed_ms).wall_ms),
            presses=vital.presses,
        )

    return tuple(status(each.id, each.kind, each.location, each.heartbeat_ms) for each in house.config.sensors)


def _delivery(now: Now, trip: Roundtrip) -> DeliveryStatus:
    return DeliveryStatus(
        alarm=trip.alarm,
        kind=trip.kind,
        sensor=trip.sensor,
        test=trip.test,
        joined=trip.joined,
        sent=utc(now.at(trip.sent_ms).wall_ms),
        receipted_ms=None if trip.receipted_ms is None else trip.receipted_ms - trip.sent_ms,
    )


def _restart(house: House, now: Now) -> RestartStatus | None:
    wish = house.restart
    if wish is None:
        return None
    return RestartStatus(
        whys=wish.whys,
        since=utc(now.at(wish.since_ms).wall_ms),
        for_s=_age_s(now, wish.since_ms),
        waits_for="" if wish.going else waits_for(house) or "",
        latest=utc(now.at(wish.since_ms + LATEST_MS).wall_ms),
    )


def _age_s(now: Now, since_ms: int) -> int:
    return max(0, now.ms - since_ms) // 1_000
