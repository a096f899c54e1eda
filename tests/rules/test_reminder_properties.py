"""Any reminders, any order of restarts, power cuts, clocks, plans, modes and answers: each occasion has one outcome.

Judged by a model of its own, made from the plan's words: it looks at every minute that the zone's clocks ever show.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.actions import Action, Send
from rules.events import AnyEvent, ClockChanged, Tick
from rules.plan import Plan, Reminder
from rules.reports import ReminderFacts, ReminderMissed, ReminderPrompted, ReminderTaken
from tests.rules.home import HOUR, MINUTE, Home, wall_ms
from tests.rules.reminded import SENSORS, hold, press
from tests.support.examples import examples

MINUTE_MS, HOUR_MS = 60_000, 3_600_000

Key = tuple[str, str, str]
"""A reminder, a date, a slot."""


class Place(NamedTuple):
    """Where a home is, and when its story begins: near a night on which the clocks change."""

    zone: str
    begins: str


PLACES = (
    Place("Europe/London", "2026-03-28T12:00+00:00"),
    Place("Europe/London", "2026-10-24T12:00+00:00"),
    Place("America/New_York", "2026-03-07T17:00+00:00"),
    Place("America/New_York", "2026-10-31T17:00+00:00"),
    Place("Asia/Kolkata", "2026-06-01T05:00+00:00"),
    Place("Pacific/Apia", "2011-12-28T22:00+00:00"),
)


# --- the model: what is due, and when -------------------------------------------------------------------


@lru_cache(maxsize=len(PLACES))
def minutes(place: Place) -> dict[str, list[tuple[int, int]]]:
    """Every minute of the story, in order, by the day that the clocks show: (minute of the day, UTC in ms)."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    begin, zone = datetime.fromisoformat(place.begins) - timedelta(days=3), ZoneInfo(place.zone)
    for number in range(24 * 24 * 60):
        moment = (begin + timedelta(minutes=number)).astimezone(UTC)
        local = moment.astimezone(zone)
        found[f"{local:%Y-%m-%d}"].append((local.hour * 60 + local.minute, round(moment.timestamp() * 1000)))
    for day in (min(found), max(found)):
        del found[day]  # not whole
    return dict(found)


@cache
def due_ms(place: Place, date: str, minute: int) -> int:
    """The first minute of a day on which the clocks show so much, or more."""
    return next(utc_ms for shown, utc_ms in minutes(place)[date] if shown >= minute)


