"""S4: a further trigger joins while nobody has the alarm; afterwards, and for another kind, it is a new, linked one."""

import pytest

from rules.reports import AlarmJoined, AlarmRaised
from tests.rules.home import Home


def raised(sensor: str = "pendant-1") -> Home:
    home = Home()
    home.press(sensor)
    home.after(10)
    return home.forget()


def test_s4_a_trigger_joins_a_raised_alarm() -> None:
    home = raised()
    home.press("pendant-1", "again")
    joined = home.only(AlarmJoined)
    assert (joined.alarm, joined.triggers, joined.detail) == (home.alarm.id, 2, "again")
    assert home.sent(AlarmRaised) == []


def test_s4_after_the_acknowledgement_it_is_a_new_linked_alarm() -> None:
    home = raised()
    home.acknowledge()
    home.press("pendant-1")
    home.after(10)
    first, second = home.house.alarms
    assert home.only(AlarmRaised).alarm == second.id
    assert home.only(AlarmRaised).linked == first.id
    assert home.sent(AlarmJoined) == []


def test_s4_after_a_lapse_it_joins_again() -> None:
    home = raised()
    home.acknowledge()
    home.after(30 * 60).press("pendant-1")
    assert home.alarm.triggers == 2


@pytest.mark.parametrize("other", ["fall-1", "smoke-1", "cord-1", "door-1"])
def test_s4_another_kind_is_always_a_new_linked_alarm(other: str) -> None:
    home = raised()
    home.press(other)
    home.after(30)
    first, second = home.house.alarms
    assert second.linked == first.id
    assert [each.alarm for each in home.sent(AlarmRaised)] == [second.id]


@pytest.mark.parametrize(("first", "second"), [("flood-1", "flood-2"), ("pendant-1", "pendant-3")])
def test_s4_another_place_or_person_is_a_new_alarm(first: str, second: str) -> None:
    home = raised(first)
    home.press(second)
    assert len(home.house.alarms) == 2


def test_a_real_press_never_joins_a_test_that_was_left_open() -> None:
    home = Home()
    home.set_mode("engineer")
    home.press("pendant-1")
    home.after(10)
    assert home.only(AlarmRaised).test
    home.set_mode("home")
    home.forget().press("pendant-1")
    home.after(10)
    assert not home.only(AlarmRaised).test
    assert home.sent(AlarmJoined) == []


def test_a_test_press_never_joins_a_real_alarm() -> None:
    home = raised()
    home.set_mode("engineer")
    home.press("pendant-1")
    home.after(10)
    assert home.only(AlarmRaised).test
    assert home.house.alarms[0].triggers == 1


def test_alarm_ids_are_stable_and_never_used_twice() -> None:
    home = Home()
    seen = set()
    for _ in range(3):
        for _ in range(3):
            home.press("pendant-1")
            home.after(10)
            alarm = home.alarm.id
            home.acknowledge()
            assert home.alarm.id == alarm
            home.resolve()
            seen.add(alarm)
        home.restart()
    assert len(seen) == 9
