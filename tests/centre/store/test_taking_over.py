"""The stop-gap's ledger becomes a store, whole, whatever cuts it short, and is left as it was."""

from pathlib import Path
from typing import Any

import pytest

from centre.homes import Home
from centre.intake import Aside, Entry, LedgerDownError
from centre.lanes import Position
from centre.ledger import SqliteLedger
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.taking_over import take_over

EVENTS = [
    Entry("hub-1", f"e1-a-{seq}", "d", "hearthline.x", b"%d" % seq, seq, Position("e1", "a", seq))
    for seq in range(1, 8)
]
CONFLICT = Entry("hub-1", "e1-a-3", "other", "hearthline.x", b"[]", 9, Position("e1", "a", 3))
PLACELESS = Entry("hub-2", "odd", "d", "hearthline.x", b"{}", 10)
GAP = Entry(
    "hub-1", "e1-a-20", "d", "hearthline.gap", b"{}", 11, Position("e1", "a", 20), (Position("e1", "a", 10), 15)
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path)
    for entry in (*EVENTS, CONFLICT, PLACELESS, GAP):
        ledger.take(entry)
    ledger.keep_state(Home(hub="hub-1", epoch="e1", nonce="nonce-0001"), b"state", {"a": 22})
    ledger.put_aside(Aside("hub-9", "t", b"\x00", "unknown", 3))
    ledger.close()
    return path


def same(path: Path, store: StoredLedger) -> bool:
    ledger = SqliteLedger(path)
    pairs: list[tuple[Any, Any]] = [
        (ledger.lanes("hub-1"), store.lanes("hub-1")),
        (ledger.homes(), store.homes()),
        (ledger.quarantine(), store.quarantine()),
        (ledger.state("hub-1"), store.state("hub-1")),
        ([each[1:] for each in ledger.events()], [each[1:] for each in store.events()]),
    ]
    ledger.close()
    return all(sorted(map(repr, a or [])) == sorted(map(repr, b or [])) for a, b in pairs)


def test_all_of_it_is_taken_over_and_a_second_time_changes_nothing(old: Path, database: Database) -> None:
    before = old.read_bytes()
    assert take_over(old, database) == 10
    store = StoredLedger(database)
    assert same(old, store)
    assert [entry.body for _, entry, _ in store.events()][:3] == [b"1", b"2", b"3"]
    assert take_over(old, database) == 10
    assert same(old, store)
    assert old.read_bytes() == before


def test_cut_off_anywhere_it_is_finished_the_next_time(
    old: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.store.taking_over._AT_ONCE", 4)
    with monkeypatch.context() as patch:
        patch.setattr("centre.store.taking_over._rest", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take_over(old, database)
    assert len(StoredLedger(database).events()) == 10
    assert StoredLedger(database).homes() == []
    assert take_over(old, database) == 10
    assert same(old, StoredLedger(database))


def test_what_the_store_has_heard_since_is_newer_and_stays(old: Path, database: Database) -> None:
    store = StoredLedger(database)
    newer = Home(hub="hub-1", epoch="e2", nonce="nonce-0002")
    store.keep_state(newer, b"newer", {})
    store.put_aside(Aside("hub-8", "t", b"", "since", 9))
    take_over(old, database)
    assert store.homes() == [newer]
    assert store.state("hub-1") == b"newer"
    assert [each.hub for each in store.quarantine()] == ["hub-8"]


@pytest.mark.parametrize("content", [None, b"", b"just a text that is long enough to be looked at by SQLite" * 30])
def test_what_is_no_ledger_is_named_and_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ledger.db"
    if content is not None:
        path.write_bytes(content)
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(LedgerDownError, match=r"ledger\.db.*stop-gap"):
        take_over(path, database)
    database.close()
    assert (path.read_bytes() if path.exists() else None) == content
