"""Everything that can change the hub's mind. There is no other way in (DESIGN: one inbox, no back channel)."""

from typing import Literal

from rules.kinds import KINDS, Kind
from rules.plan import Plan
from rules.values import Value, kebab

Mode = Literal["home", "away", "engineer"]
ReceiptResult = Literal["accepted", "retry", "rejected", "conflict"]
Trouble = Literal["tamper", "battery-low", "unavailable"]
Verb = Literal["engineer", "home", "test-alarm", "end-tests", "self-test"]
Why = Literal["certificate", "configuration", "software"]
"""Why a restart is wanted: what the running process has not read yet."""


class Event(Value, frozen=True, tag_field="event", tag=kebab):
    """Something that happened. Stamped when it enters the inbox, journalled as it is."""


class Sensor(Value, frozen=True):
    """A sensor this home has: who and where are references, never names (S11).

    `heartbeat_ms` is how long it may be silent before that is a fault; None for a sensor that has no
    heartbeat of its own, such as a plain contact.
    """

    id: str
    kind: str
    location: str
    person: str = ""
    heartbeat_ms: int | None = None


class Config(Value, frozen=True):
    """What the rules need to know of this hub's configuration. Enters with `Started`, so replay has it too.

    `standby` are those of the `uplinks` that are kept closed until they are wanted (`rules.links`).
    """

    hub: str
    sensors: tuple[Sensor, ...] = ()
    kinds: tuple[Kind, ...] = KINDS
    uplinks: tuple[str, ...] = ("main",)
    standby: tuple[str, ...] = ()
    outputs: bool = True
    version: str = ""

    def sensor(self, sensor_id: str) -> Sensor | None:
        """Give a sensor by its id."""
        return next((each for each in self.sensors if each.id == sensor_id), None)


# --- the process -------------------------------------------------------------------------------


class Started(Event, frozen=True):
    """The daemon started. `epoch` is new for every process start, `boot` for every boot of the machine."""

    boot: str
    epoch: str
    config: Config
    store_quarantined: bool = False


class Tick(Event, frozen=True):
    """Nothing happened but time: a deadline may be due."""


# --- sensors -----------------------------------------------------------------------------------


class Triggered(Event, frozen=True):
    """A configured sensor asks for help.

    `detail` is the device's own word ("emergency", "fall"). `sustained` means a level that stays
    until `Cleared` (a wet floor, a closed contact): while it stands it is one stimulus.
    """

    sensor: str
    detail: str = ""
    sustained: bool = False


class Cleared(Event, frozen=True):
    """A sustained stimulus ended: the floor is dry, the contact open."""

    sensor: str


class Heard(Event, frozen=True):
    """A sensor gave a sign of life. Thinned before it enters: at most one in ten minutes from each sensor."""

    sensor: str


class Measured(Event, frozen=True):
    """A sensor reported a quantity worth keeping (battery, temperature, signal), in the named unit."""

    sensor: str
    quantity: str
    value: float
    unit: str = ""


class Troubled(Event, frozen=True):
    """A sensor is unwell, or well again."""

    sensor: str
    trouble: Trouble
    active: bool


class DriverFailed(Event, frozen=True):
    """A driver stopped listening: its adapter was pulled, its bus is gone, it raised."""

    driver: str
    reason: str


class DriverRecovered(Event, frozen=True):
    """A driver listens again."""

    driver: str


# --- the resident at the hub -------------------------------------------------------------------


class CallPressed(Event, frozen=True):
    """The hub's own call button was pressed."""


class CancelPressed(Event, frozen=True):
    """The hub's cancel button was pressed."""


class HelpArrived(Event, frozen=True):
    """Somebody who came to help held the hub's button."""


class AnswerPressed(Event, frozen=True):
    """The button that answers was pressed shortly, for `for_ms`, and let go: "yes, done", "heard"."""

    for_ms: int = 0


class AnswerHeld(Event, frozen=True):
    """The button that answers is held, so far for `for_ms`: "later", or "tell me something"."""

    for_ms: int = 0


# --- the uplink --------------------------------------------------------------------------------


class LinkUp(Event, frozen=True):
    """An uplink is connected and has told the centre so."""

    uplink: str


class LinkDown(Event, frozen=True):
    """An uplink is lost, or was found to be lying."""

    uplink: str
    reason: str


