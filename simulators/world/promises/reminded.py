"""S4, S6: every occasion of a reminder is said in its time and has one outcome; nothing is said when it would do harm.

Written from the words of decisions 0024 and 0025: occasions are reckoned from the dates, in weeks without a change of
the clocks, and what a moved time may leave out is named here once more.
"""

from collections import deque
from collections.abc import Hashable, Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from rules.actions import Say, Send
from rules.events import AnswerPressed, ClockChanged, PlanOffered, Started
from rules.plan import Plan, Reminder
from rules.reports import (
    AlarmJoined,
    AlarmRaised,
    ReminderFacts,
    ReminderMissed,
    ReminderPrompted,
    ReminderTaken,
    Report,
)
from simulators.world.promises.judge import Scene, Stepped
from simulators.world.promises.speech import Spoken, Wall, hushed

DAY_MIN, MINUTE_MS, DAY_MS = 24 * 60, 60_000, 86_400_000
WEEK_MS, AHEAD_MS = 7 * DAY_MS, DAY_MS
MOVED_MIN = 3 * 60

Key = tuple[str, str, str]
"""A reminder, a date and a time on the home's clocks."""

PLANS_MAX = 8
"""So many may follow each other while something is held back."""

OF_OTHERS = (None, "message", "no-information")
"""What is said that is no reminder."""

Pair = tuple[int, int, int]
"""A time that goes, one that comes and may be the same dose, and how many days later that is."""

Facts = ReminderFacts
_ENDS = ReminderTaken | ReminderMissed


class Occasion(msgspec.Struct):
    """One that is due, and how it goes."""

    due_ms: int
    prompted: tuple[str, int, int] | None = None
    """In which boot it was first said, when, and by which plan."""
    ended: ReminderTaken | ReminderMissed | None = None
    lied: bool = False
    """Whether somebody vouched for a wrong clock since it was due: that may tell it as missed, or have it due again."""
    moved: bool = False
    """Whether it may be the same dose as another's."""
    over: bool = False
    """Whether it is the same dose as one that was said, or taken, at its old time."""


def occasions(plan: Plan, reminder: Reminder, on: date) -> Iterator[tuple[Key, int]]:
    """Give a reminder's occasions of a day, and when they are due in Unix ms."""
    if on.weekday() not in reminder.days:
        return
    appointment = reminder.kind == "appointment"
    for minutes in reminder.times:
        due_ms = _unix_ms(plan, on, minutes) - (reminder.leave_ms if appointment else 0)
        yield (reminder.name, on.isoformat(), f"{minutes // 60:02}:{minutes % 60:02}"), due_ms
    if appointment and reminder.evening is not None:
        yield (reminder.name, on.isoformat(), "evening"), _unix_ms(plan, on - timedelta(1), reminder.evening)


def _unix_ms(plan: Plan, on: date, minutes: int) -> int:
    midnight = datetime.combine(on, time(), ZoneInfo(plan.time_zone))
    return round((midnight + timedelta(minutes=minutes)).timestamp() * 1_000)


def due_within(plan: Plan, after_ms: int, until_ms: int) -> list[tuple[Key, int]]:
    """Give what is due later than one wall moment and not later than another."""
    if until_ms <= after_ms:
        return []
    zone = ZoneInfo(plan.time_zone)
    first = datetime.fromtimestamp(after_ms / 1_000, zone).date() - timedelta(1)
    days = (until_ms - after_ms) // DAY_MS + 5
    return [
        (key, due_ms)
        for reminder in plan.reminders
        for ahead in range(days)
        for key, due_ms in occasions(plan, reminder, first + timedelta(ahead))
        if after_ms < due_ms <= until_ms
    ]


def late_ms(reminder: Reminder, slot: str) -> int:
    """Give how late one may be said for the first time: an appointment's not after it has begun."""
    to_leave = reminder.kind == "appointment" and slot != "evening"
    return max(min(reminder.late_ms, reminder.leave_ms) if to_leave else reminder.late_ms, MINUTE_MS)


def _named(plan: Plan, name: str) -> Reminder | None:
    return next((each for each in plan.reminders if each.name == name), None)


