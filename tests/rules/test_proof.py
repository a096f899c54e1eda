"""The proof of a plan: what it says of a home is what the engine does there, and nothing that is missing passes."""

import pytest
from msgspec.structs import replace

from rules.events import Config, Sensor
from rules.plan import (
    Absence,
    Contact,
    Door,
    Inactivity,
    Ladder,
    Plan,
    PowerCut,
    Reminder,
    Rule,
    Step,
    Threshold,
    Visit,
    Window,
)
from rules.proof import Fittings, Proof, Row, prove
from tests.rules.home import sms

PEOPLE = (
    Contact(contact="daughter", consent="2026-10-01"),
    Contact(contact="neighbour", consent="2026-10-02", neighbour=True),
)
HELP = Ladder(
    name="default",
    steps=(
        Step(after_ms=60_000, means="siren", unless="received"),
        sms(120, "daughter"),
        sms(300, "daughter", "neighbour"),
    ),
    repeat_ms=900_000,
)
QUIETLY = Ladder(name="quietly", steps=(sms(60, "neighbour"),))
GOOD = Plan(version=3, contacts=PEOPLE, ladders=(HELP, QUIETLY), kinds=(Rule(kind="door-button", ladder="quietly"),))
PENDANT = Config(hub="h", sensors=(Sensor("pendant-1", "pendant", "worn"),))
NO_BUTTON = Fittings(call_button=False)
ALONE = replace(GOOD, ladders=(HELP,), kinds=())
"""A plan for a home that has a pendant only."""


def row(proof: Proof, case: str, kind: str = "pendant") -> Row:
    (alarm,) = [each for each in proof.alarms if each.kind == kind]
    return next(each for each in alarm.rows if each.case == case)


def codes(proof: Proof, severity: str = "error") -> set[tuple[str, str]]:
    return {(each.code, each.where) for each in proof.findings if each.severity == severity}


def times(proof: Proof, case: str) -> tuple[int | None, int | None, int | None, str]:
    found = row(proof, case)
    return found.local_ms, found.centre_ms, found.human_ms, found.by


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove(ALONE, PENDANT, NO_BUTTON)


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("all-well", (0, 10_000, 10_000, "centre")),
        ("line-down", (0, None, 70_000, "neighbour")),
        ("half-open", (0, 17_000, 17_000, "centre")),
        ("line-lying", (0, None, 70_000, "neighbour")),
        ("centre-silent", (0, None, 70_000, "neighbour")),
        ("centre-idle", (0, 10_000, 140_000, "contact")),
        ("modem-down", (0, 10_000, 10_000, "centre")),
        ("mains-off", (0, None, 70_000, "neighbour")),
        ("restarted", (0, 15_999, 15_999, "centre")),
        ("rebooted", (0, 70_999, 70_999, "centre")),
        ("forgotten", (0, 10_000, 2_710_000, "centre")),
        ("no-line+restarted", (0, None, 74_999, "neighbour")),
        ("no-line+rebooted", (0, None, 129_999, "neighbour")),
        ("no-line+forgotten", (0, None, 3_020_000, "contact")),
    ],
)
def test_s3_each_case_gives_the_worst_time_to_a_sound_to_the_centre_and_to_a_human(
    proof: Proof, case: str, wanted: tuple[int | None, int | None, int | None, str]
) -> None:
    assert times(proof, case) == wanted


def test_a_good_plan_is_proven_for_a_home_with_everything() -> None:
    proof = prove(GOOD)
    assert (proof.ok, proof.gaps, proof.findings) == (True, (), ())
    kinds = {alarm.kind for alarm in proof.alarms}
    assert kinds == {"pendant", "button", "pull-cord", "fall", "smoke", "carbon-monoxide", "flood", "door-button"}
    assert row(proof, "all-well", "door-button").local_ms is None  # S1: silent, whatever happens
    assert "door-button/no-line+modem-down" in proof.double_faults
    assert proof.plays > 300


