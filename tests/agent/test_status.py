from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agent.describing import describe
from agent.roundtrips import Roundtrip
from agent.status import HubStatus, RestartStatus, open_reminders
from rules.engine import step
from rules.events import (
    CallPressed,
    Config,
    Event,
    Heard,
    LinkDown,
    LinkUp,
    Receipted,
    RestartWanted,
    Sensor,
    Started,
    StorageChanged,
    Tick,
    Triggered,
    Troubled,
)
from rules.plan import Plan, Reminder
from rules.state import House
from rules.values import Now
from rules.watched import Occasion, Prompt
from sensors.listening import DriverStatus
from sensors.roster import Stranger, Vitals

WALL = 1_800_000_000_000
CONFIG = Config(
    hub="hub-3f9a",
    version="0.1.0",
    sensors=(
        Sensor("pendant-1", "pendant", "worn", "p1"),
        Sensor("floor", "flood", "bathroom", heartbeat_ms=43_200_000),
    ),
)


def at(ms: int, *, synced: bool = True) -> Now:
    return Now(ms, WALL + ms, synced)


def lived(*events: tuple[int, Event], house: House | None = None) -> House:
    house = house or step(House(), at(10_000), Started("boot-1", "epoch1", CONFIG))[0]
    for ms, event in events:
        house, _ = step(house, at(ms), event)
    return house


def status_of(house: House, now: Now, **more: object) -> HubStatus:
    parts: dict[str, object] = {"outbox": {}, "drivers": {}, "strangers": [], "counters": {}, **more}
    return describe(house, now, started_ms=10_000, **parts)  # type: ignore[arg-type]


def test_a_quiet_house() -> None:
    status = status_of(lived((11_000, LinkUp("main"))), at(100_500))
    assert (status.hub, status.version, status.boot, status.epoch) == ("hub-3f9a", "0.1.0", "boot-1", "epoch1")
    assert (status.uptime_s, status.mode) == (90, "home")
    assert (status.clock.synced, status.clock.wall) == (True, "2027-01-15T08:01:40.500Z")
    assert status.started == "2027-01-15T08:00:10.000Z"
    assert [(link.name, link.up, link.for_s) for link in status.links] == [("main", True, 89)]
    assert status.storage.ok
    assert [(each.id, each.heard, each.supervised_s) for each in status.sensors] == [
        ("pendant-1", None, None),
        ("floor", None, 43_200),
    ]
    assert (status.alarms, status.faults, status.display.tone) == ((), (), "none")
    assert status.well


def test_a_house_in_trouble() -> None:
    house = lived(
        (12_000, Heard("pendant-1")),
        (20_000, Triggered("floor", sustained=True)),
        (21_000, CallPressed()),
        (40_000, Tick()),
        (50_000, Troubled("floor", "battery-low", active=True)),
        (60_000, StorageChanged(ok=False, reason="disk full")),
    )
    status = status_of(house, at(80_000, synced=False))
    assert [(each.kind, each.stage, each.delivery, each.late, each.age_s) for each in status.alarms] == [
        ("button", "raised", "waiting", True, 59),
        ("flood", "raised", "waiting", True, 60),
    ]
    assert [(each.fault, each.subject, each.age_s) for each in status.faults] == [
        ("link", "main", 50),
        ("storage", "", 20),
        ("sensor-battery-low", "floor", 30),
    ]
    assert (status.storage.ok, status.storage.reason) == (False, "disk full")
    assert not status.clock.synced
    assert status.sensors[0].heard == "2027-01-15T08:00:12.000Z"
    assert status.sensors[1].active
    assert (status.display.call, status.display.tone) == ("fast", "no-line")
    assert not status.well


def test_s2_an_alarm_without_a_receipt_is_not_well_and_with_one_it_is() -> None:
    house = lived((11_000, LinkUp("main")), (20_000, Triggered("floor", sustained=True)))
    assert not status_of(house, at(21_000)).well
    (alarm,) = house.alarms
    assert alarm.raised_ref is not None
    assert status_of(lived((22_000, Receipted(alarm.raised_ref, "accepted")), house=house), at(23_000)).well


def test_a_pending_alarm_is_not_undelivered_yet() -> None:
    house = lived((11_000, LinkUp("main")), (20_000, CallPressed()))
    status = status_of(house, at(21_000))
    assert [alarm.stage for alarm in status.alarms] == ["pending"]
    assert status.well


def test_s6_after_a_reboot_ages_from_before_are_unknown() -> None:
    house = lived((20_000, Triggered("floor", sustained=True)), (50_000, Troubled("floor", "tamper", active=True)))
    house, _ = step(house, at(5_000), Started("boot-2", "epoch2", CONFIG))
    status = describe(house, at(6_000), started_ms=5_000, outbox={}, drivers={}, strangers=[], counters={})
    assert [alarm.age_s for alarm in status.alarms] == [None]
    assert {fault.fault: fault.age_s for fault in status.faults}["sensor-tamper"] is None


