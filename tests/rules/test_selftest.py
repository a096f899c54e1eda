"""The self-test: at most 24 h apart, over the real path, with every pending fault (S7)."""

from itertools import pairwise

from rules.events import DriverFailed
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