def test_an_empty_plan_leaves_gaps_that_must_be_accepted_by_name() -> None:
    proof = prove(Plan(), PENDANT, NO_BUTTON)
    open_gaps = {gap.name for gap in proof.gaps}
    cases = {"line-down", "line-lying", "centre-silent", "centre-idle", "mains-off"}
    assert open_gaps == {f"pendant/{case}" for case in cases}
    assert not proof.ok
    names = tuple(f"*/{case}" for case in sorted(cases))
    accepted = prove(Plan(accepted_gaps=names), PENDANT, NO_BUTTON)
    assert accepted.ok
    assert all(gap.accepted for gap in accepted.gaps)
    assert row(accepted, "line-down").gap == "accepted"
    assert not prove(Plan(accepted_gaps=(*names[1:], "button/centre-idle")), PENDANT, NO_BUTTON).ok


def test_a_gap_that_is_accepted_and_not_there_is_said() -> None:
    proof = prove(replace(ALONE, accepted_gaps=("pendant/line-down", "*/no-such-case")), PENDANT, NO_BUTTON)
    assert proof.ok
    assert codes(proof, "warning") == {("no-such-gap", "pendant/line-down"), ("no-such-gap", "*/no-such-case")}


def test_a_kind_that_is_not_critical_needs_nobody() -> None:
    proof = prove(Plan(kinds=(Rule(kind="pendant", priority=3),)), PENDANT, NO_BUTTON)
    assert (proof.ok, proof.gaps) == (True, ())


# --- people -------------------------------------------------------------------------------------------


def test_without_consent_nobody_is_called() -> None:
    stranger = replace(PEOPLE[0], consent="")
    proof = prove(replace(ALONE, contacts=(stranger, PEOPLE[1])), PENDANT, NO_BUTTON)
    assert codes(proof) == {("no-consent", "daughter")}
    assert row(proof, "centre-idle").human_ms == 10_000 + 300_000 + 10_000  # the neighbour's text
    neither = prove(replace(ALONE, contacts=tuple(replace(each, consent="") for each in PEOPLE)), PENDANT, NO_BUTTON)
    assert ("no-human", "pendant/line-down") in codes(neither)  # her siren is not theirs to hear


def test_a_siren_calls_a_human_only_where_a_neighbour_agreed() -> None:
    loud = replace(HELP, steps=HELP.steps[:1], repeat_ms=0)
    friend = replace(PEOPLE[1], neighbour=False)
    proof = prove(replace(ALONE, ladders=(loud,), contacts=(friend,)), PENDANT, NO_BUTTON)
    assert ("no-human", "pendant/line-down") in codes(proof)
    assert ("never-called", "neighbour") in codes(proof, "warning")
    mute = prove(ALONE, PENDANT, Fittings(siren=False, call_button=False))
    assert codes(mute) == {("not-fitted", "default, step 1")}
    assert row(mute, "line-down").by == "contact"


def test_somebody_no_step_calls_is_said() -> None:
    warden = Contact(contact="warden", consent="2026-10-01")
    assert codes(prove(replace(ALONE, contacts=(*PEOPLE, warden)), PENDANT, NO_BUTTON), "warning") == {
        ("never-called", "warden")
    }


def test_a_step_that_calls_nobody_the_plan_knows() -> None:
    ladder = Ladder(name="default", steps=(*HELP.steps, sms(400, "nobody"), sms(500)))
    found = codes(prove(replace(ALONE, ladders=(ladder,)), PENDANT, NO_BUTTON))
    assert found >= {
        ("no-such-contact", "default, step 4"),
        ("calls-nobody", "default, step 4"),
        ("calls-nobody", "default, step 5"),
    }


def test_a_hub_without_a_modem_reaches_nobody_by_text() -> None:
    proof = prove(ALONE, PENDANT, Fittings(modem=False, call_button=False))
    assert ("no-human", "pendant/centre-idle") in codes(proof)
    assert {code for code, _ in codes(proof)} == {"no-human", "not-fitted"}


# --- steps and rules that nothing reaches ---------------------------------------------------------------


def never(proof: Proof) -> set[str]:
    return {each.where for each in proof.findings if each.code == "never-runs"}


