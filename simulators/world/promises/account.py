"""The judges' own account of how the resident lives, and of what a plan says is due: beside the rules, not of them."""

from collections.abc import Iterator

import msgspec

from rules.events import (
    AnswerHeld,
    AnswerPressed,
    CallPressed,
    CancelPressed,
    Cleared,
    Event,
    HelpArrived,
    Measured,
    Triggered,
)
from rules.plan import Absence, Door, Inactivity, Plan, Temperature, Window
from rules.state import House
from rules.values import Now
from simulators.world.household import BUTTON, PLACES
from simulators.world.promises.hours import date_at, midnight_after, open_spans, shut_longest_ms

STEP_OUT_MS = 30_000
DAY_MS = 86_400_000
NEVER_MS = 1 << 62

HANDS = frozenset({"pendant", "button", "pull-cord", "lid"})
SEATS = frozenset({"bed", "chair"})
STIRRING = HANDS | SEATS | {"motion", "door"}
BY_THE_DOOR = frozenset({"door", "pendant"})
"""What may be told by somebody who goes out just now."""

ABSURD = -40.0, 80.0

Due = tuple[int, str, str]
"""When, what kind of alarm, and of which sensor."""


class Still(msgspec.Struct):
    """Since when nobody has stirred, by one rule; where they were last; whether it was told."""

    since_ms: int
    last: str = ""
    told: bool = False


class Seat(msgspec.Struct):
    """A bed or a chair that was left."""

    left_ms: int
    told: bool = False


class Doorway(msgspec.Struct):
    """A door: since when it is open, when it last moved, and by when whoever went out must be back."""

    open_ms: int | None = None
    moved_ms: int = 0
    back_by_ms: int | None = None
    told: bool = False


class Spell(msgspec.Struct):
    """A room that is too cold, or too hot."""

    lasts: bool = False
    told: bool = False
    date: str = ""
    told_ms: int | None = None


