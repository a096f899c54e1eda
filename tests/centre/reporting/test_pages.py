"""The pages of reports, and their files: for who may, with definitions, inert whatever a hub calls its kinds."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from centre.cases.events import Resolved, Took
from centre.console import security
from centre.console.app import application
from centre.console.reports import table
from centre.reporting import gathering
from centre.reporting.answering import Answering
from centre.reporting.faring import Faring
from tests.centre.console.desk_of_cases import DeskOfCases, SetClock

PAGES = ("centre.console.reports",)
PATHS = (
    "/reports",
    "/reports/homes",
    "/reports/answering.json",
    "/reports/answering.csv",
    "/reports/homes.json",
    "/reports/homes.csv",
)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def desk(tmp_path: Path, made: bytes) -> Iterator[DeskOfCases]:
    """Three alarms: one answered in 5 s, one in 100 s, one of a kind no honest hub has."""
    (tmp_path / "store.db").write_bytes(made)
    opened = DeskOfCases(tmp_path, SetClock())
    for hub, kind, after_ms in (("hub-1", "fall", 5_000), ("hub-2", "pendant", 100_000)):
        case = opened.alarm(hub, kind, ago_ms=after_ms)
        case = opened.desk.act(case.id, Took(at_ms=opened.now_ms, by="beth", seen=case.version))
        act = Resolved(at_ms=opened.now_ms, by="beth", seen=case.version, outcome="accidental")
        opened.desk.act(case.id, act)
    opened.alarm("hub-3", HOSTILE, ago_ms=1_000)
    opened.alarm("hub-3", "=HYPERLINK(1)", ago_ms=1_000)
    yield opened
    opened.close()


@pytest.fixture
def client(desk: DeskOfCases) -> Iterator[TestClient[Any]]:
    with TestClient(application(desk.services, pages=PAGES), base_url="http://127.0.0.1") as asking:
        yield asking


def sign_in(client: TestClient[Any], desk: DeskOfCases, name: str) -> TestClient[Any]:
    client.cookies.set(security.cookie_name("session", secure=False), desk.token(name))
    return client


@pytest.mark.parametrize("path", PATHS)
def test_reports_are_for_supervisors_and_auditors(client: TestClient[Any], desk: DeskOfCases, path: str) -> None:
    found = {name: sign_in(client, desk, name).get(path).status_code for name in ("asha", "otto", "beth", "ines")}
    assert found == {"asha": 200, "otto": 200, "beth": 403, "ines": 403}


def test_the_page_says_the_figures_the_aims_and_what_they_mean(client: TestClient[Any], desk: DeskOfCases) -> None:
    page = sign_in(client, desk, "otto").get("/reports").text
    assert "within 60 s: 1 of 2 alarms" in page
    assert "within 180 s: 2 of 2 alarms" in page
    assert "✗ not reached" in page
    assert "✓ reached" in page
    for meaning in ("leaving one lying improves nothing", "rounded down", "Left out", "until its case was closed"):
        assert meaning in page, meaning
    assert page.count("<svg") >= 2
    assert "The plots as a table" in page


def test_what_a_hub_calls_its_kinds_is_inert(client: TestClient[Any], desk: DeskOfCases) -> None:
    asking = sign_in(client, desk, "asha")
    page = asking.get("/reports").text
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert "'=HYPERLINK(1)" in asking.get("/reports/answering.csv").text


def test_the_files_hold_the_same_figures(client: TestClient[Any], desk: DeskOfCases) -> None:
    asking = sign_in(client, desk, "asha")
    answered = asking.get("/reports/answering.json")
    report = msgspec.json.decode(answered.content, type=Answering)
    assert (report.total.alarms, report.total.within[0].met, report.total.within[0].of) == (4, 1, 2)
    assert "attachment" in answered.headers["content-disposition"]
    [total] = [row for row in _rows(asking.get("/reports/answering.csv").text) if row["about"] == "all"]
    assert (total["alarms"], total["within_60_s_met"], total["taken_p50_ms"]) == ("4", "1", "5000")
    fared = msgspec.json.decode(asking.get("/reports/homes.json").content, type=Faring)
    rows = _rows(asking.get("/reports/homes.csv").text)
    assert [row["hub"] for row in rows] == [each.hub for each in fared.homes] == ["hub-1", "hub-2", "hub-3"]
    assert [row["alarms"] for row in rows] == ["1", "1", "2"]


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    "query", ["first=2026-02-30", "first=2027-01-01&last=2026-01-01", "first=%22%3E%3Cb%3E", "last=0"]
)
def test_days_that_are_none_are_told_and_what_was_typed_stays(
    client: TestClient[Any], desk: DeskOfCases, query: str
) -> None:
    asking = sign_in(client, desk, "asha")
    page = asking.get(f"/reports?{query}")
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert '"><b>' not in page.text
    assert asking.get(f"/reports/answering.csv?{query}").status_code == 422


def test_while_another_report_is_made_it_says_so(
    client: TestClient[Any], desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "TURN_S", 0.01)
    with gathering._alone():
        assert sign_in(client, desk, "asha").get("/reports").status_code == 503


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert table([{"name": cell}]).decode().splitlines()[1].strip('"').startswith("'")


def test_numbers_stay_numbers_and_nothing_is_nothing() -> None:
    assert table([{"a": -1, "b": None, "c": 97.5}]) == b"a,b,c\r\n-1,,97.5\r\n"
    assert table([]) == b""
