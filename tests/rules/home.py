"""A home in virtual time, so that a test reads as the script of an incident. Nothing here decides anything."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

import msgspec
from msgspec.structs import replace

from rules.actions import Action, Chirp, Send, SendCheckIn, SendText
from rules.alarm import Alarm
from rules.engine import next_deadline, step
from rules.events import (
    AnyEvent,
    CallPressed,
    CancelPressed,
    Cleared,
    ClockChanged,
    Commanded,
    Config,
    Event,
    Heard,
    HelpArrived,
    LinkDown,
    LinkUp,
    Measured,
    Mode,
    PlanOffered,
    Receipted,
    ReceiptResult,
    Replied,
    Sensor,
    Started,
    TextSent,
    Tick,
    Triggered,
)
from rules.plan import Contact, Ladder, Plan, Rule, Step, Window
from rules.projection import Display, project
from rules.reports import TYPE_OF, AlarmRaised, Report
from rules.state import House
from rules.values import Now

R = TypeVar("R", bound=Report)

SENSORS = (
    Sensor("pendant-1", "pendant", "worn", "p1"),
    Sensor("pendant-2", "pendant", "worn", "p1"),
    Sensor("pendant-3", "pendant", "worn", "p2"),
    Sensor("cord-1", "pull-cord", "bathroom", "p1"),
    Sensor("fall-1", "fall", "worn", "p1"),
    Sensor("flood-1", "flood", "kitchen"),
    Sensor("flood-2", "flood", "bathroom"),
    Sensor("smoke-1", "smoke", "hall", heartbeat_ms=12 * 3_600_000),
    Sensor("co-1", "carbon-monoxide", "hall"),
    Sensor("door-1", "door-button", "hall"),
)

ROOMS = (
    Sensor("pendant-1", "pendant", "worn", "p1"),
    Sensor("panic-1", "door-button", "hall"),
    Sensor("hall", "motion", "hall"),
    Sensor("kitchen", "motion", "kitchen"),
    Sensor("front", "door", "hall"),
    Sensor("bed-1", "bed", "bedroom", "p1"),
    Sensor("chair-1", "chair", "lounge", "p1"),
    Sensor("lounge", "temperature", "lounge"),
    Sensor("carer", "visit", "hall"),
)
"""A home where something is watched."""

WALL_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z, less what the first boot has run."""

MINUTE = 60.0
HOUR = 3_600.0


def config(
    *sensors: Sensor, uplinks: Sequence[str] = ("main",), standby: Sequence[str] = (), outputs: bool = True
) -> Config:
    return Config(
        hub="hub-1", sensors=sensors or SENSORS, uplinks=tuple(uplinks), standby=tuple(standby), outputs=outputs
    )


def through_json(house: House) -> House:
    """What a restart reads is what was written."""
    return msgspec.json.decode(msgspec.json.encode(house), type=House)