class Account:
    """What happened at home, as the plan's rules count it; and by which wall clock."""

    def __init__(self) -> None:
        self.lead_ms = 0
        self.vouched = False
        self.level: dict[str, bool] = {}
        self.still: dict[str, Still] = {}
        self.seats: dict[str, Seat] = {}
        self.doors: dict[str, Doorway] = {}
        self.spells: dict[tuple[str, str], Spell] = {}

    @classmethod
    def of(cls, house: House) -> "Account":
        """Begin where a hub says that it stands: it has forgotten all before."""
        new = cls()
        new.lead_ms, new.vouched = house.wall_offset_ms, house.clock_known
        new.level = {each.sensor: each.active for each in house.sensors}
        new.still = {each.rule: Still(each.since_ms, each.last, each.told) for each in house.still}
        new.seats = {each.sensor: Seat(each.since_ms, each.told) for each in house.left}
        new.doors = {each.sensor: Doorway(each.open_ms, each.moved_ms, each.gone_ms, each.told) for each in house.doors}
        new.spells = {
            (each.sensor, each.kind): Spell(each.lasts, each.told, each.alarm_date, each.alarm_ms)
            for each in house.spells
        }
        return new

    # --- when something is due ---------------------------------------------------------------------

    def dues(self, plan: Plan, mode: str, now_ms: int) -> Iterator[Due]:
        """Give what will be due if nothing happens. `now_ms`: what was over by then is not looked at again."""
        for room in plan.temperatures:
            yield from self._rooms(plan, room, now_ms)
        if mode == "away":
            return  # nobody is there to be watched
        for rule in plan.inactivity:
            known = self.still[rule.name]
            due_ms = NEVER_MS if known.told else self._runs_out(plan, rule, known.since_ms, now_ms, begun=False)
            yield due_ms, "inactivity", known.last or BUTTON.id
        for seat in plan.absences:
            left = self.seats.get(seat.sensor)
            if left is not None and not left.told:
                due_ms = self._runs_out(plan, seat, left.left_ms, now_ms, begun=True)
                yield due_ms, PLACES[seat.sensor].kind, seat.sensor
        for door in plan.doors:
            seen = self.doors[door.sensor]
            if seen.back_by_ms is not None:
                yield seen.back_by_ms, "leaving", door.sensor
            if seen.open_ms is not None and door.open_ms is not None and not seen.told:
                yield seen.open_ms + door.open_ms, "door-open", door.sensor

    def _runs_out(self, plan: Plan, rule: Inactivity | Absence, since_ms: int, now_ms: int, *, begun: bool) -> int:
        """Give when a limit within the rule's window is reached: on the first day that is long enough.

        What began before the window opened counts from its opening; or not at all, if it must have `begun` within.
        """
        window = rule.window
        if window is None:
            return since_ms + rule.limit_ms
        if not self.vouched:  # nobody knows the hour: at any, but so much later that it is never too soon
            return since_ms + rule.limit_ms + shut_longest_ms(window)
        for opens, shuts in open_spans(window, plan.time_zone, now_ms + self.lead_ms):
            opens_ms, shuts_ms = opens - self.lead_ms, shuts - self.lead_ms
            due_ms = max(since_ms, opens_ms) + rule.limit_ms
            if shuts_ms > now_ms and due_ms <= shuts_ms and not (begun and since_ms < opens_ms):
                return due_ms
        return NEVER_MS

    def _rooms(self, plan: Plan, rule: Temperature, now_ms: int) -> Iterator[Due]:
        """At once, but for one that was told today already: then tomorrow, if it lasts."""
        for kind in ("cold", "heat"):
            spell = self.spells.get((rule.sensor, kind))
            if spell is None or not spell.lasts or spell.told:
                continue
            due_ms = now_ms
            if self.vouched and spell.date:
                if date_at(plan.time_zone, now_ms + self.lead_ms) == spell.date:
                    due_ms = midnight_after(plan.time_zone, now_ms + self.lead_ms) - self.lead_ms
            elif spell.told_ms is not None:
                due_ms = spell.told_ms + DAY_MS
            yield due_ms, kind, rule.sensor

    def told(self, due: Due, plan: Plan, at_ms: int) -> None:
        """It is told: not again before it has ended (S4)."""
        due_ms, kind, sensor = due
        match kind:
            case "inactivity":
                for rule in plan.inactivity:
                    known = self.still[rule.name]
                    if not known.told and self._runs_out(plan, rule, known.since_ms, at_ms - 1, begun=False) == due_ms:
                        known.told = True
            case "bed" | "chair":
                self.seats[sensor].told = True
            case "door-open":
                self.doors[sensor].told = True
            case "leaving":
                self.doors[sensor].back_by_ms = None
            case _:
                date = date_at(plan.time_zone, at_ms + self.lead_ms) if self.vouched else ""
                self.spells[sensor, kind] = Spell(lasts=True, told=True, date=date, told_ms=at_ms)

    # --- what happens ------------------------------------------------------------------------------

    def take(self, event: Event, now: Now, house: House, *, warned: bool) -> bool:
        """Take what was told; give whether somebody stirred. `warned`: a warning of inactivity sounded just then."""
        stirred = ""
        match event:
            case Triggered(sensor=name, sustained=sustained) if name in PLACES:
                kind, changed = PLACES[name].kind, not (sustained and self.level.get(name, False))
                self.level[name] = self.level.get(name, False) or sustained
                if kind == "door" and changed:
                    self._opened(name, now, house)
                elif kind in SEATS and changed:
                    self.seats.pop(name, None)
                stirred = name if kind in STIRRING and (changed or kind == "motion") else ""
            case Cleared(sensor=name) if name in PLACES:
                kind, was = PLACES[name].kind, self.level.get(name, False)
                self.level[name] = False
                if kind == "door" and name in self.doors:
                    self.doors[name].open_ms, self.doors[name].moved_ms, self.doors[name].told = None, now.ms, False
                if kind in SEATS and was and house.mode != "away":
                    self.seats[name] = Seat(now.ms)
                stirred = name if kind in (SEATS | {"door"}) and was else ""
            case CallPressed() | CancelPressed() | HelpArrived() | AnswerPressed() | AnswerHeld():
                stirred = BUTTON.id
            case Measured(sensor=name, quantity="temperature", value=value):
                self._measured(name, value, house.plan)
        if stirred:
            self._stirs(stirred, now.ms, house.plan, warned=warned)
        return bool(stirred)

    def _stirs(self, sensor: str, now_ms: int, plan: Plan, *, warned: bool) -> None:
        for rule in plan.inactivity:
            if warned or sensor == BUTTON.id or not rule.sensors or sensor in rule.sensors:
                self.still[rule.name] = Still(now_ms, sensor)
        if PLACES[sensor].kind not in BY_THE_DOOR:
            for door in self.doors.values():
                if now_ms - door.moved_ms >= STEP_OUT_MS:
                    door.back_by_ms = None

    def _opened(self, sensor: str, now: Now, house: House) -> None:
        rule: Door | None = next((each for each in house.plan.doors if each.sensor == sensor), None)
        if rule is None:
            return
        door = self.doors[sensor]
        door.open_ms = door.moved_ms = now.ms
        door.told = False
        if door.back_by_ms is None and house.mode != "away" and self._within(rule.leaving, house.plan, now.ms):
            door.back_by_ms = now.ms + rule.back_ms

    def _within(self, window: Window | None, plan: Plan, at_ms: int) -> bool:
        wall_ms = at_ms + self.lead_ms
        return window is not None and any(
            opens <= wall_ms < shuts for opens, shuts in open_spans(window, plan.time_zone, wall_ms)
        )

    def _measured(self, sensor: str, value: float, plan: Plan) -> None:
        if not ABSURD[0] < value < ABSURD[1]:
            return
        for rule in plan.temperatures:
            if rule.sensor != sensor:
                continue
            for kind, bound, beyond in (("cold", rule.low, -1), ("heat", rule.high, 1)):
                if bound is None:
                    continue
                spell = self.spells.setdefault((sensor, kind), Spell())
                by = (value - bound) * beyond
                if not spell.lasts:
                    spell.lasts, spell.told = by > 0, False
                elif by <= -rule.hysteresis:
                    spell.lasts = False

    # --- what begins anew --------------------------------------------------------------------------

    def reboot(self, before: House, now_ms: int) -> None:
        """S6: nobody knows how long it was: what counted counts anew, and whoever was awaited counts as gone."""
        for known in self.still.values():
            known.since_ms = now_ms
        for sensor, seat in list(self.seats.items()):
            rules = [rule for rule in before.plan.absences if rule.sensor == sensor]
            if seat.told or any(self._counts(rule, seat.left_ms, before) for rule in rules):
                seat.left_ms = now_ms
            else:
                del self.seats[sensor]
        for door in self.doors.values():
            door.open_ms = None if door.open_ms is None else now_ms
            door.back_by_ms = None if door.back_by_ms is None else now_ms
            door.moved_ms = now_ms
        for spell in self.spells.values():
            spell.told_ms = None

    def _counts(self, rule: Absence, left_ms: int, before: House) -> bool:
        if rule.window is None or not self.vouched:
            return True
        left, last = left_ms + self.lead_ms, before.now_ms + self.lead_ms
        spans = open_spans(rule.window, before.plan.time_zone, last)
        return any(opens <= left and last < shuts for opens, shuts in spans if opens <= last)

    def home_again(self, now_ms: int) -> None:
        """They are back: what was not watched meanwhile counts from now."""
        for known in self.still.values():
            known.since_ms = now_ms
        self.seats.clear()
        for door in self.doors.values():
            door.open_ms = None if door.open_ms is None else now_ms

    def begin(self, plan: Plan, now_ms: int) -> None:
        """Another plan, or another process: what is still watched goes on."""
        self.still = {rule.name: self.still.get(rule.name, Still(now_ms)) for rule in plan.inactivity}
        seats = {rule.sensor for rule in plan.absences}
        self.seats = {name: seat for name, seat in self.seats.items() if name in seats}
        self.doors = {rule.sensor: self.doors.get(rule.sensor) or self._standing(rule, now_ms) for rule in plan.doors}
        rooms = {(rule.sensor, "cold") for rule in plan.temperatures if rule.low is not None}
        rooms |= {(rule.sensor, "heat") for rule in plan.temperatures if rule.high is not None}
        self.spells = {key: spell for key, spell in self.spells.items() if key in rooms}

    def _standing(self, rule: Door, now_ms: int) -> Doorway:
        return Doorway(now_ms if self.level.get(rule.sensor) else None, now_ms)
