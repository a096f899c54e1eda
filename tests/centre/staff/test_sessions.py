"""Sessions: new at each sign-in, bounded in time and number, ended for good, and kept as digests."""

from pathlib import Path

import pytest

from centre.staff import sessions
from centre.staff.roster import Roster
from centre.store.database import Database
from centre.store.records import Role
from centre.store.schema import SESSION
from tests.support.renewing import HandClock
from tests.support.staff import ROLES, Member, added, member, session

HOUR, MINUTE = 3_600_000, 60_000


@pytest.fixture
def asha(roster: Roster, clock: HandClock) -> Member:
    return member(roster, clock, "asha")


def test_each_sign_in_is_a_new_session_and_ends_the_one_of_this_browser(asha: Member) -> None:
    first = asha.sign_in().token
    second = asha.sign_in(before=first).token
    assert first != second
    assert asha.roster.sessions.of(first) is None
    elsewhere = asha.sign_in().token
    assert asha.roster.sessions.of(second) is not None
    assert asha.roster.sessions.of(elsewhere) is not None


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a" * 100_000])
def test_what_is_no_token_is_nobody(asha: Member, token: str) -> None:
    asha.sign_in()
    assert asha.roster.sessions.of(token) is None


def test_the_digest_in_the_store_signs_nobody_in(asha: Member) -> None:
    token = asha.sign_in().token
    assert len(token) >= 43, "256 bits"
    assert asha.roster.sessions.of(sessions.digest(token)) is None


@pytest.mark.parametrize("role", ROLES)
def test_nobody_is_signed_in_for_longer_than_a_shift_and_its_hand_over(
    roster: Roster, clock: HandClock, database: Database, role: Role
) -> None:
    token = session(database, added(roster, "asha", role), clock.now().wall_ms)
    for _ in range(13 * 4 - 1):
        clock.later(15 * MINUTE)
        assert roster.sessions.of(token) is not None
    clock.later(15 * MINUTE)
    assert roster.sessions.of(token) is None


@pytest.mark.parametrize(
    ("role", "stays"), [("operator", True), ("supervisor", True), ("installer", False), ("auditor", False)]
)
def test_a_quiet_night_signs_nobody_out_who_answers_alarms_and_half_an_hour_all_others(
    roster: Roster, clock: HandClock, database: Database, role: Role, stays: bool
) -> None:
    token = session(database, added(roster, "asha", role), clock.now().wall_ms)
    for _ in range(30):
        clock.later(MINUTE)
        roster.sessions.of(token, by_hand=False)  # what a page fetches by itself is no sign of anybody
    assert (roster.sessions.of(token) is not None) is stays


def test_a_click_keeps_an_auditor_signed_in(roster: Roster, clock: HandClock, database: Database) -> None:
    token = session(database, added(roster, "asha", "auditor"), clock.now().wall_ms)
    for _ in range(4):
        clock.later(20 * MINUTE)
        assert roster.sessions.of(token) is not None


def test_a_disk_that_is_full_signs_nobody_out(
    roster: Roster, clock: HandClock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = session(database, added(roster, "asha"), clock.now().wall_ms)
    clock.later(2 * MINUTE)
    with Database(f"sqlite:///{database.name}").writing():  # somebody else writes, and writes, and writes
        monkeypatch.setattr("centre.store.database.BUSY_MS", 10)
        database._engine.dispose()
        assert roster.sessions.of(token) is not None


def test_there_are_five_of_one_operator_at_most(asha: Member, database: Database) -> None:
    tokens = [asha.sign_in().token for _ in range(7)]
    assert [asha.roster.sessions.of(token) is not None for token in tokens] == [False] * 2 + [True] * 5
    assert len(asha.roster.sessions.of_operator("asha")) == 5


def test_one_ends_one_s_own_sessions_and_nobody_else_s(asha: Member, clock: HandClock) -> None:
    bo = member(asha.roster, clock, "bo")
    tokens = [asha.sign_in(browser=f"browser {number}" + "x" * 500).token for number in range(3)]
    listed = asha.roster.sessions.of_operator("asha")
    assert [each.browser[:9] for each in listed] == ["browser 2", "browser 1", "browser 0"]
    assert all(len(each.browser) == 120 for each in listed)
    other = bo.sign_in().token
    asha.roster.sessions.end("bo", listed[0].id)
    assert asha.roster.sessions.of(tokens[2]) is not None
    asha.roster.sessions.end("asha", listed[0].id)
    assert asha.roster.sessions.of(tokens[2]) is None
    asha.roster.sessions.end_all("asha", but=listed[1].id)
    assert [asha.roster.sessions.of(token) is not None for token in tokens] == [False, True, False]
    assert asha.roster.sessions.of(other) is not None


def test_ended_sessions_leave_the_store(asha: Member, clock: HandClock, database: Database, tmp_path: Path) -> None:
    for _ in range(4):
        asha.sign_in()
        clock.later(14 * HOUR)
    asha.sign_in()
    with database.reading() as connection:
        assert len(sessions._rows(connection, SESSION.c.operator == "asha")) == 1
