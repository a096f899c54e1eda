"""S4: a message is said until somebody has heard it or it is over, which is told once; and never at night.

Written from the words of the command and of decision 0025, not from the rules.
"""

from collections.abc import Hashable

import msgspec

from rules.actions import Say, Send
from rules.events import AnswerPressed, Commanded
from rules.plan import Plan, Window
from rules.reports import CommandDone, MessageExpired, MessageHeard, Report
from simulators.world.promises.hours import open_spans
from simulators.world.promises.judge import Scene, Stepped
from simulators.world.promises.speech import Spoken

HOUR_MS = 3_600_000
CIVIL = Window(begin=8 * 60, to=21 * 60)
"""When a home without a night and quiet hours of its own is spoken to."""


class _Body(msgspec.Struct):
    text: str
    hours: int = 24


class Heard(Spoken):
    """What is on the disk, stepped again: each message from its command to its one outcome."""

    name = "a message is heard or given up, once, and not said at night (S4)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.waiting: dict[str, tuple[int, int]] = {}
        """How long each is good, and since when, in ms."""

    def forgot(self) -> None:
        """The hub knows of none any more."""
        super().forgot()
        self.waiting.clear()
        self.told.clear()

    def outcome_of(self, report: Report) -> Hashable | None:
        """Heard, or given up."""
        return report.message if isinstance(report, MessageHeard | MessageExpired) else None

    def stepped(self, step: Stepped) -> None:
        """Follow each."""
        wall = self.wall = self.wall or self._began(step)
        wall.moves(step)
        if wall.rebooted:  # nobody knows how long it was: its whole time again, rather than never said
            self.waiting = {name: (good_ms, step.now.ms) for name, (good_ms, _) in self.waiting.items()}
        sends = [each for each in step.actions if isinstance(each, Send)]
        spoken = [each for each in step.actions if isinstance(each, Say)]
        said = [each for each in spoken if each.prompt == "message"]
        reports = [each.report for each in sends]
        event = step.event
        done = {each.command for each in reports if isinstance(each, CommandDone)}
        if isinstance(event, Commanded) and event.type == "say" and event.id in done:
            body = msgspec.json.decode(event.body, type=_Body)
            self.waiting[event.id] = body.hours * HOUR_MS, wall.now_ms
        if said:
            self._said(step, wall.leapt or not wall.vouched)
        for send in sends:
            if isinstance(send.report, MessageHeard | MessageExpired):
                self.told[send.id] = send.report.message
                self._ended(send.report, pressed=isinstance(step.event, AnswerPressed))
        self.presses(step, reports, spoken, sum(isinstance(each, MessageHeard) for each in reports))
        wall.hears(step)

    def _said(self, step: Stepped, unsure: bool) -> None:  # noqa: FBT001 -- of the hour
        self.scene.counted["messages said"] += 1
        if not self.waiting:
            self.broken("a message was said, and none waits")
        if isinstance(step.event, AnswerPressed):
            return  # who presses is there, and wants to hear it, whatever the hour
        if step.before.mode == step.after.mode == "away":
            self.broken("a message was said while everybody is away")
        before, plan = step.before, step.after.plan  # another one may make it a civil hour at once
        hours = (before.plan, before.now_ms), (before.plan, step.now.ms), (plan, step.now.ms)
        if not unsure and not any(self._civil(*each) for each in hours):
            self.broken("a message was said at night")

    def _civil(self, plan: Plan, at_ms: int) -> bool:
        wall_ms = at_ms + (self.wall.lead_ms if self.wall is not None else 0)
        still = [each for each in (plan.night, plan.quiet) if each is not None]
        within = [
            any(opens <= wall_ms < shuts for opens, shuts in open_spans(each, plan.time_zone, wall_ms))
            for each in still or [CIVIL]
        ]
        return not any(within) if still else within[0]

    def _ended(self, report: MessageHeard | MessageExpired, *, pressed: bool) -> None:
        known = self.waiting.pop(report.message, None)
        if known is None:
            self.broken(f"message {report.message} does not wait, and has an outcome")
            return
        if isinstance(report, MessageHeard):
            self.scene.counted["messages heard"] += 1
            if not pressed or not report.times:
                self.broken(f"message {report.message} was heard by nobody")
            return
        self.scene.counted["messages that nobody heard"] += 1
        good_ms, since_ms = known
        if report.clock.monotonic_ms != since_ms + good_ms:
            self.broken(f"message {report.message} was given up after {report.clock.monotonic_ms - since_ms} ms")

    def settled(self) -> None:
        """None has vanished."""
        lost = self.waiting.keys() ^ {each.id for each in self.scene.house.messages}
        if lost:
            self.broken(f"messages that vanished, or were never brought: {sorted(lost)[:3]}")
        self.balance()
