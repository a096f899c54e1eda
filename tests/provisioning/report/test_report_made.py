"""What a report is made of, and where it is kept: whole or not at all, for the hub's user alone, and not for ever."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent.clock import SystemClock
from agent.config import HubConfig, load
from provisioning.doctor.command import Told
from provisioning.doctor.finding import Looked, skipped, warning, well, wrong
from provisioning.report.facts import Commissioning
from provisioning.report.gathering import Found, put_together
from provisioning.report.keeping import KEPT_MAX, all_kept, keep
from provisioning.sensors.walk import RangeTest, WalkSensor, WalkTest
from rules.plan import Plan
from rules.values import Now
from simulators.keys import make_keys
from tests.support import hub_status
from tests.support.killed import every_kill

NOW = Now(0, 1_795_000_000_000, synced=True)


@pytest.fixture
def config(tmp_path: Path) -> HubConfig:
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-1"])
    path = tmp_path / "hub.toml"
    sensors = "".join(
        f'[[sensor]]\nid = "{name}"\ndriver = "radio"\naddress = "security1:a0000{n}"\nkind = "{kind}"\n'
        f'location = "hall"\n'
        for n, (name, kind) in enumerate((("p1", "pendant"), ("s1", "smoke"), ("f1", "flood"), ("m1", "motion")))
    )
    path.write_text(
        f'hub = "hub-1"\nstate_dir = "{tmp_path / "state"}"\noutputs = "log"\n'
        f'[keys]\nhub = "{keys.hubs["hub-1"].signing}"\ncentre = ["{keys.centre_public}"]\n'
        f'[[uplink]]\nname = "main"\nhost = "localhost"\n[driver.radio]\ntype = "rfxtrx"\n'
        f'device = "/dev/null"\n{sensors}'
    )
    (tmp_path / "state").mkdir()
    return load(path)


def walked(*sensors: WalkSensor, ranges: tuple[RangeTest, ...] = ()) -> WalkTest:
    return WalkTest(
        hub="hub-1",
        version="1",
        began="x",
        ended="2026-11-22T13:40:00.000Z",
        synced=True,
        how="complete",
        sensors=sensors,
        ranges=ranges,
    )


def sensor(name: str, kind: str, outcome: str, ms: int | None = None) -> WalkSensor:
    plain = {"id": name, "kind": kind, "location": "hall", "alarms": True, "outcome": outcome, "roundtrip_ms": ms}
    return msgspec.convert(plain, WalkSensor)


Make = Callable[..., Commissioning]


@pytest.fixture
def put(config: HubConfig) -> Make:
    alarm = msgspec.structs.replace(well("test alarm", "41 ms"), round_trip_ms=41)
    looked = (
        Looked(check="a", title="A", findings=(well("a", "well"), wrong("disk", "full", "make room"))),
        Looked(check="b", title="B", findings=(warning("clock", "not synchronised", "wait"), skipped("c", "no"))),
        Looked(check="alarm", title="Alarm", findings=(alarm, skipped("c", "no"))),
    )

    def made(walk: WalkTest | None = None, plan: Plan | None = None) -> Commissioning:
        told = Told(hub="hub-1", version="1", wrong=1, warnings=1, checks=looked)
        status = hub_status.hub(sensors=[hub_status.sensor("p1", signal=70, battery=90)])
        found = Found(config=config, site="Riverside", told=told, status=status, walk=walk, plan=plan)
        return put_together(found, "1.0", NOW)

    return made


def test_what_does_not_work_is_what_the_doctor_found_and_what_the_walk_test_missed(put: Make) -> None:
    walk = walked(
        sensor("p1", "pendant", "arrived", 210),
        sensor("s1", "smoke", "left out"),
        sensor("f1", "flood", "not arrived"),
        ranges=(RangeTest(sensor="p1", began="x", heard=5, pressed=7), RangeTest(sensor="s1", began="x", heard=3)),
    )
    made = put(walk)
    assert [each.about for each in made.not_working] == [
        "disk",
        "smoke s1, hall",
        "flood f1, hall",
        "motion m1, hall",
        "p1",
    ]
    assert "left out" in made.not_working[1].found
    assert "no call of it arrived" in made.not_working[2].found
    assert "was not tested" in made.not_working[3].found
    assert "5 of 7" in made.not_working[4].found
    assert [each.about for each in made.to_look_at] == ["clock"]
    assert made.round_trips_ms == (210, 41)
    assert [(each.title, each.state) for each in made.checks] == [("A", "wrong"), ("B", "warning"), ("Alarm", "well")]


def test_without_a_walk_test_every_sensor_counts_as_not_sensor(put: Make) -> None:
    made = put()
    assert {each.result for each in made.tests} == {"not tested"}
    assert len(made.not_working) == 5
    assert made.walked == ""


def test_a_sensor_that_was_moved_or_became_another_since_was_not_sensor(put: Make) -> None:
    made = put(
        walked(replace(sensor("p1", "pendant", "arrived", 1), location="bedroom"), sensor("s1", "button", "arrived"))
    )
    assert [each.result for each in made.tests][:2] == ["not tested", "not tested"]


def test_what_is_installed_is_told_with_what_was_last_heard_of_it(put: Make) -> None:
    first, second, *_ = put().sensors
    assert (first.sensor, first.signal, first.battery, first.address) == ("p1", 70, 90, "security1:a00000")
    assert (second.signal, second.heard) == (None, None)


def test_gaps_are_told_only_if_the_plan_accepts_some(put: Make) -> None:
    assert put(plan=Plan(version=3)).gaps == ()
    made = put(plan=Plan(version=3, accepted_gaps=("pendant/line-down",)))
    assert len(made.gaps) == 1
    assert "agreed to" in made.gaps[0]
    assert made.plan_version == 3
    assert all(each.title != "What is known to be missing" for each in made.plan)


# --- keeping it ------------------------------------------------------------------------------------------


def test_s11_a_report_is_kept_for_the_hubs_user_alone(made: Commissioning, tmp_path: Path) -> None:
    kept = keep(tmp_path, made, "<html>", b"%PDF")
    assert kept.name == "report-2026-11-22-1345"
    assert {each.name for each in kept.folder.iterdir()} == {f"{kept.name}{end}" for end in (".json", ".pdf", ".html")}
    assert {each.stat().st_mode & 0o777 for each in kept.folder.iterdir()} == {0o600}
    assert kept.folder.stat().st_mode & 0o777 == 0o700
    assert json.loads(kept.file(".json").read_bytes())["hub"] == "hub-3f9a"


def test_a_report_cut_off_anywhere_is_whole_or_not_there_and_made_again(made: Commissioning, tmp_path: Path) -> None:
    for number in every_kill(lambda: keep(tmp_path / "state", made, "<html>", b"%PDF")):
        for kept in all_kept(tmp_path / "state"):
            assert kept.file(".pdf").read_bytes() == b"%PDF", number
            assert kept.file(".html").read_text() == "<html>"
            kept.file(".json").unlink()
        (tmp_path / "state").mkdir(exist_ok=True)
    (kept,) = all_kept(tmp_path / "state")
    assert not kept.sent


def test_what_replaces_a_report_that_was_sent_is_sent_again(made: Commissioning, tmp_path: Path) -> None:
    keep(tmp_path, made, "<html>", b"%PDF").mark_sent()
    assert not keep(tmp_path, made, "<html>", b"%PDF new").sent


def test_s12_so_many_reports_are_kept(made: Commissioning, tmp_path: Path) -> None:
    for minute in range(KEPT_MAX + 3):
        keep(tmp_path, replace(made, made=f"2026-11-22T13:{minute:02}:00.000Z"), "<html>", b"%PDF")
    kept = all_kept(tmp_path)
    assert len(kept) == KEPT_MAX
    assert kept[-1].name == "report-2026-11-22-1314"
    assert len(list(kept[0].folder.iterdir())) == 3 * KEPT_MAX
