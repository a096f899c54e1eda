"""The engine as a machine that Hypothesis drives: whatever people, lines and power do, S3, S4, S6 and S9 hold."""

from typing import Any, get_args

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rules.actions import Action, Send, SendText
from rules.alarm import Alarm
from rules.engine import next_deadline
from rules.events import (
    AnyEvent,
    InstallerAsked,
    Replied,
    RestartWanted,
    StorageChanged,
    TextDelivered,
    TextFailed,
    TextSent,
    Verb,
    Why,
)
from rules.ladder import step_due_ms
from rules.plan import Ladder, Plan, Step
from rules.reports import (
    AlarmAcknowledged,
    AlarmCancelled,
    AlarmEscalated,
    AlarmFacts,
    AlarmLapsed,
    AlarmRaised,
    AlarmResolved,
    PlanApplied,
)
from tests.rules.days import Day
from tests.rules.plans import plans
from tests.rules.test_properties import replay
from tests.support.examples import examples

PAUSES = st.sampled_from([0.0, 0.001, 1.9, 2.0, 5.0, 9.999, 10.0, 60.0, 120.0, 600.0, 1_800.0, 2_700.0, 4_000.0])
SENSORS = st.sampled_from(["pendant-1", "pendant-2", "pendant-3", "smoke-1", "door-1", "fall-1"])
SOME = st.integers(0, 1_000)


class Story:
    """One alarm as the reports tell it, and no more: when its ladder counts, and from when."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self.steps = steps
        self.from_ms: int | None = None  # None: a reboot made it unknown, until the next step tells
        self.steady_from_ms: int | None = None
        self.held_ms: int | None = None
        self.taken: set[tuple[int, int]] = set()
        self.round = 1

    def hears(self, report: AlarmFacts) -> None:
        now_ms = report.clock.monotonic_ms
        match report:
            case AlarmRaised():
                self.from_ms = self.steady_from_ms = now_ms
            case AlarmAcknowledged(renewed=False):
                self.held_ms = now_ms
            case AlarmLapsed(why="time"):
                assert self.held_ms is not None
                self.from_ms = None if self.from_ms is None else self.from_ms + now_ms - self.held_ms
                self.held_ms = None
            case AlarmEscalated():
                self._step(report, self.steps[report.step - 1], now_ms)

    def _step(self, report: AlarmEscalated, step: Step, now_ms: int) -> None:
        lasting = step.unless == "resolved"
        key = (0 if lasting else report.round, report.step)
        assert key not in self.taken  # once in each round
        self.taken.add(key)
        if lasting:
            assert self.steady_from_ms in (None, now_ms - step.after_ms)
            self.steady_from_ms = now_ms - step.after_ms
            return
        assert self.held_ms is None  # nobody is called while somebody has it
        if report.round > self.round:
            self.round, self.from_ms = report.round, None
        assert self.from_ms in (None, now_ms - step.after_ms)  # S6: on time, whatever lay between
        self.from_ms = now_ms - step.after_ms

    def reboots(self) -> None:
        self.from_ms = self.steady_from_ms = self.held_ms = None


def has_rounds(alarm: Alarm) -> bool:
    return bool(alarm.repeat_ms) and any(step.unless != "resolved" for step in alarm.steps)


class Watched(Day):
    """A day whose stories are followed from the outside."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.closed: set[str] = set()
        self.about: dict[str, str] = {}  # which alarm a text was about, for ever
        super().__init__()

    def _count_alarm(self, action: Any) -> None:
        super()._count_alarm(action)
        report = action.report
        if isinstance(report, AlarmFacts) and report.alarm in self.stories:
            self.stories[report.alarm].hears(report)
        if isinstance(report, AlarmResolved) or (isinstance(report, AlarmCancelled) and report.stage == "pending"):
            self.closed.add(report.alarm)

    def happens(self, event: AnyEvent) -> list[Action]:
        ladders = {alarm.id: alarm.steps for alarm in self.house.alarms}
        plan = self.house.plan
        actions = super().happens(event)
        self.about |= {text.id: text.alarm for text in self.house.texts}
        for action in actions:
            if isinstance(action, SendText) and action.what == "taken":
                owned = self.house.alarm(self.about[action.text])
                assert owned is None or owned.contact != action.contact  # who owns it is not told that others do
        for alarm in self.house.alarms:
            assert ladders.get(alarm.id, alarm.steps) == alarm.steps  # S9: by the ladder it began
            if alarm.id not in self.stories:
                self._begin(alarm, actions)
        assert self.house.plan.version >= plan.version  # S9
        return actions

    def _begin(self, alarm: Alarm, actions: list[Action]) -> None:
        story = self.stories[alarm.id] = Story(alarm.steps)
        for action in actions:
            if isinstance(action, Send) and isinstance(action.report, AlarmFacts) and action.report.alarm == alarm.id:
                story.hears(action.report)


