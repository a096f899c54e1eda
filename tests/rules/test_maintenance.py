"""S10: a restart waits for people, and never so long that it is not done."""

import msgspec
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from rules.actions import Restart
from rules.events import InstallerAsked, Mode, PlanOffered, RestartWanted, StorageChanged, Why
from rules.maintenance import LATEST_MS, SOON_MS, UNDELIVERED_MS, waits_for
from rules.plan import Plan, Reminder
from rules.state import House
from tests.rules.days import Day, Op, ops
from tests.rules.home import HOUR, MINUTE, Home, through_json, watched
from tests.support.examples import examples

DAY = 24 * HOUR


def wants(home: Home, why: Why = "configuration") -> bool:
    """Somebody wants a restart; tell whether it goes at once."""
    return Restart() in home.happens(RestartWanted(why))


def gone(home: Home) -> bool:
    return Restart() in home.actions


def test_s10_a_quiet_home_restarts_at_once_and_once() -> None:
    home = Home()
    assert wants(home)
    home.forget().after(2 * DAY)
    assert not gone(home)


def test_s10_a_restart_waits_while_an_alarm_is_open() -> None:
    home = Home()
    home.press("pendant-1")
    assert not wants(home)  # it may still be cancelled
    home.after(11)
    home.receipt()
    home.acknowledge()
    home.after(MINUTE)
    assert (gone(home), waits_for(home.house)) == (False, "alarm")
    home.resolve()
    assert gone(home)


def test_s10_a_cancelled_alarm_is_waited_for_no_longer() -> None:
    home = Home()
    home.press("pendant-1")
    assert not wants(home)
    home.after(3)
    home.cancel()
    assert gone(home)


def test_s10_a_silent_alarm_is_waited_for_as_any_other() -> None:
    home = Home()
    home.press("door-1")
    assert not wants(home)


def test_s10_a_restart_waits_for_no_test() -> None:
    home = Home(line=False)
    home.happens(InstallerAsked("test-alarm"))
    assert wants(home)


def test_s10_a_restart_waits_no_longer_than_24_h() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(11)
    home.receipt()
    assert not wants(home)
    since_ms = home.ms
    home.after(HOUR)
    assert not wants(home, "software")  # it has waited since the first time
    home.after(LATEST_MS / 1000 - HOUR - 0.001)
    assert not gone(home)
    home.after(0.001)
    assert gone(home)
    assert home.house.restart is not None
    assert (home.house.restart.since_ms, home.house.restart.whys) == (since_ms, ("configuration", "software"))


def reminded(begins: str) -> Home:
    home = watched(begins)
    home.happens(PlanOffered(Plan(version=9, reminders=(Reminder(name="pills", times=(8 * 60,)),))))
    return home


def test_s10_a_restart_waits_for_a_reminder_that_is_due_within_2_min_and_for_its_answer() -> None:
    home = reminded("2026-06-01T07:58:00+00:00")
    assert (wants(home), waits_for(home.house)) == (False, "reminder")
    home.after(SOON_MS / 1000 + 1)
    assert [prompt.state for prompt in home.house.prompts] == ["prompting"]
    home.after(MINUTE)
    assert not gone(home)
    home.after(30 * MINUTE)  # missed: it is over
    assert (home.house.prompts, gone(home)) == ((), True)


def test_s10_a_reminder_farther_off_is_not_waited_for() -> None:
    assert wants(reminded("2026-06-01T07:57:59.999+00:00"))


def test_s10_a_restart_waits_for_a_message_that_nobody_has_heard() -> None:
    home = watched("2026-06-01T12:00:00+00:00")
    home.command("say", text="hello")
    assert (wants(home), waits_for(home.house)) == (False, "message")
    home.after(DAY)
    assert gone(home)


def test_s10_with_an_engineer_at_work_no_reminder_is_waited_for_but_an_alarm_is() -> None:
    home = reminded("2026-06-01T07:59:00+00:00")
    assert not wants(home)
    home.happens(InstallerAsked("engineer"))
    assert gone(home)
    home = Home()
    home.press("smoke-1")
    home.happens(InstallerAsked("engineer"))
    assert not wants(home)


