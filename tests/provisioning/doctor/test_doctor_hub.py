"""The doctor on the running hub, on its test alarm, and on its own checks: one that hangs or breaks is a finding."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from agent.ask import AskError
from agent.status import (
    AlarmStatus,
    ClockStatus,
    DeliveryStatus,
    DriverNote,
    FaultStatus,
    HubStatus,
    LinkStatus,
    SensorStatus,
    StorageStatus,
)
from provisioning.doctor.checks import alarm, hub
from provisioning.doctor.finding import Check, Finding, Looked, warning, well, wrong
from provisioning.doctor.running import run
from provisioning.doctor.scene import Hub
from provisioning.doctor.show import findings, show
from rules.projection import Display

States = Callable[..., list[tuple[str, str]]]

STATUS = HubStatus(
    hub="hub-test",
    version="1",
    boot="b",
    epoch="e",
    uptime_s=60,
    started="2026-11-22T10:00:00.000Z",
    mode="home",
    clock=ClockStatus(synced=True, wall="2026-11-22T10:01:00.000Z"),
    links=(LinkStatus(name="main", up=True, for_s=50, reason=""),),
    storage=StorageStatus(ok=True, reason=""),
    outbox={},
    alarms=(),
    faults=(),
    sensors=(
        SensorStatus(
            id="p1", kind="pendant", location="hall", heard="2026-11-22T10:00:30.000Z", active=False, supervised_s=None
        ),
    ),
    unconfigured=(),
    drivers=(DriverNote(name="radio", listening=True, reason="", failures=0, noise=0),),
    counters={},
    display=Display(),
)
OPEN = AlarmStatus(
    id="a",
    kind="pendant",
    priority=1,
    stage="raised",
    delivery="waiting",
    late=False,
    test=False,
    sensor="p1",
    location="hall",
    person="",
    age_s=3,
)
STANDBY = LinkStatus(name="4g", up=False, for_s=50, reason="", standby=True, wanted=False, tested_s=9, passed=True)


def fault(name: str, subject: str = "", priority: int = 2) -> FaultStatus:
    return FaultStatus(fault=name, subject=subject, priority=priority, reason="", age_s=1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"version": "0"}, {("warning", "hub")}),
        ({"mode": "engineer"}, {("warning", "mode")}),
        ({"faults": (fault("storage"),)}, {("wrong", "fault storage")}),
        ({"faults": (fault("test-missing", priority=4),)}, {("warning", "fault test-missing")}),
        ({"faults": (fault("clock", priority=4), fault("no-outputs", priority=3))}, set()),
        (
            {
                "drivers": (DriverNote(name="radio", listening=False, reason="gone", failures=3, noise=0),),
                "faults": (fault("driver", "radio"),),
            },
            {("wrong", "driver radio")},
        ),
        (
            {"links": (LinkStatus(name="main", up=False, for_s=5, reason="refused"),), "outbox": {"a": 2}},
            {("wrong", "uplink main"), ("warning", "outbox")},
        ),
        ({"links": (*STATUS.links, STANDBY)}, set()),
        ({"links": (*STATUS.links, msgspec.structs.replace(STANDBY, passed=False))}, {("wrong", "uplink 4g")}),
        ({"links": (*STATUS.links, msgspec.structs.replace(STANDBY, tested_s=None))}, {("warning", "uplink 4g")}),
        ({"storage": StorageStatus(ok=False, reason="full")}, {("wrong", "storage")}),
        ({"alarms": (msgspec.structs.replace(OPEN, late=True),)}, {("wrong", "alarms")}),
        ({"alarms": (OPEN,)}, {("warning", "alarms")}),
        ({"sensors": (msgspec.structs.replace(STATUS.sensors[0], heard=None),)}, {("warning", "sensors")}),
    ],
)
def test_what_a_hub_says_of_itself(changes: dict[str, Any], expected: set[tuple[str, str]], states: States) -> None:
    told = hub.judge(Hub(running="running", status=msgspec.structs.replace(STATUS, **changes)), "1")
    assert {each for each in states(told) if each[0] in ("wrong", "warning")} == expected


def test_a_hub_that_is_not_there_and_one_that_says_nothing(states: States) -> None:
    assert states(hub.judge(Hub(running="stopped"), "1")) == [("wrong", "hub")]
    (found,) = hub.judge(Hub(running="silent", why="no answer in 5 s"), "1")
    assert (found.state, found.found) == ("wrong", "no answer in 5 s")


# --- the test alarm --------------------------------------------------------------------------------------


class Asked:
    """A hub that is asked: `deliveries` are what it says of its last alarms, each time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *deliveries: tuple[DeliveryStatus, ...]) -> None:
        self.left, self.verbs = list(deliveries), list[str]()
        monkeypatch.setattr(alarm, "do", lambda _path, verb: self.verbs.append(verb))
        monkeypatch.setattr(alarm, "ask_hub", self._ask)
        monkeypatch.setattr(alarm, "WAIT_S", 0.3)
        monkeypatch.setattr(alarm, "_LOOK_EVERY_S", 0.01)

    def _ask(self, _path: Path) -> Hub:
        now = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return Hub(running="running", status=msgspec.structs.replace(STATUS, deliveries=now))