BUSY = Ladder(
    name="default",
    steps=(
        Step(after_ms=60_000, means="siren", unless="received"),
        Step(after_ms=120_000, means="sms", to=("daughter",)),
        Step(after_ms=240_000, means="light", unless="resolved"),
        Step(after_ms=300_000, means="sms", to=("daughter", "neighbour")),
        Step(after_ms=900_000, means="centre"),
    ),
    repeat_ms=900_000,
)


def busy(plan: Plan) -> Plan:
    """Most alarms of a day should have a ladder to go."""
    others = [ladder for ladder in plan.ladders if ladder.name != "default"]
    return msgspec.structs.replace(plan, ladders=(BUSY, *others))


class Household(RuleBasedStateMachine):
    """People, lines and power, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Watched()
        self.version = self.home.house.plan.version

    @initialize(plan=plans().map(busy))
    def begins(self, plan: Plan) -> None:
        self.offers(plan, newer=1)

    # --- what may happen ---

    @rule(pause=PAUSES, wakes=st.booleans())
    def waits(self, pause: float, wakes: bool) -> None:
        if wakes:
            self.home.after(pause)
        else:
            self.home.asleep_for(pause)

    @rule(sensor=SENSORS)
    def presses(self, sensor: str) -> None:
        self.home.press(sensor)

    @rule(wet=st.booleans())
    def floods(self, wet: bool) -> None:
        (self.home.wet if wet else self.home.dry)()

    @rule()
    def cancels(self) -> None:
        self.home.cancel()

    @rule()
    def helps(self) -> None:
        self.home.help_arrives()

    @rule(up=st.booleans(), uplink=st.sampled_from(["main", "backup"]))
    def line(self, up: bool, uplink: str) -> None:
        (self.home.link_up if up else self.home.link_down)(uplink)

    @rule(which=SOME)
    def receipts(self, which: int) -> None:
        self.home.do_alarm_receipt(which)

    @rule(which=SOME)
    def centre_takes_it(self, which: int) -> None:
        self._command("acknowledge", which)

    @rule(which=SOME)
    def centre_closes_it(self, which: int) -> None:
        self._command("resolve", which)

    @rule(which=SOME, pause=st.sampled_from([1_800.0, 1_900.0, 2_700.0, 3_600.0]), after=PAUSES)
    def centre_forgets_it(self, which: int, pause: float, after: float) -> None:
        self._command("acknowledge", which)
        self.home.after(pause).after(after)

    def _command(self, kind: str, which: int) -> None:
        if ids := [alarm.id for alarm in self.home.house.alarms]:
            self.home.command(kind, f"m-{len(self.home.journal)}", alarm=ids[which % len(ids)])

    @rule(which=SOME, outcome=st.sampled_from(["sent", "sent", "delivered", "failed"]))
    def text_ends(self, which: int, outcome: str) -> None:
        if texts := [each.text for each in self.home.history if isinstance(each, SendText)][-6:]:
            text = texts[which % len(texts)]
            made: dict[str, AnyEvent] = {
                "sent": TextSent(text),
                "delivered": TextDelivered(text),
                "failed": TextFailed(text, "no network"),
            }
            self.home.happens(made[outcome])

    @rule(which=SOME, answer=st.sampled_from([1, 1, 1, 2]))
    def contact_replies(self, which: int, answer: int) -> None:
        """To any text there ever was: yesterday's too."""
        asked = [each for each in self.home.history if isinstance(each, SendText) and each.what == "alarm"]
        if asked:
            text = asked[which % len(asked)]
            before = {alarm.id: alarm.stage for alarm in self.home.house.alarms}
            self.home.happens(Replied(text.contact, answer, text.code))
            changed = {alarm.id for alarm in self.home.house.alarms if before.get(alarm.id) == "raised" != alarm.stage}
            assert changed <= {self.home.about[text.text]}  # S4: that alarm and no other

    @rule(plan=plans() | plans().map(busy), newer=st.sampled_from([0, 1, 1, 5]))
    def offers(self, plan: Plan, newer: int) -> None:
        self.version += newer
        before = self.home.house
        actions = self.home.plan(msgspec.structs.replace(plan, version=self.version))
        applied = [each for each in actions if isinstance(each, Send) and isinstance(each.report, PlanApplied)]
        assert bool(applied) == (self.home.house.plan != before.plan)  # S9: whole, or not at all
        assert len(applied) <= (newer > 0)

    @rule(mode=st.sampled_from(["home", "away", "engineer"]))
    def mode(self, mode: Any) -> None:
        self.home.set_mode(mode)

    @rule(verb=st.sampled_from(get_args(Verb)))
    def installer_asks(self, verb: Verb) -> None:
        self.home.after(0)  # what is due now is nobody's doing
        before = [alarm for alarm in self.home.house.alarms if not alarm.test or alarm.announced]
        self.home.happens(InstallerAsked(verb))
        assert [alarm for alarm in self.home.house.alarms if not alarm.test or alarm.announced] == before

    @rule(why=st.sampled_from(get_args(Why)), down=st.sampled_from([1.0, 30.0]))
    def restart_is_wanted(self, why: Why, down: float) -> None:
        self.home.happens(RestartWanted(why))
        if self.home.house.restart is not None and self.home.house.restart.going:
            before = {alarm.id for alarm in self.home.house.alarms}
            self.home.restart(down)
            assert before <= {alarm.id for alarm in self.home.house.alarms}  # S3
            assert self.home.house.restart is None  # once

    @rule(ok=st.booleans())
    def disk(self, ok: bool) -> None:
        self.home.happens(StorageChanged(ok=ok, reason="full"))

    @rule(down=st.sampled_from([0.0, 1.0, 30.0, 700.0]))
    def restarts(self, down: float) -> None:
        self.home.restart(down)

    @rule(booted=st.sampled_from([5.0, 15.0, 90.0]))
    def reboots(self, booted: float) -> None:
        for story in self.home.stories.values():
            story.reboots()
        before = {alarm.id: alarm for alarm in self.home.house.alarms}
        self.home.reboot(booted)
        assert before.keys() == {alarm.id for alarm in self.home.house.alarms}  # S3
        for alarm in self.home.house.alarms:
            assert alarm.stage == "raised"  # S6: what waited on time happens now
            was = before[alarm.id]
            waited = was.stage != "pending" and (len(was.taken) < len(was.steps) or has_rounds(was))
            assert (alarm.round, len(alarm.taken)) > (was.round, len(was.taken)) or not waited

    # --- what is always so ---

    @invariant()
    def s3_nothing_is_abandoned(self) -> None:
        home = self.home
        open_ids = {alarm.id for alarm in home.house.alarms}
        assert set(home.stories) - open_ids == home.closed & set(home.stories)
        for alarm in home.house.alarms:
            if alarm.stage == "acknowledged":
                assert alarm.lapse_at_ms is not None
                assert alarm.lapse_at_ms > home.house.now_ms
            waiting = [place for place in range(len(alarm.steps)) if place not in alarm.taken]
            if alarm.stage == "raised" and waiting:
                due_ms = step_due_ms(alarm)
                assert due_ms is not None
                assert due_ms > home.house.now_ms

    @invariant()
    def s6_there_is_always_a_next_moment_and_it_is_later(self) -> None:
        due_ms = next_deadline(self.home.house)
        assert due_ms is not None
        assert due_ms > self.home.house.now_ms

    def teardown(self) -> None:
        house, actions = replay(msgspec.json.encode(self.home.journal))
        assert (house, actions) == (self.home.house, self.home.history)  # replay equals live


TestHousehold = Household.TestCase
TestHousehold.settings = settings(
    max_examples=examples(30),
    stateful_step_count=35,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
