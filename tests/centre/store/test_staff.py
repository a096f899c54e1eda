"""Staff on both databases: of many at once, one code, one link and one last supervisor are good once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from centre.staff import attempts, codes
from centre.staff.auditing import AuditBook
from centre.staff.consent import Consents
from centre.staff.door import RefusedError, Try
from centre.staff.links import GoneError
from centre.staff.roster import Roster
from centre.staff.values import SHELL, Operator, StaffError
from centre.store.database import Database
from centre.store.sealing import Keyring
from tests.support.renewing import HandClock
from tests.support.staff import PASSWORD, make_roster, member

T = TypeVar("T")
PROCESSES = 3


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def rosters(url: str, tmp_path: Path, clock: HandClock) -> Iterator[list[Roster]]:
    """As many processes would have: each with connections of its own."""
    keyring = Keyring.make(tmp_path / "keyring")
    databases = [Database(url) for _ in range(PROCESSES)]
    yield [make_roster(each, keyring, clock) for each in databases]
    for each in databases:
        each.close()


def at_once(rosters: list[Roster], what: Callable[[Roster], T]) -> list[T]:
    """Do it in all of them, and give what those gave who were not refused."""

    def trying(roster: Roster) -> T | None:
        try:
            return what(roster)
        except StaffError:
            return None

    with ThreadPoolExecutor(PROCESSES) as pool:
        return [each for each in pool.map(trying, rosters) if each is not None]


def test_a_code_a_link_and_a_recovery_code_are_good_once(rosters: list[Roster], clock: HandClock) -> None:
    first = rosters[0]
    asha = member(first, clock, "asha")
    for code in (asha.code(), asha.recovery[0]):
        brought = Try(name="asha", password=PASSWORD, code=code)
        assert len(at_once(rosters, lambda roster, brought=brought: roster.door.sign_in(brought))) == 1  # type: ignore[misc]
    link = first.links.make(SHELL, "asha")
    offer = first.offer("asha")
    code = codes.code_at(offer.secret, clock.now().wall_ms)
    assert len(at_once(rosters, lambda roster: roster.links.set_up(link, PASSWORD, offer, code))) == 1
    with pytest.raises(GoneError):
        first.links.of(link)


def test_of_the_last_supervisors_one_stays(rosters: list[Roster], clock: HandClock) -> None:
    names = ["sue", "sam", "sid"]
    for name in names:
        member(rosters[0], clock, name, "supervisor")
    going = dict(zip(map(id, rosters), names, strict=True))

    def leave(roster: Roster) -> bool:
        roster.change(SHELL, going[id(roster)], active=False)
        return True

    assert len(at_once(rosters, leave)) == PROCESSES - 1
    assert [each.active for each in rosters[1].everybody()].count(True) == 1


def test_failures_count_together_whichever_process_they_meet(rosters: list[Roster], clock: HandClock) -> None:
    asha = member(rosters[0], clock, "asha")
    for number in range(attempts.FAILURES):
        with pytest.raises(RefusedError):
            rosters[number % PROCESSES].door.sign_in(Try(name="asha", password="x", code="1"))  # noqa: S106
    with pytest.raises(RefusedError):
        asha.sign_in()
    clock.later(attempts.LOCK_MS)
    token = asha.sign_in().token
    assert all(roster.sessions.of(token) for roster in rosters)
    rosters[1].change(SHELL, "asha", role="auditor")
    assert not any(roster.sessions.of(token) for roster in rosters)


def test_odd_texts_and_the_register(database: Database, clock: HandClock, tmp_path: Path) -> None:
    roster = make_roster(database, Keyring.make(tmp_path / "keyring"), clock)
    for name in ("\0", "a\0b", "\ud800", "x" * 10_000):
        with pytest.raises(RefusedError):
            roster.door.sign_in(Try(name=name, password=name, code=name, browser=name, desk=name))
        assert roster.sessions.of(name) is None
        with pytest.raises(GoneError):
            roster.links.of(name)
    consents = Consents(database, clock)
    consents.give("hub-a", "resident", "listen-in", by="asha", how="odd \0 \ud800 text")
    consents.override(
        "hub-a", "listen-in", by=Operator(name="asha", shown="A", role="operator"), why="we hear breathing"
    )
    assert consents.allows("hub-a", "resident", "listen-in")
    assert len(consents.overrides("hub-a")) == 1
    book = AuditBook(database)
    assert len(book.looks(emergencies=True, who="asha", hub="hub-a")) == 1
    assert [each.what for each in book.done(who="asha")] == ["emergency-override", "consent-given"]
