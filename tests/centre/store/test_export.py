"""Subject access: everything of one home, nothing of another, and the export itself is on record."""

import io
from pathlib import Path

import msgspec
import pytest

from centre.console.plan_texts import PlanText, PlanTexts
from centre.homes import Home
from centre.intake import Aside, Entry
from centre.lanes import Position
from centre.silence import Seen, Silence
from centre.staff.consent import Consents
from centre.store.cases import AuditRow, CaseRow, Cases, Change
from centre.store.database import Database
from centre.store.export import CONTENTS, export, holds
from centre.store.ledger import StoredLedger
from centre.store.records import NotAllowedError, Person, Record, Records
from centre.store.schema import METADATA
from centre.store.sealing import Keyring
from centre.work.commands import CommandBook
from centre.work.keeping import WatchBook
from centre.work.plans import PlanBook
from tests.support.renewing import HandClock


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.make(tmp_path / "records.key")


@pytest.fixture
def records(database: Database, keyring: Keyring) -> Records:
    made = Records(database, keyring)
    clock = HandClock(7)
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
        for version in (1, 2):
            document = {"version": version, "contacts": [{"name": f"{name}'s daughter"}]}
            PlanBook(database, keyring, clock).send(hub, document, "sue")
        text = PlanText(text=f"# {name}'s", by="sue", at_ms=4)
        PlanTexts(database, keyring).keep(hub, text)
        CommandBook(database, clock).give(hub, "say", {"sealed": "for the box"}, by="ann")
        consents = Consents(database, clock)
        consents.give(hub, "p1", "listen-in", by="sue", how="by letter")
        consents.withdraw(hub, "p1", "listen-in", by="sue", how="by telephone")
        WatchBook(database).keep(Silence(at_ms=4), [Seen(hub=hub, enrolled_ms=1)])
    return made


def test_s11_it_is_all_of_one_home_and_nothing_of_another(
    database: Database, records: Records, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.store.export.PAGE", 3)
    records.record("hub-1", "operator", "ann", "case-1", 8)
    out = io.BytesIO()
    export(database, keyring, "hub-1", "supervisor", "sue", "asked for by letter", 9, out=out)
    told = msgspec.json.decode(out.getvalue())
    assert told["record"]["persons"] == [{"ref": "p1", "name": "Ada"}]
    assert told["state"] == {"of": "hub-1"}
    assert [each["body"] for each in told["events"]] == [*({"n": n} for n in range(1, 7)), "/w=="]
    assert told["events"][0]["at_ms"] == "1970-01-01T00:00:00.001Z"
    assert [each["body"] for each in told["cases"]] == [{"a": 1}]
    assert [each["what"] for each in told["audit"]] == [
        *("record-changed", "opened", "consent-given", "consent-withdrawn", "exported"),
    ]
    assert [(each["version"], each["state"], each["plan"]["contacts"]) for each in told["plans"]] == [
        ("1", "superseded", [{"name": "Ada's daughter"}]),
        ("2", "waiting", [{"name": "Ada's daughter"}]),
    ]
    assert told["draft"]["text"] == "# Ada's"
    assert [each["data"] for each in told["commands"]] == [{"sealed": "for the box"}]
    assert [each["given"] for each in told["consent"]] == ["given", "withdrawn"]
    assert told["seen"]["hub"] == "hub-1"
    assert told["left"] is None
    assert set(told) == set(CONTENTS) | {"hub", "made", "by", "notice", "contents"}
    assert told["contents"] == CONTENTS
    assert [each["why"] for each in told["looks"]] == ["case-1", "asked for by letter"]
    assert [each["reason"] for each in told["quarantine"]] == ["unknown"]
    assert "look through it" in told["notice"].lower()
    assert b"hub-2" not in out.getvalue()
    assert b"Grace" not in out.getvalue()


@pytest.mark.parametrize("role", ["operator", "installer", "auditor"])
def test_s11_only_a_supervisor_exports(database: Database, records: Records, keyring: Keyring, role: str) -> None:
    out = io.BytesIO()
    with pytest.raises(NotAllowedError):
        export(database, keyring, "hub-1", role, "ann", "curious", 9, out=out)  # type: ignore[arg-type]
    assert out.getvalue() == b""
    assert records.looks() == []


def test_every_table_that_has_a_home_in_it_is_in_the_document(database: Database) -> None:
    """Or it is known here why not. A new table fails this: say in which part of the document its rows are."""
    told = {"case": "cases", "command": "commands", "event": "events", "home_record": "record", "leaving": "left"}
    told |= {"look": "looks", "plan": "plans"}
    numbers_only = {"case_alarm", "claim", "dropped"}
    for name, table in METADATA.tables.items():
        if "hub" in table.c and name not in numbers_only:
            assert told.get(name, name) in CONTENTS, name
    assert not holds(database, "hub-1")


def test_what_cannot_be_opened_is_told_and_the_rest_is_there(
    database: Database, records: Records, tmp_path: Path
) -> None:
    other = Keyring.make(tmp_path / "other.key")
    out = io.BytesIO()
    export(database, other, "hub-1", "supervisor", "sue", "asked", 9, out=out)
    told = msgspec.json.decode(out.getvalue())
    assert "cannot be opened" in told["plans"][0]["plan"]
    assert told["damaged"] == ["persons"]
    assert holds(database, "hub-1")
    assert len(told["events"]) == 7
    assert records.looks(hub="hub-1")


def test_an_export_that_was_cut_off_reads_nowhere(database: Database, records: Records, keyring: Keyring) -> None:
    out = io.BytesIO()
    export(database, keyring, "hub-1", "supervisor", "sue", "asked", 9, out=out)
    for cut in range(0, len(out.getvalue()) - 2, 97):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(out.getvalue()[:cut])