def slot(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


class Story(Home):
    """A home with reminders, to which anything may happen; it keeps account of the time that it lives through."""

    def __init__(self, place: Place, reminders: tuple[Reminder, ...]) -> None:
        self.place = place
        self.reminders: tuple[Reminder, ...] = ()
        self.dues: list[tuple[Key, int]] = []
        self.expected: set[Key] = set()
        self.lineage: dict[tuple[str, str], int] = {}
        self.reports: list[ReminderFacts] = []
        self.seen_ms: int | None = None
        self.right_ms = 0  # the right time less the boot-relative clock
        super().__init__(*SENSORS, line=False)
        self.wall_from_boot_ms = self.right_ms = wall_ms(place.begins) - self.ms
        self.happens(ClockChanged(synced=True))
        self.offer(reminders)

    # --- the account ---

    def happens(self, event: AnyEvent) -> list[Action]:
        actions = super().happens(event)
        for action in actions:
            if isinstance(action, Send) and isinstance(action.report, ReminderFacts):
                self.reports.append(action.report)
        if self.house.clock_known:
            wall = self.now.wall_ms
            if self.seen_ms is not None and wall > self.seen_ms:
                self.expected |= {key for key, due in self.dues if self.seen_ms < due <= wall}
            self.seen_ms = wall
        return actions

    def account(self) -> list[tuple[Key, int]]:
        """Every occasion of the plan as it is."""
        return [
            ((each.name, date, slot(minute)), due_ms(self.place, date, minute))
            for each in self.reminders
            for date in minutes(self.place)
            for minute in each.times
        ]

    def dose(self, key: Key) -> tuple[str, int]:
        """A dose is an occasion, whatever time it was moved to."""
        name, date, at = key
        return date, self.lineage[name, at]

    def offer(self, reminders: tuple[Reminder, ...]) -> None:
        version = self.house.plan.version + 1
        self.plan(Plan(version=version, time_zone=self.place.zone, reminders=reminders))
        self.reminders = reminders
        self.dues = self.account()
        for each in reminders:
            for minute in each.times:
                self.lineage.setdefault((each.name, slot(minute)), len(self.lineage))

    # --- what may happen ---

    def do_wait(self, amount: int) -> None:
        self.after(amount * 4 * MINUTE)

    def do_stall(self, amount: int) -> None:
        self.asleep_for(amount * MINUTE).happens(Tick())

    def do_restart(self, amount: int) -> None:
        self.restart(down=amount * MINUTE)

    def _reboot(self, amount: int) -> None:
        off_ms = amount * 5 * MINUTE_MS
        self.right_ms += self.ms + off_ms - 15_000
        self.wall_from_boot_ms += self.ms + off_ms - 15_000

    def do_reboot(self, amount: int) -> None:
        self._reboot(amount)
        self.reboot(booted=15)

    def do_reboot_without_a_clock(self, amount: int) -> None:
        self._reboot(amount)
        self.wall_from_boot_ms, self.synced = 0, False
        self.reboot(booted=15)

    def do_lose_the_clock(self, amount: int) -> None:
        self.wall_from_boot_ms += (amount - 60) * 9 * MINUTE_MS
        self.synced = False
        self.happens(Tick())

    def do_right_clock(self, _amount: int) -> None:
        self.wall_from_boot_ms, self.synced = self.right_ms, True
        self.happens(ClockChanged(synced=True))

    def do_step(self, amount: int) -> None:
        """Somebody who is trusted sets the clock, and never more than some hours wrong."""
        if not self.house.clock_known:
            return
        by_ms = ((amount - 60) * 1_500, (amount - 60) * 90_000, (amount - 60) * 300_000)[amount % 3]
        if abs(self.wall_from_boot_ms + by_ms - self.right_ms) < 5 * HOUR_MS:
            self.wall_from_boot_ms += by_ms
            self.happens(Tick())

    def do_press(self, _amount: int) -> None:
        self.cancel()
        press(self)

    def do_answer(self, _amount: int) -> None:
        press(self)

    def do_hold(self, _amount: int) -> None:
        hold(self)

    def do_lid(self, _amount: int) -> None:
        self.press("lid-1")

    def do_away(self, _amount: int) -> None:
        self.set_mode("away")

    def do_home(self, _amount: int) -> None:
        self.set_mode("home")

    def do_alarm(self, _amount: int) -> None:
        self.press("pendant-1")

    def do_silent_alarm(self, _amount: int) -> None:
        self.press("panic-1")

    def do_resolve(self, _amount: int) -> None:
        for alarm in self.house.alarms:
            self.command("resolve", alarm=alarm.id, outcome="fine")

    def do_move(self, amount: int) -> None:
        """Another plan moves one time, by less than three hours."""
        if not self.house.clock_known or not self.reminders:
            return
        reminder = self.reminders[amount % len(self.reminders)]
        gone = reminder.times[amount % len(reminder.times)]
        come = gone + (amount - 60) * 3 - (amount - 60) % 2
        if come in reminder.times or not 0 < come < 24 * 60 or abs(come - gone) > 170:
            return
        line = self.lineage[reminder.name, slot(gone)]
        if self.lineage.setdefault((reminder.name, slot(come)), line) == line:
            moved = replace(reminder, times=tuple(come if each == gone else each for each in reminder.times))
            self.offer(tuple(moved if each == reminder else each for each in self.reminders))

    def do_remove(self, amount: int) -> None:
        if not self.house.clock_known or len(self.reminders) < 2:
            return
        gone = self.reminders[amount % len(self.reminders)]
        # By the clock as it is now, and the times as they are now, these were not due yet.
        never = {self.dose(key) for key, due in self.dues if key[0] == gone.name and due > self.now.wall_ms}
        self.expected = {key for key in self.expected if self.dose(key) not in never}
        self.offer(tuple(each for each in self.reminders if each != gone))

    def do_add(self, amount: int) -> None:
        if self.house.clock_known and len(self.reminders) < 4:
            times = tuple(sorted({amount * 11, amount * 7 + 300}))
            self.offer((*self.reminders, Reminder(name=f"more-{len(self.journal)}", times=times)))

    def end(self) -> None:
        """All is well, for long enough that everything has its outcome."""
        self.do_right_clock(0)
        self.after(MINUTE).do_resolve(0)
        self.do_home(0)
        self.after(7 * HOUR)
        for _ in self.house.prompts:
            press(self)

    # --- what must have become of it ---

    def judge(self) -> None:
        lives: dict[Key, list[ReminderFacts]] = defaultdict(list)
        for report in self.reports:
            lives[report.reminder, report.date, report.slot].append(report)
        known = {name: {slot(m): m for m in range(24 * 60)} for name, _, _ in lives}
        for key, life in lives.items():
            self._judge_life(key, life, due_ms(self.place, key[1], known[key[0]][key[2]]))
        self._judge_doses(lives)
        assert self.house.prompts == ()
        assert [each for each in self.house.faults if each.fault == "engine"] == []

    def _judge_life(self, key: Key, life: list[ReminderFacts], due: int) -> None:
        prompted = [each for each in life if isinstance(each, ReminderPrompted)]
        assert len(prompted) <= 1, f"S4: {key} was prompted twice"
        ends = [number for number, each in enumerate(life) if isinstance(each, ReminderTaken | ReminderMissed)]
        assert ends, f"S4: {key} has no outcome"
        assert ends[-1] == len(life) - 1, f"S4: {key} went on after its outcome"
        for number in ends[:-1]:  # only a clock that was wrong gives it another chance, if nobody had heard of it
            end = life[number]
            assert isinstance(end, ReminderMissed), f"S4: {key} ended twice"
            assert (end.why, end.prompts) == ("hub", 0), f"S4: {key} ended twice"
        for each in prompted:
            late = wall_ms(each.clock.wall) - due
            assert each.due == datetime.fromtimestamp(due / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
            assert each.late_ms == late
            assert 0 <= late <= LATE_MS, f"S6: {key} was prompted {late} ms late"

    def _judge_doses(self, lives: dict[Key, list[ReminderFacts]]) -> None:
        heard: dict[tuple[str, int], list[Key]] = defaultdict(list)
        for key, life in lives.items():
            if any(isinstance(each, ReminderPrompted | ReminderTaken) for each in life):
                heard[self.dose(key)].append(key)
        for dose, keys in heard.items():
            assert len(keys) == 1, f"S4: {dose} was given as {keys}"
        over = {self.dose(key) for key in lives}
        lost = [key for key in self.expected if self.dose(key) not in over]
        assert lost == [], "S4: never told"


LATE_MS = 2 * HOUR_MS

TIMES = st.sampled_from([30, 90, 150, 6 * 60, 8 * 60, 8 * 60 + 1, 12 * 60, 18 * 60, 20 * 60, 23 * 60 + 50])
REMINDERS = st.lists(
    st.builds(
        Reminder,
        name=st.sampled_from(["a", "b", "c"]),
        times=st.lists(TIMES, min_size=1, max_size=4, unique=True).map(tuple),
        repeat_ms=st.sampled_from([3 * MINUTE_MS, 10 * MINUTE_MS]),
        missed_ms=st.sampled_from([15 * MINUTE_MS, 30 * MINUTE_MS, 4 * HOUR_MS]),
        sensor=st.sampled_from(["", "lid-1"]),
        alarm=st.booleans(),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each.name,
).map(tuple)
NAMES = sorted(each.removeprefix("do_") for each in dir(Story) if each.startswith("do_"))
OPS = st.lists(
    st.tuples(st.sampled_from([*NAMES, "wait", "wait", "wait", "step", "move", "right_clock"]), st.integers(0, 120)),
    min_size=5,
    max_size=40,
)


@given(st.sampled_from(PLACES), REMINDERS, OPS)
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_s4_whatever_happens_every_occasion_is_prompted_once_at_most_in_its_time_and_has_one_outcome(
    place: Place, reminders: tuple[Reminder, ...], ops: list[tuple[str, int]]
) -> None:
    story = Story(place, reminders)
    for name, amount in ops:
        getattr(story, f"do_{name}")(amount)
    story.end()
    story.judge()
