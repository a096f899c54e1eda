"""What the home sees and hears: a projection of the state, so that a restart restores it."""

from rules.projection import Display
from tests.rules.home import MINUTE, Home

QUIET = Display()


def test_the_story_of_an_alarm_as_the_resident_sees_it() -> None:
    home = Home()
    assert home.display() == QUIET
    home.press("pendant-1")
    assert home.display() == Display(call="slow", tone="pending")
    home.after(10)
    assert home.display() == Display(call="fast", tone="calling")
    home.receipt()
    assert home.display() == Display(call="on", arrived="on", tone="waiting")
    home.acknowledge()
    assert home.display() == Display(call="on", arrived="on", someone="on")
    home.after(30 * MINUTE)
    assert home.display() == Display(call="on", arrived="on", tone="waiting")
    home.resolve()
    assert home.display() == QUIET


def test_the_same_without_a_line() -> None:
    home = Home(line=False)
    home.press("pendant-1")
    home.after(10)
    assert home.display() == Display(call="fast", tone="no-line")
    home.after(60)
    assert home.display() == Display(call="fast", tone="no-line", fault="slow", siren=True)
    home.help_arrives()
    assert home.display() == Display(call="on", someone="on", fault="slow")


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
    assert home.display().someone == "on"  # the silent one does not show
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
