"""A care plan takes another's place: only a newer one, once, whole (S9)."""

from rules import events
from rules.plan import Contact, Plan, Rule
from rules.reports import PlanApplied, PlanRefused
from tests.rules.home import Home, plan_of, sms

PLAN = plan_of(sms(60, "daughter"), version=3)


def test_a_newer_plan_is_taken_and_told() -> None:
    home = Home()
    home.plan(PLAN)
    assert home.house.plan == PLAN
    report = home.only(PlanApplied)
    assert (report.version, report.before) == (3, 0)


def test_s4_the_plan_that_is_in_force_already_changes_nothing() -> None:
    home = Home()
    home.plan(PLAN)
    house = home.forget().house
    assert home.plan(PLAN) == []
    assert home.house == house


def test_s9_versions_only_rise() -> None:
    home = Home()
    home.plan(PLAN)
    home.plan(Plan(version=2))
    home.plan(Plan(version=3, contacts=(Contact(contact="stranger"),)))
    assert home.house.plan == PLAN
    assert [(each.version, each.in_force) for each in home.sent(PlanRefused)] == [(2, 3), (3, 3)]


def test_s9_a_refused_plan_leaves_the_old_one_and_says_why() -> None:
    home = Home()
    home.plan(PLAN)
    home.happens(events.PlanRefused(4, "smoke: nobody is reached"))
    assert home.house.plan == PLAN
    report = home.only(PlanRefused)
    assert (report.version, report.in_force, report.reason) == (4, 3, "smoke: nobody is reached")


def test_a_plan_changes_what_a_kind_may_be_cancelled_for() -> None:
    home = Home()
    home.plan(Plan(version=1, kinds=(Rule(kind="pendant", cancel_ms=20_000, priority=2),)))
    home.press("pendant-1")
    home.after(19.999)
    assert home.stage == "pending"
    home.after(0.001)
    assert (home.stage, home.alarm.priority, home.alarm.plan_version) == ("raised", 2, 1)


def test_a_plan_survives_a_restart_and_a_reboot() -> None:
    home = Home()
    home.plan(PLAN)
    home.restart()
    home.reboot()
    assert home.house.plan == PLAN