def test_what_the_agent_knows_beside_the_house_and_the_json_of_it_all() -> None:
    status = status_of(
        lived(),
        at(70_000),
        outbox={"a": 2, "t": 40},
        drivers={"radio": DriverStatus(listening=False, reason="unplugged", failures=3, noise=7)},
        strangers=[Stranger("radio", "pt2262:123456", 5, 60_000)],
        counters={"turns": 99},
    )
    assert (status.outbox, status.counters) == ({"a": 2, "t": 40}, {"turns": 99})
    (driver,) = status.drivers
    assert (driver.name, driver.listening, driver.reason, driver.failures, driver.noise) == (
        "radio",
        False,
        "unplugged",
        3,
        7,
    )
    (stranger,) = status.unconfigured
    assert (stranger.driver, stranger.address, stranger.count, stranger.heard_s) == ("radio", "pt2262:123456", 5, 10)
    assert msgspec.json.decode(msgspec.json.encode(status), type=HubStatus) == status


def test_the_status_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        status_of(lived(), at(20_000)).hub = "other"  # type: ignore[misc]  # what is proven


def test_a_standby_at_rest_is_no_line_that_is_down() -> None:
    config = replace(CONFIG, uplinks=("main", "4g"), standby=("4g",))
    house = step(House(), at(10_000), Started("boot-1", "epoch1", config))[0]
    house = lived((11_000, LinkUp("main")), (41_000, LinkUp("4g")), house=house)
    (spare,) = (link for link in status_of(house, at(41_500)).links if link.name == "4g")
    assert (spare.up, spare.standby, spare.wanted, spare.tested_s, spare.passed) == (True, True, True, None, False)
    house = lived((42_000, Receipted("epoch1-c-2", "accepted", uplink="4g")), (42_100, LinkDown("4g", "")), house=house)
    main, spare = status_of(house, at(102_000)).links
    assert (main.standby, main.wanted) == (False, True)
    assert (spare.up, spare.standby, spare.wanted, spare.tested_s, spare.passed) == (False, True, False, 60, True)
    assert status_of(house, at(102_000)).well


def test_what_is_open_is_told_in_the_order_it_was_due_by_reference() -> None:
    def prompt(name: str, due_ms: int, **more: Any) -> Prompt:
        occasion = Occasion(reminder=name, date="2027-01-15", slot="08:00")
        return Prompt(occasion=occasion, due_wall_ms=WALL + due_ms, missed_ms=0, **more)

    plan = Plan(reminders=(Reminder(name="morning", kind="medication", person="p1", text="words"),))
    waiting = prompt("gone", 1, state="waiting", why="away")
    first, second = open_reminders(House(plan=plan, prompts=(prompt("morning", 2, prompts=3), waiting)))
    assert (first.reminder, first.kind, first.person, first.state, first.why) == ("gone", "", "", "waiting", "away")
    assert (second.reminder, second.kind, second.person, second.prompts) == ("morning", "medication", "p1", 3)
    assert (second.due, second.date, second.slot) == ("2027-01-15T08:00:00.002Z", "2027-01-15", "08:00")
    assert (second.state, second.why) == ("prompting", "")  # why it would count as missed is nobody's business yet


def test_sensors_and_strangers_tell_how_they_were_heard() -> None:
    status = status_of(
        lived(),
        at(60_000),
        vitals={"pendant-1": Vitals(signal=53, battery=100, pressed_ms=40_000, presses=2)},
        strangers=[Stranger("radio", "ac:1:1", 3, 50_000, 20, ("trigger on",))],
    )
    pendant, floor = status.sensors
    assert (pendant.signal, pendant.battery, pendant.presses) == (53, 100, 2)
    assert pendant.pressed == "2027-01-15T08:00:40.000Z"
    assert (floor.signal, floor.battery, floor.pressed, floor.presses) == (None, None, None, 0)
    (stranger,) = status.unconfigured
    assert (stranger.signal, stranger.said, stranger.heard_s) == (20, ("trigger on",), 10)


def test_round_trips_are_told_in_ms() -> None:
    trip = Roundtrip(alarm="e-alarm-1", kind="test", sensor="hub", test=True, joined=False, sent_ms=40_000)
    status = status_of(lived(), at(60_000), roundtrips=(trip, replace(trip, receipted_ms=40_120, joined=True)))
    assert [each.receipted_ms for each in status.deliveries] == [None, 120]
    assert status.deliveries[0].sent == "2027-01-15T08:00:40.000Z"


def test_s10_a_restart_that_is_wanted_is_told_with_what_it_waits_for() -> None:
    assert status_of(lived(), at(20_000)).restart is None
    house = lived((11_000, CallPressed()), (12_000, RestartWanted("certificate")))
    assert status_of(house, at(72_000)).restart == RestartStatus(
        whys=("certificate",),
        since="2027-01-15T08:00:12.000Z",
        for_s=60,
        waits_for="alarm",
        latest="2027-01-16T08:00:12.000Z",
    )


def test_an_older_hubs_answer_can_be_read() -> None:
    answer = msgspec.json.decode(msgspec.json.encode(status_of(lived(), at(20_000))))
    for added in ("deliveries", "restart"):
        del answer[added]
    for sensor in answer["sensors"]:
        for added in ("signal", "battery", "pressed", "presses"):
            del sensor[added]
    assert msgspec.json.decode(msgspec.json.encode(answer), type=HubStatus) == status_of(lived(), at(20_000))
