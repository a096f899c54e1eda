"""A year of four reminders a day, with a hundred restarts, a hundred clocks set and a hundred plans (S4, S6)."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from rules.events import AnswerHeld, AnswerPressed, CancelPressed, Triggered
from rules.plan import Reminder
from rules.reports import ReminderFacts, ReminderMissed, ReminderPrompted, ReminderTaken
from simulators.trials.reminders.calendar import Calendar
from simulators.trials.reminders.home import Home
from simulators.trials.trial import Figures, Round, Trial, Violation

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
DAYS, OF_EACH = 366, 100
LATE_MS = 4 * HOUR_MS
"""What the plan allows: more than a clock that is 90 min wrong and a power cut of an hour together."""

MOVED_MIN = 110
"""How far another plan moves a time at most, to one side of where it was at first; so by less than three hours."""


class Year(NamedTuple):
    """A zone, and when its year begins; the four times are such that one lies in an hour that the clocks change."""

    zone: str
    begins: str
    times: tuple[int, int, int, int]


YEARS = (
    Year("Europe/London", "2026-01-01T00:00+00:00", (90, 8 * 60, 13 * 60, 20 * 60 + 30)),
    Year("America/New_York", "2026-01-01T05:00+00:00", (150, 8 * 60, 13 * 60, 20 * 60 + 30)),
    Year("Asia/Kolkata", "2026-01-01T00:00+00:00", (90, 8 * 60, 13 * 60, 20 * 60 + 30)),
    Year("Pacific/Apia", "2011-06-01T00:00+00:00", (180, 8 * 60, 13 * 60, 20 * 60 + 30)),
)


class Story:
    """One year: what happens to the hub, by dice; and what must have come of it, by the calendar alone."""

    def __init__(self, this: Round, year: Year, days: int, of_each: int) -> None:
        self.figures = Figures()
        self._dice = random.Random(this.seed)
        self._begin_ms = round(datetime.fromisoformat(year.begins).timestamp() * 1000)
        self._days, self._of_each = days, of_each
        self._calendar = Calendar(year.zone, self._begin_ms, days)
        self._first = tuple(
            Reminder(
                name=f"dose-{number}",
                times=(minute,),
                late_ms=LATE_MS,
                sensor="lid" if number % 2 else "",
                text=f"dose-{number}",
            )
            for number, minute in enumerate(year.times)
        )
        self._now = self._first
        self._home = Home(this.folder, self._dice, year.zone, self._begin_ms)

    def play(self) -> Figures:
        """Live through it, then judge. Raises Violation."""
        home = self._home
        home.plan(self._now)
        for at_ms, happens in self._script():
            home.until(at_ms)
            self._revive()
            happens()
            self._revive()
        home.set_clock(0)
        end_ms = self._begin_ms + self._days * DAY_MS
        home.until(end_ms)
        self._revive()
        home.until(end_ms)
        waits = min(home.connect() for _ in range(20))
        if waits or home.unwell:
            raise Violation(f"S2 S7: {waits} events wait though there is a line; rules that failed: {home.unwell}")
        home.end()
        self._judge(end_ms - DAY_MS)
        return self.figures

    def _revive(self) -> None:
        if self._home.killed:
            self._home.kill = ""
            self._home.restart(self._dice.randint(500, 20 * MINUTE_MS))

    # --- what happens ------------------------------------------------------------------------------------

    def _script(self) -> list[tuple[int, Callable[[], None]]]:
        """Give all that happens, in the order of time; nothing on the last two days, so that all has an end."""
        span_ms = (self._days - 2) * DAY_MS
        wanted = [self._killed, self._stepped, self._replanned] * self._of_each
        found = [(self._begin_ms + self._dice.randrange(span_ms), each) for each in wanted]
        half_ms = HOUR_MS // 2
        halves = range(self._begin_ms, self._begin_ms + span_ms, half_ms)
        found += [(each + self._dice.randrange(half_ms), self._lived) for each in halves]
        found += [(each, self._connected) for each in range(self._begin_ms, self._begin_ms + span_ms, DAY_MS // 2)]
        return sorted(found, key=lambda each: each[0])

    def _killed(self) -> None:
        """A process that dies where it may matter, or a power cut."""
        way = self._dice.randrange(4)
        if way == 0:
            self._home.reboot(self._dice.randint(MINUTE_MS, HOUR_MS))
            self.figures.count("power cuts")
        elif way == 1:
            self._home.restart(self._dice.randint(500, 20 * MINUTE_MS))
            self.figures.count("kills")
        else:
            self._home.kill = ("before", "after")[way % 2]
            self.figures.count("kills at the next commit")

    def _stepped(self) -> None:
        """A clock that is right is set wrong, by seconds or by up to 90 min; or right again."""
        by_ms = self._dice.choice((9_000, 5 * MINUTE_MS, 90 * MINUTE_MS))
        self._home.set_clock(
            0 if self._home.wrong_ms else self._dice.choice((-1, 1)) * self._dice.randint(2_000, by_ms)
        )
        self.figures.count("steps of the clock")

    def _replanned(self) -> None:
        """Another plan: a time moved, another reminder there or gone, or nothing of the kind."""
        place = self._dice.randrange(4)
        way = self._dice.randrange(3)
        doses, others = self._now[:4], self._now[4:]
        if way == 0:
            (minute,) = self._first[place].times
            moved = (minute + self._dice.randint(0, MOVED_MIN),)
            doses = tuple(replace(each, times=moved) if n == place else each for n, each in enumerate(doses))
        elif way == 1:
            others = () if others else (Reminder(name="water", kind="drink", times=(600, 900), late_ms=LATE_MS),)
        self._now = (*doses, *others)
        self._home.plan(self._now)
        self.figures.count("plans")

    def _lived(self) -> None:
        """The resident answers, puts off, opens the dispenser, or does nothing."""
        match self._dice.randrange(8):
            case 0 | 1 | 2 | 3:
                self._home.happens(CancelPressed())
                self._home.happens(AnswerPressed())
            case 4:
                self._home.happens(AnswerHeld())
            case 5:
                self._home.happens(Triggered("lid"))

    def _connected(self) -> None:
        """The line is there, for a moment."""
        self._home.connect()

    # --- what must have come of it ------------------------------------------------------------------------

    def _judge(self, until_ms: int) -> None:
        lives: dict[tuple[str, str], list[ReminderFacts]] = defaultdict(list)
        for report in self._home.reminded:
            lives[report.reminder, report.date].append(report)
        days = [date for date in self._calendar.dates if self._whole(date, until_ms)]
        for dose in self._first:
            for date in days:
                self._judge_dose(f"{dose.name} of {date}", lives[dose.name, date])
        known = set(self._calendar.dates)
        for (name, date), life in lives.items():
            if date not in known:
                raise Violation(f"S6: {name} of {date}, a day that this zone does not have")
            if life:
                self._judge_times(life)
        offers = self._home.offers
        self.figures.count("events delivered", len(offers))
        self.figures.count("events offered again", sum(offers.values()) - len(offers))

    def _whole(self, date: str, until_ms: int) -> bool:
        first = self._calendar.due_ms(date, 0)
        return self._begin_ms < first and first + 2 * DAY_MS < until_ms

    def _judge_dose(self, dose: str, life: list[ReminderFacts]) -> None:
        prompted = [each for each in life if isinstance(each, ReminderPrompted)]
        taken = [each for each in life if isinstance(each, ReminderTaken)]
        missed = [each for each in life if isinstance(each, ReminderMissed)]
        if len(taken) + len(missed) != 1:
            raise Violation(f"S4: {dose} has {len(taken) + len(missed)} outcomes: {life}")
        early = bool(taken) and taken[0].prompts == 0
        if len(prompted) != (0 if early else 1):
            raise Violation(f"S4: {dose} was prompted {len(prompted)} times: {life}")
        if missed and missed[0].prompts == 0:
            raise Violation(f"S4: {dose} was told as missed, and never prompted: {life}")
        self.figures.count("doses taken before they were due" if early else "doses prompted once")
        self.figures.count("doses taken" if taken else "doses missed")

    def _judge_times(self, life: list[ReminderFacts]) -> None:
        for each in life:
            minute = int(each.slot[:2]) * 60 + int(each.slot[3:])
            due_ms = self._calendar.due_ms(each.date, minute)
            if _ms(each.due) != due_ms:
                raise Violation(f"S6: {each.reminder} {each.date} {each.slot} was due at {_iso(due_ms)}: {each}")
            if isinstance(each, ReminderPrompted):
                late_ms = _ms(each.clock.wall) - due_ms
                if not 0 <= late_ms <= LATE_MS:
                    raise Violation(f"S6: prompted {late_ms} ms after it was due: {each}")
                self.figures.measure("prompted after it was due, s", late_ms / 1000)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat()


async def _year(this: Round) -> Figures:
    return await asyncio.to_thread(Story(this, YEARS[this.number % len(YEARS)], DAYS, OF_EACH).play)


TRIALS = (
    Trial(
        "reminders-year",
        "S1 S2 S4 S6 S12",
        "A year of four reminders a day, with 100 kills, 100 clocks set and 100 plans: each is prompted once, and each "
        "outcome is delivered once",
        20,
        _year,
    ),
)
