"""How the hub is, for people at the box: one document, made from the house and what the agent knows beside it."""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from agent.wire.adherence import Due
from rules.alarm import Delivery, Stage
from rules.events import Mode
from rules.projection import Display, project
from rules.state import House, Link, Standby
from rules.values import Now, utc
from rules.watched import Prompt
from sensors.listening import DriverStatus
from sensors.roster import Stranger


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the status. Times are UTC, ages whole seconds on the boot-relative clock."""


class ClockStatus(_Document, frozen=True, kw_only=True):
    """What the wall clock says, and whether the kernel vouches for it."""

    synced: bool
    wall: str


class LinkStatus(_Document, frozen=True, kw_only=True):
    """An uplink, up or down for `for_s` seconds.

    A `standby` is closed unless it is `wanted`. It was tested `tested_s` seconds ago, and `passed` or not.
    """

    name: str
    up: bool
    for_s: int
    reason: str
    standby: bool = False
    wanted: bool = True
    tested_s: int | None = None
    passed: bool = False


class StorageStatus(_Document, frozen=True, kw_only=True):
    """Whether the store keeps up (S1)."""

    ok: bool
    reason: str


class AlarmStatus(_Document, frozen=True, kw_only=True):
    """An open alarm. `late` means that no receipt came in time, or that there is no line."""

    id: str
    kind: str
    priority: int
    stage: Stage
    delivery: Delivery
    late: bool
    test: bool
    sensor: str
    location: str
    person: str
    age_s: int | None


class FaultStatus(_Document, frozen=True, kw_only=True):
    """A standing fault; its age is None when it began before the last reboot."""

    fault: str
    subject: str
    priority: int
    reason: str
    age_s: int | None


class SensorStatus(_Document, frozen=True, kw_only=True):
    """A configured sensor. `heard` is by the wall clock of the time; None: not heard yet."""

    id: str
    kind: str
    location: str
    heard: str | None
    active: bool
    supervised_s: int | None


class StrangerStatus(_Document, frozen=True, kw_only=True):
    """Something heard that is not configured: an installer looks here for a new sensor's address."""

    driver: str
    address: str
    count: int
    heard_s: int


class DriverNote(_Document, frozen=True, kw_only=True):
    """A driver: whether it hears, why not, how often it failed, and the noise it survived."""

    name: str
    listening: bool
    reason: str
    failures: int
    noise: int


class HubStatus(_Document, frozen=True, kw_only=True):
    """The answer to `{"ask": "status"}` on the hub's local socket.

    `outbox` counts what waits for a receipt, by lane. `counters` are the agent's own, named by it. There are no
    names or telephone numbers in it (S11), but references and device addresses: it stays on the box.
    """

    hub: str
    version: str
    boot: str
    epoch: str
    uptime_s: int
    started: str
    mode: Mode
    clock: ClockStatus
    links: tuple[LinkStatus, ...]
    storage: StorageStatus
    outbox: dict[str, int]
    alarms: tuple[AlarmStatus, ...]
    faults: tuple[FaultStatus, ...]
    sensors: tuple[SensorStatus, ...]
    unconfigured: tuple[StrangerStatus, ...]
    drivers: tuple[DriverNote, ...]
    counters: dict[str, int]
    display: Display

    @property
    def well(self) -> bool:
        """No fault stands, and no raised alarm is still without the centre's receipt."""
        return not self.faults and all(alarm.delivery in ("unsent", "received") for alarm in self.alarms)


class OpenReminder(Due, frozen=True, kw_only=True):
    """An occasion that is open: said `prompts` times so far, or `waiting`, because of `why`."""

    state: Literal["waiting", "prompting"]
    why: str
    prompts: int


class RemindersStatus(_Document, frozen=True, kw_only=True):
    """The answer to `{"ask": "reminders"}`: the CloudEvents of reminders that the hub keeps, newest first, as they are.

    `agent.wire.adherence` counts them. They are all from `since` on, about the `days` days up to `today`; `trouble`
    says what kept the hub from giving all that it has. The days are those of `zone`, by the clock as it is at `wall`.
    """

    hub: str
    wall: str
    synced: bool
    zone: str
    today: str
    days: int
    since: str
    trouble: str
    open: tuple[OpenReminder, ...]
    events: tuple[msgspec.Raw, ...]


def open_reminders(house: House) -> tuple[OpenReminder, ...]:
    """Give what is open now, in the order it was due. What the plan no longer has is of no kind, and nobody's."""
    plan = {each.name: each for each in house.plan.reminders}

    def status(prompt: Prompt) -> OpenReminder:
        about = plan.get(prompt.occasion.reminder)
        return OpenReminder(
            reminder=prompt.occasion.reminder,
            kind=about.kind if about else "",
            person=about.person if about else "",
            date=prompt.occasion.date,
            slot=prompt.occasion.slot,
            due=utc(prompt.due_wall_ms),
            state=prompt.state,
            why=prompt.why if prompt.state == "waiting" else "",
            prompts=prompt.prompts,
        )

    return tuple(status(each) for each in sorted(house.prompts, key=lambda each: each.due_wall_ms))


def describe(
    house: House,
    now: Now,
    *,
    started_ms: int,
    outbox: Mapping[str, int],
    drivers: Mapping[str, DriverStatus],
    strangers: Iterable[Stranger],
    counters: Mapping[str, int],
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
        sensors=_sensors(house),
        unconfigured=tuple(
            StrangerStatus(
                driver=each.driver, address=each.address, count=each.count, heard_s=_age_s(now, each.heard_ms)
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


def _sensors(house: House) -> tuple[SensorStatus, ...]:
    def status(sensor_id: str, kind: str, location: str, heartbeat_ms: int | None) -> SensorStatus:
        life = house.sensor(sensor_id)
        return SensorStatus(
            id=sensor_id,
            kind=kind,
            location=location,
            heard=None if life.heard_wall_ms is None else utc(life.heard_wall_ms),
            active=life.active,
            supervised_s=None if heartbeat_ms is None else heartbeat_ms // 1_000,
        )

    return tuple(status(each.id, each.kind, each.location, each.heartbeat_ms) for each in house.config.sensors)


def _age_s(now: Now, since_ms: int) -> int:
    return max(0, now.ms - since_ms) // 1_000
