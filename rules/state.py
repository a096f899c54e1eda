"""The house as the rules know it: one immutable value, small, written whole with every commit."""

from typing import Literal

from rules.actions import What
from rules.alarm import Alarm
from rules.events import Config, Mode
from rules.plan import Plan
from rules.values import Value


class Fault(Value, frozen=True, kw_only=True):
    """A standing fault. `since_ms` counts on the clock of `boot`."""

    fault: str
    subject: str
    priority: int
    reason: str
    boot: str
    since_ms: int


class SensorLife(Value, frozen=True, kw_only=True):
    """What is remembered of a sensor: the stimulus that stands, the last trigger, the last sign of life.

    Moments are boot-relative; `heard_wall_ms` is for people to read. `heard_ms` counts from start-up
    for a sensor not heard yet, so that silence is noticed from the first day. `unsure` marks a standing
    stimulus whose end may have been missed, because the hub was not running.
    """

    sensor: str
    active: bool = False
    unsure: bool = False
    triggered_ms: int | None = None
    heard_ms: int = 0
    heard_wall_ms: int | None = None


class Link(Value, frozen=True, kw_only=True):
    """An uplink. `since_ms` is when it last came up or went down."""

    name: str
    up: bool = False
    since_ms: int = 0
    reason: str = ""


class Centre(Value, frozen=True, kw_only=True):
    """What is known of the response centre behind the broker.

    `unanswered` counts check-ins in a row without a receipt; `waiting` is the check-in now waiting,
    until `receipt_due_ms`.
    """

    checkin_at_ms: int = 0
    checkin_every_ms: int = 240_000
    waiting: str | None = None
    receipt_due_ms: int | None = None
    unanswered: int = 0


class Text(Value, frozen=True, kw_only=True):
    """A text to a contact. `due_ms`: when it is tried again, or counts as hanging (`trying`); None once it is sent.

    `until_ms` is how long `code` may be answered. `plan_version` is where its number stands.
    """

    id: str
    contact: str
    alarm: str
    what: What
    kind: str
    test: bool
    plan_version: int
    code: int = 0
    state: Literal["waiting", "sent", "delivered"] = "waiting"
    trying: bool = True
    tries: int = 0
    due_ms: int | None
    until_ms: int


class Counters(Value, frozen=True, kw_only=True):
    """The next numbers of this epoch: ids are never used twice (S1)."""

    a: int = 0
    t: int = 0
    c: int = 0
    alarms: int = 0
    texts: int = 0


class House(Value, frozen=True, kw_only=True):
    """Everything the rules remember between two events. `due_ms` is when the next deadline is, as of `now_ms`."""

    boot: str = ""
    epoch: str = ""
    now_ms: int = 0
    due_ms: int | None = None
    synced: bool = False
    config: Config = Config(hub="")
    plan: Plan = Plan()
    counters: Counters = Counters()
    alarms: tuple[Alarm, ...] = ()
    faults: tuple[Fault, ...] = ()
    sensors: tuple[SensorLife, ...] = ()
    links: tuple[Link, ...] = ()
    centre: Centre = Centre()
    texts: tuple[Text, ...] = ()
    night: bool = False
    quiet: bool = False
    mode: Mode = "home"
    mode_until_ms: int | None = None
    selftest_at_ms: int = 0
    commands: tuple[str, ...] = ()

    def sensor(self, sensor_id: str) -> SensorLife:
        """Give what is remembered of a sensor."""
        return next((life for life in self.sensors if life.sensor == sensor_id), SensorLife(sensor=sensor_id))

    def alarm(self, alarm_id: str) -> Alarm | None:
        """Give an open alarm by its id."""
        return next((alarm for alarm in self.alarms if alarm.id == alarm_id), None)

    @property
    def connected(self) -> bool:
        """Whether any uplink is up."""
        return any(link.up for link in self.links)