def trip(name: str, ms: int | None, kind: str = "test") -> DeliveryStatus:
    return DeliveryStatus(alarm=name, kind=kind, sensor="hub", test=True, joined=False, sent="", receipted_ms=ms)


def test_a_test_alarms_round_trip_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one of before, nor somebody's press meanwhile."""
    old, press = trip("old", 11), trip("press", 22, "pendant")
    asked = Asked(monkeypatch, (old, press), (old, press, trip("new", None)), (old, press, trip("new", 33)))
    before = msgspec.structs.replace(STATUS, deliveries=(old,))
    found = alarm.judge(alarm.probe(Path("socket"), before))
    assert (found.state, found.round_trip_ms, asked.verbs) == ("well", 33, ["test-alarm"])
    assert alarm.judge(alarm.Facts(round_trip_ms=9_000)).state == "warning"


def test_no_receipt_nothing_sent_and_a_hub_that_will_not(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, (trip("new", None),))
    assert "no receipt" in alarm.judge(alarm.probe(Path("socket"), STATUS)).found
    Asked(monkeypatch, ())
    assert "sent nothing" in alarm.judge(alarm.probe(Path("socket"), STATUS)).found

    def refuse(_path: Path, _verb: str) -> None:
        raise AskError("unknown verb")

    monkeypatch.setattr(alarm, "do", refuse)
    assert alarm.judge(alarm.probe(Path("socket"), STATUS)).found == "unknown verb"


def test_without_a_line_no_alarm_is_left_waiting_for_one(box: Any) -> None:
    box.write()
    down = msgspec.structs.replace(STATUS, links=(LinkStatus(name="main", up=False, for_s=5, reason=""),))
    (found,) = alarm.CHECK.look(box.scene(hub=Hub(running="running", status=down)))
    assert (found.state, "no line" in found.found) == ("skipped", True)


# --- the checks themselves -------------------------------------------------------------------------------


def test_a_check_that_hangs_or_breaks_is_a_finding_and_holds_nobody_up(box: Any) -> None:
    box.write()
    hangs = threading.Event()

    def hang(_scene: object) -> list[Finding]:
        hangs.wait(10)
        return []

    def break_down(_scene: object) -> list[Finding]:
        raise KeyError("oh")

    checks = [
        Check("hangs", "Hangs", hang, timeout_s=0.1),
        Check("breaks", "Breaks", break_down),
        Check("works", "Works", lambda _scene: [well("it", "works")]),
    ]
    found = {each.check: each.findings[0] for each in run(checks, box.scene())}
    hangs.set()
    assert found["hangs"].found == "no answer within 0.1 s"
    assert "KeyError" in found["breaks"].found
    assert found["works"].state == "well"


def test_what_two_checks_find_of_one_thing_is_told_once_by_the_first() -> None:
    looked = [
        Looked(check="a", title="A", findings=(wrong("driver radio", "not there", "plug it in"),)),
        Looked(check="b", title="B", findings=(wrong("driver radio", "deaf", "see A"), warning("x", "y", "z"))),
    ]
    assert [each.found for each in findings(looked, "wrong")] == ["not there"]
    console = Console(width=70, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 -- nobody reads it
    show(looked, console)
    console.file.close()
    text = console.export_text()
    assert "1 thing to mend" in text
    assert "plug it in" in text
    assert text.index("1 thing to mend") < text.index("1 thing to look at")
