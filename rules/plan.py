"""The care plan as the rules know it: who is called, when and how; what is watched; all defaults safe.

An empty plan is already a safe one. Contacts are references; their telephone numbers, and every text, stay with the
agent (S11). `agent.plan` reads the document that people write, and `rules.proof` proves it before it is trusted (S9).
"""

from typing import Literal

from rules.kinds import KINDS, Kind
from rules.values import Value

Means = Literal["centre", "sms", "siren", "say", "light", "relay"]
Unless = Literal["received", "acknowledged", "resolved"]
Part = Literal["day", "night"]
Need = Literal["sight", "hearing", "reading", "memory"]
ReminderKind = Literal["medication", "appointment", "drink", "weigh", "other"]

SIREN_MS = 5 * 60_000
"""How long the siren sounds unless a plan says: neighbours must hear it, and the box's battery must outlast it."""

STEPS_MAX, LADDERS_MAX, CONTACTS_MAX, WATCHES_MAX = 20, 16, 20, 32
PEOPLE_MAX, REMINDERS_MAX, TIMES_MAX, DATES_MAX, INFO_MAX, THRESHOLDS_MAX = 8, 32, 12, 400, 16, 16
"""S12: more than any home needs, and few enough that the whole plan is a page."""


class Step(Value, frozen=True, kw_only=True):
    """One step of a ladder: `after_ms` from the raise, by these means, unless the alarm has got so far by then.

    `unless` `received` or `acknowledged`: waits while somebody has the alarm, and goes on when that lapses (S3).
    `resolved`: goes its way until the alarm is closed, whoever has it. `only` limits it to the plan's day or night.
    `to` names contacts (`sms`), `text` is the reference of what is said (`say`), `for_ms` is how long a siren, a light
    or a relay is on; 0 is until the alarm is acknowledged (siren) or resolved (light, relay).
    """

    after_ms: int
    means: Means
    unless: Unless = "acknowledged"
    only: Part | None = None
    to: tuple[str, ...] = ()
    text: str = ""
    for_ms: int = 0


class Ladder(Value, frozen=True, kw_only=True):
    """What is done while nobody has an alarm, in the order of time. `repeat_ms` after its last step it begins anew."""

    name: str
    steps: tuple[Step, ...]
    repeat_ms: int = 0


BUILT_IN = Ladder(
    name="built-in",
    steps=(Step(after_ms=60_000, means="siren", unless="received", for_ms=SIREN_MS),),
)
"""For a kind whose plan names no ladder. The centre is told of every alarm at the raise, whatever the ladder (S3)."""

SILENT = Ladder(name="silent", steps=())
"""For a silent kind whose plan names none: no step of it may sound (S1)."""


class Window(Value, frozen=True, kw_only=True):
    """A part of the day on the home's clocks, in minutes after midnight; over midnight when `to` is not after `begin`.

    `days` are those it begins on, 0 for Monday.
    """

    begin: int
    to: int
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)


class Contact(Value, frozen=True, kw_only=True):
    """Somebody who agreed to be called. `consent` is the date on which (ISO 8601); without it nobody is called."""

    contact: str
    language: str = ""
    channels: tuple[Literal["sms"], ...] = ("sms",)
    consent: str = ""
    neighbour: bool = False


class Rule(Value, frozen=True, kw_only=True):
    """What a plan says of one kind of alarm; None leaves the kind's default. `ladder` names one of the plan's."""

    kind: str
    priority: int | None = None
    cancel_ms: int | None = None
    silent: bool | None = None
    ladder: str = ""


class Inactivity(Value, frozen=True, kw_only=True):
    """Nobody stirs: no activity of `sensors` (all that show activity, when empty) for `limit_ms` within the window."""

    name: str
    limit_ms: int
    window: Window | None = None
    sensors: tuple[str, ...] = ()


class Absence(Value, frozen=True, kw_only=True):
    """A bed or chair left and not returned to for `limit_ms`, within the window."""

    sensor: str
    limit_ms: int
    window: Window | None = None


class Door(Value, frozen=True, kw_only=True):
    """A door: open for `open_ms` is an alarm; opened within `leaving` too, unless somebody stirs within `back_ms`."""

    sensor: str
    open_ms: int | None = None
    leaving: Window | None = None
    back_ms: int = 5 * 60_000


class Temperature(Value, frozen=True, kw_only=True):
    """A room that is too cold or too hot, in degrees Celsius; well again `hysteresis` within the bound."""

    sensor: str
    low: float | None = None
    high: float | None = None
    hysteresis: float = 1.0


class Visit(Value, frozen=True, kw_only=True):
    """A carer's visit: expected to check in at `sensor` from the window's begin until its end."""

    name: str
    sensor: str
    window: Window


class Silence(Value, frozen=True, kw_only=True):
    """How long a sensor may be silent before that is a fault; 0: it is not supervised."""

    sensor: str
    after_ms: int


class Supervision(Value, frozen=True, kw_only=True):
    """How soon silence is a fault: `silences` overrides what is configured.

    `mains_ms`: the first of the (jittered) moments at which a mains failure is reported (DESIGN §5: 60-180 s).
    """

    silences: tuple[Silence, ...] = ()
    mains_ms: int = 60_000


