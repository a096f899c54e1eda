"""Who waits for whom: what hubs say is kept beside all else, where the database has more than one writer."""

import threading

import pytest
import sqlalchemy as sa

from centre.intake import Entry, LedgerDownError
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.schema import COUNTER

IN_TIME_S = 10.0


def entry(number: int) -> Entry:
    return Entry("hub-1", f"e-a-{number}", f"{number:064}", "hearthline.alarm.raised", b"{}", 1)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_receipt_waits_for_no_case(database: Database, url: str) -> None:
    """Between processes too: each of the two has a lock of its own at the server."""
    other = Database(url)
    try:
        with other.writing() as connection:
            connection.execute(sa.insert(COUNTER).values(name="case", value=1))
            assert StoredLedger(database).take(entry(1)) == "new"
    finally:
        other.close()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_has_one_writer_for_everything(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.store.database.BUSY_MS", 50)
    told: list[str] = []

    def take() -> None:
        try:
            StoredLedger(database).take(entry(1))
        except LedgerDownError as error:
            told.append(str(error))

    with database.writing():
        thread = threading.Thread(target=take)
        thread.start()
        thread.join(IN_TIME_S)
    assert told
    assert "another thread" in told[0]
