"""`hearthline plan check`: the shipped plans are proven, and a broken copy of each is refused for the right reason."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.clock import SystemClock
from agent.plan.reading import read_plan
from provisioning.cli import main
from provisioning.plan.command import plan
from provisioning.plan.notes import notes
from provisioning.plan.tables import span
from rules.plan import REMINDERS_MAX, Plan, Reminder, Window
from simulators.keys import make_keys

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "provisioning" / "examples"
NAMES = ("alone", "couple", "dementia", "no-modem")

Check = Callable[..., Result]


@pytest.fixture
def check() -> Check:
    def run(file: Path, *more: str) -> Result:
        return CliRunner(env={"COLUMNS": "160"}).invoke(plan, ["check", str(file), *more], catch_exceptions=False)

    return run


@pytest.fixture
def broken(tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of an example in which one thing is wrong."""

    def write(name: str, *changes: tuple[str, str]) -> Path:
        text = (EXAMPLES / f"{name}.toml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return path

    return write


def found(result: Result) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def errors(result: Result) -> set[tuple[str, str]]:
    findings = found(result)["proof"]["findings"]
    return {(each["code"], each["where"]) for each in findings if each["severity"] == "error"}


# --- the shipped plans -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_plan_is_proven_and_shows_its_tables(check: Check, name: str) -> None:
    began = process_time()
    result = check(EXAMPLES / f"{name}.toml")
    assert result.exit_code == 0, result.output
    assert process_time() - began < 10  # on one core, slow as it may be
    assert "When is a human reached?" in result.output
    assert "the line is down" in result.output
    assert "priority 1, cancel window" in result.output
    assert "This plan may be trusted" in result.output


def test_the_gaps_of_the_hub_without_a_modem_stay_visible_in_red(check: Check) -> None:
    file = EXAMPLES / "no-modem.toml"
    assert "gaps that the plan accepts. Nobody comes then:" in check(file).output
    coloured = CliRunner(env={"COLUMNS": "160", "FORCE_COLOR": "1", "TERM": "xterm"})
    output = coloured.invoke(plan, ["check", str(file)], color=True).output
    assert "\x1b[1;31mnever, accepted" in output
    gaps = found(check(file, "--json"))["proof"]["gaps"]
    assert {gap["name"] for gap in gaps if gap["accepted"]} >= {"door-button/line-down", "door-button/centre-idle"}


def test_the_json_is_for_machines(check: Check) -> None:
    answer = found(check(EXAMPLES / "alone.toml", "--json"))
    assert set(answer) == {"file", "ok", "problems", "proof"}
    assert answer["ok"] is True
    assert set(answer["proof"]) == {
        "ok", "plan_version", "hub", "alarms", "gaps", "double_faults", "findings", "assumptions", "plays",
    }  # fmt: skip
    pendant = next(each for each in answer["proof"]["alarms"] if each["kind"] == "pendant")
    assert set(pendant) == {"kind", "priority", "cancel_ms", "silent", "ladder", "rows"}
    assert pendant["rows"][0] == {
        "case": "all-well",
        "faults": 0,
        "local_ms": 0,
        "centre_ms": 20_000,
        "human_ms": 20_000,
        "by": "centre",
        "gap": "",
        "worst": "",
    }


# --- a broken copy of each ---------------------------------------------------------------------------


def test_alone_without_the_neighbours_consent_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    file = broken("alone", ("[contact.neighbour]\nconsent = 2026-09-28\n", "[contact.neighbour]\n"))
    result = check(file)
    assert result.exit_code == 1
    assert "contact.neighbour.consent" in result.output
    assert "consent = 2026-10-01" in result.output  # what to write


def test_alone_with_a_ladder_that_calls_nobody_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    file = broken("alone", ('to = ["neighbour"]', 'to = ["nieghbour"]'))
    result = check(file)
    assert result.exit_code == 1
    assert "nieghbour" in result.output
    assert "neighbour" in result.output.replace("nieghbour", "")  # the remedy


def test_alone_with_nobody_for_the_door_button_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    text = (EXAMPLES / "alone.toml").read_text()
    quietly = text[text.index("[ladder.quietly]") : text.index("[kind.door-button]")]
    file = broken("alone", (quietly, ""), ('[kind.door-button]\nladder = "quietly"\n', ""))
    result = check(file, "--json")
    assert result.exit_code == 1
    cases = ("line-down", "line-lying", "centre-silent", "centre-idle", "mains-off")
    assert errors(result) == {("no-human", f"door-button/{case}") for case in cases}
    shown = check(file).output
    assert 'accepted_gaps = ["door-button/line-down"' in shown.replace("\n", " ")
    assert "REFUSED: 5 errors" in shown


def test_the_couple_with_a_ladder_no_kind_takes_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    file = broken("couple", ("[power_cut]", '[[ladder.spare.step]]\nafter_s = 60\ndo = "siren"\n\n[power_cut]'))
    result = check(file, "--json")
    assert result.exit_code == 1
    assert errors(result) == {("unused-ladder", "spare")}


def test_the_night_leavers_ladder_that_may_not_sound_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    file = broken(
        "dementia", ('priority = 1\nladder = "come-back"', 'priority = 1\nsilent = true\nladder = "come-back"')
    )
    result = check(file)
    assert result.exit_code == 1
    assert "kind.leaving.ladder" in result.output
    assert "silent" in result.output


def test_the_night_leavers_ladder_without_its_watch_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    text = (EXAMPLES / "dementia.toml").read_text()
    door = text[text.index("[[door]]") : text.index("[[absence]]")]
    result = check(broken("dementia", (door, "")), "--json")
    assert result.exit_code == 1
    assert errors(result) >= {("unused-ladder", "come-back"), ("unreachable-rule", "leaving")}


def test_night_leaving_that_calls_somebody_only_by_day_is_refused(check: Check, broken: Callable[..., Path]) -> None:
    text = (EXAMPLES / "dementia.toml").read_text()
    ladder = text[text.index("[ladder.come-back]") : text.index("[ladder.quietly]")]
    by_day = '[[ladder.come-back.step]]\nafter_s = 0\ndo = "sms"\nto = ["night-service"]\nonly = "day"\n\n'
    result = check(broken("dementia", (ladder, by_day)), "--json")
    assert result.exit_code == 1
    assert errors(result) >= {("no-human", "leaving/line-down"), ("no-human", "leaving/centre-idle")}


def test_the_hub_without_a_modem_must_declare_its_gap(check: Check, broken: Callable[..., Path]) -> None:
    file = broken("no-modem", ('    "door-button/mains-off",\n', ""))
    result = check(file, "--json")
    assert result.exit_code == 1
    assert errors(result) == {("no-human", "door-button/mains-off")}


# --- what is odd, and refuses nothing ----------------------------------------------------------------

CONSENT = "[contact.daughter]\nconsent = 2026-09-28"


def noted(file: Path, today: str = "2026-11-22") -> set[tuple[str, str]]:
    found = notes(read_plan(file).plan, date.fromisoformat(today))
    assert {each.severity for each in found} <= {"warning"}
    return {(each.code, each.where) for each in found}


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_plan_has_nothing_odd(name: str) -> None:
    assert noted(EXAMPLES / f"{name}.toml") == set()


def test_a_consent_that_is_yet_to_come_is_noted_until_it_has(check: Check, broken: Callable[..., Path]) -> None:
    file = broken("alone", (CONSENT, CONSENT.replace("2026-09-28", "2027-09-28")))
    assert noted(file) == {("consent-to-come", "daughter")}
    assert noted(file, "2027-09-28") == set()
    result = check(file, "--today", "2027-09-27")
    assert (result.exit_code, "[consent-to-come]" in result.output) == (0, True)
    assert "[consent-to-come]" not in check(file, "--today", "2027-09-28").output


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ([('text = "drink"\n', "")], ("no-text", "reminder a-glass-of-water")),
        ([('["20:00"]', '["23:00"]')], ("in-quiet-hours", "reminder evening-tablets")),
        ([('["11:00", "15:30"]', '["08:04"]')], ("close-together", "reminder morning-tablets")),
        ([('["11:00", "15:30"]', '["11:00", "11:04"]')], ("close-together", "reminder a-glass-of-water")),
        ([('["20:00"]', '["19:01"]')], ("close-together", "reminder chiropodist")),
        ([("missed_min = 15", "until = 2026-11-21")], ("over", "reminder a-glass-of-water")),
        ([("missed_min = 15", "dates = [2026-11-20, 2026-11-21]")], ("over", "reminder a-glass-of-water")),
    ],
)
def test_an_odd_reminder_is_noted(
    broken: Callable[..., Path], changes: list[tuple[str, str]], note: tuple[str, str]
) -> None:
    assert noted(broken("alone", *changes)) == {note}


