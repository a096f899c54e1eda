"""Subject access: everything of one home, nothing of another, and the export itself is on record."""

import io
from pathlib import Path

import msgspec
import pytest

from centre.homes import Home
from centre.intake import Aside, Entry
from centre.lanes import Position
from centre.store.cases import AuditRow, CaseRow, Cases, Change
from centre.store.database import Database
from centre.store.export import export
from centre.store.ledger import StoredLedger
from centre.store.records import NotAllowedError, Person, Record, Records
from centre.store.sealing import Keyring


@pytest.fixture
def records(database: Database, tmp_path: Path) -> Records:
    made = Records(database, Keyring.make(tmp_path / "records.key"))
    ledger = StoredLedger(database)
    for hub, name in (("hub-1", "Ada"), ("hub-2", "Grace")):
        made.keep(hub, Record(persons=(Person(ref="p1", name=name),)), "supervisor", "sue", 1)
        ledger.keep_state(Home(hub=hub), b'{"of":"%s"}' % hub.encode(), {})
        for seq in range(1, 8):
            body = b"\xff" if seq == 7 else b'{"n":%d}' % seq
            ledger.take(Entry(hub, f"{hub}-{seq}", "d", "x", body, seq, Position("e1", "a", seq)))
        ledger.put_aside(Aside(hub, "topic", b"\x00token", "unknown", 3))
        row = CaseRow(
            id=f"case-{hub}", hub=hub, state="new", priority=1, open=True, version=1, changed_ms=5, body=b'{"a":1}'
        )
        audit = AuditRow(at_ms=5, who="ann", what="opened", case_id=row.id, hub=hub, body=b'{"why":"fall"}')
        Cases(database).keep([Change(row, 0)], [audit])
    return made


def test_s11_it_is_all_of_one_home_and_nothing_of_another(
    database: Database, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.store.export.PAGE", 3)
    records.record("hub-1", "operator", "ann", "case-1", 8)
    out = io.BytesIO()
    export(database, records, "hub-1", "supervisor", "sue", "asked for by letter", 9, out=out)
    told = msgspec.json.decode(out.getvalue())
    assert told["record"]["persons"] == [{"ref": "p1", "name": "Ada"}]
    assert told["state"] == {"of": "hub-1"}
    assert [each["body"] for each in told["events"]] == [*({"n": n} for n in range(1, 7)), "/w=="]
    assert told["events"][0]["at_ms"] == "1970-01-01T00:00:00.001Z"
    assert [each["body"] for each in told["cases"]] == [{"a": 1}]
    assert [each["what"] for each in told["audit"]] == ["record-changed", "opened"]
    assert [each["why"] for each in told["looks"]] == ["case-1", "asked for by letter"]
    assert [each["reason"] for each in told["quarantine"]] == ["unknown"]
    assert "look through it" in told["notice"].lower()
    assert b"hub-2" not in out.getvalue()
    assert b"Grace" not in out.getvalue()


@pytest.mark.parametrize("role", ["operator", "installer", "auditor"])
def test_s11_only_a_supervisor_exports(database: Database, records: Records, role: str) -> None:
    out = io.BytesIO()
    with pytest.raises(NotAllowedError):
        export(database, records, "hub-1", role, "ann", "curious", 9, out=out)  # type: ignore[arg-type]
    assert out.getvalue() == b""
    assert records.looks() == []


def test_an_export_that_was_cut_off_reads_nowhere(database: Database, records: Records) -> None:
    out = io.BytesIO()
    export(database, records, "hub-1", "supervisor", "sue", "asked", 9, out=out)
    for cut in range(0, len(out.getvalue()) - 2, 50):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(out.getvalue()[:cut])
