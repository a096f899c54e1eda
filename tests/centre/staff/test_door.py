"""The door: what lets somebody in, what locks it for whom, and that nobody learns from it who is staff."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from centre.intake import LedgerDownError
from centre.staff import attempts, codes
from centre.staff.auditing import AuditBook
from centre.staff.door import EACH, TOGETHER, Entered, NotYouError, RefusedError, TooManyError, Try
from centre.staff.passwords import Hashing
from centre.staff.roster import Roster
from centre.staff.values import SHELL
from centre.store.database import Database
from centre.store.schema import ATTEMPT, OPERATOR, SESSION
from centre.store.sealing import Keyring
from tests.support.renewing import HandClock
from tests.support.staff import PASSWORD, Member, make_roster, member

MINUTE = 60_000
WRONG = "wrong"


@pytest.fixture
def asha(roster: Roster, clock: HandClock) -> Member:
    return member(roster, clock, "asha")


def refused(asha: Member, **brought: str) -> None:
    with pytest.raises(RefusedError) as told:
        asha.sign_in(**brought)
    assert str(told.value) == str(RefusedError()), "one text, whatever the reason"


def lock(asha: Member, desk: str = "") -> None:
    for _ in range(attempts.FAILURES):
        refused(asha, password=WRONG, code="000000", desk=desk)


def test_name_password_and_code_let_in_and_nothing_less(asha: Member) -> None:
    entered = asha.sign_in()
    assert entered.operator.name == "asha"
    session = asha.roster.sessions.of(entered.token)
    assert session is not None
    assert session.operator == entered.operator
    refused(asha, password=WRONG)
    refused(asha, code="000000")
    refused(asha, password="", code="")
    asha.sign_in()


def test_a_name_is_found_however_it_was_typed(asha: Member) -> None:
    brought = Try(name=" Asha ", password=PASSWORD, code=asha.code())
    assert asha.roster.door.sign_in(brought).operator.name == "asha"


def test_a_code_is_good_once_and_none_before_it_is(asha: Member, clock: HandClock) -> None:
    code = asha.code()
    before = codes.code_at(asha.secret, clock.now().wall_ms - 30_000)
    asha.sign_in(code=code)
    refused(asha, code=code)
    refused(asha, code=before)


def test_a_code_is_good_once_whichever_process_has_it(
    asha: Member, database: Database, keyring: Keyring, clock: HandClock, tmp_path: Path
) -> None:
    others = [Database(f"sqlite:///{tmp_path / 'store.db'}") for _ in range(3)]
    rosters = [asha.roster, *(make_roster(each, keyring, clock) for each in others)]
    desk = asha.sign_in().desk
    for _ in range(5):
        brought = Try(name="asha", password=PASSWORD, code=asha.code(), desk=desk)

        def come(roster: Roster, brought: Try = brought) -> Entered | None:
            try:
                return roster.door.sign_in(brought)
            except RefusedError:
                return None

        with ThreadPoolExecutor(4) as pool:
            entered = [each for each in pool.map(come, rosters) if each is not None]
        assert len(entered) == 1, "of four at once, with one code, one came in"
        with database.writing() as connection:
            attempts.forget(connection, "asha")
    for each in others:
        each.close()


def test_the_code_that_set_it_up_is_used_up(roster: Roster, clock: HandClock) -> None:
    asha = member(roster, clock, "asha")
    refused(asha, code=codes.code_at(asha.secret, clock.now().wall_ms))


def test_a_recovery_code_is_good_once(asha: Member, database: Database) -> None:
    asha.sign_in(code=asha.recovery[0].lower())
    assert AuditBook(database).done(limit=1)[0].more == (("by", "recovery-code"),)
    refused(asha, code=asha.recovery[0])
    assert asha.roster.account.recovery_left("asha") == 9
    asha.sign_in(code=asha.recovery[1])


# --- locks ---------------------------------------------------------------------------------------------


def test_after_five_failures_nothing_is_good_for_fifteen_minutes(asha: Member, clock: HandClock) -> None:
    lock(asha)
    refused(asha)
    refused(asha, code=asha.recovery[0])
    clock.later(attempts.LOCK_MS - 3 * MINUTE)
    refused(asha)
    clock.later(3 * MINUTE)
    asha.sign_in()


def test_failures_while_it_is_locked_do_not_lengthen_it(asha: Member, clock: HandClock) -> None:
    lock(asha)
    for _ in range(14):
        clock.later(MINUTE)
        refused(asha, password=WRONG, code="000000")
    clock.later(MINUTE)
    asha.sign_in()


def test_success_forgets_failures(asha: Member) -> None:
    for _ in range(3):
        for _ in range(attempts.FAILURES - 1):
            refused(asha, password=WRONG)
        asha.sign_in()


def test_five_failures_in_a_week_lock_nothing(asha: Member, clock: HandClock) -> None:
    for _ in range(12):
        refused(asha, password=WRONG)
        clock.later(attempts.LOCK_MS)
    asha.sign_in()


def test_many_at_once_gain_nothing(asha: Member, database: Database) -> None:
    def guess(number: int) -> None:
        with pytest.raises(RefusedError):
            asha.roster.door.sign_in(
                Try(name="asha", password=f"guess {number}", code="1", address=f"192.0.2.{number}")
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(guess, range(20)))
    seen = [each.what for each in AuditBook(database).done(who="asha") if each.what.startswith("sign-in")]
    assert sorted(seen) == ["sign-in-failed"] * 4 + ["sign-in-locked"], "the other fifteen were not looked at"


def test_nobody_can_lock_somebody_out_of_their_own_desk(asha: Member) -> None:
    desk = asha.sign_in().desk
    lock(asha)
    refused(asha)
    entered = asha.sign_in(desk=desk)
    assert entered.desk
    refused(asha)


def test_a_known_desk_is_locked_by_itself_and_for_one_of_the_staff(asha: Member, clock: HandClock) -> None:
    bo = member(asha.roster, clock, "bo")
    desk = asha.sign_in().desk
    lock(asha, desk)
    refused(asha, desk=desk)
    asha.sign_in()
    bo.sign_in(desk=desk)


@pytest.mark.parametrize("forged", ["x", "x.y", ".", "1234.AAAA", "a" * 4_000, "é.ü"])
def test_a_desk_cannot_be_made_up(asha: Member, forged: str) -> None:
    lock(asha)
    refused(asha, desk=forged)


def test_a_desk_of_another_centre_is_none(asha: Member, tmp_path: Path) -> None:
    other = Keyring.make(tmp_path / "other")
    forged = make_roster(asha.roster.door._database, other, asha.clock).door.know("0123456789abcdef")
    lock(asha)
    refused(asha, desk=forged)


def test_a_desk_is_forgotten_after_half_a_year(asha: Member, clock: HandClock) -> None:
    desk = asha.sign_in().desk
    clock.later(181 * 86_400_000)
    lock(asha)
    refused(asha, desk=desk)


def test_a_link_forgets_failures(asha: Member, clock: HandClock) -> None:
    lock(asha)
    link = asha.roster.links.make(SHELL, "asha")
    offer = asha.roster.offer("asha")
    asha.roster.links.set_up(link, PASSWORD, offer, codes.code_at(offer.secret, clock.now().wall_ms))
    asha.secret = offer.secret
    asha.sign_in()


def test_an_address_that_fails_often_must_wait_but_known_desks_behind_it_need_not(asha: Member) -> None:
    desk = asha.sign_in(address="192.0.2.1").desk
    for number in range(EACH.burst):
        with pytest.raises(RefusedError):
            asha.roster.door.sign_in(Try(name=f"guess-{number}", password=WRONG, code="1", address="192.0.2.1"))
    with pytest.raises(TooManyError) as told:
        asha.sign_in(address="192.0.2.1")
    assert 0 < told.value.wait_s <= 45
    asha.sign_in(address="192.0.2.1", desk=desk)
    asha.sign_in(address="192.0.2.2")
    asha.clock.later(EACH.every_ms)
    asha.sign_in(address="192.0.2.1")


def test_good_sign_ins_never_use_an_address_up(asha: Member) -> None:
    for _ in range(EACH.burst + 5):
        asha.sign_in(address="192.0.2.1")


def test_rows_are_bounded_whoever_is_guessed(asha: Member, clock: HandClock, database: Database) -> None:
    for number in range(300):
        clock.later(2_000)
        name = f"guess-{number}" if number % 2 else "\ud800" * 9 + str(number)
        with pytest.raises(RefusedError):
            asha.roster.door.sign_in(
                Try(name=name, password=WRONG, code="1", address=f"10.0.{number // 250}.{number % 250}")
            )
    with database.reading() as connection:
        rows = connection.scalar(sa.select(sa.func.count()).select_from(ATTEMPT))
        assert rows is not None
        assert rows <= 16
    failures = [each for each in AuditBook(database).done(limit=1_000) if each.what.startswith("sign-in-")]
    assert 16 <= len(failures) <= 16 * attempts.FAILURES
    assert {each.who for each in failures} == {"nobody"}, "what was typed may be a password"
    clock.later(25 * 3_600_000)
    asha.sign_in()
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(ATTEMPT)) == 0


# --- nothing is to be learnt -----------------------------------------------------------------------------


def test_whoever_it_is_the_same_is_looked_up_hashed_and_written(
    asha: Member, clock: HandClock, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same code path: counted, not timed, so that a busy machine cannot make it pass or fail."""
    asha.roster.add(SHELL, "new-one", "Not set up yet", "operator")
    bo = member(asha.roster, clock, "bo")
    lock(bo)
    member(asha.roster, clock, "cy")
    asha.roster.change(SHELL, "cy", active=False)
    seen: list[str] = []
    matches, step_of = Hashing.matches, codes.step_of

    def hashing(self: Hashing, kept: str, password: str) -> bool:
        seen.append("hash")
        return matches(self, kept, password)

    def comparing(secret: bytes, code: str, wall_ms: int) -> int | None:
        seen.append("code")
        return step_of(secret, code, wall_ms)

    def committed(_connection: object) -> None:
        seen.append("commit")

    monkeypatch.setattr(Hashing, "matches", hashing)
    monkeypatch.setattr(codes, "step_of", comparing)
    sa.event.listen(database._engine, "commit", committed)
    paths = {}
    for name in ("asha", "nobody-there", "?", "new-one", "bo", "cy", "x" * 10_000):
        seen.clear()
        with pytest.raises(RefusedError) as told:
            asha.roster.door.sign_in(Try(name=name, password=WRONG, code="000000"))
        paths[name] = (list(seen), str(told.value))
    assert set(map(str, paths.values())) == {str((["commit", "hash", "code", "commit"], str(RefusedError())))}


