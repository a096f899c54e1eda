"""What the judges of reminders and of messages share: the home's wall clock, what comes first, what the centre has."""

from collections.abc import Hashable, Iterable

from centre.intake import Outcome
from rules.actions import Say
from rules.alarm import Alarm
from rules.events import AnswerHeld, AnswerPressed, CancelPressed, ClockChanged, Started
from rules.reports import AlarmCancelled, Report
from rules.state import House
from simulators.world.clock import DAWN_MS
from simulators.world.promises.judge import Judge, Scene, Stepped

SET_MS = 1_000
"""A wall clock that leaps so far was set."""

WRONG_MS = 60_000
URGENT = 2


class Wall:
    """The wall clock as the hub has it: how far it is ahead of the time since boot, and whether anybody vouches."""

    def __init__(self, house: House) -> None:
        self.lead_ms, self.vouched = house.wall_offset_ms, house.clock_known
        self.last_lead_ms = self.lead_ms
        """By how much it was ahead before the step: what was due by then goes by that clock."""
        self.now_ms = house.now_ms
        self.leapt = self.rebooted = False

    def moves(self, step: Stepped) -> None:
        """Take what a step says of it, before its event."""
        self.last_lead_ms = self.lead_ms
        self.rebooted = isinstance(step.event, Started) and step.event.boot != step.before.boot
        now = step.now if self.rebooted else step.now.at(max(step.now.ms, step.before.now_ms))
        self.now_ms = now.ms
        self.leapt = not self.rebooted and abs(now.wall_ms - now.ms - self.lead_ms) >= SET_MS
        if self.leapt or self.rebooted:
            self.lead_ms, self.vouched = now.wall_ms - now.ms, now.synced and not self.rebooted

    def hears(self, step: Stepped) -> None:
        """Take what its event says of it."""
        match step.event:
            case Started():
                self.lead_ms = step.now.wall_ms - step.now.ms
                self.vouched = step.now.synced or self.vouched
            case ClockChanged(synced=synced):
                self.vouched = self.vouched or synced

    @property
    def wall_ms(self) -> int:
        """Give what it shows."""
        return self.now_ms + self.lead_ms

    def lies(self, scene: Scene, boot: str) -> bool:
        """Whether somebody vouches for a clock that is wrong."""
        clock = scene.box.clock
        true_ms = DAWN_MS + clock.world_ms(self.now_ms)
        return self.vouched and clock.boot == boot and abs(self.wall_ms - true_ms) > WRONG_MS


def _first(alarm: Alarm) -> bool:
    return not alarm.silent and (alarm.stage != "acknowledged" or alarm.priority <= URGENT)


def hushed(step: Stepped) -> bool:
    """Whether an alarm that sounds came first throughout a step."""
    after = {each.id: each for each in step.after.alarms}
    return any(_first(each) and each.id in after and _first(after[each.id]) for each in step.before.alarms)


class Spoken(Judge):
    """The base of both: an account that begins where a hub stands, and what of it the centre has in the end."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.wall: Wall | None = None
        self.used = False
        """Whether the button's last press down did something for an alarm."""
        self.durable: set[str] = set()
        self.told: dict[str, Hashable] = {}
        """What was told on the disk's history: the report, and what it is the outcome of."""
        self.held: dict[str, Hashable] = {}

    def forgot(self) -> None:
        """The hub began with an empty house."""
        self.wall = None

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """Note what is on the disk."""
        del rank, digest
        self.durable.add(ref)

    def kept(self, outcome: Outcome) -> None:
        """Note what the centre has."""
        if outcome.verdict == "accepted" and outcome.report is not None and outcome.event is not None:
            about = self.outcome_of(outcome.report)
            if about is not None:
                self.held[outcome.event.id] = about

    def outcome_of(self, report: Report) -> Hashable | None:
        """Give what a report is the outcome of, if it is one."""
        raise NotImplementedError

    @staticmethod
    def _began(step: Stepped) -> Wall:
        return Wall(step.before)

    def presses(self, step: Stepped, reports: Iterable[Report], spoken: Iterable[Say], answered: int) -> None:
        """An alarm comes first: it keeps what is said back, and takes the press for itself. One press answers one."""
        button, first = isinstance(step.event, AnswerPressed | AnswerHeld), hushed(step)
        if first and any(each.prompt is not None for each in spoken):
            self.broken("something was said while an alarm comes first")
        if answered > 1:
            self.broken(f"one press answered {answered}")
        if answered and (self.used or first or not isinstance(step.event, AnswerPressed)):
            self.broken(f"{type(step.event).__name__} answered, though an alarm had the press or came first")
        if isinstance(step.event, CancelPressed):
            self.used = any(isinstance(each, AlarmCancelled) for each in reports)
        elif button or isinstance(step.event, Started):
            self.used = False

    def balance(self) -> None:
        """The centre has every outcome of the disk's history; besides only what went ahead of a disk that failed."""
        for ref, about in self.told.items():
            if self.held.get(ref) != about and ref not in self.scene.centre.refused:
                self.broken(f"the outcome of {about} ({ref}) is not at the centre")
        for ref, about in self.held.items():
            if ref in self.durable and ref not in self.told:
                self.broken(f"an outcome of {about} ({ref}) is at the centre, for which there was no need")
