"""The self-test: at most 24 h apart, over the real path, with every pending fault (S7)."""

from itertools import pairwise

from rules.events import DriverFailed, PartChanged, Receipted, TextSent
from rules.reports import FaultNote, TestReport
from tests.rules.home import HOUR, Home


def test_s7_the_first_report_follows_the_boot_and_then_one_within_every_24_h() -> None:
    home = Home()
    home.after(60)
    assert home.only(TestReport).why == "daily"
    home.after(72 * HOUR)
    times = [each.clock.monotonic_ms for each in home.sent(TestReport)]
    assert len(times) == 4
    assert all(b - a <= 24 * 3_600_000 for a, b in pairwise(times))


def test_s7_it_repeats_every_pending_fault_most_urgent_first() -> None:
    home = Home()
    home.happens(DriverFailed("rfx", "unplugged"))
    home.link_down()
    home.press("smoke-1")
    home.after(61)
    assert home.only(TestReport).faults == (FaultNote("link", "main", 1), FaultNote("driver", "rfx", 2))


def test_it_says_what_is_there_and_what_was_heard() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(60)
    report = home.only(TestReport)
    assert (report.sensors, report.sensors_heard, report.open_alarms) == (10, 1, 1)
    assert (report.mode, report.plan_version) == ("home", 0)


def test_s6_it_keeps_its_time_over_a_restart_and_is_not_skipped_while_down() -> None:
    home = Home()
    home.after(60)
    home.after(12 * HOUR)
    home.forget().restart()
    home.after(11.8 * HOUR)
    assert home.sent(TestReport) == []
    home.restart(down=HOUR)
    assert home.only(TestReport).why == "daily"


def paths(home: Home) -> list[tuple[str, bool, int | None]]:
    home.forget().command("test")
    return [(each.path, each.ok, each.proven_s) for each in home.only(TestReport).paths]


def test_s7_it_says_of_every_path_whether_it_is_there_and_when_somebody_last_answered_over_it() -> None:
    home = Home(uplinks=("main", "mobile"))
    assert paths(home) == [("main", True, 0), ("mobile", False, None)]
    home.answers_check_ins = False
    home.link_up("mobile")
    home.after(100).happens(Receipted("e1-a-1", "accepted", uplink="mobile"))
    home.happens(PartChanged("modem", ok=True))
    home.after(20)
    assert paths(home) == [("main", True, 120), ("mobile", True, 20), ("modem", True, None)]
    home.happens(TextSent("e1-text-1"))
    home.happens(PartChanged("modem", ok=False, reason="not registered"))
    home.link_down("main")
    home.after(5)
    assert paths(home) == [("main", False, 125), ("mobile", True, 25), ("modem", False, 5)]


def test_a_receipt_that_names_no_line_proves_none_of_two() -> None:
    home = Home(uplinks=("main", "mobile"))
    home.answers_check_ins = False
    home.link_up("mobile")
    home.after(60).happens(Receipted("e1-a-1", "accepted"))
    assert paths(home) == [("main", True, 60), ("mobile", True, None)]