class Home:
    """A hub with its sensors. Time moves only by `after` (the hub wakes on time) and `asleep_for` (it does not).

    `answers_check_ins`: the centre does; `texts_go`: the mobile network takes every text at once.
    """

    def __init__(
        self, *sensors: Sensor, uplinks: Sequence[str] = ("main",), standby: Sequence[str] = (), line: bool = True
    ) -> None:
        self.house = House()
        self.ms = 20_000
        self.wall_from_boot_ms = WALL_MS
        self.synced = True
        self.answers_check_ins = True
        self.texts_go = False
        self.config = config(*sensors, uplinks=uplinks, standby=standby)
        self.journal: list[tuple[Now, Event]] = []
        self.history: list[Action] = []
        self.actions: list[Action] = []
        self._boots = 1
        self._epochs = 0
        self.start()
        if line:
            self.link_up()
        self.actions.clear()

    # --- time ---

    @property
    def now(self) -> Now:
        return Now(self.ms, self.wall_from_boot_ms + self.ms, self.synced)

    def after(self, seconds: float) -> Self:
        """Let time pass; the hub wakes for each of its deadlines."""
        until = self.ms + round(seconds * 1000)
        while (due := next_deadline(self.house)) is not None and due <= until:
            self.ms = due
            self.happens(Tick())
        self.ms = until
        return self

    def asleep_for(self, seconds: float) -> Self:
        """Let time pass without a wake-up: a stalled disk, a busy core, no process at all."""
        self.ms += round(seconds * 1000)
        return self

    def until(self, moment: str) -> Self:
        """Let time pass until the wall clock shows a moment (ISO 8601, with its zone)."""
        return self.after((wall_ms(moment) - self.now.wall_ms) / 1000)

    def set_clock(self, moment: str, *, synced: bool = True) -> Self:
        """Set the wall clock; whoever set it is vouched for, or not. The hub finds it so when it next looks."""
        self.wall_from_boot_ms = wall_ms(moment) - self.ms
        self.synced = synced
        return self

    # --- what happens ---

    def happens(self, event: AnyEvent) -> list[Action]:
        self.journal.append((self.now, event))
        self.house, actions = step(self.house, self.now, event)
        done = list(actions)
        self.actions += done
        self.history += done
        for action in done:
            if isinstance(action, SendText) and self.texts_go:
                self.text_sent(action)
        if self.answers_check_ins:
            for action in done:
                if isinstance(action, SendCheckIn) and action.id == self.house.centre.waiting:
                    self.answered(action.id)
        return done

    def answered(self, ref: str) -> None:
        """The centre answers a check-in."""
        self.happens(Receipted(ref, "accepted"))

    def start(self, *, store_quarantined: bool = False) -> list[Action]:
        self._epochs += 1
        return self.happens(Started(f"boot-{self._boots}", f"e{self._epochs}", self.config, store_quarantined))

    def restart(self, down: float = 1.0) -> list[Action]:
        """The process ends, and another begins from what was written."""
        self.asleep_for(down)
        self.house = through_json(self.house)
        return self.start()

    def reboot(self, booted: float = 15.0) -> list[Action]:
        """The machine lost power, nobody knows for how long; it has now been up for `booted` seconds."""
        self._boots += 1
        self.ms = round(booted * 1000)
        self.house = through_json(self.house)
        return self.start()

    def press(self, sensor: str, detail: str = "press") -> list[Action]:
        return self.happens(Triggered(sensor, detail))

    def wet(self, sensor: str = "flood-1") -> list[Action]:
        return self.happens(Triggered(sensor, "wet", sustained=True))

    def dry(self, sensor: str = "flood-1") -> list[Action]:
        return self.happens(Cleared(sensor))

    def enters(self, sensor: str) -> list[Action]:
        """A level begins: a door opens, somebody lies down, a contact closes."""
        return self.happens(Triggered(sensor, sustained=True))

    def leaves(self, sensor: str) -> list[Action]:
        """It ends."""
        return self.happens(Cleared(sensor))

    def moves(self, sensor: str = "hall") -> list[Action]:
        return self.happens(Triggered(sensor, "motion"))

    def measures(self, value: float, sensor: str = "lounge") -> list[Action]:
        return self.happens(Measured(sensor, "temperature", value, "°C"))

    def watches(self, **rules: Any) -> list[Action]:
        """Another plan comes into force, of a home in London."""
        return self.plan(Plan(version=self.house.plan.version + 1, time_zone="Europe/London", **rules))

    def heard(self, sensor: str) -> list[Action]:
        return self.happens(Heard(sensor))

    def call(self) -> list[Action]:
        return self.happens(CallPressed())

    def cancel(self) -> list[Action]:
        return self.happens(CancelPressed())

    def help_arrives(self) -> list[Action]:
        return self.happens(HelpArrived())

    def link_up(self, uplink: str = "main") -> list[Action]:
        return self.happens(LinkUp(uplink))

    def link_down(self, uplink: str = "main", reason: str = "keepalive") -> list[Action]:
        return self.happens(LinkDown(uplink, reason))

    def receipt(
        self, ref: str | None = None, result: ReceiptResult = "accepted", retry_after: float = 0, reason: str = ""
    ) -> list[Action]:
        """The centre's receipt; for the last alarm raised unless told otherwise."""
        ref = ref if ref is not None else self.ref(AlarmRaised)
        return self.happens(Receipted(ref, result, round(retry_after * 1000), reason))

    def command(self, kind: str, command_id: str = "", **data: object) -> list[Action]:
        command_id = command_id or f"command-{len(self.journal)}"
        return self.happens(Commanded(command_id, kind, msgspec.json.encode(data).decode()))

    def acknowledge(self) -> list[Action]:
        return self.command("acknowledge", alarm=self.alarm.id)

    def resolve(self) -> list[Action]:
        return self.command("resolve", alarm=self.alarm.id, outcome="fine")

    def plan(self, plan: Plan) -> list[Action]:
        """A newer plan, proven already."""
        return self.happens(PlanOffered(plan))

    def text_sent(self, text: SendText | None = None) -> list[Action]:
        """The network takes a text; the last one unless told otherwise."""
        return self.happens(TextSent((text or self.texts()[-1]).text))

    def reply(self, contact: str, code: int, answer: int = 1) -> list[Action]:
        return self.happens(Replied(contact, answer, code))

    def set_mode(self, mode: Mode) -> list[Action]:
        return self.command("set-mode", mode=mode)

    # --- what came of it ---

    @property
    def alarm(self) -> Alarm:
        """The one open alarm."""
        (alarm,) = self.house.alarms
        return alarm

    @property
    def stage(self) -> str:
        return self.alarm.stage

    @property
    def delivery(self) -> str:
        return self.alarm.delivery

    @property
    def mode(self) -> str:
        return self.house.mode

    def display(self) -> Display:
        return project(self.house)

    def sensed(self) -> Display:
        """What of the display can be seen, heard or felt; `discreet` only says what is not to be said aloud."""
        return replace(self.display(), discreet=False)

    @property
    def faults(self) -> set[tuple[str, str]]:
        return {(fault.fault, fault.subject) for fault in self.house.faults}

    def sent(self, kind: type[R]) -> list[R]:
        """The reports of a type, since the last `forget`."""
        return [each.report for each in self.actions if isinstance(each, Send) and isinstance(each.report, kind)]

    def texts(self) -> list[SendText]:
        """The texts handed to the modem, since the last `forget`."""
        return [each for each in self.actions if isinstance(each, SendText)]

    def told(self) -> list[tuple[str, str]]:
        """Who was texted what."""
        return [(text.contact, text.what) for text in self.texts()]

    def only(self, kind: type[R]) -> R:
        (report,) = self.sent(kind)
        return report

    def ref(self, kind: type[Report]) -> str:
        """The id of the last report of a type."""
        return [each.id for each in self.history if isinstance(each, Send) and isinstance(each.report, kind)][-1]

    def forget(self) -> Self:
        """Look only at what comes from now on."""
        self.actions.clear()
        return self


