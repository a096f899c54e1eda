"""One incident in a home in virtual time: the real engine, and around it just enough of a world to answer it."""

from collections.abc import Callable
from heapq import heappop, heappush

import msgspec

from rules import triggers
from rules.actions import Action, Chirp, Say, Send, SendCheckIn, SendText
from rules.engine import next_deadline, step
from rules.events import (
    AnyEvent,
    CallPressed,
    Commanded,
    Config,
    HelpArrived,
    LinkDown,
    LinkUp,
    PlanOffered,
    PowerChanged,
    Receipted,
    Replied,
    Sensor,
    Started,
    TextFailed,
    TextSent,
    Tick,
    Triggered,
)
from rules.links import wanted
from rules.plan import Plan
from rules.projection import project
from rules.proof.cases import Case, Forgets
from rules.proof.values import Fittings, Human
from rules.replies import YES
from rules.reports import AlarmEscalated, AlarmFacts, AlarmLapsed, AlarmRaised
from rules.state import House
from rules.triggers import HUB_BUTTON
from rules.turn import Turn
from rules.values import Now, Value

PUBACK_MS = 5_000
"""A line that carries nothing is found out after so long (DESIGN §4)."""

RECONNECT_MS, RECONNECT_MS_MAX = 2_000, 60_000
"""How long until a lost line is tried again. One that lies for ever is tried ever more seldom here, though a hub tries
every 4 s while an alarm waits: that changes no decision, and hours of it must be played in a moment."""

CONNECT_MS = 1_000
"""How long a line takes to come up when the hub starts."""

STANDBY_MS = 30_000
"""How long a standby takes to come up once it is wanted: its modem has to find the network."""

TEXT_MS = 10_000
"""How long the mobile network takes to accept a text, or to refuse it."""

RESTART_MS, REBOOT_MS, BOOTED_MS = 5_000, 60_000, 15_000
"""How long the hub is gone when its process restarts and when its machine reboots; how old the new boot is then."""

SETTLED_MS = 10 * 60_000
"""The hub has run so long, and is well, when the alarm is triggered."""


class Began(Value, frozen=True):
    """A hub that runs and is well, at a time of day. The trigger comes now."""

    house: House
    wall_ms: int
    label: str


def begin(plan: Plan, config: Config, wall_ms: int, label: str) -> Began:
    """Start a hub with this plan, so that at the trigger its clock reads `wall_ms`."""
    home = Incident(Began(House(), wall_ms, label), plan, config, Fittings(), Case(name="", faults=0))
    home.t = -SETTLED_MS
    home.happens(Started("b1", "e0", config))
    home.happens(PlanOffered(plan))
    home.run(-1)
    home.t = 0
    home.happens(Tick())
    return Began(home.house, wall_ms, label)


