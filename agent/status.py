"""How the hub is, for people at the box: one document, made from the house and what the agent knows beside it."""

from typing import Annotated, Literal

import msgspec

from agent.wire.adherence import Due
from rules.alarm import Delivery, Stage
from rules.events import Mode, Why
from rules.maintenance import WaitsFor
from rules.projection import Display
from rules.state import House
from rules.values import utc
from rules.watched import Prompt


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
    """A configured sensor. `heard` is by the wall clock of the time; None: not heard yet.

    `signal` and `battery` are in percent, as last told since this process started; None: not told. Since then it was
    `presses` times pressed (or began to be active), last at `pressed` (UTC).
    """

    id: str
    kind: str
    location: str
    heard: str | None
    active: bool
    supervised_s: int | None
    signal: int | None = None
    battery: int | None = None
    pressed: str | None = None
    presses: int = 0


class StrangerStatus(_Document, frozen=True, kw_only=True):
    """Something heard that is not configured: an installer looks here for a new sensor's address.

    `said` are up to 8 different things that it said, such as "trigger emergency", "active water leak", "reading
    temperature"; `signal` is in percent, None: not told.
    """

    driver: str
    address: str
    count: int
    heard_s: int
    signal: int | None = None
    said: tuple[str, ...] = ()


class DriverNote(_Document, frozen=True, kw_only=True):
    """A driver: whether it hears, why not, how often it failed, and the noise it survived."""

    name: str
    listening: bool
    reason: str
    failures: int
    noise: int


class DeliveryStatus(_Document, frozen=True, kw_only=True):
    """A report of an alarm that this process sent: its raise, or (`joined`) a further trigger that joined it.

    `receipted_ms` is how long the centre's receipt took: from the moment the report was committed and given to the
    uplinks until the hub had committed the receipt; None: there is none yet. `sensor` is the one that raised the alarm,
    also where another one joined it: end the test (`end-tests`) before the next sensor of the same kind and place.
    """

    alarm: str
    kind: str
    sensor: str
    test: bool
    joined: bool
    sent: str
    receipted_ms: int | None


class RestartStatus(_Document, frozen=True, kw_only=True):
    """A restart that is wanted: why, since when (UTC), what it `waits_for` now ("": nothing), when it comes anyway."""

    whys: tuple[Why, ...]
    since: str
    for_s: int
    waits_for: WaitsFor | Literal[""]
    latest: str


class HubStatus(_Document, frozen=True, kw_only=True):
    """The answer to `{"ask": "status"}` on the hub's local socket.

    `outbox` counts what waits for a receipt, by lane. `counters` are the agent's own, named by it. `deliveries` are the
    last 64 reports of alarms that were sent, oldest first. `restart` is there while one is wanted. There are no names
    or telephone numbers in it (S11), but references and device addresses: it stays on the box.
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
    deliveries: tuple[DeliveryStatus, ...] = ()
    restart: RestartStatus | None = None

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


RenewalTrouble = Literal[
    "no way to the service",
    "the service refuses",
    "the answer is not proven",
    "the broker refuses",
    "no way to the broker",
    "the files cannot be written",
    "hub.toml cannot be changed",
]
"""What keeps a hub from renewing its certificate, or from taking over what its site says; the centre is told."""


Moment = Annotated[int, msgspec.Meta(ge=0)]
"""Unix ms."""


class RenewalStatus(_Document, frozen=True, kw_only=True):
    """What `hearthline provision renew` came to, in `renewal.json` of the state directory: the daemon tells of it.

    Unix ms, by a time that was trusted; None: never. `looked_ms` is the last run; `failing_ms` since when renewing was
    due and failed, `failures` times; before `again_ms` it is not tried again.
    """

    looked_ms: Moment | None = None
    failing_ms: Moment | None = None
    failures: int = 0
    why: RenewalTrouble | None = None
    again_ms: int | None = None


RENEWAL_FILE = "renewal.json"
"""Its name in the state directory."""