def test_s10_a_restart_is_never_blocked_when_delivery_needs_it() -> None:
    home = Home()
    home.link_down(reason="certificate expired")
    home.press("pendant-1")
    assert not wants(home, "certificate")  # a line that breaks is back soon, by itself
    home.after(UNDELIVERED_MS / 1000 - 0.001)
    assert not gone(home)
    home.after(0.001)
    assert gone(home)


def test_s10_an_alarm_without_its_receipt_needs_the_new_certificate_too() -> None:
    home = Home()
    home.press("smoke-1")
    assert not wants(home, "certificate")
    home.after(UNDELIVERED_MS / 1000)
    assert gone(home)


def test_s10_another_line_delivers_and_then_nothing_needs_the_certificate() -> None:
    home = Home(uplinks=("main", "4g"))
    home.link_up("4g")
    home.link_down("main")
    home.press("smoke-1")
    home.receipt()
    assert not wants(home, "certificate")
    home.after(HOUR)
    assert not gone(home)


def test_s10_without_a_line_only_a_certificate_is_a_reason_not_to_wait() -> None:
    home = Home()
    home.link_down()
    home.press("smoke-1")
    assert not wants(home, "configuration")
    home.after(HOUR)
    assert not gone(home)
    assert wants(home, "certificate")  # down for an hour already


def test_s10_a_process_that_starts_has_done_what_was_wanted() -> None:
    home = Home()
    home.press("pendant-1")
    assert not wants(home)
    home.forget().restart(down=2 * DAY)  # its 24 h ended meanwhile
    assert (home.house.restart, gone(home)) == (None, False)
    home.after(2 * DAY)
    assert not gone(home)


def test_s10_a_house_that_an_older_version_stored_still_loads() -> None:
    home = Home()
    home.press("pendant-1")
    wants(home)
    stored = msgspec.json.decode(msgspec.json.encode(home.house))
    assert through_json(home.house) == home.house
    del stored["restart"]
    old = msgspec.json.decode(msgspec.json.encode(stored), type=House)
    assert old == replace(home.house, restart=None)


def test_s10_a_restart_that_was_told_and_did_not_come_is_told_again_when_it_is_wanted_again() -> None:
    home = Home()
    assert wants(home, "certificate")
    home.forget().after(2 * DAY)  # the wish could not be removed: still this process
    assert not gone(home)
    assert wants(home, "certificate")
    assert home.house.restart is not None
    assert home.house.restart.whys == ("certificate",)


def test_s3_no_restart_takes_an_open_alarm_with_it_that_the_disk_does_not_have() -> None:
    home = Home()
    home.happens(StorageChanged(ok=False, reason="no space left"))
    home.press("smoke-1")
    home.link_down()
    assert not wants(home, "certificate")  # neither what delivery needs
    home.after(LATEST_MS / 1000 + HOUR)  # nor the last of its hours
    assert not gone(home)
    home.happens(StorageChanged(ok=True))
    assert gone(home)


def test_s10_a_disk_that_takes_nothing_is_waited_for_but_not_for_ever() -> None:
    home = Home()
    home.happens(StorageChanged(ok=False, reason="no space left"))
    assert not wants(home)
    assert waits_for(home.house) == "storage"
    home.after(LATEST_MS / 1000)
    assert gone(home)


class MaintainedDay(Day):
    """A day on which restarts are wanted, now and then; each that goes is judged by what the home was then (`Day`)."""

    def do_reminders(self, which: int) -> None:
        minute = (self.now.wall_ms // 60_000 + which % 5) % (24 * 60)  # soon: now, or within four minutes
        self.watches(reminders=(Reminder(name=f"pills-{which % 3}", times=(minute,), missed_ms=10 * 60_000),))
        if which % 2:
            self.do_wanted(which)

    def do_mode(self, which: int) -> None:
        mode: tuple[Mode, ...] = ("home", "away", "engineer")
        self.set_mode(mode[which % 3])


@given(ops([*MaintainedDay.names(), *["wanted", "resolve", "reminders"] * 4]))
@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_s10_no_restart_while_somebody_may_need_the_hub(day: list[Op]) -> None:
    home = MaintainedDay()
    for op in day:
        home.play(op)
    wants(home)
    home.happens(StorageChanged(ok=True))
    home.ms = max(home.ms, home.house.now_ms)  # a day may end with stamps behind the hub's own time
    home.after(LATEST_MS / 1000 + 1)
    assert home.house.restart is not None
    assert home.house.restart.going  # and it is done in the end, whatever the day
