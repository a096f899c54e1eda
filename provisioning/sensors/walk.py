"""The walk test: what was heard of every sensor, what arrived at the centre, what is still missing. Pure.

`WalkTest` is what is left of one (`records` keeps it): the commissioning report reads it. It has references in it, no
names and no addresses of devices (S11).
"""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from agent.status import DeliveryStatus, HubStatus, SensorStatus
from provisioning.sensors.suggesting import ALARMING, ALWAYS_REAL, PRESSED
from rules.kinds import TEST
from rules.triggers import HUB_BUTTON

HEARD_LATELY_S = 24 * 3_600
"""What nobody can set off by hand is there if it was heard in the last day, or as its supervision asks."""

Outcome = Literal["arrived", "heard", "not heard", "not arrived", "left out"]

End = Literal["complete", "stopped", "engineer mode ended"]


class WalkSensor(msgspec.Struct, frozen=True, kw_only=True):
    """What the walk test found of a sensor.

    `alarms`: its call must arrive at the centre; of the others it is enough that they are heard. `signal`, the worst of
    its presses, and `battery` are in per cent, None: not told. `heard` and `pressed` are UTC, as the hub's clock
    claims; `presses` counts those of the test. `roundtrip_ms` is the time from the alarm's commit to the centre's
    receipt. `outcome` is what came of it, `missing` says it in plain words, "" when nothing is.
    """

    id: str
    kind: str
    location: str
    alarms: bool
    signal: int | None = None
    battery: int | None = None
    heard: str | None = None
    pressed: str | None = None
    presses: int = 0
    roundtrip_ms: int | None = None
    outcome: Outcome = "not heard"
    missing: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is missing, or it was left out on purpose."""
        return self.outcome in ("arrived", "heard", "left out")


class RangeTest(msgspec.Struct, frozen=True, kw_only=True):
    """Presses of one sensor from all over the home. `signals` are those heard, in per cent, in the order they came.

    `pressed` is how often the installer says to have pressed, None: not said. `began` is UTC, as the
    hub's clock claims.
    """

    sensor: str
    began: str
    heard: int
    pressed: int | None = None
    signals: tuple[int, ...] = ()

    @property
    def worst(self) -> int | None:
        """The weakest signal of any press, in per cent."""
        return min(self.signals, default=None)

    @property
    def passed(self) -> bool:
        """Whether every press was heard, and one at least was."""
        return self.heard > 0 and (self.pressed is None or self.heard >= self.pressed)


class WalkTest(msgspec.Struct, frozen=True, kw_only=True):
    """A walk test as it ended. `began` and `ended` are UTC, as the hub's clock claims; `synced`: the kernel vouches."""

    hub: str
    version: str
    began: str
    ended: str
    synced: bool
    how: End
    sensors: tuple[WalkSensor, ...]
    ranges: tuple[RangeTest, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there were sensors, and of none of them anything is missing."""
        return bool(self.sensors) and all(each.passed for each in self.sensors)


class _Seen:
    """What is known of a sensor so far."""

    def __init__(self, now: SensorStatus) -> None:
        self.now = now
        self.counted = now.presses  # by the running process, when last looked at
        self.presses = 0
        self.pressed: str | None = None
        self.signal: int | None = None
        self.roundtrip_ms: int | None = None

    def look(self, now: SensorStatus) -> bool:
        """Take the sensor's status; say whether it was pressed again. A process that started anew counts from 0."""
        new = now.presses - (self.counted if now.presses >= self.counted else 0)
        self.now, self.counted = now, now.presses
        if new <= 0:
            return False
        self.presses += new
        self.pressed = now.pressed
        if now.signal is not None:
            self.signal = now.signal if self.signal is None else min(self.signal, now.signal)
        return True


class Walk:
    """A walk test that goes on: statuses in, ticks out. `left_out` are not tested, on purpose.

    With `button` the box's own call button must be pressed too; it is told of by its alarms alone.
    """

    def __init__(self, hub: HubStatus, left_out: Collection[str] = (), *, button: bool = False) -> None:
        self._button = button
        self._began = hub.clock.wall
        self._hub = hub = self._with_button(hub)
        self._left_out = frozenset(left_out)
        self._old = frozenset(each.alarm for each in hub.deliveries)
        self._seen = {each.id: _Seen(each) for each in hub.sensors}

    def see(self, hub: HubStatus) -> list[str]:
        """Take a status; give what is new in it, in plain words."""
        self._hub = hub = self._with_button(hub)
        told = []
        for sensor in hub.sensors:
            seen = self._seen.setdefault(sensor.id, _Seen(sensor))
            if seen.look(sensor):
                told.append(f"{sensor.id} is heard")
        for trip in hub.deliveries:
            told += self._arrived(trip)
        return told

    def _arrived(self, trip: DeliveryStatus) -> list[str]:
        known = self._seen.get(trip.sensor)
        if known is None or trip.receipted_ms is None or trip.alarm in self._old or known.roundtrip_ms is not None:
            return []
        if trip.joined or trip.kind == TEST.name:
            return []  # a press of another sensor, perhaps; or no press at all
        known.roundtrip_ms = trip.receipted_ms
        return [f"{trip.sensor} arrived at the centre, {trip.receipted_ms} ms there and back"]

    def _with_button(self, hub: HubStatus) -> HubStatus:
        if not self._button:
            return hub
        id_, kind, location = HUB_BUTTON.id, HUB_BUTTON.kind, HUB_BUTTON.location
        sent = {each.alarm: each.sent for each in hub.deliveries if (each.sensor, each.kind) == (id_, kind)}
        calls = sent.keys() | {each.id for each in hub.alarms if (each.sensor, each.kind) == (id_, kind)}
        last = max(sent.values(), default=None)
        button = SensorStatus(
            id=id_,
            kind=kind,
            location=location,
            heard=last,
            active=False,
            supervised_s=None,
            pressed=last,
            presses=len(calls),
        )
        return replace(hub, sensors=(*hub.sensors, button))

    @property
    def sensors(self) -> tuple[WalkSensor, ...]:
        """Everything that is known now, in the order of hub.toml."""
        return tuple(self._told(self._seen[each.id]) for each in self._hub.sensors)

    @property
    def missing_first(self) -> tuple[WalkSensor, ...]:
        """The same, what is missing first: a small screen shows only so many."""
        return tuple(sorted(self.sensors, key=lambda each: each.passed))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing any more."""
        return all(each.passed for each in self.sensors)

    @property
    def real(self) -> tuple[str, ...]:
        """The kinds of alarm that are open and no test, with their sensor: they end as real ones do."""
        return tuple(f"{each.kind} ({each.sensor})" for each in self._hub.alarms if not each.test)

    @property
    def ended_tests(self) -> frozenset[str]:
        """Give the open tests if they may end: the centre has them all.

        One that rings on keeps a call of the same kind and place from being one of its own.
        """
        tests = [alarm for alarm in self._hub.alarms if alarm.test]
        ended = all(alarm.delivery == "received" for alarm in tests)
        return frozenset(alarm.id for alarm in tests) if ended else frozenset()

    def result(self, how: End, ranges: tuple[RangeTest, ...] = ()) -> WalkTest:
        """Give what is left of the test."""
        hub = self._hub
        return WalkTest(
            hub=hub.hub,
            version=hub.version,
            began=self._began,
            ended=hub.clock.wall,
            synced=hub.clock.synced,
            how=how,
            sensors=self.sensors,
            ranges=ranges,
        )

    # --- one sensor ----------------------------------------------------------------------------------

    def _told(self, seen: _Seen) -> WalkSensor:
        now = seen.now
        told = WalkSensor(
            id=now.id,
            kind=now.kind,
            location=now.location,
            alarms=now.kind in ALARMING,
            signal=seen.signal if seen.signal is not None else now.signal,
            battery=now.battery,
            heard=now.heard,
            pressed=seen.pressed,
            presses=seen.presses,
            roundtrip_ms=seen.roundtrip_ms,
        )
        outcome, missing = self._judged(told, now)
        return replace(told, outcome=outcome, missing=missing)

    def _judged(self, told: WalkSensor, now: SensorStatus) -> tuple[Outcome, str]:
        if told.id in self._left_out:
            return "left out", ""
        if told.roundtrip_ms is not None:
            return "arrived", ""
        if told.kind not in PRESSED:
            lately = self._lately(now)
            return ("heard", "") if lately else ("not heard", "not heard in the last day: wait for its report")
        if not told.presses:
            return "not heard", _todo(told)
        return ("not arrived", self._way(told)) if told.alarms else ("heard", "")

    def _way(self, told: WalkSensor) -> str:
        """Say where its call is."""
        alarm = next((each for each in self._hub.alarms if each.sensor == told.id), None)
        if alarm is None:
            return "heard, and no call of its own was sent: set it off again"
        if alarm.stage == "pending":
            return "heard; it can be taken back at home now, then it goes to the centre"
        if alarm.delivery == "rejected":
            return "heard; the centre refused it: is this hub known there?"
        return "heard; sent, no receipt of the centre yet" + " (late: see hearthline doctor)" * alarm.late

    def _lately(self, now: SensorStatus) -> bool:
        if now.heard is None:
            return False
        age_s = (_moment(self._hub.clock.wall) - _moment(now.heard)).total_seconds()
        return age_s <= max(HEARD_LATELY_S, now.supervised_s or 0)


def _todo(sensor: WalkSensor) -> str:
    if sensor.id == HUB_BUTTON.id:
        return "press the call button on the box"
    return _REAL if sensor.kind in ALWAYS_REAL else _DO.get(sensor.kind, "press it")


_REAL = "ring the centre, then set it off: its alarm is real even now"
_DO = {
    "flood": "wet it",
    "fall": "lie down before it, or let it fall",
    "pull-cord": "pull it",
    "door": "open it",
    "lid": "open it",
    "motion": "walk past it",
    "bed": "lie down on it",
    "chair": "sit down on it",
}


class Ranging:
    """A range test of one sensor that goes on: statuses in, presses out. Raises KeyError for a sensor there is not."""

    def __init__(self, hub: HubStatus, sensor: str) -> None:
        self.sensor = sensor
        self._began = hub.clock.wall
        self._seen = _Seen(_sensor(hub, sensor))
        self._signals: list[int] = []

    def see(self, hub: HubStatus) -> bool:
        """Take a status; say whether it was pressed again."""
        now = _sensor(hub, self.sensor)
        if not self._seen.look(now):
            return False
        if now.signal is not None:
            self._signals.append(now.signal)
        return True

    def result(self, pressed: int | None = None) -> RangeTest:
        """Give what came of it; `pressed` is how often the installer says to have pressed."""
        return RangeTest(
            sensor=self.sensor,
            began=self._began,
            heard=self._seen.presses,
            pressed=pressed,
            signals=tuple(self._signals),
        )


def _sensor(hub: HubStatus, sensor: str) -> SensorStatus:
    for each in hub.sensors:
        if each.id == sensor:
            return each
    raise KeyError(sensor)


def _moment(utc: str) -> datetime:
    return datetime.fromisoformat(utc)
