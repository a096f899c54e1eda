"""The walk test, as values: what ticks, what is missing, when it may end, and what is left of it."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent.status import ClockStatus, SensorStatus
from provisioning.sensors.records import FILE, FOLDER, RecordError, keep_walk, read_walk, with_range, with_ranges_of
from provisioning.sensors.walk import RangeTest, Ranging, Walk, WalkSensor, WalkTest
from tests.support.hub_status import NOW, alarm, hub, sensor, trip

HALL, BATH = sensor("pendant-1"), sensor("cord-1", "pull-cord", location="bath")
DOOR, ROOM = sensor("door-1", "door"), sensor("room", "temperature")


def pressed(known: SensorStatus, presses: int = 1, signal: int | None = 50) -> SensorStatus:
    return replace(known, presses=presses, pressed=NOW, heard=NOW, signal=signal)


def told(walk: Walk, name: str) -> WalkSensor:
    return next(each for each in walk.sensors if each.id == name)


def test_a_call_is_ticked_when_the_centre_has_it_and_not_before() -> None:
    walk = Walk(hub(sensors=[HALL]))
    assert (told(walk, "pendant-1").outcome, told(walk, "pendant-1").missing) == ("not heard", "press it")
    assert walk.see(hub(sensors=[pressed(HALL)])) == ["pendant-1 is heard"]
    assert told(walk, "pendant-1").outcome == "not arrived"
    walk.see(hub(sensors=[pressed(HALL)], deliveries=(trip("a", "pendant-1", None),)))
    assert not walk.complete
    said = walk.see(hub(sensors=[pressed(HALL)], deliveries=(trip("a", "pendant-1", 43),)))
    assert said == ["pendant-1 arrived at the centre, 43 ms there and back"]
    assert (told(walk, "pendant-1").outcome, told(walk, "pendant-1").roundtrip_ms) == ("arrived", 43)
    assert walk.complete
    assert walk.see(hub(sensors=[pressed(HALL)], deliveries=(trip("a", "pendant-1", 43),))) == []


@pytest.mark.parametrize(
    ("stage", "delivery", "late", "words"),
    [
        ("pending", "unsent", False, "taken back at home"),
        ("raised", "waiting", False, "no receipt of the centre yet"),
        ("raised", "waiting", True, "hearthline doctor"),
        ("raised", "rejected", False, "the centre refused it"),
    ],
)
def test_it_says_where_a_call_is(stage: str, delivery: str, late: bool, words: str) -> None:
    walk = Walk(hub(sensors=[HALL]))
    walk.see(hub(sensors=[pressed(HALL)], alarms=(alarm("a", "pendant-1", stage=stage, delivery=delivery, late=late),)))
    assert words in told(walk, "pendant-1").missing


def test_a_press_that_joined_anothers_call_must_come_again() -> None:
    walk = Walk(hub(sensors=[HALL, BATH]))
    both = [pressed(HALL), pressed(BATH)]
    walk.see(hub(sensors=both, deliveries=(trip("a", "pendant-1", None), trip("a", "pendant-1", 41, joined=True))))
    assert told(walk, "pendant-1").roundtrip_ms is None
    walk.see(hub(sensors=both, deliveries=(trip("a", "pendant-1", 40), trip("a", "pendant-1", 41, joined=True))))
    assert told(walk, "pendant-1").roundtrip_ms == 40
    assert told(walk, "cord-1").missing == "heard, and no call of its own was sent: set it off again"
    walk.see(hub(sensors=both, deliveries=(trip("b", "cord-1", 30),)))
    assert walk.complete


def test_the_boxs_own_call_button_is_walked_to_as_well() -> None:
    old = trip("old", "hub", 9, kind="button")
    walk = Walk(hub(sensors=[HALL], deliveries=(old,)), ["pendant-1"], button=True)
    assert told(walk, "hub").missing == "press the call button on the box"
    pending = alarm("a", "hub", kind="button", stage="pending", delivery="unsent")
    assert walk.see(hub(sensors=[HALL], deliveries=(old,), alarms=(pending,))) == ["hub is heard"]
    assert "taken back" in told(walk, "hub").missing
    walk.see(hub(sensors=[HALL], deliveries=(old, trip("a", "hub", 21, kind="button"))))
    assert (told(walk, "hub").roundtrip_ms, told(walk, "hub").presses, walk.complete) == (21, 1, True)


def test_a_small_screen_shows_what_is_missing() -> None:
    walk = Walk(hub(sensors=[HALL, BATH, DOOR]), ["pendant-1", "door-1"])
    assert [each.id for each in walk.missing_first] == ["cord-1", "pendant-1", "door-1"]


def test_the_doctors_test_alarm_is_no_press_of_the_button() -> None:
    walk = Walk(hub(), button=True)
    walk.see(hub(deliveries=(trip("a", "hub", 21, kind="test"),), alarms=(alarm("a", "hub", kind="test"),)))
    assert told(walk, "hub").outcome == "not heard"


def test_a_real_alarm_that_stays_open_is_told_of() -> None:
    walk = Walk(hub())
    walk.see(hub(alarms=(alarm("a", "smoke-1", kind="smoke", test=False), alarm("b", "pendant-1"))))
    assert walk.real == ("smoke (smoke-1)",)


def test_what_was_sent_before_the_walk_does_not_count() -> None:
    old = (trip("a", "pendant-1", 40), trip("b", "pendant-1", None))
    walk = Walk(hub(sensors=[replace(HALL, presses=4)], deliveries=old))
    walk.see(hub(sensors=[replace(HALL, presses=4)], deliveries=(old[0], replace(old[1], receipted_ms=9))))
    assert (told(walk, "pendant-1").outcome, told(walk, "pendant-1").presses) == ("not heard", 0)


def test_what_is_only_watched_need_only_be_heard() -> None:
    walk = Walk(hub(sensors=[DOOR]))
    assert told(walk, "door-1").missing == "open it"
    walk.see(hub(sensors=[pressed(DOOR)]))
    assert (told(walk, "door-1").outcome, told(walk, "door-1").alarms) == ("heard", False)


@pytest.mark.parametrize(
    ("heard", "supervised_s", "outcome"),
    [
        (None, None, "not heard"),
        ("2026-11-22T09:00:00.000Z", None, "heard"),
        ("2026-11-21T11:00:00.000Z", None, "not heard"),
        ("2026-11-21T11:00:00.000Z", 2 * 86_400, "heard"),
    ],
)
def test_a_thermometer_is_there_if_it_was_heard_lately(
    heard: str | None, supervised_s: int | None, outcome: str
) -> None:
    walk = Walk(hub(sensors=[replace(ROOM, heard=heard, supervised_s=supervised_s)]))
    assert told(walk, "room").outcome == outcome


def test_s5_smoke_says_that_it_is_real_and_can_be_left_out() -> None:
    smoke = sensor("smoke-1", "smoke")
    assert "ring the centre" in told(Walk(hub(sensors=[smoke])), "smoke-1").missing
    walk = Walk(hub(sensors=[smoke]), ["smoke-1"])
    assert walk.complete
    assert told(walk, "smoke-1").outcome == "left out"


def test_a_hub_that_starts_anew_forgets_nothing_of_the_walk() -> None:
    walk = Walk(hub(sensors=[replace(HALL, presses=7)]))
    walk.see(hub(sensors=[pressed(HALL, 8)], deliveries=(trip("a", "pendant-1", 43),)))
    assert (told(walk, "pendant-1").presses, told(walk, "pendant-1").roundtrip_ms) == (1, 43)
    walk.see(hub(sensors=[pressed(HALL, 2)], epoch="f"))
    assert told(walk, "pendant-1").presses == 3


def test_the_worst_signal_of_the_presses_is_kept() -> None:
    walk = Walk(hub(sensors=[replace(HALL, signal=90)]))
    assert told(walk, "pendant-1").signal == 90
    for n, signal in enumerate((60, 20, 80), start=1):
        walk.see(hub(sensors=[pressed(HALL, n, signal)]))
    assert told(walk, "pendant-1").signal == 20


def test_tests_end_when_the_centre_has_every_one_and_real_alarms_are_no_matter() -> None:
    def may_end(*alarms: object) -> bool:
        walk = Walk(hub(sensors=[HALL]))
        walk.see(hub(sensors=[HALL], alarms=alarms))
        return bool(walk.ended_tests)

    assert not may_end()
    assert may_end(alarm("a", "pendant-1", delivery="received"))
    assert not may_end(alarm("a", "pendant-1", delivery="received"), alarm("b", "cord-1"))
    assert not may_end(alarm("a", "smoke-1", delivery="received", test=False))
    assert may_end(alarm("a", "x", delivery="received"), alarm("b", "smoke-1", test=False))


def test_a_hub_without_sensors_has_passed_nothing() -> None:
    assert not Walk(hub()).result("complete").passed


# --- range ----------------------------------------------------------------------------------------------


def test_a_range_test_counts_what_is_heard_and_knows_the_worst() -> None:
    ranging = Ranging(hub(sensors=[replace(HALL, presses=2)]), "pendant-1")
    seen = [
        ranging.see(hub(sensors=[pressed(HALL, presses, signal)]))
        for presses, signal in ((2, 50), (3, 50), (3, 50), (4, 13), (5, None))
    ]
    assert seen == [False, True, False, True, True]
    result = ranging.result(4)
    assert (result.heard, result.worst, result.signals, result.passed) == (3, 13, (50, 13), False)
    assert ranging.result(3).passed
    assert ranging.result().passed
    assert not Ranging(hub(sensors=[HALL]), "pendant-1").result().passed
    with pytest.raises(KeyError):
        Ranging(hub(), "pendant-1")


# --- what is kept ---------------------------------------------------------------------------------------


@pytest.fixture
def test() -> WalkTest:
    walk = Walk(hub(sensors=[HALL]))
    walk.see(hub(sensors=[pressed(HALL)], clock=ClockStatus(synced=False, wall="2026-11-22T12:10:00.000Z")))
    return walk.result("stopped")


def test_what_is_left_of_a_walk_is_for_the_hubs_user_alone(tmp_path: Path, test: WalkTest) -> None:
    keep_walk(tmp_path, test)
    path = tmp_path / FOLDER / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert read_walk(tmp_path) == test
    assert (test.began, test.ended, test.synced, test.passed) == (NOW, "2026-11-22T12:10:00.000Z", False, False)


def test_a_range_test_takes_the_place_of_an_earlier_one_and_outlives_a_walk(tmp_path: Path, test: WalkTest) -> None:
    first, second = (RangeTest(sensor="pendant-1", began=NOW, heard=n) for n in (1, 2))
    gone = RangeTest(sensor="gone", began=NOW, heard=1)
    kept = with_range(with_range(with_range(test, first), gone), second)
    assert [each.sensor for each in kept.ranges] == ["gone", "pendant-1"]
    assert kept.ranges[1].heard == 2
    assert with_ranges_of(test, kept).ranges == (second,)
    assert with_ranges_of(test, None).ranges == ()


def test_what_cannot_be_read_is_none_and_what_cannot_be_kept_is_told(tmp_path: Path, test: WalkTest) -> None:
    assert read_walk(tmp_path) is None
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FILE).write_text("{")
    assert read_walk(tmp_path) is None
    with pytest.raises(RecordError, match="as root or as the hub's user"):
        keep_walk(tmp_path / "nowhere", test)


def test_s11_no_address_and_nobody_is_in_it(test: WalkTest) -> None:
    fields = {field.name for kind in (WalkTest, WalkSensor, RangeTest) for field in msgspec.structs.fields(kind)}
    assert fields & {"address", "person", "driver"} == set()