def wall_ms(moment: str) -> int:
    """A moment in ISO 8601, with its zone, as Unix milliseconds."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def window(begin: str, to: str, days: Sequence[int] = range(7)) -> Window:
    """A window of the plan: `window("22:00", "07:00")`; 0 is Monday."""
    minutes = [int(each[:2]) * 60 + int(each[3:]) for each in (begin, to)]
    return Window(begin=minutes[0], to=minutes[1], days=tuple(days))


def watched(begins: str, *sensors: Sensor, synced: bool = True, **rules: Any) -> Home:
    """A home with a plan in force, when its wall clock shows `begins`."""
    home = Home(*(sensors or ROOMS)).set_clock(begins, synced=synced)
    home.happens(ClockChanged(synced))
    home.watches(**rules)
    return home.forget()


def words(actions: Sequence[Action]) -> list[str]:
    """Actions as short words: the type of a report, `chirp name`, or the action's own name."""
    return [_word(action) for action in actions]


def _word(action: Action) -> str:
    match action:
        case Send():
            return TYPE_OF[type(action.report)]
        case Chirp():
            return f"chirp {action.name}"
        case _:
            return type(action).__name__


def chirps(actions: Sequence[Action]) -> list[str]:
    return [action.name for action in actions if isinstance(action, Chirp)]


def plan_of(*steps: Step, kind: str = "smoke", repeat: float = 0, version: int = 1, **rest: object) -> Plan:
    """A plan with one ladder, for one kind, and two contacts who agreed to be called."""
    fields: dict[str, object] = {
        "contacts": (
            Contact(contact="daughter", consent="2026-10-01"),
            Contact(contact="neighbour", consent="2026-10-02", language="pl", neighbour=True),
        ),
        "kinds": (Rule(kind=kind, ladder="help"),),
        "ladders": (Ladder(name="help", steps=steps, repeat_ms=round(repeat * 1000)),),
    }
    return Plan(version=version, **(fields | rest))  # type: ignore[arg-type]


def sms(after: float, *to: str, **rest: object) -> Step:
    """A step that texts, `after` seconds from the raise."""
    return Step(after_ms=round(after * 1000), means="sms", to=to, **rest)  # type: ignore[arg-type]
