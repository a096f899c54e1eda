"""The judge of the storm says no to everything it is there for."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from centre.intake import Entry
from centre.lanes import Position
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.schema import CASE, CASE_ALARM, EVENT
from simulators.trials.storm.desk import read_part
from simulators.trials.storm.hub import Raised
from simulators.trials.storm.judging import judge, unsettled
from simulators.trials.trial import Figures, Violation

REF = "e-a-1"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A store with one alarm, receipted and in a case."""
    with contextlib.closing(Database(f"sqlite:///{tmp_path / 'store.db'}")) as opened:
        entry = Entry("hub-1", REF, "d" * 64, "hearthline.alarm.raised", b"{}", 1, Position("e", "a", 1))
        StoredLedger(opened).take(entry)
        with opened.writing() as connection:
            add_case(connection, "case-1")
        yield opened


def add_case(connection: sa.Connection, name: str, *, is_open: int = 1, alarm: str = "alarm:x") -> None:
    row = {"hub": "hub-1", "state": "new", "priority": 1, "version": 1, "changed_ms": 1, "body": b"{}"}
    connection.execute(sa.insert(CASE).values(id=name, open=is_open, **row))
    connection.execute(sa.insert(CASE_ALARM).values(case_id=name, alarm=alarm, hub="hub-1", open=is_open))


def hub(**other: object) -> Any:
    facts = {
        "hub": "hub-1",
        "raised": {"x": Raised("x", REF, 0, 1)},
        "settled": frozenset({REF}),
        "unreceipted": frozenset(),
        "counters": Counter({"receipts: accepted": 1}),
        "inward": SimpleNamespace(refused=Counter()),
    }
    return SimpleNamespace(**(facts | other))


def test_what_is_as_promised_passes(database: Database) -> None:
    judge(database, [hub()], Figures())
    assert unsettled(database, [hub()]) == ""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("DELETE FROM event", "receipted and are not in the store"),
        ("UPDATE event SET seq = 2", "missing"),
        ("UPDATE event SET conflict = 1", "two contents"),
        ("DELETE FROM case_alarm", "not in exactly one case"),
        ("UPDATE case_alarm SET alarm = 'alarm:y'", "not in exactly one case"),
    ],
)
def test_a_store_that_is_not_is_refused(database: Database, wrong: str, told: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.text(wrong))
    with pytest.raises(Violation, match=told):
        judge(database, [hub()], Figures())


def test_an_alarm_in_two_cases_or_of_nobody_is_refused(database: Database) -> None:
    with database.writing() as connection:
        add_case(connection, "case-2", is_open=0)
    with pytest.raises(Violation, match="exactly one case"):
        judge(database, [hub()], Figures())
    with database.writing() as connection:
        connection.execute(sa.update(CASE_ALARM).where(CASE_ALARM.c.case_id == "case-2").values(alarm="alarm:z"))
    with pytest.raises(Violation, match="nobody raised"):
        judge(database, [hub()], Figures())


@pytest.mark.parametrize(
    "wrong",
    [
        {"unreceipted": frozenset({REF})},
        {"counters": Counter({"receipts: rejected": 1})},
        {"counters": Counter({"receipts: conflict": 1})},
    ],
)
def test_a_hub_that_was_not_answered_well_is_refused(database: Database, wrong: dict[str, object]) -> None:
    with pytest.raises(Violation, match="receipt"):
        judge(database, [hub(**wrong)], Figures())


def test_what_lacks_is_said(database: Database) -> None:
    assert "receipt" in unsettled(database, [hub(unreceipted=frozenset({REF}))])
    with database.writing() as connection:
        connection.execute(sa.delete(CASE_ALARM))
        connection.execute(sa.delete(EVENT))
    assert "no case" in unsettled(database, [hub()])


def test_a_page_without_rows_is_an_empty_screen() -> None:
    assert read_part("<div id='queue'></div>") == ((), 0, "")
