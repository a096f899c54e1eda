"""Cases in the store: whole or not at all, one winner of every race, and an audit that nobody can change."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from centre.intake import LedgerDownError
from centre.store.cases import AuditRow, CaseRow, Cases, Change, ClashError, Followed
from centre.store.database import Database

CASE = CaseRow(
    id="case-1",
    hub="hub-1",
    state="new",
    priority=1,
    open=True,
    version=1,
    changed_ms=1_000,
    body=b'{"id":"case-1"}',
    alarms=("alarm-1",),
)
OPENED = AuditRow(at_ms=1_000, who="", what="opened", case_id="case-1", hub="hub-1")
RACES = 1_000


@pytest.fixture
def cases(database: Database) -> Cases:
    return Cases(database)


def on(row: CaseRow, **change: object) -> Change:
    """The next version of a case."""
    return Change(replace(row, version=row.version + 1, **change), row.version)


def test_a_case_is_there_as_it_was_kept(cases: Cases) -> None:
    assert cases.get("case-1") is None
    cases.keep([Change(CASE, 0)], [OPENED])
    assert cases.get("case-1") == CASE
    assert cases.standing() == [CASE]
    assert cases.audit() == [(1, OPENED)]
    taken = on(CASE, state="taken", body=b"{}", alarms=("alarm-1", "alarm-2"), changed_ms=2_000)
    cases.keep([taken])
    assert cases.get("case-1") == taken.row


def test_a_case_is_changed_only_from_the_version_it_is_in(cases: Cases) -> None:
    cases.keep([Change(CASE, 0)])
    mine = on(CASE, state="taken", body=b'"ann"')
    cases.keep([mine])
    for late in (on(CASE, state="taken", body=b'"bob"'), Change(CASE, 0), Change(replace(CASE, id="case-1"), 7)):
        with pytest.raises(ClashError) as caught:
            cases.keep([late])
        assert caught.value.held == mine.row
    assert cases.get("case-1") == mine.row


def test_a_case_that_was_never_kept_cannot_be_changed(cases: Cases) -> None:
    with pytest.raises(ClashError) as caught:
        cases.keep([on(CASE)])
    assert caught.value.held is None
    assert cases.standing() == []


def test_two_operators_race_for_a_case_a_thousand_times_and_one_has_it_each_time(url: str) -> None:
    """Each by a connection of its own, let go at the same moment. Who comes second is told who was first."""
    barrier, first = Barrier(2), replace(CASE, alarms=())
    Cases(opened := Database(url)).keep([Change(first, 0)])
    opened.close()

    def racing(operator: bytes) -> list[bytes]:
        database = Database(url)
        cases, owners, row = Cases(database), [], first
        for _ in range(RACES):
            barrier.wait(30)
            attempt = on(row, body=operator)
            try:
                cases.keep([attempt])
                row = attempt.row
            except ClashError as error:
                row = error.held or first
            owners.append(row.body)
            barrier.wait(30)
        database.close()
        return owners

    with ThreadPoolExecutor(2) as threads:
        ann, bob = threads.map(racing, [b"ann", b"bob"])
    assert ann == bob
    assert set(ann) == {b"ann", b"bob"}  # both have won, or it was no race
    assert len(ann) == RACES
    last = Cases(opened := Database(url)).get("case-1")
    opened.close()
    assert last is not None
    assert last.version == RACES + 1


def test_s4_no_alarm_is_in_two_open_cases(cases: Cases) -> None:
    cases.keep([Change(CASE, 0)])
    second = replace(CASE, id="case-2", changed_ms=5_000)
    with pytest.raises(ClashError, match="another open case"):
        cases.keep([Change(second, 0)])
    assert cases.get("case-2") is None
    cases.keep([Change(replace(second, hub="hub-2"), 0)])  # a hub's ids are its own
    closed = on(CASE, state="resolved", open=False)
    cases.keep([closed])
    third = replace(CASE, id="case-3", changed_ms=6_000)
    cases.keep([Change(third, 0)])
    assert cases.of_alarm("hub-1", "alarm-1") == [third, closed.row]
    with pytest.raises(ClashError, match="another open case"):
        cases.keep([on(closed.row, open=True)])


def test_s4_an_alarm_moves_from_case_to_case_in_one_go(cases: Cases) -> None:
    cases.keep([Change(CASE, 0)])
    other = replace(CASE, id="case-2")
    cases.keep([Change(other, 0), on(CASE, open=False, state="resolved")])
    assert [each.id for each in cases.standing()] == ["case-2"]


def test_all_is_kept_or_nothing(cases: Cases) -> None:
    cases.keep([Change(CASE, 0)])
    new = replace(CASE, id="case-2", alarms=())
    with pytest.raises(ClashError):
        cases.keep([Change(new, 0), Change(CASE, 0)], [OPENED], followed=Followed("cases", 0, 9))
    assert cases.get("case-2") is None
    assert cases.audit() == []
    assert cases.followed("cases") == 0


def test_s4_what_was_made_of_events_is_made_once(cases: Cases) -> None:
    """A worker killed after the commit, and one that works at the same time, read the same events again."""
    assert cases.followed("cases") == 0
    cases.keep([Change(CASE, 0)], followed=Followed("cases", 0, 5))
    for again in (Change(replace(CASE, id="case-2", alarms=()), 0),):
        with pytest.raises(ClashError, match="read on"):
            cases.keep([again], followed=Followed("cases", 0, 5))
    assert [each.id for each in cases.standing()] == ["case-1"]
    cases.keep([], followed=Followed("cases", 5, 6))
    assert (cases.followed("cases"), cases.followed("reports")) == (6, 0)


def test_numbers_of_cases_are_never_given_twice(url: str) -> None:
    def taking(_: int) -> list[int]:
        database = Database(url)
        numbers = [Cases(database).new_number() for _ in range(20)]
        database.close()
        return numbers

    with ThreadPoolExecutor(2) as threads:
        one, two = threads.map(taking, [1, 2])
    assert sorted([*one, *two]) == list(range(1, 41))


def test_cases_are_found_by_what_staff_look_for(cases: Cases) -> None:
    rows = [
        replace(CASE, id=f"case-{number}", hub=f"hub-{number % 2}", priority=number, changed_ms=number * 10, alarms=())
        for number in range(1, 5)
    ]
    cases.keep([Change(row, 0) for row in rows])
    cases.keep([closed := on(rows[3], open=False, state="resolved", changed_ms=90)])
    assert [each.id for each in cases.standing()] == ["case-1", "case-2", "case-3"]
    assert [each.id for each in cases.of_home("hub-0")] == ["case-4", "case-2"]
    assert [each.id for each in cases.changed(20, 90)] == ["case-2", "case-3"]
    assert cases.changed(90, 91) == [closed.row]
    assert cases.of_home("hub-1", limit=1) == [rows[2]]


def test_the_audit_is_read_by_case_and_by_home_and_page_by_page(cases: Cases) -> None:
    entries = [
        AuditRow(at_ms=number, who="ann", what="noted", case_id=f"case-{number % 2}", hub=f"hub-{number % 3}")
        for number in range(6)
    ]
    cases.keep([], entries)
    assert [row for _, row in cases.audit()] == entries
    assert [row.at_ms for _, row in cases.audit(case_id="case-1")] == [1, 3, 5]
    assert [row.at_ms for _, row in cases.audit(hub="hub-2", case_id="case-1")] == [5]
    (first, _), (second, _) = cases.audit(limit=2)
    assert [row.at_ms for _, row in cases.audit(after=second, limit=1)] == [2]
    assert second > first


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit SET who = 'nobody'",
        "UPDATE audit SET at_ms = 0",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "REPLACE INTO audit SELECT * FROM audit",
        "UPDATE floor SET before_ms = -1",
        "UPDATE floor SET name = 'x'",
        "DELETE FROM floor",
    ],
)
def test_the_database_itself_refuses_to_change_the_audit(database: Database, attempt: str) -> None:
    if attempt.startswith("TRUNCATE" if database.is_sqlite else "REPLACE"):
        pytest.skip("the other database's word")
    Cases(database).keep([], [OPENED])
    with pytest.raises(LedgerDownError, match=r"append-only|only rises"), database.writing() as connection:
        connection.execute(sa.text(attempt))
    assert Cases(database).audit() == [(1, OPENED)]


def test_a_store_that_is_down_says_so(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text('ALTER TABLE "case" RENAME TO gone'))
    for call in (Cases(database).standing, lambda: Cases(database).keep([Change(CASE, 0)])):
        with pytest.raises(LedgerDownError, match="case"):
            call()