class Reminded(Spoken):
    """What is on the disk, stepped again: each occasion from its hour to its outcome; and what the centre has of it."""

    name = "each occasion of a reminder is said in its time, and has one outcome (S4, S6)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.known: dict[Key, Occasion] = {}
        self.until_wall_ms: int | None = None
        """Up to when everything due is known."""
        self.earlier: deque[tuple[Plan, int]] = deque(maxlen=PLANS_MAX)
        """Plans that were in force, and until when: what was due by then may be open still."""
        self.lies = False
        """Whether somebody vouches for a clock that is wrong."""
        self.nothing: tuple[Plan, int, int] | None = None
        """By which plan, later than when and before when, nothing is due."""

    def forgot(self) -> None:
        """The hub knows of none any more."""
        super().forgot()
        self.known.clear()
        self.told.clear()
        self.until_wall_ms = None
        self.earlier.clear()

    def outcome_of(self, report: Report) -> Hashable | None:
        """Taken, or missed."""
        return _key(report) if isinstance(report, _ENDS) else None

    def stepped(self, step: Stepped) -> None:
        """Follow each."""
        wall = self.wall = self.wall or self._began(step)
        wall.moves(step)
        self.lies = wall.lies(self.scene, step.after.boot)
        if wall.leapt and wall.vouched:
            self._put_back(step, wall.wall_ms)
        for known in self.known.values() if self.lies else ():
            known.lied = True
        self._due(step, step.before.plan, usual=not wall.leapt and not isinstance(step.event, Started))
        if isinstance(step.event, PlanOffered) and step.after.plan is not step.before.plan:
            self._changed(step.before.plan, step.after.plan, wall)
        wall.hears(step)
        if isinstance(step.event, Started | ClockChanged) and wall.vouched:
            self._put_back(step, wall.wall_ms)  # what a wrong clock had begun before, and nobody heard
        if isinstance(step.event, PlanOffered | Started | ClockChanged):
            self._due(step, step.after.plan, usual=False)
        sends = [each for each in step.actions if isinstance(each, Send)]
        for send in sends:
            report = send.report
            if isinstance(report, ReminderPrompted):
                self._prompted(report, step)
            elif isinstance(report, _ENDS):
                self.told[send.id] = _key(report)
                self._ended(report, step)
        reports, spoken = [each.report for each in sends], [each for each in step.actions if isinstance(each, Say)]
        pressed = [each for each in reports if isinstance(each, ReminderTaken) and each.how == "button"]
        self.presses(step, reports, spoken, len(pressed))
        if step.before.mode == step.after.mode == "away" and any(each.prompt not in OF_OTHERS for each in spoken):
            self.broken("something was said while everybody is away")

    # --- what is due -------------------------------------------------------------------------------

    def _due(self, step: Stepped, plan: Plan, *, usual: bool) -> None:
        """Take note of all that is due by now, by a clock that somebody vouches for."""
        wall = self.wall
        if wall is None or not wall.vouched or not plan.reminders:
            return
        now_ms = wall.wall_ms
        from_ms = now_ms if self.until_wall_ms is None else max(min(self.until_wall_ms, now_ms), now_ms - WEEK_MS)
        self.until_wall_ms = now_ms
        if self._is_nothing_due(plan, from_ms, now_ms):
            return
        told = _told(step)
        free = usual and not any(_may_hold(step)) and step.before.plan is plan
        for key, due_ms in due_within(plan, from_ms, now_ms):
            if key in self.known:
                continue
            self.known[key] = Occasion(due_ms, lied=self.lies)
            self.scene.counted["occasions of reminders"] += 1
            if free and now_ms - due_ms < MINUTE_MS and key not in told:
                self.broken(f"{key} was due, and nothing was said")

    def _is_nothing_due(self, plan: Plan, from_ms: int, now_ms: int) -> bool:
        """Whether nothing is, as was seen when it was last reckoned."""
        nothing, self.nothing = self.nothing, None
        if nothing is not None and nothing[0] is plan and nothing[1] <= from_ms and now_ms < nothing[2]:
            self.nothing = nothing
            return True
        ahead = [due_ms for _, due_ms in due_within(plan, now_ms, now_ms + AHEAD_MS)]
        self.nothing = plan, now_ms, min(ahead, default=now_ms + AHEAD_MS)
        return False

    def _put_back(self, step: Stepped, wall_ms: int) -> None:
        """The clock was set: what is to come again, and nobody has heard of, comes at its time."""
        still_open = {(each.occasion.reminder, each.occasion.date, each.occasion.slot) for each in step.after.prompts}
        still_open |= _told(step)  # by the wrong clock still
        for key, known in list(self.known.items()):
            unheard = known.prompted is None and known.ended is None and not known.moved
            if known.due_ms > wall_ms and unheard and key not in still_open:
                del self.known[key]

    def _changed(self, old: Plan, new: Plan, wall: Wall) -> None:
        """Another plan: what lies before now and is new there is not due; a time that was moved is the same dose."""
        if self.until_wall_ms is not None:
            self.earlier.append((old, self.until_wall_ms))
        if not old.reminders:
            self.until_wall_ms = None
        elif wall.vouched and self.until_wall_ms is not None:
            self.until_wall_ms = wall.wall_ms
        for before in old.reminders:
            after = _named(new, before.name)
            if after is None or after.kind != before.kind:
                continue
            pairs = list(_pairs(set(before.times) - set(after.times), set(after.times) - set(before.times)))
            for key, known in list(self.known.items()):
                if key[0] == before.name and key[2] != "evening":
                    self._moves(key, known, [each for each in pairs if each[0] == _minutes(key)], pairs, after, new)

    def _moves(
        self, key: Key, known: Occasion, own: list[Pair], pairs: list[Pair], reminder: Reminder, plan: Plan
    ) -> None:
        heard = known.prompted is not None or isinstance(known.ended, ReminderTaken) or known.over
        for gone, come, days in own:
            alone = [(gone, come, days)] == [each for each in pairs if each[0] == gone or each[1] == come]
            slot = f"{come // 60:02}:{come % 60:02}"
            for other, due_ms in occasions(plan, reminder, date.fromisoformat(key[1]) + timedelta(days)):
                if other[2] == slot:
                    same = self.known.setdefault(other, Occasion(due_ms))
                    same.moved = True
                    same.over |= heard and alone and reminder.kind != "appointment"
        if own and known.prompted is None:
            known.moved = True  # it may go on by its new time

    # --- what is told ------------------------------------------------------------------------------

    def _prompted(self, report: ReminderPrompted, step: Stepped) -> None:
        key, wall = _key(report), self.wall
        assert wall is not None  # noqa: S101 -- set by whoever asks
        reminder = _named(step.after.plan, report.reminder) or _named(step.before.plan, report.reminder)
        if reminder is None:
            self.broken(f"{key} was said, and no plan has it")
            return
        dues = {due_ms for plan in (step.before.plan, step.after.plan) for due_ms in _dues(plan, key)}
        if not dues:
            self.broken(f"{key} was said, and no plan in force has that time")
        known = self.known.setdefault(key, Occasion(min(dues, default=0), moved=True))
        dues |= {due_ms for plan, until_ms in self.earlier for due_ms in _dues(plan, key) if due_ms <= until_ms}
        leads = {wall.lead_ms, wall.last_lead_ms} if wall.leapt else {wall.lead_ms}
        said_ms = [report.clock.monotonic_ms + lead_ms for lead_ms in leads]
        late = late_ms(reminder, key[2])
        in_time = any(0 <= at_ms - due_ms <= late for at_ms in said_ms for due_ms in (*dues, known.due_ms))
        if not in_time or not wall.vouched:
            self.broken(f"{key} was said at {said_ms}, due at {sorted(dues)}, by a clock known: {wall.vouched}")
        if known.prompted is not None:
            self.broken(f"{key} was said for the first time twice")
        if known.over:
            self.broken(f"{key} was said, and had been at the time from which it was moved")
        if known.ended is not None and not self._corrected(known):
            self.broken(f"{key} was said after it had ended as {type(known.ended).__name__}")
        known.prompted = step.after.boot, report.clock.monotonic_ms, step.after.plan.version
        self.scene.counted["occasions said"] += 1

    def _corrected(self, known: Occasion) -> bool:
        """What only a wrong clock had told as missed may be said after all."""
        return known.lied and isinstance(known.ended, ReminderMissed) and not known.ended.prompts

    def _ended(self, report: ReminderTaken | ReminderMissed, step: Stepped) -> None:
        key = _key(report)
        dues = [due_ms for plan in (step.before.plan, step.after.plan) for due_ms in _dues(plan, key)]
        known = self.known.setdefault(key, Occasion(min(dues, default=0), moved=True))
        if known.ended is not None and not self._corrected(known):
            self.broken(f"{key} had ended as {type(known.ended).__name__}, and ends once more: {type(report).__name__}")
        if known.ended is not None:
            self.scene.counted["outcomes that a wrong clock had told"] += 1
        if (report.prompts > 0) != (known.prompted is not None):
            self.broken(f"{key} ends after {report.prompts} prompts, first said at {known.prompted}")
        known.ended = report
        if isinstance(report, ReminderTaken):
            self._taken(key, known, report, step)
        else:
            self._missed(key, known, report, step)

    def _taken(self, key: Key, known: Occasion, report: ReminderTaken, step: Stepped) -> None:
        self.scene.counted[f"occasions answered by {report.how}"] += 1
        if report.how == "button":
            if not report.prompts or not isinstance(step.event, AnswerPressed):
                self.broken(f"{key} was answered by a press, and nobody had heard of it")
            return
        reminder = _named(step.before.plan, report.reminder)
        vouched = self.wall is not None and self.wall.vouched
        if (report.after_ms is not None) != vouched:
            self.broken(f"{key} was answered after {report.after_ms} ms, by a clock known: {vouched}")
        elif report.after_ms is not None and report.after_ms < 0 and known.prompted is None:
            self.scene.counted["occasions answered early"] += 1
            if reminder is None or -report.after_ms > reminder.early_ms:
                self.broken(f"{key} was answered {-report.after_ms} ms before it is due")

    def _missed(self, key: Key, known: Occasion, report: ReminderMissed, step: Stepped) -> None:
        self.scene.counted["occasions missed"] += 1
        reminder = _named(step.before.plan, report.reminder)
        if reminder is None or isinstance(step.event, PlanOffered):
            return
        if report.why == "unanswered" and known.prompted is not None:
            boot, said_ms, version = known.prompted
            waited_ms = report.clock.monotonic_ms - said_ms
            if (boot, version) == (step.after.boot, step.after.plan.version) and waited_ms < reminder.missed_ms:
                self.broken(f"{key} counts as missed {waited_ms} ms after it was first said")
        calls = [
            each.report
            for each in step.actions
            if isinstance(each, Send) and isinstance(each.report, AlarmRaised | AlarmJoined)
        ]
        called = any(each.kind == "reminder-missed" for each in calls)
        if reminder.alarm and report.why != "away" and not called:
            self.broken(f"{key} was missed, and nobody was called")
        self.scene.counted["calls for what was missed"] += called

    def settled(self) -> None:
        """Each that is over has its outcome, here and at the centre; or waits for it still."""
        waits = {(each.occasion.reminder, each.occasion.date, each.occasion.slot) for each in self.scene.house.prompts}
        now_ms = self.wall.wall_ms if self.wall is not None else 0
        for key, known in self.known.items():
            if known.ended is None and not known.moved and known.due_ms <= now_ms and key not in waits:
                self.broken(f"{key} has no outcome")
        self.balance()


def _key(report: ReminderFacts) -> Key:
    return report.reminder, report.date, report.slot


def _told(step: Stepped) -> set[Key]:
    return {_key(each.report) for each in step.actions if isinstance(each, Send) and isinstance(each.report, Facts)}


def _minutes(key: Key) -> int:
    hours, minutes = key[2].split(":")
    return int(hours) * 60 + int(minutes)


def _pairs(gone: set[int], come: set[int]) -> Iterator[Pair]:
    for each in gone:
        for other in come:
            for days in (-1, 0, 1):
                if abs(other + days * DAY_MIN - each) <= MOVED_MIN:
                    yield each, other, days


def _dues(plan: Plan, key: Key) -> list[int]:
    reminder = _named(plan, key[0])
    found = occasions(plan, reminder, date.fromisoformat(key[1])) if reminder is not None else ()
    return [due_ms for each, due_ms in found if each == key]


def _may_hold(step: Stepped) -> Iterator[bool]:
    """Tell what may have kept something from being said within a step: then it is not judged when it was."""
    yield hushed(step)
    yield "away" in (step.before.mode, step.after.mode)
    yield any(not each.silent for each in (*step.before.alarms, *step.after.alarms))