class PowerCut(Value, frozen=True, kw_only=True):
    """What a power cut does here: how long the home's router goes on (0: not at all), and the hub itself."""

    router_ms: int = 0
    hub_ms: int = 8 * 3_600_000


class Person(Value, frozen=True, kw_only=True):
    """Somebody who lives here, by reference: in what language to speak to them, and what they do poorly."""

    person: str
    language: str = ""
    needs: tuple[Need, ...] = ()


class Reminder(Value, frozen=True, kw_only=True):
    """Something to be reminded of, at `times` (minutes after midnight on the home's clocks) of certain days.

    The days are: `dates` (ISO 8601), if there are any; else those of `rule` (RFC 5545's RRULE, from `begin` on); else
    the week's `days`. Never before `begin` or after `until`, nor on one of `skipped`. An `appointment` is at its
    `times`, and is prompted the day before at `evening` (minutes after midnight; None: not) and `leave_ms` before it.

    `text` is the reference of what is said; "": the kind's own phrase. Prompted again every `repeat_ms`, `snooze_ms`
    after "later"; `missed_ms` after the first prompt it counts as missed, and is an alarm if `alarm` says so. A prompt
    that could not come in time may come up to `late_ms` late; after that it would do harm, and is told as missed.
    `sensor` answers it beside the button: a dispenser's lid (also up to `early_ms` before it is due), or with `reading`
    (a quantity, such as `weight`) whoever measured it.
    """

    name: str
    kind: ReminderKind = "medication"
    person: str = ""
    text: str = ""
    times: tuple[int, ...] = ()
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    dates: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    rule: str = ""
    begin: str = ""
    until: str = ""
    evening: int | None = 19 * 60
    leave_ms: int = 60 * 60_000
    repeat_ms: int = 3 * 60_000
    snooze_ms: int = 10 * 60_000
    missed_ms: int = 30 * 60_000
    late_ms: int = 2 * 3_600_000
    early_ms: int = 60 * 60_000
    sensor: str = ""
    reading: str = ""
    alarm: bool = False


class Information(Value, frozen=True, kw_only=True):
    """Something that the resident may ask to hear, with no line: `text` is its reference."""

    name: str
    text: str


class Threshold(Value, frozen=True, kw_only=True):
    """A reading of `sensor` below `low` or above `high` is an alarm, at most once a day each way. Not diagnosis."""

    name: str
    sensor: str
    quantity: str
    low: float | None = None
    high: float | None = None


class Voice(Value, frozen=True, kw_only=True):
    """How loud (percent) the hub speaks by day and in quiet hours, and how fast (words a minute).

    Calls for help are always as loud as by day.
    """

    volume: int = 100
    quiet_volume: int = 40
    rate: int = 140


class Plan(Value, frozen=True, kw_only=True):
    """One home's care plan. `version` only rises; 0 is the empty plan.

    `accepted_gaps` names what the plan's owner knows to be missing and accepts (`rules.proof` names them).
    """

    version: int = 0
    language: str = "en"
    time_zone: str = "UTC"
    contacts: tuple[Contact, ...] = ()
    kinds: tuple[Rule, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    night: Window | None = None
    quiet: Window | None = None
    inactivity: tuple[Inactivity, ...] = ()
    absences: tuple[Absence, ...] = ()
    doors: tuple[Door, ...] = ()
    temperatures: tuple[Temperature, ...] = ()
    visits: tuple[Visit, ...] = ()
    people: tuple[Person, ...] = ()
    reminders: tuple[Reminder, ...] = ()
    information: tuple[Information, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    voice: Voice = Voice()
    supervision: Supervision = Supervision()
    power_cut: PowerCut = PowerCut()
    accepted_gaps: tuple[str, ...] = ()

    def contact(self, reference: str) -> Contact | None:
        """Give a contact by its reference."""
        return next((each for each in self.contacts if each.contact == reference), None)


def kind_of(plan: Plan, configured: tuple[Kind, ...], name: str) -> Kind:
    """Give a kind's rule: the plan's word, else the configuration's, else the default.

    A kind that nobody described is an alarm for life, at once.
    """
    kinds = (each for each in (*configured, *KINDS) if each.name == name)
    kind = next(kinds, Kind(name, priority=1, cancel_ms=0))
    rule = next((each for each in plan.kinds if each.kind == name), None)
    return kind if rule is None else kind.ruled(rule.priority, rule.cancel_ms, silent=rule.silent)


def ladder_of(plan: Plan, kind: Kind) -> Ladder:
    """Give the ladder of a kind."""
    rule = next((each for each in plan.kinds if each.kind == kind.name), None)
    named = rule.ladder if rule is not None and rule.ladder else "default"
    found = next((each for each in plan.ladders if each.name == named), None)
    if kind.silent and (rule is None or not rule.ladder):
        return SILENT  # S1: what sounds by default is not for a kind that must not
    return found or (SILENT if kind.silent else BUILT_IN)
