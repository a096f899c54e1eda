"""What an installer at the hub's own command line may ask of it: engineer mode, and tests of the way to the centre.

Nothing that they ask changes a real alarm, delays it or is taken for one (S4, S5).
"""

from rules import acknowledgement, links, modes, selftest
from rules.events import InstallerAsked, Receipted
from rules.kinds import TEST
from rules.triggers import HUB_BUTTON, cancel, new_alarm, raise_alarm
from rules.turn import Turn

OUTCOME = "installer's test"
"""What the centre reads of a test that ended here."""


def on_installer_asked(turn: Turn, event: InstallerAsked) -> None:
    """Do what was asked. Engineer mode ends by itself, too; only engineer mode is ended by `home`."""
    match event.what:
        case "engineer":
            modes.set_mode(turn, "engineer")
        case "home":
            if turn.house.mode == "engineer":
                modes.set_mode(turn, "home")
        case "test-alarm":
            _test_alarm(turn)
        case "end-tests":
            _end_tests(turn)
        case "self-test":
            links.test_now(turn)
            selftest.report(turn, "command")


def _test_alarm(turn: Turn) -> None:
    """Raise a test alarm, unless one is open: its answer tells as much (S12). No ladder: it troubles nobody."""
    if any(alarm.kind == TEST.name for alarm in turn.house.alarms):
        return
    alarm = new_alarm(turn, HUB_BUTTON, TEST, rule=f"kind.{TEST.name}", test=True)
    raise_alarm(turn, alarm, "installer")


def _end_tests(turn: Turn) -> None:
    """End every open test, but those that the centre announced: whoever does not answer one may need help (S3)."""
    tests = [alarm for alarm in turn.house.alarms if alarm.test and not alarm.announced]
    pending = [alarm for alarm in tests if alarm.stage == "pending"]
    if pending:
        cancel(turn, pending)
    for alarm in tests:
        if alarm.stage != "pending":
            acknowledgement.resolve(turn, alarm, OUTCOME, by="hub")


def on_receipted(turn: Turn, _event: Receipted) -> None:
    """The centre has the test alarm: that is all it was for. Comes after `delivery`, which notes the receipt."""
    for alarm in turn.house.alarms:
        if alarm.kind == TEST.name and alarm.delivery == "received":
            acknowledgement.resolve(turn, alarm, OUTCOME, by="hub")
