"""The roster: which sensor an observation is of, which events it makes, and how they are thinned."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.events import Cleared, Heard, Measured, Triggered, Troubled
from sensors.driver import Observation
from sensors.roster import Place, Roster, Vitals

MINUTE = 60_000


class Home:
    """A roster with a clock."""

    def __init__(self, *places: tuple[str, ...]) -> None:
        self.roster = Roster(Place(*place) for place in places)
        self.now = 0

    def hear(self, address: str, what: Any, *, driver: str = "bus", after_ms: int = 1, **more: Any) -> list[Any]:
        self.now += after_ms
        return self.roster.translate(driver, Observation(address, what, **more), self.now)

    def calls(self, *args: Any, **options: Any) -> list[Any]:
        return [event for event in self.hear(*args, **options) if not isinstance(event, Heard)]


def test_a_press_is_a_trigger_and_a_sign_of_life_in_that_order() -> None:
    home = Home(("bus", "sos", "bathroom-cord"))
    assert home.hear("sos", "trigger", detail="emergency") == [
        Triggered("bathroom-cord", "emergency"),
        Heard("bathroom-cord"),
    ]
    assert home.hear("sos", "trigger", detail="emergency") == [Triggered("bathroom-cord", "emergency")]


def test_a_level_is_sustained_until_it_clears() -> None:
    home = Home(("bus", "leak", "kitchen-leak"))
    assert home.calls("leak/water_leak", "active", detail="wet") == [Triggered("kitchen-leak", "wet", sustained=True)]
    assert home.calls("leak/water_leak", "clear") == [Cleared("kitchen-leak")]
    assert home.calls("leak/water_leak", "clear") == []  # every report says dry: once is enough
    assert home.calls("leak/water_leak", "active") == [Triggered("kitchen-leak", sustained=True)]


def test_the_first_clear_is_told_because_the_rules_may_remember_a_wet_floor() -> None:
    assert Home(("bus", "leak", "leak")).calls("leak/water_leak", "clear") == [Cleared("leak")]


def test_a_level_that_stands_is_told_again_at_most_once_a_minute() -> None:
    home = Home(("bus", "leak", "leak"))
    told = [home.calls("leak/water_leak", "active", after_ms=1_000) for _ in range(181)]
    assert sum(map(len, told)) == 4


def test_no_smoke_does_not_end_carbon_monoxide() -> None:
    home = Home(("bus", "alarm", "hall"))
    assert home.calls("alarm/carbon_monoxide", "active")
    assert home.calls("alarm/smoke", "clear") == []
    assert home.calls("alarm/carbon_monoxide", "clear") == [Cleared("hall")]


def test_one_device_can_be_two_sensors_by_part_and_its_life_is_that_of_both() -> None:
    home = Home(("bus", "alarm/smoke", "smoke"), ("bus", "alarm/carbon_monoxide", "co"))
    assert home.calls("alarm/smoke", "active", detail="smoke") == [Triggered("smoke", "smoke", sustained=True)]
    assert home.calls("alarm/carbon_monoxide", "clear") == [Cleared("co")]
    assert set(home.calls("alarm", "battery-low")) == {
        Troubled("smoke", "battery-low", active=True),
        Troubled("co", "battery-low", active=True),
    }
    assert home.hear("alarm", "alive", after_ms=10 * MINUTE) == [Heard("smoke"), Heard("co")]
    assert home.calls("alarm", "trigger") == []  # a press of the whole device is neither part's


def test_s12_life_is_told_once_in_ten_minutes_for_each_sensor() -> None:
    home = Home(("bus", "a", "a"), ("bus", "b", "b"))
    told = [event for _ in range(601) for name in "ab" for event in home.hear(name, "alive", after_ms=5_000)]
    assert told.count(Heard("a")) == told.count(Heard("b")) == 11
    assert home.roster.last_heard_ms == {"a": home.now - 5_000, "b": home.now}


def test_s7_a_sensor_whose_silence_is_soon_a_fault_is_told_of_more_often() -> None:
    home = Home(("bus", "a", "a"), ("bus", "b", "b"), ("bus", "c", "c"))
    home.roster.supervise({"a": 60_000, "b": 12 * 60 * MINUTE})
    told = [event for _ in range(121) for name in "abc" for event in home.hear(name, "alive", after_ms=1_000)]
    assert {name: told.count(Heard(name)) for name in "abc"} == {"a": 61, "b": 1, "c": 1}


@pytest.mark.parametrize("what", ["unavailable", "active", "clear", "reading"])
def test_s7_what_a_broker_kept_and_an_absence_are_no_signs_of_life(what: str) -> None:
    home = Home(("bus", "leak", "leak"))
    events = home.hear("leak", what, kept=what != "unavailable")
    assert Heard("leak") not in events
    assert home.roster.last_heard_ms == {"leak": None}
    assert events  # but what they say counts


def test_troubles_are_told_when_they_change_and_once_at_the_start() -> None:
    home = Home(("bus", "leak", "leak"))
    told = [home.calls("leak", "tamper", on=on) for on in (False, False, True, True, False)]
    assert told == [
        [Troubled("leak", "tamper", active=False)],
        [],
        [Troubled("leak", "tamper", active=True)],
        [],
        [Troubled("leak", "tamper", active=False)],
    ]
    assert home.calls("leak", "unavailable") == [Troubled("leak", "unavailable", active=True)]


def test_readings_are_told_when_changed_and_at_most_every_ten_minutes() -> None:
    home = Home(("bus", "leak", "leak"))

    def read(value: float, after_ms: int, quantity: str = "battery") -> list[Any]:
        return home.calls("leak", "reading", quantity=quantity, value=value, unit="%", after_ms=after_ms)

    assert read(90, 1) == [Measured("leak", "battery", 90, "%")]
    assert read(89, 10 * MINUTE - 1) == []
    assert read(20, 1, "temperature") == [Measured("leak", "temperature", 20, "%")]
    assert read(90, 10 * MINUTE) == []
    assert read(88, 1) == [Measured("leak", "battery", 88, "%")]


def scale(kind: str = "reading") -> Home:
    return Home(("bus", "scale", "scale", kind))


def weigh(home: Home, value: float, after_ms: int = 1, quantity: str = "weight", **more: Any) -> list[Any]:
    return home.calls("scale", "reading", quantity=quantity, value=value, unit="kg", after_ms=after_ms, **more)


def test_what_somebody_measures_is_told_at_once_each_time() -> None:
    home = scale()
    told = [weigh(home, value, 2_000) for value in (60.2, 61.0, 60.9)]
    assert told == [[Measured("scale", "weight", value, "kg")] for value in (60.2, 61.0, 60.9)]


def test_the_same_weight_is_a_repetition_within_the_hour_and_tomorrow_another_measurement() -> None:
    home = scale()
    assert weigh(home, 60.9)
    assert weigh(home, 60.9, 59 * MINUTE) == []
    assert weigh(home, 60.9, 59 * MINUTE) == [], "a bridge that tells it all the time with something else"
    assert weigh(home, 60.9, 60 * MINUTE) == [Measured("scale", "weight", 60.9, "kg")]


def test_what_a_broker_kept_was_measured_another_time() -> None:
    home = scale()
    assert weigh(home, 60.9, kept=True) == []
    assert weigh(home, 60.9) == [], "and told again with the next sign of life"
    assert weigh(home, 61.0) == [Measured("scale", "weight", 61.0, "kg")]


def test_s12_what_never_comes_to_rest_is_thinned() -> None:
    home = scale()
    assert sum(len(weigh(home, 50 + number / 10, 1_000)) for number in range(600)) == 10
    assert weigh(home, 40.0, 10 * MINUTE)


def test_s12_quantities_that_never_end_are_bounded() -> None:
    home = scale()
    assert sum(len(weigh(home, 1.0, quantity=f"q{number}")) for number in range(100)) == 16


def test_the_battery_of_a_scale_is_thinned_as_any_other() -> None:
    home = scale()
    assert weigh(home, 90, quantity="battery")
    assert weigh(home, 89, quantity="battery") == []


@pytest.mark.parametrize("kind", ["", "flood", "motion", "temperature", "pendant"])
def test_other_kinds_measure_nothing_of_a_person(kind: str) -> None:
    home = scale(kind)
    assert weigh(home, 60.9) == []
    assert home.roster.last_heard_ms["scale"] is not None, "but it is a sign of life"
    assert weigh(home, 20.0, quantity="temperature")


def test_a_lid_opens_and_closes_as_a_door_does() -> None:
    home = Home(("bus", "box", "box", "lid"))
    assert home.calls("box/contact", "active", detail="open") == [Triggered("box", "open", sustained=True)]
    assert home.calls("box/contact", "clear") == [Cleared("box")]
    assert home.calls("box/contact", "active", detail="open") == [Triggered("box", "open", sustained=True)]


# --- what is watched -----------------------------------------------------------------------------------


def test_s12_motion_is_told_as_a_moment_at_once_and_at_most_once_a_minute() -> None:
    home = Home(("bus", "pir", "hall", "motion"))
    assert home.calls("pir/occupancy", "active", detail="motion") == [Triggered("hall", "motion")]
    assert home.calls("pir/occupancy", "clear") == []
    told = [home.calls("pir/occupancy", "active", after_ms=1_000) for _ in range(600)]
    assert sum(map(len, told)) == 10
    quiet = home.calls("pir/occupancy", "active", after_ms=MINUTE)
    assert quiet == [Triggered("hall")], "the first after a pause is told when it is seen"
    assert home.calls("pir", "trigger", after_ms=MINUTE) == [Triggered("hall")], "a detector that has no levels"


def test_motion_that_a_broker_kept_is_history() -> None:
    assert Home(("bus", "pir", "hall", "motion")).calls("pir/occupancy", "active", kept=True) == []


def test_s7_a_detector_that_sees_motion_for_a_day_without_a_pause_is_stuck_and_proves_nobody_well() -> None:
    home = Home(("bus", "pir", "hall", "motion"))
    told = [each for _ in range(24 * 60 + 5) for each in home.calls("pir/occupancy", "active", after_ms=MINUTE)]
    assert told.count(Triggered("hall")) == 24 * 60
    assert [each for each in told if each != Triggered("hall")] == [Troubled("hall", "unavailable", active=True)]
    assert home.calls("pir/occupancy", "clear") == [Troubled("hall", "unavailable", active=False)]
    assert home.calls("pir/occupancy", "active", after_ms=MINUTE) == [Triggered("hall")]


@pytest.mark.parametrize("kind", ["fall", "flood", "smoke", "pendant", "button", "visit", "temperature"])
@pytest.mark.parametrize("part", ["occupancy", "presence", "bed"])
def test_what_is_only_watched_never_calls_for_help(kind: str, part: str) -> None:
    """A fall radar configured as the whole device sees somebody walk about: that is life, and no fall."""
    home = Home(("bus", "radar", "floor", kind))
    assert home.hear(f"radar/{part}", "active") == [Heard("floor")]
    assert home.hear(f"radar/{part}", "clear") == []
    assert home.roster.strangers == []


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("motion", {"occupancy", "presence"}),
        ("door", {"contact"}),
        ("bed", {"bed", "occupancy"}),
        ("chair", {"occupancy"}),
        ("lid", {"contact"}),
        ("reading", set()),
    ],
)
def test_a_watched_device_hears_its_own_parts(kind: str, parts: set[str]) -> None:
    every = ("occupancy", "presence", "contact", "bed", "water_leak", "smoke", "status", "fall_down_status")
    heard = {part for part in every if Home(("bus", "d", "d", kind)).calls(f"d/{part}", "active")}
    assert heard == parts


def test_an_installer_who_names_the_part_is_believed() -> None:
    home = Home(("bus", "mat/contact", "bed-1", "bed"))
    assert home.calls("mat/contact", "active") == [Triggered("bed-1", sustained=True)]
    assert home.calls("mat/contact", "clear") == [Cleared("bed-1")]


def test_the_same_address_of_another_driver_is_another_device() -> None:
    home = Home(("bus", "a", "ours"))
    assert home.hear("a", "trigger", driver="other") == []


def test_strangers_are_counted_shown_and_never_call() -> None:
    home = Home(("bus", "a", "a"))
    for number in range(1_000):
        assert home.hear(f"stranger-{number}", "trigger") == []
    for _ in range(3):
        home.hear("stranger-999", "active")
    shown = home.roster.strangers
    assert len(shown) == 256
    assert (shown[0].address, shown[0].count, shown[0].heard_ms) == ("stranger-999", 4, home.now)
    assert shown[-1].address == "stranger-744"
    assert home.roster.strange == {"bus": 1_003}, "also those that found no place"


def test_two_sensors_cannot_share_an_address_nor_one_have_two() -> None:
    with pytest.raises(ValueError, match="share address 'x' of driver 'bus'"):
        Home(("bus", "x", "a"), ("bus", "x", "b"))
    with pytest.raises(ValueError, match="configured twice"):
        Home(("bus", "x", "a"), ("bus", "y", "a"))


WHAT = st.sampled_from(["trigger", "active", "clear", "alive", "tamper", "battery-low", "unavailable", "reading"])
SEEN = st.builds(
    Observation, st.sampled_from(["a", "a/x", "a/y", "b/x", "b", "c"]), WHAT, st.text(max_size=3), st.booleans(),
    st.text(max_size=2), st.floats(0, 9), kept=st.booleans(),
)  # fmt: skip


@given(st.lists(st.tuples(SEEN, st.integers(0, MINUTE)), max_size=60))
def test_every_trigger_of_a_configured_sensor_comes_through_and_nothing_else_calls(history: Any) -> None:
    home = Home(("bus", "a", "a"), ("bus", "b/x", "bx"))
    sensors = {"a": "a", "a/x": "a", "a/y": "a", "b/x": "bx"}
    for seen, wait in history:
        home.now += wait
        events = home.roster.translate("bus", seen, home.now)
        presses = [event for event in events if isinstance(event, Triggered) and not event.sustained]
        expected = seen.what == "trigger" and seen.address in sensors
        assert [event.sensor for event in presses] == ([sensors[seen.address]] if expected else [])
        for event in events:
            assert event.sensor in {"a", "bx"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_reading_that_is_no_number_is_left_out(value: float) -> None:
    home = Home(("bus", "t", "t"))
    assert home.calls("t", "reading", quantity="temperature", value=value) == []


# --- for the status ----------------------------------------------------------------------------------


def test_signal_and_battery_are_the_last_that_was_told_whatever_it_was_told_with() -> None:
    home = Home(("bus", "sos", "cord"), ("bus", "leak/water_leak", "leak"))
    home.hear("sos", "alive", signal=35, battery=90)
    home.hear("sos", "trigger", signal=33)
    home.hear("leak", "alive", signal=60)  # the device's own word is each of its parts'
    assert home.roster.vitals == {"cord": Vitals(33, 90, 2, 1), "leak": Vitals(60)}


def test_presses_are_counted_and_a_level_that_stands_or_stood_before_is_none() -> None:
    home = Home(("bus", "sos", "cord"), ("bus", "leak", "leak"))
    home.hear("sos", "trigger")
    home.hear("sos", "trigger", after_ms=10)
    home.hear("leak/water_leak", "active", kept=True)
    assert home.roster.vitals["leak"] == Vitals()
    home.hear("leak/water_leak", "clear")
    home.hear("leak/water_leak", "active")
    home.hear("leak/water_leak", "active")
    assert home.roster.vitals == {"cord": Vitals(pressed_ms=11, presses=2), "leak": Vitals(pressed_ms=14, presses=1)}


def test_a_strangers_words_are_told_once_each_and_a_trouble_only_when_it_is_one() -> None:
    home = Home()
    home.hear("sos", "trigger", detail="emergency", signal=20)
    home.hear("sos", "trigger", detail="emergency")
    home.hear("sos", "reading", quantity="temperature", value=21.0)
    home.hear("sos", "battery-low", on=False)
    home.hear("sos", "tamper")
    (stranger,) = home.roster.strangers
    assert stranger.said == ("trigger emergency", "reading temperature", "tamper")
    assert (stranger.count, stranger.signal) == (5, 20)


def test_s12_a_stranger_says_little() -> None:
    home = Home()
    for word in range(20):
        home.hear("sos", "trigger", detail=f"{word} " + "x" * 500)
    (stranger,) = home.roster.strangers
    assert len(stranger.said) == 8
    assert max(map(len, stranger.said)) == 64