class Receipted(Event, frozen=True):
    """The centre's signed word on one of our events, already verified and matched by digest (S2, S8).

    `retry_after_ms` counts from now and goes with `retry` only. `uplink` is the one it came over, where that is known.
    """

    ref: str
    result: ReceiptResult
    retry_after_ms: int = 0
    reason: str = ""
    uplink: str = ""


class Commanded(Event, frozen=True):
    """A command of the centre, already verified, fresh and addressed to this hub (S8).

    `body` is the command's `data` as JSON text; the rules validate it against the command's type. What is sealed in it
    was opened before, and stays with the agent (S11); `refused` is why that could not be done.
    """

    id: str
    type: str
    body: str = "{}"
    refused: str = ""


# --- the care plan and the people it names -------------------------------------------------------


class PlanOffered(Event, frozen=True):
    """A care plan that was validated and proven: it is taken if its version is newer (S9)."""

    plan: Plan


class PlanRefused(Event, frozen=True):
    """A care plan came that is not to be taken; the one there is stays (S9). `version` is 0 when it was unreadable."""

    version: int
    reason: str


class TextSent(Event, frozen=True):
    """The mobile network took a text."""

    text: str


class TextDelivered(Event, frozen=True):
    """The network reports that a text is on the contact's telephone."""

    text: str


class TextFailed(Event, frozen=True):
    """A text could not be sent now."""

    text: str
    reason: str


class Replied(Event, frozen=True):
    """A contact's text, known by its number and read as an answer and a code; 0 and 0 when it could not be read.

    What it said besides stays out of the journal (S11).
    """

    contact: str
    answer: int
    code: int


# --- the hub's own parts -----------------------------------------------------------------------


class StorageChanged(Event, frozen=True):
    """The store began to fail (or to be too slow), or recovered."""

    ok: bool
    reason: str = ""


class StoreQuarantined(Event, frozen=True):
    """A store that could not be read was put aside, and what of it still waited taken over: `rescued` rows.

    `unreadable` rows were seen there and are lost; the centre will find their numbers missing.
    """

    rescued: int = 0
    unreadable: int = 0


class ClockChanged(Event, frozen=True):
    """The kernel's verdict on the wall clock changed."""

    synced: bool


class PartChanged(Event, frozen=True):
    """A part of the hub itself (an output pin, the button board) failed or recovered."""

    part: str
    ok: bool
    reason: str = ""


class PowerChanged(Event, frozen=True):
    """What the hub runs on: whether the mains is there (None: it cannot tell), and what it knows of its battery.

    `battery` is in percent, `hours_left` the battery's own estimate while it drains; `critical` its own verdict.
    """

    mains: bool | None = None
    battery: int | None = None
    hours_left: float | None = None
    critical: bool = False


class CertificateChanged(Event, frozen=True):
    """How many whole days an uplink's certificate is still good for, by a clock that is trusted; told daily.

    `unrenewed_days`: for how many days renewing it was due and failed, or was not even looked at, and `why`.
    `valid_days` is how long it was made to be good for.
    """

    subject: str
    days_left: int
    unrenewed_days: int = 0
    why: str = ""
    valid_days: int = 365


class InstallerAsked(Event, frozen=True):
    """Somebody at the hub's own command line asked it to do something, over the local socket."""

    what: Verb


class RestartWanted(Event, frozen=True):
    """Somebody wants the hub to start anew, when that harms nobody (S10)."""

    why: Why


class Dropped(Event, frozen=True):
    """Unreceipted telemetry was dropped to stay within bounds (S12): the rows `first` to `last` of an epoch's lane."""

    epoch: str
    lane: Literal["a", "t"]
    first: int
    last: int
    count: int


AnyEvent = (
    Started
    | Tick
    | Triggered
    | Cleared
    | Heard
    | Measured
    | Troubled
    | DriverFailed
    | DriverRecovered
    | CallPressed
    | CancelPressed
    | HelpArrived
    | AnswerPressed
    | AnswerHeld
    | LinkUp
    | LinkDown
    | Receipted
    | Commanded
    | PlanOffered
    | PlanRefused
    | TextSent
    | TextDelivered
    | TextFailed
    | Replied
    | StorageChanged
    | StoreQuarantined
    | ClockChanged
    | PartChanged
    | PowerChanged
    | CertificateChanged
    | InstallerAsked
    | RestartWanted
    | Dropped
)
"""The union that journals are decoded with."""
