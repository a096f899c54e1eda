"""The second line: opened when the first is down or lies, tested every day, and no fault for being closed."""

import pytest

from rules.events import Receipted
from rules.links import STEADY_MS, TEST_AGAIN_MS, wanted
from rules.reports import FaultCleared, FaultRaised, TestReport
from rules.selftest import EVERY_MS
from tests.rules.home import MINUTE, Home

DAY = EVERY_MS / 1000


class TwoLines(Home):
    """A home with a main line and a standby over 4G. Check-ins are answered over every line that is up."""

    def __init__(self, *, proven: bool = True) -> None:
        self.carries: set[str] = {"main", "4g"}
        super().__init__(uplinks=("main", "4g"), standby=("4g",))
        if proven:
            self.after(30)
            self.link_up("4g")
            self.link_down("4g", "closed: it is not wanted")
        self.forget()

    def answered(self, ref: str) -> None:
        for name in ("main", "4g"):
            if name in self.carries and self.up(name):
                self.happens(Receipted(ref, "accepted", uplink=name))

    def up(self, name: str) -> bool:
        return any(link.name == name and link.up for link in self.house.links)

    @property
    def blamed(self) -> set[str]:
        """The lines that a fault stands for."""
        return {subject for fault, subject in self.faults if fault == "link"}

    @property
    def open(self) -> bool:
        return "4g" in wanted(self.house)


def test_s7_a_standby_is_tested_soon_after_a_boot_and_then_closed() -> None:
    home = TwoLines(proven=False)
    assert wanted(home.house) == {"main"}
    home.after(30)
    assert home.open
    home.link_up("4g")  # the check-in goes at once, and is answered
    assert not home.open
    home.link_down("4g", "closed: it is not wanted")
    assert home.faults == set()


def test_s7_a_standby_is_tested_every_day() -> None:
    home = TwoLines()
    for _ in range(3):
        home.after(DAY - 1)
        assert not home.open
        home.after(1)
        assert home.open
        home.link_up("4g")
        assert not home.open
        home.link_down("4g")


def test_s7_a_standby_that_does_not_come_up_in_its_test_is_a_fault_until_it_works() -> None:
    home = TwoLines()
    home.after(DAY).forget()
    home.link_down("4g", "interface wwan0: No such device")
    home.after(2 * MINUTE)
    assert not home.open
    (fault,) = (each for each in home.sent(FaultRaised) if each.fault == "link")
    assert fault.subject == "4g"
    assert fault.reason == "the standby failed its test: interface wwan0: No such device"
    home.after(TEST_AGAIN_MS / 1000)
    assert home.open
    home.link_up("4g")
    assert home.blamed == set()
    assert home.only(FaultCleared).subject == "4g"


def test_s7_a_standby_that_comes_up_and_brings_no_receipt_fails_its_test() -> None:
    home = TwoLines()
    home.carries.discard("4g")
    home.after(DAY).forget()
    home.link_up("4g")
    home.after(2 * MINUTE)
    assert home.blamed == {"4g"}
    (fault,) = (each for each in home.sent(FaultRaised) if each.fault == "link")
    assert "does not answer" in fault.reason
    home.forget().link_down("4g")
    for _ in range(5):  # it comes up again and again: one fault, not one for each time
        home.after(TEST_AGAIN_MS / 1000)
        home.link_up("4g")
        home.after(2 * MINUTE)
        home.link_down("4g")
    assert not home.sent(FaultRaised)
    assert not home.sent(FaultCleared)


def test_an_open_standby_is_tested_where_it_is() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(30)
    home.link_up("4g")
    tested_ms = home.house.standbys[0].tested_ms
    home.after(DAY + MINUTE)
    assert home.house.standbys[0].tested_ms != tested_ms
    assert home.open


