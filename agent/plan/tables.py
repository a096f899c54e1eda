"""What a care plan's document may say, as types: every table of the file, in the units people use."""

import datetime as dt
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from agent.config.tables import CancelSeconds, Name, Priority, Reference
from rules.plan import DATES_MAX, TIMES_MAX, Means, Need, Part, ReminderKind, Unless

VERSION_MAX = 9_999_999_999
"""Room for a date and a number of the day (2026100101); a mistyped one may not use up all that come after it."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""0 is Monday."""

Version = Annotated[int, Meta(ge=0, le=VERSION_MAX, description=f"a whole number from 1 to {VERSION_MAX}")]
Language = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?\Z",
        description='a language as BCP 47 writes it, such as "en" or "en-GB"',
    ),
]
Zone = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9_+/-]{1,64}\Z", description='a time zone as IANA names it, such as "Europe/London"'),
]
Time = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z", description='a time of day in quotes, such as "22:00"')
]
Days = Annotated[
    tuple[Day, ...],
    Meta(min_length=1, max_length=7, description='a list of at least one of "mon", "tue", "wed", "thu", …'),
]
Times = Annotated[
    tuple[Time, ...],
    Meta(
        min_length=1,
        max_length=TIMES_MAX,
        description=f'a list of 1 to {TIMES_MAX} times of day in quotes, such as ["08:00", "20:00"]',
    ),
]
Date = Annotated[dt.date, Meta(description="a date, such as 2026-12-01")]
Dates = Annotated[
    tuple[dt.date, ...],
    Meta(min_length=1, max_length=DATES_MAX, description=f"a list of 1 to {DATES_MAX} dates, such as [2026-12-01]"),
]
Evening = Annotated[Time | bool, Meta(description='a time of day in quotes, such as "19:00", or false')]
Recurrence = Annotated[
    str, Meta(min_length=1, max_length=200, description='a rule of RFC 5545, such as "FREQ=MONTHLY;BYDAY=2TU"')
]
Needs = Annotated[
    tuple[Need, ...],
    Meta(max_length=4, description='a list of "sight", "hearing", "reading" or "memory": what they do poorly'),
]
Consent = Annotated[dt.date, Meta(description="the date on which they agreed to be called, such as 2026-10-01")]
References = Annotated[
    tuple[Reference, ...],
    Meta(min_length=1, max_length=20, description="a list of 1 to 20 references of a-z, 0-9 and -, never names"),
]
Gap = Annotated[
    str, Meta(pattern=r"^[a-z0-9*?+/-]{1,120}\Z", description="a gap by the name that `plan check` gives it")
]
AfterSeconds = Annotated[int, Meta(ge=0, le=86_400, description="whole seconds from 0 to 86400 (a day)")]
ForSeconds = Annotated[int, Meta(ge=1, le=86_400, description="whole seconds from 1 to 86400 (a day)")]
RepeatMinutes = Annotated[int, Meta(ge=1, le=1_440, description="whole minutes from 1 to 1440 (a day)")]
InactivityMinutes = Annotated[int, Meta(ge=15, le=5_940, description="whole minutes from 15 to 5940 (99 hours)")]
AbsenceMinutes = Annotated[int, Meta(ge=1, le=5_940, description="whole minutes from 1 to 5940 (99 hours)")]
OpenMinutes = Annotated[int, Meta(ge=1, le=1_440, description="whole minutes from 1 to 1440 (a day)")]
BackMinutes = Annotated[int, Meta(ge=1, le=60, description="whole minutes from 1 to 60")]
Degrees = Annotated[float, Meta(ge=-30, le=60, description="degrees Celsius from -30 to 60")]
Hysteresis = Annotated[float, Meta(ge=0.1, le=5, description="degrees Celsius from 0.1 to 5")]
SilentHours = Annotated[int, Meta(ge=1, le=168, description="whole hours from 1 to 168 (a week)")] | Literal["never"]
MainsSeconds = Annotated[int, Meta(ge=60, le=180, description="whole seconds from 60 to 180")]
RouterMinutes = Annotated[int, Meta(ge=0, le=1_440, description="whole minutes from 0 (not at all) to 1440 (a day)")]
LeaveMinutes = Annotated[int, Meta(ge=0, le=1_439, description="whole minutes from 0 to 1439 (a day, less one)")]
PromptMinutes = Annotated[int, Meta(ge=1, le=60, description="whole minutes from 1 to 60")]
MissedMinutes = Annotated[int, Meta(ge=5, le=240, description="whole minutes from 5 to 240 (4 hours)")]
LateMinutes = Annotated[int, Meta(ge=0, le=720, description="whole minutes from 0 to 720 (12 hours)")]
EarlyMinutes = Annotated[int, Meta(ge=0, le=240, description="whole minutes from 0 to 240 (4 hours)")]
Bound = Annotated[float, Meta(ge=-100_000, le=100_000, description="a number from -100000 to 100000")]
Volume = Annotated[int, Meta(ge=10, le=100, description="percent, from 10 to 100 (as loud as it goes)")]
Rate = Annotated[int, Meta(ge=80, le=240, description="words a minute, from 80 to 240")]
HubHours = Annotated[float, Meta(ge=0, le=72, description="hours from 0 (no battery) to 72")]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every table."""


class File(Table, frozen=True, kw_only=True):
    """The document's first level; its tables are read one by one, so that all their problems are found."""

    version: Version = 0
    language: Language = "en"
    time_zone: Zone = "UTC"
    contact: Any = None
    kind: Any = None
    ladder: Any = None
    night: Any = None
    quiet: Any = None
    inactivity: Any = None
    absence: Any = None
    door: Any = None
    temperature: Any = None
    visit: Any = None
    person: Any = None
    reminder: Any = None
    information: Any = None
    threshold: Any = None
    voice: Any = None
    supervision: Any = None
    power_cut: Any = None
    accepted_gaps: Any = None
    private: Any = None