class Incident:
    """One alarm in one case. `t` counts ms from the trigger, whatever the hub's own clocks go through."""

    def __init__(
        self, began: Began, plan: Plan, config: Config, fittings: Fittings, case: Case, forgets: Forgets = ""
    ) -> None:
        self.house, self.wall_ms = began.house, began.wall_ms
        self.plan, self.config, self.fittings, self.case, self.forgets = plan, config, fittings, case, forgets
        self.t = 0
        self.running = True
        self.begun = self.forgotten = False
        self.alarm = ""
        self.local_ms: int | None = None
        self.centre_ms: int | None = None
        self.human_ms: int | None = None
        self.by: Human = ""
        self.places: set[int] = set()
        self._boot, self._epoch, self._shift_ms = 1, 0, SETTLED_MS + BOOTED_MS
        self._up = dict.fromkeys(config.uplinks, False) | {link.name: link.up for link in began.house.links}
        self._opening: set[str] = set()
        self._delay_ms = {name: STANDBY_MS if name in config.standby else CONNECT_MS for name in config.uplinks}
        self._broken: set[str] = set()
        self._mute: set[str] = set()
        self._doubted: set[str] = set()
        self._outbox: dict[str, AlarmFacts] = {}
        self._agenda: list[tuple[int, int, int, Callable[[], None]]] = []
        self._numbers = 0

    # --- time ---

    def at(self, t: int, act: Callable[[], None], *, outside: bool = False) -> None:
        """Let something happen at `t`. What the hub's process waits for ends with it; what comes from `outside` not."""
        self._numbers += 1
        heappush(self._agenda, (t, self._numbers, -1 if outside else self._epoch, act))

    def run(self, until: int, known: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, until all that is asked is `known`, or `until`."""
        while not known():
            due = next_deadline(self.house) if self.running and self.house.epoch else None
            wake = None if due is None else due - self._shift_ms
            if self._agenda and (wake is None or self._agenda[0][0] <= wake):
                t, _, epoch, act = self._agenda[0]
                if t > until:
                    return
                heappop(self._agenda)
                self.t = max(self.t, t)
                if epoch in (-1, self._epoch):
                    act()
            elif wake is None or wake > until:
                return
            else:
                self.t = max(self.t, wake)
                self.happens(Tick())

    @property
    def now(self) -> Now:
        """The hub's clocks."""
        return Now(self.t + self._shift_ms, self.wall_ms + self.t, synced=True)

    # --- the incident ---

    def trigger(self, sensor: Sensor) -> None:
        """Break what the case says, and call for help in the same moment."""
        self._break()
        self.begun = True
        if sensor.id == HUB_BUTTON.id:
            self.happens(CallPressed())
        elif any(each.id == sensor.id for each in self.config.sensors):
            self.happens(Triggered(sensor.id, "proof"))
        else:
            turn = Turn(self.house, self.now)
            triggers.begin(turn, sensor, "proof", f"proof.{sensor.kind}")
            self._take(turn.house, tuple(turn.actions))
            self.happens(Tick())  # the engine looks at what is due now
        if self.house.alarms:
            self.alarm = self.house.alarms[-1].id
        self._look()

    def _break(self) -> None:
        case, names = self.case, self.config.uplinks
        faulty = names if case.every_line else names[:1]
        if case.line == "down":
            self._lose(*faulty)
        elif case.line in ("half-open", "lying"):
            self._mute.update(faulty)
        if case.router_ms is not None:
            self.happens(PowerChanged(mains=False))
            routed = [name for name in names if name not in self.fittings.own_lines]
            self.at(case.router_ms, lambda: self._lose(*routed), outside=True)
        if case.hub_ms is not None:
            self.at(case.hub_ms, self._stop, outside=True)

    def upset_at(self, t: int) -> None:
        """Let the process or the machine end at `t`, and come back."""
        gone_ms = RESTART_MS if self.case.upset == "restart" else REBOOT_MS
        self.at(t, self._stop, outside=True)
        self.at(t + gone_ms, self._start, outside=True)

    def _stop(self) -> None:
        self.running = False

    def _start(self) -> None:
        self.house = msgspec.json.decode(msgspec.json.encode(self.house), type=House)
        self._epoch += 1
        if self.case.upset == "reboot":
            self._boot += 1
            self._shift_ms = BOOTED_MS - self.t
        self.running = True
        self._up = dict.fromkeys(self._up, False)
        self._opening.clear()
        self._doubted.clear()
        self.happens(Started(f"b{self._boot}", f"e{self._epoch}", self.config))

    # --- the hub ---

    def happens(self, event: AnyEvent) -> None:
        """Step the engine, and do what it wants. A hub that does not run hears nothing."""
        if self.running:
            self._take(*step(self.house, self.now, event))

    def _take(self, house: House, actions: tuple[Action, ...]) -> None:
        self.house = house
        for action in actions:
            self._do(action)
        self._look()
        self._open_lines()

    def _do(self, action: Action) -> None:
        match action:
            case Send(report=AlarmFacts() as report):
                self._outbox[action.id] = report
                if isinstance(report, AlarmEscalated):
                    self.places.add(report.step - 1)
                if isinstance(report, AlarmRaised) and self.forgets == "home":
                    self.at(self.t, self._helper_comes)
                self.at(self.t, self._deliver)
            case SendCheckIn():
                self.at(self.t, lambda: self._check_in(action.id))
            case SendText():
                self.at(self.t + TEXT_MS, lambda: self._text(action))
            case Chirp() | Say() if self.begun and self.local_ms is None:
                self.local_ms = self.t
            case _:
                pass

    def _look(self) -> None:
        """See what the home sees."""
        alarm = self.house.alarm(self.alarm)
        if alarm is None:
            return
        if self.local_ms is None and not alarm.silent and project(self.house).tone != "none":
            self.local_ms = self.t
        sounds = alarm.siren_until_ms is not None and not alarm.silent and self.fittings.siren
        if sounds and any(each.neighbour and each.consent for each in self.plan.contacts):
            self._reached("neighbour")

    def _reached(self, by: Human) -> None:
        """Somebody was called to act. Where the first forgets it, the next one counts."""
        if self.human_ms is None and (self.forgotten or not self.forgets):
            self.human_ms, self.by = self.t, by

    # --- the lines and the centre ---

    @property
    def hopeless(self) -> bool:
        """Whether nothing can reach the centre any more."""
        lost = self._broken | (self._mute if self.case.line == "lying" else set())
        return self.case.centre == "silent" or lost.issuperset(self.config.uplinks)

    def _lose(self, *names: str) -> None:
        self._broken.update(names)
        for name in names:
            self._line_down(name, "no line")

    def _open_lines(self) -> None:
        """Open the lines that the engine wants; close the standby that it does not want any more."""
        if not self.running or not self.house.epoch:
            return
        names = wanted(self.house)
        for name, up in self._up.items():
            if name not in names and up:
                self.at(self.t, lambda name=name: self._line_down(name, "not needed"))  # type: ignore[misc]
            elif name in names and not up and name not in self._broken | self._opening:
                self._opening.add(name)
                self.at(self.t + self._delay_ms[name], lambda name=name: self._line_up(name))  # type: ignore[misc]

    def _line_up(self, name: str) -> None:
        self._opening.discard(name)
        if name not in self._broken:
            self._up[name] = True
            self.happens(LinkUp(name))
            self._deliver()

    def _line_down(self, name: str, reason: str) -> None:
        if self._up[name]:
            self._up[name] = False
            self.happens(LinkDown(name, reason))

    def _deliver(self) -> None:
        """Offer what waits to the centre, over a line that carries; find out the line that does not."""
        if not self.running:
            return
        for name in [name for name, up in self._up.items() if up]:
            if name not in self._mute:
                waiting, self._outbox = self._outbox, {}
                for ref, report in waiting.items():
                    self._received(ref, report, name)
            elif self._outbox and name not in self._doubted:
                self._doubted.add(name)
                self.at(self.t + PUBACK_MS, lambda name=name: self._found_out(name))  # type: ignore[misc]

    def _found_out(self, name: str) -> None:
        self._doubted.discard(name)
        if self.case.line == "half-open":
            self._mute.discard(name)
        self._delay_ms[name] = min(max(RECONNECT_MS, self._delay_ms[name] * 2), RECONNECT_MS_MAX)
        self._line_down(name, "no PUBACK")

    def _check_in(self, ref: str) -> None:
        way = next((name for name, up in self._up.items() if up and name not in self._mute), None)
        if way is not None and self.case.centre != "silent":
            self.happens(Receipted(ref, "accepted", uplink=way))

    def _received(self, ref: str, report: AlarmFacts, way: str) -> None:
        if self.case.centre == "silent":
            return
        if isinstance(report, AlarmRaised) and self.centre_ms is None:
            self.centre_ms = self.t
        self.happens(Receipted(ref, "accepted", uplink=way))
        to_act = isinstance(report, AlarmRaised | AlarmLapsed) or getattr(report, "means", "") == "centre"
        if to_act and self.case.centre == "answers":
            self._staff_act()

    def _staff_act(self) -> None:
        """Staff act on what they receive, unless somebody has it. `forgets`: the first of them forgets it then."""
        alarm = self.house.alarm(self.alarm)
        if alarm is None or alarm.stage != "raised" or not self.running:
            return
        self._numbers += 1
        self._reached("centre")
        self.forgotten = self.forgotten or self.forgets == "centre"
        self.happens(Commanded(f"c{self._numbers}", "acknowledge", f'{{"alarm": "{self.alarm}"}}'))

    # --- other people ---

    def _helper_comes(self) -> None:
        self.happens(HelpArrived())
        self.forgotten = True

    def _text(self, action: SendText) -> None:
        contact = self.plan.contact(action.contact)
        if not self.case.modem or contact is None or not contact.consent:
            self.happens(TextFailed(action.text, "no network"))
            return
        self.happens(TextSent(action.text))
        if action.what != "alarm":
            return
        self._reached("contact")
        if self.forgets == "contact" and not self.forgotten:
            self.forgotten = True
            self.happens(Replied(action.contact, YES, action.code))