def test_a_closed_standby_is_no_fault_and_the_home_is_not_without_a_line() -> None:
    home = TwoLines()
    home.after(DAY - 1)
    assert home.blamed == set()
    home.press("pendant-1")
    home.after(10)
    assert home.display().tone == "calling"
    home.link_down("main")
    home.after(9.9)
    assert home.display().tone == "no-line"
    home.link_up("4g")
    home.receipt()
    assert home.display().tone == "waiting"


def test_the_self_test_reports_a_closed_standby_by_its_last_test() -> None:
    home = TwoLines()
    home.after(2 * MINUTE)
    assert [(path.path, path.ok) for path in home.only(TestReport).paths] == [("main", True), ("4g", True)]


def test_the_main_line_may_be_down_for_half_a_minute() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(29.999)
    assert not home.open
    home.after(0.001)
    assert home.open


def test_s3_an_alarm_without_a_line_opens_the_standby_at_once() -> None:
    home = TwoLines()
    home.link_down("main")
    home.press("smoke-1")  # has no cancel window
    assert home.open


def test_s3_a_line_lost_while_an_alarm_waits_opens_the_standby_at_once() -> None:
    home = TwoLines()
    home.press("smoke-1")
    assert not home.open
    home.link_down("main", "no PUBACK in 5 s: the line is open and carries nothing")
    assert home.open


@pytest.mark.parametrize("sensor", ["smoke-1", "door-1"])
def test_s3_a_line_that_lies_is_not_waited_for_even_where_nothing_may_be_heard(sensor: str) -> None:
    home = TwoLines()
    home.press(sensor)
    home.after(9.999)
    assert not home.open
    home.after(0.001)  # the line says that it is up, and no receipt comes
    assert home.open


def test_a_centre_that_answers_no_check_in_over_the_main_line_opens_the_standby() -> None:
    home = TwoLines()
    home.carries.discard("main")
    home.after(10 * MINUTE)
    assert home.open
    home.link_up("4g")
    assert home.faults == set()
    home.after(20 * MINUTE)
    assert home.open, "the main line is up and silent"
    home.carries.add("main")
    home.after(4 * MINUTE)
    assert not home.open


def test_a_standby_stays_open_until_the_main_line_has_been_steady_and_the_centre_answers_over_it() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(30)
    home.link_up("4g")
    home.link_up("main")
    home.after(STEADY_MS / 1000 - 1)
    assert home.open
    for _ in range(5):  # it flaps
        home.link_down("main")
        home.link_up("main")
        home.after(STEADY_MS / 1000 - 1)
        assert home.open
    home.after(5 * MINUTE)
    assert not home.open


def test_s3_a_standby_is_not_closed_while_an_alarm_waits() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(30)
    home.link_up("4g")
    home.link_up("main")
    home.after(3 * MINUTE)
    home.press("smoke-1")
    home.happens(Receipted("e1-a-1", "accepted", uplink="main"))  # of something else
    assert home.open
    home.receipt()
    home.after(4 * MINUTE)
    assert not home.open


def test_s7_a_standby_that_is_wanted_and_does_not_come_up_is_a_fault() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(30 + 119)
    assert ("link", "4g") not in home.faults
    home.after(1)
    assert ("link", "4g") in home.faults


def test_s6_what_was_decided_survives_a_process_restart_and_a_reboot_decides_anew() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(30)
    home.restart()
    assert home.open
    home.reboot()
    assert not home.open
    home.after(30)
    assert home.open


def test_s6_a_line_that_was_down_before_a_process_restart_goes_on_counting() -> None:
    home = TwoLines()
    home.link_down("main")
    home.after(20)
    home.restart(down=1)
    home.after(9)
    assert home.open


def test_an_uplink_that_is_no_standby_any_more_is_wanted_always() -> None:
    home = TwoLines()
    home.config = type(home.config)(hub="hub-1", uplinks=("main", "4g"))
    home.restart()
    assert wanted(home.house) == {"main", "4g"}
    assert home.house.standbys == ()


def test_the_centre_may_ask_for_a_test_of_every_line() -> None:
    home = TwoLines()
    home.command("test")
    assert home.open
    home.link_up("4g")
    assert not home.open
