"""The house as the rules know it: one immutable value, small, written whole with every commit."""

from typing import Literal

from rules.actions import What
from rules.alarm import Alarm
from rules.events import Config, Mode, Why
from rules.plan import Plan
from rules.values import Value
from rules.watched import Expected, Hours, Left, Message, OpenDoor, Prompt, Spell, Spent, Stillness, Visitor


class Fault(Value, frozen=True, kw_only=True):
    """A standing fault. `since_ms` counts on the clock of `boot`.

    `again` counts how often it was told again, and `again_ms` is when it is next, for the few that are.
    """

    fault: str
    subject: str
    priority: int
    reason: str
    boot: str
    since_ms: int
    again: int = 0
    again_ms: int | None = None


class SensorLife(Value, frozen=True, kw_only=True):
    """What is remembered of a sensor: the stimulus that stands, the last trigger, the last sign of life.

    Moments are boot-relative; `heard_wall_ms` is for people to read. `heard_ms` counts from start-up
    for a sensor not heard yet, so that silence is noticed from the first day. `unsure` marks a standing
    stimulus whose end may have been missed, because the hub was not running, or that was taken for a test: `tested`
    marks one that began in engineer mode.
    """

    sensor: str
    active: bool = False
    unsure: bool = False
    tested: bool = False
    triggered_ms: int | None = None
    heard_ms: int = 0
    heard_wall_ms: int | None = None


class Link(Value, frozen=True, kw_only=True):
    """An uplink, or the modem. `since_ms` is when it last came up or went down.

    `proven_ms` is when the centre last answered over it (for the modem: when the network last took a text).
    """

    name: str
    up: bool = False
    since_ms: int = 0
    reason: str = ""
    proven_ms: int | None = None


class Standby(Value, frozen=True, kw_only=True):
    """What is decided about a standby uplink. Moments are boot-relative; None: not so now, or not yet.

    `wanted_ms` is since when it is needed, `testing_ms` since when it is being tested; `tested_ms` is when it last
    proved itself or failed to (`passed`), and `test_at_ms` when it is tested next.
    """

    name: str
    wanted_ms: int | None = None
    testing_ms: int | None = None
    tested_ms: int | None = None
    passed: bool = False
    test_at_ms: int = 0

    @property
    def open(self) -> bool:
        """Whether it should be connected now."""
        return self.wanted_ms is not None or self.testing_ms is not None


class Power(Value, frozen=True, kw_only=True):
    """What the hub runs on, as last told; `since_ms` is since when. `due_ms`: when a mains failure is reported."""

    mains: bool | None = None
    battery: int | None = None
    hours_left: float | None = None
    since_ms: int = 0
    due_ms: int | None = None


class Expecting(Value, frozen=True, kw_only=True):
    """A test that the centre has announced: the next press of a kind or sensor, until `until_ms`, is one."""

    expect: str
    until_ms: int


class RestartWish(Value, frozen=True, kw_only=True):
    """A restart that is wanted: why (each once, in the order told), since when; `going`: the hub was told to."""

    whys: tuple[Why, ...]
    since_ms: int
    going: bool = False


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

    `held`: it is not to be sent while somebody has the alarm, though the modem may have been about it already.
    `steady`: it is sent whoever has the alarm, as its step is to go on until the alarm is resolved.
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
    steady: bool = False
    state: Literal["waiting", "held", "sent", "delivered"] = "waiting"
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
    """Everything the rules remember between two events. `due_ms` is when the next deadline is, as of `now_ms`.

    `wall_offset_ms` is the wall clock's lead over the boot-relative one; `clock_known`: it has been vouched for since
    it was last set, in this boot. All occasions of reminders up to `reminded_wall_ms` have begun; `remind_at_ms` is
    when to look for the next. `press_used`: the press of the button that is down was taken, and answers nothing else.
    """

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
    standbys: tuple[Standby, ...] = ()
    modem: Link | None = None
    power: Power = Power()
    expecting: Expecting | None = None
    warn_at_ms: int | None = None
    centre: Centre = Centre()
    texts: tuple[Text, ...] = ()
    wall_offset_ms: int = 0
    clock_known: bool = False
    night: bool = False
    quiet: bool = False
    hours: tuple[Hours, ...] = ()
    still: tuple[Stillness, ...] = ()
    left: tuple[Left, ...] = ()
    doors: tuple[OpenDoor, ...] = ()
    spells: tuple[Spell, ...] = ()
    visitors: tuple[Visitor, ...] = ()
    visits: tuple[Expected, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    spent: tuple[Spent, ...] = ()
    reminded_wall_ms: int | None = None
    remind_at_ms: int | None = None
    messages: tuple[Message, ...] = ()
    informed: int = 0
    press_used: bool = False
    mode: Mode = "home"
    mode_until_ms: int | None = None
    selftest_at_ms: int = 0
    restart: RestartWish | None = None
    commands: tuple[str, ...] = ()

    def sensor(self, sensor_id: str) -> SensorLife:
        """Give what is remembered of a sensor."""
        return next((life for life in self.sensors if life.sensor == sensor_id), SensorLife(sensor=sensor_id))

    def alarm(self, alarm_id: str) -> Alarm | None:
        """Give an open alarm by its id."""
        return next((alarm for alarm in self.alarms if alarm.id == alarm_id), None)

    def standby(self, uplink: str) -> Standby | None:
        """Give what is decided about an uplink, if it is a standby."""
        return next((each for each in self.standbys if each.name == uplink), None)

    @property
    def connected(self) -> bool:
        """Whether any uplink is up."""
        return any(link.up for link in self.links)
