"""Links by which somebody comes in first, or anew; and what staff change of their own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from centre.staff import codes
from centre.staff.door import NotYouError, RefusedError
from centre.staff.links import LASTS_MS, GoneError
from centre.staff.roster import Roster
from centre.staff.values import SHELL, StaffError
from centre.store.database import Database
from centre.store.schema import TICKET
from centre.store.sealing import Keyring
from tests.support.renewing import HandClock
from tests.support.staff import PASSWORD, Member, make_roster, member

OTHER = "a different sentence altogether"


@pytest.fixture
def asha(roster: Roster, clock: HandClock) -> Member:
    return member(roster, clock, "asha")


def use(roster: Roster, clock: HandClock, link: str, name: str = "asha", password: str = OTHER) -> bytes:
    offer = roster.offer(name)
    roster.links.set_up(link, password, offer, codes.code_at(offer.secret, clock.now().wall_ms))
    return offer.secret


def test_a_link_is_good_once_and_looking_at_it_uses_nothing_up(roster: Roster, clock: HandClock) -> None:
    roster.add(SHELL, "asha", "Asha", "operator")
    link = roster.links.make(SHELL, "asha")
    assert roster.links.of(link)[0].name == roster.links.of(link)[0].name == "asha"
    use(roster, clock, link)
    with pytest.raises(GoneError):
        use(roster, clock, link)
    with pytest.raises(GoneError):
        roster.links.of(link)


def test_of_many_who_use_it_at_once_one_does(roster: Roster, clock: HandClock) -> None:
    roster.add(SHELL, "asha", "Asha", "operator")
    link = roster.links.make(SHELL, "asha")

    def using(_: int) -> bool:
        try:
            use(roster, clock, link)
        except GoneError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(using, range(8))) == 1


def test_a_link_ends_after_a_quarter_of_an_hour(roster: Roster, clock: HandClock) -> None:
    roster.add(SHELL, "asha", "Asha", "operator")
    link = roster.links.make(SHELL, "asha")
    clock.later(LASTS_MS - 1)
    roster.links.of(link)
    clock.later(1)
    with pytest.raises(GoneError):
        roster.links.of(link)


def test_a_new_link_voids_the_one_before_and_rows_are_bounded(roster: Roster, database: Database) -> None:
    roster.add(SHELL, "asha", "Asha", "operator")
    first = roster.links.make(SHELL, "asha")
    for _ in range(5):
        last = roster.links.make(SHELL, "asha")
    with pytest.raises(GoneError):
        roster.links.of(first)
    roster.links.of(last)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(TICKET)).all()
    assert last not in repr(row), "what lies in the store opens nothing"


def test_what_somebody_had_stays_good_until_the_link_is_used_and_no_longer(asha: Member, clock: HandClock) -> None:
    link = asha.roster.links.make(SHELL, "asha")
    token = asha.sign_in().token
    secret = use(asha.roster, clock, link)
    assert asha.roster.sessions.of(token) is None
    with pytest.raises(RefusedError):
        asha.sign_in()
    with pytest.raises(RefusedError):
        asha.sign_in(password=OTHER, code=asha.recovery[0])
    asha.secret = secret
    asha.sign_in(password=OTHER)


def test_a_link_sets_nothing_unless_all_is_right(roster: Roster, clock: HandClock) -> None:
    roster.add(SHELL, "asha", "Asha", "operator")
    roster.add(SHELL, "bo", "Bo", "operator")
    link = roster.links.make(SHELL, "asha")
    offer = roster.offer("asha")
    code = codes.code_at(offer.secret, clock.now().wall_ms)
    with pytest.raises(StaffError, match="characters"):
        roster.links.set_up(link, "short", offer, code)
    with pytest.raises(StaffError, match="not the code"):
        roster.links.set_up(link, PASSWORD, offer, "000000")
    bos = roster.offer("bo")
    with pytest.raises(GoneError):
        roster.links.set_up(link, PASSWORD, bos, codes.code_at(bos.secret, clock.now().wall_ms))
    found = roster.get("asha")
    assert found is not None
    assert not found.ready
    assert len(roster.links.set_up(link, PASSWORD, offer, code)) == 10


@pytest.mark.parametrize("carried", ["", ".", "x.zz", "x." + "00" * 48, "é"])
def test_a_secret_that_a_page_carries_cannot_be_made_up(roster: Roster, carried: str) -> None:
    with pytest.raises(StaffError, match="too old"):
        roster.offered("asha", carried)


def test_a_secret_that_a_page_carries_is_sealed_and_for_one_of_the_staff(roster: Roster) -> None:
    offer = roster.offer("asha")
    assert offer.secret.hex() not in offer.carried
    assert roster.offered("asha", offer.carried).secret == offer.secret
    with pytest.raises(StaffError):
        roster.offered("bo", offer.carried)


def test_no_link_for_who_may_not_sign_in_nor_for_oneself_nor_for_nobody(roster: Roster, clock: HandClock) -> None:
    member(roster, clock, "sue", "supervisor")
    member(roster, clock, "asha")
    roster.change("sue", "asha", active=False)
    with pytest.raises(StaffError, match="activate"):
        roster.links.make("sue", "asha")
    with pytest.raises(StaffError, match="your account"):
        roster.links.make("sue", "sue")
    with pytest.raises(StaffError, match="nobody"):
        roster.links.make("sue", "not-there")


def test_a_link_that_signs_in_is_for_a_demonstration_and_its_shell_alone(
    database: Database, keyring: Keyring, clock: HandClock
) -> None:
    shown = make_roster(database, keyring, clock, demonstration=True)
    real = make_roster(database, keyring, clock)
    sue = member(shown, clock, "sue", "supervisor")
    shown.add(SHELL, "asha", "Asha", "operator")
    with pytest.raises(StaffError, match="demonstration"):
        real.links.make(SHELL, "asha", signs_in=True)
    with pytest.raises(StaffError, match="demonstration"):
        shown.links.make("sue", "asha", signs_in=True)
    link = shown.links.make(SHELL, "asha", signs_in=True)
    for refuse in (real.links.of, real.links.enter):
        with pytest.raises(GoneError):
            refuse(link)
    offer = shown.offer("asha")
    with pytest.raises(GoneError):
        shown.links.set_up(link, PASSWORD, offer, codes.code_at(offer.secret, clock.now().wall_ms))
    session = shown.sessions.of(shown.links.enter(link))
    assert session is not None
    assert session.operator.name == "asha"
    with pytest.raises(GoneError):
        shown.links.enter(link)
    set_up = shown.links.make("sue", "asha")
    with pytest.raises(GoneError):
        shown.links.enter(set_up)
    sue.sign_in()


# --- one's own -------------------------------------------------------------------------------------------


def test_a_password_is_changed_by_who_knows_the_old_one_and_other_sessions_end(asha: Member) -> None:
    here, elsewhere = asha.sign_in().token, asha.sign_in().token
    session = asha.roster.sessions.of(here)
    assert session is not None
    account = asha.roster.account
    with pytest.raises(NotYouError):
        account.change_password("asha", "wrong", OTHER, session=session.id)
    with pytest.raises(StaffError, match="characters"):
        account.change_password("asha", PASSWORD, "short", session=session.id)
    account.change_password("asha", PASSWORD, OTHER, session=session.id)
    assert asha.roster.sessions.of(here) is not None
    assert asha.roster.sessions.of(elsewhere) is None
    with pytest.raises(RefusedError):
        asha.sign_in()
    asha.sign_in(password=OTHER)


def test_a_second_factor_is_changed_by_who_has_the_password_and_shows_the_new_app_s_code(
    asha: Member, clock: HandClock
) -> None:
    account, offer = asha.roster.account, asha.roster.offer("asha")
    code = codes.code_at(offer.secret, clock.now().wall_ms)
    with pytest.raises(NotYouError):
        account.change_app("asha", "wrong", offer, code, session="")
    with pytest.raises(StaffError, match="not the code"):
        account.change_app("asha", PASSWORD, offer, "000000", session="")
    asha.sign_in()
    recovery = account.change_app("asha", PASSWORD, offer, codes.code_at(offer.secret, clock.now().wall_ms), session="")
    for old in (None, asha.recovery[0]):
        with pytest.raises(RefusedError):
            asha.sign_in(code=old)
    asha.secret = offer.secret
    asha.sign_in()
    asha.sign_in(code=recovery[0])


def test_new_recovery_codes_void_the_old(asha: Member) -> None:
    with pytest.raises(NotYouError):
        asha.roster.account.renew_recovery("asha", "wrong", session="")
    recovery = asha.roster.account.renew_recovery("asha", PASSWORD, session="")
    assert asha.roster.account.recovery_left("asha") == 10
    with pytest.raises(RefusedError):
        asha.sign_in(code=asha.recovery[0])
    asha.sign_in(code=recovery[0])
