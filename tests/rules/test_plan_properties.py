"""Any valid plan, any order of events: nothing fails, nothing is lost, and every step of every ladder is on time."""

from collections.abc import Iterator

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.actions import SendText
from rules.alarm import Alarm
from rules.calendar import at, zone_of
from rules.events import Replied, TextDelivered, TextFailed, TextSent, Tick
from rules.kinds import SENSOR_KINDS
from rules.ladder import NIGHTLESS_PRIORITY
from rules.plan import Plan, Step, Window, kind_of, ladder_of
from rules.reports import AlarmEscalated, AlarmRaised
from tests.rules.days import FOUND, OFTEN, WATCHED, Day, Op
from tests.rules.home import SENSORS, Home
from tests.rules.plans import CONTACTS, plans
from tests.rules.test_properties import replay
from tests.support.examples import examples

usual = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])


class PlannedDay(Day):
    """A day in a home with a care plan, whose plan changes, and whose texts come to something."""

    def __init__(self, *offered: Plan) -> None:
        self.offered: list[Plan] = []
        super().__init__()
        self.offered = list(offered)
        self.do_plan(1)

    def do_plan(self, which: int) -> None:
        if self.offered:
            watched = WATCHED if which % 2 else {}
            self.plan(replace(self.offered.pop(0), version=self.house.plan.version + 1, **watched))

    def do_text(self, which: int) -> None:
        sent = [each for each in self.history if isinstance(each, SendText)][-8:]
        if sent:
            text = sent[which % len(sent)].text
            events = (TextSent(text), TextSent(text), TextDelivered(text), TextFailed(text, "no network"))
            self.happens(events[which // 8 % 4])

    def do_reply(self, which: int) -> None:
        sent = [each for each in self.history if isinstance(each, SendText) and each.code][-8:]
        contact = CONTACTS[which % 3].contact
        if sent and which % 5:
            self.happens(Replied(sent[which % len(sent)].contact, 1, sent[which % len(sent)].code))
        else:
            self.happens(Replied(contact, which % 3, which % 100))


NAMES = [*PlannedDay.names(), *OFTEN, "text", "text", "reply", "reply", "answer", "lid"]
PAUSES = st.sampled_from([-2_000, 0, 1, 1_999, 10_000, 60_000, 120_000, 3 * 3_600_000]) | st.integers(0, 40 * 60_000)
DAYS = st.lists(st.tuples(PAUSES, st.booleans(), st.sampled_from(NAMES), st.integers(0, 400)), min_size=10, max_size=40)


@given(plans(), plans(version=2), DAYS)
@usual
def test_any_plan_and_any_order_of_events_balance_their_accounts_and_replay_alike(
    first: Plan, second: Plan, day: list[Op]
) -> None:
    home = PlannedDay(first, second)
    for op in day:
        home.play(op)
    home.do_plan(0)
    home.after(3_600)
    assert {alarm.kind for alarm in home.house.alarms if alarm.stage == "pending"} <= FOUND  # a warning just begun
    assert not home.offered
    house, actions = replay(msgspec.json.encode(home.journal))
    assert (house, actions) == (home.house, home.history)


# --- steps on time ----------------------------------------------------------------------------------


def turns(alarm: Alarm, raised_ms: int, until_ms: int) -> Iterator[tuple[int, int, int]]:
    """Every moment at which a step should have its turn, if nobody ever answers: told by the plan's words alone."""
    steps = list(enumerate(alarm.steps, start=1))
    yield from ((raised_ms + step.after_ms, 1, place) for place, step in steps if step.unless == "resolved")
    passing = [(place, step) for place, step in steps if step.unless != "resolved"]
    from_ms, number = raised_ms, 1
    while passing and from_ms <= until_ms:
        yield from ((from_ms + step.after_ms, number, place) for place, step in passing)
        if not alarm.repeat_ms:
            return
        from_ms, number = from_ms + max(step.after_ms for _, step in passing) + alarm.repeat_ms, number + 1


def silenced(plan: Plan, alarm: Alarm, step: Step, number: int, wall_ms: int) -> bool:
    """Whether the plan's words say that this step is not taken at that moment."""

    def within(window: Window | None) -> bool:
        zone = zone_of(plan.time_zone)
        assert zone is not None
        return window is not None and at(window, zone, wall_ms).open

    if alarm.silent and step.means in ("siren", "say", "light"):
        return True
    if step.only is not None and (step.only == "night") != within(plan.night):
        return True
    quiet = step.means in ("siren", "say") and alarm.priority > NIGHTLESS_PRIORITY and within(plan.quiet)
    return quiet or (step.means == "centre" and step.after_ms == 0 and number == 1)


@given(
    plans(kinds=("smoke", "pendant"), reminds=False),
    st.sampled_from(["smoke-1", "pendant-1", "flood-1", "door-1"]),
    st.integers(0, 7 * 24 * 60),
    st.floats(120, 5_000),
)
@settings(usual, max_examples=examples(60))
def test_s3_with_nobody_there_every_step_is_taken_exactly_when_the_plan_says_once_in_each_round(
    plan: Plan, sensor: str, minute: int, nap_s: float
) -> None:
    home = Home(line=False)
    home.wall_from_boot_ms += minute * 60_000
    home.plan(plan)
    home.press(sensor)
    home.after(300)  # the longest cancel window there is here
    raised = home.only(AlarmRaised).clock.monotonic_ms
    alarm, until_ms = home.alarm, raised + 3 * 3_600_000
    while home.ms < until_ms:
        home.asleep_for(nap_s).happens(Tick())  # it wakes when it wakes: what it decides is on time nevertheless
    found = sorted((each.clock.monotonic_ms, each.step) for each in home.sent(AlarmEscalated))
    wanted = sorted(
        (at_ms, place)
        for at_ms, number, place in turns(alarm, raised, home.ms)
        if at_ms <= home.ms
        and not silenced(plan, alarm, alarm.steps[place - 1], number, home.wall_from_boot_ms + at_ms)
    )
    assert found == wanted
    kind = next(each for each in SENSORS if each.id == sensor).kind
    assert alarm.steps == ladder_of(plan, kind_of(plan, SENSOR_KINDS, kind)).steps
