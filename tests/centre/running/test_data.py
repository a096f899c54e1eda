"""People's data on the server's own shell: keys are changed while a centre works, and what is held is given out."""

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.clock import SystemClock
from centre.console.plan_texts import PlanText, PlanTexts
from centre.running.command import centre
from centre.running.folder import KEYRING, DataFolder
from centre.running.starting import open_quietly
from centre.services import Services
from centre.staff.auditing import AuditBook
from centre.store.records import Person, Record
from centre.store.sealing import Keyring
from tests.centre.running.conftest import written

NOW_MS = SystemClock().now().wall_ms
ADA = Record(persons=(Person(ref="p1", name="Ada"),))


def asked(data: Path, *arguments: str) -> tuple[int, str]:
    """Give the exit code and what was said."""
    result = CliRunner().invoke(centre, [*arguments, "--data", str(data)], catch_exceptions=False)
    return result.exit_code, result.output


def furnish(services: Services) -> None:
    services.records.keep("hub-1", ADA, "supervisor", "sue", NOW_MS)
    services.plans.send("hub-1", {"version": 1}, "sue")
    PlanTexts(services.database, services.keyring).keep("hub-1", PlanText(text="x", by="sue", at_ms=1))
    for name, role in (("sue", "supervisor"), ("ann", "operator")):
        services.roster.add("shell", name, name.title(), role)  # type: ignore[arg-type]


def whole(services: Services) -> bool:
    """Tell whether everything opens."""
    shown = services.records.record("hub-1", "operator", "ann", "w", NOW_MS)
    draft = PlanTexts(services.database, services.keyring).get("hub-1")
    return shown.record == ADA and services.plans.document(1) == {"version": 1} and draft is not None


def aged(path: Path) -> None:
    """Two minutes have gone since the key was added."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - 120_000_000_000))


def test_the_key_is_changed_in_two_steps_while_a_console_reads_on(data: Path) -> None:
    written(data, "")
    DataFolder(data).choices()
    path = data / KEYRING
    with open_quietly(data) as services:  # the running console
        furnish(services)
        first = Keyring.load(path).newest
        assert asked(data, "reseal", "--finish") == (0, "There is one key: nothing is to be finished.\n")
        code, said = asked(data, "reseal")
        assert (code, "was added" in said, "3 values" in said, "--finish" in said) == (0, True, True, True)
        assert whole(services)
        second = Keyring.load(path).newest
        code, said = asked(data, "reseal")  # a second time: gone on with, and no third key
        assert (code, "0 values" in said, set(Keyring.load(path).ids)) == (0, True, {first, second})
        code, said = asked(data, "reseal", "--finish")
        assert (code, "wait" in said, set(Keyring.load(path).ids)) == (2, True, {first, second})
        aged(path)
        code, said = asked(data, "reseal", "--finish")
        assert (code, f"{first} is forgotten" in said, set(Keyring.load(path).ids)) == (0, True, {second})
        assert whole(services)
        services.records.keep("hub-1", Record(notes="later"), "supervisor", "sue", NOW_MS)
        assert Keyring.load(path).ids == {second}
        told = [(each.who, each.what, dict(each.more)) for each in reversed(AuditBook(services.database).done())]
        assert ("shell", "key-forgotten", {"count": "1"}) in told
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_s11_what_is_held_of_a_home_is_written_for_its_owner_alone_and_on_record(data: Path, tmp_path: Path) -> None:
    written(data, "")
    with open_quietly(data) as services:
        furnish(services)
    out = tmp_path / "ada.json"
    arguments = ("export", "hub-1", "--out", str(out), "--by", "sue", "--why", "the resident, by letter")
    code, said = asked(data, *arguments)
    assert (code, "Look through it" in said) == (0, True)
    told = json.loads(out.read_text())
    assert (told["record"]["persons"][0]["name"], told["draft"]["text"]) == ("Ada", "x")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    code, said = asked(data, *arguments)
    assert (code, "not there yet" in said) == (2, True)
    with open_quietly(data) as services:
        who = [(each.who, each.hub) for each in AuditBook(services.database).done() if each.what == "exported"]
        assert who.count(("sue", "hub-1")) == 1
        assert ("shell", "hub-1") in who


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--by": "ann"}, "no supervisor"),
        ({"--by": "nobody"}, "no supervisor"),
        ({"--why": " "}, "why you look"),
        ({"--why": "x" * 201}, "why you look"),
        ({"--out": "no/such/folder"}, "not there yet"),
        ({"hub": "hub-2"}, "nothing is held"),
    ],
)
def test_s11_what_is_not_answered_for_is_not_given_out(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(data, "")
    with open_quietly(data) as services:
        furnish(services)
    given = {"--out": "ada.json", "--by": "sue", "--why": "a letter", "hub": "hub-1"} | change
    hub = given.pop("hub")
    code, told = asked(data, "export", hub, *(each for pair in given.items() for each in pair))
    assert (code, said in told) == (2, True)
    assert not (tmp_path / "ada.json").exists()