def test_nothing_that_signs_in_lies_in_the_store(asha: Member, database: Database) -> None:
    entered = asha.sign_in()
    with database.reading() as connection:
        rows = repr([connection.execute(sa.select(table)).all() for table in (OPERATOR, SESSION, ATTEMPT)])
    for secret in (PASSWORD, entered.token, entered.desk, asha.recovery[0], codes.readable(asha.secret)):
        assert secret not in rows
        assert codes.tidy(secret) not in rows
    assert repr(asha.secret)[2:-1] not in rows


def test_a_secret_that_cannot_be_opened_lets_nobody_in(asha: Member, tmp_path: Path, database: Database) -> None:
    roster = make_roster(database, Keyring.make(tmp_path / "another"), asha.clock)
    for secret in (asha.secret, bytes(20)):
        code = codes.code_at(secret, asha.clock.now().wall_ms + 30_000)
        with pytest.raises(RefusedError):
            roster.door.sign_in(Try(name="asha", password=PASSWORD, code=code))
    roster.door.sign_in(Try(name="asha", password=PASSWORD, code=asha.recovery[0]))


def test_a_password_that_changed_while_it_was_hashed_is_not_the_one(
    asha: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = asha.sign_in().token
    session = asha.roster.sessions.of(token)
    assert session is not None
    here = session.id
    matches = Hashing.matches
    raced: list[Any] = []

    def slowly(self: Hashing, kept: str, password: str) -> bool:
        if not raced:
            raced.append(1)
            asha.roster.account.change_password("asha", PASSWORD, "another sentence of five", session=here)
        return matches(self, kept, password)

    monkeypatch.setattr(Hashing, "matches", slowly)
    refused(asha)
    assert raced


def test_a_store_that_is_down_lets_nobody_in_and_says_so_and_counts_for_nothing(
    asha: Member, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as down:
        down.setattr(database, "writing", broken)
        for _ in range(EACH.burst + 1):
            with pytest.raises(LedgerDownError):
                asha.sign_in(address="192.0.2.1", code="000000")  # and no time passes
    asha.sign_in(address="192.0.2.1")


def broken() -> Any:
    raise LedgerDownError("the centre's store: disk I/O error")


def test_a_flood_from_everywhere_is_bounded_and_known_desks_come_in(asha: Member) -> None:
    desk = asha.sign_in().desk
    seen = []
    for number in range(TOGETHER.burst + 5):
        with pytest.raises((RefusedError, TooManyError)) as told:
            asha.roster.door.sign_in(Try(name=f"g{number}", password=WRONG, code="1", address=f"10.0.0.{number}"))
        seen.append(type(told.value))
    assert seen == [RefusedError] * TOGETHER.burst + [TooManyError] * 5
    with pytest.raises(TooManyError):
        asha.sign_in(address="192.0.2.1", code="1")
    asha.sign_in(address="192.0.2.1", desk=desk)


# --- is it still you -------------------------------------------------------------------------------------


def test_who_is_signed_in_proves_it_again_five_times_at_most(asha: Member, clock: HandClock) -> None:
    assert asha.roster.door.confirm("asha", PASSWORD).name == "asha"
    for _ in range(attempts.FAILURES):
        with pytest.raises(NotYouError):
            asha.roster.door.confirm("asha", "wrong")
    with pytest.raises(NotYouError):
        asha.roster.door.confirm("asha", PASSWORD)
    asha.sign_in()
    clock.later(attempts.LOCK_MS)
    asha.roster.door.confirm("asha", PASSWORD)
    with pytest.raises(NotYouError):
        asha.roster.door.confirm("nobody-there", PASSWORD)