def test_what_is_far_apart_or_for_another_ear_is_not_noted(broken: Callable[..., Path]) -> None:
    assert noted(broken("alone", ('["11:00", "15:30"]', '["08:05"]'))) == set()
    both = ('["09:00", "13:30", "20:00"]', '["08:31", "13:30", "20:00"]')
    assert noted(broken("couple", both)) == set()
    assert noted(broken("couple", both, ('person = "mr-b"\n', ""))) == {("close-together", "reminder his-tablets")}


def test_s12_the_fullest_plan_is_looked_at_soon() -> None:
    times = tuple(range(0, 24 * 60, 2 * 60))
    rule = "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12"
    full = tuple(
        Reminder(name=f"r-{number}", kind="drink", times=times, rule=rule, begin="2001-01-01")
        for number in range(REMINDERS_MAX)
    )
    began = process_time()
    found = notes(Plan(time_zone="Europe/London", reminders=full, quiet=Window(begin=61, to=62)), date(2026, 11, 22))
    assert process_time() - began < 5
    assert len(found) <= 3 * REMINDERS_MAX


# --- for a hub, and when it cannot be checked ------------------------------------------------------------


def test_a_plan_is_proven_for_the_hub_it_is_for(check: Check, tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-1"])
    hub = tmp_path / "hub.toml"
    lines = (
        f'hub = "hub-1"\noutputs = "log"\n[keys]\nhub = "{keys.hubs["hub-1"].signing}"\n',
        f'centre = ["{keys.centre_public}"]\n[[uplink]]\nname = "main"\nhost = "localhost"\n',
    )
    hub.write_text("".join(lines))
    file = tmp_path / "plan.toml"
    numbers = '[private.numbers]\nson = "+447700900123"\n'
    file.write_text(f"version = 2\n[contact.son]\nconsent = 2026-01-01\n{numbers}")
    result = check(file, "--hub", str(hub), "--json")
    assert result.exit_code == 1
    # It has no sensor, no modem, no siren: nothing of the plan's ladder can be done here, and nothing takes it.
    unfitted = {("not-fitted", f"default, step {number}") for number in (1, 2)}
    assert errors(result) == {*unfitted, ("unused-ladder", "default")}
    assert found(result)["proof"]["alarms"] == []
    file.write_text('version = 2\n[[absence]]\nsensor = "bed"\nlimit_min = 30\n')
    refused = check(file, "--hub", str(hub))
    assert refused.exit_code == 1
    assert "absence[1].sensor" in refused.output


def test_a_hub_that_cannot_be_used_and_a_plan_that_is_not_there_are_not_the_plans_fault(
    check: Check, tmp_path: Path
) -> None:
    gone = check(tmp_path / "no.toml")
    assert gone.exit_code == 2
    assert "no such file" in gone.output
    result = check(EXAMPLES / "alone.toml", "--hub", str(tmp_path / "hub.toml"))
    assert result.exit_code == 2
    assert "hub.toml" in result.output


def test_a_plan_that_cannot_be_read_is_refused_with_each_problem(check: Check, tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text('version = "one"\nlangage = "en"\n')
    result = check(file)
    assert result.exit_code == 1
    assert result.output.count(str(file)) == 2
    answer = found(check(file, "--json"))
    assert (answer["ok"], answer["proof"], len(answer["problems"])) == (False, None, 2)


def test_the_command_is_found_and_lists_its_commands() -> None:
    listed = CliRunner().invoke(plan, ["--help"]).output
    for name in ("apply", "check", "explain", "import-calendar"):
        assert name in listed
    assert CliRunner().invoke(plan, ["unheard-of"]).exit_code == 2
    assert main.name == "main"


def test_check_works_as_a_process_and_says_nothing_on_the_way_without_a_terminal() -> None:
    program = "from provisioning.plan.command import plan; plan()"
    done = subprocess.run(
        [sys.executable, "-c", program, "check", str(EXAMPLES / "no-modem.toml"), "--json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)["ok"] is True
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("ms", "words"),
    [(0, "at once"), (1, "1 s"), (15_999, "16 s"), (60_000, "1 min"), (70_000, "1 min 10 s"), (3_600_001, "1 h 1 s")],
)
def test_spans_are_rounded_up(ms: int, words: str) -> None:
    assert span(ms) == words
