from rules.actions import Chirp, Say, SendText
from rules.events import InstallerAsked, Verb
from rules.kinds import KIND_NAMES, TEST
from rules.plan import Ladder, Plan, Rule, Step
from rules.projection import Display
from rules.reports import (
    AlarmCancelled,
    AlarmEscalated,
    AlarmJoined,
    AlarmRaised,
    AlarmResolved,
    FaultRaised,
    TestReport,
)
from tests.rules.home import HOUR, MINUTE, Home, plan_of, sms


def asks(home: Home, what: Verb) -> Home:
    home.happens(InstallerAsked(what))
    return home


def test_engineer_mode_is_begun_ended_and_ends_by_itself() -> None:
    home = Home()
    assert asks(home, "engineer").mode == "engineer"
    assert asks(home, "home").mode == "home"
    assert asks(home, "engineer").after(HOUR).mode == "home"


def test_ending_engineer_mode_leaves_an_empty_flat_away() -> None:
    home = Home()
    home.set_mode("away")
    assert asks(home, "home").mode == "away"


def test_a_test_alarm_goes_to_the_centre_and_ends_with_its_receipt() -> None:
    home = asks(Home(), "test-alarm")
    raised = home.only(AlarmRaised)
    assert (raised.kind, raised.priority, raised.test, raised.silent) == ("test", 4, True, True)
    assert (raised.rule, raised.sensor, raised.person) == ("installer", "hub", "")
    home.receipt()
    assert home.house.alarms == ()
    resolved = home.only(AlarmResolved)
    assert (resolved.by, resolved.outcome, resolved.alarm) == ("hub", "installer's test", raised.alarm)


def test_a_receipt_for_something_else_or_a_retry_ends_no_test_alarm() -> None:
    home = asks(Home(), "test-alarm")
    home.receipt("e1-a-999")
    home.receipt(result="retry", retry_after=5)
    assert home.stage == "raised"
    home.receipt()
    assert home.house.alarms == ()


def test_a_refused_test_alarm_stays_until_the_installer_ends_it() -> None:
    home = asks(Home(), "test-alarm")
    home.receipt(result="rejected", reason="unknown hub")
    assert {fault for fault, _ in home.faults} == {"alarm-rejected"}
    asks(home, "end-tests")
    assert (home.house.alarms, home.faults) == ((), set())


def test_a_test_alarm_wakes_nobody_whatever_the_plan_and_the_line() -> None:
    ladder = Ladder(name="default", steps=(Step(after_ms=0, means="siren"), sms(60, "daughter")), repeat_ms=60_000)
    home = Home(line=False)
    home.plan(plan_of(ladders=(ladder,), kinds=(Rule(kind="test", ladder="default", silent=False),)))
    home.after(HOUR).forget()
    dark = home.sensed()
    asks(home, "test-alarm").after(HOUR)
    assert (home.sensed(), home.stage) == (dark, "raised")
    home.link_up()
    home.receipt()
    assert [each for each in home.actions if isinstance(each, Chirp | Say | SendText)] == []
    assert home.sent(AlarmEscalated) == []


def test_a_test_alarm_keeps_no_reminder_silent() -> None:
    assert asks(Home(), "test-alarm").display() == Display()


def test_s12_one_test_alarm_at_a_time() -> None:
    home = asks(asks(Home(), "test-alarm"), "test-alarm")
    assert len(home.sent(AlarmRaised)) == 1
    home.receipt()
    asks(home, "test-alarm")
    assert len(home.sent(AlarmRaised)) == 2


def test_s4_s5_nothing_real_joins_a_test_alarm_or_is_linked_to_it() -> None:
    home = asks(Home(), "test-alarm")
    home.call()
    home.call()  # REPEAT: the same press
    home.after(11)
    test, real = home.house.alarms
    assert (test.kind, real.kind, real.test, real.linked) == ("test", "button", False, None)
    assert home.sent(AlarmJoined) == []
    home.receipt(real.raised_ref)
    assert [alarm.kind for alarm in home.house.alarms] == ["test", "button"]
    home.receipt(test.raised_ref)
    assert [alarm.kind for alarm in home.house.alarms] == ["button"]


def test_no_sensor_no_plan_and_no_configuration_can_have_the_kind() -> None:
    assert TEST.name not in KIND_NAMES


def test_a_test_alarm_outlives_a_restart_and_a_reboot() -> None:
    home = asks(Home(), "test-alarm")
    ref = home.alarm.raised_ref
    home.restart()
    home.reboot()
    home.link_up()
    assert (home.alarm.kind, home.delivery) == ("test", "waiting")
    home.receipt(ref)
    assert home.house.alarms == ()


def test_end_tests_ends_every_test_and_nothing_real() -> None:
    home = Home()
    home.press("cord-1")  # real, and may still be cancelled
    asks(home, "engineer")
    home.press("flood-1")
    home.after(3)
    home.press("pendant-3")  # pending
    home.forget()
    asks(home, "end-tests")
    assert [(alarm.sensor, alarm.test) for alarm in home.house.alarms] == [("cord-1", False)]
    assert [each.sensor for each in home.sent(AlarmResolved)] == ["flood-1"]
    assert [(each.sensor, each.stage) for each in home.sent(AlarmCancelled)] == [("pendant-3", "pending")]


def test_s3_a_test_that_the_centre_announced_is_not_the_installers_to_end() -> None:
    home = Home()
    home.command("test", expect="pendant-1")
    home.press("pendant-1")
    home.after(11)
    assert home.alarm.announced
    asks(home, "end-tests").after(6 * MINUTE)
    assert [alarm.test for alarm in home.house.alarms] == [True, False]  # unanswered: a real one followed


def test_a_self_test_reports_at_once() -> None:
    home = asks(Home(uplinks=("main", "4g"), standby=("4g",)), "self-test")
    assert home.only(TestReport).why == "command"
    assert home.house.standbys[0].testing_ms is not None


def test_s7_no_answer_to_a_test_alarm_raises_no_lamp_but_opens_the_next_way() -> None:
    home = Home(uplinks=("main", "4g"), standby=("4g",)).after(200).forget()
    asks(home, "test-alarm").after(11)
    assert home.sent(FaultRaised) == []
    assert home.house.standbys[0].open
    assert Plan() == home.house.plan
