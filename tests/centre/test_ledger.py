"""The ledger: what it says it keeps is on the disk, and a file it cannot use is named and left alone."""

import sqlite3
from pathlib import Path

import pytest

from centre.homes import Home
from centre.intake import Entry, LedgerDownError
from centre.lanes import Lane, Position, Span
from centre.ledger import SqliteLedger

ENTRY = Entry("hub-1", "e1-a-1", "d1", "hearthline.alarm.raised", b"{}", 1, Position("e1", "a", 1))


def test_s2_a_commit_survives_a_power_cut(tmp_path: Path) -> None:
    """WAL with anything less than FULL may lose commits that were answered (DESIGN §6)."""
    ledger = SqliteLedger(tmp_path / "ledger.db")
    assert ledger._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    ledger.close()


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    home = Home(hub="hub-1", epoch="e1", nonce="nonce-0001", past=("nonce-0000",), oldest={"a": None})
    ledger.take(ENTRY)
    ledger.keep_home(home, {"a": 4})
    ledger.keep_state(home, b"state", {"a": 3, "t": 1})
    ledger.close()
    again = SqliteLedger(tmp_path / "ledger.db")
    assert again.homes() == [home]
    assert again.state("hub-1") == b"state"
    assert again.state("hub-2") is None
    assert again.lanes("hub-1") == [Lane("e1", "a", 4, (Span(1, 1),)), Lane("e1", "t", 1, ())]
    ((number, entry, conflict),) = again.events()
    assert (entry.id, entry.body, conflict) == ("e1-a-1", b"{}", False)
    assert again.events(after=number) == []
    again.close()


def test_s4_a_failed_transaction_leaves_nothing_half_done(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger._connection.execute("DROP TABLE dropped")
    gap = Entry("hub-1", "e1-a-2", "d2", "hearthline.gap", b"{}", 1, None, (Position("e1", "t", 1), 5))
    with pytest.raises(LedgerDownError, match="dropped"):
        ledger.take(gap)
    assert ledger.events() == []
    assert ledger.take(ENTRY) == "new"
    ledger.close()


def test_another_writer_makes_it_wait_and_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.ledger.BUSY_MS", 50)
    ledger = SqliteLedger(tmp_path / "ledger.db")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerDownError, match="locked"):
        ledger.take(ENTRY)
    other.execute("COMMIT")
    other.close()
    assert ledger.take(ENTRY) == "new"
    ledger.close()


@pytest.mark.parametrize("content", [b"not a database at all, just text", bytes(5_000)])
def test_a_file_that_is_no_ledger_is_named_and_left_as_it_was(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(LedgerDownError, match=r"ledger\.db.*move it aside"):
        SqliteLedger(path)
    assert path.read_bytes() == content


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.db").close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(LedgerDownError, match="version 7"):
        SqliteLedger(tmp_path / "ledger.db")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerDownError, match="writable folder"):
        SqliteLedger(tmp_path / "nowhere" / "ledger.db")
