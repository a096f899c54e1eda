"""Subject access in the console: a supervisor's, whole, on record, and left lying nowhere."""

import json
from pathlib import Path

import pytest

from centre.console import exporting
from centre.store.records import Person, Record
from tests.centre.console.desk_of_cases import SetClock
from tests.centre.console.homes_desk import HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures

# ruff: noqa: F811 -- fixtures

HUB = "hub-3f9a2c"


@pytest.mark.parametrize("memory", [exporting.MEMORY_BYTES_MAX, 10])
def test_s11_a_supervisor_gets_all_of_it_and_it_is_on_record(
    homes: HomesDesk, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    monkeypatch.setattr(exporting, "MEMORY_BYTES_MAX", memory)
    homes.home(HUB)
    record = Record(persons=(Person(ref="resident", name="Mary Jones"),))
    homes.services.records.keep(HUB, record, "supervisor", "asha", clock.now().wall_ms)
    homes.services.plans.send(HUB, {"version": 1, "contacts": ["Anne"]}, "asha")
    before = {each.name for each in tmp_path.rglob("*") if not each.name.startswith("store.db")}
    with homes.client("asha") as browser:
        page = browser.get(f"/homes/{HUB}/export")
        assert (page.status_code, "every care plan as it was sent" in page.text) == (200, True)
        assert f"/homes/{HUB}/export" in browser.get(f"/homes/{HUB}").text
        given = browser.post(f"/homes/{HUB}/export", {"why": "the resident, by letter of 3 May"})
    assert given.status_code == 200
    assert given.headers["content-disposition"] == f'attachment; filename="{HUB}.json"'
    assert given.headers["cache-control"] == "no-store"
    told = json.loads(given.text)
    assert told["record"]["persons"][0]["name"] == "Mary Jones"
    assert told["plans"][0]["plan"]["contacts"] == ["Anne"]
    assert homes.audit("exported") == [(HUB, "asha", b"{}")]
    assert homes.looks()[-1][:3] == (HUB, "asha", "the resident, by letter of 3 May")
    assert {each.name for each in tmp_path.rglob("*") if not each.name.startswith("store.db")} == before


def test_without_a_reason_or_a_home_nothing_is_given(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("asha") as browser:
        for why in ("", "   ", "x" * 201):
            page = browser.post(f"/homes/{HUB}/export", {"why": why})
            assert (page.status_code, 'role="alert"' in page.text) == (422, True)
        assert browser.post("/homes/hub-nobody/export", {"why": "a letter"}).status_code == 404
    for name in ("beth", "ines"):
        with homes.client(name) as browser:
            assert browser.post(f"/homes/{HUB}/export", {"why": "a letter"}).status_code == 403
    assert (homes.audit("exported"), homes.looks()) == ([], [])
