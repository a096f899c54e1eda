"""What the hub says of itself: status, state and check-ins, and whether the state changed enough to be said again."""

import contextlib
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from agent.clock import Clock
from agent.hub import Hub
from agent.store.errors import StoreError
from agent.store.rows import Lane, Row
from agent.store.writer import Writer
from agent.wire.messages import (
    CENTRE,
    AlarmNote,
    LaneNote,
    LinkNote,
    SensorNote,
    State,
    Status,
    encode_event,
)
from rules import power, selftest
from rules.actions import SendCheckIn
from rules.faults import notes
from rules.kinds import SENSES
from rules.reports import Clock as ClockReading
from rules.values import utc


class Outbox(msgspec.Struct, frozen=True):
    """What waits in the outbox, as last counted: rows and the oldest id of each lane."""

    waiting: dict[Lane, int]
    oldest: dict[Lane, str | None]


class Documents:
    """Makes the documents out of the house and the store. `refresh()` keeps the store's part recent."""

    def __init__(
        self, hub: Hub, writer: Writer, clock: Clock, software: str, counters: Callable[[], dict[str, int]]
    ) -> None:
        self._hub = hub
        self._writer = writer
        self._clock = clock
        self._software = software
        self._said: object = None
        self._counters = counters
        self.outbox = Outbox({}, {})

    async def refresh(self) -> None:
        """Count what waits; the old counts stay while the disk does not say, which the writer has told already."""
        with contextlib.suppress(StoreError):
            self.outbox = await self._writer.read(lambda store: Outbox(store.waiting_count(), store.oldest_waiting()))

    async def waiting(self, limit: int, exclude: frozenset[str]) -> list[Row]:
        """Give rows that wait in the store, in the order they should be offered."""
        return await self._writer.waiting(limit, exclude)

    def status(self, nonce: str, *, online: bool, also: tuple[str, ...] = (), reason: str = "") -> bytes:
        """Give the status document of a connection; `also` are the hub's others that live."""
        house, now = self._hub.house, self._clock.now()
        return msgspec.json.encode(
            Status(
                aud=CENTRE,
                iat=now.wall_ms // 1000,
                online=online,
                nonce=nonce,
                also=also,
                monotonic_ms=now.ms,
                boot=house.boot,
                epoch=house.epoch,
                reason=reason,
            )
        )

    def check_in(self, action: SendCheckIn) -> bytes:
        """Write a check-in, with what the outbox holds."""
        house = self._hub.house
        report = replace(
            action.report,
            last={"a": house.counters.a, "t": house.counters.t},
            oldest_unreceipted={lane: self.outbox.oldest.get(lane) for lane in ("a", "t")},
        )
        return encode_event(house.config.hub, replace(action, report=report))

    def changed(self) -> bool:
        """Tell whether what the state document says has changed since it was last asked (lane heads ride along)."""
        house = self._hub.house
        alarms = tuple((alarm.id, alarm.stage, alarm.delivery) for alarm in house.alarms)
        watched = {sensor.id for sensor in house.config.sensors if sensor.kind in SENSES}
        sensors = tuple((life.sensor, life.active) for life in house.sensors if life.sensor not in watched)
        links = tuple((link.name, link.up) for link in house.links)
        supply = (house.power.mains, house.power.battery)
        now = (alarms, sensors, links, house.mode, house.faults, house.synced, house.config, supply)
        changed = now != self._said
        self._said = now
        return changed

    def state(self) -> bytes:
        """Give the state document as it is now."""
        house, now = self._hub.house, self._clock.now()
        lives = {life.sensor: life for life in house.sensors}
        last = {"a": house.counters.a, "t": house.counters.t}
        return msgspec.json.encode(
            State(
                aud=CENTRE,
                iat=now.wall_ms // 1000,
                time=utc(now.wall_ms),
                clock=ClockReading.read(house.boot, now),
                epoch=house.epoch,
                software=self._software,
                plan_version=house.plan.version,
                mode=house.mode,
                sensors=tuple(
                    SensorNote(
                        sensor=sensor.id,
                        kind=sensor.kind,
                        location=sensor.location,
                        heard=utc(life.heard_wall_ms) if life.heard_wall_ms is not None else None,
                        active=life.active and sensor.kind not in SENSES,  # S11: who is in bed is nobody's business
                    )
                    for sensor in house.config.sensors
                    if (life := lives.get(sensor.id)) is not None
                ),
                links=tuple(
                    LinkNote(uplink=link.name, up=link.up, standby=house.standby(link.name) is not None)
                    for link in house.links
                ),
                alarms=tuple(
                    AlarmNote(
                        alarm=alarm.id,
                        kind=alarm.kind,
                        priority=alarm.priority,
                        stage=alarm.stage,
                        delivery=alarm.delivery,
                        test=alarm.test,
                    )
                    for alarm in house.alarms
                    if alarm.stage != "pending"  # a pending alarm is not sent
                ),
                faults=notes(house),
                faults_total=len(house.faults),
                lanes={
                    lane: LaneNote(
                        last=last[lane],
                        waiting=self.outbox.waiting.get(lane, 0),
                        oldest=self.outbox.oldest.get(lane),
                    )
                    for lane in ("a", "t")
                },
                counters=self._counters(),
                power=selftest.source(house),
                battery=house.power.battery,
                hours_left=power.hours_left(house),
            )
        )