class ContactTable(Table, frozen=True, kw_only=True):
    """`[contact.daughter]`: somebody who agreed to be called."""

    language: Language | None = None
    channels: Annotated[tuple[Literal["sms"], ...], Meta(max_length=1, description='["sms"] or []')] = ("sms",)
    consent: Consent | None = None
    neighbour: bool = False


class KindTable(Table, frozen=True, kw_only=True):
    """`[kind.pendant]`: what is different from the kind's default, and its ladder."""

    priority: Priority | None = None
    cancel_s: CancelSeconds | None = None
    silent: bool | None = None
    ladder: Name | None = None


class LadderTable(Table, frozen=True, kw_only=True):
    """`[ladder.help]`: timed steps, begun anew `repeat_min` after the last one while nobody has the alarm."""

    repeat_min: RepeatMinutes | None = None
    step: Annotated[Any, Meta(description="at least one table [[ladder.….step]]")]


class StepTable(Table, frozen=True, kw_only=True):
    """`[[ladder.help.step]]`: what is done `after_s` from the alarm, unless it has got so far by then."""

    after_s: AfterSeconds
    do: Means
    to: References = ()
    unless: Unless = "acknowledged"
    only: Part | None = None
    text: Reference = ""
    for_s: ForSeconds | None = None


class WindowTable(Table, frozen=True, kw_only=True):
    """`[night]`, `[quiet]`: a part of the day, over midnight when `to` is not after `from`."""

    begin: Time = field(name="from")
    to: Time
    days: Days = DAYS


class InactivityTable(Table, frozen=True, kw_only=True):
    """`[[inactivity]]`: nobody stirs."""

    name: Reference
    limit_min: InactivityMinutes
    begin: Time | None = field(name="from", default=None)
    to: Time | None = None
    days: Days | None = None
    sensors: References = ()


class AbsenceTable(Table, frozen=True, kw_only=True):
    """`[[absence]]`: a bed or chair left and not returned to."""

    sensor: Reference
    limit_min: AbsenceMinutes
    begin: Time | None = field(name="from", default=None)
    to: Time | None = None
    days: Days | None = None


class DoorTable(Table, frozen=True, kw_only=True):
    """`[[door]]`: left open, or opened when nobody should leave and nobody came back within `back_min`."""

    sensor: Reference
    open_min: OpenMinutes | None = None
    leaving_from: Time | None = None
    leaving_to: Time | None = None
    leaving_days: Days | None = None
    back_min: BackMinutes | None = None


class TemperatureTable(Table, frozen=True, kw_only=True):
    """`[[temperature]]`: a room too cold or too hot."""

    sensor: Reference
    low: Degrees | None = None
    high: Degrees | None = None
    hysteresis: Hysteresis = 1.0


class VisitTable(Table, frozen=True, kw_only=True):
    """`[[visit]]`: a carer is expected to check in at `sensor` from `from` until `to`."""

    name: Reference
    sensor: Reference
    begin: Time = field(name="from")
    to: Time
    days: Days = DAYS


class PersonTable(Table, frozen=True, kw_only=True):
    """`[person.mrs-a]`: somebody who lives here."""

    language: Language | None = None
    needs: Needs = ()


class ReminderTable(Table, frozen=True, kw_only=True):
    """`[[reminder]]`: something that the hub says in time, again and again, until it is answered or missed."""

    name: Reference
    kind: ReminderKind
    at: Times
    person: Reference = ""
    text: Reference = ""
    days: Days | None = None
    dates: Dates | None = None
    rule: Recurrence | None = None
    skipped: Dates = ()
    begin: Date | None = field(name="from", default=None)
    until: Date | None = None
    evening: Evening | None = None
    leave_min: LeaveMinutes | None = None
    repeat_min: PromptMinutes | None = None
    snooze_min: PromptMinutes | None = None
    missed_min: MissedMinutes | None = None
    late_min: LateMinutes | None = None
    early_min: EarlyMinutes | None = None
    sensor: Reference = ""
    reading: Reference = ""
    alarm: bool = False


class InformationTable(Table, frozen=True, kw_only=True):
    """`[[information]]`: something that the resident may ask to hear."""

    name: Reference
    text: Reference


class ThresholdTable(Table, frozen=True, kw_only=True):
    """`[[threshold]]`: a reading that is an alarm."""

    name: Reference
    sensor: Reference
    quantity: Reference
    low: Bound | None = None
    high: Bound | None = None


class VoiceTable(Table, frozen=True, kw_only=True):
    """`[voice]`: how loud and how fast the hub speaks."""

    volume: Volume | None = None
    quiet_volume: Volume | None = None
    rate: Rate | None = None


class SupervisionTable(Table, frozen=True, kw_only=True):
    """`[supervision]`: how soon silence and a mains failure are faults."""

    mains_s: MainsSeconds | None = None
    silent_after_h: Any = None


class PowerCutTable(Table, frozen=True, kw_only=True):
    """`[power_cut]`: how long the home's router goes on without mains, and the hub itself."""

    router_min: RouterMinutes | None = None
    hub_h: HubHours | None = None


class PrivateTable(Table, frozen=True, kw_only=True):
    """`[private]`: what may never leave the hub in the clear (S11)."""

    numbers: Any = None
    texts: Any = None