def test_a_step_of_a_night_that_the_plan_does_not_have_never_runs() -> None:
    ladder = replace(HELP, steps=(*HELP.steps, sms(400, "daughter", only="night")))
    assert never(prove(replace(ALONE, ladders=(ladder,)), PENDANT, NO_BUTTON)) == {"default, step 4"}
    night = Window(begin=22 * 60, to=7 * 60)
    assert prove(replace(ALONE, ladders=(ladder,), night=night), PENDANT, NO_BUTTON).ok


def test_s1_a_siren_in_a_ladder_that_only_silent_alarms_take_never_runs() -> None:
    loud = replace(QUIETLY, steps=(*QUIETLY.steps, Step(after_ms=90_000, means="siren")))
    proof = prove(replace(GOOD, ladders=(HELP, loud)))
    assert never(proof) == {"quietly, step 2"}


def test_a_step_at_the_raise_and_a_step_after_hours_do_run() -> None:
    steps = (
        Step(after_ms=0, means="centre"),
        Step(after_ms=0, means="light", unless="resolved"),
        *HELP.steps,
        Step(after_ms=4 * 3_600_000, means="siren"),
    )
    assert prove(replace(ALONE, ladders=(replace(HELP, steps=steps),)), PENDANT, NO_BUTTON).ok


def test_the_same_step_twice_is_said() -> None:
    ladder = replace(HELP, steps=(*HELP.steps, HELP.steps[1]))
    assert codes(prove(replace(ALONE, ladders=(ladder,)), PENDANT, NO_BUTTON), "warning") == {
        ("twice", "default, step 4")
    }


def test_ladders_and_rules_that_nothing_in_this_home_reaches() -> None:
    spare = replace(HELP, name="spare")
    rules = (Rule(kind="bed", ladder="spare"), Rule(kind="pendant", ladder="gone"))
    found = codes(prove(replace(ALONE, ladders=(HELP, spare), kinds=rules), PENDANT, NO_BUTTON))
    assert found >= {("unused-ladder", "spare"), ("unreachable-rule", "bed"), ("no-such-ladder", "pendant")}


def test_watches_on_sensors_that_are_not_there_or_of_another_sort() -> None:
    plan = replace(
        ALONE,
        absences=(Absence(sensor="pendant-1", limit_ms=60_000),),
        doors=(Door(sensor="front", open_ms=60_000),),
        inactivity=(Inactivity(name="day", limit_ms=3_600_000),),
    )
    found = codes(prove(plan, PENDANT, NO_BUTTON))
    assert found >= {
        ("wrong-sensor", "pendant-1"),
        ("no-such-sensor", "front"),
        ("no-such-sensor", "inactivity"),
    }


def test_every_kind_that_a_plan_watches_is_played() -> None:
    window = Window(begin=8 * 60, to=9 * 60)
    plan = replace(
        GOOD,
        absences=(Absence(sensor="bed-1", limit_ms=60_000), Absence(sensor="chair-1", limit_ms=60_000)),
        doors=(Door(sensor="front", open_ms=60_000, leaving=window),),
        inactivity=(Inactivity(name="day", limit_ms=3_600_000),),
        visits=(Visit(name="breakfast", sensor="carer", window=window),),
    )
    proof = prove(plan)
    assert proof.ok
    watched = {"bed", "chair", "door-open", "leaving", "inactivity", "visit-missed"}
    assert watched <= {alarm.kind for alarm in proof.alarms}
    assert times_of(proof, "inactivity", "all-well") == (0, 300_000, 300_000)  # five minutes' warning, then help


TABLETS = Reminder(name="tablets", times=(480,), sensor="lid-1", alarm=True)
HEAVY = Threshold(name="heavy", sensor="scales-1", quantity="weight", high=70)


