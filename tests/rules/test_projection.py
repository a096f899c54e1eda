"""What the home sees and hears: a projection of the state, so that a restart restores it."""

from msgspec.structs import replace

from rules.events import PartChanged
from rules.projection import Display, project
from rules.state import Fault, House
from rules.watched import Message, Occasion, Prompt
from tests.rules.home import MINUTE, Home, watched, window

QUIET = Display()
TABLETS = Prompt(occasion=Occasion(reminder="tablets", date="2026-03-02", slot="08:00"), due_wall_ms=0, missed_ms=1)
MESSAGE = Message(id="m-1", text="", sealed=True, hours=24, next_ms=0, expires_ms=1)


def test_the_story_of_an_alarm_as_the_resident_sees_it() -> None:
    home = Home()
    assert home.display() == QUIET
    home.press("pendant-1")
    assert home.display() == Display(call="slow", tone="pending", alert="pending")
    home.after(10)
    assert home.display() == Display(call="fast", tone="calling", alert="calling")
    home.receipt()
    assert home.display() == Display(call="on", arrived="on", tone="waiting", alert="arrived")
    home.acknowledge()
    assert home.display() == Display(call="on", arrived="on", someone="on", alert="someone")
    home.after(30 * MINUTE)
    assert home.display() == Display(call="on", arrived="on", tone="waiting", alert="arrived")
    home.resolve()
    assert home.display() == QUIET


def test_the_same_without_a_line() -> None:
    home = Home(line=False)
    home.press("pendant-1")
    home.after(10)
    assert home.display() == Display(call="fast", tone="no-line", alert="no-line")
    home.after(60)
    assert home.display() == Display(call="fast", tone="no-line", fault="slow", siren=True, alert="no-line")
    home.help_arrives()
    assert home.display() == Display(call="on", someone="on", fault="slow", alert="someone")


def test_cancelled_is_quiet_again() -> None:
    home = Home()
    home.press("pendant-1")
    home.after(3).cancel()
    assert home.display() == QUIET


def test_the_worst_news_wins() -> None:
    home = Home()
    home.press("smoke-1")
    home.receipt()
    home.press("pendant-1")
    assert home.display().tone == "pending"
    assert home.display().arrived == "off"
    home.press("co-1")
    assert home.display().tone == "calling"
    home.link_down()
    assert home.display().tone == "no-line"
    assert home.display().call == "fast"


def test_someone_means_someone_for_every_alarm_that_sounds() -> None:
    home = Home()
    home.press("smoke-1")
    home.press("door-1")
    home.command("acknowledge", alarm=home.house.alarms[0].id)
    assert (home.display().someone, home.display().alert) == ("on", "someone")  # the silent one does not show
    home.press("co-1")
    assert home.display().someone == "off"


def test_a_restart_restores_lights_and_sounds() -> None:
    home = Home(line=False)
    home.press("smoke-1")
    home.after(2 * MINUTE)
    before = home.display()
    assert before.siren
    home.restart()
    assert home.display() == before


def test_what_the_centre_quietens_is_still_shown_to_who_does_not_hear() -> None:
    home = Home()
    home.press("smoke-1")
    home.receipt()
    home.command("silence", alarm=home.alarm.id)
    assert home.display() == Display(call="on", arrived="on", alert="arrived")


def test_s1_a_silent_alarm_is_on_no_lamp_and_no_pad() -> None:
    home = Home(line=False)
    home.press("door-1")
    home.after(5 * MINUTE)
    assert replace(home.display(), fault="off") == Display(discreet=True)


def test_a_reminder_blinks_until_it_is_answered_and_a_message_shines_once_it_was_said() -> None:
    house = Home().house
    assert project(replace(house, prompts=(TABLETS,))) == Display(prompt="slow", alert="reminder")
    assert project(replace(house, prompts=(replace(TABLETS, state="waiting", why="alarm"),))) == QUIET
    assert project(replace(house, messages=(MESSAGE,))) == QUIET, "nobody was told of it yet"
    said = replace(MESSAGE, times=1)
    assert project(replace(house, messages=(MESSAGE, said))) == Display(prompt="on")
    assert project(replace(house, prompts=(TABLETS,), messages=(said,))).prompt == "slow"


def test_a_call_has_the_alert_and_the_reminders_lamp_stays() -> None:
    home = Home()
    home.press("pendant-1")
    shown = project(replace(home.house, prompts=(TABLETS,)))
    assert shown == Display(call="slow", tone="pending", prompt="slow", alert="pending")


def test_s7_at_night_a_fault_waits_for_the_morning_with_its_lamp_and_is_told_to_the_centre_at_once() -> None:
    home = watched("2026-03-02T21:00+00:00", night=window("22:00", "07:00"))
    home.until("2026-03-02T23:00+00:00").happens(PartChanged("output-siren", ok=False, reason="wire"))
    assert ("part", "output-siren") in home.faults
    assert any(each.priority > 1 for each in home.house.faults)
    assert home.display() == Display(quiet=True)
    home.until("2026-03-03T06:59+00:00")
    assert home.display() == Display(quiet=True)
    home.until("2026-03-03T07:00+00:00")
    assert home.display() == Display(fault="slow")
    home.until("2026-03-03T22:00+00:00")
    assert home.display() == Display(quiet=True), "and the next night it does not keep anybody awake"


def test_s7_an_urgent_fault_shows_at_once_and_by_day_every_one_does() -> None:
    house = watched("2026-03-02T21:00+00:00", night=window("22:00", "07:00")).house
    urgent = replace(house, night=True, faults=(fault(house, 1),))
    assert project(urgent) == Display(fault="slow", quiet=True)
    for priority in (1, 2, 3, 4):
        by_day = replace(house, faults=(fault(house, priority),))
        assert project(by_day) == Display(fault="slow")
        assert project(replace(by_day, quiet=True)).fault == ("slow" if priority == 1 else "off")


def fault(house: House, priority: int) -> Fault:
    return Fault(fault="part", subject="siren", priority=priority, reason="", boot=house.boot, since_ms=0)
