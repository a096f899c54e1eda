"""What the hub tells the response centre: the `data` of every event, as values.

The wire contract (`agent.wire`) wraps these in CloudEvents and publishes their schemas; the rules make
them. Persons, locations and sensors are references (S11).
"""

from typing import Literal

import msgspec

from rules.values import Now, Value, utc

Lane = Literal["a", "t"]
"""`a` must not be lost, `t` is telemetry. Check-ins are numbered in a `c` of their own, which is in no outbox."""


class Clock(Value, frozen=True, omit_defaults=False):
    """How good the hub's clock was: the boot it counts from, ms since it, and what the wall clock claimed."""

    boot: str
    monotonic_ms: int
    wall: str
    synced: bool

    @classmethod
    def read(cls, boot: str, now: Now) -> "Clock":
        """Make a clock reading of a moment."""
        return cls(boot, now.ms, utc(now.wall_ms), now.synced)


class Report(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The base of every event's `data`. Every event says how good its clock was (S6)."""

    clock: Clock


class AlarmFacts(Report, frozen=True, kw_only=True):
    """What every event of an alarm repeats, so that any one of them alone can open a case."""

    alarm: str
    kind: str
    priority: int
    sensor: str
    location: str
    person: str
    test: bool
    silent: bool


class AlarmRaised(AlarmFacts, frozen=True, kw_only=True):
    """An alarm was raised. `rule` says why now; `linked` names an earlier open alarm of this home.

    `plan_rule` names the rule of care plan `plan_version` that found it: `kind.pendant`, `inactivity.morning`.
    """

    rule: str
    detail: str
    triggers: int
    triggered: Clock
    linked: str | None
    plan_version: int
    plan_rule: str = ""
    speech: Literal["none", "gsm", "sip"] = "none"


class AlarmJoined(AlarmFacts, frozen=True, kw_only=True):
    """A further trigger of the same kind, person and location joined an unacknowledged alarm (S4)."""

    triggers: int
    detail: str


class AlarmCancelled(AlarmFacts, frozen=True, kw_only=True):
    """The resident pressed cancel. From `pending` that ended the alarm; from later stages staff decide."""

    stage: Literal["pending", "raised", "acknowledged"]


class AlarmAcknowledged(AlarmFacts, frozen=True, kw_only=True):
    """Somebody has it, until `lapses_in_ms` from now unless renewed. `contact` is which one, "" if it is none."""

    by: Literal["centre", "contact", "home"]
    renewed: bool
    lapses_in_ms: int
    contact: str


class AlarmLapsed(AlarmFacts, frozen=True, kw_only=True):
    """An acknowledgement ran out, or a reboot made its age unknown: the alarm is raised again (S3)."""

    by: Literal["centre", "contact", "home"]
    why: Literal["time", "reboot"]


class AlarmEscalated(AlarmFacts, frozen=True, kw_only=True):
    """A step of the ladder was taken: in which round, by what means, to whom. `centre`: now it is yours to act."""

    step: int
    means: str
    to: tuple[str, ...]
    text: str
    round: int


class AlarmTexted(AlarmFacts, frozen=True, kw_only=True):
    """How it went with a text that asks a contact for help. `failed`: the first attempt; more follow."""

    contact: str
    state: Literal["sent", "delivered", "failed"]
    reason: str


class AlarmResolved(AlarmFacts, frozen=True, kw_only=True):
    """The centre closed the alarm; or the hub did, at which only a test ends: the installer's, or by the installer."""

    by: Literal["centre", "hub"]
    outcome: str


class FaultRaised(Report, frozen=True, kw_only=True):
    """A part of the hub or home is unwell (S7). `fault` is the kind, `subject` the part it is about.

    `again` is 0 when it is raised. One that stands is told again (1, 2, ...) when it has become more urgent, and a
    low battery every week: it is still the same fault, and is cleared once.
    """

    fault: str
    subject: str
    priority: int
    reason: str
    again: int


class FaultCleared(Report, frozen=True, kw_only=True):
    """The part is well again after `lasted_ms` (boot-relative; None when a reboot lay between)."""

    fault: str
    subject: str
    lasted_ms: int | None


class FaultNote(Value, frozen=True, omit_defaults=False):
    """A pending fault, as listed in a test report and in the state."""

    fault: str
    subject: str
    priority: int


class PathNote(Value, frozen=True, omit_defaults=False):
    """One way out: an uplink, or the modem. `proven_s`: how long ago somebody answered over it; None: not yet."""

    path: str
    ok: bool
    proven_s: int | None


class TestReport(Report, frozen=True, kw_only=True):
    """The hub's self-test: daily at the latest, and when the centre asks. Repeats every pending fault (S7).

    `faults` lists the most urgent of `faults_total`. `paths` are all ways out there are. `battery` is in percent;
    `hours_left` is told while the mains is off.
    """

    __test__ = False  # not a test case, whatever its name says to a test runner

    why: Literal["daily", "command"]
    mode: str
    faults: tuple[FaultNote, ...]
    faults_total: int
    sensors: int
    sensors_heard: int
    open_alarms: int
    plan_version: int
    paths: tuple[PathNote, ...]
    power: Literal["unknown", "mains", "battery"]
    battery: int | None
    hours_left: float | None


class CheckIn(Report, frozen=True, kw_only=True):
    """A sign of life. `last` and `oldest_unreceipted` of each lane let the centre prove nothing is missing."""

    last: dict[str, int]
    oldest_unreceipted: dict[str, str | None]


class CommandDone(Report, frozen=True, kw_only=True):
    """A command was carried out."""

    command: str
    type: str


class CommandRefused(Report, frozen=True, kw_only=True):
    """A command was not carried out, and why."""

    command: str
    type: str
    reason: str


class PlanApplied(Report, frozen=True, kw_only=True):
    """A care plan is in force from now on. Open alarms finish by the ladder they began (S9)."""

    version: int
    before: int


class PlanRefused(Report, frozen=True, kw_only=True):
    """A care plan was not taken, and why. `version` is the refused one's, 0 when it was unreadable."""

    version: int
    reason: str
    in_force: int


class VisitBegan(Report, frozen=True, kw_only=True):
    """A carer checked in. `visit` is the plan's name for the visit; "" when none was expected then."""

    visit: str
    sensor: str
    location: str
    person: str


class VisitEnded(Report, frozen=True, kw_only=True):
    """A carer checked out after `lasted_ms` (None: a reboot lay between), or is taken to have forgotten to."""

    visit: str
    sensor: str
    lasted_ms: int | None
    forgotten: bool


class ReminderFacts(Report, frozen=True, kw_only=True):
    """What every event of a reminder repeats: which, for whom, and the one occasion: `date` and `slot` (HH:MM).

    Those two are the home's own day and time. For an appointment they are its own, and it is due in time to leave; for
    its prompt of the day before `slot` is `evening`. `due` is the moment in UTC. What it is about stays at home (S11):
    `kind` is all there is.
    """

    reminder: str
    kind: str
    person: str
    date: str
    slot: str
    due: str


class ReminderPrompted(ReminderFacts, frozen=True, kw_only=True):
    """The first prompt of an occasion; `late_ms` after it was due."""

    late_ms: int


class ReminderTaken(ReminderFacts, frozen=True, kw_only=True):
    """Answered: by the button, the dispenser's lid or a reading, `after_ms` after it was due (before it: negative).

    It is null while the hub knows no time: after a reboot a dispenser may be opened before the clock is trusted (S6).
    """

    how: Literal["button", "lid", "reading"]
    prompts: int
    after_ms: int | None


class ReminderSnoozed(ReminderFacts, frozen=True, kw_only=True):
    """The resident said "later": it is prompted again `again_in_ms` from now."""

    again_in_ms: int


class ReminderMissed(ReminderFacts, frozen=True, kw_only=True):
    """Nobody answered `prompts` prompts, or (0) it could not be prompted until it was too late, and why.

    `away`: nobody was at home; `alarm`: one was open; `hub`: the hub was off, or had no trusted clock.
    """

    why: Literal["unanswered", "away", "alarm", "hub"]
    prompts: int


class MessageHeard(Report, frozen=True, kw_only=True):
    """Somebody confirmed a message with the button, after it was said `times` times."""

    message: str
    times: int


class MessageExpired(Report, frozen=True, kw_only=True):
    """Nobody confirmed a message while it was good; it was said `times` times (0: never)."""

    message: str
    times: int


class Gap(Report, frozen=True, kw_only=True):
    """Telemetry dropped to stay within bounds: `count` rows from `first` to `last` of an epoch's lane (S12)."""

    epoch: str
    lane: Literal["a", "t"]
    first: int = msgspec.field(name="from")
    last: int = msgspec.field(name="to")
    count: int


class Reading(Report, frozen=True, kw_only=True):
    """A quantity a sensor measured."""

    sensor: str
    quantity: str
    value: float
    unit: str


REPORTS: dict[str, type[Report]] = {
    "alarm.raised": AlarmRaised,
    "alarm.joined": AlarmJoined,
    "alarm.cancelled": AlarmCancelled,
    "alarm.acknowledged": AlarmAcknowledged,
    "alarm.lapsed": AlarmLapsed,
    "alarm.escalated": AlarmEscalated,
    "alarm.texted": AlarmTexted,
    "alarm.resolved": AlarmResolved,
    "fault.raised": FaultRaised,
    "fault.cleared": FaultCleared,
    "test.report": TestReport,
    "check-in": CheckIn,
    "command.done": CommandDone,
    "command.refused": CommandRefused,
    "plan.applied": PlanApplied,
    "plan.refused": PlanRefused,
    "visit.began": VisitBegan,
    "visit.ended": VisitEnded,
    "reminder.prompted": ReminderPrompted,
    "reminder.taken": ReminderTaken,
    "reminder.snoozed": ReminderSnoozed,
    "reminder.missed": ReminderMissed,
    "message.heard": MessageHeard,
    "message.expired": MessageExpired,
    "gap": Gap,
    "reading": Reading,
}
"""Event type on the wire (after `hearthline.`) to the value it carries."""

TYPE_OF: dict[type[Report], str] = {report: name for name, report in REPORTS.items()}
"""The same table the other way."""


def lane_of(report: Report) -> Lane:
    """Give the lane a report travels in: readings are telemetry, everything else must not be lost."""
    return "t" if isinstance(report, Reading) else "a"
