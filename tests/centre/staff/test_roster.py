"""Who is staff, in which role; nobody is left without a supervisor, and rights end at once."""

import pytest

from centre.staff import codes
from centre.staff.auditing import AuditBook
from centre.staff.door import RefusedError
from centre.staff.roster import Roster
from centre.staff.values import RESERVED, SHELL, StaffError
from centre.store.database import Database
from centre.store.resealing import reseal
from centre.store.sealing import Keyring
from tests.support.renewing import HandClock
from tests.support.staff import PASSWORD, member


def told(database: Database) -> list[tuple[str, str]]:
    return [(each.who, each.what) for each in reversed(AuditBook(database).done())]


def test_somebody_is_added_and_known_only_in_a_role_that_answers(roster: Roster) -> None:
    roster.add(SHELL, "asha-k", "  Asha   K. ", "operator")
    roster.add(SHELL, "ivo", "Ivo", "installer")
    asha = roster.get("asha-k")
    assert asha is not None
    assert (asha.shown, asha.role, asha.active, asha.ready) == ("Asha K.", "operator", True, False)
    assert (roster.knows("asha-k"), roster.knows("ivo"), roster.knows("nobody-there")) == (True, False, False)
    assert [each.name for each in roster.everybody()] == ["asha-k", "ivo"]


@pytest.mark.parametrize("name", [*sorted(RESERVED), "", "a", "A-b", "a b", "-ab", "ab-", "x" * 33, "ab\n", "é-a"])
def test_a_name_is_a_reference_and_none_of_those_that_mean_others(roster: Roster, name: str) -> None:
    with pytest.raises(StaffError, match="cannot be a name"):
        roster.add(SHELL, name, "Somebody", "operator")


def test_a_name_is_never_given_twice(roster: Roster) -> None:
    roster.add(SHELL, "asha-k", "Asha", "operator")
    roster.change(SHELL, "asha-k", active=False)
    with pytest.raises(StaffError, match="already"):
        roster.add(SHELL, "asha-k", "Another", "operator")


@pytest.mark.parametrize(
    ("shown", "role"), [("", "operator"), ("x" * 81, "operator"), ("a\0b", "operator"), ("A", "king")]
)
def test_what_they_are_called_and_their_role_must_be_such(roster: Roster, shown: str, role: str) -> None:
    with pytest.raises(StaffError):
        roster.add(SHELL, "asha-k", shown, role)  # type: ignore[arg-type]
    assert roster.get("asha-k") is None


def test_only_a_supervisor_of_this_moment_says_who_is_staff(roster: Roster, clock: HandClock) -> None:
    member(roster, clock, "sue", "supervisor")
    member(roster, clock, "sam", "supervisor")
    member(roster, clock, "asha")
    roster.change("sue", "sam", role="operator")
    for by in ("sam", "asha", "nobody", "", "hub"):
        with pytest.raises(StaffError, match="supervisor says"):
            roster.add(by, "new-one", "New", "operator")
        with pytest.raises(StaffError, match="supervisor says"):
            roster.change(by, "asha", role="supervisor")
        with pytest.raises(StaffError, match="supervisor says"):
            roster.links.make(by, "asha")


@pytest.mark.parametrize("change", [{"role": "operator"}, {"active": False}])
def test_the_last_supervisor_stays(roster: Roster, clock: HandClock, change: dict[str, object]) -> None:
    sue = member(roster, clock, "sue", "supervisor")
    roster.add(SHELL, "not-set-up", "Cannot sign in yet", "supervisor")
    for by in ("sue", SHELL):
        with pytest.raises(StaffError, match="last supervisor"):
            roster.change(by, "sue", **change)  # type: ignore[arg-type]
    sue.sign_in()
    member(roster, clock, "sam", "supervisor")
    roster.change("sue", "sue", **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"role": "auditor"}, {"active": False}])
def test_changed_rights_end_every_session_and_link_at_once(
    roster: Roster, clock: HandClock, change: dict[str, object]
) -> None:
    asha = member(roster, clock, "asha")
    tokens = [asha.sign_in().token for _ in range(2)]
    link = roster.links.make(SHELL, "asha")
    assert all(roster.sessions.of(token) for token in tokens)
    roster.change(SHELL, "asha", **change)  # type: ignore[arg-type]
    assert not any(roster.sessions.of(token) for token in tokens)
    with pytest.raises(StaffError, match="used up"):
        roster.links.of(link)


def test_who_was_made_inactive_and_comes_back_needs_a_link(roster: Roster, clock: HandClock) -> None:
    asha = member(roster, clock, "asha")
    roster.change(SHELL, "asha", active=False)
    with pytest.raises(RefusedError):
        asha.sign_in()
    roster.change(SHELL, "asha", active=True)
    back = roster.get("asha")
    assert back is not None
    assert not back.ready
    with pytest.raises(RefusedError):
        asha.sign_in()


def test_another_name_signs_nobody_out(roster: Roster, clock: HandClock) -> None:
    asha = member(roster, clock, "asha")
    token = asha.sign_in().token
    roster.change(SHELL, "asha", shown="Asha Kumari")
    session = roster.sessions.of(token)
    assert session is not None
    assert session.operator.shown == "Asha Kumari"


def test_what_was_done_is_in_the_audit(roster: Roster, clock: HandClock, database: Database) -> None:
    member(roster, clock, "sue", "supervisor")
    roster.add("sue", "asha", "Asha", "operator")
    roster.change("sue", "asha", role="installer")
    roster.change("sue", "asha", role="installer")
    roster.change("sue", "asha", active=False, shown="Gone")
    assert told(database) == [
        (SHELL, "staff-added"),
        (SHELL, "link-made"),
        ("sue", "set-up"),
        ("sue", "staff-added"),
        ("sue", "role-changed"),
        ("sue", "name-changed"),
        ("sue", "deactivated"),
    ]
    more = dict(AuditBook(database).done(who="sue", limit=3)[2].more)
    assert more == {"name": "asha", "before": "operator", "after": "installer"}


def test_how_somebody_likes_the_console(roster: Roster, clock: HandClock) -> None:
    asha = member(roster, clock, "asha")
    token = asha.sign_in().token
    roster.prefer("asha", keys=False, sounds=False)
    session = roster.sessions.of(token)
    assert session is not None
    assert (session.operator.keys, session.operator.sounds) == (False, False)


def test_keys_are_changed_and_everybody_s_app_stays_good(
    roster: Roster, clock: HandClock, database: Database, keyring: Keyring
) -> None:
    asha, bo = member(roster, clock, "asha"), member(roster, clock, "bo")
    roster.add(SHELL, "new-one", "New", "operator")
    old = keyring.newest
    keyring.rotate()
    bo_s = roster.links.make(SHELL, "bo")
    offer = roster.offer("bo")
    roster.links.set_up(bo_s, PASSWORD, offer, codes.code_at(offer.secret, clock.now().wall_ms))
    assert reseal(database, keyring).count == 1
    keyring.forget(old, ())
    asha.sign_in()
    bo.secret = offer.secret
    bo.sign_in()


def test_staff_are_bounded(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("centre.staff.roster.STAFF_MAX", 2)
    roster.add(SHELL, "one", "One", "operator")
    roster.add(SHELL, "two", "Two", "operator")
    with pytest.raises(StaffError, match="2 staff"):
        roster.add(SHELL, "three", "Three", "operator")