def test_a_missed_reminder_and_a_reading_are_played_where_the_plan_can_raise_them() -> None:
    later = Rule(kind="reminder-missed", ladder="later")
    ladder = Ladder(name="later", steps=(sms(60, "daughter"),))
    plan = replace(GOOD, ladders=(*GOOD.ladders, ladder), kinds=(*GOOD.kinds, later))
    proof = prove(replace(plan, reminders=(TABLETS,), thresholds=(HEAVY,)))
    assert proof.ok, proof.findings
    assert times_of(proof, "reminder-missed", "all-well") == (None, 0, 0)  # S1: silent by default
    assert times_of(proof, "reminder-missed", "line-down")[2] == 70_000
    assert times_of(proof, "reading", "line-down") == (None, None, None)  # its ladder has no step, and it may wait
    untold = prove(replace(plan, reminders=(replace(TABLETS, alarm=False),)))
    assert codes(untold) == {("unreachable-rule", "reminder-missed"), ("unused-ladder", "later")}
    assert not {"reminder-missed", "reading"} & {alarm.kind for alarm in untold.alarms}


def test_what_answers_a_reminder_or_is_measured_must_be_there() -> None:
    scales = Reminder(name="scales", kind="weigh", times=(480,), sensor="pendant-1", reading="weight")
    found = codes(prove(replace(ALONE, reminders=(TABLETS, scales), thresholds=(HEAVY,)), PENDANT, NO_BUTTON))
    assert found >= {("no-such-sensor", "lid-1"), ("wrong-sensor", "pendant-1"), ("no-such-sensor", "scales-1")}
    there = (Sensor("lid-1", "lid", "kitchen"), Sensor("scales-1", "reading", "bathroom"))
    home = replace(PENDANT, sensors=(*PENDANT.sensors, *there))
    weighed = replace(ALONE, reminders=(TABLETS, replace(scales, sensor="scales-1")), thresholds=(HEAVY,))
    assert codes(prove(weighed, home, NO_BUTTON)) == set()


def test_nothing_is_said_of_reminders_while_an_alarm_is_played() -> None:
    """Their sound would count as the alarm's."""
    often = (replace(TABLETS, times=tuple(range(0, 24 * 60, 10)), missed_ms=600_000),)
    assert times_of(prove(replace(GOOD, reminders=often)), "door-button", "no-line+modem-down")[0] is None


def times_of(proof: Proof, kind: str, case: str) -> tuple[int | None, int | None, int | None]:
    found = row(proof, case, kind)
    return found.local_ms, found.centre_ms, found.human_ms


# --- times of day, mains, lines -------------------------------------------------------------------------


def test_an_alarm_as_day_breaks_may_miss_both_the_night_step_and_the_day_step() -> None:
    night = Window(begin=22 * 60, to=7 * 60)
    steps = (sms(60, "daughter", only="day"), sms(300, "neighbour", only="night"))
    proof = prove(replace(ALONE, ladders=(Ladder(name="default", steps=steps),), night=night), PENDANT, NO_BUTTON)
    found = row(proof, "line-down")
    assert (found.human_ms, found.gap, found.worst) == (None, "open", "as day breaks")


def test_the_router_and_the_hub_live_as_long_as_the_plan_says() -> None:
    cut = PowerCut(router_ms=5_000, hub_ms=60_000)  # a pendant is raised after ten seconds
    proof = prove(replace(ALONE, power_cut=cut), PENDANT, NO_BUTTON)
    assert row(proof, "mains-off-router-on").human_ms is None
    assert ("no-human", "pendant/mains-off") in codes(proof)
    longer = prove(replace(ALONE, power_cut=PowerCut(router_ms=20_000, hub_ms=3_600_000)), PENDANT, NO_BUTTON)
    assert times(longer, "mains-off-router-on") == (0, 10_000, 10_000, "centre")


def test_a_standby_line_of_its_own_reaches_the_centre() -> None:
    config = replace(PENDANT, uplinks=("main", "mobile"), standby=("mobile",))
    proof = prove(ALONE, config, Fittings(own_lines=("mobile",), call_button=False))
    for case in ("line-down", "line-lying", "mains-off"):
        human_ms = row(proof, case).human_ms
        assert human_ms is not None
        assert human_ms <= 60_000
        assert row(proof, case).by == "centre"
    assert row(proof, "no-line").by == "neighbour"
    shared = prove(ALONE, config, NO_BUTTON)
    assert row(shared, "mains-off").by == "neighbour"  # it goes by the router, which is dark
