"""S3, S4, S7: what the plan has watched calls when its time is up, once, and never when somebody stirred.

Nobody gets up, a bed or a chair is not returned to, a door stands open, somebody is out at night, a room is too cold
or too hot. Written from the plan's words: an account of its own of the same durable events, and a reckoning of its own.
"""

from collections import Counter

from rules.actions import Send
from rules.events import (
    AnswerHeld,
    AnswerPressed,
    CallPressed,
    CancelPressed,
    Cleared,
    ClockChanged,
    HelpArrived,
    Measured,
    PlanOffered,
    Started,
    Triggered,
)
from rules.reports import AlarmCancelled, AlarmJoined
from rules.state import House
from rules.values import Now
from simulators.world.household import WATCHED
from simulators.world.promises.account import NEVER_MS, Account, Due
from simulators.world.promises.judge import Judge, Scene, Stepped

SET_MS = 1_000
"""A wall clock that leaps so far was set."""

WOKEN_MS = 600

_TELLING = (
    Triggered,
    Cleared,
    Measured,
    CallPressed,
    CancelPressed,
    HelpArrived,
    AnswerPressed,
    AnswerHeld,
    PlanOffered,
    Started,
    ClockChanged,
)
"""What can make something due that was not before."""


class Watched(Judge):
    """What is on the disk, stepped again: every alarm by watching at its very millisecond, and no other."""

    name = "what is watched calls in its time, once, and not without need (S3, S4)"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.account: Account | None = None
        self.expected: list[Due] = []

    def forgot(self) -> None:
        """The hub began with an empty house."""
        self.account = None

    def stepped(self, step: Stepped) -> None:
        """Set what the hub found against what was due."""
        if self.account is None:
            self.account = Account.of(step.before)
        account, before, after = self.account, step.before, step.after
        rebooted = isinstance(step.event, Started) and step.event.boot != before.boot
        now = step.now if rebooted else step.now.at(max(step.now.ms, before.now_ms))
        self.expected = []
        leapt = not rebooted and abs(now.wall_ms - now.ms - account.lead_ms) >= SET_MS
        if not rebooted:
            self._until(account, before, now.ms, from_ms=before.now_ms)
            late = [due for due in self.expected if now.ms - due[0] > WOKEN_MS]
            if late and not leapt and not isinstance(step.event, Started):
                self.broken(f"{late[0]} was not woken for until {now.ms}")
        if leapt:  # what another clock makes due is due now
            account.lead_ms, account.vouched = now.wall_ms - now.ms, now.synced
            self._until(account, before, now.ms, from_ms=now.ms)
        stirred = self._happens(account, step, now, rebooted=rebooted)
        if leapt or before.mode != after.mode or isinstance(step.event, _TELLING):
            self._until(account, after, now.ms, from_ms=now.ms)
        self._compare(step)
        if stirred and any(each.kind == "inactivity" and each.stage == "pending" for each in after.alarms):
            self.broken("somebody stirs, and the warning that nobody does goes on")

    def _happens(self, account: Account, step: Stepped, now: Now, *, rebooted: bool) -> bool:
        """Take the event; give whether somebody stirred."""
        event, before, after = step.event, step.before, step.after
        if isinstance(event, Started):
            if rebooted:
                account.reboot(before, now.ms)
                account.vouched = False
            account.lead_ms, account.vouched = now.wall_ms - now.ms, now.synced or account.vouched
        if before.mode == "away" and after.mode != "away":
            account.home_again(now.ms)
        warned = any(each.kind == "inactivity" and each.stage == "pending" for each in before.alarms)
        warned |= any(kind == "inactivity" for _, kind, _ in self.expected)
        stirred = account.take(event, now, after, warned=warned)
        if isinstance(event, ClockChanged):
            account.vouched = account.vouched or event.synced
        if isinstance(event, PlanOffered | Started):
            account.begin(after.plan, now.ms)
        return stirred

    def _until(self, account: Account, house: House, now_ms: int, *, from_ms: int) -> None:
        """Take note of everything that falls due, in the order of time."""
        looked_ms = from_ms
        while True:
            due = min(account.dues(house.plan, house.mode, looked_ms), default=(NEVER_MS, "", ""))
            if due[0] > now_ms:
                return
            looked_ms = max(due[0], looked_ms)
            self.expected.append((looked_ms, *due[1:]))
            account.told(due, house.plan, looked_ms)
            self.scene.counted["alarms by watching"] += 1

    def _compare(self, step: Stepped) -> None:
        before = {each.id: each for each in step.before.alarms}
        found: set[tuple[int, str]] = set()
        joined: Counter[str] = Counter()
        told = [each.report for each in step.actions if isinstance(each, Send)]
        for alarm in step.after.alarms:
            if alarm.kind in WATCHED and alarm.id not in before:
                found.add((alarm.triggered.ms, alarm.kind))
            elif alarm.kind in WATCHED and alarm.triggers > before[alarm.id].triggers:
                joined[alarm.kind] += 1
        joins = [each for each in told if isinstance(each, AlarmJoined) and each.kind in WATCHED]
        found |= {(each.clock.monotonic_ms, each.kind) for each in joins}
        taken_back = {each.kind for each in told if isinstance(each, AlarmCancelled) and each.alarm not in before}
        due = {(at_ms, kind) for at_ms, kind, _ in self.expected}
        for at_ms, kind in found - due:
            self.broken(f"an alarm of {kind} at {at_ms}, for which there was no need")
        for at_ms, kind in due - found:
            if not joined[kind] and kind not in taken_back:
                self.broken(f"no alarm of {kind} at {at_ms}, when its time was up")
        for kind in joined.keys() - {kind for _, kind in due}:
            self.broken(f"an alarm of {kind} was joined, for which there was no need")
