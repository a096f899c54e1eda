"""Statuses of a hub, in few words."""

from collections.abc import Sequence
from typing import Any

from agent.status import (
    AlarmStatus,
    ClockStatus,
    DeliveryStatus,
    DriverNote,
    HubStatus,
    SensorStatus,
    StorageStatus,
    StrangerStatus,
)
from rules.projection import project
from rules.state import House

NOW = "2026-11-22T12:00:00.000Z"


def stranger(driver: str, address: str, **said: Any) -> StrangerStatus:
    return StrangerStatus(driver=driver, address=address, **({"count": 1, "heard_s": 0} | said))


def note(name: str, *, listening: bool = True, reason: str = "") -> DriverNote:
    return DriverNote(name=name, listening=listening, reason=reason, failures=0, noise=0)


def sensor(name: str, kind: str = "pendant", **said: Any) -> SensorStatus:
    plain: dict[str, Any] = {"location": "hall", "heard": None, "active": False, "supervised_s": None}
    return SensorStatus(id=name, kind=kind, **(plain | said))


def alarm(name: str, of: str, **said: Any) -> AlarmStatus:
    plain: dict[str, Any] = {
        "kind": "pendant",
        "priority": 1,
        "stage": "raised",
        "delivery": "waiting",
        "late": False,
        "test": True,
    }
    return AlarmStatus(id=name, sensor=of, **(plain | {"location": "hall", "person": "", "age_s": 1} | said))


def trip(name: str, of: str, ms: int | None, **said: Any) -> DeliveryStatus:
    plain: dict[str, Any] = {"kind": "pendant", "test": True, "joined": False, "sent": NOW}
    return DeliveryStatus(alarm=name, sensor=of, receipted_ms=ms, **(plain | said))


def hub(
    strangers: Sequence[StrangerStatus] = (),
    *,
    sensors: Sequence[SensorStatus] = (),
    drivers: Sequence[DriverNote] | None = None,
    **said: Any,
) -> HubStatus:
    plain: dict[str, Any] = {
        "hub": "hub-1",
        "version": "1",
        "boot": "b",
        "epoch": "e",
        "uptime_s": 9,
        "started": NOW,
        "mode": "engineer",
        "clock": ClockStatus(synced=True, wall=NOW),
        "links": (),
        "storage": StorageStatus(ok=True, reason=""),
        "outbox": {},
        "alarms": (),
        "faults": (),
        "counters": {},
        "display": project(House()),
    }
    return HubStatus(
        unconfigured=tuple(strangers),
        sensors=tuple(sensors),
        drivers=(note("radio"), note("zigbee")) if drivers is None else tuple(drivers),
        **(plain | said),
    )
